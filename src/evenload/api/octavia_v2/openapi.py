"""Octavia's API as an OpenAPI document describes it: every path of ``routes``, under the prefix that clients use."""

from collections.abc import Mapping

from evenload.api.attributes import Attribute, Part, Schema, nullable
from evenload.api.fields import JsonSchema
from evenload.api.octavia_v2 import members, schema
from evenload.api.octavia_v2 import openapi_amphorae as amphorae
from evenload.api.octavia_v2 import openapi_offers as offers
from evenload.api.octavia_v2.present import READERS, TABLES
from evenload.api.octavia_v2.resources import COLUMNS, WORDS
from evenload.api.openapi import (
    FIELDS,
    IDENTIFIER,
    REFERENCES,
    TAG_FILTERS,
    TEXT,
    Operation,
    Paths,
    closed,
    list_query,
    listed,
    reference,
    wrapped,
)
from evenload.model.enums import Kind, OperatingStatus, ProvisioningStatus

_PREFIX = "/v2.0/lbaas"
_TIME: JsonSchema = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?$"}
_INTEGER: JsonSchema = {"type": "integer"}
_COUNT: JsonSchema = {"type": "integer", "minimum": 0}
_OPTIONAL_TEXT = nullable(TEXT)
_PROVISIONING: JsonSchema = {"enum": [status.value for status in ProvisioningStatus]}
_OPERATING: JsonSchema = {"enum": [status.value for status in OperatingStatus]}

_COMMON: Mapping[str, JsonSchema] = {
    "id": IDENTIFIER,
    "project_id": TEXT,
    "tenant_id": TEXT,
    "provisioning_status": _PROVISIONING,
    "status_reason": _OPTIONAL_TEXT,
    "operating_status": _OPERATING,
    "operating_status_reason": _OPTIONAL_TEXT,
    "operating_status_since": _TIME,
    "created_at": _TIME,
    "updated_at": nullable(_TIME),
}
# What answers show and the tables of requests do not say.
_SHOWN: Mapping[Kind, Mapping[str, JsonSchema]] = {
    Kind.LOAD_BALANCER: {
        "provider": TEXT,
        "flavor_id": nullable(IDENTIFIER),
        "availability_zone": _OPTIONAL_TEXT,
        "vip_address": TEXT,
        "vip_subnet_id": nullable(IDENTIFIER),
        "vip_network_id": nullable(IDENTIFIER),
        "vip_port_id": nullable(IDENTIFIER),
        "additional_vips": {
            "type": "array",
            "items": closed({"subnet_id": IDENTIFIER, "ip_address": TEXT, "port_id": nullable(IDENTIFIER)}),
        },
        "vip_vnic_type": {"enum": ["normal"]},
        "listeners": REFERENCES,
        "pools": REFERENCES,
    },
    Kind.LISTENER: {
        "loadbalancers": REFERENCES,
        "l7policies": REFERENCES,
        "insert_headers": {"type": "object", "additionalProperties": {"enum": ["true", "false"]}},
        "allowed_cidrs": nullable({"type": "array", "items": TEXT}),
        "tls_certificates": {
            "type": "array",
            "items": closed({"reference": TEXT, "subject": _OPTIONAL_TEXT, "not_after": _OPTIONAL_TEXT}),
        },
    },
    Kind.POOL: {
        "session_persistence": nullable(
            closed(
                {
                    "type": TEXT,
                    "cookie_name": _OPTIONAL_TEXT,
                    "persistence_timeout": {"type": "null"},
                    "persistence_granularity": {"type": "null"},
                }
            )
        ),
        "loadbalancers": REFERENCES,
        "listeners": REFERENCES,
        "members": REFERENCES,
        "healthmonitor_id": IDENTIFIER,
    },
    Kind.MEMBER: {"vnic_type": {"enum": ["normal"]}},
    Kind.HEALTH_MONITOR: {
        "pools": REFERENCES,
        **dict.fromkeys(("http_method", "url_path", "expected_codes", "domain_name"), _OPTIONAL_TEXT),
        "http_version": nullable({"type": "number"}),
    },
    Kind.L7_POLICY: {"listener_id": IDENTIFIER, "rules": REFERENCES},
    Kind.L7_RULE: {},
}
_PARTS: Mapping[Kind, str] = {
    Kind.MEMBER: "/pools/{id}/members/{member_id}",
    Kind.L7_RULE: "/l7policies/{id}/rules/{rule_id}",
}
"""The paths of what stands within another object."""
_STATISTICS = closed(
    dict.fromkeys(
        ("bytes_in", "bytes_out", "active_connections", "total_connections", "request_errors"),
        _COUNT,
    ),
    ("bytes_in", "bytes_out", "active_connections", "total_connections", "request_errors"),
)


