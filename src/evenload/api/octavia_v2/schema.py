"""Octavia's attribute tables: what may stand in which body, of which kind, and what null means there.

One line per attribute; ``api/attributes.py`` makes models of them, ``present.py`` answers. Where the API's name of
something is not the model's, ``names.py`` says so. Source: section 3 to 7 of Octavia's API reference (v2).
"""

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

from evenload.api import fields
from evenload.api.attributes import Attribute, In, Null, Schema, item, nowhere, own, record
from evenload.api.fields import FieldType, choice, integer, listing, text
from evenload.api.octavia_v2.names import TRANSLATED
from evenload.interfaces.ports import VipRequest
from evenload.model import catalogue
from evenload.model.balancer import HealthMonitor, Listener, LoadBalancer, Member, Pool, SessionPersistence
from evenload.model.enums import (
    Algorithm,
    Comparison,
    InsertedHeader,
    Kind,
    ListenerProtocol,
    MonitorType,
    PersistenceType,
    PolicyAction,
    RuleType,
)
from evenload.model.enums import PoolProtocol as PoolProtocols
from evenload.model.l7 import L7Policy, L7Rule
from evenload.model.l7_rules import CODES, MOST_RULES
from evenload.model.tls import AlpnProtocol, ClientAuthentication, TlsVersion
from evenload.service.quotas import QuotaSettings

_MAX_INTEGER = 2**31 - 1
_MAX_TIMEOUT = 24 * 24 * 3600 * 1000  # what HAProxy can count in milliseconds, in whole days
_MAX_SECONDS = 86_400
_TLS_VERSIONS = listing(choice(TlsVersion, ("SSLv3",)), 16)
_ALPN = listing(choice(AlpnProtocol), 16)
_MOST_NAMES = 5000
"""Certificates of one listener."""


def _headers(value: object) -> dict[str, bool]:
    if not isinstance(value, dict):
        raise ValueError("Not an object of header names.")
    switches = {}
    known = {header.value for header in InsertedHeader}
    for name, switch in value.items():
        if name not in known:
            raise ValueError(f"'{fields.shown(name)}' is not a header that can be inserted.")
        if switch not in ("true", "false"):
            raise ValueError(f"The value of {name} should be one of the strings: true, false.")
        switches[name] = switch == "true"
    return switches


def _one_of_codes(value: int) -> int:
    if value not in CODES:
        raise ValueError(f"Value should be one of: {', '.join(map(str, CODES))}.")
    return value


_HEADERS = FieldType(
    Annotated[Any, BeforeValidator(_headers)],
    json={
        "type": "object",
        "properties": {header.value: {"enum": ["true", "false"]} for header in InsertedHeader},
        "additionalProperties": False,
    },
)
_CIDR_LIST = listing(fields.CIDR)
_CIDRS = FieldType(Annotated[_CIDR_LIST.annotation, AfterValidator(fields.unique)], json=_CIDR_LIST.json)
_LISTENER_PROTOCOL = choice(
    ListenerProtocol,
    ("UDP", "SCTP"),
)
_POOL_PROTOCOL = choice(PoolProtocols, ("UDP", "SCTP"))
_ALGORITHM = choice(Algorithm, ("SOURCE_IP_PORT",))
_OF_UDP_AND_SCTP = "Only allowed on pools of the protocols UDP and SCTP."
"""Whatever is: there are no such pools here."""
_MONITOR_TYPE = choice(MonitorType, unfit=dict.fromkeys(("UDP-CONNECT", "SCTP"), _OF_UDP_AND_SCTP))
_REDIRECT_CODE = FieldType(
    Annotated[integer(0, 999).annotation, AfterValidator(_one_of_codes)],
    fields.integer_of,
    json={"type": "integer", "enum": list(CODES)},
)


_NAME = record("name", fields.NAME, null="")
_DESCRIPTION = record("description", fields.DESCRIPTION, null="")
_TAGS = record("tags", fields.TAGS, null=())
_ADMIN_STATE_UP = item("admin_state_up", fields.TRUTH, null=False)
# Octavia takes them on children for the sake of old clients; they must say what holds anyway.
_PROJECT = (own("project_id", fields.PROJECT), own("tenant_id", fields.PROJECT))
_TLS_POLICY = (
    own("tls_ciphers", fields.CIPHERS, put=In.OPTIONAL, null=None),
    own("tls_versions", _TLS_VERSIONS, put=In.OPTIONAL, null=None),
    own("alpn_protocols", _ALPN, put=In.OPTIONAL, null=None),
)


