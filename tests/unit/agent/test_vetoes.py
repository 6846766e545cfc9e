"""What several monitors of one pool come to, and what HAProxy is told of it."""

from dataclasses import replace

import pytest
from tests.fakes.desired import changed, disabled, listener, make_desired, member, monitor, pool, uuid, verdicts

from evenload.agent.vetoes import plan_vetoes, vetoes_are_possible
from evenload.model.desired import Desired, ProxyStatistics, Statistics
from evenload.model.enums import MonitorType

POOL, FIRST = uuid(4), uuid(5)
HTTP, TCP = monitor(), monitor(kind=MonitorType.TCP, number=1)
PING = monitor(kind=MonitorType.PING, number=2)
CHECK = f"{POOL}:check:{TCP.id}"
TWO = make_desired(size=1, monitors=(HTTP, TCP))
THREE = make_desired(size=1, monitors=(PING, HTTP, TCP))
VETO, LIFT = (f"set server {POOL}/{FIRST} agent {word}" for word in ("down", "up"))


def row(proxy: str, *, passing: bool | None = True, vetoed: bool | None = None) -> ProxyStatistics:
    status = "MAINT" if passing is None else "UP" if passing and not vetoed else "DOWN"
    return ProxyStatistics(
        proxy=proxy, server=FIRST, status=status, statistics=Statistics(), passing=passing, vetoed=vetoed
    )


def commands(
    desired: Desired,
    *,
    vetoed: bool | None,
    further: bool | None,
    passing: bool | None = True,
    ping: bool | None = None,
) -> tuple[str, ...]:
    rows = [row(POOL, passing=passing, vetoed=vetoed), row(CHECK, passing=further)]
    return plan_vetoes(desired, rows, verdicts({} if ping is None else {(PING.id, FIRST): ping}))


def test_a_further_monitor_that_fails_is_a_veto_and_one_that_passes_lifts_it() -> None:
    assert commands(TWO, vetoed=False, further=False) == (VETO,)
    assert commands(TWO, vetoed=True, further=False) == ()
    assert commands(TWO, vetoed=True, further=True) == (LIFT,)
    assert commands(TWO, vetoed=False, further=True) == ()


def test_a_veto_is_lifted_only_where_the_servers_own_checks_pass() -> None:
    assert commands(TWO, vetoed=True, further=True, passing=False) == ()
    assert commands(TWO, vetoed=False, further=False, passing=False) == (VETO,)


def test_what_no_monitor_has_judged_yet_stays_as_it_is() -> None:
    assert commands(TWO, vetoed=True, further=None) == ()
    assert commands(THREE, vetoed=True, further=True) == ()
    assert commands(THREE, vetoed=False, further=None, ping=True) == ()


@pytest.mark.parametrize(("further", "ping", "vetoed"), [(True, False, True), (False, True, True), (True, True, False)])
def test_all_have_to_agree(further: bool, ping: bool, vetoed: bool) -> None:
    assert commands(THREE, vetoed=not vetoed, further=further, ping=ping) == ((VETO if vetoed else LIFT),)


def test_one_says_no_before_the_other_has_said_anything() -> None:
    assert commands(THREE, vetoed=False, further=None, ping=False) == (VETO,)


def test_nothing_is_held_against_a_disabled_member() -> None:
    resting = changed(TWO, members=(member(0, admin_state_up=False),))
    assert commands(resting, vetoed=True, further=False, passing=None) == (LIFT,)


def test_somebody_switched_the_vetoes_off() -> None:
    enable = f"enable agent {POOL}/{FIRST}"
    assert commands(TWO, vetoed=None, further=False) == (enable, VETO)
    assert commands(TWO, vetoed=None, further=True) == (enable, LIFT)


def test_a_disabled_monitor_has_no_say() -> None:
    off = replace(TCP, admin_state_up=False)
    assert not vetoes_are_possible(changed(TWO, monitors=(HTTP, off)))
    assert commands(changed(THREE, monitors=(HTTP, off, PING)), vetoed=True, further=False, ping=True) == (LIFT,)


def test_a_pool_in_two_backends_is_told_in_both() -> None:
    both = changed(TWO, listeners=(listener(), listener(1, timeout_member_data=9000)))
    other = f"{POOL}:{uuid(3, 1)}"
    rows = [row(POOL, vetoed=False), row(other, vetoed=False), row(CHECK, passing=False)]
    assert plan_vetoes(both, rows, {}) == (VETO, VETO.replace(POOL, other))


def test_there_are_no_vetoes_without_two_kinds_of_words() -> None:
    for desired in (
        make_desired(),
        make_desired(monitors=(HTTP,)),
        make_desired(monitors=(PING, monitor(kind=MonitorType.PING, number=3))),
        changed(TWO, pools=(pool(admin_state_up=False),)),
        disabled(TWO),
    ):
        assert not vetoes_are_possible(desired)
        assert plan_vetoes(desired, [row(POOL, vetoed=True)], {}) == ()


def test_a_server_that_is_not_there_is_told_nothing() -> None:
    assert plan_vetoes(TWO, [row(CHECK, passing=False)], {}) == ()
