"""Members that go from pool to pool, and monitors that pools share; on both stores."""

from typing import Any

import pytest
from tests.fakes.sample_drafts import a_member, a_monitor
from tests.fakes.v1_drafts import a_template, a_v1_pool, a_vip
from tests.unit.service.conftest import World

from evenload.model.balancer import HttpCheck, template_of
from evenload.model.desired import Desired
from evenload.model.enums import MonitorType, ProvisioningStatus
from evenload.model.errors import (
    Conflict,
    DelayOrTimeoutInvalid,
    ForeignProject,
    HealthMonitorInUse,
    Immutable,
    Invalid,
    MemberExists,
    NotFound,
    OverQuota,
    PoolInUse,
    PoolMonitorAssociationExists,
)
from evenload.model.query import Query
from evenload.service.commands import Changes, Draft

P = ProvisioningStatus


@pytest.fixture
def alone(world: World) -> str:
    return world.v1_pools.create("project", a_v1_pool()).pool.id


@pytest.fixture
def served(world: World) -> str:
    """A pool with a VIP, at rest."""
    pool = world.v1_pools.create("project", a_v1_pool()).pool.id
    world.vips.create("project", a_vip(pool))
    world.settle()
    world.hints.sent.clear()
    return pool


@pytest.fixture
def monitor(world: World) -> str:
    return world.v1_monitors.create("project", a_template()).template.id


def desired_with(world: World, pool: str) -> Desired:
    for identifier in world.gateway.assignments("host-1"):
        desired = world.gateway.fetch("host-1", [identifier])[identifier]
        if isinstance(desired, Desired) and pool in [each.id for each in desired.pools]:
            return desired
    raise AssertionError(f"no load balancer has pool {pool}")


# ------------------------------------------------------------------------------------------------------------ members


def test_the_same_place_twice_is_refused(world: World, alone: str) -> None:
    world.v1_members.create(alone, a_member())
    with pytest.raises(MemberExists):
        world.v1_members.create(alone, a_member())


def test_a_member_moves_between_pools(world: World, alone: str, served: str) -> None:
    member = world.v1_members.create(served, a_member()).id
    world.settle()
    world.hints.sent.clear()
    moved = world.v1_members.update(member, Changes(item={"weight": 7}), alone)
    assert (moved.item.pool_id, moved.item.weight, moved.provisioning_status) == (alone, 7, P.ACTIVE)
    assert desired_with(world, served).members == ()
    assert len(world.hints.sent) == 1
    assert world.v1_pools.get(served).member_ids == ()
    assert world.v1_pools.get(alone).member_ids == (member,)

    back = world.v1_members.update(member, Changes(), served)
    assert back.provisioning_status is P.PENDING_UPDATE
    world.settle()
    assert world.v1_members.get(member).provisioning_status is P.ACTIVE
    assert [each.id for each in desired_with(world, served).members] == [member]


def test_a_member_moves_to_no_place_that_is_taken(world: World, alone: str, served: str) -> None:
    member = world.v1_members.create(alone, a_member()).id
    world.v1_members.create(served, a_member())
    with pytest.raises(MemberExists):
        world.v1_members.update(member, Changes(), served)
    with pytest.raises(NotFound):
        world.v1_members.update(member, Changes(), "00000000-0000-4000-8000-999999999999")
    assert world.v1_members.get(member).item.pool_id == alone


def test_a_deleted_member_is_gone_from_a_pool_alone_and_going_elsewhere(world: World, alone: str, served: str) -> None:
    here = world.v1_members.create(alone, a_member()).id
    world.v1_members.delete(here)
    with pytest.raises(NotFound):
        world.v1_members.get(here)
    there = world.v1_members.create(served, a_member()).id
    world.v1_members.delete(there)
    assert world.v1_members.list(Query()) == []
    with pytest.raises(NotFound):
        world.v1_members.delete(there)
    with pytest.raises(Immutable):
        world.v1_members.update(there, Changes(item={"weight": 2}))
    world.v1_members.create(served, a_member())


def test_member_quota(world: World, alone: str) -> None:
    world.quotas.set("project", {"member": 1})
    member = world.v1_members.create(alone, a_member()).id
    with pytest.raises(OverQuota):
        world.v1_members.create(alone, a_member(port=81))
    world.v1_members.delete(member)
    world.v1_members.create(alone, a_member(port=81))


# -------------------------------------------------------------------------------------------------------------- pools


def test_a_pool_with_a_vip_is_in_use(world: World, served: str) -> None:
    with pytest.raises(PoolInUse):
        world.v1_pools.delete(served)
    assert world.v1_pools.get(served).pool.provisioning_status is P.ACTIVE


