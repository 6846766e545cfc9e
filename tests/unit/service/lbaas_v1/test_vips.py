"""VIPs of LBaaS v1 over the one model: made, moved, deleted, and seen by Octavia's API; on both stores."""

from typing import Any

import pytest
from tests.fakes.sample_drafts import a_listener, a_member
from tests.fakes.v1_drafts import a_template, a_v1_pool, a_vip
from tests.unit.service.conftest import World

from evenload.model.balancer import SessionPersistence
from evenload.model.desired import Desired, Gone, Health, Statistics
from evenload.model.enums import (
    Kind,
    ListenerProtocol,
    OperatingStatus,
    PersistenceType,
    PoolProtocol,
    ProvisioningStatus,
)
from evenload.model.errors import Forbidden, Immutable, Invalid, NotFound, OverQuota, ProtocolMismatch, VipExists
from evenload.model.query import Query
from evenload.model.registration import Registration
from evenload.service.commands import Changes
from evenload.service.lbaas_v1.commands import VipChanges

P = ProvisioningStatus
COOKIE = {"type": PersistenceType.HTTP_COOKIE}


@pytest.fixture
def pool(world: World) -> str:
    """With two members and a monitor, standing alone."""
    identifier = world.v1_pools.create("project", a_v1_pool()).pool.id
    for last in (1, 2):
        world.v1_members.create(identifier, a_member(f"10.0.1.{last}"))
    monitor = world.v1_monitors.create("project", a_template()).template.id
    world.v1_pools.associate(identifier, monitor)
    return identifier


@pytest.fixture
def vip(world: World, pool: str) -> str:
    """At rest."""
    identifier = world.vips.create("project", a_vip(pool, session_persistence=COOKIE)).listener.id
    world.settle()
    world.hints.sent.clear()
    return identifier


def desired_of(world: World, load_balancer_id: str) -> Desired:
    desired = world.gateway.fetch("host-1", [load_balancer_id])[load_balancer_id]
    assert isinstance(desired, Desired)
    return desired


def balancer_of(world: World, vip: str) -> str:
    return world.vips.get(vip).load_balancer.id


def count(world: World, listener: str, connections: int) -> None:
    statistics = Statistics(bytes_in=10 * connections, bytes_out=connections, total_connections=connections)
    health = Health(load_balancer_id=balancer_of(world, listener), statuses={}, statistics={listener: statistics})
    world.gateway.health("host-1", [health])


# ------------------------------------------------------------------------------------------------------------- create


def test_a_pool_alone_is_in_force_at_once_and_on_no_host(world: World, pool: str) -> None:
    view = world.v1_pools.get(pool)
    assert view.pool.provisioning_status is P.ACTIVE
    assert (view.vip_id, len(view.member_ids), len(view.monitors)) == (None, 2, 1)
    assert all(record.provisioning_status is P.ACTIVE for record in world.v1_members.list(Query()))
    assert world.gateway.assignments("host-1") == {}
    assert world.hints.sent == []
    assert world.load_balancers.list(Query()).views == ()


def test_a_vip_brings_its_pool_to_a_host(world: World, pool: str) -> None:
    made = world.vips.create("project", a_vip(pool, record={"name": "web"}))
    lb = made.load_balancer
    assert (lb.name, lb.item.vips[0].subnet_id, lb.provisioning_status) == ("web", "subnet-1", P.PENDING_CREATE)
    assert made.listener.provisioning_status is P.PENDING_CREATE
    assert world.v1_pools.get(pool).pool.provisioning_status is P.PENDING_UPDATE
    assert world.hints.sent == [("host-1", lb.id, desired_of(world, lb.id).generation)]
    desired = desired_of(world, lb.id)
    assert [listener.default_pool_id for listener in desired.listeners] == [pool]
    assert (len(desired.members), len(desired.monitors)) == (2, 1)

    world.settle()
    assert world.vips.get(made.listener.id).listener.provisioning_status is P.ACTIVE
    assert world.v1_pools.get(pool).vip_id == made.listener.id
    assert world.ports.bound == {lb.id: "host-1"}


