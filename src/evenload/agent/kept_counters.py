"""The file in which the counters of a load balancer outlive the agent: when it is written, and what of it is taken up.

A worker is noted in it before anything of that worker is reported: an agent that begins later has to know that it
counted. ``counters`` does the thinking.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog

from evenload.agent.counters import Counters, dump_counters, load_counters, resume
from evenload.agent.memory import Serving
from evenload.interfaces.host import Host
from evenload.model.desired import ProxyStatistics
from evenload.model.errors import HostError

log = structlog.get_logger(__name__)

_SAVE_EVERY = 5.0


@dataclass(slots=True)
class KeptCounters:
    """``content``: of the file, None where there is none, with the workers in ``noted`` among those that are alive.
    ``counters``: which these are. ``failing``: the last attempt to write failed."""

    content: str | None
    noted: frozenset[int]
    saved_at: float
    counters: Counters | None = None
    failing: bool = False


def take_up_counters(
    host: Host,
    serving: Serving,
    rows: Mapping[int, tuple[ProxyStatistics, ...]],
    now: float,
    new_epoch: Callable[[], str],
) -> tuple[Counters, KeptCounters]:
    """Those with which the agent goes on."""
    identifier, content, former = serving.desired.id, None, None
    try:
        content = host.load_counters(identifier)
        former = load_counters(content) if content is not None else None
    except (HostError, ValueError) as error:
        log.warning("counters are lost", load_balancer=identifier, reason=str(error))
        content = None
    counters = resume(former, rows, serving.first_own, new_epoch())
    if former is not None and counters.epoch != former.epoch:
        log.info("a new epoch of counters", load_balancer=identifier, epoch=counters.epoch)
        content = None
    noted = counters.alive if content is not None else frozenset()
    return counters, KeptCounters(content, noted, now)


def is_save_due(kept: KeptCounters, counters: Counters, now: float) -> bool:
    return now - kept.saved_at >= _SAVE_EVERY or not counters.alive <= kept.noted


def save_counters(
    host: Host, load_balancer_id: str, kept: KeptCounters, counters: Counters, now: float, *, serves: bool
) -> None:
    """``serves``: the load balancer is not just being removed, so that a failure is news."""
    kept.saved_at = now
    if counters == kept.counters:
        return
    content = dump_counters(counters)
    if content != kept.content:
        try:
            host.save_counters(load_balancer_id, content)
        except HostError as error:
            if serves and not kept.failing:
                log.warning("counters are not kept", load_balancer=load_balancer_id, reason=str(error))
            kept.failing = True
            return
        kept.content, kept.noted, kept.failing = content, counters.alive, False
    kept.counters = counters
