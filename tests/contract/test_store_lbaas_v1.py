"""What every UnitOfWork promises about LBaaS v1: pools that stand alone, monitor templates, quotas, managed agents."""

from dataclasses import replace

import pytest
from tests.contract.samples import START, a_record, a_tree, moment, new_id, retouched

from evenload.interfaces.store import Transaction, UnitOfWork
from evenload.model import moves
from evenload.model.balancer import HttpCheck, MonitorTemplate, V1Monitor, V1Pool, V1Vip
from evenload.model.enums import Kind, MonitorType
from evenload.model.query import Query
from evenload.model.tree import Tree, kind_of


def a_v1_tree(agent: str = "host-1", project_id: str = "project-1") -> Tree:
    """A VIP with its pool on a host."""
    tree = a_tree(agent=agent)
    [listener], [pool] = tree.listeners.values(), tree.pools.values()
    origin = V1Pool(subnet_id=new_id(), provider="haproxy", bytes_in=-7, bytes_out=2**40, total_connections=3)
    for record in (replace(listener, v1=V1Vip()), replace(pool, v1=origin)):
        tree = tree.with_record(replace(record, project_id=project_id))
    return tree


def alone(tree: Tree) -> Tree:
    [pool] = tree.pools
    return moves.tree_for(new_id(), moves.parts_of(tree, pool), agent=tree.home, provider="evenload", now=START)


def a_template(**fields: object) -> MonitorTemplate:
    return MonitorTemplate(
        **{  # type: ignore[arg-type]
            "id": new_id(),
            "project_id": "project-1",
            "type": MonitorType.HTTP,
            "delay": 5,
            "timeout": 3,
            "rise": 2,
            "fall": 3,
            "http": HttpCheck(url_path="/ok"),
            "created_at": START,
            **fields,
        }
    )


def put(store: UnitOfWork, *trees: Tree) -> None:

    @store.write
    def _(transaction: Transaction) -> None:
        for tree in trees:
            transaction.insert_tree(tree)


def test_a_tree_on_no_host_comes_back_and_is_no_load_balancer(store: UnitOfWork) -> None:
    held, hosted = alone(a_v1_tree()), a_v1_tree()
    put(store, held, hosted)
    [pool] = held.pools
    with store.read() as transaction:
        assert transaction.tree(held.id) == held
        assert transaction.owner_of(Kind.POOL, pool) == held.id
        assert transaction.view(Kind.LOAD_BALANCER, held.id) is None
        assert [view.record.id for view in transaction.find(Kind.LOAD_BALANCER, Query()).views] == [hosted.id]
        view = transaction.view(Kind.POOL, pool)
        assert view is not None
        assert view.relations.load_balancer_id is None
        assert transaction.assignments("host-1") == {hosted.id: hosted.generation}
        assert sorted(transaction.bound_to("host-1")) == sorted([held.id, hosted.id])


def test_a_pool_goes_from_tree_to_tree_with_all_it_has(store: UnitOfWork) -> None:
    hosted = a_v1_tree()
    put(store, hosted)
    [pool] = hosted.pools
    rest, held = moves.without_pool(hosted, pool), alone(hosted)

    @store.write
    def _(transaction: Transaction) -> None:
        transaction.update_tree(hosted, rest)
        transaction.insert_tree(held)

    with store.read() as transaction:
        assert transaction.tree(hosted.id) == rest
        assert transaction.tree(held.id) == held
        tagged = transaction.find(Kind.POOL, Query(tags=("a",))).views
        assert [view.record.id for view in tagged] == [pool]

    @store.write
    def _(transaction: Transaction) -> None:
        transaction.remove_tree(held)
        transaction.update_tree(rest, hosted)

    with store.read() as transaction:
        assert transaction.tree(held.id) is None
        assert transaction.tree(hosted.id) == hosted


@pytest.mark.parametrize("kind", list(Kind))
def test_lists_of_v1_have_what_v1_knows(store: UnitOfWork, kind: Kind) -> None:
    ours, held, other = a_v1_tree(), alone(a_v1_tree()), a_tree()
    put(store, ours, held, other)
    expected = {record.id for tree in (ours, held) for record in tree.records() if kind_of(record.item) is kind} - {
        held.id
    }
    with store.read() as transaction:
        assert {view.record.id for view in transaction.find(kind, Query(v1=True)).views} == expected
        assert transaction.count(kind, Query(v1=True)) == len(expected)
        assert transaction.count(kind, Query(v1=True, filters={"project_id": ("stranger",)})) == 0


