"""Drafts of LBaaS v1's objects as its facade would make them, with what a test does not care about filled in."""

from typing import Any

from evenload.model.enums import Algorithm, ListenerProtocol, MonitorType, PoolProtocol
from evenload.service.lbaas_v1.commands import V1PoolDraft, VipDraft


def a_v1_pool(protocol: PoolProtocol = PoolProtocol.HTTP, record: dict[str, Any] | None = None) -> V1PoolDraft:
    return V1PoolDraft(
        item={"protocol": protocol, "algorithm": Algorithm.ROUND_ROBIN},
        record=record or {},
        subnet_id="subnet-2",
        provider="haproxy",
    )


def a_vip(pool_id: str, port: int = 80, protocol: ListenerProtocol = ListenerProtocol.HTTP, **fields: Any) -> VipDraft:
    item = {"protocol": protocol, "port": port, **fields.pop("item", {})}
    return VipDraft(item=item, pool_id=pool_id, subnet_id="subnet-1", **fields)


def a_template(kind: MonitorType = MonitorType.HTTP, **fields: Any) -> dict[str, Any]:
    return {"type": kind, "delay": 5, "timeout": 3, "rise": 2, "fall": 3, **fields}
