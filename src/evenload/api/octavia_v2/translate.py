"""Requests of Octavia's API as the service's commands. Pure: what a body gave goes in, a draft or changes come out.

``schema`` has checked the bodies. Only what the table of attributes
cannot say by itself stands here: objects within objects, and values that consist of several attributes.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from evenload.api.attributes import Given, chosen_project
from evenload.api.fields import shown
from evenload.api.octavia_v2 import schema
from evenload.interfaces.ports import VipRequest
from evenload.model.balancer import HealthMonitor, Listener, Pool
from evenload.model.enums import InsertedHeader, ListenerProtocol, MonitorType
from evenload.model.errors import Invalid
from evenload.model.tls import ClientAuthentication, PoolTls
from evenload.service.commands import BalancerDraft, Changes, Draft, ListenerDraft, PolicyDraft, PoolDraft, PoolName

_HTTP_FIELDS = ("method", "url_path", "expected_codes", "version", "domain_name")
_TLS_FIELDS = (
    *("certificate", "sni", "ciphers", "versions", "alpn"),
    *("hsts_max_age", "hsts_include_subdomains", "hsts_preload"),
    *("client_authentication", "client_authorities", "client_revocations"),
)
_POOL_TLS_FIELDS = {
    "tls_enabled": "enabled",
    **{name: name for name in ("certificate", "authorities", "revocations", "ciphers", "versions", "alpn")},
}
_NO_TLS = (None, (), ClientAuthentication.NONE)
_HTTP_TYPES = frozenset({MonitorType.HTTP, MonitorType.HTTPS})


def require_project(own: Mapping[str, Any], project_id: str) -> None:
    """Children have their load balancer's project; a body that says so is right, another one is not obeyed."""
    named = chosen_project(own)
    if named is not None and named != project_id:
        raise Invalid(f"project_id is {project_id} here, the load balancer's own.", field="project_id")


# ----------------------------------------------------------------------------------------------------- load balancers


def balancer_draft(given: Given, project_id: str, *, every_project: bool) -> BalancerDraft:
    """``every_project``: the caller may use any project's networks."""
    own = given.own
    request = VipRequest(
        port_id=own.get("port_id"),
        network_id=own.get("network_id"),
        subnet_id=own.get("vip_subnet_id"),
        address=own.get("vip_address"),
        additional=tuple(_additional_vip(each) for each in own.get("additional_vips", ())),
        every_project=every_project,
    )
    if request.port_id is None and request.network_id is None and request.subnet_id is None:
        raise Invalid(
            "Validation failure: VIP must contain one of: vip_port_id, vip_network_id, vip_subnet_id.",
            field="vip_subnet_id",
        )
    pools = tuple(pool_draft(schema.NESTED_POOL.split(each), project_id) for each in own.get("pools", ()))
    names = Counter(pool.record["name"] for pool in pools if pool.record.get("name"))
    if names.total() != len(names):
        raise Invalid("pools: names of pools must be unique in one request.", field="pools")
    listeners = tuple(_nested_listener(each, project_id) for each in own.get("listeners", ()))
    names.update(name for listener in listeners for pool in listener.pools if (name := pool.record.get("name")))
    for listener in listeners:
        _require_known(listener.default_pool, names, "default_pool")
        for policy in listener.policies:
            _require_known(policy.redirect_pool, names, "redirect_pool")
    return BalancerDraft(
        item=given.item,
        record=given.record,
        vip=request,
        provider=own.get("provider"),
        flavor_id=own.get("flavor_id"),
        availability_zone=own.get("availability_zone"),
        listeners=listeners,
        pools=pools,
    )


def _require_known(pool: PoolDraft | PoolName | None, names: Mapping[str, int], field: str) -> None:
    if isinstance(pool, PoolName) and pool.name not in names:
        raise Invalid(f"Missing details for pool '{shown(pool.name)}' in {field}.", field=field)


def _additional_vip(body: BaseModel) -> tuple[str, str | None, str | None]:
    own = schema.ADDITIONAL_VIP.split(body).own
    return own["subnet_id"], own.get("ip_address"), own.get("port_id")


def _nested_listener(body: BaseModel, project_id: str) -> ListenerDraft:
    given = schema.NESTED_LISTENER.split(body)
    require_project(given.own, project_id)
    return listener_draft(given, project_id)


def _nested_policy(body: BaseModel, project_id: str) -> PolicyDraft:
    given = schema.NESTED_POLICY.split(body)
    require_project(given.own, project_id)
    return PolicyDraft(
        item=given.item,
        record=given.record,
        rules=_nested_rules(given, project_id),
        redirect_pool=_pool_of(given, "redirect_pool", project_id),
    )


def _nested_rules(given: Given, project_id: str) -> tuple[Draft, ...]:
    rules = [schema.L7_RULE.split(each) for each in given.own.get("rules", ())]
    for rule in rules:
        require_project(rule.own, project_id)
    return tuple(plain_draft(rule) for rule in rules)


def _pool_of(given: Given, field: str, project_id: str) -> PoolDraft | PoolName | None:
    """The pool that stands where its id might."""
    pool = given.own.get(field)
    if pool is None:
        return None
    if given.item.get(f"{field}_id") is not None:
        raise Invalid(f"{field} and {field}_id cannot both be given.", field=field)
    return _pool_or_name(pool, field, project_id)