def component(kind: Kind) -> str:
    """``HEALTH_MONITOR`` → ``HealthMonitor``."""
    return kind.name.title().replace("_", "")


def _answer(kind: Kind) -> JsonSchema:
    """An object as it is shown; with ``fields`` in the request only some of it, so nothing is required."""
    table = TABLES[kind].attributes
    known = {**_COMMON, **_SHOWN[kind]}
    return closed({name: known[name] if name in known else _shown(table[name]) for name in READERS[kind]})


def _shown(attribute: Attribute) -> JsonSchema:
    if attribute.part is Part.NOWHERE:
        return {"enum": [attribute.shown]}
    return nullable(attribute.type.json) if attribute.null is None else attribute.type.json


def components() -> dict[str, JsonSchema]:
    made: dict[str, JsonSchema] = {}
    for kind, table in TABLES.items():
        name = component(kind)
        made[name] = _answer(kind)
        made[f"{name}Create"] = table.json_create
        made[f"{name}Update"] = table.json_update
    made["LoadBalancerTree"] = _tree(made)
    made["StatusTree"] = _status_tree()
    made["Statistics"] = _STATISTICS
    made["Quota"] = _quota()
    made["QuotaUpdate"] = schema.QUOTA.json_update
    return made | offers.components() | amphorae.components(_TIME)


def _tree(made: Mapping[str, JsonSchema]) -> JsonSchema:
    """What a creation answers: the parts stand in the load balancer in full."""

    def of(kind: Kind, **more: JsonSchema) -> JsonSchema:
        own = {name: each for name, each in made[component(kind)]["properties"].items() if name != "loadbalancers"}
        return closed({**own, **more})

    monitor = nullable(reference(component(Kind.HEALTH_MONITOR)))
    member = {"type": "array", "items": reference(component(Kind.MEMBER))}
    pool = of(Kind.POOL, members=member, healthmonitor=monitor)
    rules = {"type": "array", "items": reference(component(Kind.L7_RULE))}
    policies = {"type": "array", "items": of(Kind.L7_POLICY, rules=rules)}
    listeners = {"type": "array", "items": of(Kind.LISTENER, l7policies=policies)}
    return of(Kind.LOAD_BALANCER, listeners=listeners, pools={"type": "array", "items": pool})


def _status_tree() -> JsonSchema:
    def of(**more: JsonSchema) -> JsonSchema:
        names = [name for name in _COMMON if "status" in name]
        properties = {"id": IDENTIFIER, "name": TEXT, **{name: _COMMON[name] for name in names}, **more}
        return closed(properties, list(properties))

    def several(item: JsonSchema) -> JsonSchema:
        return {"type": "array", "items": item}

    member = of(address=TEXT, protocol_port={"type": "integer"})
    pool = of(health_monitor=nullable(of(type=TEXT)), members=several(member))
    return closed({"loadbalancer": of(listeners=several(of(pools=several(pool))))}, ["loadbalancer"])


def _quota() -> JsonSchema:
    names = [*schema.QUOTA.attributes]
    return closed({"project_id": TEXT, "tenant_id": TEXT, **dict.fromkeys(names, nullable({"type": "integer"}))}, names)


