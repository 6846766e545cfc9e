"""What happened to load balancers and to what serves them: told once, kept for a while, changed by nobody.

An event carries the names that were true then, so that it can be read when what it tells of is gone.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum

from evenload.model.enums import Kind
from evenload.model.tree import Tree

LONGEST_REASON = 1000


class EventKind(Enum):
    OPERATING = "operating"
    """An object has another operating status: its state, and the former one."""
    PROVISIONING = "provisioning"
    """A change of an object has come into force, or has failed; or the object is gone."""
    PROCESS = "process"
    """A HAProxy: started, reloaded, replaced, died, ended."""
    NETWORK = "network"
    """The network of a load balancer was changed from outside."""
    AGENT = "agent"
    """A host began to serve, went away, came back."""
    CERTIFICATE = "certificate"
    FAILOVER = "failover"


class Weight(Enum):
    """How much it matters to an operator."""

    NOTE = "note"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """``state``: the new status, or one word for what happened. ``object_*``: what it happened to, where that is not
    the load balancer as a whole; an agent has its name alone. ``reason``: why, in words for the operator. ``agent``:
    the host. ``times``: how often it happened, where some were not told one by one; ``at``: the last time."""

    kind: EventKind
    at: datetime
    state: str
    former: str | None = None
    project_id: str | None = None
    load_balancer_id: str | None = None
    load_balancer_name: str = ""
    object_kind: Kind | None = None
    object_id: str | None = None
    object_name: str = ""
    reason: str | None = None
    agent: str | None = None
    times: int = 1

    @property
    def key(self) -> tuple[EventKind, str | None]:
        """Of what repeats: events with the same key are bounded together. One that tells of many objects at once is
        none of the load balancer's own, and says nothing of those that went another way."""
        if self.object_kind is not None and self.object_id is None:
            return self.kind, f"{self.load_balancer_id} {self.object_kind.value} {self.former} {self.state}"
        return self.kind, self.object_id or self.load_balancer_id or self.agent

    @property
    def weight(self) -> Weight:
        return _WEIGHTS.get((self.kind, self.state), Weight.NOTE)


_WEIGHTS = {
    (EventKind.OPERATING, "ERROR"): Weight.WARNING,
    (EventKind.OPERATING, "DEGRADED"): Weight.WARNING,
    (EventKind.PROVISIONING, "ERROR"): Weight.ERROR,
    (EventKind.PROCESS, "died"): Weight.ERROR,
    (EventKind.PROCESS, "hangs"): Weight.ERROR,
    (EventKind.NETWORK, "changed"): Weight.WARNING,
    (EventKind.AGENT, "away"): Weight.ERROR,
    (EventKind.CERTIFICATE, "expires"): Weight.WARNING,
    (EventKind.CERTIFICATE, "wrong"): Weight.ERROR,
}


@dataclass(frozen=True, slots=True)
class KeptEvent:
    """``position``: its place in the order in which events were written."""

    position: int
    event: Event


@dataclass(frozen=True, slots=True, kw_only=True)
class EventQuery:
    """Which are wanted. ``after``: those behind that position, the first ones of them; None: the last ones of all.
    ``named``: of a load balancer or another object with that id or name, or of that agent. ``since`` counts in."""

    limit: int
    after: int | None = None
    since: datetime | None = None
    kinds: tuple[EventKind, ...] = ()
    load_balancer_id: str | None = None
    named: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HostEvent:
    """What an agent alone knows, told to the server. ``kind`` is PROCESS or NETWORK."""

    kind: EventKind
    at: datetime
    state: str
    load_balancer_id: str
    reason: str | None = None
    times: int = 1

    def told_by(self, agent: str, tree: Tree) -> Event:
        return about(
            tree,
            Event(
                kind=self.kind,
                at=self.at,
                state=self.state[:32],
                reason=capped(self.reason),
                agent=agent,
                times=self.times,
            ),
        )


def about(tree: Tree, event: Event) -> Event:
    """The same of that load balancer."""
    record = tree.load_balancer
    return replace(event, project_id=record.project_id, load_balancer_id=record.id, load_balancer_name=record.name)


def capped(reason: str | None) -> str | None:
    if reason is None or len(reason) <= LONGEST_REASON:
        return reason
    return reason[: LONGEST_REASON - 1] + "…"


def sentence(event: Event) -> str:
    """For people, without the moment."""
    what = (
        f"{event.object_kind.value.replace('_', ' ')} {event.object_name or event.object_id}"
        if event.object_kind
        else ""
    )
    if event.load_balancer_id is not None:
        balancer = f"load balancer {event.load_balancer_name or event.load_balancer_id}"
        what = f"{what} of {balancer}" if what else balancer
    parts = [what or f"agent {event.agent}", _happening(event)]
    words = ": ".join(parts)
    if event.reason:
        words += f": {event.reason}"
    return f"{words} ({event.times} times)" if event.times > 1 else words


def _happening(event: Event) -> str:
    match event.kind:
        case EventKind.OPERATING | EventKind.PROVISIONING:
            return event.state if event.former is None else f"{event.former} -> {event.state}"
        case EventKind.PROCESS:
            return f"HAProxy {event.state}"
        case EventKind.NETWORK:
            return f"network {event.state}"
        case EventKind.CERTIFICATE:
            return f"certificate {event.state}"
        case EventKind.FAILOVER:
            return f"failover {event.state}"
        case EventKind.AGENT:
            return event.state
