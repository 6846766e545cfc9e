"""Two who change the same at once, on the databases that let them: nothing is lost, doubled or brought back."""

import random
import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.contract.interleaving import Interrupted, Other
from tests.contract.samples import a_tree, moment, new_id, retouched
from tests.databases import KINDS, Database, Databases
from tests.fakes.clock import StillClock
from tests.fakes.hints import NotedHints
from tests.fakes.ports import CountingPorts
from tests.fakes.sample_drafts import a_balancer, a_listener, a_member, a_monitor, a_pool
from tests.fakes.v1_drafts import a_v1_pool, a_vip
from tests.unit.service.conftest import World, make_world
from tests.waiting import NET

from evenload.interfaces.store import Transaction, UnitOfWork
from evenload.model.balancer import MonitorTemplate
from evenload.model.enums import Kind
from evenload.model.errors import Conflict, Invalid, NotFound, OverQuota, StoreUnavailable
from evenload.model.query import Query
from evenload.model.registration import Registration
from evenload.service.commands import Changes
from evenload.service.lbaas_v1.commands import V1PoolDraft
from evenload.service.lbaas_v1.templates import template_from
from evenload.service.networks import Networks, NetworkSettings
from evenload.store.engine import StoreSettings, open_engine
from evenload.store.unit_of_work import SqlUnitOfWork

SETTINGS = NetworkSettings(
    default_physical_network="p", physical_networks=("p",), vlan_ranges=(("p", 1, 9),), default_mtu=1450
)


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, databases: Databases) -> Database:
    return databases.empty(request.param)


@pytest.fixture
def store(database: Database) -> UnitOfWork:
    return SqlUnitOfWork(database.engine, NotedHints())


def networks_on(store: UnitOfWork) -> Networks:
    return Networks(store, SETTINGS, StillClock(), new_id, random.Random(1))


def test_two_changes_of_one_load_balancer_both_stay(database: Database, store: UnitOfWork) -> None:
    world = make_world(store)
    draft = a_balancer(listeners=(a_listener(default_pool=a_pool(members=(a_member(), a_member("10.0.1.2")))),))
    tree = world.load_balancers.create("project", draft)
    first, second = tree.members.values()
    pool = first.item.pool_id
    other = Other(lambda: world.members.update(pool, second.id, Changes(item={"weight": 7})))
    mine = make_world(Interrupted(store, "tree", lambda: other.proceed(database.engine)))
    mine.members.update(pool, first.id, Changes(item={"weight": 5}))
    other.finish()
    found = world.load_balancers.tree(tree.id)
    assert [record.item.weight for record in found.members.values()] == [5, 7]
    assert found.generation == 3


def test_two_changes_of_one_network_both_stay(database: Database, store: UnitOfWork) -> None:
    networks = networks_on(store)
    network = networks.create_network("p", {}).network
    other = Other(lambda: networks.update_network(network.id, {"mtu": 1400}))
    mine = networks_on(Interrupted(store, "locked_network", lambda: other.proceed(database.engine)))
    mine.update_network(network.id, {"name": "new"})
    other.finish()
    found = networks.network(network.id).network
    assert (found.name, found.mtu) == ("new", 1400)


def test_two_changes_of_one_subnet_both_stay(database: Database, store: UnitOfWork) -> None:
    networks = networks_on(store)
    network = networks.create_network("p", {}).network
    subnet = networks.create_subnet("p", {"network_id": network.id, "ip_version": 4, "cidr": "10.0.0.0/24"})
    other = Other(lambda: networks.update_subnet(subnet.id, {"gateway_ip": None}))
    mine = networks_on(Interrupted(store, "locked_network", lambda: other.proceed(database.engine)))
    mine.update_subnet(subnet.id, {"name": "new"})
    other.finish()
    assert (networks.subnet(subnet.id).name, networks.subnet(subnet.id).gateway_ip) == ("new", None)


def test_two_changes_of_one_port_both_stay(database: Database, store: UnitOfWork) -> None:
    networks = networks_on(store)
    port = networks.create_port("p", {"network_id": networks.create_network("p", {}).network.id})
    other = Other(lambda: networks.update_port(port.id, {"description": "theirs"}))
    mine = networks_on(Interrupted(store, "locked_port", lambda: other.proceed(database.engine)))
    mine.update_port(port.id, {"name": "mine"})
    other.finish()
    assert (networks.port(port.id).name, networks.port(port.id).description) == ("mine", "theirs")


