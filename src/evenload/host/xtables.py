"""The policies of the older packet filter, xtables (``iptables-legacy``), which nf_tables knows nothing of.

Read through the socket options that its own tools use; no program is run. A table is looked at only where somebody has
made it: to ask for one that is not there would make the kernel put it into the way of every packet.
"""

import ctypes
import os
import socket
import struct
from dataclasses import dataclass
from pathlib import Path

from evenload.host.refusal import refusal
from evenload.model.errors import HostError

_TABLE = b"filter"
_NAME = struct.Struct("=32s")
_INFO = struct.Struct("=32sI5I5III")
"""ipt_getinfo: name, hooks, where each hook begins, where its policy is, number of rules, size of them all."""
_ENTRIES = struct.Struct("=32sI4x")
"""ipt_get_entries, without the rules: name, size of them all."""
_GET_INFO, _GET_ENTRIES = 64, 65
_FORWARD = 2
_OFFSET, _VERDICT = struct.Struct("=H"), struct.Struct("=i")
_TARGET = 32
"""Length of a target's header, after which its verdict is."""
_DROP = -1
"""-NF_DROP - 1."""
_LIBC = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class _Family:
    """``level``: of the socket options; ``offset_at``: where a rule says at which offset its target is."""

    names: str
    level: int
    offset_at: int


_FAMILIES = {
    socket.AF_INET: _Family("ip_tables_names", socket.IPPROTO_IP, 88),
    socket.AF_INET6: _Family("ip6_tables_names", socket.IPPROTO_IPV6, 140),
}


def drops_forwarded(family: int) -> bool:
    """Whether the calling thread's namespace drops what is forwarded, unless a rule lets it pass.

    ``family``: that of IPv4 or IPv6.
    """
    chosen = _FAMILIES[socket.AddressFamily(family)]
    try:
        tables = Path(f"/proc/thread-self/net/{chosen.names}").read_text().split()
        if _TABLE.decode() not in tables:
            return False
        with socket.socket(family, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.IPPROTO_RAW) as raw:
            return _policy(raw, chosen) == _DROP
    except FileNotFoundError:  # a kernel without xtables
        return False
    except OSError as error:
        raise refusal("look at the packet filter of iptables-legacy", error) from error


def _policy(raw: socket.socket, family: _Family) -> int:
    info = _INFO.unpack(_ask(raw, family, _GET_INFO, _NAME.pack(_TABLE).ljust(_INFO.size, b"\0")))
    policies, size = info[7:12], info[13]
    rules = _ask(raw, family, _GET_ENTRIES, _ENTRIES.pack(_TABLE, size) + bytes(size))[_ENTRIES.size :]
    at = policies[_FORWARD]
    (target,) = _OFFSET.unpack_from(rules, at + family.offset_at)
    (verdict,) = _VERDICT.unpack_from(rules, at + target + _TARGET)
    return int(verdict)


def _ask(raw: socket.socket, family: _Family, option: int, question: bytes) -> bytes:
    """Python's own ``getsockopt`` passes no question, and has 1,024 bytes for the answer."""
    buffer = ctypes.create_string_buffer(question, len(question))
    length = ctypes.c_uint(len(question))
    if _LIBC.getsockopt(raw.fileno(), family.level, option, buffer, ctypes.byref(length)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    if length.value != len(question):
        raise HostError("cannot look at the packet filter of iptables-legacy: it was changed just now")
    return buffer.raw
