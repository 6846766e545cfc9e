"""LBaaS v1 from its use cases to the packets, in this process: SQLite, built-in addresses, agent, host, machines.

``V1Stage`` owns the agent and its host and removes what they made. The kind says what VIP ports are plugged into.
"""

import random
import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from demo.lab import Machine
from demo.traces import read_haproxy_pids
from demo.traffic import FAILURES, Client, Connection
from tests.fakes.local_bus import LocalBus, LocalServer
from tests.fakes.sample_drafts import a_member
from tests.fakes.v1_drafts import a_v1_pool
from tests.root.agent_stage import ATTEMPT, SystemClock
from tests.root.lab import PHYSICAL_NETWORK, HttpBackend, Lab
from tests.root.openvswitch import Openvswitch
from tests.sqlite import newest_sqlite
from tests.waiting import NET, eventually

from evenload.agent.loop import Agent
from evenload.agent.settings import AgentSettings
from evenload.host.linux import LinuxHost
from evenload.host.settings import HaproxySettings, HostSettings, OpenvswitchSettings, VifDriver
from evenload.interfaces.bus import Server
from evenload.model.balancer import Listener, Record
from evenload.model.desired import Desired, DesiredPort, Gone, Health, Report, Unreadable
from evenload.model.enums import ListenerProtocol, NetworkType, ProvisioningStatus
from evenload.model.errors import ServerUnavailable
from evenload.model.event import HostEvent
from evenload.model.observed import Observed
from evenload.model.registration import Registration, Welcome
from evenload.model.secret import SecretBytes, SecretReference
from evenload.ports.ipam import Ipam
from evenload.render.options import RenderOptions
from evenload.service.agents import AgentGateway
from evenload.service.context import Context
from evenload.service.lbaas_v1.commands import VipDraft, VipView
from evenload.service.lbaas_v1.members import V1Members
from evenload.service.lbaas_v1.monitors import V1Monitors
from evenload.service.lbaas_v1.pools import V1Pools
from evenload.service.lbaas_v1.vip_creation import VipCreation
from evenload.service.lbaas_v1.vips import Vips
from evenload.service.networks import Networks, NetworkSettings
from evenload.service.quotas import QuotaSettings, v1_limits
from evenload.service.vip_ports import VipPorts
from evenload.store.engine import StoreSettings, open_engine
from evenload.store.unit_of_work import SqlUnitOfWork

PROJECT = "project"
LINUX_BRIDGE, OVS_INTERNAL, OVS_VETH = "linux bridge", "open vswitch internal port", "open vswitch veth pair"
KINDS = (LINUX_BRIDGE, OVS_INTERNAL, OVS_VETH)
AGENT = "here"


