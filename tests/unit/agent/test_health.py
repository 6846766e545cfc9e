"""From HAProxy's words to operating statuses."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from tests.fakes.desired import (
    BALANCER,
    changed,
    disabled,
    ip,
    listener,
    make_desired,
    member,
    monitor,
    pool,
    port,
    uuid,
    verdicts,
)

from evenload.agent.health import Statuses, judge
from evenload.model.desired import Desired, ProxyStatistics, Statistics
from evenload.model.enums import MonitorType, OperatingStatus
from evenload.model.verdict import Verdict, Verdicts

ONLINE, OFFLINE = OperatingStatus.ONLINE, OperatingStatus.OFFLINE
DEGRADED, ERROR = OperatingStatus.DEGRADED, OperatingStatus.ERROR
DRAINING, NO_MONITOR = OperatingStatus.DRAINING, OperatingStatus.NO_MONITOR

LISTENER, POOL, FIRST, SECOND, PING = uuid(3), uuid(4), uuid(5), uuid(5, 1), uuid(6)
MONITORED = make_desired(monitors=(monitor(),))


def row(proxy: str, server: str, status: str, active: int = 0, limit: int | None = None) -> ProxyStatistics:
    return ProxyStatistics(
        proxy=proxy, server=server, status=status, statistics=Statistics(active_connections=active), limit=limit
    )


def statuses_of(desired: Desired, seen: Sequence[ProxyStatistics], probed: Verdicts) -> Statuses:
    return judge(desired, seen, probed).statuses


def rows(first: str = "UP", second: str = "UP", backend: str = "UP", name: str = POOL) -> list[ProxyStatistics]:
    return [
        row(LISTENER, "FRONTEND", "OPEN", limit=10),
        row(name, FIRST, first),
        row(name, SECOND, second),
        row(name, "BACKEND", backend),
    ]


def test_all_well() -> None:
    assert statuses_of(MONITORED, rows(), {}) == dict.fromkeys([LISTENER, POOL, FIRST, SECOND, BALANCER], ONLINE)


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("UP", ONLINE),
        ("UP 1/3", ONLINE),
        ("DOWN", ERROR),
        ("DOWN 1/2", ERROR),
        ("MAINT", OFFLINE),
        ("MAINT (via x/y)", OFFLINE),
        ("DRAIN", DRAINING),
        ("NOLB", DRAINING),
    ],
)
def test_a_members_word(word: str, status: OperatingStatus) -> None:
    assert statuses_of(MONITORED, rows(first=word), {})[FIRST] is status


def test_a_member_that_is_down_degrades_the_pool_and_the_load_balancer_not_the_listener() -> None:
    found = statuses_of(MONITORED, rows(first="DOWN"), {})
    assert (found[FIRST], found[POOL], found[BALANCER], found[LISTENER]) == (ERROR, DEGRADED, DEGRADED, ONLINE)


def test_why_something_is_not_well() -> None:
    failed = replace(rows("DOWN")[1], passing=False, reason="no answer in time (L7TOUT)")
    seen = judge(MONITORED, [*rows("DOWN")[:1], failed, *rows("DOWN")[2:]], {})
    assert seen.reasons == {
        FIRST: "no answer in time (L7TOUT)",
        POOL: "1 of 2 members is down",
        BALANCER: "1 of 1 pools is not well",
    }
    second = monitor(kind=MonitorType.PING, number=1)
    pinged = Verdict(monitor=second.id, member=FIRST, up=False, reason="10.0.0.1 does not answer")
    both = make_desired(monitors=(monitor(), second))
    seen = judge(both, [*rows("DOWN")[:1], failed, *rows("DOWN")[2:]], {pinged.key: pinged})
    assert seen.reasons[FIRST] == "no answer in time (L7TOUT); 10.0.0.1 does not answer"
    assert judge(MONITORED, rows("DOWN"), {}).reasons[FIRST] == "a check failed"
    assert judge(MONITORED, rows(), {}).reasons == {}
    full = [row(LISTENER, "FRONTEND", "OPEN", active=10, limit=10), *rows()[1:]]
    assert judge(MONITORED, full, {}).reasons[LISTENER] == "it has as many connections as it may have"
    dead = judge(MONITORED, [], {}).reasons
    assert dead[LISTENER] == "nobody listens at its port at present"
    assert dead[BALANCER] == "1 of 1 listeners is not well, 1 of 1 pools is not well"


@pytest.mark.parametrize("word", ["UP", "no check", "DRAIN"])
def test_a_member_to_which_nothing_leads_is_in_error_whatever_is_said_of_it(word: str) -> None:
    monitors = (monitor(),) if word == "UP" else ()
    alone = make_desired(at=port(ip(gateway=None)), monitors=monitors)
    found = statuses_of(alone, rows(first=word), {})
    assert (found[FIRST], found[POOL], found[BALANCER]) == (ERROR, DEGRADED, DEGRADED)


def test_a_backend_that_is_down_is_an_error() -> None:
    found = statuses_of(MONITORED, rows("DOWN", "DOWN", "DOWN"), {})
    assert (found[POOL], found[BALANCER]) == (ERROR, ERROR)


def test_without_a_monitor_a_member_says_so() -> None:
    found = statuses_of(make_desired(), rows("no check", "no check"), {})
    assert (found[FIRST], found[POOL], found[BALANCER]) == (NO_MONITOR, ONLINE, ONLINE)


def test_a_disabled_monitor_is_none() -> None:
    desired = make_desired(monitors=(monitor(admin_state_up=False),))
    assert statuses_of(desired, rows("no check", "no check"), {})[FIRST] is NO_MONITOR


def test_weight_nought_drains() -> None:
    desired = make_desired(members=(member(0, weight=0), member(1)), monitors=(monitor(),))
    assert statuses_of(desired, rows(), {})[FIRST] is DRAINING
    assert statuses_of(desired, rows(first="DOWN"), {})[FIRST] is ERROR


def test_a_disabled_member_is_offline_and_no_fault_of_the_pool() -> None:
    desired = make_desired(members=(member(0, admin_state_up=False), member(1)), monitors=(monitor(),))
    found = statuses_of(desired, rows(first="MAINT"), {})
    assert (found[FIRST], found[POOL]) == (OFFLINE, ONLINE)


def test_a_listener_at_its_limit_is_degraded() -> None:
    full = [row(LISTENER, "FRONTEND", "OPEN", active=10, limit=10), *rows()[1:]]
    found = statuses_of(MONITORED, full, {})
    assert (found[LISTENER], found[BALANCER]) == (DEGRADED, DEGRADED)
    said = [row(LISTENER, "FRONTEND", "FULL"), *rows()[1:]]
    assert statuses_of(MONITORED, said, {})[LISTENER] is DEGRADED


def test_a_dead_process_is_an_error_of_all_that_it_served() -> None:
    found = statuses_of(MONITORED, [], {})
    assert (found[LISTENER], found[POOL], found[BALANCER]) == (ERROR, ERROR, ERROR)
    assert FIRST not in found


def test_a_disabled_listener_is_offline_and_its_pool_attached_to_nothing() -> None:
    desired = changed(MONITORED, listeners=(listener(admin_state_up=False),))
    found = statuses_of(desired, [], {})
    assert (found[LISTENER], found[POOL], found[FIRST], found[BALANCER]) == (OFFLINE, OFFLINE, OFFLINE, ONLINE)


def test_a_disabled_pool_is_offline_its_listener_serves() -> None:
    desired = changed(MONITORED, pools=(pool(admin_state_up=False),))
    found = statuses_of(desired, [row(LISTENER, "FRONTEND", "OPEN")], {})
    assert (found[POOL], found[LISTENER], found[BALANCER]) == (OFFLINE, ONLINE, ONLINE)


def test_a_disabled_load_balancer_is_offline_with_all_it_has() -> None:
    assert set(statuses_of(disabled(MONITORED), [], {}).values()) == {OFFLINE}


def test_an_unattached_pools_members_wait_for_their_monitor() -> None:
    desired = changed(make_desired(), listeners=(listener(pool=None),))
    assert statuses_of(desired, [row(LISTENER, "FRONTEND", "OPEN")], {})[FIRST] is NO_MONITOR


def test_one_pool_in_two_backends_is_as_bad_as_the_worse() -> None:
    two = (listener(), listener(1, timeout_member_data=9000))
    desired = changed(MONITORED, listeners=two)
    other = [row(uuid(3, 1), "FRONTEND", "OPEN"), *rows(second="DOWN", name=f"{POOL}:{uuid(3, 1)}")[1:]]
    found = statuses_of(desired, rows() + other, {})
    assert (found[FIRST], found[SECOND], found[POOL]) == (ONLINE, ERROR, DEGRADED)


def test_pings_decide_where_they_are_made() -> None:
    desired = make_desired(monitors=(monitor(kind=MonitorType.PING),))
    found = statuses_of(desired, rows("no check", "no check"), verdicts({(PING, FIRST): False}))
    assert (found[FIRST], found.get(SECOND), found[POOL]) == (ERROR, None, DEGRADED)
    found = statuses_of(desired, rows("no check", "no check"), verdicts({(PING, FIRST): True, (PING, SECOND): True}))
    assert (found[FIRST], found[SECOND], found[POOL]) == (ONLINE, ONLINE, ONLINE)


def test_until_an_agent_has_pinged_itself_what_haproxy_was_told_before_stands() -> None:
    desired = make_desired(monitors=(monitor(kind=MonitorType.PING),))
    found = statuses_of(desired, rows("DOWN", "no check"), {})
    assert (found[FIRST], found.get(SECOND), found[POOL]) == (ERROR, None, DEGRADED)
    found = statuses_of(desired, rows("DOWN", "no check"), verdicts({(PING, FIRST): True, (PING, SECOND): True}))
    assert (found[FIRST], found[POOL]) == (ONLINE, ONLINE)


def test_a_member_of_which_nothing_is_seen_yet_is_not_spoken_of() -> None:
    desired: Desired = replace(MONITORED, members=(*MONITORED.members, member(2)))
    assert uuid(5, 2) not in statuses_of(desired, rows(), {})


TCP, BESIDE = monitor(kind=MonitorType.TCP, number=1), monitor(kind=MonitorType.PING)
SEVERAL = changed(MONITORED, monitors=(monitor(number=2), TCP, BESIDE))
GOOD = verdicts({(PING, FIRST): True, (PING, SECOND): True})


def further(first: str, second: str = "UP") -> list[ProxyStatistics]:
    """Of the backend that serves nobody."""
    name = f"{POOL}:check:{TCP.id}"
    servers = [(FIRST, first), (SECOND, second)]
    found = [replace(row(name, each, word), passing=not word.startswith("DOWN")) for each, word in servers]
    return [*found, row(name, "BACKEND", "DOWN")]


def test_a_member_is_up_when_all_monitors_agree() -> None:
    found = statuses_of(SEVERAL, rows() + further("UP"), GOOD)
    assert set(found.values()) == {ONLINE}


def test_a_member_that_one_monitor_finds_down_is_an_error_whichever_it_is() -> None:
    for reported, probed in (
        (rows(first="DOWN") + further("UP"), GOOD),
        (rows(first="DOWN (agent)") + further("UP"), GOOD),
        (rows() + further("DOWN"), GOOD),
        (rows() + further("UP"), GOOD | verdicts({(PING, FIRST): False})),
    ):
        found = statuses_of(SEVERAL, reported, probed)
        assert (found[FIRST], found[SECOND], found[POOL]) == (ERROR, ONLINE, DEGRADED)


def test_a_backend_that_only_checks_is_no_backend_of_the_pool() -> None:
    found = statuses_of(SEVERAL, rows() + further("DOWN", "DOWN"), GOOD)
    assert (found[FIRST], found[SECOND], found[POOL]) == (ERROR, ERROR, DEGRADED)
    assert statuses_of(SEVERAL, further("UP"), GOOD)[POOL] is ERROR


def test_a_member_that_a_further_monitor_has_not_judged_yet_is_as_haproxy_has_it() -> None:
    assert statuses_of(SEVERAL, rows(), {})[FIRST] is ONLINE
    assert statuses_of(SEVERAL, rows(first="DOWN (agent)"), {})[FIRST] is ERROR


def test_two_ping_monitors_both_have_to_agree() -> None:
    desired = changed(MONITORED, monitors=(BESIDE, monitor(kind=MonitorType.PING, number=1)))
    other = verdicts({(desired.monitors[1].id, each): True for each in (FIRST, SECOND)})
    seen = rows("no check", "no check")
    assert FIRST not in statuses_of(desired, seen, GOOD)
    assert statuses_of(desired, seen, GOOD | other)[FIRST] is ONLINE
    assert statuses_of(desired, seen, GOOD | other | verdicts({(PING, FIRST): False}))[FIRST] is ERROR