def _nested(schema: Schema) -> FieldType:
    return FieldType(schema.create, json=schema.json_create)


def _schema(kind: Kind, wrapper: str, model: type[Any], *attributes: Attribute) -> Schema:
    return Schema(wrapper, model, attributes, translated=TRANSLATED[kind])


# ------------------------------------------------------------------------------------------------------------ members

_SRIOV = "It needs a flavor with allow_member_sriov in force, and here that key means nothing."
_MEMBER = (
    _NAME,
    _TAGS,
    _ADMIN_STATE_UP,
    *_PROJECT,
    item("address", fields.ADDRESS_AS_SENT, post=In.REQUIRED, put=In.NEVER, null=Null.REFUSED),
    item("protocol_port", fields.PORT_NUMBER, post=In.REQUIRED, put=In.NEVER, null=Null.REFUSED),
    item("weight", integer(0, 256), null_at_creation=False),
    item("backup", fields.TRUTH, null_at_creation=False),
    item("subnet_id", fields.UUID, put=In.NEVER),
    item("monitor_address", fields.ADDRESS_AS_SENT),
    item("monitor_port", fields.PORT_NUMBER),
    nowhere("request_sriov", fields.TRUTH, shown=False, put=In.NEVER, unfit=_SRIOV),
)
MEMBER = _schema(Kind.MEMBER, "member", Member, *_MEMBER)

# ---------------------------------------------------------------------------------------------------- health monitors

_MONITOR = (
    _NAME,
    _TAGS,
    _ADMIN_STATE_UP,
    *_PROJECT,
    item("type", _MONITOR_TYPE, post=In.REQUIRED, put=In.NEVER, null=Null.REFUSED),
    item("delay", integer(1, _MAX_SECONDS), post=In.REQUIRED, null=Null.REFUSED),
    item("timeout", integer(1, _MAX_SECONDS), post=In.REQUIRED, null=Null.REFUSED),
    item("max_retries", integer(1, 10), post=In.REQUIRED, null=Null.REFUSED),
    item("max_retries_down", integer(1, 10)),
    own("http_method", fields.HTTP_METHOD, put=In.OPTIONAL, null=None),
    own("url_path", fields.URL_PATH, put=In.OPTIONAL, null=None),
    own("expected_codes", fields.EXPECTED_CODES, put=In.OPTIONAL, null=None),
    own("http_version", fields.HTTP_VERSION, put=In.OPTIONAL, null=None),
    own("domain_name", fields.HOST_NAME, put=In.OPTIONAL, null=None),
)
HEALTH_MONITOR = _schema(
    Kind.HEALTH_MONITOR,
    "healthmonitor",
    HealthMonitor,
    *_MONITOR,
    own("pool_id", fields.UUID, post=In.REQUIRED, null=Null.REFUSED),
)
NESTED_MONITOR = _schema(Kind.HEALTH_MONITOR, "healthmonitor", HealthMonitor, *_MONITOR)

# -------------------------------------------------------------------------------------------------------------- pools

SESSION_PERSISTENCE = Schema(
    "session_persistence",
    SessionPersistence,
    (
        item("type", choice(PersistenceType), null=Null.ABSENT),
        item("cookie_name", fields.COOKIE_NAME),
        nowhere("persistence_timeout", integer(0, _MAX_INTEGER), unfit=_OF_UDP_AND_SCTP),
        nowhere("persistence_granularity", text(64), unfit=_OF_UDP_AND_SCTP),
    ),
)


def _pool(presence: In) -> tuple[Attribute, ...]:
    return (
        _NAME,
        _DESCRIPTION,
        _TAGS,
        _ADMIN_STATE_UP,
        *_PROJECT,
        item("protocol", _POOL_PROTOCOL, post=presence, put=In.NEVER, null=Null.REFUSED),
        item("lb_algorithm", _ALGORITHM, post=presence, null=Null.REFUSED),
        own("session_persistence", _nested(SESSION_PERSISTENCE), put=In.OPTIONAL, null=None),
        own("tls_enabled", fields.TRUTH, put=In.OPTIONAL, null=Null.REFUSED),
        own("tls_container_ref", fields.REFERENCE, put=In.OPTIONAL, null=None),
        own("ca_tls_container_ref", fields.REFERENCE, put=In.OPTIONAL, null=None),
        own("crl_container_ref", fields.REFERENCE, put=In.OPTIONAL, null=None),
        *_TLS_POLICY,
    )


