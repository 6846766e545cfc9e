"""A load balancer's tree as the document of ``evenload status NAME``, without what is known of it just now. Pure.

The shape is documented in docs/look.md and stays as it is: what is added is a further key.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from evenload.model.balancer import AnyRecord, HealthMonitor, Listener, Member, Pool, Record
from evenload.model.event import Event, sentence
from evenload.model.l7 import L7Policy, L7Rule
from evenload.model.tls import TlsSecret
from evenload.model.tree import Tree

Document = dict[str, Any]


def describe_tree(tree: Tree, network: str | None) -> Document:
    """``network``: the name of its VIP's, where it is known."""
    record = tree.load_balancer
    item = record.item
    return {
        **_head(record),
        "project": record.project_id,
        "description": record.description,
        "vip": next((vip.address for vip in item.vips), None),
        "vips": [vip.address for vip in item.vips],
        "network": network or item.network_id,
        "port_id": item.port_id,
        "availability_zone": item.availability_zone,
        "hosts": list(tree.agents),
        "generation": tree.generation,
        "applied_generation": min((each.applied_generation for each in tree.placements), default=0),
        "created_at": _moment(record.created_at),
        "changed_at": _moment(record.updated_at or record.created_at),
        "listeners": [_listener(tree, each) for each in tree.listeners.values()],
        "pools": [_pool(tree, each) for each in tree.pools.values()],
    }


def describe_event(event: Event) -> Document:
    """As ``evenload events`` says it."""
    return {
        "at": _moment(event.at),
        "kind": event.kind.value,
        "weight": event.weight.value,
        "times": event.times,
        "text": sentence(event),
    }


def _head(record: AnyRecord) -> Document:
    return {
        "id": record.id,
        "name": record.name,
        "enabled": record.item.admin_state_up,
        "deleting": record.deleting,
        "provisioning_status": record.provisioning_status.value,
        "operating_status": record.operating_status.value,
        "reason": record.operating_reason,
        "since": _moment(record.operating_since or record.created_at),
        "fault": record.fault,
    }


def _listener(tree: Tree, record: Record[Listener]) -> Document:
    item = record.item
    certificates = () if item.tls is None else item.tls.certificates
    return {
        **_head(record),
        "protocol": item.protocol.value,
        "port": item.port,
        "connection_limit": None if item.connection_limit < 0 else item.connection_limit,
        "allowed_cidrs": list(item.allowed_cidrs),
        "default_pool": _reference(tree, item.default_pool_id),
        "certificates": _certificates(certificates),
        "policies": [_policy(tree, each) for each in tree.policies_of(record.id)],
    }


def _policy(tree: Tree, record: Record[L7Policy]) -> Document:
    item = record.item
    return {
        **_head(record),
        "place": item.place,
        "action": item.action.value,
        "pool": _reference(tree, item.redirect_pool_id),
        "url": item.redirect_url or item.redirect_prefix,
        "rules": [_rule(each) for each in tree.rules_of(record.id)],
    }


def _rule(record: Record[L7Rule]) -> Document:
    item = record.item
    return {
        **_head(record),
        "type": item.type.value,
        "compare_type": item.compare_type.value,
        "key": item.key,
        "value": item.value,
        "invert": item.invert,
    }


def _pool(tree: Tree, record: Record[Pool]) -> Document:
    item = record.item
    persistence = item.session_persistence
    own = item.tls.certificate if item.tls is not None and item.tls.enabled else None
    return {
        **_head(record),
        "protocol": item.protocol.value,
        "algorithm": item.algorithm.value,
        "session_persistence": None if persistence is None else persistence.type.value,
        "tls": item.tls is not None and item.tls.enabled,
        "certificates": _certificates(() if own is None else (own,)),
        "used": bool(tree.users_of(record.id)),
        "monitors": [_monitor(each) for each in tree.monitors_of(record.id)],
        "members": [_member(each) for each in tree.members_of(record.id)],
    }


def _monitor(record: Record[HealthMonitor]) -> Document:
    item = record.item
    return {
        **_head(record),
        "type": item.type.value,
        "delay": item.delay,
        "timeout": item.timeout,
        "rise": item.rise,
        "fall": item.fall,
        "method": None if item.http is None else item.http.method,
        "url_path": None if item.http is None else item.http.url_path,
        "expected_codes": None if item.http is None else item.http.expected_codes,
    }


def _member(record: Record[Member]) -> Document:
    item = record.item
    return {
        **_head(record),
        "address": item.address,
        "port": item.port,
        "weight": item.weight,
        "backup": item.backup,
        "monitor_address": item.monitor_address,
        "monitor_port": item.monitor_port,
    }


def _reference(tree: Tree, pool_id: str | None) -> Document | None:
    if pool_id is None:
        return None
    pool = tree.pools.get(pool_id)
    return {"id": pool_id, "name": "" if pool is None else pool.name}


def _certificates(certificates: Iterable[TlsSecret]) -> list[Document]:
    return [
        {
            "subject": each.subject,
            "names": list(each.names),
            "not_after": _moment(each.not_after),
            "reference": each.reference,
        }
        for each in certificates
    ]


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
