"""Which trees are written, in which order, when a VIP changes or goes. Letters: ``V`` the load balancer of the VIP,
``A`` the tree in which another pool stands alone, ``N`` a new one."""

from datetime import UTC, datetime

import pytest

from evenload.model.balancer import Item, Listener, LoadBalancer, Pool, Record, V1Part, V1Pool, V1Vip
from evenload.model.enums import Algorithm, ListenerProtocol, PoolProtocol, ProvisioningStatus
from evenload.model.errors import EvenloadError, ForeignProject, Immutable, ProtocolMismatch, VipExists
from evenload.model.placement import alone_on
from evenload.model.tree import Tree
from evenload.service.lbaas_v1.commands import VipChanges
from evenload.service.lbaas_v1.vip_plans import Plan, plan_other_pool, plan_removal

NOW = datetime(2026, 1, 1, tzinfo=UTC)
V1 = V1Pool(subnet_id="s", provider="haproxy")


def a_record(item: Item, *, project: str = "p", v1: V1Part | None = None, deleting: bool = False) -> Record[Item]:
    return Record(
        item=item,
        project_id=project,
        provisioning_status=ProvisioningStatus.ACTIVE,
        generation=1,
        created_at=NOW,
        v1=v1,
        deleting=deleting,
    )


def a_pool(name: str, tree: str, protocol: PoolProtocol = PoolProtocol.HTTP) -> Pool:
    return Pool(id=name, load_balancer_id=tree, protocol=protocol, algorithm=Algorithm.ROUND_ROBIN)


def a_listener(name: str, port: int, pool: str | None) -> Listener:
    return Listener(id=name, load_balancer_id="V", protocol=ListenerProtocol.HTTP, port=port, default_pool_id=pool)


def the_vips_tree(*more: Record[Item], v1: V1Part | None = V1) -> Tree:
    balancer = a_record(LoadBalancer(id="V", port_id="port"))
    tree = Tree(load_balancer=balancer, generation=1, placements=alone_on("host", 1))  # type: ignore[arg-type]
    records = [a_record(a_pool("old", "V"), v1=v1), a_record(a_listener("vip", 80, "old"), v1=V1Vip())]
    return tree.with_records([*records, *more])


def a_pool_alone(pool: Record[Item], *more: Record[Item]) -> Tree:
    tree = Tree(load_balancer=a_record(LoadBalancer(id="A")), generation=1, placements=alone_on("host", 1))  # type: ignore[arg-type]
    return tree.with_records([pool, *more])


def written(plan: Plan) -> list[str]:
    """Each step as ``tree:pools before>pools after``."""

    def pools(tree: Tree | None) -> str:
        return "-" if tree is None else "+".join(sorted(id for id, each in tree.pools.items() if not each.deleting))

    return [f"{(step.before or step.after).id}:{pools(step.before)}>{pools(step.after)}" for step in plan.steps]  # type: ignore[union-attr]


SECOND = a_record(a_listener("second", 81, "old"))
EXTRA = a_record(a_pool("extra", "V"), v1=V1)


@pytest.mark.parametrize(
    ("tree", "steps", "whole"),
    [
        (the_vips_tree(), ["V:old>", "N:->old"], True),
        (the_vips_tree(SECOND), ["V:old>old"], False),
        (the_vips_tree(EXTRA), ["V:extra+old>extra", "N:->old"], False),
        (the_vips_tree(v1=None), ["V:old>old"], False),
        (the_vips_tree(a_record(a_listener("second", 81, "old"), deleting=True)), ["V:old>", "N:->old"], True),
    ],
)
def test_removal(tree: Tree, steps: list[str], whole: bool) -> None:
    plan = plan_removal(tree, "vip", {}, place="N", now=NOW)
    assert written(plan) == steps
    assert plan.tree.load_balancer.deleting is whole
    assert plan.tree.listeners["vip"].deleting


@pytest.mark.parametrize(
    ("tree", "source", "steps"),
    [
        (the_vips_tree(), a_pool_alone(a_record(a_pool("new", "A"), v1=V1)), ["A:new>-", "V:old>new", "N:->old"]),
        (
            the_vips_tree(SECOND),
            a_pool_alone(a_record(a_pool("new", "A"), v1=V1)),
            ["A:new>-", "V:old>new+old"],
        ),
        (
            the_vips_tree(),
            a_pool_alone(a_record(a_pool("new", "A"), v1=V1), a_record(a_pool("other", "A"), v1=V1)),
            ["A:new+other>other", "V:old>new", "N:->old"],
        ),
    ],
)
def test_another_pool(tree: Tree, source: Tree, steps: list[str]) -> None:
    plan = plan_other_pool(tree, "vip", VipChanges(pool_id="new"), source, {}, place="N", now=NOW)
    assert written(plan) == steps
    assert plan.tree.listeners["vip"].item.default_pool_id == "new"


def test_another_pool_of_the_same_load_balancer_stays_there() -> None:
    tree = the_vips_tree(EXTRA)
    plan = plan_other_pool(tree, "vip", VipChanges(pool_id="extra"), tree, {}, place="N", now=NOW)
    assert written(plan) == ["V:extra+old>extra", "N:->old"]


@pytest.mark.parametrize(
    ("pool", "error"),
    [
        (a_record(a_pool("new", "A"), v1=V1, project="q"), ForeignProject),
        (a_record(a_pool("new", "A", PoolProtocol.TCP), v1=V1), ProtocolMismatch),
        (a_record(a_pool("new", "A"), v1=V1, deleting=True), Immutable),
    ],
)
def test_what_another_pool_must_not_be(pool: Record[Item], error: type[EvenloadError]) -> None:
    with pytest.raises(error):
        plan_other_pool(the_vips_tree(), "vip", VipChanges(pool_id="new"), a_pool_alone(pool), {}, place="N", now=NOW)


def test_a_pool_has_one_vip() -> None:
    source = a_pool_alone(a_record(a_pool("new", "A"), v1=V1), a_record(a_listener("other", 80, "new")))
    with pytest.raises(VipExists):
        plan_other_pool(the_vips_tree(), "vip", VipChanges(pool_id="new"), source, {}, place="N", now=NOW)