def test_a_second_vip_on_a_pool_is_refused(world: World, pool: str, vip: str) -> None:
    with pytest.raises(VipExists):
        world.vips.create("project", a_vip(pool, 81))
    assert [view.listener.id for view in world.vips.list(Query())] == [vip]


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"protocol": ListenerProtocol.TCP}, ProtocolMismatch),
        ({"session_persistence": {"type": PersistenceType.APP_COOKIE}}, Invalid),
        ({"session_persistence": {"type": PersistenceType.SOURCE_IP, "cookie_name": "x"}}, Invalid),
    ],
)
def test_what_breaks_a_rule_leaves_nothing(
    world: World, pool: str, fields: dict[str, object], error: type[Exception]
) -> None:
    before = world.v1_pools.get(pool)
    with pytest.raises(error):
        world.vips.create("project", a_vip(pool, **fields))  # type: ignore[arg-type]
    assert world.v1_pools.get(pool) == before
    assert world.vips.list(Query()) == []


def test_cookies_need_http(world: World) -> None:
    tcp = world.v1_pools.create("project", a_v1_pool(PoolProtocol.TCP)).pool.id
    with pytest.raises(Invalid) as caught:
        world.vips.create("project", a_vip(tcp, 25, ListenerProtocol.TCP, session_persistence=COOKIE))
    assert caught.value.field == "session_persistence"


