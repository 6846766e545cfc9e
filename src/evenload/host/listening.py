"""Whether anybody listens for TCP in a network namespace, asked of the kernel's socket diagnosis.

/proc/net/tcp says the same, but walks the table of all connections of the whole machine to say
it, which takes milliseconds even where there is none; the kernel keeps listening sockets in a table of their own.
"""

import errno
import socket
import struct
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


def _ask(family: int) -> bool:
    body = _REQUEST.pack(family, socket.IPPROTO_TCP, 0, 0, 1 << _TCP_LISTEN)
    header = _HEADER.pack(_HEADER.size + len(body), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST | _NLM_F_DUMP, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_SOCK_DIAG) as diagnosis:
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
