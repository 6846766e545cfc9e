"""What a round did to the process of a load balancer, and why, in words for the operator. Pure."""

from collections.abc import Iterator
from operator import attrgetter
from typing import Any

from evenload.agent.actions import FinishHaproxy, Plan, ReloadHaproxy, StartHaproxy
from evenload.agent.liveness import hangs
from evenload.agent.memory import ProcessPart
from evenload.model.desired import Change, Desired
from evenload.model.observed import Observed

_PARTS = ("listeners", "pools", "members", "monitors", "policies", "rules")
_SINGULAR = {"policies": "policy"}
_ID = attrgetter("id")


def describe_process(
    planned: Plan,
    desired: Desired,
    observed: Observed,
    *,
    died: bool = False,
    hung: bool = False,
    crowded: bool = False,
    refused: str | None = None,
) -> tuple[str, str] | None:
    """A word, and why; None where the plan leaves the process alone. ``observed``: what it was made of. ``died``: the
    one before did; ``hung``, ``crowded``: of the one that is there; ``refused``: what HAProxy would not do at run
    time."""
    for action in planned.actions:
        match action:
            case StartHaproxy():
                if died:
                    return "replaced", "the one before has died"
                return "started", differences(observed.applied, desired) or "none was running"
            case ReloadHaproxy():
                if hung:
                    return "replaced", "the one before gave no answer"
                if refused is not None:
                    return "reloaded", f"HAProxy refused a change at run time: {refused}"
                other = "room for more connections" if crowded else "it worked by another configuration"
                return "reloaded", differences(observed.applied, desired) or other
            case FinishHaproxy():
                return "ended", "no listener is in service"
    return None


def choose_count(planned: Plan, process: ProcessPart, *, refused: bool) -> tuple[str, tuple[str]]:
    """The counter of a new HAProxy, and why there is one. ``process``: as it was before; ``refused``: it would not do
    something at run time."""
    after = planned.after.haproxy.process
    if planned.change is Change.RELOAD:
        reasons = (("refused", refused), ("unanswered", hangs(process.unanswered)), ("crowded", process.crowded))
        return "haproxy_reloads_total", (next((word for word, so in reasons if so), "configuration"),)
    died = process.pid is not None and bool(process.deaths)
    first = after is not None and after.worker == 1
    return "haproxy_starts_total", ("died" if died else "first" if first else "again",)


def differences(before: Desired | None, after: Desired) -> str:
    """What of the document is another than before: ``1 listener changed, 2 members added``; empty where nothing is."""
    if before is None:
        return "a new load balancer on this host"
    found = [text for part in _PARTS for text in _of_part(part, getattr(before, part), getattr(after, part))]
    if before.load_balancer.incarnation != after.load_balancer.incarnation:
        found.insert(0, "failover")
    elif before.load_balancer != after.load_balancer:
        found.insert(0, "load balancer changed")
    if before.port != after.port:
        found.append("VIP or network changed")
    if before.secrets != after.secrets:
        found.append("certificates changed")
    return ", ".join(found)


def _of_part(name: str, before: tuple[Any, ...], after: tuple[Any, ...]) -> Iterator[str]:
    if before is after or before == after:
        return
    old, new = {_ID(each): each for each in before}, {_ID(each): each for each in after}
    for word, number in (
        ("added", len(new.keys() - old.keys())),
        ("removed", len(old.keys() - new.keys())),
        ("changed", sum(new[key] != old[key] for key in new.keys() & old.keys())),
    ):
        if number:
            yield f"{number} {_SINGULAR.get(name, name[:-1]) if number == 1 else name} {word}"