_PARTS = (own("members", listing(_nested(MEMBER), 5000)), own("healthmonitor", _nested(NESTED_MONITOR)))
POOL = _schema(
    Kind.POOL,
    "pool",
    Pool,
    *_pool(In.REQUIRED),
    own("loadbalancer_id", fields.UUID),
    own("listener_id", fields.UUID),
    *_PARTS,
)
NESTED_POOL = _schema(Kind.POOL, "pool", Pool, *_pool(In.REQUIRED), *_PARTS)
# A listener's default pool may be just the name of one of those.
POOL_OR_NAME = _schema(Kind.POOL, "pool", Pool, *_pool(In.OPTIONAL), *_PARTS)

# ----------------------------------------------------------------------------------------------- L7 policies and rules

_RULE = (
    _TAGS,
    _ADMIN_STATE_UP,
    *_PROJECT,
    item("type", choice(RuleType), post=In.REQUIRED, null=Null.REFUSED),
    item("compare_type", choice(Comparison), post=In.REQUIRED, null=Null.REFUSED),
    item("key", fields.RULE_KEY),
    item("value", text(shortest=1), post=In.REQUIRED, null=Null.REFUSED),
    item("invert", fields.TRUTH),
)
L7_RULE = _schema(Kind.L7_RULE, "rule", L7Rule, *_RULE)


_POLICY = (
    _NAME,
    _DESCRIPTION,
    _TAGS,
    _ADMIN_STATE_UP,
    *_PROJECT,
    item("action", choice(PolicyAction), post=In.REQUIRED, null=Null.REFUSED),
    item("position", integer(1, _MAX_INTEGER), null=Null.ABSENT),
    item("redirect_pool_id", fields.UUID),
    item("redirect_url", fields.HTTP_URL),
    item("redirect_prefix", fields.HTTP_URL),
    item("redirect_http_code", _REDIRECT_CODE),
)
# What is one too many is a conflict, which the service says; a list without end is none to look at.
_RULES = own("rules", FieldType(listing(_nested(L7_RULE)).annotation, json=listing(_nested(L7_RULE), MOST_RULES).json))
L7_POLICY = _schema(
    Kind.L7_POLICY,
    "l7policy",
    L7Policy,
    *_POLICY,
    own("listener_id", fields.UUID, post=In.REQUIRED, null=Null.REFUSED),
    _RULES,
)
# Its pool may be made by the same request, or be the name of one that is.
NESTED_POLICY = _schema(
    Kind.L7_POLICY,
    "l7policy",
    L7Policy,
    *_POLICY,
    own("redirect_pool", _nested(POOL_OR_NAME)),
    _RULES,
)

# ---------------------------------------------------------------------------------------------------------- listeners

_LISTENER = (
    _NAME,
    _DESCRIPTION,
    _TAGS,
    _ADMIN_STATE_UP,
    *_PROJECT,
    item("protocol", _LISTENER_PROTOCOL, post=In.REQUIRED, put=In.NEVER, null=Null.REFUSED),
    item("protocol_port", fields.PORT_NUMBER, post=In.REQUIRED, put=In.NEVER, null=Null.REFUSED),
    item("connection_limit", integer(-1, _MAX_INTEGER)),
    item("default_pool_id", fields.UUID),
    own("insert_headers", _HEADERS, put=In.OPTIONAL, null={}),
    item("timeout_client_data", integer(0, _MAX_TIMEOUT)),
    item("timeout_member_connect", integer(0, _MAX_TIMEOUT)),
    item("timeout_member_data", integer(0, _MAX_TIMEOUT)),
    item("timeout_tcp_inspect", integer(0, _MAX_TIMEOUT)),
    item("allowed_cidrs", _CIDRS),
    own("default_tls_container_ref", fields.REFERENCE, put=In.OPTIONAL, null=None),
    own("sni_container_refs", listing(text(shortest=1), _MOST_NAMES), put=In.OPTIONAL, null=()),
    own("client_ca_tls_container_ref", fields.REFERENCE, put=In.OPTIONAL, null=None),
    own("client_authentication", choice(ClientAuthentication), put=In.OPTIONAL, null=ClientAuthentication.NONE),
    own("client_crl_container_ref", fields.REFERENCE, put=In.OPTIONAL, null=None),
    *_TLS_POLICY,
    own("hsts_max_age", integer(0, _MAX_INTEGER), put=In.OPTIONAL, null=None),
    own("hsts_include_subdomains", fields.TRUTH, put=In.OPTIONAL, null=False),
    own("hsts_preload", fields.TRUTH, put=In.OPTIONAL, null=False),
)
_OF_LISTENER = (own("default_pool", _nested(POOL_OR_NAME)), own("l7policies", listing(_nested(NESTED_POLICY))))
LISTENER = _schema(
    Kind.LISTENER,
    "listener",
    Listener,
    *_LISTENER,
    own("loadbalancer_id", fields.UUID, post=In.REQUIRED, null=Null.REFUSED),
    *_OF_LISTENER,
)
NESTED_LISTENER = _schema(Kind.LISTENER, "listener", Listener, *_LISTENER, *_OF_LISTENER)