def test_monitors_come_and_go_with_the_list(world: World, served: str, monitor: str) -> None:
    second = world.v1_monitors.create("project", a_template(MonitorType.TCP)).template.id
    view = world.v1_pools.update(served, Changes(record={"name": "new"}), [monitor, second])
    assert [template_of(each) for each in view.monitors] == [monitor, second]
    view = world.v1_pools.update(served, Changes(), [second])
    assert [template_of(each) for each in view.monitors] == [second]
    assert [each.id for each in desired_with(world, served).monitors] == [each.id for each in view.monitors]
    with pytest.raises(NotFound):
        world.v1_pools.update(served, Changes(), [served])


def test_pool_quota_and_no_agent_leave_nothing(world: World) -> None:
    world.quotas.set("project", {"pool": 0})
    with pytest.raises(OverQuota):
        world.v1_pools.create("project", a_v1_pool())
    assert world.v1_pools.list(Query()) == []


# ----------------------------------------------------------------------------------------------------------- monitors


def test_every_association_is_a_monitor_of_its_own_pool(world: World, alone: str, served: str, monitor: str) -> None:
    second = world.v1_monitors.create("project", a_template(MonitorType.PING, fall=1)).template.id
    for pool in (alone, served):
        world.v1_pools.associate(pool, monitor)
    world.v1_pools.associate(served, second)
    desired = desired_with(world, served)
    assert [(each.type, each.fall) for each in desired.monitors] == [(MonitorType.HTTP, 3), (MonitorType.PING, 1)]
    made = world.v1_pools.get(served).monitors
    assert [(each.id, template_of(each)) for each in made] == [
        (carried.id, template) for carried, template in zip(desired.monitors, (monitor, second), strict=True)
    ]
    shown = world.v1_monitors.get(monitor)
    assert [(each.item.pool_id, each.provisioning_status) for each in shown.associations] == [
        (alone, P.ACTIVE),
        (served, P.PENDING_CREATE),
    ]
    assert [len(view.associations) for view in world.v1_monitors.list("project")] == [2, 1]
    assert world.v1_monitors.list("stranger") == []


def test_an_association_is_made_and_undone_once(world: World, served: str, monitor: str) -> None:
    world.v1_pools.associate(served, monitor)
    with pytest.raises(PoolMonitorAssociationExists):
        world.v1_pools.associate(served, monitor)
    with pytest.raises(HealthMonitorInUse):
        world.v1_monitors.delete(monitor)
    world.v1_pools.dissociate(served, monitor)
    with pytest.raises(NotFound):
        world.v1_pools.dissociate(served, monitor)
    world.v1_pools.associate(served, monitor)
    world.v1_pools.dissociate(served, monitor)
    world.v1_monitors.delete(monitor)
    with pytest.raises(NotFound):
        world.v1_monitors.get(monitor)
    with pytest.raises(NotFound):
        world.v1_pools.associate(served, monitor)


def test_a_change_reaches_every_pool(world: World, alone: str, served: str, monitor: str) -> None:
    for pool in (alone, served):
        world.v1_pools.associate(pool, monitor)
    world.settle()
    world.hints.sent.clear()
    changed = world.v1_monitors.update(monitor, {"delay": 9, "http": {"url_path": "/health"}})
    assert changed.template.http == HttpCheck(url_path="/health")
    assert [each.item.delay for each in changed.associations] == [9, 9]
    assert [each.provisioning_status for each in changed.associations] == [P.ACTIVE, P.PENDING_UPDATE]
    assert len(world.hints.sent) == 1
    assert desired_with(world, served).monitors[0].http == HttpCheck(url_path="/health")


@pytest.mark.parametrize(
    ("item", "error"),
    [
        ({"delay": 2}, DelayOrTimeoutInvalid),
        ({"timeout": 6}, DelayOrTimeoutInvalid),
        ({"http": {"method": "x"}}, Invalid),
    ],
)
def test_rules_of_templates(world: World, monitor: str, item: dict[str, Any], error: type[Exception]) -> None:
    before = world.v1_monitors.get(monitor)
    with pytest.raises(error):
        world.v1_monitors.update(monitor, item)
    assert world.v1_monitors.get(monitor) == before
    with pytest.raises(error):
        world.v1_monitors.create("project", a_template(**item))


def test_monitor_quota(world: World, monitor: str) -> None:
    world.quotas.set("project", {"health_monitor": 1})
    with pytest.raises(OverQuota):
        world.v1_monitors.create("project", a_template())
    world.quotas.reset("project")
    world.v1_monitors.create("project", a_template())


# --------------------------------------------------------------------------------------------------------- by Octavia