def test_of_two_subnets_that_overlap_one_is_made(database: Database, store: UnitOfWork) -> None:
    networks = networks_on(store)
    network = networks.create_network("p", {}).network
    fields = {"network_id": network.id, "ip_version": 4}
    other = Other(lambda: networks.create_subnet("p", {**fields, "cidr": "10.0.0.0/25"}))
    mine = networks_on(Interrupted(store, "subnets", lambda: other.proceed(database.engine)))
    mine.create_subnet("p", {**fields, "cidr": "10.0.0.0/24"})
    other.finish()
    assert [subnet.cidr for subnet in networks.subnets()] == ["10.0.0.0/24"]
    assert isinstance(other.result[0], Invalid | Conflict)


def test_two_networks_get_two_segments(database: Database, store: UnitOfWork) -> None:
    """There is no row to lock for what is not there yet: the second one's work is run again."""
    networks = networks_on(store)
    other = Other(lambda: networks.create_network("p", {}))
    interrupted = Interrupted(store, "networks", lambda: other.proceed(database.engine))
    networks_on(interrupted).create_network("p", {})
    other.finish()
    assert len({view.network.segment for view in networks.networks()}) == 2
    assert interrupted.tries == 2


def test_a_change_does_not_bring_back_what_is_removed_meanwhile(database: Database, store: UnitOfWork) -> None:
    """Whoever comes first: the other finds it gone, or gone before it could be removed."""
    networks = networks_on(store)
    network = networks.create_network("p", {}).network
    port = networks.create_port("p", {"network_id": network.id})
    other = Other(lambda: networks.delete_port(port.id))
    mine = networks_on(Interrupted(store, "locked_port", lambda: other.proceed(database.engine)))
    mine.update_port(port.id, {"name": "new"})
    other.finish()
    assert networks.ports() == []
    removal = Other(lambda: networks.delete_network(network.id))
    renaming = networks_on(Interrupted(store, "subnets", lambda: removal.proceed(database.engine)))
    renaming.update_network(network.id, {"name": "new"})
    removal.finish()
    assert networks.networks() == []


def test_a_port_does_not_stay_in_a_network_that_goes(database: Database, store: UnitOfWork) -> None:
    networks = networks_on(store)
    network = networks.create_network("p", {}).network
    other = Other(lambda: networks.create_port("p", {"network_id": network.id}))
    mine = networks_on(Interrupted(store, "ports", lambda: other.proceed(database.engine)))
    mine.delete_network(network.id)
    other.finish()
    assert isinstance(other.result[0], NotFound)
    assert (networks.networks(), networks.ports()) == ([], [])


def test_the_last_place_is_taken_once(database: Database, store: UnitOfWork) -> None:
    world = make_world(store)
    world.quotas.set("project", {"pool": 1})

    def create(uow: UnitOfWork) -> object:
        pool = a_pool()
        draft = V1PoolDraft(item=pool.item, record=pool.record, subnet_id="subnet-1", provider="haproxy")
        return make_world(uow).v1_pools.create("project", draft)

    other = Other(lambda: create(store))
    create(Interrupted(store, "count", lambda: other.proceed(database.engine)))
    other.finish()
    assert isinstance(other.result[0], OverQuota)
    with store.read() as transaction:
        assert transaction.count(Kind.POOL, Query()) == 1


def test_monitors_of_one_template_are_changed_by_two_pools_at_once(database: Database, store: UnitOfWork) -> None:
    world = make_world(store)
    template = world.v1_monitors.create("project", a_monitor().item).template
    pools = []
    for _ in range(2):
        pool = a_pool()
        draft = V1PoolDraft(item=pool.item, record=pool.record, subnet_id="subnet-1", provider="haproxy")
        pools.append(world.v1_pools.create("project", draft, [template.id]))
    with store.read() as transaction:
        first, second = (view.record.id for view in transaction.find(Kind.HEALTH_MONITOR, Query()).views)
    other = Other(lambda: world.monitors.update(second, Changes(item={"rise": 4})))
    interrupted = Interrupted(store, "tree", lambda: other.proceed(database.engine))
    mine = make_world(interrupted)
    interrupted.tries = 0
    mine.monitors.update(first, Changes(item={"delay": 9}))
    other.finish()
    with store.read() as transaction:
        items = [view.record.item for view in transaction.find(Kind.HEALTH_MONITOR, Query()).views]
        found = transaction.template(template.id)
    assert found is not None
    assert {(item.delay, item.rise) for item in (*items, found)} == {(9, 4)}  # type: ignore[attr-defined]
    assert interrupted.tries == 1, "in one order nobody has to be ended"


