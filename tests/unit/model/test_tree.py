"""The table of kinds: what goes along with what, and that every rule on a tree costs no more than the tree is large."""

import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from evenload.model import l7_rules, moves, rules, status
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
from evenload.model.enums import (
    Algorithm,
    Comparison,
    ListenerProtocol,
    MonitorType,
    OperatingStatus,
    PolicyAction,
    PoolProtocol,
    RuleType,
)
from evenload.model.enums import ProvisioningStatus as P
from evenload.model.l7 import L7Policy, L7Rule
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
        Pool(id=f"p{each}", load_balancer_id="lb", protocol=PoolProtocol.HTTP, algorithm=Algorithm.ROUND_ROBIN)
        for each in range(pools)
    ]
    found += [
        Listener(
            id=f"l{each}",
            load_balancer_id="lb",
            protocol=ListenerProtocol.HTTP,
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
    found += [
        L7Policy(
            id=f"y{each}",
            listener_id=f"l{each}",
            action=PolicyAction.REDIRECT_TO_POOL,
            place=1,
            redirect_pool_id=f"p{each % pools}",
        )
        for each in range(listeners)
    ]
    found += [
        L7Rule(id=f"r{each}", policy_id=f"y{each}", type=RuleType.PATH, compare_type=Comparison.EQUAL_TO, value="/")
        for each in range(listeners)
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
        lambda tree: [tree.users_of(each) for each in tree.pools],
        lambda tree: [tree.pools_of(each) for each in tree.listeners],
        lambda tree: [l7_rules.validate_policy(tree, each.item) for each in tree.policies.values()],
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
    assert tree.descendants_of({"l0"}) == {"l0", "y0", "r0"}
    assert tree.descendants_of({"y0"}) == {"y0", "r0"}
    assert tree.descendants_of({"lb"}) == {each.id for each in tree.records()}
    assert {kind_of(each.item) for each in tree.records()} == set(KINDS)
    ids = {each.id for each in tree.records()}
    assert all(parent in ids for each in tree.records() for parent in parents_of(each.item))


def test_who_uses_a_pool_by_default_and_by_policies() -> None:
    tree = large_tree(3, 0, 2)
    assert [each.id for each in tree.users_of("p0")] == ["l0", "l2"]
    other = tree.policies["y1"]
    tree = tree.with_record(replace(other, item=replace(other.item, redirect_pool_id="p0")))
    assert [each.id for each in tree.users_of("p0")] == ["l0", "l2", "l1"]
    assert [each.id for each in tree.policies_to("p0")] == ["y0", "y1", "y2"]
    assert tree.pools_of("l1") == ["p1", "p0"]
    # Without an enabled rule a policy sends nobody anywhere, but what it would use is locked with it all the same.
    rule = tree.rules["r1"]
    idle = tree.with_record(replace(rule, item=replace(rule.item, admin_state_up=False)))
    assert idle.pools_of("l1") == ["p1"]
    assert [each.id for each in idle.users_of("p0")] == ["l0", "l2"]
    locked = status.advance(idle, now=NOW, changed=["p0"])
    assert {each.id for each in locked.records() if status.is_pending(each)} == {"lb", "p0", "l0", "l1", "l2"}


def test_a_rule_takes_its_policy_and_its_listener_along() -> None:
    tree = large_tree(2, 0, 2)
    pending = status.advance(tree, now=NOW, changed=["r0"])
    assert {each.id for each in pending.records() if status.is_pending(each)} == {"lb", "l0", "y0", "r0"}
    done = status.applied(pending, "a", 2)
    assert done is not None
    assert {done.rules["r0"].operating_status, done.policies["y0"].operating_status} == {OperatingStatus.ONLINE}
    failed = status.given_up(status.advance(done, now=NOW, changed=["r0"]), 3, "no")
    assert failed.rules["r0"].operating_status is OperatingStatus.OFFLINE


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
