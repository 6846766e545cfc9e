"""Requests of LBaaS v1 as the use cases' commands. Pure: what a body gave goes in, a draft or changes come out.

``schema`` has checked the bodies. ``max_retries`` is how many checks in a
row take a member away (``fall``); how many bring it back (``rise``) v1 cannot say, and it was HAProxy's default.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from evenload.api.attributes import Given
from evenload.api.fields import shown
from evenload.api.lbaas_v1 import schema
from evenload.model.balancer import HttpCheck
from evenload.model.enums import InsertedHeader, ListenerProtocol, MonitorType
from evenload.model.errors import Invalid, ServiceProviderNotFound
from evenload.model.rules import HTTP_CHECKS
from evenload.service.commands import Changes, Draft
from evenload.service.lbaas_v1.commands import V1PoolDraft, VipChanges, VipDraft

_RISE = 2
_QUOTA_WORDS = {"healthmonitor": "health_monitor", "load_balancer": "loadbalancer"}
_HTTP = {"http_method": "method", "url_path": "url_path", "expected_codes": "expected_codes"}


def vip_draft(given: Given, *, every_project: bool) -> VipDraft:
    """``every_project``: the caller may use any project's networks. Members of a VIP that speaks HTTP learn who asked:
    the original had no word for it, it was always so."""
    http = given.item["protocol"] is ListenerProtocol.HTTP
    headers = {"insert_headers": (InsertedHeader.X_FORWARDED_FOR,)} if http else {}
    return VipDraft(
        item={**headers, **given.item},
        record=given.record,
        pool_id=given.own["pool_id"],
        subnet_id=given.own["subnet_id"],
        address=given.own.get("address"),
        session_persistence=_persistence(given),
        every_project=every_project,
    )


def vip_changes(given: Given) -> VipChanges:
    return VipChanges(
        item=given.item,
        record=given.record,
        pool_id=given.own.get("pool_id"),
        persists="session_persistence" in given.own,
        session_persistence=_persistence(given),
    )


def _persistence(given: Given) -> Mapping[str, Any] | None:
    """None for null and for an empty object."""
    body = given.own.get("session_persistence")
    wanted = None if body is None else schema.SESSION_PERSISTENCE.split(body).item
    if wanted and "type" not in wanted:
        raise Invalid(
            "Invalid input for field/attribute session_persistence.type. Value: 'None'. Mandatory field missing.",
            field="session_persistence",
        )
    return wanted or None


def pool_draft(given: Given, providers: Sequence[str]) -> V1PoolDraft:
    """``providers``: those there are, the default first."""
    provider = given.own.get("provider", providers[0]).lower()
    if provider not in providers:
        raise ServiceProviderNotFound(
            f"Service provider '{shown(provider)}' could not be found for service type LOADBALANCER.", field="provider"
        )
    return V1PoolDraft(item=given.item, record=given.record, subnet_id=given.own["subnet_id"], provider=provider)


def monitor_ids(given: Given) -> Sequence[str] | None:
    """Those that a pool's body names; None: it names none."""
    wanted: Sequence[str] | None = given.own.get("health_monitors")
    if wanted is not None and len(set(wanted)) != len(wanted):
        raise Invalid("A health monitor is named twice.", field="health_monitors")
    return wanted


def quota_word(name: str) -> str:
    """The one word for a resource that has two."""
    return _QUOTA_WORDS.get(name, name)


def quota_limits(given: Given) -> Mapping[str, int]:
    """By resource, under the one word for each."""
    limits: dict[str, int] = {}
    for name, limit in given.own.items():
        word = quota_word(name)
        if limits.setdefault(word, limit) != limit:
            raise Invalid(f"{word} and {name} are the same, and not equal here.", field=name)
    return limits


def plain_draft(given: Given) -> Draft:
    return Draft(item=given.item, record=given.record)


def plain_changes(given: Given) -> Changes:
    return Changes(item=given.item, record=given.record)


def new_monitor(given: Given) -> Mapping[str, Any]:
    return {**monitor_changes(given, given.item["type"]), "rise": _RISE}


def monitor_changes(given: Given, type: MonitorType) -> Mapping[str, Any]:
    """Clients send the defaults of the HTTP attributes along with every type; more than those asks for something."""
    parts = {model: given.own[name] for name, model in _HTTP.items() if name in given.own}
    if type in HTTP_CHECKS:
        return {**given.item, "http": parts} if parts else given.item
    for model, value in parts.items():
        if value != getattr(HttpCheck(), model):
            raise Invalid(f"Not allowed with a {type.value} monitor.", field=model)
    return given.item