def test_who_deletes_a_load_balancer_has_the_templates_of_its_monitors(database: Database, store: UnitOfWork) -> None:
    tree = a_tree()
    [monitor] = tree.monitors.values()
    template = template_from(monitor.item, monitor.id, "project", moment(1))

    @store.write
    def _(transaction: Transaction) -> None:
        transaction.insert_tree(tree)
        transaction.insert_template(template)

    other = Other(lambda: store.write(lambda transaction: transaction.template(template.id)))

    @store.write
    def _(transaction: Transaction) -> None:
        transaction.lock_templates_of(tree.id)
        other.proceed(database.engine)
        assert other.result == []  # it waits

    other.finish()
    [found] = other.result
    assert isinstance(found, MonitorTemplate)
    assert found.id == template.id


def test_a_writer_waits_for_a_lock_within_bounds_and_leaves_nothing(database: Database, store: UnitOfWork) -> None:
    tree = a_tree()
    store.write(lambda transaction: transaction.insert_tree(tree))
    engine = open_engine(StoreSettings(url=database.engine.url.render_as_string(hide_password=False), busy_timeout=1.0))
    impatient = SqlUnitOfWork(engine, NotedHints())
    refused: list[str] = []

    def rename(transaction: Transaction) -> None:
        before = transaction.tree(tree.id)
        assert before is not None
        transaction.update_tree(before, replace(before, generation=before.generation + 1))

    def hold(transaction: Transaction) -> None:
        transaction.tree(tree.id)
        with pytest.raises(StoreUnavailable) as caught:
            impatient.write(rename)
        refused.append(str(caught.value))

    store.write(hold)
    assert len(refused) == 1
    impatient.write(rename)
    impatient.close()


def test_two_who_wait_for_each_other_both_succeed(store: UnitOfWork) -> None:
    """A real deadlock: the database ends one, and the store runs its work again."""
    trees = [a_tree(), a_tree(address="10.0.0.6")]
    for tree in trees:
        store.write(lambda transaction, tree=tree: transaction.insert_tree(tree))  # type: ignore[misc]
    both = threading.Barrier(2, timeout=NET)
    tries: list[str] = []

    def work(first: str, second: str) -> Callable[[Transaction], None]:
        def step(transaction: Transaction) -> None:
            tries.append(first)
            for identifier in (first, second):
                before = transaction.tree(identifier)
                assert before is not None
                transaction.update_tree(before, replace(before, generation=before.generation + 1))
                if identifier == first and len(tries) <= 2:
                    both.wait()

        return step

    one, two = (tree.id for tree in trees)
    other = Other(lambda: store.write(work(two, one)))
    other.start()
    store.write(work(one, two))
    other.finish()
    assert other.result == [None]
    assert len(tries) >= 3
    with store.read() as transaction:
        assert [tree.generation for tree in map(transaction.tree, (one, two)) if tree] == [9, 9]


def test_an_agent_is_registered_once(database: Database, store: UnitOfWork) -> None:
    def register(transaction: Transaction) -> None:
        if not transaction.agent_seen("a", moment(1)):
            transaction.insert_agent("a", moment(0))

    other = Other(lambda: store.write(register))
    interrupted = Interrupted(store, "agent_seen", lambda: other.proceed(database.engine))
    interrupted.write(register)
    other.finish()
    assert other.result == [None]
    with store.read() as transaction:
        [agent] = transaction.agents()
    assert (agent.created_at, agent.seen_at) == (moment(0), moment(1))


