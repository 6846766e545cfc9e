"""Keeps the agent registered with a server: tries until one answers, notices when it is gone, tries again.

After each registration the agent looks at everything at once: hints may have been lost meanwhile.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

from evenload.interfaces.bus import Server
from evenload.main.state import StateDirectory
from evenload.model.errors import HostError, ServerUnavailable, Unwelcome
from evenload.model.registration import Registration
from evenload.threads import Faults, LastingThread

log = structlog.get_logger(__name__)

_FIRST_DELAY, _LONGEST_DELAY = 0.02, 2.0
_LONG_AFTER_REFUSAL = 30.0
_STOP_TIMEOUT = 5.0


class Line(Server, Protocol):
    """A server of which one can tell that it is gone."""

    def wait_until_lost(self) -> None: ...
    def close(self) -> None: ...


class Registrar:
    """Inert until ``start``. ``held`` says which load balancers are on this host; ``resync`` is called
    after each registration but the first; ``give_up`` where the first server that answers refuses this agent, with
    ``refusal`` set."""

    def __init__(
        self,
        server: Line,
        state: StateDirectory,
        name: str,
        zone: str,
        features: frozenset[str],
        held: Callable[[], Sequence[str]],
        resync: Callable[[], None],
        give_up: Callable[[], None],
        faults: Faults,
    ) -> None:
        self._server = server
        self._state = state
        self._name = name
        self._zone = zone
        self._features = features
        self._held = held
        self._resync = resync
        self._give_up = give_up
        self._faults = faults
        self._delay = _FIRST_DELAY
        self._stopping = threading.Event()
        self._decided = threading.Event()
        self._lock = threading.Lock()
        self._registered = False
        self._connected = False
        self._working = False
        self._callback: Callable[[], None] | None = None
        self._thread: LastingThread | None = None
        self.refusal: Unwelcome | None = None

    @property
    def connected(self) -> bool:
        """A server has taken the registration, and is there still."""
        return self._connected

    def start(self) -> None:
        self._thread = LastingThread("registrar", self._register_and_wait, self._faults)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._server.close()
        if self._thread is not None:
            self._thread.hurry()
            self._thread.join(_STOP_TIMEOUT)
            self._thread = None

    def wait(self, timeout: float) -> None:
        """Until the first server has answered. Raises Unwelcome where it refused."""
        self._decided.wait(timeout)
        if self.refusal is not None:
            raise self.refusal

    def working(self, on_registered: Callable[[], None]) -> None:
        """The agent has begun; ``on_registered`` is called as soon as it is registered, or now."""
        with self._lock:
            self._working = True
            registered, self._callback = self._registered, on_registered
        if registered:
            on_registered()

    def _register_and_wait(self) -> bool:
        """One registration, and what comes after it: the end of the server, or a while."""
        if self._stopping.is_set():
            return False
        delay = self._delay
        try:
            self._register()
        except (ServerUnavailable, HostError) as error:
            log.debug("cannot register", reason=str(error), wait=delay)
        except Unwelcome as error:
            if not self._registered:
                self.refusal = error
                self._decided.set()
                self._give_up()
                return False
            log.error("the server refuses this agent; it goes on by what it remembers", reason=str(error))
            delay = _LONG_AFTER_REFUSAL
        else:
            self._delay = _FIRST_DELAY
            self._connected = True
            try:
                self._server.wait_until_lost()
            finally:
                self._connected = False
            if not self._stopping.is_set():
                log.warning("the server is gone")
            return True
        self._delay = min(_LONGEST_DELAY, delay * 1.5)
        return not self._stopping.wait(delay)

    def _register(self) -> None:
        welcome = self._server.register(
            Registration(
                features=self._features,
                former=self._state.read_agent_name(),
                database=self._state.read_database(),
                adopt=self._state.adopts_any_database(),
                load_balancers=tuple(self._held()),
                started=not self._registered,
                availability_zone=self._zone,
            )
        )
        self._state.ensure_agent_name(self._name)
        self._state.ensure_database(welcome.database)
        with self._lock:
            first, self._registered = not self._registered, True
            working, callback = self._working, self._callback
        self._decided.set()
        log.info("registered", moved=welcome.moved, version=welcome.version, database=welcome.database)
        if working:
            if first and callback is not None:
                callback()
            self._resync()
