"""The table of kinds: what goes along with what, and that every rule on a tree costs no more than the tree is large."""

import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from evenload.model import moves, rules, status
from evenload.model.balancer import (
    HealthMonitor,
    Item,
    Listener,
    LoadBalancer,
    Member,
    Pool,
    Record,
    Vip,
    listener_without_pools,
    pools_used_by,
)
from evenload.model.desired import Health
from evenload.model.enums import Algorithm, ListenerProtocol, MonitorType, OperatingStatus, PoolProtocol
from evenload.model.enums import ProvisioningStatus as P
from evenload.model.placement import alone_on
from evenload.model.tree import KINDS, Tree, kind_of, parents_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def record(item: Item) -> Record[Any]:
    return Record(item=item, project_id="p", provisioning_status=P.ACTIVE, generation=1, created_at=NOW)


def large_tree(listeners: int, members: int, pools: int) -> Tree:
    vip = Vip(address="10.0.0.9", subnet_id="s")
    empty = Tree(
        load_balancer=record(LoadBalancer(id="lb", network_id="n", port_id="p", vips=(vip,))),
        generation=1,
        placements=alone_on("a"),
    )
    found: list[Item] = [
        Pool(id=f"p{each}", load_balancer_id="lb", protocol=PoolProtocol.TCP, algorithm=Algorithm.ROUND_ROBIN)
        for each in range(pools)
    ]
    found += [
        Listener(
            id=f"l{each}",
            load_balancer_id="lb",
            protocol=ListenerProtocol.TCP,
            port=each + 1,
            default_pool_id=f"p{each % pools}",
            allowed_cidrs=("10.0.0.0/8",),
        )
        for each in range(listeners)
    ]
    found += [
        Member(id=f"m{each}", pool_id=f"p{each % pools}", address=f"10.1.{each // 250}.{each % 250 + 1}", port=80)
        for each in range(members)
    ]
    found += [
        HealthMonitor(id=f"h{each}", pool_id=f"p{each}", type=MonitorType.TCP, delay=5, timeout=3, rise=2)
        for each in range(pools)
    ]
    return empty.with_records(map(record, found))


def calls(work: Callable[[], object]) -> int:
    """How many functions, ours and built in ones, are called in the course of the work."""
    count = 0

    def note(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def _health(tree: Tree) -> Health:
    return Health(load_balancer_id="lb", statuses=dict.fromkeys(tree.members, OperatingStatus.ONLINE), statistics={})


@pytest.mark.parametrize(
    "work",
    [
        rules.validate_tree,
        rules.validate_vip,
        lambda tree: tree.with_records(tree.records()),
        lambda tree: status.advance(tree, now=NOW, changed=[each.id for each in tree.records()]),
        lambda tree: status.removed(tree, "lb", now=NOW),
        lambda tree: status.removed(tree, "p0", now=NOW),
        lambda tree: status.applied(status.advance(tree, now=NOW, changed=tree.members), "a", 2),
        lambda tree: status.applied(status.removed(tree, "p0", now=NOW), "a", 2),
        lambda tree: status.given_up(status.advance(tree, now=NOW, changed=tree.members), 2, "no"),
        lambda tree: status.with_verdicts(tree, _health(tree)),
        lambda tree: moves.without_pool(tree, "p0"),
        lambda tree: [tree.members_of(each) + tree.monitors_of(each) + tree.listeners_of(each) for each in tree.pools],
        lambda tree: [tree.monitor_of(each) for each in tree.pools],
        lambda tree: [tree.get(each.id) for each in tree.records()],
    ],
)
def test_four_times_the_tree_is_four_times_the_work(work: Callable[[Tree], object]) -> None:
    small, large = large_tree(25, 75, 10), large_tree(100, 300, 40)
    assert rules.validate_tree(large) == []
    small_calls, large_calls = calls(lambda: work(replace(small))), calls(lambda: work(replace(large)))
    assert large_calls <= 5 * small_calls


def test_what_goes_with_what_by_the_table() -> None:
    tree = large_tree(2, 4, 2)
    assert tree.descendants_of({"p0"}) == {"p0", "m0", "m2", "h0"}
    assert tree.descendants_of({"l0"}) == {"l0"}
    assert tree.descendants_of({"lb"}) == {each.id for each in tree.records()}
    assert {kind_of(each.item) for each in tree.records()} == set(KINDS)
    assert all(parent in {"lb", *tree.pools} for each in tree.records() for parent in parents_of(each.item))


def test_the_pools_of_a_listener() -> None:
    listener = large_tree(1, 0, 1).listeners["l0"].item
    assert pools_used_by(listener) == ("p0",)
    assert listener_without_pools(listener, {"p1"}) is listener
    assert pools_used_by(listener_without_pools(listener, {"p0"})) == ()


def test_an_untouched_kind_is_the_same_mapping() -> None:
    tree = large_tree(2, 4, 2)
    after = tree.with_record(replace(tree.members["m0"], name="other"))
    assert after.pools is tree.pools
    assert status.advance(tree, now=NOW, changed=["lb"]).members is tree.members


def test_a_reason_is_capped() -> None:
    tree = status.advance(large_tree(1, 1, 1), now=NOW, changed=["l0"])
    reasons = {
        each.listeners["l0"].fault
        for each in (status.given_up(tree, 2, "x" * 5000), status.delayed(tree, 2, "x" * 5000))
    }
    assert reasons == {"x" * (status.LONGEST_FAULT - 1) + "…"}
    assert status.given_up(tree, 2, "short").listeners["l0"].fault == "short"
