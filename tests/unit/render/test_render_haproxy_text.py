"""Which changes of a desired state the runtime API can make, and which need a reload."""

from dataclasses import replace

import pytest
from tests.fakes.tls import some_authorities
from tests.unit.render.desired_for_render import (
    FURTHER_MONITOR,
    HTTP_MONITOR,
    MONITOR,
    PING_MONITOR,
    app_cookie,
    make_desired,
    member,
    text_of,
)

from evenload.model.balancer import HealthMonitor, Member, SessionPersistence
from evenload.model.desired import Desired
from evenload.model.enums import PersistenceType
from evenload.model.tls import PoolTls
from evenload.render.haproxy_text import (
    AddServer,
    Equal,
    Reload,
    RemoveServer,
    Runtime,
    SetState,
    SetWeight,
    plan_difference,
    split,
)

BEFORE = make_desired(member("one"), member("two", last=12), monitor=MONITOR)


def difference(before: Desired, after: Desired) -> object:
    return plan_difference(text_of(before, worker=3), text_of(after, worker=7))


def test_a_server_comes_at_run_time_where_the_files_that_it_names_were_read() -> None:
    pools = tuple(replace(pool, tls=PoolTls(authorities=some_authorities())) for pool in BEFORE.pools)
    secure = replace(BEFORE, pools=pools)
    empty, one, both = (replace(secure, members=secure.members[:count]) for count in range(3))
    assert difference(empty, one) == Reload("server one needs a file that was not read")
    found = difference(one, both)
    assert isinstance(found, Runtime)
    [added] = found.changes
    assert isinstance(added, AddServer)
    assert added.server.speaks_tls
    assert isinstance(difference(BEFORE, secure), Reload)


def test_the_worker_does_not_count() -> None:
    assert difference(BEFORE, BEFORE) == Equal()


def test_the_order_of_servers_does_not_count() -> None:
    assert difference(BEFORE, replace(BEFORE, members=BEFORE.members[::-1])) == Equal()


def test_a_skeleton_holds_no_servers_and_names_no_worker() -> None:
    parts = split(text_of(BEFORE, worker=12))
    assert "    server " not in parts.skeleton
    assert "haproxy-0.sock" in parts.skeleton
    assert list(parts.servers) == [("app", "one"), ("app", "two")]


def test_weights_states_and_members_change_at_run_time() -> None:
    after = make_desired(
        member("one", weight=0),
        member("two", last=12, admin_state_up=False),
        member("three", last=13, weight=7),
        monitor=MONITOR,
    )
    three = split(text_of(after)).servers["app", "three"]
    assert difference(BEFORE, after) == Runtime(
        (SetWeight("app", "one", 0), SetState("app", "two", True, True), AddServer(three))
    )
    back = difference(after, BEFORE)
    assert back == Runtime(
        (SetWeight("app", "one", 1), SetState("app", "two", False, True), RemoveServer("app", "three"))
    )


def test_a_member_is_added_before_another_is_removed() -> None:
    only = make_desired(member("one"))
    other = make_desired(member("two", last=12))
    assert difference(only, other) == Runtime(
        (AddServer(split(text_of(other)).servers["app", "two"]), RemoveServer("app", "one"))
    )


def test_the_last_member_goes_and_the_first_comes_at_run_time() -> None:
    assert difference(make_desired(member("one")), make_desired()) == Runtime((RemoveServer("app", "one"),))
    assert isinstance(difference(make_desired(), make_desired(member("one"))), Runtime)


@pytest.mark.parametrize(("kind", "dynamic"), [(PersistenceType.HTTP_COOKIE, True), (PersistenceType.SOURCE_IP, False)])
def test_a_server_in_a_backend_with_cookies_of_ours_needs_one(kind: PersistenceType, dynamic: bool) -> None:
    kept = SessionPersistence(type=kind)
    found = difference(make_desired(persistence=kept), make_desired(member("one"), persistence=kept))
    assert isinstance(found, Runtime)
    [added] = found.changes
    assert isinstance(added, AddServer)
    assert added.dynamic_cookie is dynamic