def test_an_object_that_moves_is_found_where_it_is(database: Database, store: UnitOfWork) -> None:
    """Between the look for its tree and the look into it."""
    world = make_world(store)
    world.quotas.set("project", {"pool": -1})
    pools = []
    for _ in range(2):
        pool = a_pool()
        draft = V1PoolDraft(item=pool.item, record=pool.record, subnet_id="subnet-1", provider="haproxy")
        pools.append(world.v1_pools.create("project", draft).pool.id)
    member = world.v1_members.create(pools[0], a_member()).id
    other = Other(lambda: world.v1_members.update(member, Changes(), pools[1]))
    mine = make_world(Interrupted(store, "owner_of", lambda: other.proceed(database.engine)))
    changed = mine.v1_members.update(member, Changes(item={"weight": 9}))
    other.finish()
    assert (changed.item.pool_id, changed.item.weight) == (pools[1], 9)


def test_retouched_trees_keep_texts_longer_than_64_kb(store: UnitOfWork) -> None:
    tree = a_tree()
    [listener] = tree.listeners.values()
    cidrs = tuple(f"10.{number // 256}.{number % 256}.0/24" for number in range(8000))
    tree = tree.with_record(retouched(listener, allowed_cidrs=cidrs))
    store.write(lambda transaction: transaction.insert_tree(tree))
    with store.read() as transaction:
        assert transaction.tree(tree.id) == tree


def use(world: World, agent: str, how: str) -> object:
    """Takes an agent out of use."""
    [identifier] = [view.id for view in world.registry.list() if view.record.name == agent]
    if how == "removed":
        world.registry.delete(identifier)
        return None
    if how == "renamed":
        return world.gateway.register(f"{agent}-new", Registration(former=agent))
    return world.registry.update(identifier, admin_state_up=False)


@pytest.mark.parametrize("how", ["removed", "switched off", "renamed"])
@pytest.mark.parametrize("asked", ["load balancer", "failover", "pool", "vip"])
def test_an_agent_that_goes_out_of_use_gets_nothing(
    database: Database, store: UnitOfWork, how: str, asked: str
) -> None:
    """It was chosen just before; the choice is made again."""
    world = make_world(store)
    world.gateway.register("host-0", Registration())  # without load, and the first by name
    moment_before = world.load_balancers.create("project", a_balancer())
    world.context.uow.write(lambda transaction: transaction.remove_agent("host-0"))
    pool = world.v1_pools.create("project", a_v1_pool()).pool.id
    world.gateway.register("host-2", Registration())
    if asked in ("failover", "vip"):  # where it was until now is away
        world.context.uow.write(lambda transaction: transaction.remove_agent("host-1"))
    other = Other(lambda: use(world, "host-2", how))
    chosen = Interrupted(store, "agents", lambda: other.proceed(database.engine))
    mine = make_world(chosen, provider=CountingPorts(first=100), first_id=100)
    mine.gateway.register("host-3", Registration())
    match asked:
        case "load balancer":
            made = mine.load_balancers.create("project", a_balancer()).home
        case "failover":
            mine.load_balancers.failover(moment_before.id)
            made = mine.load_balancers.tree(moment_before.id).home
        case "pool":
            made = mine.v1_pools.agent_of(mine.v1_pools.create("project", a_v1_pool()).pool.id)
        case _:
            mine.vips.create("project", a_vip(pool))
            made = mine.v1_pools.agent_of(pool)
    other.finish()
    assert not isinstance(other.result[0], Exception)
    assert made not in ("host-0", "host-2")


@pytest.mark.parametrize("how", ["removed", "switched off", "renamed"])
def test_who_takes_an_agent_out_of_use_waits_for_those_who_have_chosen_it(
    database: Database, store: UnitOfWork, how: str
) -> None:
    world = make_world(store)
    other = Other(lambda: use(world, "host-1", how))
    mine = make_world(Interrupted(store, "held_agent", lambda: other.proceed(database.engine)))
    made = mine.load_balancers.create("project", a_balancer())
    other.finish()
    assert made.home == "host-1"
    if how == "removed":
        assert isinstance(other.result[0], Conflict)
        assert [view.record.name for view in world.registry.list()] == ["host-1"]
    assert world.load_balancers.tree(made.id).home == ("host-1-new" if how == "renamed" else "host-1")
