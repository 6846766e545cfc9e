"""Objects as Octavia's API shows them. Pure.

The readers of each kind are derived from its table of attributes once, at import; only what the table cannot say stands
here by hand. A name among ``fields`` that an object has not is left out without a word, as Octavia does.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from enum import Enum
from types import NoneType
from typing import Any

from evenload.api.attributes import Attribute, Part, Schema
from evenload.api.encoding import Encoded, encode
from evenload.api.octavia_v2 import schema
from evenload.api.reasons import reason_for_owner
from evenload.model.balancer import AnyRecord, HttpCheck, Member, Pool, Record
from evenload.model.desired import Statistics
from evenload.model.enums import Kind
from evenload.model.errors import Conflict
from evenload.model.query import Relations, View
from evenload.model.tls import ClientAuthentication, ListenerTls, PoolTls, TlsSecret
from evenload.model.tree import Tree, kind_of

AnyView = View[AnyRecord]
_Reader = Callable[[AnyView], Any]
Json = dict[str, Any]

_MAX_STATUSES = 100_000
"""Members in one status tree: some 25 MiB of answer."""


def moment(value: datetime | None) -> str | None:
    """UTC without zone, as clients parse it."""
    if value is None:
        return None
    universal = value if value.tzinfo is UTC else value.astimezone(UTC)
    return universal.replace(tzinfo=None).isoformat()


_AS_IT_IS = frozenset({str, int, bool, NoneType})
"""Types of values that answers show unchanged: almost all."""


def _wire(value: Any) -> Any:
    if type(value) in _AS_IT_IS:
        return value
    if isinstance(value, Enum):
        return value.value
    return list(value) if isinstance(value, tuple) else value


def _of_item(name: str) -> _Reader:
    return lambda view: _wire(getattr(view.record.item, name))


def _of_record(name: str) -> _Reader:
    return lambda view: _wire(getattr(view.record, name))


def _of_http(name: str) -> _Reader:
    def read(view: AnyView) -> Any:
        http: HttpCheck | None = getattr(view.record.item, "http", None)
        return None if http is None else getattr(http, name)

    return read


def _ids(identifiers: Collection[str]) -> list[Json]:
    return [{"id": identifier} for identifier in identifiers]


def _load_balancers(view: AnyView) -> list[Json]:
    """None for a pool of LBaaS v1 that stands alone."""
    load_balancer_id = view.relations.load_balancer_id
    return [] if load_balancer_id is None else _ids((load_balancer_id,))


def _http_version(view: AnyView) -> float | None:
    version = _of_http("version")(view)
    return None if version is None else float(version)


def _session_persistence(view: AnyView) -> Json | None:
    persistence = view.record.item.session_persistence  # type: ignore[attr-defined]
    if persistence is None:
        return None
    return {
        "type": persistence.type.value,
        "cookie_name": persistence.cookie_name,
        "persistence_timeout": None,
        "persistence_granularity": None,
    }


def _of_tls(name: str, absent: Any) -> _Reader:
    """Of a listener, or of a pool. ``absent``: where it has none."""

    def read(view: AnyView) -> Any:
        tls: ListenerTls | PoolTls | None = view.record.item.tls  # type: ignore[attr-defined]
        return absent if tls is None else _wire_of_tls(getattr(tls, name))

    return read


def _wire_of_tls(value: Any) -> Any:
    if isinstance(value, TlsSecret):
        return value.reference
    return [_wire_of_tls(each) for each in value] if isinstance(value, tuple) else _wire(value)


def _certificates(view: AnyView) -> list[Json]:
    """The default one first; of one that nobody has looked at yet nothing is known."""
    tls: ListenerTls | None = view.record.item.tls  # type: ignore[attr-defined]
    return [
        {"reference": each.reference, "subject": each.subject, "not_after": moment(each.not_after)}
        for each in (() if tls is None else tls.certificates)
    ]


def _insert_headers(view: AnyView) -> Json:
    listener = view.record.item
    on = {header.value: "true" for header in listener.insert_headers}  # type: ignore[attr-defined]
    return {**on, **dict.fromkeys(listener.headers_off, "false")}  # type: ignore[attr-defined]


def _vip(name: str) -> _Reader:
    return lambda view: getattr(view.record.item.vips[0], name)  # type: ignore[attr-defined]


def _vip_address(view: AnyView, place: int = 0) -> Any:
    return view.record.spelt(f"vips[{place}]", view.record.item.vips[place].address)  # type: ignore[attr-defined]


def _address(name: str) -> _Reader:
    return lambda view: view.record.spelt(name, getattr(view.record.item, name))


_COMMON: Mapping[str, _Reader] = {
    "id": lambda view: view.record.item.id,
    "project_id": lambda view: view.record.project_id,
    "tenant_id": lambda view: view.record.project_id,
    "provisioning_status": lambda view: view.record.provisioning_status.value,
    "status_reason": lambda view: reason_for_owner(view.record.fault),
    "operating_status": lambda view: view.record.operating_status.value,
    "operating_status_reason": lambda view: view.record.operating_reason,
    "operating_status_since": lambda view: _since(view.record),
    "created_at": lambda view: moment(view.record.created_at),
    "updated_at": lambda view: moment(view.record.updated_at),
}

_BY_HAND: Mapping[Kind, Mapping[str, _Reader]] = {
    Kind.LOAD_BALANCER: {
        "provider": _of_item("provider"),
        "flavor_id": _of_item("flavor_id"),
        "availability_zone": _of_item("availability_zone"),
        "vip_address": _vip_address,
        "vip_subnet_id": _vip("subnet_id"),
        "vip_network_id": _of_item("network_id"),
        "vip_port_id": _of_item("port_id"),
        "additional_vips": lambda view: [
            {"subnet_id": vip.subnet_id, "ip_address": _vip_address(view, place), "port_id": view.record.item.port_id}  # type: ignore[attr-defined]
            for place, vip in enumerate(view.record.item.vips)  # type: ignore[attr-defined]
            if place
        ],
        "vip_vnic_type": lambda view: "normal",
        "listeners": lambda view: _ids(view.relations.listener_ids),
        "pools": lambda view: _ids(view.relations.pool_ids),
    },
    Kind.LISTENER: {
        "loadbalancers": _load_balancers,
        "l7policies": lambda view: _ids(view.relations.policy_ids),
        "insert_headers": _insert_headers,
        "allowed_cidrs": lambda view: list(view.record.item.allowed_cidrs) or None,  # type: ignore[attr-defined]
        "default_tls_container_ref": _of_tls("certificate", None),
        "sni_container_refs": _of_tls("sni", []),
        "tls_ciphers": _of_tls("ciphers", None),
        "tls_versions": _of_tls("versions", []),
        "alpn_protocols": _of_tls("alpn", []),
        "hsts_max_age": _of_tls("hsts_max_age", None),
        "hsts_include_subdomains": _of_tls("hsts_include_subdomains", False),
        "hsts_preload": _of_tls("hsts_preload", False),
        "client_ca_tls_container_ref": _of_tls("client_authorities", None),
        "client_authentication": _of_tls("client_authentication", ClientAuthentication.NONE.value),
        "client_crl_container_ref": _of_tls("client_revocations", None),
        "tls_certificates": _certificates,
    },
    Kind.POOL: {
        "session_persistence": _session_persistence,
        "loadbalancers": _load_balancers,
        "listeners": lambda view: _ids(view.relations.listener_ids),
        "members": lambda view: _ids(view.relations.member_ids),
        "tls_enabled": _of_tls("enabled", False),
        "tls_container_ref": _of_tls("certificate", None),
        "ca_tls_container_ref": _of_tls("authorities", None),
        "crl_container_ref": _of_tls("revocations", None),
        "tls_ciphers": _of_tls("ciphers", None),
        "tls_versions": _of_tls("versions", []),
        "alpn_protocols": _of_tls("alpn", []),
        "healthmonitor_id": lambda view: view.relations.monitor_id,
    },
    Kind.MEMBER: {
        "vnic_type": lambda view: "normal",
        "address": _address("address"),
        "monitor_address": _address("monitor_address"),
    },
    Kind.HEALTH_MONITOR: {
        "pools": lambda view: _ids(view.relations.pool_ids),
        "http_method": _of_http("method"),
        "url_path": _of_http("url_path"),
        "expected_codes": _of_http("expected_codes"),
        "http_version": _http_version,
        "domain_name": _of_http("domain_name"),
    },
    Kind.L7_POLICY: {
        "listener_id": _of_item("listener_id"),
        "rules": lambda view: _ids(view.relations.rule_ids),
    },
    Kind.L7_RULE: {},
}

# Attributes of requests that answers do not show, or show under another name.
_ASKED_ONLY = frozenset({"loadbalancer_id", "listener_id", "pool_id", "request_sriov", "default_pool", "healthmonitor"})


def _readers(kind: Kind, table: Schema) -> Mapping[str, _Reader]:
    readers: dict[str, _Reader] = dict(_COMMON)
    for attribute in table.attributes.values():
        if attribute.name in _ASKED_ONLY or attribute.name in _COMMON:
            continue
        by_hand = _BY_HAND[kind].get(attribute.name)
        readers[attribute.name] = by_hand or _derived(attribute)
    return {**readers, **_BY_HAND[kind]}


def _derived(attribute: Attribute) -> _Reader:
    match attribute.part:
        case Part.ITEM:
            return _of_item(attribute.model)
        case Part.RECORD:
            return _of_record(attribute.model)
        case Part.NOWHERE:
            value = attribute.shown
            return lambda view: value
        case Part.OWN:
            raise TypeError(f"Nothing says how {attribute.name} is shown")


TABLES: Mapping[Kind, Schema] = {
    Kind.LOAD_BALANCER: schema.LOAD_BALANCER,
    Kind.LISTENER: schema.LISTENER,
    Kind.POOL: schema.POOL,
    Kind.MEMBER: schema.MEMBER,
    Kind.HEALTH_MONITOR: schema.HEALTH_MONITOR,
    Kind.L7_POLICY: schema.L7_POLICY,
    Kind.L7_RULE: schema.L7_RULE,
}
READERS: Mapping[Kind, Mapping[str, _Reader]] = {kind: _readers(kind, table) for kind, table in TABLES.items()}


def present(view: AnyView, wanted: Collection[str] | None = None) -> Json:
    """The whole object, or those of its attributes that are wanted."""
    readers = READERS[kind_of(view.record.item)]
    if wanted is None:
        shown = {name: read(view) for name, read in readers.items()}
    else:
        shown = {name: readers[name](view) for name in wanted if name in readers}
    # A pool without a monitor has no such key, rather than null: clients go by its presence.
    if shown.get("healthmonitor_id", "") is None:
        del shown["healthmonitor_id"]
    return shown


def present_tree(tree: Tree) -> Json:
    """What a creation answers: the load balancer with all its parts in full."""
    relations = Relations(load_balancer_id=tree.id)
    shown = present(View(record=tree.load_balancer, relations=relations))
    listeners = []
    for listener in tree.listeners.values():
        view = present(View(record=listener, relations=relations))
        del view["loadbalancers"]
        view["l7policies"] = [_present_policy(tree, policy) for policy in tree.policies_of(listener.id)]
        listeners.append(view)
    pools = []
    for pool in tree.pools.values():
        around = Relations(load_balancer_id=tree.id, listener_ids=tuple(each.id for each in tree.users_of(pool.id)))
        view = present(View(record=pool, relations=around))
        del view["loadbalancers"]
        of_pool = Relations(load_balancer_id=tree.id, pool_ids=(pool.id,))
        monitor = tree.monitor_of(pool.id)
        view["members"] = [present(View(record=member, relations=of_pool)) for member in tree.members_of(pool.id)]
        view["healthmonitor"] = None if monitor is None else present(View(record=monitor, relations=of_pool))
        pools.append(view)
    return {**shown, "listeners": listeners, "pools": pools}


def _present_policy(tree: Tree, policy: AnyRecord) -> Json:
    relations = Relations(load_balancer_id=tree.id)
    rules = [present(View(record=rule, relations=relations)) for rule in tree.rules_of(policy.id)]
    return {**present(View(record=policy, relations=relations)), "rules": rules}


def present_status(tree: Tree) -> Json:
    """The status tree. Pools that no listener uses, by default or by a policy, do not appear, as in Octavia; one that
    several use appears under each. Raises Conflict where that makes the answer longer than anybody would read."""
    pools_of = {identifier: tree.pools_of(identifier) for identifier in tree.listeners}
    used = Counter(pool_id for ids in pools_of.values() for pool_id in ids)
    shown = {pool_id: _pool_status(tree, pool) for pool_id, pool in tree.pools.items() if pool_id in used}
    entries = sum(used[pool_id] * len(status["members"]) for pool_id, status in shown.items())
    if entries > _MAX_STATUSES:
        raise Conflict(
            f"The status tree of load balancer {tree.id} has {entries} members, each pool's under every listener that "
            f"uses it, and no more than {_MAX_STATUSES} are shown: ask for the pools and their members."
        )
    pools = {pool_id: status if used[pool_id] == 1 else Encoded(encode(status)) for pool_id, status in shown.items()}
    return {
        "loadbalancer": {
            **_status(tree.load_balancer),
            "listeners": [
                {
                    **_status(listener),
                    "pools": [pools[pool_id] for pool_id in pools_of[listener.id] if pool_id in pools],
                }
                for listener in tree.listeners.values()
            ],
        }
    }


def _pool_status(tree: Tree, pool: Record[Pool]) -> Json:
    monitor = tree.monitor_of(pool.id)
    return {
        **_status(pool),
        "health_monitor": None if monitor is None else {**_status(monitor), "type": monitor.item.type.value},
        "members": [_member_status(member) for member in tree.members_of(pool.id)],
    }


def _member_status(record: Record[Member]) -> Json:
    address = record.spelt("address", record.item.address)
    return {**_status(record), "address": address, "protocol_port": record.item.port}


def _status(record: AnyRecord) -> Json:
    return {
        "id": record.item.id,
        "name": record.name,
        "provisioning_status": record.provisioning_status.value,
        "status_reason": reason_for_owner(record.fault),
        "operating_status": record.operating_status.value,
        "operating_status_reason": record.operating_reason,
        "operating_status_since": _since(record),
    }


def _since(record: AnyRecord) -> str | None:
    return moment(record.operating_since or record.created_at)


def present_statistics(statistics: Statistics) -> Json:
    return {
        "bytes_in": statistics.bytes_in,
        "bytes_out": statistics.bytes_out,
        "active_connections": statistics.active_connections,
        "total_connections": statistics.total_connections,
        "request_errors": statistics.request_errors,
    }
