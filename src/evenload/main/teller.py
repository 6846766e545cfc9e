"""Tells the server the agent's numbers when it asks, in a thread of its own: whoever hears the question has more to
hear."""

import threading
from collections.abc import Callable

import structlog

from evenload.model.errors import ServerUnavailable
from evenload.model.numbers import AgentNumbers
from evenload.threads import Faults, LastingThread

_log = structlog.get_logger(__name__)

_STOP_TIMEOUT = 5.0


class Teller:
    """Inert until ``start``. Questions that come meanwhile are one."""

    def __init__(
        self, gather: Callable[[], AgentNumbers], tell: Callable[[AgentNumbers], None], faults: Faults
    ) -> None:
        self._gather = gather
        self._tell = tell
        self._asked = threading.Event()
        self._stopping = threading.Event()
        self._thread = LastingThread("numbers", self._wait_and_tell, faults)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._asked.set()
        self._thread.hurry()
        self._thread.join(_STOP_TIMEOUT)

    def ask(self) -> None:
        """From any thread; returns at once."""
        self._asked.set()

    def _wait_and_tell(self) -> bool:
        self._asked.wait()
        if self._stopping.is_set():
            return False
        self._asked.clear()
        try:
            self._tell(self._gather())
        except ServerUnavailable as error:
            _log.debug("numbers are not told", reason=str(error))
        return True
