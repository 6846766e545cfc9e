"""The kernel's routing netlink, as much of it as load balancers need: requests, dumps, attributes.

An own encoder instead of pyroute2: that one costs 25 MiB and 150 ms on import, opens its sockets per thread (a trap
for threads that change namespaces) and needs several times as long for a request. A socket here belongs to the network
namespace in which it was opened, whichever thread uses it. ``links`` and ``addresses`` know what the attributes mean.
"""

import errno
import os
import socket
import struct
import sys
from collections.abc import Iterator
from types import TracebackType
from typing import NamedTuple, Self

from evenload.host.refusal import refusal

NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP = 0x1, 0x4, 0x300
NLM_F_REPLACE, NLM_F_EXCL, NLM_F_CREATE = 0x100, 0x200, 0x400
_NLM_F_CAPPED, _NLM_F_ACK_TLVS, _NLM_F_DUMP_INTR = 0x100, 0x200, 0x10
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_NLMSGERR_ATTR_MSG = 1
_SOL_NETLINK, _NETLINK_CAP_ACK, _NETLINK_EXT_ACK, _NETLINK_GET_STRICT_CHK = 270, 10, 11, 12
_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_NLA_TYPE_MASK = 0x3FFF
_NLA_F_NESTED = 0x8000
_BUFFER = 1 << 18
_SO_RCVBUFFORCE = 33
_PATIENCE = struct.pack("@ll", 30, 0)
"""Seconds and microseconds that the kernel gets for an answer: it may be busy with the devices of others for long."""


class Message(NamedTuple):
    kind: int
    body: bytes


class Interrupted(Exception):
    """What was being listed changed meanwhile; the list may be wrong."""


def attribute(kind: int, value: bytes) -> bytes:
    length = _ATTRIBUTE.size + len(value)
    return _ATTRIBUTE.pack(length, kind) + value + b"\0" * (-length % 4)


def nest(kind: int, *attributes: bytes) -> bytes:
    return attribute(kind | _NLA_F_NESTED, b"".join(attributes))


def number(kind: int, value: int) -> bytes:
    """An attribute of 32 bits."""
    return attribute(kind, struct.pack("=I", value))


def text(kind: int, value: str) -> bytes:
    return attribute(kind, value.encode() + b"\0")


def attributes(data: bytes) -> dict[int, bytes]:
    return dict(attribute_list(data))


def find_attribute(data: bytes, wanted: int) -> bytes | None:
    """The first of that kind; what comes after it is not looked at."""
    at = 0
    while at + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, at)
        if length < _ATTRIBUTE.size:
            break
        if kind & _NLA_TYPE_MASK == wanted:
            return data[at + _ATTRIBUTE.size : at + length]
        at += length + (-length % 4)
    return None


def attribute_list(data: bytes) -> list[tuple[int, bytes]]:
    """The attributes in their order, for where a kind may come several times."""
    found = []
    at = 0
    while at + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, at)
        if length < _ATTRIBUTE.size:
            break
        found.append((kind & _NLA_TYPE_MASK, data[at + _ATTRIBUTE.size : at + length]))
        at += length + (-length % 4)
    return found


def as_number(value: bytes | None, default: int = 0) -> int:
    return default if value is None else int.from_bytes(value, sys.byteorder)


def as_text(value: bytes | None) -> str:
    return "" if value is None else value.rstrip(b"\0").decode(errors="replace")


