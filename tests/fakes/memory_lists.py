"""Lists of the store in memory: filters, tags, order and pages over records, as the real store answers them.

Called by memory_store.py. Fields are read off the records themselves, with the names that queries know.
"""

from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from types import NoneType
from typing import Any, get_args, get_type_hints

from evenload.model.balancer import (
    AnyRecord,
    HealthMonitor,
    HttpCheck,
    Listener,
    LoadBalancer,
    Pool,
    Record,
    SessionPersistence,
    template_of,
)
from evenload.model.enums import Kind
from evenload.model.errors import Invalid
from evenload.model.l7 import L7Policy, L7Rule
from evenload.model.query import SCOPES, Page, Query, Value, View
from evenload.model.tree import KINDS, Tree, kind_of, parents_of
from evenload.service.views import relations_of
from evenload.store.tls_columns import tls_columns

Entry = tuple[Tree, AnyRecord]

_UNASKED = {
    "item",
    "vips",
    "tags",
    "insert_headers",
    "headers_off",
    "as_sent",
    "allowed_cidrs",
    "session_persistence",
    "http",
    "tls",
    "v1",
}
_TLS: dict[Kind, dict[str, tuple[str, type]]] = {
    Kind.LISTENER: {
        "certificate": ("tls_certificate", str),
        "ciphers": ("tls_ciphers", str),
        "hsts_max_age": ("tls_hsts_max_age", int),
        "hsts_include_subdomains": ("tls_hsts_include_subdomains", bool),
        "hsts_preload": ("tls_hsts_preload", bool),
        "client_authentication": ("tls_client_authentication", str),
        "client_authorities": ("tls_client_authorities", str),
        "client_revocations": ("tls_client_revocations", str),
    },
    Kind.POOL: {
        "tls_enabled": ("tls_enabled", bool),
        "certificate": ("tls_certificate", str),
        "authorities": ("tls_authorities", str),
        "revocations": ("tls_revocations", str),
        "ciphers": ("tls_ciphers", str),
    },
}
"""The columns that the store keeps for them, and their types."""
_HTTP_NAMES = frozenset(part.name for part in fields(HttpCheck))


def find_records(kind: Kind, entries: Sequence[Entry], query: Query) -> Page[AnyRecord]:
    types = _types(kind)
    if query.limit is not None and query.limit < 1:
        raise Invalid(f"A page of {query.limit} objects is none.", field="limit")
    for name in [*query.filters, *(name for name, _ in query.sort)]:
        if name not in types:
            raise Invalid(f"{kind.value} has no field {name!r} to filter or sort by.", field=name)
    wanted = {name: {_read(name, types[name], value) for value in values} for name, values in query.filters.items()}
    ordered = _ordered(entries, query)
    if query.marker is not None:
        scope = {name: values for name, values in wanted.items() if name in SCOPES}
        places = [
            index
            for index, entry in enumerate(ordered)
            if entry[1].id == query.marker and _matches(entry, scope, Query())
        ]
        if not places:
            raise Invalid(f"There is no object {query.marker!r} for a page to follow.", field="marker")
        ordered = ordered[places[0] + 1 :]
    found = [entry for entry in ordered if _matches(entry, wanted, query)]
    if kind is Kind.LOAD_BALANCER:
        found = [entry for entry in found if entry[0].hosted]
    if query.v1:
        found = [entry for entry in found if _known_to_v1(*entry)]
    more = query.limit is not None and len(found) > query.limit
    found = found[: query.limit]
    if query.reverse:
        found.reverse()
    return Page(
        views=tuple(View(record=record, relations=relations_of(tree, record.item)) for tree, record in found),
        more=more,
    )


def _known_to_v1(tree: Tree, record: AnyRecord) -> bool:
    match record.item:
        case LoadBalancer():
            return any(listener.v1 is not None for listener in tree.listeners.values())
        case Listener() | Pool():
            return record.v1 is not None
        case L7Policy() | L7Rule():
            return False
        case _:  # a part of a pool
            return any(tree.pools[pool_id].v1 is not None for pool_id in parents_of(record.item))


