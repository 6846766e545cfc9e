"""LBaaS v1's attribute tables: what may stand in which body, of which kind, and what null means there.

One line per attribute; ``api/attributes.py`` makes models of them, ``present.py`` answers. Stricter than the original
where HAProxy would refuse what it let through: port 0, a delay of 0, any text as a method or path. Null is a value of
``address`` and ``session_persistence`` only, as in the original. Source: Neutron 2014.2, extensions/loadbalancer.py.
"""

from evenload.api import fields
from evenload.api.attributes import Attribute, In, NeutronSchema, Null, item, own, record
from evenload.api.fields import FieldType, choice, integer, listing, text
from evenload.api.lbaas_v1 import names
from evenload.interfaces.store import AgentRecord
from evenload.model.balancer import HealthMonitor, Listener, Member, Pool, SessionPersistence
from evenload.model.enums import Algorithm, ListenerProtocol, MonitorType, PersistenceType, PoolProtocol
from evenload.service.quotas import QuotaSettings

_NEWER = (ListenerProtocol.TERMINATED_HTTPS, ListenerProtocol.PROMETHEUS)
_MAX_INTEGER = 2**31 - 1
_MAX_SECONDS = 86_400


def _fixed(name: str, type: FieldType) -> Attribute:
    """To be given at creation, and for good."""
    return item(name, type, post=In.REQUIRED, put=In.NEVER, null=Null.REFUSED)


def _settable(name: str, type: FieldType, *, post: In = In.OPTIONAL) -> Attribute:
    return item(name, type, post=post, null=Null.REFUSED)


_PROJECT = (own("tenant_id", fields.PROJECT, null=Null.REFUSED), own("project_id", fields.PROJECT, null=Null.REFUSED))
_NAMED = (
    record("name", fields.NAME, null=Null.REFUSED),
    record("description", fields.DESCRIPTION, null=Null.REFUSED),
)
_UP = _settable("admin_state_up", fields.TRUTH)

SESSION_PERSISTENCE = NeutronSchema(
    "session_persistence",
    SessionPersistence,
    (item("type", choice(PersistenceType), null=Null.REFUSED), item("cookie_name", fields.COOKIE_NAME)),
)
_PERSISTENCE = FieldType(SESSION_PERSISTENCE.create, json=SESSION_PERSISTENCE.json_create)
VIP = NeutronSchema(
    "vip",
    Listener,
    (
        *_PROJECT,
        *_NAMED,
        _UP,
        own("subnet_id", fields.UUID, post=In.REQUIRED, null=Null.REFUSED),
        own("address", fields.ADDRESS_AS_SENT),
        _fixed("protocol_port", fields.PORT_NUMBER),
        _fixed("protocol", choice(ListenerProtocol, without=_NEWER)),
        own("pool_id", fields.UUID, post=In.REQUIRED, put=In.OPTIONAL, null=Null.REFUSED),
        own("session_persistence", _PERSISTENCE, put=In.OPTIONAL, null=None),
        _settable("connection_limit", integer(-1, _MAX_INTEGER)),
    ),
    translated=names.VIP,
)
POOL = NeutronSchema(
    "pool",
    Pool,
    (
        *_PROJECT,
        *_NAMED,
        _UP,
        own("subnet_id", fields.UUID, post=In.REQUIRED, null=Null.REFUSED),
        _fixed("protocol", choice(PoolProtocol, without=(PoolProtocol.PROXY, PoolProtocol.PROXYV2))),
        _settable("lb_method", choice(Algorithm), post=In.REQUIRED),
        own("provider", text(64, 1), null=Null.REFUSED),
        own("health_monitors", listing(fields.UUID), put=In.OPTIONAL, null=Null.REFUSED),
    ),
    translated=names.POOL,
)
MEMBER = NeutronSchema(
    "member",
    Member,
    (
        *_PROJECT,
        _UP,
        own("pool_id", fields.UUID, post=In.REQUIRED, put=In.OPTIONAL, null=Null.REFUSED),
        _fixed("address", fields.ADDRESS_AS_SENT),
        _fixed("protocol_port", fields.PORT_NUMBER),
        _settable("weight", integer(0, 256)),
    ),
    translated=names.MEMBER,
)
HEALTH_MONITOR = NeutronSchema(
    "health_monitor",
    HealthMonitor,
    (
        *_PROJECT,
        _UP,
        _fixed("type", choice(MonitorType, without=(MonitorType.TLS_HELLO,))),
        _settable("delay", integer(1, _MAX_SECONDS), post=In.REQUIRED),
        _settable("timeout", integer(0, _MAX_SECONDS), post=In.REQUIRED),
        _settable("max_retries", integer(1, 10), post=In.REQUIRED),
        own("http_method", fields.HTTP_METHOD, put=In.OPTIONAL, null=Null.REFUSED),
        own("url_path", fields.URL_PATH, put=In.OPTIONAL, null=Null.REFUSED),
        own("expected_codes", fields.EXPECTED_CODES, put=In.OPTIONAL, null=Null.REFUSED),
    ),
    translated=names.HEALTH_MONITOR,
)
# Whatever the id is: one that is none is not found.
ASSOCIATION = NeutronSchema(
    "health_monitor", HealthMonitor, (*_PROJECT, own("id", text(), post=In.REQUIRED, null=Null.REFUSED))
)
AGENT = NeutronSchema(
    "agent",
    AgentRecord,
    (
        own("admin_state_up", fields.TRUTH, post=In.NEVER, put=In.OPTIONAL, null=Null.REFUSED),
        own("description", fields.DESCRIPTION, post=In.NEVER, put=In.OPTIONAL, null=Null.REFUSED),
    ),
)
QUOTA = NeutronSchema(
    "quota",
    QuotaSettings,
    tuple(
        own(resource, integer(-1, _MAX_INTEGER), post=In.NEVER, put=In.OPTIONAL, null=Null.REFUSED)
        for resource in dict.fromkeys((*QuotaSettings().v1, *QuotaSettings().octavia, "load_balancer"))
    ),
)
"""``healthmonitor`` is what neutronclient and Octavia say for ``health_monitor``."""
