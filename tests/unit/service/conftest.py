"""A service with everything around it faked but the store, which is both: in memory and the real one on SQLite."""

import itertools
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.fakes.clock import StillClock
from tests.fakes.hints import NotedHints
from tests.fakes.memory_store import MemoryStore
from tests.fakes.ports import CountingPorts

from evenload.interfaces.store import UnitOfWork
from evenload.model.desired import Change, Gone, Outcome, Report
from evenload.model.registration import Registration
from evenload.service.agent_registry import AgentRegistry
from evenload.service.agents import AgentGateway
from evenload.service.context import Context
from evenload.service.health_monitors import HealthMonitors
from evenload.service.lbaas_v1.members import V1Members
from evenload.service.lbaas_v1.monitors import V1Monitors
from evenload.service.lbaas_v1.pools import V1Pools
from evenload.service.lbaas_v1.vip_creation import VipCreation
from evenload.service.lbaas_v1.vips import Vips
from evenload.service.listeners import Listeners
from evenload.service.load_balancers import LoadBalancers
from evenload.service.members import Members
from evenload.service.pools import Pools
from evenload.service.quotas import Quotas, QuotaSettings, v1_limits
from evenload.service.vip_ports import VipPorts
from evenload.store.engine import StoreSettings, open_engine
from evenload.store.tables import METADATA
from evenload.store.unit_of_work import SqlUnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The use cases, and the agent ``host-1`` as the test plays it."""

    context: Context
    ports: CountingPorts
    hints: NotedHints
    clock: StillClock
    load_balancers: LoadBalancers
    listeners: Listeners
    pools: Pools
    members: Members
    monitors: HealthMonitors
    gateway: AgentGateway
    vips: Vips
    v1_pools: V1Pools
    v1_members: V1Members
    v1_monitors: V1Monitors
    quotas: Quotas
    registry: AgentRegistry

    def report(
        self,
        load_balancer_id: str,
        generation: int,
        outcome: Outcome = Outcome.DONE,
        reason: str | None = None,
        agent: str = "host-1",
    ) -> None:
        self.gateway.report(
            agent,
            Report(
                load_balancer_id=load_balancer_id,
                generation=generation,
                outcome=outcome,
                change=Change.RELOAD,
                reason=reason,
            ),
        )

    def settle(self) -> None:
        """The agent does all its work."""
        for identifier in self.gateway.assignments("host-1"):
            desired = self.gateway.fetch("host-1", [identifier])[identifier]
            assert desired.generation is not None
            if isinstance(desired, Gone):
                self.report(desired.load_balancer_id, desired.generation)
            else:
                self.report(desired.id, desired.generation)


def make_world(
    uow: UnitOfWork, hints: NotedHints | None = None, provider: CountingPorts | None = None, *, first_id: int = 1
) -> World:
    """``hints``: those of the store, for tests that look at them. ``first_id``: for a second world on one store."""
    hints = hints or NotedHints()
    ports, clock = provider or CountingPorts(), StillClock()
    numbers = itertools.count(first_id)

    def new_id() -> str:
        return f"00000000-0000-4000-8000-{next(numbers):012}"

    held = VipPorts(uow, ports, clock, lambda: str(uuid.uuid4()))
    context = Context(uow=uow, ports=held, clock=clock, new_id=new_id)
    gateway = AgentGateway(context)
    gateway.register("host-1", Registration())
    limits = v1_limits(QuotaSettings().v1)
    return World(
        context=context,
        ports=ports,
        hints=hints,
        clock=clock,
        load_balancers=LoadBalancers(context),
        listeners=Listeners(context),
        pools=Pools(context),
        members=Members(context),
        monitors=HealthMonitors(context),
        gateway=gateway,
        vips=Vips(context, VipCreation(context, limits)),
        v1_pools=V1Pools(context, limits, "evenload"),
        v1_members=V1Members(context, limits),
        v1_monitors=V1Monitors(context, limits),
        quotas=Quotas(uow, limits),
        registry=AgentRegistry(context),
    )


@pytest.fixture
def hints() -> NotedHints:
    return NotedHints()


@pytest.fixture(params=["memory", "sqlite", "sqlite rehearsed"])
def uow(request: pytest.FixtureRequest, tmp_path: Path, hints: NotedHints) -> Iterator[UnitOfWork]:
    if request.param == "memory":
        yield MemoryStore(hints)
        return
    settings = StoreSettings(url=f"sqlite:///{tmp_path}/evenload.db")
    engine = open_engine(settings)
    METADATA.create_all(engine)
    rehearsed = request.param == "sqlite rehearsed"  # whatever the size of a tree
    store = SqlUnitOfWork(engine, hints, records_in_a_turn=0) if rehearsed else SqlUnitOfWork(engine, hints)
    yield store
    store.close()


@pytest.fixture
def world(uow: UnitOfWork, hints: NotedHints) -> World:
    return make_world(uow, hints)
