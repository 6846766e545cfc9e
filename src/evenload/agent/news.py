"""What the server has to hear of a load balancer's health: what differs from what it has acknowledged."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from evenload.agent.health import Judged
from evenload.agent.memory import Acknowledged
from evenload.agent.pace import phase_of
from evenload.model.desired import Desired, Health, Statistics
from evenload.model.enums import OperatingStatus


@dataclass(slots=True)
class Said:
    """What the server has acknowledged of the generation ``generation``, since the report ``after``.
    ``refreshed_at``: when all was said the last time."""

    generation: int = 0
    after: Acknowledged | None = None
    refreshed_at: float = 0.0
    statuses: dict[str, OperatingStatus] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    statistics: dict[str, Statistics] = field(default_factory=dict)


def is_void(said: Said, desired: Desired, after: Acknowledged | None, now: float, refresh_interval: float) -> bool:
    """What the server was told of an earlier document, or before a report moved its statuses, is void. Without that all
    is said again at times."""
    return (
        said.generation != desired.generation or said.after is not after or now - said.refreshed_at >= refresh_interval
    )


def begin_anew(said: Said, desired: Desired, after: Acknowledged | None, now: float, refresh_interval: float) -> None:
    """All is to be said."""
    said.statuses, said.reasons, said.statistics = {}, {}, {}
    # Those of an agent that has just begun shall not all come at once ever after.
    early = 0.0 if said.generation else phase_of(desired.id) * refresh_interval
    said.generation, said.refreshed_at = desired.generation, now - early
    said.after = after


def choose_news(
    said: Said, load_balancer_id: str, judged: Judged, statistics: Mapping[str, Statistics], epoch: str
) -> Health | None:
    """None where there is nothing new. Pure."""
    changed = {
        key: value
        for key, value in judged.statuses.items()
        if said.statuses.get(key) is not value or said.reasons.get(key) != judged.reasons.get(key)
    }
    counted = {key: value for key, value in statistics.items() if said.statistics.get(key) != value}
    if not changed and not counted:
        return None
    return Health(
        load_balancer_id=load_balancer_id,
        statuses=changed,
        statistics=counted,
        epoch=epoch,
        reasons={key: judged.reasons[key] for key in changed if key in judged.reasons},
    )


def note_said(said: Said, health: Health) -> None:
    """The server has taken it."""
    said.statuses |= health.statuses
    said.reasons = {key: each for key, each in said.reasons.items() if key not in health.statuses}
    said.reasons |= health.reasons
    said.statistics |= health.statistics
