"""Random UUIDs, for whatever is made."""

import os
import threading
import uuid

_SIZE = 16
_PIECE = 256 * _SIZE


class Identifiers:
    """Called for each: the text of a new UUID. May be used from any thread, and in a process that was forked off.

    The kernel is asked for many at once. Around each call of it Python lets go of the interpreter, for a time too short
    for another thread to take it, who then waits anew: whoever makes thousands of records would leave the others none.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process = 0
        self._left = b""

    def __call__(self) -> str:
        with self._lock:
            if not self._left or self._process != os.getpid():
                self._left, self._process = os.urandom(_PIECE), os.getpid()
            piece, self._left = self._left[:_SIZE], self._left[_SIZE:]
        return str(uuid.UUID(bytes=piece, version=4))
