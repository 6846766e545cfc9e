"""Brings pings and HAProxy's idea of its members' health to what is desired, after the rest of a round succeeded.

``pings`` and ``vetoes`` decide; here are the acts, and what is kept in mind of them.
"""

from collections.abc import Callable

from evenload.agent.memory import Memories, Memory
from evenload.agent.pings import choose_ping_targets, plan_verdicts
from evenload.agent.plan_haproxy import servers_of
from evenload.agent.vetoes import plan_vetoes, vetoes_are_possible
from evenload.interfaces.host import Host
from evenload.model.desired import Change, Desired
from evenload.model.errors import HostError
from evenload.model.observed import HaproxyProcess
from evenload.model.verdict import Verdict
from evenload.render.runtime_commands import is_refusal

OnVerdict = Callable[[str, Verdict], None]


class Probing:
    """``on_verdict`` is called from a thread of the host."""

    def __init__(self, host: Host, memories: Memories, on_verdict: OnVerdict) -> None:
        self._host = host
        self._memories = memories
        self._on_verdict = on_verdict

    def ensure(self, memory: Memory, desired: Desired, haproxy: HaproxyProcess | None, change: Change) -> None:
        """``haproxy``: the process that runs now; ``change``: how it came about. Raises HostError."""
        self._ensure_pings(memory, desired)
        self._apply_verdicts(memory, desired, haproxy, change)
        if haproxy is not None and not memory.process.unanswered and vetoes_are_possible(desired):
            self._run(desired.id, plan_vetoes(desired, self._host.read_servers(desired.id), memory.probes.verdicts))

    def remove(self, memory: Memory) -> None:
        """No more pings. Raises HostError."""
        if memory.probes.targets:
            self._host.ping(memory.load_balancer_id, (), self._on_verdict)
            memory.probes.targets = ()

    def _ensure_pings(self, memory: Memory, desired: Desired) -> None:
        targets = choose_ping_targets(desired)
        if targets != memory.probes.targets:
            self._host.ping(desired.id, targets, self._on_verdict)
            memory.probes.targets = targets
            self._memories.keep_verdicts_of(desired.id, {(target.monitor, target.member) for target in targets})

    def _apply_verdicts(self, memory: Memory, desired: Desired, haproxy: HaproxyProcess | None, change: Change) -> None:
        """Brings the process's idea of the pinged members to what the pings say."""
        probes = memory.probes
        if haproxy is None:
            probes.pid, probes.applied, probes.down = None, {}, frozenset()
            return
        if probes.pid != haproxy.pid:
            if change is Change.START:
                probes.down = frozenset()
            elif probes.pid is None:  # adopted: what a former agent told it is not known
                probes.down = set(servers_of(haproxy.text))
            probes.pid, probes.applied = haproxy.pid, {}
        if not (probes.verdicts or probes.applied or probes.down):
            return
        planned = plan_verdicts(desired, servers_of(haproxy.text), probes.verdicts, probes.applied, probes.down)
        self._run(desired.id, planned.commands)
        probes.applied, probes.down = planned.applied, planned.down

    def _run(self, load_balancer_id: str, commands: tuple[str, ...]) -> None:
        answers = self._host.runtime(load_balancer_id, commands) if commands else []
        for command, answer in zip(commands, answers, strict=True):
            if is_refusal(command, answer):
                raise HostError(f"HAProxy refuses “{command}”: {answer}")
