"""What a probe has found out about a member: one form for HAProxy's checks, the agent's pings and further probes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

CheckKey = tuple[str, str]
"""Monitor and member."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """``up``: after as many answers, or losses, in a row as the monitor asks for. ``reason``: for people, in the
    prober's words. ``latency``: seconds that the last answer took, None where none came. ``when``: since when it is
    so, None where the prober does not tell."""

    monitor: str
    member: str
    up: bool
    reason: str | None = None
    latency: float | None = None
    when: datetime | None = None

    @property
    def key(self) -> CheckKey:
        return self.monitor, self.member


Verdicts = Mapping[CheckKey, Verdict]


def agreement(verdicts: Iterable[Verdict | None]) -> bool | None:
    """Of several monitors of one member: True where all find it up, False where one finds it down, else None. None in
    ``verdicts`` stands for a monitor without a verdict yet."""
    found = [verdict.up if verdict is not None else None for verdict in verdicts]
    if False in found:
        return False
    return None if None in found else True