# ---------------------------------------------------------------------------------------------------------- operations


def _queries(kind: Kind) -> dict[str, JsonSchema]:
    types = {name: each.type.json for name, each in TABLES[kind].attributes.items() if each.type.query is not None}
    columns = {name: types.get(name, TEXT) for name in COLUMNS[kind]}
    return {**list_query(columns), **TAG_FILTERS, "project_id": TEXT}


def _collection(kind: Kind, table: Schema, *, tree: bool = False) -> dict[str, Operation]:
    word, plural = WORDS[kind]
    name = component(kind)
    return {
        "GET": Operation(summary=f"List {plural}", answer=listed(plural, reference(name)), query=_queries(kind)),
        "POST": Operation(
            summary=f"Create a {word}",
            status=201,
            body=wrapped(word, reference(f"{name}Create")),
            answer=wrapped(word, reference("LoadBalancerTree" if tree else name)),
        ),
    }


def _item(kind: Kind) -> dict[str, Operation]:
    word, _ = WORDS[kind]
    name = component(kind)
    cascade = {"cascade": {"type": "boolean"}} if kind is Kind.LOAD_BALANCER else None
    return {
        "GET": Operation(summary=f"Show a {word}", answer=wrapped(word, reference(name)), query=FIELDS),
        "PUT": Operation(
            summary=f"Change a {word}",
            body=wrapped(word, reference(f"{name}Update")),
            answer=wrapped(word, reference(name)),
        ),
        "DELETE": Operation(summary=f"Delete a {word}", status=204, query=cascade),
    }


def paths() -> Paths:
    """Of the resources as ``/v2.0/lbaas`` has them; the same stands under ``/v2/lbaas``, ``/v2.0`` and ``/v2``."""
    found: dict[str, Mapping[str, Operation]] = {}
    for kind in TABLES:
        item = _PARTS.get(kind, f"/{WORDS[kind][1]}/{{id}}")
        collection = item.rpartition("/")[0]
        found[collection] = _collection(kind, TABLES[kind], tree=kind is Kind.LOAD_BALANCER)
        found[item] = _item(kind)
    batch = Operation(
        summary="Replace the members of a pool",
        status=202,
        body=wrapped("members", members.BATCH.json),
        query={"additive_only": {"type": "boolean"}},
    )
    found["/pools/{id}/members"] = {**found["/pools/{id}/members"], "PUT": batch}
    for plural in ("loadbalancers", "listeners"):
        found[f"/{plural}/{{id}}/stats"] = {
            "GET": Operation(summary="Statistics", answer=wrapped("stats", reference("Statistics")))
        }
    for word in ("status", "statuses"):
        found[f"/loadbalancers/{{id}}/{word}"] = {
            "GET": Operation(summary="Status tree", answer=wrapped("statuses", reference("StatusTree")))
        }
    found["/loadbalancers/{id}/failover"] = {"PUT": Operation(summary="Build it anew", status=202)}
    found |= {**_quotas(), **offers.paths()}
    return {**{f"{_PREFIX}{path}": operations for path, operations in found.items()}, **amphorae.paths()}


def _quotas() -> dict[str, dict[str, Operation]]:
    quota = wrapped("quota", reference("Quota"))
    return {
        "/quotas": {
            "GET": Operation(
                summary="List the quotas that were set",
                answer=listed("quotas", reference("Quota")),
                query=list_query({"project_id": TEXT, **dict.fromkeys(schema.QUOTA.attributes, _INTEGER)}),
            )
        },
        "/quotas/{project_id}": {
            "GET": Operation(summary="Show a project's quotas", answer=quota),
            "PUT": Operation(
                summary="Set a project's quotas",
                status=202,
                body=wrapped("quota", reference("QuotaUpdate")),
                answer=quota,
            ),
            "DELETE": Operation(summary="Back to the defaults", status=202),
        },
        "/quotas/{project_id}/default": {"GET": Operation(summary="Show the defaults", answer=quota)},
    }
