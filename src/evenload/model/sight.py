"""What an agent sees just now, told to whoever asks on its own host. Plain values; rates are per second."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """What passes through a listener or to a member. ``connections``: open now; ``total``: all that were counted.

    The rates are those between the last two looks, None where there were no two. Bytes as the client, or the member,
    sees them come in and go out.
    """

    connections: int = 0
    total: int = 0
    errors: int = 0
    per_second: float | None = None
    bytes_in: float | None = None
    bytes_out: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenCheck:
    """What one monitor says of a member (``model/verdict``)."""

    monitor: str
    up: bool
    reason: str | None = None
    latency: float | None = None
    when: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenMember:
    """``words``: HAProxy's own for the server's state. ``since``: it is in that state."""

    words: str | None = None
    since: datetime | None = None
    flow: Flow = field(default_factory=Flow)
    checks: tuple[SeenCheck, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenParts:
    """By id. ``reasons``: of what is not well. ``finishing``: how many HAProxy processes end with their last
    connections."""

    statuses: Mapping[str, str] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    listeners: Mapping[str, Flow] = field(default_factory=dict)
    members: Mapping[str, SeenMember] = field(default_factory=dict)
    finishing: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenBalancer:
    """``generation``: of the document that was applied last, None for none. ``answers``: whether HAProxy answered the
    last look; None where there was none, or no HAProxy is wanted. ``failures``: rounds in a row that failed, and the
    ``reason`` of the last one. ``status``: the operating status, and ``why``. ``members``: how many there are in
    each operating status; ``down``: what is said of the first one in ERROR, by its id. ``parts``: where one load
    balancer was asked for."""

    id: str
    generation: int | None = None
    pid: int | None = None
    worker: int | None = None
    answers: bool | None = None
    failures: int = 0
    reason: str | None = None
    status: str | None = None
    why: str | None = None
    flow: Flow = field(default_factory=Flow)
    members: Mapping[str, int] = field(default_factory=dict)
    down: tuple[str, str | None] | None = None
    parts: SeenParts | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """``name``: of the agent. ``connected``: a server has taken its registration, and is there still. ``faults``: of
    the program, by place."""

    name: str
    version: str
    started_at: datetime
    connected: bool
    faults: Mapping[str, int] = field(default_factory=dict)
    balancers: tuple[SeenBalancer, ...] = ()
