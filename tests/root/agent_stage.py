"""A real agent on a real host between a client and back ends, with a server that is a table.

Unless a test asks for others, resyncs come at its word alone: what is put right was noticed by itself.
Everything is in a lab's namespaces; ``Stage`` owns the agent and its host and removes what they made.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from demo.lab import Machine
from demo.traffic import FAILURES, Answer, Client
from tests.fakes.desired import listener, make_desired, member, pool, uuid
from tests.fakes.server import TableServer
from tests.root.lab import PHYSICAL_NETWORK, HttpBackend, Lab, make_port
from tests.root.openvswitch import Openvswitch
from tests.waiting import NET, eventually

from evenload.agent.loop import Agent
from evenload.agent.settings import AgentSettings
from evenload.host.linux import LinuxHost
from evenload.host.settings import HaproxySettings, HostSettings, VifDriver
from evenload.model.balancer import Vip
from evenload.model.desired import Change, Desired, DesiredPort, Gone, Outcome, ProxyStatistics, Report
from evenload.render.options import RenderOptions

VIP = "10.7.0.5"
VIP_INTERFACE = f"{VIP}/24"
ATTEMPT = 5.0
"""Seconds that one of several attempts to get an answer may take: long enough for a slow machine and a lost packet."""


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


class CountingHost(LinuxHost):
    """``looks``: how often the agent has read what HAProxy says of its members and counters."""

    looks = 0

    def read_statistics(self, load_balancer_id: str) -> dict[int, tuple[ProxyStatistics, ...]]:
        found = super().read_statistics(load_balancer_id)
        self.looks += 1
        return found


class Stage:
    """``client`` asks; ``backends`` answer with their number. One load balancer at a time: ``id``, on ``port``."""

    def __init__(self, lab: Lab, openvswitch: Openvswitch | None = None, **settings: Any) -> None:
        self.lab = lab
        self._openvswitch = openvswitch
        self.server = TableServer()
        self.settings = self._host_settings()
        self.options = RenderOptions(
            state_dir=str(self.settings.state_dir), chroot=str(self.settings.haproxy.chroot), hard_stop_after=20
        )
        self._agent_settings = AgentSettings(**({"resync_interval": 3600.0, "statistics_interval": 0.2} | settings))
        self.id = lab.load_balancer_id()
        self.port = make_port(VIP_INTERFACE)
        self.host, self.agent = self._agent()
        self.client = self._machine("client", "10.7.0.200/24")
        self.machines = [self._machine(f"back{number}", f"10.7.0.{101 + number}/24") for number in range(3)]
        self.backends = [HttpBackend(machine, 8080, str(number)) for number, machine in enumerate(self.machines)]

    def put(self, generation: int = 1, *, members: int | tuple[Any, ...] = 2, **fields: Any) -> Desired:
        """Members are the back ends in order."""
        many = tuple(self.member(number) for number in range(members)) if isinstance(members, int) else members
        chosen: dict[str, Any] = {
            "listeners": (self.listener(),),
            "pools": (replace(pool(), load_balancer_id=self.id),),
            "members": many,
        }
        made = make_desired(generation, at=self.port, **(chosen | fields))
        vips = tuple(Vip(address=each.address, subnet_id=uuid(8)) for each in self.port.ips)
        return replace(made, load_balancer=replace(made.load_balancer, id=self.id, vips=vips))

    def member(self, number: int, **fields: Any) -> Any:
        return member(number, **({"address": f"10.7.0.{101 + number}"} | fields))

    def listener(self, number: int = 0, **fields: Any) -> Any:
        return replace(listener(number, **fields), load_balancer_id=self.id)

    def apply(self, wanted: Desired | Gone) -> Report:
        """Waits for the agent's report of that generation, which must be that it is done."""
        assert wanted.generation is not None
        self.server.put(wanted)
        self.agent.hint(self.id, wanted.generation)
        return self.report(wanted.generation)

    def report(self, generation: int, *, after: int = 0) -> Report:
        def told() -> list[Report]:
            return [each for each in self.server.reports[after:] if each.generation == generation]

        assert eventually(lambda: any(each.outcome is Outcome.DONE for each in told())), told()
        return [each for each in told() if each.outcome is Outcome.DONE][-1]

    def ask(self, path: str = "/", port: int = 80, timeout: float = NET) -> Answer:
        return Client(self.client).get(VIP, port, path, timeout=timeout)

    def answers(self, port: int = 80) -> bool:
        try:
            return self.ask(port=port, timeout=ATTEMPT).status == 200
        except FAILURES:
            return False

    def bodies(self, requests: int = 8, port: int = 80) -> set[str]:
        return {self.ask(port=port).body.decode() for _ in range(requests)}

    def pid(self) -> int:
        state = self.host.observe(self.id, self.port).haproxy.process
        assert state is not None
        return state.pid

    def restart_agent(self, **settings: Any) -> None:
        """Another agent and host, as after a restart of the service, with other settings where some are given."""
        self._agent_settings = replace(self._agent_settings, **settings)
        self.agent.stop()
        self.host, self.agent = self._agent()
        self.agent.start()

    def close(self) -> None:
        self.agent.stop()
        for backend in self.backends:
            backend.stop()
        for identifier in self.host.load_balancer_ids():
            self.host.stop_haproxy(identifier)
            self.host.remove_namespace(identifier)
        self.host.close()

    def _agent(self) -> tuple[CountingHost, Agent]:
        host = CountingHost(self.settings)
        return host, Agent(self.server, host, self.options, SystemClock(), self._agent_settings)

    def _machine(self, name: str, *addresses: str) -> Machine:
        if self._openvswitch is None:
            return self.lab.machine(name, *addresses)
        return self._openvswitch.machine(name, self.bridge, *addresses)

    @property
    def bridge(self) -> str:
        return self.settings.bridge_mappings[PHYSICAL_NETWORK]

    def _host_settings(self) -> HostSettings:
        settings = HostSettings(
            state_dir=self.lab.directory / "balancers",
            bridge_mappings={PHYSICAL_NETWORK: self.lab.bridge},
            haproxy=HaproxySettings(chroot=self.lab.directory / "empty"),
        )
        if self._openvswitch is None:
            return settings
        bridge = f"evo{self.lab.token}"
        self._openvswitch.vsctl(
            "add-br", bridge, "--", "set", "bridge", bridge, "datapath_type=netdev", "fail_mode=standalone"
        )
        return replace(
            settings,
            vif_driver=VifDriver.OPENVSWITCH,
            bridge_mappings={PHYSICAL_NETWORK: bridge},
            openvswitch=self._openvswitch.settings(),
        )


@contextmanager
def staged(lab: Lab, openvswitch: Openvswitch | None = None, **settings: Any) -> Iterator[Stage]:
    stage = Stage(lab, openvswitch, **settings)
    try:
        stage.agent.start()
        assert eventually(lambda: stage.server.resyncs)  # the one of its start knows nothing of what the test does
        yield stage
    finally:
        stage.close()


__all__ = ["VIP", "Change", "DesiredPort", "Stage", "staged"]
