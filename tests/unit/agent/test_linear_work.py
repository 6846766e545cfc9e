"""A load balancer with four times the pools and members costs the agent four times the work, not sixteen times."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.counting import steps
from tests.fakes.desired import BALANCER, listener, make_desired, member, monitor, pool, with_member

from evenload.agent.health import judge
from evenload.agent.pings import choose_ping_targets, plan_verdicts
from evenload.agent.plan import plan, plan_aftermath
from evenload.agent.plan_haproxy import servers_of
from evenload.agent.plan_servers import plan_servers
from evenload.agent.verdicts import verdicts_of_checks
from evenload.agent.vetoes import plan_vetoes, vetoes_are_possible
from evenload.model.desired import Desired, ProxyStatistics, Statistics
from evenload.model.enums import MonitorType
from evenload.model.observed import HaproxyProcess, Observed, ServerState
from evenload.render.haproxy import render_haproxy
from evenload.render.haproxy_groups import choose_groups
from evenload.render.haproxy_text import plan_difference, split
from evenload.render.options import RenderOptions
from evenload.render.server_states import render_server_states

OPTIONS = RenderOptions(state_dir="/run/evenload")
NOTHING = Observed(load_balancer_id=BALANCER)
STATISTICS = Statistics()


def wide(size: int, *, pinged: bool = False) -> Desired:
    """So many pools, each with its listener, two monitors and three members."""
    kinds = (MonitorType.PING, MonitorType.PING) if pinged else (MonitorType.TCP, MonitorType.PING)
    return make_desired(
        listeners=tuple(listener(number, pool=number) for number in range(size)),
        pools=tuple(pool(number) for number in range(size)),
        members=tuple(member(number, pool=number // 3) for number in range(3 * size)),
        # Each number stands for sixteen pools in the ids of tests.fakes.desired.
        monitors=tuple(
            replace(monitor(0, kind), id=f"monitor-{number}-{place}", pool_id=pool(number).id)
            for number in range(size)
            for place, kind in enumerate(kinds)
        ),
    )


def deep(size: int) -> Desired:
    """One pool with three times as many members."""
    return make_desired(
        size=3 * size, monitors=(monitor(kind=MonitorType.TCP), monitor(kind=MonitorType.TCP, number=1))
    )


def rows_of(desired: Desired) -> list[ProxyStatistics]:
    rows = [row(each.id, "FRONTEND") for each in desired.listeners]
    for group in choose_groups(desired):
        rows += [row(group.name, each.id) for each in desired.members_of(group.pool.id)]
        rows.append(row(group.name, "BACKEND"))
    return rows


def row(proxy: str, server: str) -> ProxyStatistics:
    return ProxyStatistics(proxy=proxy, server=server, status="UP", statistics=STATISTICS, passing=True, vetoed=False)


def process_of(text: str, *, leftovers: int = 0) -> HaproxyProcess:
    servers = {
        key: ServerState(
            address=line.address.rpartition(":")[0], port=8080, weight=line.weight, maintenance=line.disabled
        )
        for key, line in split(text).servers.items()
    }
    gone = ServerState(address="10.9.9.9", port=1, weight=1, maintenance=True)
    servers |= {("gone", str(number)): gone for number in range(leftovers)}
    return HaproxyProcess(pid=7, worker=1, text=text, servers=servers)


def settled(desired: Desired) -> Observed:
    return plan_aftermath(plan(desired, NOTHING, OPTIONS), 100)


def text_of(desired: Desired) -> str:
    return render_haproxy(desired, OPTIONS, 1)


def states_of(text: str) -> str:
    header = (
        "# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight"
        " srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state"
    )
    lines = [f"1 {backend} 1 {name} 10.0.0.1 2 0 1 1 9 6 3 3 6" for backend, name in split(text).servers]
    return "\n".join(["1", header, *lines])


Work = Callable[[], object]

WORKS: dict[str, Callable[[Desired], Work]] = {
    "groups": lambda desired: lambda: choose_groups(desired),
    "text": lambda desired: lambda: text_of(desired),
    "a first plan": lambda desired: lambda: plan(desired, NOTHING, OPTIONS),
    "a plan of nothing": lambda desired: _with(settled(desired), lambda host: plan(desired, host, OPTIONS)),
    "a plan of a change": lambda desired: _with(
        settled(desired), lambda host: plan(with_member(desired, 0, weight=7), host, OPTIONS)
    ),
    "a difference": lambda desired: _with(
        (text_of(desired), text_of(with_member(desired, 0, weight=7))), lambda texts: plan_difference(*texts)
    ),
    "statuses": lambda desired: _with(rows_of(desired), lambda rows: judge(desired, rows, {})),
    "verdicts": lambda desired: _with(rows_of(desired), lambda rows: verdicts_of_checks(desired, rows)),
    "vetoes": lambda desired: _with(rows_of(desired), lambda rows: plan_vetoes(desired, rows, {})),
    "are vetoes possible": lambda desired: lambda: vetoes_are_possible(desired),
    "ping targets": lambda desired: lambda: choose_ping_targets(desired),
    "verdicts of pings": lambda desired: _with(
        servers_of(text_of(desired)), lambda keys: plan_verdicts(desired, keys, {}, {}, frozenset(keys))
    ),
    "kept states": lambda desired: _with(
        text_of(desired), lambda text: render_server_states(states_of(text), text, text)
    ),
    "leftovers": lambda desired: _with(
        process_of(text_of(desired), leftovers=len(desired.members)),
        lambda process: plan_servers(process, process.text, overdue=list(process.servers or ())),
    ),
}


def _with(made: object, work: Callable[..., object]) -> Work:
    """What is made beforehand is not counted."""
    return lambda: work(made)


@pytest.mark.parametrize("name", WORKS)
@pytest.mark.parametrize("shape", [wide, lambda size: wide(size, pinged=True), deep], ids=["wide", "pinged", "deep"])
def test_four_times_the_document_is_four_times_the_work(name: str, shape: Callable[[int], Desired]) -> None:
    make = WORKS[name]
    small, large = (steps(make(shape(size))) for size in (6, 24))
    assert large <= 5 * small


def test_an_index_is_made_once_and_is_no_part_of_the_document() -> None:
    desired, same = wide(40), wide(40)
    assert [each.id for each in desired.members_of(pool(1).id)] == [member(number).id for number in (3, 4, 5)]
    assert [each.id for each in desired.monitors_of(pool(1).id)] == ["monitor-1-0", "monitor-1-1"]
    assert desired.members_of("another") == ()
    assert desired.monitors_of("another") == ()
    assert (desired, hash(desired), repr(desired)) == (same, hash(same), repr(same))
    assert steps(lambda: desired.members_of(pool(1).id)) < steps(lambda: same.members_of(pool(1).id)) / 10
    assert replace(desired, members=()).members_of(pool(1).id) == ()
