"""HAProxy's own checks as verdicts."""

from datetime import UTC, datetime

from tests.fakes.desired import changed, listener, make_desired, monitor, uuid

from evenload.agent.verdicts import verdicts_of_checks
from evenload.model.desired import ProxyStatistics, Statistics
from evenload.model.enums import MonitorType
from evenload.model.verdict import Verdict

POOL, FIRST = uuid(4), uuid(5)
HTTP, TCP = monitor(), monitor(kind=MonitorType.TCP, number=1)
TWO = make_desired(size=1, monitors=(HTTP, TCP))
SINCE = datetime(2026, 1, 1, tzinfo=UTC)


def row(proxy: str, *, passing: bool | None, status: str = "UP") -> ProxyStatistics:
    return ProxyStatistics(
        proxy=proxy,
        server=FIRST,
        status=status,
        statistics=Statistics(),
        passing=passing,
        reason="Layer4 connection problem: Connection refused",
        latency=0.002,
        when=SINCE,
    )


def test_each_monitor_has_its_own_verdict() -> None:
    rows = [row(POOL, passing=True), row(f"{POOL}:check:{TCP.id}", passing=False)]
    found = verdicts_of_checks(TWO, rows)
    assert {key: verdict.up for key, verdict in found.items()} == {(HTTP.id, FIRST): True, (TCP.id, FIRST): False}
    assert found[TCP.id, FIRST] == Verdict(
        monitor=TCP.id,
        member=FIRST,
        up=False,
        reason="Layer4 connection problem: Connection refused",
        latency=0.002,
        when=SINCE,
    )


def test_what_has_not_been_judged_has_no_verdict() -> None:
    assert verdicts_of_checks(TWO, [row(POOL, passing=None)]) == {}
    assert verdicts_of_checks(TWO, [row(POOL, passing=True, status="MAINT")]) == {}
    assert verdicts_of_checks(make_desired(size=1), [row(POOL, passing=True)]) == {}


def test_a_pool_in_two_backends_is_down_where_one_of_them_finds_it_down() -> None:
    both = changed(TWO, listeners=(listener(), listener(1, timeout_member_data=9000)))
    other = f"{POOL}:{uuid(3, 1)}"
    for first, second in ((True, False), (False, True)):
        rows = [row(POOL, passing=first), row(other, passing=second)]
        assert verdicts_of_checks(both, rows)[HTTP.id, FIRST].up is False