def test_a_pool_that_moves_while_the_port_is_reserved_is_found_at_its_new_place(
    world: World, pool: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another VIP came to it and went: it stands alone again, elsewhere."""
    creation = world.vips._creation
    once = iter([True])
    reserved = creation._reserved

    def come_and_go(*arguments: Any) -> Any:
        if next(once, False):
            first = world.vips.create("project", a_vip(pool)).listener.id
            world.settle()
            world.vips.delete(first)
            world.settle()
        return reserved(*arguments)

    monkeypatch.setattr(creation, "_reserved", come_and_go)
    made = world.vips.create("project", a_vip(pool))
    assert world.v1_pools.get(pool).pool.id == pool
    assert made.listener.item.default_pool_id == pool


def test_another_projects_pool_is_refused(world: World, pool: str) -> None:
    with pytest.raises(Forbidden):
        world.vips.create("stranger", a_vip(pool))


def test_quota_counts_what_is_there(world: World, pool: str) -> None:
    world.quotas.set("project", {"vip": 1})
    first = world.vips.create("project", a_vip(pool)).listener.id
    other = world.v1_pools.create("project", a_v1_pool()).pool.id
    with pytest.raises(OverQuota):
        world.vips.create("project", a_vip(other))
    world.vips.delete(first)
    world.vips.create("project", a_vip(other))


def test_a_disabled_or_lost_agent_is_replaced_when_the_vip_comes(world: World, pool: str) -> None:
    world.gateway.register("host-2", Registration())
    [bound] = [agent for agent in world.registry.list() if agent.record.name == "host-1"]
    world.registry.update(bound.id, admin_state_up=False)
    world.vips.create("project", a_vip(pool))
    assert world.v1_pools.agent_of(pool) == "host-2"


# ------------------------------------------------------------------------------------------------------------- update


def test_name_and_limits_change(world: World, vip: str) -> None:
    changes = VipChanges(item={"connection_limit": 7, "admin_state_up": False}, record={"name": "new"})
    view = world.vips.update(vip, changes)
    assert (view.listener.name, view.load_balancer.name) == ("new", "new")
    assert (view.listener.item.connection_limit, view.listener.item.admin_state_up) == (7, False)
    assert view.pool is not None
    assert view.pool.item.session_persistence == SessionPersistence(type=PersistenceType.HTTP_COOKIE)


def test_persistence_is_taken_away_only_by_name(world: World, pool: str, vip: str) -> None:
    world.vips.update(vip, VipChanges(persists=True))
    assert world.v1_pools.get(pool).pool.item.session_persistence is None


def test_a_vip_switched_on_is_on_whoever_switched_its_load_balancer_off(world: World, vip: str) -> None:
    lb = balancer_of(world, vip)
    world.load_balancers.update(lb, Changes(item={"admin_state_up": False}))
    assert world.vips.update(vip, VipChanges(item={"admin_state_up": True})).load_balancer.item.admin_state_up


# --------------------------------------------------------------------------------------------------------------- move


def test_a_moved_vip_keeps_its_host_and_the_pools_change_places(world: World, pool: str, vip: str) -> None:
    lb = balancer_of(world, vip)
    other = world.v1_pools.create("project", a_v1_pool()).pool.id
    member = world.v1_members.create(other, a_member("10.0.2.1")).id
    world.hints.sent.clear()

    view = world.vips.update(vip, VipChanges(pool_id=other))
    assert view.load_balancer.id == lb
    assert [hint[:2] for hint in world.hints.sent] == [("host-1", lb)]
    desired = desired_of(world, lb)
    assert [each.id for each in desired.pools] == [other]
    assert [each.id for each in desired.members] == [member]
    assert desired.listeners[0].default_pool_id == other
    assert desired.pools[0].session_persistence == SessionPersistence(type=PersistenceType.HTTP_COOKIE)
    assert world.v1_members.get(member).provisioning_status is P.PENDING_UPDATE

    former = world.v1_pools.get(pool)
    assert (former.vip_id, len(former.member_ids), len(former.monitors)) == (None, 2, 1)
    assert former.pool.provisioning_status is P.ACTIVE
    assert former.pool.item.session_persistence is None
    world.settle()
    assert world.v1_members.get(member).provisioning_status is P.ACTIVE
    assert len(world.gateway.assignments("host-1")) == 1


def test_a_vip_moves_there_and_back_again(world: World, pool: str, vip: str) -> None:
    other = world.v1_pools.create("project", a_v1_pool()).pool.id
    for target in (other, pool, other):
        world.vips.update(vip, VipChanges(pool_id=target))
        world.settle()
        assert world.v1_pools.get(target).vip_id == vip
    assert {view.pool.id for view in world.v1_pools.list(Query())} == {pool, other}
    world.v1_pools.delete(pool)
    with pytest.raises(NotFound):
        world.v1_pools.get(pool)


def test_a_vip_moves_to_no_pool_that_has_one(world: World, pool: str, vip: str) -> None:
    other = world.v1_pools.create("project", a_v1_pool()).pool.id
    world.vips.create("project", a_vip(other))
    with pytest.raises(VipExists):
        world.vips.update(vip, VipChanges(pool_id=other))
    with pytest.raises(NotFound):
        world.vips.update(vip, VipChanges(pool_id="00000000-0000-4000-8000-999999999999"))
    tcp = world.v1_pools.create("project", a_v1_pool(PoolProtocol.TCP)).pool.id
    with pytest.raises(ProtocolMismatch):
        world.vips.update(vip, VipChanges(pool_id=tcp))
    assert world.v1_pools.get(pool).vip_id == vip


def test_what_was_seen_of_members_is_forgotten_where_nobody_looks(world: World, pool: str, vip: str) -> None:
    member = world.v1_pools.get(pool).member_ids[0]
    seen = Health(
        load_balancer_id=balancer_of(world, vip),
        statuses={member: OperatingStatus.ERROR},
        statistics={},
    )
    world.gateway.health("host-1", [seen])
    assert world.v1_members.get(member).operating_status is OperatingStatus.ERROR
    world.vips.delete(vip)
    assert world.v1_members.get(member).operating_status is OperatingStatus.OFFLINE


# ------------------------------------------------------------------------------------------------------------- delete


def test_a_deleted_vip_takes_its_load_balancer_and_leaves_the_pool(world: World, pool: str, vip: str) -> None:
    lb = balancer_of(world, vip)
    world.vips.delete(vip)
    view = world.v1_pools.get(pool)
    assert (view.vip_id, view.pool.provisioning_status, len(view.member_ids)) == (None, P.ACTIVE, 2)
    assert view.pool.item.session_persistence is None
    assert isinstance(world.gateway.fetch("host-1", [lb])[lb], Gone)
    assert world.ports.released == []
    with pytest.raises(Immutable):
        world.vips.update(vip, VipChanges(record={"name": "late"}))
    with pytest.raises(NotFound):
        world.vips.delete(vip)
    assert world.vips.list(Query()) == []

    world.settle()
    assert world.ports.released == [lb]
    with pytest.raises(NotFound):
        world.vips.get(vip)
    assert len(world.v1_members.list(Query())) == 2


def test_the_pool_takes_another_vip_while_the_former_one_is_still_going(world: World, pool: str, vip: str) -> None:
    world.vips.delete(vip)
    again = world.vips.create("project", a_vip(pool)).listener.id
    assert len(world.gateway.assignments("host-1")) == 2
    world.settle()
    assert world.v1_pools.get(pool).vip_id == again
    assert len(world.gateway.assignments("host-1")) == 1


def test_a_pool_goes_at_once_when_its_vip_is_going(world: World, pool: str, vip: str) -> None:
    world.vips.delete(vip)
    world.v1_pools.delete(pool)
    assert world.v1_pools.list(Query()) == []
    assert world.v1_members.list(Query()) == []
    world.settle()
    assert world.gateway.assignments("host-1") == {}
    with world.context.uow.read() as transaction:
        assert transaction.bound_to("host-1") == []


# --------------------------------------------------------------------------------------------------------- by Octavia


def test_another_listener_on_the_load_balancer_stays_when_the_vip_goes(world: World, pool: str, vip: str) -> None:
    lb = balancer_of(world, vip)
    second = world.listeners.create(lb, a_listener(81)).record.id
    assert [view.listener.id for view in world.vips.list(Query())] == [vip]
    world.settle()
    world.vips.delete(vip)
    world.settle()
    assert [each.id for each in desired_of(world, lb).listeners] == [second]
    assert world.v1_pools.get(pool).vip_id is None


def test_a_pool_that_another_listener_uses_is_not_free(world: World, pool: str, vip: str) -> None:
    lb = balancer_of(world, vip)
    world.listeners.create(lb, a_listener(81, default_pool_id=pool))
    world.settle()
    world.vips.delete(vip)
    world.settle()
    assert [each.id for each in desired_of(world, lb).pools] == [pool]
    with pytest.raises(VipExists):
        world.vips.create("project", a_vip(pool, 82))


def test_a_listener_deleted_by_octavia_leaves_a_pool_that_takes_a_new_vip(world: World, pool: str, vip: str) -> None:
    lb = balancer_of(world, vip)
    world.listeners.delete(vip)
    world.settle()
    assert world.v1_pools.get(pool).vip_id is None
    again = world.vips.create("project", a_vip(pool))
    assert again.load_balancer.id != lb
    world.settle()
    assert world.v1_pools.get(pool).vip_id == again.listener.id
    assert desired_of(world, lb).pools == ()
    assert len(desired_of(world, again.load_balancer.id).members) == 2


def test_a_pool_deleted_by_octavia_leaves_a_vip_without(world: World, pool: str, vip: str) -> None:
    world.pools.delete(pool)
    world.settle()
    assert world.vips.get(vip).pool is None
    with pytest.raises(NotFound):
        world.v1_pools.get(pool)
    other = world.v1_pools.create("project", a_v1_pool()).pool.id
    assert world.vips.update(vip, VipChanges(pool_id=other)).pool is not None
    world.settle()
    assert world.v1_pools.get(other).vip_id == vip


def test_a_load_balancer_deleted_by_octavia_takes_everything(world: World, pool: str, vip: str) -> None:
    world.load_balancers.delete(balancer_of(world, vip), cascade=True)
    world.settle()
    assert (world.vips.list(Query()), world.v1_pools.list(Query())) == ([], [])
    assert world.v1_monitors.list(None)[0].associations == ()


def test_what_stands_alone_is_no_load_balancer_for_anybody(world: World, pool: str) -> None:
    view = world.pools.get(pool)
    assert view.relations.load_balancer_id is None
    with world.context.uow.read() as transaction:
        holder = transaction.owner_of(Kind.POOL, pool)
    assert holder is not None
    for action in (
        lambda: world.load_balancers.get(holder),
        lambda: world.load_balancers.update(holder, Changes()),
        lambda: world.load_balancers.delete(holder, cascade=True),
        lambda: world.load_balancers.failover(holder),
        lambda: world.load_balancers.statistics(holder),
        lambda: world.load_balancers.tree(holder),
        lambda: world.listeners.create(holder, a_listener()),
    ):
        with pytest.raises(NotFound):
            action()
    world.pools.delete(pool)
    with world.context.uow.read() as transaction:
        assert transaction.tree(holder) is None


# --------------------------------------------------------------------------------------------------------- statistics


def test_a_pool_never_shows_less_than_nothing(world: World, pool: str, vip: str) -> None:
    """Its totals are its own and its listener's, less what that one had counted for another pool before."""
    count(world, vip, 99)
    other = world.v1_pools.create("project", a_v1_pool()).pool.id
    world.vips.update(vip, VipChanges(pool_id=other))
    world.settle()
    count(world, vip, 0)  # the agent has lost its counters and begun anew
    assert world.v1_pools.statistics(other) == Statistics()
    count(world, vip, 99)
    world.listeners.update(vip, Changes(item={"default_pool_id": None}))
    world.settle()
    assert world.v1_pools.statistics(other) == Statistics()


def test_a_pools_totals_outlive_its_vips_and_are_its_own(world: World, pool: str, vip: str) -> None:
    other = world.v1_pools.create("project", a_v1_pool()).pool.id
    count(world, vip, 5)
    assert world.v1_pools.statistics(pool).total_connections == 5
    world.vips.update(vip, VipChanges(pool_id=other))
    world.settle()
    count(world, vip, 7)
    assert world.v1_pools.statistics(pool) == Statistics(bytes_in=50, bytes_out=5, total_connections=5)
    assert world.v1_pools.statistics(other) == Statistics(bytes_in=20, bytes_out=2, total_connections=2)
    world.vips.update(vip, VipChanges(pool_id=pool))
    world.settle()
    count(world, vip, 8)
    world.vips.delete(vip)
    world.settle()
    assert world.v1_pools.statistics(pool).total_connections == 6
    assert world.v1_pools.statistics(other).total_connections == 2


def test_totals_stay_where_octavias_api_takes_the_pool_away(world: World, pool: str, vip: str) -> None:
    count(world, vip, 5)
    world.listeners.update(vip, Changes(item={"default_pool_id": None}))
    assert world.v1_pools.statistics(pool).total_connections == 5
    world.settle()
    count(world, vip, 7)
    assert world.v1_pools.statistics(pool).total_connections == 5
    world.listeners.update(vip, Changes(item={"default_pool_id": pool}))
    world.settle()
    assert world.v1_pools.statistics(pool).total_connections == 5
    count(world, vip, 8)
    assert world.v1_pools.statistics(pool) == Statistics(bytes_in=60, bytes_out=6, total_connections=6)


def test_totals_stay_where_octavias_api_removes_the_vip(world: World, pool: str, vip: str) -> None:
    """It counts as long as it is there. The pool takes its totals along when it gets another VIP."""
    count(world, vip, 5)
    balancer = balancer_of(world, vip)
    world.listeners.delete(vip)
    world.gateway.health(
        "host-1",
        [Health(load_balancer_id=balancer, statuses={}, statistics={vip: Statistics(total_connections=6)})],
    )
    assert world.v1_pools.statistics(pool).total_connections == 6
    world.settle()
    assert world.v1_pools.statistics(pool).total_connections == 6
    fresh = world.vips.create("project", a_vip(pool)).listener.id
    world.settle()
    count(world, fresh, 2)
    assert world.v1_pools.statistics(pool).total_connections == 8


def test_totals_stay_where_a_pool_leaves_a_vip_that_is_going(world: World, pool: str, vip: str) -> None:
    count(world, vip, 5)
    world.listeners.delete(vip)
    world.vips.create("project", a_vip(pool))
    assert world.v1_pools.statistics(pool).total_connections == 5


def test_totals_stay_where_octavias_api_had_added_a_listener(world: World, pool: str, vip: str) -> None:
    """The VIP goes to another pool, which its former one shares the load balancer with."""
    second = world.listeners.create(balancer_of(world, vip), a_listener(port=81, default_pool_id=pool)).record.id
    world.settle()
    count(world, vip, 5)
    other = world.v1_pools.create("project", a_v1_pool()).pool.id
    world.vips.update(vip, VipChanges(pool_id=other))
    world.settle()
    assert world.v1_pools.statistics(pool).total_connections == 5
    world.listeners.delete(second)
    world.settle()
    assert world.v1_pools.statistics(pool).total_connections == 5


# -------------------------------------------------------------------------------------------------------------- agent


def test_a_renamed_agent_takes_pools_that_stand_alone_along(world: World, pool: str, vip: str) -> None:
    alone = world.v1_pools.create("project", a_v1_pool()).pool.id
    assert world.gateway.register("host-9", Registration(former="host-1")).moved == 2
    assert {world.v1_pools.agent_of(each) for each in (pool, alone)} == {"host-9"}
    world.gateway.register("host-9", Registration())
    assert {view.pool.id for view in world.v1_pools.of_agent("host-9")} == {pool, alone}