def test_what_v1_counts_is_saved_without_another_generation(store: UnitOfWork) -> None:
    before = a_v1_tree()
    [pool], [listener] = before.pools.values(), before.listeners.values()
    put(store, before)
    assert isinstance(pool.v1, V1Pool)
    after = before.with_records([replace(pool, v1=replace(pool.v1, bytes_in=11)), replace(listener, v1=None)])
    bare = after.with_record(replace(pool, v1=None))
    for former, tree in ((before, after), (after, bare), (bare, before)):
        store.write(lambda transaction, former=former, tree=tree: transaction.update_tree(former, tree))  # type: ignore[misc]
        with store.read() as transaction:
            assert transaction.tree(before.id) == tree
            assert transaction.assignments("host-1") == {before.id: before.generation}


def test_what_is_being_deleted_does_not_count(store: UnitOfWork) -> None:
    tree = a_v1_tree()
    [pool] = tree.pools.values()
    put(store, tree.with_record(replace(pool, deleting=True)))
    with store.read() as transaction:
        assert transaction.count(Kind.POOL, Query()) == 0
        assert transaction.count(Kind.MEMBER, Query()) == 2


def test_the_first_monitor_that_is_on_is_the_pools(store: UnitOfWork) -> None:
    tree = a_v1_tree()
    [first] = tree.monitors.values()
    template = new_id()
    tree = tree.with_record(retouched(first, admin_state_up=False))
    second = a_record(replace(first.item, id=new_id()), v1=V1Monitor(template_id=template))
    tree = tree.with_record(second).with_record(a_record(replace(first.item, id=new_id())))
    put(store, tree)
    [pool] = tree.pools
    with store.read() as transaction:
        view = transaction.view(Kind.POOL, pool)
        assert view is not None
        assert view.relations.monitor_id == second.id
        found = transaction.find(Kind.HEALTH_MONITOR, Query(filters={"template_id": (template,)})).views
        assert [each.record for each in found] == [second]


def test_templates_come_back_in_order_and_change(store: UnitOfWork) -> None:
    first, second = a_template(), a_template(type=MonitorType.PING, http=None, project_id="project-2")

    @store.write
    def _(transaction: Transaction) -> None:
        transaction.insert_template(first)
        transaction.insert_template(second)

    changed = replace(first, delay=9, http=HttpCheck(method="HEAD"), updated_at=moment(1))

    @store.write
    def _(transaction: Transaction) -> None:
        transaction.update_template(changed)

    with store.read() as transaction:
        assert transaction.templates() == [changed, second]
        assert transaction.templates("project-2") == [second]
        assert transaction.template(first.id) == changed
        assert transaction.template(new_id()) is None

    @store.write
    def _(transaction: Transaction) -> None:
        transaction.remove_template(first.id)
        transaction.remove_template(first.id)

    with store.read() as transaction:
        assert transaction.templates() == [second]


def test_quotas_are_kept_one_by_one(store: UnitOfWork) -> None:

    @store.write
    def _(transaction: Transaction) -> None:
        transaction.save_quotas("b", {"vip": 3, "pool": -1})
        transaction.save_quotas("a", {"vip": 0})
        transaction.save_quotas("b", {"vip": 4})

    with store.read() as transaction:
        assert transaction.quotas() == {"a": {"vip": 0}, "b": {"vip": 4, "pool": -1}}
        assert transaction.quotas("b") == {"b": {"vip": 4, "pool": -1}}
        assert transaction.quotas("c") == {}

    @store.write
    def _(transaction: Transaction) -> None:
        transaction.remove_quotas("b", ["vip", "member"])
        transaction.remove_quotas("b", ["vip", "member"])

    with store.read() as transaction:
        assert transaction.quotas() == {"a": {"vip": 0}, "b": {"pool": -1}}


def test_what_people_say_of_an_agent_outlives_its_restart(store: UnitOfWork) -> None:

    @store.write
    def _(transaction: Transaction) -> None:
        transaction.insert_agent("a", moment(0))
        transaction.update_agent("a", admin_state_up=False, description="moved")
        transaction.agent_seen("a", moment(5), started=True)
        transaction.agent_seen("a", moment(9))

    with store.read() as transaction:
        [agent] = transaction.agents()
    assert (agent.admin_state_up, agent.description) == (False, "moved")
    assert (agent.created_at, agent.started_at, agent.seen_at) == (moment(0), moment(5), moment(9))


def test_a_pool_alone_counts_as_load(store: UnitOfWork) -> None:
    put(store, alone(a_v1_tree(agent="a")), a_tree(agent="a"))

    @store.write
    def _(transaction: Transaction) -> None:
        transaction.insert_agent("a", moment(0))

    with store.read() as transaction:
        assert [agent.load for agent in transaction.agents()] == [2]
