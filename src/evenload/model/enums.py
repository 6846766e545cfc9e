"""The closed vocabularies of the domain.

Every value is the word that stands on the wire (Octavia v2), so that a value needs no translation table of its own.
Compare members with ``is``.
"""

from enum import Enum


class Kind(Enum):
    """The kinds of objects a load balancer's tree consists of."""

    LOAD_BALANCER = "load_balancer"
    LISTENER = "listener"
    POOL = "pool"
    MEMBER = "member"
    HEALTH_MONITOR = "health_monitor"
    L7_POLICY = "l7_policy"
    L7_RULE = "l7_rule"


class ProvisioningStatus(Enum):
    """Where the desired state stands on its way to the host. An object that is gone has no row, hence no DELETED."""

    PENDING_CREATE = "PENDING_CREATE"
    PENDING_UPDATE = "PENDING_UPDATE"
    PENDING_DELETE = "PENDING_DELETE"
    ACTIVE = "ACTIVE"
    ERROR = "ERROR"


class OperatingStatus(Enum):
    """What the data plane was last seen doing."""

    ONLINE = "ONLINE"
    OFFLINE = "OFFLINE"
    DEGRADED = "DEGRADED"
    ERROR = "ERROR"
    DRAINING = "DRAINING"
    NO_MONITOR = "NO_MONITOR"


class ListenerProtocol(Enum):
    HTTP = "HTTP"
    HTTPS = "HTTPS"
    """TLS passed through untouched."""
    TCP = "TCP"
    TERMINATED_HTTPS = "TERMINATED_HTTPS"
    """TLS ends at the load balancer, which speaks plain HTTP to members."""
    PROMETHEUS = "PROMETHEUS"
    """The load balancer's own numbers, at ``/metrics``, in TLS where it has a certificate; it has neither pools nor L7
    policies."""

    @property
    def speaks_http(self) -> bool:
        """Whether requests are read: headers, cookies, L7 policies."""
        return self in (ListenerProtocol.HTTP, ListenerProtocol.TERMINATED_HTTPS)

    @property
    def terminates_tls(self) -> bool:
        """Whether a certificate makes sense."""
        return self in (ListenerProtocol.TERMINATED_HTTPS, ListenerProtocol.PROMETHEUS)

    @property
    def needs_certificate(self) -> bool:
        """Whether nothing can be spoken without one."""
        return self is ListenerProtocol.TERMINATED_HTTPS


class PoolProtocol(Enum):
    HTTP = "HTTP"
    HTTPS = "HTTPS"
    TCP = "TCP"
    PROXY = "PROXY"
    """The listener's protocol, with the PROXY header version 1 in front of each connection to a member."""
    PROXYV2 = "PROXYV2"


class Algorithm(Enum):
    ROUND_ROBIN = "ROUND_ROBIN"
    LEAST_CONNECTIONS = "LEAST_CONNECTIONS"
    SOURCE_IP = "SOURCE_IP"


class PersistenceType(Enum):
    SOURCE_IP = "SOURCE_IP"
    HTTP_COOKIE = "HTTP_COOKIE"
    """A cookie that the load balancer sets itself."""
    APP_COOKIE = "APP_COOKIE"
    """A cookie that the application sets; learnt from its answers."""


class MonitorType(Enum):
    HTTP = "HTTP"
    HTTPS = "HTTPS"
    TCP = "TCP"
    PING = "PING"
    TLS_HELLO = "TLS-HELLO"


class InsertedHeader(Enum):
    """Request headers that a listener can add for its members."""

    X_FORWARDED_FOR = "X-Forwarded-For"
    X_FORWARDED_PORT = "X-Forwarded-Port"
    X_FORWARDED_PROTO = "X-Forwarded-Proto"
    X_FORWARDED_IP = "X-Forwarded-IP"
    X_CLIENT_IP = "X-Client-IP"
    X_REAL_IP = "X-Real-IP"
    X_SSL_CLIENT_VERIFY = "X-SSL-Client-Verify"
    X_SSL_CLIENT_HAS_CERT = "X-SSL-Client-Has-Cert"
    X_SSL_CLIENT_DN = "X-SSL-Client-DN"
    X_SSL_CLIENT_CN = "X-SSL-Client-CN"
    X_SSL_ISSUER = "X-SSL-Issuer"
    X_SSL_CLIENT_SHA1 = "X-SSL-Client-SHA1"
    X_SSL_CLIENT_NOT_BEFORE = "X-SSL-Client-Not-Before"
    X_SSL_CLIENT_NOT_AFTER = "X-SSL-Client-Not-After"

    @property
    def of_tls(self) -> bool:
        """Whether it tells of the certificate that the client has shown."""
        return self.value.startswith("X-SSL-")


class PolicyAction(Enum):
    """What becomes of a request to which an L7 policy applies."""

    REJECT = "REJECT"
    REDIRECT_TO_URL = "REDIRECT_TO_URL"
    REDIRECT_PREFIX = "REDIRECT_PREFIX"
    """To what it asked for behind another prefix."""
    REDIRECT_TO_POOL = "REDIRECT_TO_POOL"


class RuleType(Enum):
    """What an L7 rule looks at."""

    HOST_NAME = "HOST_NAME"
    PATH = "PATH"
    FILE_TYPE = "FILE_TYPE"
    """What follows the last dot of the path's last part."""
    HEADER = "HEADER"
    COOKIE = "COOKIE"
    SSL_CONN_HAS_CERT = "SSL_CONN_HAS_CERT"
    SSL_VERIFY_RESULT = "SSL_VERIFY_RESULT"
    SSL_DN_FIELD = "SSL_DN_FIELD"


class Comparison(Enum):
    REGEX = "REGEX"
    STARTS_WITH = "STARTS_WITH"
    ENDS_WITH = "ENDS_WITH"
    CONTAINS = "CONTAINS"
    EQUAL_TO = "EQUAL_TO"


class NetworkType(Enum):
    FLAT = "flat"
    VLAN = "vlan"