def _ordered(entries: Sequence[Entry], query: Query) -> list[Entry]:
    ordered = list(entries)
    for name, descending in reversed([*query.sort, ("id", False)]):

        def key(entry: Entry, name: str = name) -> tuple[bool, Any]:
            value = _value(entry, name)
            return (value is not None, value if value is not None else 0)

        ordered.sort(key=key, reverse=descending != query.reverse)
    return ordered


def _matches(entry: Entry, wanted: dict[str, set[Any]], query: Query) -> bool:
    tags = set(entry[1].tags)
    return (
        all(_value(entry, name) in values for name, values in wanted.items())
        and set(query.tags) <= tags
        and (not query.tags_any or bool(tags & set(query.tags_any)))
        and (not query.not_tags or not set(query.not_tags) <= tags)
        and not tags & set(query.not_tags_any)
    )


def _value(entry: Entry, name: str) -> Any:
    """A field as a plain value: an enum's word, a part of a nested object, an id around the object."""
    tree, record = entry
    item = record.item
    if name == "load_balancer_id":
        return tree.id
    if isinstance(item, LoadBalancer) and name.startswith("vip_"):
        primary = item.vips[0] if item.vips else None
        return {
            "vip_address": primary and primary.address,
            "vip_subnet_id": primary and primary.subnet_id,
            "vip_port_id": item.port_id,
            "vip_network_id": item.network_id,
        }[name]
    if isinstance(item, HealthMonitor) and name == "template_id":
        return template_of(record)
    if isinstance(item, Pool) and name == "monitor_id":
        return relations_of(tree, item).monitor_id
    if isinstance(item, Pool) and name.startswith("session_persistence_"):
        return _plain(getattr(item.session_persistence, name.removeprefix("session_persistence_"), None))
    if name in _TLS.get(kind_of(item), {}):
        return tls_columns(item)[_TLS[kind_of(item)][name][0]]
    if isinstance(item, HealthMonitor) and name.removeprefix("http_") in _HTTP_NAMES:
        return getattr(item.http, name.removeprefix("http_"), None)
    return _plain(getattr(item, name) if hasattr(item, name) else getattr(record, name))


def _plain(value: Any) -> Any:
    return getattr(value, "value", value)


def _types(kind: Kind) -> dict[str, type]:
    """What can be asked for, with the type of its values."""
    cls = KINDS[kind].item
    types = {
        name: _bare(hint)
        for owner in (Record, cls)
        for name, hint in get_type_hints(owner).items()
        if name not in _UNASKED
    }
    types["load_balancer_id"] = str
    if kind is Kind.HEALTH_MONITOR:
        types["template_id"] = str
    if kind is Kind.LOAD_BALANCER:
        del types["load_balancer_id"]
        types |= dict.fromkeys(("vip_address", "vip_subnet_id", "vip_port_id", "vip_network_id"), str)
    if kind is Kind.POOL:
        types |= {f"session_persistence_{part.name}": str for part in fields(SessionPersistence)}
        types["monitor_id"] = str
    types |= {name: known for name, (_, known) in _TLS.get(kind, {}).items()}
    if kind is Kind.HEALTH_MONITOR:
        types |= {name: str for part in _HTTP_NAMES for name in (part, f"http_{part}")}
    return types


def _bare(hint: Any) -> type:
    kinds = [kind for kind in get_args(hint) if kind is not NoneType] or [hint]
    return kinds[0] if isinstance(kinds[0], type) and not is_dataclass(kinds[0]) else str


def _read(name: str, kind: type, value: Value) -> Any:
    """The value as that type; a query string can only say it as text."""
    if value is None:
        return None
    try:
        if kind is bool:
            return {"true": True, "1": True, "false": False, "0": False}[str(value).lower()]
        if kind is int:
            if isinstance(value, bool):
                raise ValueError(value)
            return int(value)
        if kind is datetime:
            moment = datetime.fromisoformat(str(value))
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        if isinstance(value, str):
            return value
        raise ValueError(value)
    except (KeyError, ValueError) as error:
        raise Invalid(f"Invalid input for field/attribute {name}. Value: '{value}'.", field=name) from error