# ----------------------------------------------------------------------------------------------------- load balancers

ADDITIONAL_VIP = Schema(
    "additional_vip",
    VipRequest,
    (
        own("subnet_id", fields.UUID, post=In.REQUIRED, null=Null.REFUSED),
        own("ip_address", fields.ADDRESS_AS_SENT),
        own("port_id", fields.UUID),
    ),
)
LOAD_BALANCER = _schema(
    Kind.LOAD_BALANCER,
    "loadbalancer",
    LoadBalancer,
    _NAME,
    _DESCRIPTION,
    _TAGS,
    _ADMIN_STATE_UP,
    *_PROJECT,
    own("provider", text(64)),
    own("vip_address", fields.ADDRESS_AS_SENT),
    own("vip_subnet_id", fields.UUID),
    own("vip_network_id", fields.UUID),
    own("vip_port_id", fields.UUID),
    own("additional_vips", listing(_nested(ADDITIONAL_VIP), 64)),
    own("listeners", listing(_nested(NESTED_LISTENER))),
    own("pools", listing(_nested(NESTED_POOL))),
    nowhere("vip_qos_policy_id", fields.UUID, foreign="QoS Policy"),
    nowhere("vip_sg_ids", listing(fields.UUID), shown=[], foreign="Security Group"),
    own("flavor_id", fields.UUID),
    own("availability_zone", text()),
)

# ------------------------------------------------------------------------------------------ what administrators offer

_OFFER_NAME = text(shortest=1)
_OFFERED = (
    own("description", fields.DESCRIPTION, put=In.OPTIONAL, null=""),
    own("enabled", fields.TRUTH, put=In.OPTIONAL, null=Null.REFUSED),
)


def _profile(wrapper: str, model: type[Any], data: str) -> Schema:
    """By the model's names, but for the data."""

    def mandatory(name: str, type: FieldType) -> Attribute:
        return own(name, type, post=In.REQUIRED, put=In.OPTIONAL, null=Null.REFUSED)

    attributes = (
        mandatory("name", _OFFER_NAME),
        mandatory("provider_name", text(64, 1)),
        mandatory(data, text(4096, 1)),
    )
    return Schema(wrapper, model, attributes, translated={"provider_name": "provider", data: "data"})


def _zone_name(name: str) -> str:
    if "/" in name or name in (".", "..") or name.endswith(".json") or name != name.strip():
        raise ValueError("It is a part of addresses: no slash, no blank at its ends, no .json as its end.")
    return name


FLAVOR_PROFILE = _profile("flavorprofile", catalogue.FlavorProfile, "flavor_data")
FLAVOR = Schema(
    "flavor",
    catalogue.Flavor,
    (
        own("name", _OFFER_NAME, post=In.REQUIRED, put=In.OPTIONAL, null=Null.REFUSED),
        own("flavor_profile_id", fields.UUID, post=In.REQUIRED, null=Null.REFUSED),
        *_OFFERED,
    ),
    translated={"flavor_profile_id": "profile_id"},
)
ZONE_PROFILE = _profile("availability_zone_profile", catalogue.ZoneProfile, "availability_zone_data")
ZONE = Schema(
    "availability_zone",
    catalogue.Zone,
    (
        # It is a part of paths.
        own(
            "name",
            fields.checked_text(_zone_name, json={"minLength": 1, "pattern": "^[^/]+$"}),
            post=In.REQUIRED,
            null=Null.REFUSED,
        ),
        own("availability_zone_profile_id", fields.UUID, post=In.REQUIRED, null=Null.REFUSED),
        *_OFFERED,
    ),
    translated={"availability_zone_profile_id": "profile_id"},
)

QUOTA_ALIASES = {"load_balancer": "loadbalancer", "health_monitor": "healthmonitor"}
"""Other spellings of a resource, as openstacksdk sends them; where both are given, the first spelling holds."""
QUOTA = Schema(
    "quota",
    QuotaSettings,
    tuple(
        own(name, integer(-1, 2_000_000_000), post=In.NEVER, put=In.OPTIONAL, null=None)
        for name in (*QuotaSettings().octavia, *QUOTA_ALIASES)
    ),
)
