"""Frames on a Unix stream socket.

A frame is four bytes of length, most significant first, and that many of payload.
"""

import socket
import struct

_LENGTH = struct.Struct("!I")
MAX_FRAME = 128 * 1024 * 1024
"""A load balancer with 100,000 members is a sixth of that."""
_CHUNK = 256 * 1024


class FrameError(OSError):
    """What came is no frame of ours, or the other end has gone in the middle of one."""


class Frames:
    """Owns the socket. One thread sends and receives at a time; ``close`` may come from another one."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._buffer = bytearray()

    def send(self, payload: bytes) -> None:
        """Raises OSError."""
        if len(payload) > MAX_FRAME:
            raise FrameError(f"a message of {len(payload)} bytes is too long")
        self._socket.sendall(_LENGTH.pack(len(payload)) + payload)

    def receive(self) -> bytes | None:
        """None where the other end has closed between two frames. Raises OSError."""
        if not self._fill(_LENGTH.size):
            return None
        (length,) = _LENGTH.unpack_from(self._buffer)
        if length > MAX_FRAME:
            raise FrameError(f"a message of {length} bytes is too long")
        end = _LENGTH.size + length
        if not self._fill(end):
            raise FrameError("the other end has gone in the middle of a message")
        payload = bytes(memoryview(self._buffer)[_LENGTH.size : end])
        del self._buffer[:end]
        return payload

    def wait_for_ever(self) -> None:
        """What is received from now on may take any time."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, 0))

    def end(self) -> None:
        """A thread that waits in ``receive`` is woken; one that is about to send still may."""
        try:
            self._socket.shutdown(socket.SHUT_RD)
        except OSError:
            pass  # the other end was quicker

    def close(self) -> None:
        """A thread that waits in ``receive`` is woken: the other end counts as gone."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the other end was quicker
        self._socket.close()

    def _fill(self, size: int) -> bool:
        """Until so many bytes are there; False where none came any more and none are there."""
        while len(self._buffer) < size:
            chunk = self._socket.recv(max(_CHUNK, size - len(self._buffer)) if self._buffer else _CHUNK)
            if not chunk:
                if self._buffer:
                    raise FrameError("the other end has gone in the middle of a message")
                return False
            self._buffer += chunk
        return True
