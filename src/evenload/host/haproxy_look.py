"""Looks at one worker, again and again: through one conversation that is kept, and no more than may have changed.

Of a process with many servers their rows are asked for when its backends' rows differ in what members' health does to
them, and otherwise at times, so that the looks at a large pool take but a small share of the time.
"""

import time
from collections.abc import Callable
from pathlib import Path

from evenload.host.haproxy_runtime import (
    PROXY_STATISTICS,
    SERVER_STATISTICS,
    STATISTICS,
    Conversation,
    HungUp,
)
from evenload.host.haproxy_table import Cells, Rows, Table, parse_effects
from evenload.model.errors import HostError

MANY = 100
"""Rows in one answer; beyond that servers have an answer of their own."""
OLDEST_SERVERS = 5.0
_SHARE = 20
"""Times the duration of the last look at the servers that pass before the next one."""
_TIMEOUT = 1.0


class Look:
    """``path``: of the worker's socket. Not for several threads at once. ``clock``: seconds. ``keeps``: somebody will
    ask for the answers themselves."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic, *, keeps: bool = False) -> None:
        self._keeps = keeps
        self._path = path
        self._clock = clock
        self._conversation: Conversation | None = None
        self._asked: str | None = None
        self._whole = Table()
        self._proxies = Table()
        self._servers: _Servers | None = None
        self._texts: tuple[str, ...] = ()

    @property
    def texts(self) -> tuple[str, ...]:
        """The last answers, those about proxies before those about servers where they have answers of their own."""
        return self._texts

    def ask_ahead(self) -> None:
        """Asks what ``rows`` will ask first, so that the answer lies there by then. Where no conversation is open, or
        it has ended, nothing is asked."""
        if self._conversation is None or self._asked is not None:
            return
        command = STATISTICS if self._servers is None else PROXY_STATISTICS
        try:
            self._conversation.send(command)
        except HostError:
            return  # which shows again
        self._asked = command

    def rows(self) -> Rows:
        """Those of servers may be some seconds old where they are many. The very same tuple as before where it holds no
        news. Raises HostError or ValueError."""
        try:
            return self._ask(self._clock())
        except (HostError, ValueError):
            self.hang_up()
            raise

    def hang_up(self) -> None:
        """What was read before is forgotten."""
        if self._conversation is not None:
            self._conversation.close()
        self._conversation, self._servers, self._asked = None, None, None

    def _ask(self, now: float) -> Rows:
        if self._servers is None:
            answer = self._say(STATISTICS)
            rows = self._whole.read(answer)
            self._texts = (answer,) if self._keeps else ()
            if len(rows) > MANY:
                self._servers = _Servers()
            return rows
        answer = self._say(PROXY_STATISTICS)
        effects = parse_effects(answer)
        if self._servers.are_due(effects, now):
            servers = self._say(SERVER_STATISTICS)
            self._servers.read(servers)
            self._texts = (answer, servers) if self._keeps else ()
            self._servers.note(effects, now, self._clock() - now)
        elif self._texts:
            self._texts = (answer, *self._texts[1:])
        return self._servers.beside(self._proxies.read(answer))

    def _say(self, command: str) -> str:
        """HAProxy may have ended the conversation meanwhile, as it does with one that says nothing for some seconds."""
        asked, self._asked = self._asked, None
        if self._conversation is not None:
            try:
                return self._conversation.receive(command) if asked == command else self._conversation.ask(command)
            except HungUp:
                self._conversation.close()
                self._conversation = None
        self._conversation = Conversation(self._path, timeout=_TIMEOUT)
        return self._conversation.ask(command)


class _Servers:
    """The servers' part of the rows of a large one."""

    def __init__(self) -> None:
        self._table = Table()
        self._rows: Rows = ()
        self._effects: tuple[Cells, ...] | None = None
        self._due = 0.0
        self._united: tuple[Rows, Rows, Rows] = ((), (), ())

    def are_due(self, effects: tuple[Cells, ...], now: float) -> bool:
        """``effects``: of members' health on their backends."""
        return effects != self._effects or now >= self._due

    def read(self, answer: str) -> None:
        self._rows = self._table.read(answer)

    def note(self, effects: tuple[Cells, ...], now: float, spent: float) -> None:
        """They were read ``now``, which took ``spent`` seconds."""
        self._effects, self._due = effects, now + max(OLDEST_SERVERS, _SHARE * spent)

    def beside(self, proxies: Rows) -> Rows:
        """All rows together."""
        before, servers, united = self._united
        if before is not proxies or servers is not self._rows:
            united = (*proxies, *self._rows)
            self._united = (proxies, self._rows, united)
        return united
