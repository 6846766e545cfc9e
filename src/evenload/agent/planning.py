"""The plan of a round, made of what is kept in mind of a load balancer; ``plan`` itself is pure.

Of the many load balancers that a resync looks at hardly any has changed: what asked for nothing is planned but once.
"""

from dataclasses import replace

from evenload.agent.actions import Plan
from evenload.agent.liveness import hangs
from evenload.agent.memory import Memory, Nothing
from evenload.agent.plan import plan
from evenload.agent.plan_servers import leftovers_of
from evenload.agent.verdicts import ServerKey
from evenload.interfaces.clock import Clock
from evenload.model.desired import Desired, Gone
from evenload.model.observed import Observed
from evenload.render.options import RenderOptions


class Planner:
    def __init__(self, options: RenderOptions, clock: Clock) -> None:
        self._options = options
        self._clock = clock

    def plan(self, memory: Memory, desired: Desired | Gone, observed: Observed) -> Plan:
        """Made anew only where the last one asked for something, or anything that it is made of is another: of the many
        load balancers that a resync looks at hardly any has changed."""
        process, nothing = memory.process, memory.host.nothing
        runtime, overdue = not hangs(process.unanswered), self._overdue(memory, observed)
        unfinished = memory.host.failures > 0
        others = (tuple(memory.secrets), process.worker, runtime, overdue, unfinished, process.crowded)
        if (
            nothing is not None
            and nothing.desired is desired
            and (nothing.others, nothing.observed) == (others, observed)
        ):
            return nothing.plan
        memory.host.nothing = None
        planned = plan(
            desired,
            observed,
            self._options,
            secrets=memory.secrets,
            last_worker=process.worker,
            runtime=runtime,
            overdue=overdue,
            unfinished=unfinished,
            crowded=process.crowded,
            kept=memory.host.lines,
        )
        if isinstance(desired, Desired) and not planned.actions:
            shared = _sharing(observed, desired, planned.after)
            memory.host.nothing = Nothing(desired=desired, observed=shared, others=others, plan=planned)
        return planned

    def _overdue(self, memory: Memory, observed: Observed) -> set[ServerKey]:
        """Removed servers that have been busy for as long as a process may finish after a reload."""
        running = observed.haproxy.process
        if running is None or running.servers is None:
            return set()
        now, before = self._clock.monotonic(), memory.host.busy_since
        memory.host.busy_since = {key: before.get(key, now) for key in leftovers_of(running)}
        limit = self._options.hard_stop_after
        return {key for key, since in memory.host.busy_since.items() if limit and now - since >= limit}


def _sharing(observed: Observed, desired: Desired, after: Observed) -> Observed:
    """The equal of ``observed`` that holds no document and no text of its own where it can share one."""
    haproxy, then = observed.haproxy, after.haproxy
    process = haproxy.process
    if process is not None and then.process is not None and process.text == then.process.text:
        process = replace(process, text=then.process.text)
    config = then.config if haproxy.config == then.config else haproxy.config
    applied = desired if observed.applied == desired else observed.applied
    return replace(observed, applied=applied, haproxy=replace(haproxy, config=config, process=process))
