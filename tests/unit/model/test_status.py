"""The transition table and what it does to a tree, case by case; the random walk is in the service's tests."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import pytest
from tests.counting import steps

from evenload.model import status
from evenload.model.balancer import AnyRecord, HealthMonitor, Item, Listener, LoadBalancer, Member, Pool, Record, Vip
from evenload.model.desired import Health
from evenload.model.enums import (
    Algorithm,
    ListenerProtocol,
    MonitorType,
    OperatingStatus,
    PoolProtocol,
    ProvisioningStatus,
)
from evenload.model.placement import Placement, Role, alone_on
from evenload.model.tree import Tree

P: TypeAlias = ProvisioningStatus
Op: TypeAlias = OperatingStatus
THEN = datetime(2026, 1, 1, tzinfo=UTC)
NOW = THEN + timedelta(minutes=1)


def record(item: Any, **fields: Any) -> Any:
    return Record(
        **{
            "item": item,
            "project_id": "project",
            "provisioning_status": P.ACTIVE,
            "operating_status": Op.ONLINE,
            "generation": 1,
            "created_at": THEN,
            **fields,
        }
    )


def tree_at(**changed: dict[str, Any]) -> Tree:
    """Two listeners, of which l1 uses p1; p1 with m1 and h1, p2 with m2; at rest at generation 1, but for changes."""
    tcp, rr = ListenerProtocol.TCP, Algorithm.ROUND_ROBIN
    items: list[Item] = [
        Listener(id="l1", load_balancer_id="lb", protocol=tcp, port=80, default_pool_id="p1"),
        Listener(id="l2", load_balancer_id="lb", protocol=tcp, port=81),
        Pool(id="p1", load_balancer_id="lb", protocol=PoolProtocol.TCP, algorithm=rr),
        Pool(id="p2", load_balancer_id="lb", protocol=PoolProtocol.TCP, algorithm=rr),
        Member(id="m1", pool_id="p1", address="10.0.0.1", port=80),
        Member(id="m2", pool_id="p2", address="10.0.0.1", port=80),
        HealthMonitor(id="h1", pool_id="p1", type=MonitorType.TCP, delay=1, timeout=1, rise=1),
    ]
    vip = Vip(address="192.0.2.1", subnet_id="s")
    load_balancer = LoadBalancer(id="lb", network_id="n", port_id="p", vips=(vip,))
    tree = Tree(load_balancer=record(load_balancer, **changed.pop("lb", {})), generation=1, placements=alone_on("a", 1))
    for item in items:
        new: AnyRecord = record(item, **changed.pop(item.id, {}))
        tree = tree.with_record(new)
    assert not changed
    return tree


def marked(tree: Tree) -> set[str]:
    return {record.id for record in tree.records() if record.provisioning_status is not P.ACTIVE}


def of(tree: Tree | None, identifier: str) -> AnyRecord:
    assert tree is not None
    found = tree.get(identifier)
    assert found is not None
    return found


# ---------------------------------------------------------------------------------------------------------- changes


@pytest.mark.parametrize(
    ("identifier", "locked"),
    [
        ("lb", {"lb"}),
        ("l1", {"lb", "l1"}),
        ("l2", {"lb", "l2"}),
        ("p1", {"lb", "l1", "p1"}),
        ("p2", {"lb", "p2"}),
        ("m1", {"lb", "l1", "p1", "m1"}),
        ("m2", {"lb", "p2", "m2"}),
        ("h1", {"lb", "l1", "p1", "h1"}),
    ],
)
def test_what_a_change_marks(identifier: str, locked: set[str]) -> None:
    tree = tree_at()
    after = status.advance(tree, now=NOW, changed=[identifier])
    assert marked(after) == locked
    assert after.generation == 2
    for each in after.records():
        if each.id in locked:
            assert (each.provisioning_status, each.generation, each.updated_at) == (P.PENDING_UPDATE, 2, NOW)
        else:
            assert each is tree.get(each.id)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (P.ACTIVE, P.PENDING_UPDATE),
        (P.ERROR, P.PENDING_UPDATE),
        (P.PENDING_UPDATE, P.PENDING_UPDATE),
        (P.PENDING_CREATE, P.PENDING_CREATE),
    ],
)
def test_change_from_every_state(before: P, after: P) -> None:
    tree = tree_at(l2={"provisioning_status": before, "fault": "x"})
    changed = of(status.advance(tree, now=NOW, changed=["l2"]), "l2")
    assert (changed.provisioning_status, changed.fault) == (after, None)


def test_what_is_on_its_way_out_is_not_marked_again() -> None:
    tree = tree_at(l1={"deleting": True, "provisioning_status": P.ERROR, "fault": "busy"})
    assert of(status.advance(tree, now=NOW, changed=["m1"]), "l1") is tree.listeners["l1"]


@pytest.mark.parametrize("before", list(P))
def test_deletion_from_every_state(before: P) -> None:
    tree = tree_at(l2={"provisioning_status": before})
    deleted = of(status.removed(tree, "l2", now=NOW), "l2")
    assert (deleted.provisioning_status, deleted.deleting) == (P.PENDING_DELETE, True)


@pytest.mark.parametrize(
    ("identifier", "going", "others"),
    [
        ("lb", {"lb", "l1", "l2", "p1", "p2", "m1", "m2", "h1"}, set()),
        ("l1", {"l1"}, {"lb"}),
        ("p1", {"p1", "m1", "h1"}, {"lb", "l1"}),
        ("m1", {"m1"}, {"lb", "l1", "p1"}),
        ("h1", {"h1"}, {"lb", "l1", "p1"}),
    ],
)
def test_what_goes_with_a_deletion(identifier: str, going: set[str], others: set[str]) -> None:
    after = status.removed(tree_at(), identifier, now=NOW)
    assert {each.id for each in after.records() if each.provisioning_status is P.PENDING_DELETE} == going
    assert {each.id for each in after.records() if each.provisioning_status is P.PENDING_UPDATE} == others
    assert after.listeners["l1"].item.default_pool_id == (None if identifier == "p1" else "p1")


def test_deletion_asked_for_again() -> None:
    once = status.removed(tree_at(), "p1", now=NOW)
    assert status.removed(once, "p1", now=NOW) is once
    failed = status.given_up(once, 2, "busy")
    assert of(failed, "p1").provisioning_status is P.ERROR
    again = status.removed(failed, "p1", now=NOW)
    assert again.generation == 3
    assert {(each.provisioning_status, each.generation) for each in again.records() if each.deleting} == {
        (P.PENDING_DELETE, 3)
    }


# ---------------------------------------------------------------------------------------------------------- reports


@pytest.mark.parametrize("before", [P.PENDING_CREATE, P.PENDING_UPDATE, P.ACTIVE, P.ERROR])
def test_applied_makes_active(before: P) -> None:
    tree = replace(tree_at(l2={"provisioning_status": before, "generation": 3, "fault": "x"}), generation=3)
    early = status.applied(tree, "a", 2)
    assert of(early, "l2") == tree.listeners["l2"]
    done = of(status.applied(tree, "a", 3), "l2")
    assert (done.provisioning_status, done.fault) == (P.ACTIVE, None)


def test_applied_twice_is_applied_once() -> None:
    once = status.applied(status.removed(tree_at(), "m1", now=NOW), "a", 2)
    assert once is not None
    assert "m1" not in once.members
    assert status.applied(once, "a", 2) == once
    assert status.applied(once, "a", 1) == once


def test_children_never_outlive_their_pool() -> None:
    tree = status.removed(tree_at(), "p1", now=NOW)
    failed = status.given_up(tree, 2, "busy")
    again = status.removed(failed, "m1", now=NOW)
    assert of(again, "m1").generation == 3
    late = status.applied(again, "a", 2)
    assert late is not None
    assert set(late.pools) == {"p2"}
    assert set(late.members) == {"m2"}
    assert late.monitors == {}


def test_load_balancer_goes_only_when_its_deletion_was_applied() -> None:
    tree = status.removed(status.advance(tree_at(), now=NOW, changed=["lb"]), "lb", now=NOW)
    assert status.applied(tree, "a", 2) == replace(tree, placements=alone_on("a", 2))
    assert status.applied(tree, "a", 3) is None


def test_give_up_fails_what_is_pending_since_the_last_success() -> None:
    tree = status.advance(status.advance(tree_at(), now=NOW, changed=["l2"]), now=NOW, changed=["m2"])
    failed = status.given_up(tree, 2, "no")
    assert {each.id for each in failed.records() if each.provisioning_status is P.ERROR} == {"l2"}
    assert of(failed, "lb").provisioning_status is P.PENDING_UPDATE
    failed = status.given_up(tree, 3, "no")
    assert marked(failed) == {"lb", "l2", "p2", "m2"}
    assert {each.fault for each in failed.records() if each.id in marked(failed)} == {"no"}
    applied = status.applied(tree, "a", 3)
    assert applied is not None
    assert status.given_up(applied, 3, "no") == applied


def test_what_a_host_cannot_do_any_more_is_an_error_until_it_can_again() -> None:
    """The report is about the very generation that it had applied."""
    applied = status.applied(status.advance(tree_at(), now=NOW, changed=["l2"]), "a", 2)
    assert applied is not None
    lost = status.given_up(applied, 2, "no bridge", "a")
    assert marked(lost) == {"lb"}
    assert of(lost, "lb").fault == "no bridge"
    assert status.given_up(lost, 2, "no bridge", "a") == lost
    assert status.given_up(applied, 1, "late", "a") == applied
    again = status.applied(lost, "a", 2)
    assert again is not None
    assert (of(again, "lb").provisioning_status, of(again, "lb").fault) == (P.ACTIVE, None)


def test_delayed_stays_pending() -> None:
    tree = status.advance(tree_at(), now=NOW, changed=["l2"])
    waiting = status.delayed(tree, 2, "not yet")
    assert (of(waiting, "l2").provisioning_status, of(waiting, "l2").fault) == (P.PENDING_UPDATE, "not yet")
    assert of(waiting, "l1").fault is None
    assert status.delayed(waiting, 2, "not yet") == waiting
    assert status.delayed(tree, 1, "late") == tree


# ----------------------------------------------------------------------------------------------- operating statuses


def test_monitors_and_disabled_objects_when_applied() -> None:
    tree = tree_at(h1={"operating_status": Op.OFFLINE})
    assert of(status.applied(tree, "a", 1), "h1").operating_status is Op.ONLINE
    member = tree.members["m1"]
    off = tree.with_record(replace(member, item=replace(member.item, admin_state_up=False)))
    assert of(off, "m1").operating_status is Op.ONLINE
    assert of(status.applied(off, "a", 1), "m1").operating_status is Op.OFFLINE


def test_members_without_their_monitor() -> None:
    gone = status.applied(status.removed(tree_at(), "h1", now=NOW), "a", 2)
    assert of(gone, "m1").operating_status is Op.NO_MONITOR
    assert of(gone, "m2").operating_status is Op.ONLINE
    replaced = status.removed(tree_at(), "h1", now=NOW)
    new: AnyRecord = record(replace(replaced.monitors["h1"].item, id="h2"), provisioning_status=P.PENDING_CREATE)
    assert of(status.applied(replaced.with_record(new), "a", 2), "m1").operating_status is Op.ONLINE


def test_members_whose_monitor_is_switched_off() -> None:
    """Those that were never checked; of the others the data plane says it."""
    tree = tree_at(m1={"operating_status": Op.OFFLINE}, m2={"operating_status": Op.OFFLINE})
    h1 = tree.monitors["h1"]
    tree = tree.with_record(replace(h1, item=replace(h1.item, admin_state_up=False)))
    pending = status.advance(tree, now=NOW, changed=["h1"])
    assert of(status.applied(pending, "a", 1), "m1").operating_status is Op.OFFLINE
    after = status.applied(pending, "a", 2)
    assert (of(after, "m1").operating_status, of(after, "m2").operating_status) == (Op.NO_MONITOR, Op.OFFLINE)
    draining = pending.with_record(replace(pending.members["m1"], operating_status=Op.DRAINING))
    assert of(status.applied(draining, "a", 2), "m1").operating_status is Op.DRAINING


@pytest.mark.parametrize(
    ("member", "up", "expected"),
    [("m1", True, Op.OFFLINE), ("m2", True, Op.NO_MONITOR), ("m2", False, Op.OFFLINE)],
)
def test_a_member_that_is_in_service_again(member: str, up: bool, expected: Op) -> None:
    """``up``: whether the load balancer is in service. m1 has a monitor."""
    tree = tree_at(**{member: {"operating_status": Op.OFFLINE}})
    balancer = tree.load_balancer
    tree = replace(tree, load_balancer=replace(balancer, item=replace(balancer.item, admin_state_up=up)))
    pending = status.advance(tree, now=NOW, changed=[member])
    assert of(status.applied(pending, "a", 1), member).operating_status is Op.OFFLINE
    assert of(status.applied(pending, "a", 2), member).operating_status is expected


def test_with_verdicts() -> None:
    tree = tree_at(m1={"provisioning_status": P.PENDING_UPDATE})
    for key in ("m1", "m2"):
        member = tree.members[key]
        tree = tree.with_record(replace(member, item=replace(member.item, admin_state_up=False)))
    words = {each.id: Op.ERROR for each in tree.records()} | {"stranger": Op.ERROR}
    after = status.with_verdicts(tree, Health(load_balancer_id="lb", statuses=words, statistics={}))
    found = {each.id: each.operating_status for each in after.records()}
    expected = {**dict.fromkeys(("lb", "l1", "l2", "p1", "p2", "m1"), Op.ERROR), "m2": Op.OFFLINE, "h1": Op.ONLINE}
    assert found == expected
    nothing = Health(load_balancer_id="lb", statuses={}, statistics={})
    assert status.with_verdicts(tree, nothing) == tree


def test_reasons_come_and_go_with_the_status() -> None:
    def health(word: Op, **reasons: str) -> Health:
        return Health(load_balancer_id="lb", statuses={"m1": word}, statistics={}, reasons=reasons)

    tree = tree_at()
    down = status.with_verdicts(tree, health(Op.ERROR, m1="no connection (L4CON)", m2="of one that is not told"))
    assert (of(down, "m1").operating_reason, of(down, "m2").operating_reason) == ("no connection (L4CON)", None)
    assert status.with_verdicts(down, health(Op.ERROR, m1="no connection (L4CON)")) == down
    assert of(status.with_verdicts(down, health(Op.ERROR, m1="too late")), "m1").operating_reason == "too late"
    assert of(status.with_verdicts(down, health(Op.ONLINE)), "m1").operating_reason is None
    assert len(of(status.with_verdicts(down, health(Op.ERROR, m1="x" * 5000)), "m1").operating_reason or "") == 1000


def test_the_moment_is_noted_of_what_has_another_status() -> None:
    tree = tree_at()
    down = status.with_verdicts(tree, Health(load_balancer_id="lb", statuses={"m1": Op.ERROR}, statistics={}))
    stamped = status.stamped(tree, down, NOW)
    assert {each.id: each.operating_since for each in stamped.records() if each.operating_since} == {"m1": NOW}
    assert status.stamped(stamped, stamped, NOW) == stamped
    told = Health(load_balancer_id="lb", statuses={"m1": Op.ERROR}, statistics={}, reasons={"m1": "why"})
    again = status.with_verdicts(stamped, told)
    assert of(status.stamped(stamped, again, NOW + timedelta(1)), "m1").operating_since == NOW


def test_initial_operating_status() -> None:
    tree = tree_at()
    member = tree.members["m1"].item
    assert status.initial_operating_status(member) is Op.NO_MONITOR
    assert status.initial_operating_status(member, monitored=True) is Op.OFFLINE
    assert status.initial_operating_status(replace(member, admin_state_up=False)) is Op.OFFLINE
    for item in (tree.load_balancer.item, tree.pools["p1"].item, tree.monitors["h1"].item):
        assert status.initial_operating_status(item) is Op.OFFLINE


# ------------------------------------------------------------------------------------------------------------- pairs


def on_a_pair(tree: Tree) -> Tree:
    return replace(tree, placements=(Placement("a", Role.MASTER, 1), Placement("b", Role.BACKUP, 1)))


def test_a_change_of_a_pair_is_in_force_when_both_have_applied_it() -> None:
    tree = status.advance(on_a_pair(tree_at()), now=NOW, changed=["l1"])
    once = status.applied(tree, "b", 2)
    assert of(once, "l1").provisioning_status is P.PENDING_UPDATE
    assert once is not None
    assert of(status.applied(once, "a", 2), "l1").provisioning_status is P.ACTIVE
    assert of(status.applied(tree, "b", 2, {"a"}), "l1").provisioning_status is P.ACTIVE
    assert of(status.given_up(once, 2, "late", "b"), "l1").provisioning_status is P.PENDING_UPDATE
    assert of(status.given_up(once, 2, "no", "a"), "l1").provisioning_status is P.ERROR


def test_a_pair_is_gone_when_both_have_removed_it() -> None:
    tree = status.removed(on_a_pair(tree_at()), "lb", now=NOW)
    once = status.applied(tree, "a", 2)
    assert once is not None
    assert once.load_balancer.provisioning_status is P.PENDING_DELETE
    assert status.applied(once, "b", 2) is None
    assert status.applied(tree, "a", 2, {"b"}) is None


def many(size: int, *, pending: int) -> Tree:
    """One pool with so many members, of which some are not in force."""
    tree = tree_at(lb={"provisioning_status": P.PENDING_UPDATE, "generation": 2})
    members = (
        record(
            Member(id=f"n{number}", pool_id="p1", address="10.0.0.1", port=number + 1),
            **({"provisioning_status": P.PENDING_UPDATE, "generation": 2} if number < pending else {}),
        )
        for number in range(size)
    )
    return replace(tree.with_records(members), generation=2)


RULES_THAT_PASS_MOST_BY: dict[str, Callable[[Tree], Tree | None]] = {
    "applied": lambda tree: status.applied(tree, "a", 2),
    "given up": lambda tree: status.given_up(tree, 2, "broken", "a"),
    "delayed": lambda tree: status.delayed(tree, 2, "later", "a"),
    "advance": lambda tree: status.advance(tree, now=NOW, changed=["n0"]),
    "removed": lambda tree: status.removed(tree, "n0", now=NOW),
}


@pytest.mark.parametrize("name", RULES_THAT_PASS_MOST_BY)
def test_records_that_a_change_does_not_concern_are_passed_by(name: str) -> None:
    rule = RULES_THAT_PASS_MOST_BY[name]
    few, more, most = many(100, pending=1), many(300, pending=1), many(300, pending=300)
    beside = (steps(lambda: rule(more)) - steps(lambda: rule(few))) / 200
    assert beside <= 36, "steps for one more record that is not concerned"
    if name in ("applied", "given up", "delayed"):
        assert beside < (steps(lambda: rule(most)) - steps(lambda: rule(more))) / 299 / 2
    after = rule(more)
    assert after is not None
    assert all(after.members[key] is former for key, former in more.members.items() if key != "n0")
