"""Closes sockets whose closing takes long, in a thread of its own.

The kernel lets the close of a packet socket wait 10 to 25 ms, which nobody on the way to the first answer has.
"""

import queue
import socket
import threading

from evenload.threads import Faults, LastingThread


class LateCloser:
    """Inert until the first socket comes; ``close`` returns when all are closed, and may be followed by more."""

    def __init__(self, faults: Faults | None = None) -> None:
        self._faults = faults or Faults()
        self._sockets: queue.SimpleQueue[socket.socket | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: LastingThread | None = None

    def take(self, late: socket.socket) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = LastingThread("late-closer", self._close_next, self._faults)
                self._thread.start()
            self._sockets.put(late)

    def close(self) -> None:
        with self._lock:
            thread, self._thread = self._thread, None
            if thread is not None:
                self._sockets.put(None)
                thread.join()

    def _close_next(self) -> bool:
        late = self._sockets.get()
        if late is None:
            return False
        late.close()
        return True
