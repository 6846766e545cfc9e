"""Whether anybody listens for TCP in a network namespace, asked of the kernel's socket diagnosis; and whether a place
is free to be listened on.

/proc/net/tcp says the former, too, but walks the table of all connections of the whole machine to say
it, which takes milliseconds even where there is none; the kernel keeps listening sockets in a table of their own.
"""

import errno
import re
import socket
import struct
from collections.abc import Collection
from pathlib import Path

from evenload.host.netns import visit
from evenload.host.refusal import refusal

_NETLINK_SOCK_DIAG, _SOCK_DIAG_BY_FAMILY = 4, 20
_NLM_F_REQUEST, _NLM_F_DUMP = 0x1, 0x300
_NLMSG_ERROR = 2
_TCP_LISTEN = 10
_HEADER = struct.Struct("=IHHII")
_REQUEST = struct.Struct("=BBBBI48x")
"""inet_diag_req_v2: family, protocol, extensions, padding, a bit for each wanted state; any address."""
_ERRNO = struct.Struct("=i")
_IN_PROC = "0A"
_BIND = re.compile(r"^    bind (\S+):([0-9]+)", re.MULTILINE)
_PATIENCE = struct.pack("@ll", 5, 0)
"""Seconds and microseconds that the kernel gets for an answer, which takes it well below a millisecond."""


def anything_listens(namespace: Path) -> bool:
    """Raises HostError where there is no such namespace."""
    with visit(namespace):
        try:
            return any(_ask(family) for family in (socket.AF_INET, socket.AF_INET6))
        except OSError as error:
            if error.errno != errno.ENOENT:
                raise refusal(f"look for listening sockets in {namespace}", error) from error
            # A kernel without tcp_diag.
            return any(_is_listed(Path("/proc/thread-self/net") / table) for table in ("tcp", "tcp6"))


def places_of(text: str) -> frozenset[tuple[str, int]]:
    """Where a HAProxy listens that works by that configuration: (address, port)."""
    return frozenset((address.strip("[]"), int(port)) for address, port in _BIND.findall(text))


def ensure_free(namespace: Path, places: Collection[tuple[str, int]]) -> None:
    """Raises HostError where one of them cannot be bound as HAProxy binds it: a HAProxy that takes over and finds that
    out by itself keeps the former one from accepting for as long as it goes on trying."""
    if not places:
        return
    with visit(namespace):
        for address, port in sorted(places):
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            try:
                with socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as trial:
                    for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
                        trial.setsockopt(socket.SOL_SOCKET, option, 1)
                    if family == socket.AF_INET6:
                        trial.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                    trial.bind((address, port))
            except OSError as error:
                raise refusal(f"listen on port {port} of {address}", error) from error


def _ask(family: int) -> bool:
    body = _REQUEST.pack(family, socket.IPPROTO_TCP, 0, 0, 1 << _TCP_LISTEN)
    header = _HEADER.pack(_HEADER.size + len(body), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST | _NLM_F_DUMP, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_SOCK_DIAG) as diagnosis:
        diagnosis.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _PATIENCE)
        diagnosis.send(header + body)
        # The first message says it all: a socket, or the end of an empty list, or a refusal.
        answer = diagnosis.recv(1 << 16)
    _, kind, _, _, _ = _HEADER.unpack_from(answer)
    if kind == _NLMSG_ERROR:
        (number,) = _ERRNO.unpack_from(answer, _HEADER.size)
        raise OSError(-number, "socket diagnosis refused")
    return bool(kind == _SOCK_DIAG_BY_FAMILY)


def _is_listed(table: Path) -> bool:
    try:
        lines = table.read_text().splitlines()[1:]
    except FileNotFoundError:  # a kernel without IPv6
        return False
    return any(line.split()[3] == _IN_PROC for line in lines)
