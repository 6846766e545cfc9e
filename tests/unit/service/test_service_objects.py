"""Use cases of listeners, pools, members and monitors, on both stores."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.fakes.sample_drafts import a_balancer, a_listener, a_member, a_monitor, a_pool
from tests.unit.service.conftest import World

from evenload.model.balancer import HttpCheck, SessionPersistence
from evenload.model.desired import Desired, Outcome
from evenload.model.enums import (
    Algorithm,
    InsertedHeader,
    ListenerProtocol,
    MonitorType,
    OperatingStatus,
    PersistenceType,
    PoolProtocol,
    ProvisioningStatus,
)
from evenload.model.errors import Conflict, Immutable, Invalid, NotFound
from evenload.model.query import Query
from evenload.model.tree import kind_of
from evenload.service.commands import Changes

P = ProvisioningStatus


@pytest.fixture
def lb(world: World) -> str:
    """A load balancer at rest."""
    identifier = world.load_balancers.create("project", a_balancer()).id
    world.settle()
    world.hints.sent.clear()
    return identifier


@pytest.fixture
def pool(world: World, lb: str) -> str:
    """An empty pool behind a listener, at rest."""
    listener = world.listeners.create(lb, a_listener()).record.id
    identifier = world.pools.create(load_balancer_id=None, listener_id=listener, draft=a_pool()).record.id
    world.settle()
    world.hints.sent.clear()
    return identifier


def statuses(world: World, lb: str) -> dict[str, str]:
    tree = world.load_balancers.tree(lb)
    return {
        f"{kind_of(record.item).value} {record.id[-2:]}": record.provisioning_status.value for record in tree.records()
    }


# ------------------------------------------------------------------------------------------------------- listeners


def test_listener_create_and_view(world: World, lb: str) -> None:
    view = world.listeners.create(lb, a_listener(80, record={"name": "web", "tags": ("a", "b")}))
    assert view.record.provisioning_status is P.PENDING_CREATE
    assert view.record.operating_status is OperatingStatus.OFFLINE
    assert view.record.project_id == "project"
    assert view.record.updated_at is None
    assert (view.record.name, view.record.tags) == ("web", ("a", "b"))
    assert view.relations.load_balancer_id == lb
    assert world.listeners.get(view.record.id) == view
    assert world.load_balancers.get(lb).record.provisioning_status is P.PENDING_UPDATE
    assert world.hints.sent == [("host-1", lb, 2)]


def test_listener_port_space_is_shared_and_freed_at_once(world: World, lb: str) -> None:
    first = world.listeners.create(lb, a_listener(80, ListenerProtocol.HTTP)).record.id
    with pytest.raises(Conflict) as caught:
        world.listeners.create(lb, a_listener(80, ListenerProtocol.TCP))
    assert caught.value.field == "port"
    world.listeners.delete(first)
    assert world.listeners.create(lb, a_listener(80, ListenerProtocol.TCP)).record.id != first


def test_listener_rules_name_the_field(world: World, lb: str) -> None:
    for draft, field in [
        (a_listener(443, ListenerProtocol.HTTPS, insert_headers=(InsertedHeader.X_FORWARDED_FOR,)), "insert_headers"),
        (a_listener(80, allowed_cidrs=("2001:db8::/32",)), "allowed_cidrs"),
    ]:
        with pytest.raises(Invalid) as caught:
            world.listeners.create(lb, draft)
        assert caught.value.field == field
    assert world.listeners.list(Query()).views == ()


def test_default_pool_must_be_of_the_same_load_balancer_and_fit(world: World, lb: str, pool: str) -> None:
    other = world.load_balancers.create("project", a_balancer()).id
    with pytest.raises(NotFound) as caught:
        world.listeners.create(other, a_listener(default_pool_id=pool))
    assert (caught.value.kind, caught.value.field) == ("Pool", "default_pool_id")
    with pytest.raises(Invalid) as invalid:
        world.listeners.create(lb, a_listener(443, ListenerProtocol.HTTPS, default_pool_id=pool))
    assert invalid.value.field == "default_pool_id"


def test_null_goes_back_to_the_default(world: World, lb: str) -> None:
    draft = a_listener(timeout_client_data=1, connection_limit=5, allowed_cidrs=("10.0.0.0/8",))
    identifier = world.listeners.create(lb, draft).record.id
    nulls = dict.fromkeys(("timeout_client_data", "connection_limit", "allowed_cidrs"))
    item = world.listeners.update(identifier, Changes(item=nulls, record={"name": None})).record.item
    assert (item.timeout_client_data, item.connection_limit, item.allowed_cidrs) == (50_000, -1, ())


def test_unknown_ids_have_words_for_people(world: World, lb: str, pool: str) -> None:
    actions: dict[str, Callable[[], object]] = {
        "Load Balancer": lambda: world.load_balancers.get("none"),
        "Listener": lambda: world.listeners.update("none", Changes()),
        "Pool": lambda: world.pools.delete("none"),
        "Member": lambda: world.members.get(pool, "none"),
        "Health Monitor": lambda: world.monitors.delete("none"),
    }
    for word, action in actions.items():
        with pytest.raises(NotFound, match=f"^{word} none not found.$"):
            action()


def test_same_tag_twice_is_a_conflict(world: World, lb: str) -> None:
    with pytest.raises(Conflict) as caught:
        world.listeners.create(lb, a_listener(record={"tags": ("a", "a")}))
    assert caught.value.field == "tags"


# ------------------------------------------------------------------------------------------------------------ pools


def test_second_default_pool_is_a_conflict(world: World, lb: str, pool: str) -> None:
    listener = world.listeners.list(Query()).views[0].record.id
    with pytest.raises(Conflict) as caught:
        world.pools.create(load_balancer_id=lb, listener_id=listener, draft=a_pool())
    assert caught.value.field == "listener_id"


def test_both_parents_are_checked(world: World, lb: str) -> None:
    listener = world.listeners.create(lb, a_listener(443, ListenerProtocol.HTTPS)).record.id
    with pytest.raises(Invalid) as caught:
        world.pools.create(load_balancer_id=lb, listener_id=listener, draft=a_pool(PoolProtocol.HTTP))
    assert caught.value.field == "protocol"
    other = world.load_balancers.create("project", a_balancer()).id
    with pytest.raises(NotFound, match="Listener"):
        world.pools.create(load_balancer_id=other, listener_id=listener, draft=a_pool(PoolProtocol.TCP))
    with pytest.raises(Invalid):
        world.pools.create(load_balancer_id=None, listener_id=None, draft=a_pool())


def test_pool_change_marks_its_listeners(world: World, lb: str, pool: str) -> None:
    world.pools.update(pool, Changes(item={"algorithm": Algorithm.SOURCE_IP}))
    assert set(statuses(world, lb).values()) == {"PENDING_UPDATE"}
    world.settle()
    assert set(statuses(world, lb).values()) == {"ACTIVE"}


def test_deleting_a_pool_detaches_it_and_takes_its_children(world: World, lb: str, pool: str) -> None:
    world.members.create(pool, a_member())
    world.monitors.create(pool, a_monitor())
    world.settle()
    world.pools.delete(pool)
    tree = world.load_balancers.tree(lb)
    assert [record.item.default_pool_id for record in tree.listeners.values()] == [None]
    children = {kind_of(record.item).value: record.provisioning_status for record in tree.records() if record.deleting}
    assert children == dict.fromkeys(("pool", "member", "health_monitor"), P.PENDING_DELETE)
    desired = world.gateway.fetch("host-1", [lb])[lb]
    assert isinstance(desired, Desired)
    assert (desired.pools, desired.members, desired.monitors) == ((), (), ())
    with pytest.raises(Immutable):
        world.members.create(pool, a_member("10.0.1.9"))
    with pytest.raises(Immutable):
        world.listeners.create(lb, a_listener(81, default_pool_id=pool))
    world.pools.delete(pool)
    world.settle()
    tree = world.load_balancers.tree(lb)
    assert (tree.pools, tree.members, tree.monitors) == ({}, {}, {})
    with pytest.raises(NotFound):
        world.pools.get(pool)


def test_session_persistence_is_merged(world: World, pool: str) -> None:
    def change(value: object) -> SessionPersistence | None:
        changes = Changes(item={"session_persistence": value})
        return world.pools.update(pool, changes).record.item.session_persistence

    app = SessionPersistence(type=PersistenceType.APP_COOKIE, cookie_name="JSESSIONID")
    assert change(app) == app
    assert change({}) == app
    assert change({"cookie_name": "other"}) == replace(app, cookie_name="other")
    assert change({"type": PersistenceType.SOURCE_IP}) == SessionPersistence(type=PersistenceType.SOURCE_IP)
    assert change(None) is None
    for wrong in (
        SessionPersistence(type=PersistenceType.APP_COOKIE),
        SessionPersistence(type=PersistenceType.APP_COOKIE, cookie_name="a b"),
        SessionPersistence(type=PersistenceType.HTTP_COOKIE, cookie_name="a"),
    ):
        with pytest.raises(Invalid) as caught:
            change(wrong)
        assert caught.value.field == "cookie_name"


def test_pool_with_members_and_monitor_at_once(world: World, lb: str) -> None:
    draft = a_pool(members=(a_member(), a_member("10.0.1.2")), monitor=a_monitor())
    view = world.pools.create(load_balancer_id=lb, listener_id=None, draft=draft)
    assert len(view.relations.member_ids) == 2
    assert view.relations.monitor_id is not None
    assert world.pools.get(view.record.id) == view


# ---------------------------------------------------------------------------------------------------------- members


def test_member_statuses(world: World, lb: str, pool: str) -> None:
    first = world.members.create(pool, a_member()).record
    assert first.operating_status is OperatingStatus.NO_MONITOR
    disabled = world.members.create(pool, a_member("10.0.1.2", admin_state_up=False)).record
    assert disabled.operating_status is OperatingStatus.OFFLINE
    monitor = world.monitors.create(pool, a_monitor()).record
    assert monitor.operating_status is OperatingStatus.OFFLINE
    watched = world.members.create(pool, a_member("10.0.1.3")).record
    assert watched.operating_status is OperatingStatus.OFFLINE
    world.settle()
    assert world.monitors.get(monitor.id).record.operating_status is OperatingStatus.ONLINE
    world.monitors.delete(monitor.id)
    world.settle()
    found = [view.record.operating_status for view in world.members.list(pool, Query()).views]
    assert found == [OperatingStatus.NO_MONITOR, OperatingStatus.OFFLINE, OperatingStatus.NO_MONITOR]


def test_member_rules(world: World, lb: str, pool: str) -> None:
    world.members.create(pool, a_member("::ffff:203.0.113.9"))
    with pytest.raises(Conflict) as conflict:
        world.members.create(pool, a_member("203.0.113.9"))
    assert conflict.value.field == "address"
    vip = world.load_balancers.get(lb).record.item.vips[0].address
    for draft, field in [
        (a_member("169.254.169.254"), "address"),
        (a_member(monitor_address="::ffff:127.0.0.1"), "monitor_address"),
        (a_member(subnet_id="elsewhere"), "subnet_id"),
        (a_member(vip, 80), "address"),
        (a_member(f"::ffff:{vip}", 80), "address"),
        (a_member("2001:db8::1"), "address"),
        (a_member(monitor_address="2001:db8::1"), "monitor_address"),
    ]:
        with pytest.raises(Invalid) as caught:
            world.members.create(pool, draft)
        assert caught.value.field == field
    looping = world.members.create(pool, a_member(vip, 81)).record
    with pytest.raises(Invalid) as caught:
        world.listeners.create(lb, a_listener(81))
    assert caught.value.field == "port"
    world.members.delete(pool, looping.id)
    world.listeners.create(lb, a_listener(81))


def test_member_belongs_to_its_pool(world: World, lb: str, pool: str) -> None:
    member = world.members.create(pool, a_member()).record.id
    other = world.pools.create(load_balancer_id=lb, listener_id=None, draft=a_pool()).record.id
    for action in (
        lambda: world.members.get(other, member),
        lambda: world.members.update(other, member, Changes(item={"weight": 3})),
        lambda: world.members.delete(other, member),
    ):
        with pytest.raises(NotFound, match="Member"):
            action()
    assert [view.record.id for view in world.members.list(pool, Query()).views] == [member]
    assert world.members.list(other, Query()).views == ()
    with pytest.raises(NotFound, match="Pool"):
        world.members.list("none", Query())


def test_weight_is_one_generation_and_one_hint(world: World, lb: str, pool: str) -> None:
    member = world.members.create(pool, a_member()).record.id
    world.settle()
    world.hints.sent.clear()
    before = world.load_balancers.tree(lb)
    view = world.members.update(pool, member, Changes(item={"weight": 7}))
    after = world.load_balancers.tree(lb)
    assert after.generation == before.generation + 1
    assert world.hints.sent == [("host-1", lb, after.generation)]
    assert view.record.item.weight == 7
    assert view.record.provisioning_status is P.PENDING_UPDATE
    assert view == world.members.get(pool, member)
    assert set(statuses(world, lb).values()) == {"PENDING_UPDATE"}


def test_replace_members(world: World, lb: str, pool: str) -> None:
    kept = world.members.create(pool, a_member("10.0.1.1", weight=5, record={"name": "kept"})).record.id
    gone = world.members.create(pool, a_member("10.0.1.2")).record.id
    world.settle()
    world.members.replace(
        pool, [a_member("10.0.1.1", weight=9), a_member("10.0.1.3"), a_member("10.0.1.4")], additive_only=False
    )
    tree = world.load_balancers.tree(lb)
    assert (tree.members[kept].item.weight, tree.members[kept].name) == (9, "kept")
    assert tree.members[kept].provisioning_status is P.PENDING_UPDATE
    assert tree.members[gone].deleting
    world.settle()
    addresses = [view.record.item.address for view in world.members.list(pool, Query()).views]
    assert addresses == ["10.0.1.1", "10.0.1.3", "10.0.1.4"]


def test_replace_without_difference_writes_nothing(world: World, lb: str, pool: str) -> None:
    world.members.create(pool, a_member("10.0.1.1", weight=5))
    world.settle()
    world.hints.sent.clear()
    before = world.load_balancers.tree(lb)
    world.members.replace(pool, [a_member("10.0.1.1")], additive_only=False)
    world.members.replace(pool, [], additive_only=True)
    assert world.load_balancers.tree(lb) == before
    assert world.hints.sent == []
    world.members.replace(pool, [], additive_only=False)
    world.settle()
    assert world.load_balancers.tree(lb).members == {}


def test_replace_is_all_or_nothing(world: World, lb: str, pool: str) -> None:
    world.members.create(pool, a_member("10.0.1.1"))
    before = world.load_balancers.tree(lb)
    twice_new = [a_member("10.0.1.7"), a_member("10.0.1.7")]
    twice_known = [a_member("10.0.1.1"), a_member("10.0.1.1", weight=3)]
    for drafts, error in [(twice_new, Conflict), (twice_known, Invalid), ([a_member("127.0.0.1")], Invalid)]:
        with pytest.raises(error) as caught:
            world.members.replace(pool, drafts, additive_only=True)
        assert caught.value.field == "address"
    assert world.load_balancers.tree(lb) == before


# --------------------------------------------------------------------------------------------------------- monitors


def test_monitor_http_options(world: World, pool: str) -> None:
    identifier = world.monitors.create(pool, a_monitor(MonitorType.HTTPS)).record.id
    assert world.monitors.get(identifier).record.item.http == HttpCheck()

    def change(**http: object) -> HttpCheck | None:
        return world.monitors.update(identifier, Changes(item={"http": http})).record.item.http

    assert change(url_path="/up", method="HEAD") == HttpCheck(url_path="/up", method="HEAD")
    assert change(method=None) == HttpCheck(url_path="/up")
    with pytest.raises(Invalid) as caught:
        change(domain_name="a.example")
    assert caught.value.field == "domain_name"
    full = HttpCheck(url_path="/up", version="1.1", domain_name="a.example")
    assert change(domain_name="a.example", version="1.1") == full
    with pytest.raises(Conflict) as conflict:
        world.monitors.create(pool, a_monitor(MonitorType.TCP))
    assert conflict.value.field == "pool_id"


def test_monitor_without_http(world: World, pool: str) -> None:
    with pytest.raises(Invalid) as caught:
        world.monitors.create(pool, a_monitor(MonitorType.TCP, http={"url_path": "/"}))
    assert caught.value.field == "url_path"
    with pytest.raises(Invalid) as caught:
        world.monitors.create(pool, a_monitor(MonitorType.PING, http=HttpCheck()))
    assert caught.value.field == "http"
    identifier = world.monitors.create(pool, a_monitor(MonitorType.PING, http=None)).record.id
    assert world.monitors.get(identifier).record.item.http is None
    with pytest.raises(Invalid) as caught:
        world.monitors.update(identifier, Changes(item={"http": {"method": "GET"}}))
    assert caught.value.field == "method"


def test_new_monitor_while_the_old_one_is_going(world: World, pool: str) -> None:
    old = world.monitors.create(pool, a_monitor()).record.id
    world.settle()
    world.monitors.delete(old)
    new = world.monitors.create(pool, a_monitor(MonitorType.TCP)).record.id
    assert world.pools.get(pool).relations.monitor_id == new
    world.settle()
    assert [view.record.id for view in world.monitors.list(Query()).views] == [new]


# ------------------------------------------------------------------------------------------- changes while pending


def test_change_of_what_is_being_created_is_folded_in(world: World, lb: str) -> None:
    listener = world.listeners.create(lb, a_listener()).record
    view = world.listeners.update(listener.id, Changes(item={"connection_limit": 10}))
    assert view.record.provisioning_status is P.PENDING_CREATE
    world.report(lb, listener.generation)
    assert world.listeners.get(listener.id).record.provisioning_status is P.PENDING_CREATE
    assert world.load_balancers.get(lb).record.provisioning_status is P.PENDING_UPDATE
    world.report(lb, view.record.generation)
    assert world.listeners.get(listener.id).record.provisioning_status is P.ACTIVE
    assert world.load_balancers.get(lb).record.provisioning_status is P.ACTIVE


def test_failed_child_is_repaired_or_deleted(world: World, lb: str) -> None:
    listener = world.listeners.create(lb, a_listener()).record
    world.report(lb, listener.generation, Outcome.GIVE_UP, "no such luck")
    failed = world.listeners.get(listener.id).record
    assert (failed.provisioning_status, failed.fault) == (P.ERROR, "no such luck")
    assert world.load_balancers.get(lb).record.provisioning_status is P.ERROR
    world.listeners.delete(listener.id)
    world.report(lb, listener.generation + 1, Outcome.GIVE_UP, "still not")
    assert world.listeners.get(listener.id).record.provisioning_status is P.ERROR
    with pytest.raises(Immutable):
        world.listeners.update(listener.id, Changes())
    world.listeners.delete(listener.id)
    assert world.listeners.get(listener.id).record.provisioning_status is P.PENDING_DELETE
    world.settle()
    with pytest.raises(NotFound):
        world.listeners.get(listener.id)
    assert world.load_balancers.get(lb).record.provisioning_status is P.ACTIVE
