"""Which rounds a resync asks for. Pure.

Of most load balancers nothing has changed since they were made, or since the last look at all there is of them: events
tell of their networks and processes, the looks at their statistics that they answer, a glance that nobody touched their
files. For these the look at all, which costs a hundred times as much, comes at each ``WHOLE_EVERY``th resync only.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from evenload.agent.memory import Memory
from evenload.agent.pace import phase_of
from evenload.agent.schedule import Task
from evenload.model.desired import Desired, Gone

WHOLE_EVERY = 10
"""Resyncs, after which each load balancer was looked at wholly, each at its own one."""
AT_ONCE = 20
"""Documents in one answer of the server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResyncTask:
    """``delay`` in seconds; ``urgent``: the server has something new."""

    load_balancer_id: str
    task: Task
    delay: float = 0.0
    urgent: bool = False


def plan_resync(
    here: Collection[str],
    documents: Mapping[str, Desired | Gone | None],
    assigned: Mapping[str, int] | None,
    spread: float,
    unchanged: Collection[str] = (),
) -> list[ResyncTask]:
    """A look at everything: what is ``assigned`` to this host (None: the server is away), what the host has (``here``)
    and what is remembered (``documents``). What brings no news is spread over so many seconds.
    ``unchanged``: those of which only the server may have news.

    What is here and not assigned may be an orphan: it is fetched, and only Gone removes it. Without the server
    everything is kept as it was last applied. A generation that differs is fetched, be it a lower one: the server's
    database may have been put back to an earlier state.
    """
    everything = sorted({*here, *documents, *(assigned or ())})
    tasks = []
    for number, load_balancer_id in enumerate(everything):
        document = documents.get(load_balancer_id)
        generation = assigned.get(load_balancer_id) if assigned is not None else None
        changed = generation is not None and isinstance(document, Desired) and generation != document.generation
        fetch = assigned is not None and (changed or generation is None or not isinstance(document, Desired))
        if load_balancer_id in unchanged and not fetch:
            continue
        at_once = changed or document is None
        tasks.append(
            ResyncTask(
                load_balancer_id=load_balancer_id,
                task=Task(fetch=fetch, observe=True),
                delay=0.0 if at_once else spread * number / len(everything),
                urgent=changed,
            )
        )
    return tasks


def is_glance_enough(memory: Memory, resync: int) -> bool:
    """Whether, at the resync of that number, a load balancer need not be looked at if a glance finds it as it was."""
    phase = int(phase_of(memory.load_balancer_id) * WHOLE_EVERY)
    return (
        memory.host.glance is not None
        and not memory.troubled
        and not memory.host.busy_since
        and not memory.desired.held_back
        and memory.desired.unreadable is None
        and (resync + phase) % WHOLE_EVERY != 0
    )


def choose_batches(tasks: Sequence[ResyncTask]) -> tuple[list[ResyncTask], list[list[ResyncTask]]]:
    """The tasks of which each fetches for itself, if at all, and those whose documents are fetched in batches.

    What has to wait fetches when its turn comes: a document would have grown old by then.
    """
    together = [each for each in tasks if each.task.fetch and not each.delay]
    alone = [each for each in tasks if not each.task.fetch or each.delay]
    return alone, [together[first : first + AT_ONCE] for first in range(0, len(together), AT_ONCE)]