class Netlink:
    """One socket, for one thread at a time, in the namespace that the thread was in when it opened it."""

    def __init__(self, protocol: int = 0) -> None:
        """``protocol``: routing, unless another of linux/netlink.h is given."""
        try:
            self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
            self._socket.setsockopt(_SOL_NETLINK, _NETLINK_CAP_ACK, 1)
            self._socket.setsockopt(_SOL_NETLINK, _NETLINK_EXT_ACK, 1)
            self._socket.setsockopt(_SOL_NETLINK, _NETLINK_GET_STRICT_CHK, 1)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _PATIENCE)
            self._socket.bind((0, 0))
        except OSError as error:
            raise refusal("open a netlink socket", error) from error
        self._sequence = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def request(self, kind: int, flags: int, body: bytes, attempted: str) -> list[Message]:
        """One request and its answers up to the acknowledgement.

        ``attempted`` says for an error message what is done to what. Raises HostError from an OSError.
        """
        try:
            return self.ask(kind, flags | NLM_F_ACK, body)
        except OSError as error:
            said = error.args[2] if len(error.args) > 2 else None
            raise refusal(attempted, error, detail=said) from error

    def dump(self, kind: int, body: bytes, attempted: str) -> list[Message]:
        """All objects of a kind; asked anew where the list changed while it was read."""
        try:
            for _ in range(5):
                try:
                    return self.ask(kind, NLM_F_DUMP, body)
                except Interrupted:
                    continue
            raise OSError(errno.EINTR, os.strerror(errno.EINTR))
        except OSError as error:
            raise refusal(attempted, error) from error

    def ask(self, kind: int, flags: int, body: bytes) -> list[Message]:
        """Like ``request``, raising the bare OSError for callers to which an errno is an answer."""
        self._sequence += 1
        header = _HEADER.pack(_HEADER.size + len(body), kind, flags | NLM_F_REQUEST, self._sequence, 0)
        self._socket.send(header + body)
        answers: list[Message] = []
        interrupted = False
        while True:
            for answer, answer_flags, sequence, content in _split(self._socket.recv(_BUFFER)):
                if sequence != self._sequence:  # left over from a request that was given up
                    continue
                interrupted = interrupted or bool(answer_flags & _NLM_F_DUMP_INTR)
                if answer in (_NLMSG_ERROR, _NLMSG_DONE):
                    _raise_for(content, answer_flags)
                    if interrupted:
                        raise Interrupted
                    return answers
                answers.append(Message(answer, content))


def open_events(groups: int, room: int | None = None) -> socket.socket:
    """Gets the kernel's news of these groups (linux/rtnetlink.h), of the thread's namespace. Does not block. ``room``:
    bytes of them that the kernel keeps until they are read, None for as many as usual."""
    try:
        events = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, 0)
        try:
            if room is not None:
                events.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, room)
            events.bind((0, groups))
        except OSError:
            events.close()
            raise
    except OSError as error:
        raise refusal("open a netlink socket for events", error) from error
    return events


def read_events(events: socket.socket) -> list[Message] | None:
    """All that have come; None where some were lost, because there were more than the kernel keeps."""
    found: list[Message] = []
    lost = False
    while True:
        try:
            data = events.recv(_BUFFER)
        except BlockingIOError:
            return None if lost else found
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise refusal("read events of the network", error) from error
            lost = True
            continue
        found += [Message(kind, content) for kind, _, _, content in _split(data)]


def _split(data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """Kind, flags, sequence and body of each message in one piece of what the kernel sends."""
    at = 0
    while at + _HEADER.size <= len(data):
        length, kind, flags, sequence, _ = _HEADER.unpack_from(data, at)
        if length < _HEADER.size:
            return
        yield kind, flags, sequence, data[at + _HEADER.size : at + length]
        at += length + (-length % 4)


def _raise_for(content: bytes, flags: int) -> None:
    code = -struct.unpack_from("=i", content)[0] if len(content) >= 4 else 0
    if code <= 0:
        return
    said = ""
    if flags & _NLM_F_ACK_TLVS:
        # The request's header comes first, its body too unless the kernel capped it.
        start = 4 + _HEADER.size
        if not flags & _NLM_F_CAPPED:
            start = 4 + struct.unpack_from("=I", content, 4)[0]
        said = as_text(attributes(content[start:]).get(_NLMSGERR_ATTR_MSG))
    # OSError would take a third argument for a file name: the kernel's words go in afterwards.
    error = OSError(code, os.strerror(code))
    error.args = (code, os.strerror(code), said)
    raise error
