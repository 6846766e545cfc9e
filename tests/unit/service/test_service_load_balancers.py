"""Use cases of load balancers, from creation with everything to the last report, on both stores."""

from dataclasses import replace

import pytest
from tests.contract.samples import new_id
from tests.fakes.clock import StillClock
from tests.fakes.ports import CountingPorts
from tests.fakes.sample_drafts import a_balancer, a_listener, a_member, a_monitor, a_pool
from tests.unit.service.conftest import World

from evenload.interfaces.ports import VipRequest
from evenload.interfaces.store import UnitOfWork
from evenload.model.balancer import HttpCheck
from evenload.model.desired import Desired, Gone, Outcome, Statistics
from evenload.model.enums import ListenerProtocol, MonitorType, ProvisioningStatus
from evenload.model.errors import Conflict, Immutable, Invalid, NoHost, NotFound, Rejected
from evenload.model.placement import alone_on
from evenload.model.query import Query
from evenload.model.registration import Registration
from evenload.service.commands import BalancerDraft, Changes, PoolName
from evenload.service.context import Context
from evenload.service.load_balancers import LoadBalancers
from evenload.service.vip_ports import VipPorts

P = ProvisioningStatus


def test_create_alone(world: World) -> None:
    tree = world.load_balancers.create("project", a_balancer())
    record = tree.load_balancer
    assert (record.provisioning_status, record.operating_status.value) == (P.PENDING_CREATE, "OFFLINE")
    assert (tree.generation, tree.placements) == (1, alone_on("host-1"))
    assert record.item.vips[0].address == "10.0.0.1"
    assert world.load_balancers.tree(tree.id) == tree
    assert world.load_balancers.get(tree.id).record == record
    assert world.hints.sent == [("host-1", tree.id, 1)]
    world.settle()
    assert world.load_balancers.get(tree.id).record.provisioning_status is P.ACTIVE


def test_create_with_everything(world: World) -> None:
    tree = world.load_balancers.create(
        "project",
        a_balancer(
            listeners=(
                a_listener(80, default_pool=PoolName(name="late")),
                a_listener(81, default_pool=a_pool(record={"name": "late"}, members=(a_member(),))),
                a_listener(82, default_pool=PoolName(name="alone")),
                a_listener(83),
            ),
            pools=(
                a_pool(record={"name": "alone"}, members=(a_member("10.0.1.5"), a_member("10.0.1.4"))),
                a_pool(monitor=a_monitor(MonitorType.HTTP)),
            ),
        ),
    )
    assert world.load_balancers.tree(tree.id) == tree
    assert {record.generation for record in tree.records()} == {1}
    assert {record.provisioning_status for record in tree.records()} == {P.PENDING_CREATE}
    assert {record.project_id for record in tree.records()} == {"project"}
    names = {
        record.item.port: tree.pools[record.item.default_pool_id].name if record.item.default_pool_id else None
        for record in tree.listeners.values()
    }
    assert names == {80: "late", 81: "late", 82: "alone", 83: None}
    alone = next(record for record in tree.pools.values() if record.name == "alone")
    listed = world.members.list(alone.id, Query()).views
    assert [view.record.item.address for view in listed] == ["10.0.1.5", "10.0.1.4"]
    assert [record.item.http for record in tree.monitors.values()] == [HttpCheck()]
    desired = world.gateway.fetch("host-1", [tree.id])[tree.id]
    assert isinstance(desired, Desired)
    assert (len(desired.listeners), len(desired.pools), len(desired.members), len(desired.monitors)) == (4, 3, 3, 1)
    world.report(tree.id, 1)
    assert {record.provisioning_status for record in world.load_balancers.tree(tree.id).records()} == {P.ACTIVE}


@pytest.mark.parametrize(
    ("draft", "error", "field"),
    [
        (a_balancer(listeners=(a_listener(80), a_listener(80, ListenerProtocol.TCP))), Conflict, "port"),
        (a_balancer(listeners=(a_listener(default_pool=PoolName(name="none")),)), Invalid, "default_pool"),
        (a_balancer(pools=(a_pool(record={"name": "a"}), a_pool(record={"name": "a"}))), Invalid, "name"),
        (a_balancer(listeners=(a_listener(default_pool_id="elsewhere"),)), NotFound, "default_pool_id"),
        (a_balancer(pools=(a_pool(members=(a_member(), a_member())),)), Conflict, "address"),
        (a_balancer(pools=(a_pool(members=(a_member("fe80::1"),)),)), Invalid, "address"),
        (a_balancer(pools=(a_pool(members=(a_member(subnet_id="x"),)),)), Invalid, "subnet_id"),
        (a_balancer(pools=(a_pool(monitor=a_monitor(http={"version": "2"})),)), Invalid, "version"),
        (a_balancer(listeners=(a_listener(443, ListenerProtocol.HTTPS, default_pool=a_pool()),)), Invalid, None),
        (a_balancer(pools=(a_pool(record={"tags": ("a", "a")}),)), Conflict, "tags"),
        (a_balancer(vip=VipRequest(subnet_id="x")), Invalid, "subnet_id"),
    ],
)
def test_create_is_all_or_nothing(world: World, draft: BalancerDraft, error: type[Rejected], field: str | None) -> None:
    with pytest.raises(error) as caught:
        world.load_balancers.create("project", draft)
    assert field in (None, caught.value.field)
    for found in (
        world.load_balancers.list(Query()),
        world.listeners.list(Query()),
        world.pools.list(Query()),
        world.monitors.list(Query()),
    ):
        assert found.views == ()
    assert world.hints.sent == []


