"""VIPs, pools, members, health monitors, agents and quotas as LBaaS v1 and Neutron show them. Pure.

Each ``..._COLUMNS`` says what its list may be filtered and sorted by, under the names that answers use. Attributes that
are lists are no order; a filter by one asks for the objects that have the value in it.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from evenload.api.fields import address_or_text, integer_of, truth_of
from evenload.api.paging import Column
from evenload.api.reasons import reason_for_owner
from evenload.model.balancer import (
    AnyRecord,
    Member,
    Pool,
    Record,
    SessionPersistence,
    V1Pool,
    template_of,
)
from evenload.model.desired import Statistics
from evenload.model.enums import OperatingStatus, ProvisioningStatus
from evenload.model.query import Value
from evenload.service.agent_registry import AgentView
from evenload.service.lbaas_v1.commands import MonitorView, PoolView, VipView

Json = dict[str, Any]

_WORST_FIRST = (
    ProvisioningStatus.ERROR,
    ProvisioningStatus.PENDING_DELETE,
    ProvisioningStatus.PENDING_CREATE,
    ProvisioningStatus.PENDING_UPDATE,
    ProvisioningStatus.ACTIVE,
)


def present_vip(view: VipView) -> Json:
    listener, balancer = view.listener.item, view.load_balancer.item
    return {
        "id": listener.id,
        "tenant_id": view.listener.project_id,
        "name": view.listener.name,
        "description": view.listener.description,
        "subnet_id": balancer.vips[0].subnet_id,
        "address": view.load_balancer.spelt("vips[0]", balancer.vips[0].address),
        "port_id": balancer.port_id,
        "protocol_port": listener.port,
        "protocol": listener.protocol.value,
        "pool_id": listener.default_pool_id,
        "session_persistence": _session_persistence(view.pool),
        "connection_limit": listener.connection_limit,
        "admin_state_up": listener.admin_state_up and balancer.admin_state_up,
        **_status(view.listener, view.load_balancer),
    }


def _session_persistence(pool: Record[Pool] | None) -> Json | None:
    persistence: SessionPersistence | None = None if pool is None else pool.item.session_persistence
    if persistence is None:
        return None
    cookie = {} if persistence.cookie_name is None else {"cookie_name": persistence.cookie_name}
    return {"type": persistence.type.value, **cookie}


def present_pool(view: PoolView) -> Json:
    """Raises ValueError for a pool of which LBaaS v1 knows nothing."""
    record, pool = view.pool, view.pool.item
    if not isinstance(record.v1, V1Pool):
        raise ValueError(f"Pool {pool.id} was not made by LBaaS v1")
    return {
        "id": pool.id,
        "tenant_id": record.project_id,
        "vip_id": view.vip_id,
        "name": record.name,
        "description": record.description,
        "subnet_id": record.v1.subnet_id,
        "protocol": pool.protocol.value,
        "provider": record.v1.provider,
        "lb_method": pool.algorithm.value,
        "members": list(view.member_ids),
        "health_monitors": [template_of(monitor) for monitor in view.monitors],
        "health_monitors_status": [
            {"monitor_id": template_of(monitor), **_status(monitor)} for monitor in view.monitors
        ],
        "admin_state_up": pool.admin_state_up,
        **_status(record),
    }


def present_member(record: Record[Member]) -> Json:
    """One that is up to its last change, and down as the health monitor sees it, is INACTIVE."""
    member = record.item
    shown = {
        "id": member.id,
        "tenant_id": record.project_id,
        "pool_id": member.pool_id,
        "address": record.spelt("address", member.address),
        "protocol_port": member.port,
        "weight": member.weight,
        "admin_state_up": member.admin_state_up,
        **_status(record),
    }
    down = record.operating_status is OperatingStatus.ERROR
    if down and record.provisioning_status is ProvisioningStatus.ACTIVE:
        shown["status"] = "INACTIVE"
        shown["status_description"] = record.operating_reason
    return shown


def present_monitor(view: MonitorView) -> Json:
    template = view.template
    http = template.http
    asked = (
        {}
        if http is None
        else {"http_method": http.method, "url_path": http.url_path, "expected_codes": http.expected_codes}
    )
    return {
        "id": template.id,
        "tenant_id": template.project_id,
        "type": template.type.value,
        "delay": template.delay,
        "timeout": template.timeout,
        "max_retries": template.fall,
        **asked,
        "admin_state_up": template.admin_state_up,
        "pools": [{"pool_id": each.item.pool_id, **_status(each)} for each in view.associations],
    }


def present_statistics(statistics: Statistics) -> Json:
    return {
        "bytes_in": statistics.bytes_in,
        "bytes_out": statistics.bytes_out,
        "active_connections": statistics.active_connections,
        "total_connections": statistics.total_connections,
    }


def _status(*records: AnyRecord) -> Json:
    """The worst one's, and why."""
    worst = min(records, key=lambda record: _WORST_FIRST.index(record.provisioning_status))
    return {"status": worst.provisioning_status.value, "status_description": reason_for_owner(worst.fault)}


