"""Whom to ping, and what HAProxy is told of it."""

from tests.fakes.desired import changed, disabled, listener, make_desired, member, monitor, pool, uuid, verdicts

from evenload.agent.pings import choose_ping_targets, plan_verdicts
from evenload.model.desired import PingTarget
from evenload.model.enums import MonitorType

POOL, FIRST, SECOND, PING = uuid(4), uuid(5), uuid(5, 1), uuid(6)
KEYS = [(POOL, FIRST), (POOL, SECOND)]
PINGED = make_desired(monitors=(monitor(kind=MonitorType.PING, delay=3, timeout=2, rise=2, fall=4),))
UP, DOWN = (f"set server {POOL}/{FIRST} health {word}" for word in ("up", "down"))


def test_enabled_members_of_served_pools_are_pinged() -> None:
    members = (member(0, monitor_address="10.0.9.9"), member(1, admin_state_up=False))
    desired = changed(PINGED, members=members)
    assert choose_ping_targets(desired) == (
        PingTarget(monitor=PING, member=FIRST, address="10.0.9.9", delay=3, timeout=2, rise=2, fall=4),
    )


def test_nobody_is_pinged_for_nothing() -> None:
    assert choose_ping_targets(disabled(PINGED)) == ()
    assert choose_ping_targets(changed(PINGED, pools=(pool(admin_state_up=False),))) == ()
    assert choose_ping_targets(changed(PINGED, listeners=(listener(pool=None),))) == ()
    assert choose_ping_targets(changed(PINGED, monitors=(monitor(),))) == ()
    off = monitor(kind=MonitorType.PING, admin_state_up=False)
    assert choose_ping_targets(changed(PINGED, monitors=(off,))) == ()


def test_a_pool_in_two_backends_is_pinged_once_and_told_in_both() -> None:
    two = (listener(), listener(1, timeout_member_data=9000))
    desired = changed(PINGED, listeners=two, members=(member(0),))
    assert [(target.monitor, target.member) for target in choose_ping_targets(desired)] == [(PING, FIRST)]
    other = f"{POOL}:{uuid(3, 1)}"
    commands = plan_verdicts(
        desired, [(POOL, FIRST), (other, FIRST)], verdicts({(PING, FIRST): False}), {}, set()
    ).commands
    assert commands == (DOWN, DOWN.replace(POOL, other))


def test_a_verdict_is_told_once() -> None:
    planned = plan_verdicts(PINGED, KEYS, verdicts({(PING, FIRST): False}), {}, set())
    assert planned.commands == (DOWN,)
    assert (planned.applied, planned.down) == ({(POOL, FIRST): False}, {(POOL, FIRST)})
    assert plan_verdicts(PINGED, KEYS, verdicts({(PING, FIRST): False}), planned.applied, planned.down).commands == ()


def test_a_new_process_is_told_again() -> None:
    assert plan_verdicts(PINGED, KEYS, verdicts({(PING, FIRST): False}), {}, {(POOL, FIRST)}).commands == (DOWN,)


def test_a_member_that_answers_again_is_up() -> None:
    planned = plan_verdicts(PINGED, KEYS, verdicts({(PING, FIRST): True}), {(POOL, FIRST): False}, {(POOL, FIRST)})
    assert planned.commands == (UP,)
    assert planned.down == set()


def test_without_the_monitor_nobody_stays_down() -> None:
    planned = plan_verdicts(make_desired(), KEYS, {}, {}, {(POOL, FIRST)})
    assert planned.commands == (UP,)
    assert planned.down == set()


def test_a_disabled_member_does_not_stay_down() -> None:
    desired = changed(PINGED, members=(member(0, admin_state_up=False), member(1)))
    assert plan_verdicts(desired, KEYS, {}, {}, {(POOL, FIRST)}).commands == (UP,)


def test_checks_of_haproxys_own_are_left_to_it() -> None:
    desired = changed(PINGED, monitors=(monitor(),))
    assert plan_verdicts(desired, KEYS, {}, {}, {(POOL, FIRST)}).commands == ()


def test_an_adopted_process_waits_for_verdicts_of_pinged_members() -> None:
    planned = plan_verdicts(PINGED, KEYS, {}, {}, set(KEYS))
    assert (planned.commands, planned.down) == ((), set(KEYS))


SEVERAL = changed(PINGED, monitors=(*PINGED.monitors, monitor(kind=MonitorType.PING, number=1, delay=1, fall=1)))
OTHER = SEVERAL.monitors[1].id


def test_each_of_two_ping_monitors_pings_at_its_own_pace() -> None:
    targets = choose_ping_targets(changed(SEVERAL, members=(member(0),)))
    assert [(target.monitor, target.member, target.delay, target.fall) for target in targets] == [
        (PING, FIRST, 3, 4),
        (OTHER, FIRST, 1, 1),
    ]


def test_of_two_ping_monitors_both_have_to_agree() -> None:
    def told(*up: bool) -> tuple[str, ...]:
        probed = dict(zip([(PING, FIRST), (OTHER, FIRST)], up, strict=False))
        return plan_verdicts(SEVERAL, KEYS, verdicts(probed), {}, set()).commands

    assert told(True) == ()
    assert told(True, True) == (UP,)
    assert told(False) == told(False, True) == told(True, False) == (DOWN,)


def test_one_of_two_ping_monitors_goes_with_its_verdict() -> None:
    probed, key = verdicts({(PING, FIRST): True, (OTHER, FIRST): False}), (POOL, FIRST)
    assert plan_verdicts(PINGED, KEYS, probed, {key: False}, {key}).commands == (UP,)


def test_pings_beside_other_checks_are_made_and_left_to_the_vetoes() -> None:
    desired = changed(PINGED, monitors=(*PINGED.monitors, monitor(number=1)))
    assert [target.member for target in choose_ping_targets(desired)] == [FIRST, SECOND]
    assert plan_verdicts(desired, KEYS, verdicts({(PING, FIRST): False}), {}, set(KEYS)).commands == ()