def test_without_any_agent_there_is_no_host(uow: UnitOfWork) -> None:
    ports, clock = CountingPorts(), StillClock()
    context = Context(uow=uow, ports=VipPorts(uow, ports, clock, new_id), clock=clock, new_id=new_id)
    with pytest.raises(NoHost):
        LoadBalancers(context).create("project", a_balancer())
    assert ports.made == []


def test_work_is_spread_over_agents(world: World) -> None:
    world.gateway.register("host-2", Registration())
    agents = [world.load_balancers.create("project", a_balancer()).home for _ in range(4)]
    assert agents == ["host-1", "host-2", "host-1", "host-2"]


def test_update_goes_through_the_agent_even_for_a_name(world: World) -> None:
    identifier = world.load_balancers.create("project", a_balancer()).id
    world.settle()
    world.clock.advance(5)
    view = world.load_balancers.update(identifier, Changes(record={"name": "new", "tags": ("t",)}))
    assert (view.record.name, view.record.tags) == ("new", ("t",))
    assert view.record.provisioning_status is P.PENDING_UPDATE
    assert view.record.updated_at == world.clock.now()
    assert world.load_balancers.get(identifier) == view
    world.settle()
    assert world.load_balancers.get(identifier).record.provisioning_status is P.ACTIVE


def test_disabled_is_offline_once_applied(world: World) -> None:
    identifier = world.load_balancers.create("project", a_balancer(listeners=(a_listener(),))).id
    world.settle()
    world.load_balancers.update(identifier, Changes(item={"admin_state_up": False}))
    world.settle()
    assert world.load_balancers.get(identifier).record.operating_status.value == "OFFLINE"
    desired = world.gateway.fetch("host-1", [identifier])[identifier]
    assert isinstance(desired, Desired)
    assert not desired.load_balancer.admin_state_up


def test_failover_is_another_incarnation(world: World) -> None:
    identifier = world.load_balancers.create("project", a_balancer(listeners=(a_listener(),))).id
    world.settle()
    world.load_balancers.failover(identifier)
    tree = world.load_balancers.tree(identifier)
    assert (tree.load_balancer.item.incarnation, tree.generation) == (2, 2)
    assert tree.load_balancer.provisioning_status is P.PENDING_UPDATE
    assert {record.provisioning_status for record in tree.listeners.values()} == {P.ACTIVE}


def test_delete_needs_cascade_while_there_are_children(world: World) -> None:
    identifier = world.load_balancers.create("project", a_balancer(listeners=(a_listener(),), pools=(a_pool(),))).id
    with pytest.raises(Invalid):
        world.load_balancers.delete(identifier, cascade=False)
    for listener in world.listeners.list(Query()).views:
        world.listeners.delete(listener.record.id)
    for pool in world.pools.list(Query()).views:
        world.pools.delete(pool.record.id)
    world.load_balancers.delete(identifier, cascade=False)
    assert world.load_balancers.get(identifier).record.provisioning_status is P.PENDING_DELETE


def test_delete_from_every_state_and_release_only_in_the_end(world: World) -> None:
    draft = a_balancer(listeners=(a_listener(default_pool=a_pool(members=(a_member(),))),))
    tree = world.load_balancers.create("project", draft)
    world.load_balancers.delete(tree.id, cascade=True)
    deleting = world.load_balancers.tree(tree.id)
    assert {record.provisioning_status for record in deleting.records()} == {P.PENDING_DELETE}
    assert all(record.deleting for record in deleting.records())
    listener = next(iter(tree.listeners))
    for action in (
        lambda: world.load_balancers.update(tree.id, Changes()),
        lambda: world.load_balancers.failover(tree.id),
        lambda: world.listeners.create(tree.id, a_listener(99)),
        lambda: world.listeners.update(listener, Changes()),
    ):
        with pytest.raises(Immutable):
            action()
    world.load_balancers.delete(tree.id, cascade=False)
    world.listeners.delete(listener)
    assert world.gateway.fetch("host-1", [tree.id])[tree.id] == Gone(load_balancer_id=tree.id, generation=2)

    world.report(tree.id, 1)  # of the time before the deletion
    assert world.load_balancers.tree(tree.id) == replace(deleting, placements=alone_on("host-1", 1))
    world.report(tree.id, 2, Outcome.GIVE_UP, "the namespace is busy")
    record = world.load_balancers.get(tree.id).record
    assert (record.provisioning_status, record.fault) == (P.ERROR, "the namespace is busy")
    assert world.ports.released == []
    world.load_balancers.delete(tree.id, cascade=True)
    assert world.load_balancers.get(tree.id).record.provisioning_status is P.PENDING_DELETE
    world.settle()
    assert world.ports.released == [tree.id]
    with pytest.raises(NotFound):
        world.load_balancers.get(tree.id)
    assert world.gateway.assignments("host-1") == {}
    world.report(tree.id, 3)  # doubled
    assert world.ports.released == [tree.id]
    assert world.gateway.fetch("host-1", [tree.id])[tree.id] == Gone(load_balancer_id=tree.id)


def test_statistics_are_summed(world: World) -> None:
    identifier = world.load_balancers.create("project", a_balancer(listeners=(a_listener(80), a_listener(81)))).id
    assert world.load_balancers.statistics(identifier) == Statistics()
    for listener in world.load_balancers.tree(identifier).listeners:
        assert world.listeners.statistics(listener) == Statistics()
    for action in (world.load_balancers.statistics, world.listeners.statistics):
        with pytest.raises(NotFound):
            action("none")