# ------------------------------------------------------------------------------------------- agents, providers, quotas


def present_agent(view: AgentView) -> Json:
    """With Neutron's words for what it is, which clients go by. ``instances``: load balancers and pools that it has."""
    record = view.record
    return {
        "id": view.id,
        "agent_type": "Loadbalancer agent",
        "binary": "evenload",
        "topic": "n-lbaas_agent",
        "host": record.name,
        "availability_zone": record.availability_zone,
        "admin_state_up": record.admin_state_up,
        "created_at": _moment(record.created_at),
        "started_at": _moment(record.started_at),
        "heartbeat_timestamp": _moment(record.seen_at),
        "alive": view.alive,
        "configurations": {"device_drivers": ["haproxy_ns"], "instances": record.load},
        "description": record.description,
    }


def _moment(value: datetime | None) -> str | None:
    """UTC, in whole seconds, as Neutron's agents have it."""
    return None if value is None else value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def present_provider(name: str, *, default: bool) -> Json:
    return {"service_type": "LOADBALANCER", "name": name, "default": default}


def present_quota(project_id: str, limits: Mapping[str, int]) -> Json:
    return {**limits, "tenant_id": project_id}


# ------------------------------------------------------------------------------------------------------------ filters


def _columns(**readers: Callable[[str], Value]) -> dict[str, Column]:
    return {name: Column(model=name, read=read) for name, read in readers.items()}


_COMMON: Mapping[str, Column] = {
    **_columns(id=str, tenant_id=str, admin_state_up=truth_of),
    "project_id": Column(model="tenant_id", read=str),
}
# Clients look everything up by name; what has none must not be found by any.
_NAMELESS = {"name": Column(model="name", read=str, sortable=False, constant=True)}
_STATUS = _columns(status=str, status_description=str)

VIP_COLUMNS: Mapping[str, Column] = {
    **_COMMON,
    **_STATUS,
    **_columns(
        name=str, description=str, subnet_id=str, address=address_or_text, port_id=str, protocol_port=integer_of
    ),
    **_columns(protocol=str, pool_id=str, connection_limit=integer_of),
}
POOL_COLUMNS: Mapping[str, Column] = {
    **_COMMON,
    **_STATUS,
    **_columns(name=str, description=str, vip_id=str, subnet_id=str, protocol=str, provider=str.lower, lb_method=str),
    "members": Column(model="members", read=str, sortable=False),
    "health_monitors": Column(model="health_monitors", read=str, sortable=False),
}
MEMBER_COLUMNS: Mapping[str, Column] = {
    **_COMMON,
    **_STATUS,
    **_NAMELESS,
    **_columns(pool_id=str, address=address_or_text, protocol_port=integer_of, weight=integer_of),
}
MONITOR_COLUMNS: Mapping[str, Column] = {
    **_COMMON,
    **_NAMELESS,
    **_columns(type=str, delay=integer_of, timeout=integer_of, max_retries=integer_of),
    **_columns(http_method=str, url_path=str, expected_codes=str),
}
ASSOCIATION_COLUMNS: Mapping[str, Column] = _columns(id=str, tenant_id=str)
AGENT_COLUMNS: Mapping[str, Column] = _columns(
    id=str,
    agent_type=str,
    binary=str,
    topic=str,
    host=str,
    availability_zone=str,
    admin_state_up=truth_of,
    alive=truth_of,
    description=str,
    created_at=str,
    started_at=str,
    heartbeat_timestamp=str,
)
PROVIDER_COLUMNS: Mapping[str, Column] = _columns(service_type=str, name=str, default=truth_of)
