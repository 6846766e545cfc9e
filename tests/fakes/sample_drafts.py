"""Drafts as a facade would make them, with what a test does not care about filled in."""

from typing import Any

from evenload.interfaces.ports import VipRequest
from evenload.model.enums import Algorithm, ListenerProtocol, MonitorType, PoolProtocol
from evenload.service.commands import BalancerDraft, Draft, ListenerDraft, PoolDraft


def a_balancer(**fields: Any) -> BalancerDraft:
    return BalancerDraft(**{"vip": VipRequest(subnet_id="subnet-1"), "record": {"name": "lb"}, **fields})


def a_listener(port: int = 80, protocol: ListenerProtocol = ListenerProtocol.HTTP, **fields: Any) -> ListenerDraft:
    default_pool = fields.pop("default_pool", None)
    record = fields.pop("record", {})
    return ListenerDraft(item={"port": port, "protocol": protocol, **fields}, record=record, default_pool=default_pool)


def a_pool(protocol: PoolProtocol = PoolProtocol.HTTP, **fields: Any) -> PoolDraft:
    outside = {name: fields.pop(name) for name in ("members", "monitor", "record") if name in fields}
    return PoolDraft(item={"protocol": protocol, "algorithm": Algorithm.ROUND_ROBIN, **fields}, **outside)


def a_member(address: str = "10.0.1.1", port: int = 8080, record: dict[str, Any] | None = None, **fields: Any) -> Draft:
    return Draft(item={"address": address, "port": port, **fields}, record=record or {})


def a_monitor(kind: MonitorType = MonitorType.HTTP, **fields: Any) -> Draft:
    return Draft(item={"type": kind, "delay": 5, "timeout": 3, "rise": 2, **fields})