def _pool_or_name(body: BaseModel, place: str, project_id: str) -> PoolDraft | PoolName:
    name = getattr(body, "name", None)
    if body.model_fields_set == {"name"} and name:
        return PoolName(name=name)
    given = schema.POOL_OR_NAME.split(body)
    for name, field in (("protocol", "protocol"), ("lb_algorithm", "algorithm")):
        if field not in given.item:
            described = shown(given.record.get("name") or "")
            raise Invalid(f"Missing details for pool '{described}' in {place}: {name} is mandatory.", field=name)
    return pool_draft(given, project_id)


def _nested_member(body: BaseModel, project_id: str) -> Draft:
    given = schema.MEMBER.split(body)
    require_project(given.own, project_id)
    return Draft(item=given.item, record=given.record)


def _nested_monitor(body: BaseModel, project_id: str) -> Draft:
    given = schema.NESTED_MONITOR.split(body)
    require_project(given.own, project_id)
    return monitor_draft(given)


# -------------------------------------------------------------------------------------------------- everything else


def listener_draft(given: Given, project_id: str) -> ListenerDraft:
    return ListenerDraft(
        item={**_with_headers(given), **_tls(given, given.item["protocol"])},
        record=given.record,
        default_pool=_pool_of(given, "default_pool", project_id),
        policies=tuple(_nested_policy(each, project_id) for each in given.own.get("l7policies", ())),
    )


def policy_draft(given: Given, project_id: str) -> PolicyDraft:
    return PolicyDraft(item=given.item, record=given.record, rules=_nested_rules(given, project_id))


def listener_changes(given: Given, listener: Listener) -> Changes:
    return Changes(item={**_with_headers(given), **_tls(given, listener.protocol)}, record=given.record)


def pool_draft(given: Given, project_id: str) -> PoolDraft:
    """With the members and the monitor that the body gives."""
    require_project(given.own, project_id)
    monitor = given.own.get("healthmonitor")
    return PoolDraft(
        item={**_new_persistence(given), **_pool_tls(given, None)},
        record=given.record,
        members=tuple(_nested_member(each, project_id) for each in given.own.get("members", ())),
        monitor=None if monitor is None else _nested_monitor(monitor, project_id),
    )


def pool_changes(given: Given, pool: Pool) -> Changes:
    return Changes(item={**_with_persistence(given), **_pool_tls(given, pool.tls)}, record=given.record)


def member_drafts(bodies: Sequence[BaseModel], project_id: str) -> list[Draft]:
    return [_nested_member(body, project_id) for body in bodies]


def plain_draft(given: Given) -> Draft:
    return Draft(item=given.item, record=given.record)


def monitor_draft(given: Given) -> Draft:
    return Draft(item={**given.item, **_http(given, given.item["type"])}, record=given.record)


def monitor_changes(given: Given, monitor: HealthMonitor) -> Changes:
    return Changes(item={**given.item, **_http(given, monitor.type)}, record=given.record)


def _http(given: Given, type: MonitorType) -> dict[str, Any]:
    """The parts of the HTTP check that were given. Where no HTTP is spoken, null for one of them asks for nothing."""
    parts = {name: given.own[name] for name in _HTTP_FIELDS if name in given.own}
    if type not in _HTTP_TYPES:
        parts = {name: value for name, value in parts.items() if value is not None}
    return {"http": parts} if parts else {}


def _tls(given: Given, protocol: ListenerProtocol) -> dict[str, Any]:
    """The parts of TLS that were given. Where it does not end here, what answers show of them asks for nothing."""
    parts = {name: given.own[name] for name in _TLS_FIELDS if name in given.own}
    if not protocol.terminates_tls:
        parts = {name: value for name, value in parts.items() if value is not False and value not in _NO_TLS}
    return {"tls": parts} if parts else {}


def _pool_tls(given: Given, present: PoolTls | None) -> dict[str, Any]:
    """The same of a pool; ``present``: what it has. Beside something that is asked for an empty list is one."""
    parts = {model: given.own[name] for name, model in _POOL_TLS_FIELDS.items() if name in given.own}
    if present is None and all(value is False or value in _NO_TLS for value in parts.values()):
        return {}
    return {"tls": parts} if parts else {}


def _with_headers(given: Given) -> Mapping[str, Any]:
    if "insert_headers" not in given.own:
        return given.item
    switches: Mapping[str, bool] = given.own["insert_headers"]
    return {
        **given.item,
        "insert_headers": tuple(InsertedHeader(name) for name, on in switches.items() if on),
        "headers_off": tuple(name for name, on in switches.items() if not on),
    }


def _new_persistence(given: Given) -> Mapping[str, Any]:
    """A pool that is made has no type yet that could be left out."""
    item = _with_persistence(given)
    wanted = item.get("session_persistence")
    if wanted is not None and "type" not in wanted:
        raise Invalid(
            "Invalid input for field/attribute session_persistence.type. Value: 'None'. Mandatory field missing.",
            field="session_persistence",
        )
    return item


def _with_persistence(given: Given) -> Mapping[str, Any]:
    if "session_persistence" not in given.own:
        return given.item
    body = given.own["session_persistence"]
    return {**given.item, "session_persistence": None if body is None else _persistence(body)}


def _persistence(body: BaseModel) -> Mapping[str, Any]:
    return schema.SESSION_PERSISTENCE.split(body).item
