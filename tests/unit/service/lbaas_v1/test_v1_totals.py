"""What is noted at a pool when listeners come to it and leave it."""

from datetime import UTC, datetime

import pytest

from evenload.model.balancer import Listener, LoadBalancer, Pool, Record, V1Pool
from evenload.model.desired import Statistics
from evenload.model.enums import Algorithm, ListenerProtocol, PoolProtocol, ProvisioningStatus
from evenload.model.totals import Count
from evenload.model.tree import Tree
from evenload.service.lbaas_v1.totals import counted_for, with_credits

NOW = datetime(2026, 1, 1, tzinfo=UTC)
COUNTS = {
    name: (Count(agent="a", epoch="e", place=1, statistics=Statistics(total_connections=number, bytes_in=1)),)
    for name, number in (("l1", 5), ("l2", 70))
}


def a_record(item: object, v1: V1Pool | None = None) -> Record:  # type: ignore[type-arg]
    status = ProvisioningStatus.ACTIVE
    return Record(item=item, project_id="p", provisioning_status=status, generation=1, created_at=NOW, v1=v1)


def a_tree(**pools: str | None) -> Tree:
    """The pools ``p`` of LBaaS v1 and ``q`` of Octavia's API, with each listener's pool."""
    tree = Tree(load_balancer=a_record(LoadBalancer(id="lb")), generation=1)
    v1 = V1Pool(subnet_id="s", provider="haproxy")
    made = [
        a_record(
            Pool(id=name, load_balancer_id="lb", protocol=PoolProtocol.HTTP, algorithm=Algorithm.ROUND_ROBIN), part
        )
        for name, part in (("p", v1), ("q", None))
    ]
    listeners = [
        a_record(
            Listener(id=name, load_balancer_id="lb", protocol=ListenerProtocol.HTTP, port=80, default_pool_id=pool)
        )
        for name, pool in pools.items()
    ]
    return tree.with_records([*made, *listeners])


@pytest.mark.parametrize(
    ("before", "after", "noted"),
    [
        ({"l1": "p"}, {"l1": "p"}, 0),
        ({"l1": "p"}, {"l1": None}, 5),
        ({"l1": "p"}, {}, 5),
        ({"l1": "p"}, {"l1": "q"}, 5),
        ({"l1": None}, {"l1": "p"}, -5),
        ({"l1": "q", "l2": "p"}, {"l1": "p", "l2": "q"}, 65),
        ({"l1": "p", "l2": "p"}, {"l2": "p"}, 5),
        ({"l1": "p", "l2": "p"}, {}, 75),
        ({"l1": "p"}, {"l1": "p", "new": "p"}, 0),
    ],
)
def test_the_total_is_the_same_before_and_after(
    before: dict[str, str | None], after: dict[str, str | None], noted: int
) -> None:
    was, now = a_tree(**before), with_credits(a_tree(**before), a_tree(**after), COUNTS)
    v1 = now.pools["p"].v1
    assert isinstance(v1, V1Pool)
    assert v1.total_connections == noted
    assert noted + counted_for(now, "p", COUNTS).total_connections == counted_for(was, "p", COUNTS).total_connections
    assert now.pools["q"].v1 is None