def test_octavia_sees_the_first_monitor_that_is_on(world: World, served: str) -> None:
    off = world.v1_monitors.create("project", a_template(admin_state_up=False)).template.id
    on = world.v1_monitors.create("project", a_template(MonitorType.TCP)).template.id
    world.v1_pools.update(served, Changes(), [off, on])
    effective = world.pools.get(served).relations.monitor_id
    assert effective == world.v1_pools.get(served).monitors[1].id
    with pytest.raises(Conflict):
        world.monitors.create(served, a_monitor())


def test_a_change_by_octavia_changes_the_template_and_every_pool(
    world: World, alone: str, served: str, monitor: str
) -> None:
    for pool in (alone, served):
        world.v1_pools.associate(pool, monitor)
    mine = world.v1_pools.get(served).monitors[0].id
    world.monitors.update(mine, Changes(item={"delay": 8}, record={"name": "only here"}))
    view = world.v1_monitors.get(monitor)
    assert view.template.delay == 8
    assert [(each.item.delay, each.name) for each in view.associations] == [(8, ""), (8, "only here")]


def test_a_monitor_made_by_octavia_is_one_of_v1_too_and_goes_with_it(world: World, served: str, alone: str) -> None:
    made = world.monitors.create(served, a_monitor(fall=4)).record.id
    view = world.v1_monitors.get(made)
    assert (view.template.fall, [each.item.pool_id for each in view.associations]) == (4, [served])
    world.v1_pools.associate(alone, made)
    world.monitors.delete(made)
    assert [each.item.pool_id for each in world.v1_monitors.get(made).associations] == [alone]
    world.monitors.delete(world.v1_pools.get(alone).monitors[0].id)
    assert world.v1_monitors.get(made).associations == ()

    other = world.monitors.create(alone, a_monitor()).record.id
    world.monitors.delete(other)
    with pytest.raises(NotFound):
        world.v1_monitors.get(other)


def test_times_that_only_octavia_allows_are_in_nobodys_way(world: World, served: str) -> None:
    made = world.monitors.create(served, a_monitor(timeout=9)).record.id
    assert world.v1_monitors.update(made, {"fall": 1}).template.fall == 1
    with pytest.raises(DelayOrTimeoutInvalid):
        world.v1_monitors.update(made, {"delay": 8})
    world.v1_monitors.update(made, {"delay": 9})


def test_members_by_octavia_are_members_here(world: World, served: str) -> None:
    member = world.members.create(served, Draft(item={"address": "10.0.9.9", "port": 80})).record.id
    assert [record.id for record in world.v1_members.list(Query())] == [member]


def test_a_monitor_of_another_project_is_not_shared(world: World, alone: str, monitor: str) -> None:
    """Or else one project's change would reach into the other's pools."""
    foreign = world.v1_monitors.create("other", a_template()).template.id
    with pytest.raises(ForeignProject):
        world.v1_pools.associate(alone, monitor, foreign)
    with pytest.raises(ForeignProject):
        world.v1_pools.update(alone, Changes(), monitor_ids=[foreign])
    with pytest.raises(ForeignProject):
        world.v1_pools.create("project", a_v1_pool(), monitor_ids=[foreign])
    assert world.v1_pools.get(alone).monitors == ()


@pytest.mark.parametrize("settled", [False, True])
def test_a_template_that_was_parted_from_its_pool_does_not_go_with_it(world: World, served: str, settled: bool) -> None:
    made = world.monitors.create(served, a_monitor()).record.id
    world.settle()
    world.v1_pools.dissociate(served, made)
    if settled:
        world.settle()
    world.load_balancers.delete(world.pools.get(served).relations.load_balancer_id or "", cascade=True)
    assert world.v1_monitors.get(made).associations == ()


@pytest.mark.parametrize("how", ["pool", "v1 pool", "load balancer"])
@pytest.mark.parametrize("shared", [False, True])
def test_the_template_of_octavias_monitor_goes_with_its_pool(
    world: World, served: str, alone: str, how: str, shared: bool
) -> None:
    """Unless another pool has it by now; one that LBaaS v1 made stays whatever happens."""
    made = world.monitors.create(served, a_monitor()).record.id
    kept = world.v1_monitors.create("project", a_template()).template.id
    world.v1_pools.associate(served, kept)
    if shared:
        world.v1_pools.associate(alone, made)
    view = world.v1_pools.get(served)
    vip = view.vip_id or ""
    match how:
        case "pool":
            world.pools.delete(served)
        case "v1 pool":
            world.vips.delete(vip)
            world.v1_pools.delete(served)
        case _:
            world.load_balancers.delete(world.vips.get(vip).load_balancer.id, cascade=True)
    world.settle()
    left = {each.template.id for each in world.v1_monitors.list("project")}
    assert left == ({kept, made} if shared else {kept})