class Line:
    """The way from the agent to its server, which may be cut."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.cut = False
        self.resyncs = 0
        """How often the agent has asked for its assignments, with or without success."""

    def register(self, registration: Registration) -> Welcome:
        return self._through().register(registration)

    def fetch(self, load_balancer_ids: Sequence[str]) -> dict[str, Desired | Gone | Unreadable]:
        return self._through().fetch(load_balancer_ids)

    def assignments(self) -> dict[str, int]:
        self.resyncs += 1
        return self._through().assignments()

    def secrets(self, load_balancer_id: str, references: Sequence[SecretReference]) -> dict[str, SecretBytes]:
        return self._through().secrets(load_balancer_id, references)

    def report(self, report: Report) -> None:
        self._through().report(report)

    def health(self, healths: Sequence[Health]) -> None:
        self._through().health(healths)

    def events(self, events: Sequence[HostEvent]) -> None:
        self._through().events(events)

    def _through(self) -> Server:
        if self.cut:
            raise ServerUnavailable("the line is cut")
        return self._server


class HeldHost(LinuxHost):
    """A host on which a load balancer may keep whoever looks at it waiting."""

    def __init__(self, settings: HostSettings) -> None:
        super().__init__(settings)
        self._gates: dict[str, threading.Event] = {}

    @contextmanager
    def holding(self, load_balancer_id: str) -> Iterator[None]:
        gate = self._gates[load_balancer_id] = threading.Event()
        try:
            yield
        finally:
            gate.set()

    def observe(self, load_balancer_id: str, port: DesiredPort | None) -> Observed:
        gate = self._gates.get(load_balancer_id)
        assert gate is None or gate.wait(NET)
        return super().observe(load_balancer_id, port)


class V1Stage:
    """``client`` (10.7.0.200) asks, ``backends`` (10.7.0.101 to .103, port 8080) answer with their number."""

    def __init__(self, lab: Lab, kind: str, openvswitch: Openvswitch | None, subnet: dict[str, Any], mtu: int) -> None:
        self.lab = lab
        self.kind = kind
        self.openvswitch = openvswitch
        self.bridge = lab.bridge if openvswitch is None else f"evo{lab.token}"
        self.settings = self._host_settings()
        self._options = RenderOptions(
            state_dir=str(self.settings.state_dir), chroot=str(self.settings.haproxy.chroot), hard_stop_after=20
        )
        engine = open_engine(StoreSettings(url=newest_sqlite(lab.directory / "evenload.sqlite")))
        self._bus, clock, source = LocalBus(), SystemClock(), random.SystemRandom()
        self.uow = SqlUnitOfWork(engine, self._bus)
        ports = VipPorts(self.uow, Ipam(self.uow, clock, new_id, source), clock, new_id)
        context = Context(uow=self.uow, ports=ports, clock=clock, new_id=new_id)
        limits = v1_limits(QuotaSettings().v1)
        self.pools = V1Pools(context, limits, "evenload")
        self.vips = Vips(context, VipCreation(context, limits))
        self.members = V1Members(context, limits)
        self.monitors = V1Monitors(context, limits)
        self.gateway = AgentGateway(context)
        self.line = Line(LocalServer(self.gateway, AGENT))
        self.networks = Networks(
            self.uow, NetworkSettings(physical_networks=(PHYSICAL_NETWORK,)), clock, new_id, source
        )
        flat = {"type": NetworkType.FLAT, "physical_network": PHYSICAL_NETWORK, "mtu": mtu}
        network = self.networks.create_network(PROJECT, flat).network
        wanted = {"network_id": network.id, "ip_version": 4, "cidr": "10.7.0.0/24", **subnet}
        self.subnet_id = self.networks.create_subnet(PROJECT, wanted).id
        self.host, self.agent = self._agent()
        self.running = False
        self.backends: list[HttpBackend] = []

    def furnish(self) -> None:
        """The agent first: it makes the bridge where there is none."""
        self.start_agent()
        self.line.register(Registration())
        self.client = self.machine("client", "10.7.0.200/24")
        machines = [self.machine(f"back{number}", f"10.7.0.{101 + number}/24") for number in range(3)]
        self.backends = [HttpBackend(machine, 8080, str(number)) for number, machine in enumerate(machines)]

    # What a user does

    def pool(self, *backends: int) -> str:
        """A pool that stands alone, with these back ends as members."""
        pool_id = self.pools.create(PROJECT, a_v1_pool()).pool.id
        for number in backends:
            self.members.create(pool_id, a_member(f"10.7.0.{101 + number}"))
        return pool_id

    def vip(self, pool_id: str, address: str | None = None, **item: Any) -> str:
        """A VIP that is ACTIVE, port 80."""
        fields = {"protocol": ListenerProtocol.HTTP, "port": 80, **item}
        draft = VipDraft(item=fields, pool_id=pool_id, subnet_id=self.subnet_id, address=address)
        identifier = self.vips.create(PROJECT, draft).listener.id
        self.lab.adopt(self.view(identifier).load_balancer.id)
        self.wait_active(identifier)
        return identifier

    def delete(self, vip_id: str) -> None:
        """Returns when the host has let go of it."""
        balancer = self.view(vip_id).load_balancer.id
        self.vips.delete(vip_id)
        assert eventually(lambda: self.tree_gone(balancer))

    # What there is

    def view(self, vip_id: str) -> VipView:
        return self.vips.get(vip_id)

    def balancer(self, vip_id: str) -> str:
        return self.view(vip_id).load_balancer.id

    def address(self, vip_id: str) -> str:
        return self.view(vip_id).load_balancer.item.vips[0].address

    def wait_active(self, vip_id: str) -> None:
        def listener() -> Record[Listener]:
            return self.view(vip_id).listener

        active = eventually(lambda: listener().provisioning_status is ProvisioningStatus.ACTIVE)
        assert active, listener()

    def tree_gone(self, balancer: str) -> bool:
        with self.uow.read() as transaction:
            return transaction.tree(balancer) is None

    def pids(self, vip_id: str) -> set[int]:
        return read_haproxy_pids(self.balancer(vip_id))

    def namespace(self, balancer: str) -> Path:
        return self.settings.netns_dir / f"qlbaas-{balancer}"

    # What the client sees

    def connection(self, vip_id: str) -> Connection:
        return Client(self.client).open(self.address(vip_id))

    def answers(self, vip_id: str) -> bool:
        try:
            return Client(self.client).get(self.address(vip_id), timeout=ATTEMPT).status == 200
        except FAILURES:
            return False

    def bodies(self, vip_id: str, requests: int = 8) -> set[str]:
        address = self.address(vip_id)
        return {Client(self.client).get(address).body.decode() for _ in range(requests)}

    # The parts around

    def machine(self, name: str, *addresses: str) -> Machine:
        if self.openvswitch is None:
            return self.lab.machine(name, *addresses)
        return self.openvswitch.machine(name, self.bridge, *addresses)

    def device(self, port_id: str) -> str:
        """The VIP port's device inside the namespace."""
        return ("tap" if self.kind == OVS_INTERNAL else "ns-") + port_id[:11]

    def start_agent(self) -> None:
        self.agent.start()
        self.running = True

    def stop_agent(self) -> None:
        """As when the service ends; the next start is another agent, which knows nothing."""
        self.agent.stop()
        self.running = False
        self.host, self.agent = self._agent()

    def close(self) -> None:
        with ExitStack() as stack:  # the last one first; what fails keeps nothing else from it
            stack.callback(self.uow.close)
            stack.callback(self.host.close)
            stack.callback(self._clear)
            if self.running:
                stack.callback(self.agent.stop)
            for backend in self.backends:
                stack.callback(backend.stop)

    def _clear(self) -> None:
        for identifier in self.host.load_balancer_ids():
            self.host.stop_haproxy(identifier)
            self.host.remove_namespace(identifier)

    def _agent(self) -> tuple[HeldHost, Agent]:
        host = HeldHost(self.settings)
        settings = AgentSettings(resync_interval=1.0, statistics_interval=0.2)
        agent = Agent(self.line, host, self._options, SystemClock(), settings)
        self._bus.register(AGENT, agent.hint)
        return host, agent

    def _host_settings(self) -> HostSettings:
        switch = self.openvswitch
        return HostSettings(
            state_dir=self.lab.state / "load_balancers",
            vif_driver=VifDriver.LINUX_BRIDGE if switch is None else VifDriver.OPENVSWITCH,
            bridge_mappings={PHYSICAL_NETWORK: self.bridge},
            haproxy=HaproxySettings(chroot=self.lab.directory / "empty"),
            openvswitch=OpenvswitchSettings() if switch is None else switch.settings(use_veth=self.kind == OVS_VETH),
        )


@contextmanager
def v1_staged(
    lab: Lab, kind: str = LINUX_BRIDGE, openvswitch: Openvswitch | None = None, *, mtu: int = 1500, **subnet: Any
) -> Iterator[V1Stage]:
    """``subnet``: what the subnet 10.7.0.0/24 has beside its CIDR."""
    stage = V1Stage(lab, kind, openvswitch, subnet, mtu)
    try:
        stage.furnish()
        yield stage
    finally:
        stage.close()


def new_id() -> str:
    return str(uuid.uuid4())
