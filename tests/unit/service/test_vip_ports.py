"""Whoever hands out the VIP ports may take its time, fail, or not be there any more to be told: nobody else waits."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import pytest
from tests.fakes.hints import NotedHints
from tests.fakes.ports import DistantPorts, Gate
from tests.fakes.sample_drafts import a_balancer, a_listener, a_member, a_pool
from tests.fakes.watched_store import WatchedStore
from tests.unit.service.conftest import World, make_world
from tests.waiting import NET, eventually

from evenload.interfaces.ports import VipRequest
from evenload.interfaces.store import Transaction, UnitOfWork
from evenload.main.port_keeper import PortKeeper, choose_wait
from evenload.model.enums import ProvisioningStatus as P
from evenload.model.errors import EvenloadError, Invalid, NotFound, PortsUnavailable, StoreUnavailable
from evenload.model.held_port import HeldPort, PortState
from evenload.model.query import Query
from evenload.model.registration import Registration
from evenload.service.commands import Changes
from evenload.service.housekeeping import Housekeeping
from evenload.service.vip_ports import RESERVED_FOR
from evenload.threads import Faults


@dataclass(frozen=True, slots=True, kw_only=True)
class Far:
    """A world whose ports come from beyond a network. Every call asserts that it is made outside of transactions."""

    world: World
    store: WatchedStore
    provider: DistantPorts

    def perform(self) -> list[bool]:
        """As the port keeper does."""
        ports = self.world.context.ports
        return [ports.perform(held) for held in ports.due()]

    def states(self) -> list[PortState]:
        ports = self.world.context.ports
        self.world.clock.advance(RESERVED_FOR.total_seconds() + 1)
        return [held.state for held in ports.due()]

    def release(self, identifier: str) -> None:
        """Up to the report of the host that has let go of it."""
        self.world.load_balancers.delete(identifier, cascade=True)
        self.world.settle()

    def gone(self, identifier: str) -> bool:
        return identifier not in {view.record.id for view in self.world.load_balancers.list(Query()).views}


@pytest.fixture
def far(uow: UnitOfWork, hints: NotedHints) -> Far:
    store = WatchedStore(uow)
    provider = DistantPorts(require_outside=store.require_outside)
    return Far(world=make_world(store, hints, provider), store=store, provider=provider)


# ------------------------------------------------------------------------------------- ports that are rows of our own


def test_a_new_load_balancer_and_its_port_are_one_change(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    store, write = world.context.uow, world.context.uow.write
    written: list[object] = []

    def noted(work: Callable[[Transaction], object]) -> object:
        written.append(work)
        return write(work)

    monkeypatch.setattr(store, "write", noted)
    world.load_balancers.create("project", a_balancer())
    assert len(written) == 1

    def fail(transaction: Transaction) -> None:
        assert claim(transaction).network_id
        raise Invalid("no", field=None)

    with (
        pytest.raises(Invalid),
        world.context.ports.claimed("lb", "project", VipRequest(subnet_id="subnet-1")) as claim,
    ):
        store.write(fail)
    world.clock.advance(RESERVED_FOR.total_seconds() + 1)
    assert world.context.ports.due() == [], "nothing is left to be given back"


def test_a_reserved_port_whose_load_balancer_came_to_nothing_is_given_back(world: World) -> None:
    ports = world.context.ports
    with (
        pytest.raises(StoreUnavailable),
        ports.reserved("lb", "project", VipRequest(subnet_id="subnet-1")),
    ):
        raise StoreUnavailable("the disk is full")
    assert ports.due() == []
    assert world.ports.given_back == ["port-1"]


def test_a_process_that_dies_in_between_leaves_a_port_that_is_released_later(world: World) -> None:
    """The port is taken, the load balancer is not written: nobody is there any more to give the port back."""
    ports = world.context.ports
    abandoned = ports.reserved("never", "project", VipRequest(subnet_id="subnet-1"))
    abandoned.__enter__()
    made = world.load_balancers.create("project", a_balancer())
    assert ports.due() == [], "the one that took it may still be at work"
    world.clock.advance(RESERVED_FOR.total_seconds() + 1)
    assert [ports.perform(held) for held in ports.due()] == [True]
    assert ports.due() == []
    assert world.ports.released == ["never"]
    assert world.load_balancers.get(made.id).record.item.port_id == "port-2"


def test_one_whose_reservation_is_over_is_refused(world: World) -> None:
    ports = world.context.ports
    with ports.reserved("lb", "project", VipRequest()) as reservation:
        world.clock.advance(RESERVED_FOR.total_seconds() + 1)
        assert [ports.perform(held) for held in ports.due()] == [True]
        with pytest.raises(StoreUnavailable, match="is over"):
            world.context.uow.write(lambda transaction: ports.complete(transaction, reservation))


# ------------------------------------------------------------------------------------------ ports beyond a network


def test_from_creation_to_removal(far: Far) -> None:
    world, provider = far.world, far.provider
    lb = world.load_balancers.create("project", a_balancer()).id
    assert far.states() == []
    world.settle()
    assert provider.bound == {}
    assert far.states() == [PortState.BINDING]
    assert far.perform() == [True]
    assert provider.bound == {lb: "host-1"}
    assert far.states() == []
    far.release(lb)
    assert provider.released == []
    assert world.load_balancers.get(lb).record.provisioning_status is P.PENDING_DELETE, "its address is not free yet"
    assert far.perform() == [True]
    assert provider.released == [lb]
    assert far.gone(lb)
    assert far.states() == []


def test_a_host_that_reports_again_meanwhile_changes_nothing(far: Far) -> None:
    lb = far.world.load_balancers.create("project", a_balancer()).id
    for _ in range(3):
        far.release(lb)
    assert far.perform() == [True]
    assert far.provider.released == [lb]
    assert far.gone(lb)


def test_another_host_is_told_of_after_a_failover(far: Far) -> None:
    world = far.world
    lb = world.load_balancers.create("project", a_balancer()).id
    world.settle()
    world.clock.advance(1000)
    world.gateway.register("host-2", Registration())
    world.load_balancers.failover(lb)
    world.report(lb, world.load_balancers.tree(lb).generation, agent="host-2")
    assert far.perform() == [True]
    assert far.provider.bound == {lb: "host-2"}


CALLS: dict[str, Callable[[World, str, str], object]] = {
    "reserving": lambda world, lb, pool: world.load_balancers.create("project", a_balancer()),
    "checking": lambda world, lb, pool: world.members.create(pool, a_member("10.0.1.9", subnet_id="subnet-1")),
    "binding": lambda world, lb, pool: perform_all(world),
    "releasing": lambda world, lb, pool: perform_all(world),
}
"""Gate of the provider → what waits at it."""


def perform_all(world: World) -> list[bool]:
    return [world.context.ports.perform(held) for held in world.context.ports.due()]


def prepared(far: Far, call: str) -> tuple[str, str]:
    """A load balancer with a pool, for which that call is due."""
    world = far.world
    lb = world.load_balancers.create("project", a_balancer(listeners=(a_listener(),), pools=(a_pool(),)))
    if call in ("binding", "releasing"):
        world.settle()
    if call == "releasing":
        far.perform()
        far.release(lb.id)
    return lb.id, next(iter(lb.pools))


@contextmanager
def waiting(gate: Gate, act: Callable[[], object]) -> Iterator[list[EvenloadError]]:
    """Inside the block somebody waits at the gate; the list gets what became of it, where it failed."""
    failures: list[EvenloadError] = []

    def run() -> None:
        try:
            act()
        except EvenloadError as error:
            failures.append(error)

    gate.reached.clear()
    gate.open.clear()
    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert gate.reached.wait(NET)
        yield failures
    finally:
        gate.open.set()
        thread.join()


@pytest.mark.parametrize("call", CALLS)
def test_a_slow_call_holds_up_nobody_else(far: Far, call: str) -> None:
    """While one waits, others are changed, made, removed, shown, and looked after."""
    world, gate = far.world, getattr(far.provider, call)
    other = world.load_balancers.create("project", a_balancer()).id
    lb, pool = prepared(far, call)
    with waiting(gate, lambda: CALLS[call](world, lb, pool)) as failures:
        world.load_balancers.update(other, Changes(record={"name": "new"}))
        if gate is not far.provider.reserving:
            world.load_balancers.create("project", a_balancer())
        world.settle()
        world.load_balancers.delete(other, cascade=True)
        world.settle()
        Housekeeping(world.context, world.hints, timedelta(seconds=120)).sweep()
        world.load_balancers.list(Query())
        assert not failures
    assert failures == []
    while far.states():
        far.perform()
    assert far.gone(other)


@pytest.mark.parametrize("call", CALLS)
def test_a_failing_call_harms_nobody_else_and_is_made_again(far: Far, call: str) -> None:
    world, gate = far.world, getattr(far.provider, call)
    lb, pool = prepared(far, call)
    before = len(far.provider.made)
    gate.failure = PortsUnavailable("no answer")
    if call in ("reserving", "checking"):
        with pytest.raises(PortsUnavailable):
            CALLS[call](world, lb, pool)
    else:
        assert CALLS[call](world, lb, pool) == [False]
        assert CALLS[call](world, lb, pool) == [False]
    if call == "releasing":
        assert world.load_balancers.get(lb).record.fault == "Its port could not be released: no answer"
    if call != "releasing":
        world.load_balancers.update(lb, Changes(record={"name": "new"}))
    gate.failure = None
    CALLS[call](world, lb, pool)
    while far.states():
        assert all(far.perform())
    assert len(far.provider.made) == before + (call == "reserving")
    match call:
        case "reserving":
            assert len(far.provider.released) == 1, "what it may have made before it failed"
        case "binding":
            assert far.provider.bound == {lb: "host-1"}
        case "releasing":
            assert far.gone(lb)


def test_what_a_provider_refuses_leaves_nothing_behind(far: Far) -> None:
    with pytest.raises(Invalid):
        far.world.load_balancers.create("project", a_balancer(vip=VipRequest(subnet_id="nowhere")))
    assert far.states() == []
    assert far.provider.released == []


@pytest.mark.parametrize("answered", [False, True])
def test_a_process_that_dies_while_it_reserves(far: Far, answered: bool) -> None:
    """Whether the provider has made the port, nobody lived to see."""
    held = HeldPort(id="reservation", load_balancer_id="never", since=far.world.clock.now())
    far.store.write(lambda transaction: transaction.insert_held_port(held))
    if answered:
        far.provider.reserve_vip_port(held, "project", VipRequest())
    assert far.states() == [PortState.RESERVED]
    assert far.perform() == [True]
    assert far.provider.released == ["never"]
    assert far.states() == []


def test_one_that_answers_after_its_reservation_was_given_up(far: Far) -> None:
    """The port that it has made after all is released again."""

    def overtake() -> None:
        assert far.states() == [PortState.RESERVED]
        assert far.perform() == [True]

    class Late(Gate):
        def passed(self) -> None:
            overtake()

    far.provider.reserving = Late()
    with pytest.raises(StoreUnavailable, match="is over"):
        far.world.load_balancers.create("project", a_balancer())
    assert far.states() == [PortState.RELEASING]
    far.perform()
    assert len(far.provider.released) == 2
    assert far.states() == []


@pytest.mark.parametrize("call", ["binding", "releasing"])
@pytest.mark.parametrize("told", [False, True])
def test_another_process_goes_on_where_one_was_killed(far: Far, call: str, told: bool) -> None:
    """Killed before, or after the provider was told and before that was noted."""
    lb, _ = prepared(far, call)
    (held,) = far.world.context.ports.due()
    if told:
        {"binding": far.provider.bind_vip_port, "releasing": far.provider.release_vip_port}[call](held)
    successor = make_world(far.store, far.world.hints, far.provider)
    assert perform_all(successor) == [True]
    assert successor.context.ports.due() == []
    assert far.provider.bound == {lb: "host-1"}
    assert far.gone(lb) == (call == "releasing")


def test_the_keeper_is_woken_and_a_slow_port_keeps_it_from_no_other(far: Far) -> None:
    """It looks by itself only once in an hour here."""
    world = far.world
    first, second = (world.load_balancers.create("project", a_balancer()).id for _ in range(2))
    keeper = PortKeeper(world.context.ports, world.clock, Faults(), interval=3600)
    keeper.start()
    far.provider.binding.open.clear()
    try:
        world.report(first, 1)
        assert far.provider.binding.reached.wait(NET)
        world.load_balancers.delete(second, cascade=True)
        world.report(second, 2)
        assert eventually(lambda: far.gone(second))
        assert far.provider.bound == {}
    finally:
        far.provider.binding.open.set()
        assert eventually(lambda: far.provider.bound == {first: "host-1"})
        keeper.stop()


def test_a_provider_that_fails_is_told_ever_more_rarely(far: Far) -> None:
    """Twenty looks an interval apart; it works again in the end, and another order is carried out at once."""
    world = far.world
    calls: list[float] = []
    clock = world.clock

    class Refusing(Gate):
        def passed(self) -> None:
            calls.append(clock.monotonic())
            Gate.passed(self)

    lb, _ = prepared(far, "binding")
    far.provider.binding = Refusing(failure=PortsUnavailable("no answer"))
    keeper = PortKeeper(world.context.ports, clock, Faults(), interval=5)
    for _ in range(20):
        keeper.look()
        keeper.wait()
        clock.advance(5)
    assert [later - calls[0] for later in calls] == [0, 5, 15, 35, 75]
    world.load_balancers.delete(lb, cascade=True)
    world.report(lb, world.load_balancers.tree(lb).generation)
    keeper.look()
    keeper.wait()
    assert far.gone(lb)


@pytest.mark.parametrize(("failures", "wait"), [(1, 5), (2, 10), (6, 160), (7, 300), (5000, 300)])
def test_the_wait_has_an_end(failures: int, wait: float) -> None:
    assert choose_wait(failures, 5) == wait


def test_a_removal_without_the_agent_releases_the_port_too(far: Far) -> None:
    world = far.world
    lb = world.load_balancers.create("project", a_balancer()).id
    world.settle()
    world.load_balancers.delete(lb, cascade=True)
    world.clock.advance(1000)
    Housekeeping(world.context, world.hints, timedelta(seconds=120)).sweep()
    assert not far.gone(lb)
    assert far.perform() == [True]
    assert far.gone(lb)


def test_a_port_that_cannot_be_released_is_an_error_with_its_reason_in_the_end(far: Far) -> None:
    world = far.world
    lb, _ = prepared(far, "releasing")
    far.provider.releasing.failure = PortsUnavailable("no answer")
    far.perform()
    world.clock.advance(121)
    world.gateway.assignments("host-1")
    Housekeeping(world.context, world.hints, timedelta(seconds=120)).sweep()
    assert world.load_balancers.get(lb).record.provisioning_status is P.ERROR
    far.provider.releasing.failure = None
    assert far.perform() == [True]
    with pytest.raises(NotFound):
        world.load_balancers.get(lb)
