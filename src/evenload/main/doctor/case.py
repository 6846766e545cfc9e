"""What the checks are given to look at: gathered once, before the first of them. And what they answer."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from evenload.host.privileges import Account
from evenload.main.settings import Settings
from evenload.model.sight import Sight

Document = dict[str, Any]


class Level(Enum):
    FAULT = "fault"
    WARNING = "warning"
    OK = "ok"


@dataclass(frozen=True, slots=True)
class Finding:
    """``about``: what was looked at, in a word or two. ``remedy``: what to do, None where nothing is to be done."""

    level: Level
    about: str
    text: str
    remedy: str | None = None


def ok(about: str, text: str) -> Finding:
    return Finding(Level.OK, about, text)


def warning(about: str, text: str, remedy: str | None = None) -> Finding:
    return Finding(Level.WARNING, about, text, remedy)


def fault(about: str, text: str, remedy: str | None = None) -> Finding:
    return Finding(Level.FAULT, about, text, remedy)


@dataclass(frozen=True, slots=True)
class Present:
    """Load balancers of which something was here before the database was read. ``processes``: HAProxy's pids."""

    namespaces: frozenset[str] = frozenset()
    directories: frozenset[str] = frozenset()
    processes: Mapping[str, Sequence[int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """``account``: the server's user; None where the caller is not root. ``server``, ``agent``: of
    ``status/roles.py``. ``stored``: what the database says (``status/stored.py``), None where it cannot be read, for
    that ``reason``. ``own_processes``: those that may listen on the service's ports."""

    settings: Settings
    account: Account | None
    now: datetime
    version: str
    server: Document
    agent: Document
    sight: Sight | None
    stored: Document | None
    reason: str | None
    present: Present
    own_processes: frozenset[int] = frozenset()

    @property
    def server_runs(self) -> bool:
        return bool(self.server["state"] != "down")

    @property
    def agent_runs(self) -> bool:
        return bool(self.agent["state"] != "down")

    def load_balancers_here(self) -> list[Document]:
        """What the database gives to this host."""
        lines = [] if self.stored is None else self.stored["load_balancers"]
        return [line for line in lines if self.settings.host_name in line["hosts"]]


Check = Callable[[Case], Iterable[Finding]]