@pytest.mark.parametrize(
    "monitor",
    [None, replace(MONITOR, delay=6), replace(MONITOR, rise=5), HTTP_MONITOR, PING_MONITOR],
    ids=["none", "delay", "rise", "http", "ping"],
)
def test_another_monitor_needs_a_reload(monitor: HealthMonitor | None) -> None:
    after = make_desired(*BEFORE.members, monitor=monitor)
    assert isinstance(difference(BEFORE, after), Reload)


def test_the_pace_of_pings_is_no_business_of_haproxy() -> None:
    before = make_desired(member("one"), monitor=PING_MONITOR)
    assert difference(before, replace(before, monitors=(replace(PING_MONITOR, delay=9),))) == Equal()


def test_removing_a_ping_monitor_is_seen() -> None:
    assert isinstance(
        difference(make_desired(member("one"), monitor=PING_MONITOR), make_desired(member("one"))), Reload
    )


@pytest.mark.parametrize(
    "changed",
    [member("one", backup=True), member("one", monitor_port=99), member("one", port=81)],
    ids=["backup", "monitor_port", "port"],
)
def test_other_properties_of_a_member_need_a_reload(changed: Member) -> None:
    after = replace(BEFORE, members=(changed, BEFORE.members[1]))
    assert difference(BEFORE, after) == Reload("server one changed beyond weight and state")


def test_a_reload_says_why() -> None:
    web = BEFORE.listeners[0]
    another = replace(web, id="more", port=81)
    assert difference(BEFORE, replace(BEFORE, listeners=(web, another))) == Reload("frontend more came")
    raised = replace(BEFORE, listeners=(replace(web, timeout_client_data=1),))
    assert difference(BEFORE, raised) == Reload("frontend web changed")
    moved = replace(BEFORE, listeners=(replace(web, timeout_member_data=1),))
    assert difference(BEFORE, moved) == Reload("backend app changed")
    stuck = make_desired(*BEFORE.members, monitor=MONITOR, persistence=app_cookie("ID"))
    assert difference(BEFORE, stuck) == Reload("peers local came")
    assert difference(stuck, BEFORE) == Reload("peers local went")


def test_a_text_that_is_not_ours_is_replaced() -> None:
    found = plan_difference("backend x\n    server broken\n", text_of(BEFORE))
    assert isinstance(found, Reload)


def test_the_id_of_a_server_depends_on_the_member_alone() -> None:
    alone = split(text_of(make_desired(member("one")))).servers["app", "one"]
    together = split(text_of(make_desired(member("two", last=12), member("one")))).servers["app", "one"]
    assert alone == together
    assert 0 < int(alone.word_after("id") or 0) < 1 << 20


def test_ids_within_a_backend_differ() -> None:
    members = [member(f"m{number}", port=1000 + number) for number in range(3000)]  # collisions are certain
    servers = split(text_of(make_desired(*members))).servers.values()
    assert len({server.word_after("id") for server in servers}) == 3000


SEVERAL = make_desired(member("one"), member("two", last=12), monitor=MONITOR, monitors=(FURTHER_MONITOR,))


def test_members_under_several_monitors_change_at_run_time() -> None:
    after = replace(SEVERAL, members=(member("one", weight=9, admin_state_up=False), member("three", last=13)))
    servers, check = split(text_of(after)).servers, "app:check:further"
    assert difference(SEVERAL, after) == Runtime(
        (
            SetWeight("app", "one", 9),
            SetState("app", "one", True, True),
            AddServer(servers["app", "three"]),
            SetState(check, "one", True, True),
            AddServer(servers[check, "three"]),
            RemoveServer("app", "two"),
            RemoveServer(check, "two"),
        )
    )


@pytest.mark.parametrize(
    "monitors",
    [(MONITOR,), (MONITOR, replace(FURTHER_MONITOR, delay=9)), (MONITOR, PING_MONITOR), (PING_MONITOR,)],
    ids=["gone", "delay", "ping", "only ping"],
)
def test_other_monitors_need_a_reload(monitors: tuple[HealthMonitor, ...]) -> None:
    assert isinstance(difference(SEVERAL, replace(SEVERAL, monitors=monitors)), Reload)


def test_one_ping_monitor_more_is_no_business_of_haproxy() -> None:
    assert difference(SEVERAL, replace(SEVERAL, monitors=(*SEVERAL.monitors, PING_MONITOR))) == Equal()
