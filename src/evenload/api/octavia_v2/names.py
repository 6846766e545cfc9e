"""Where Octavia's API and the model call the same thing by different names: the only place that says so.

API name → model name, by kind.
"""

from collections.abc import Mapping

from evenload.model.enums import Kind

TRANSLATED: Mapping[Kind, Mapping[str, str]] = {
    Kind.LOAD_BALANCER: {
        "vip_network_id": "network_id",
        "vip_port_id": "port_id",
    },
    Kind.LISTENER: {
        "protocol_port": "port",
        "loadbalancer_id": "load_balancer_id",
        "default_tls_container_ref": "certificate",
        "sni_container_refs": "sni",
        "tls_ciphers": "ciphers",
        "tls_versions": "versions",
        "alpn_protocols": "alpn",
        "client_ca_tls_container_ref": "client_authorities",
        "client_crl_container_ref": "client_revocations",
    },
    Kind.POOL: {
        "lb_algorithm": "algorithm",
        "loadbalancer_id": "load_balancer_id",
        "tls_container_ref": "certificate",
        "ca_tls_container_ref": "authorities",
        "crl_container_ref": "revocations",
        "tls_ciphers": "ciphers",
        "tls_versions": "versions",
        "alpn_protocols": "alpn",
    },
    Kind.MEMBER: {"protocol_port": "port"},
    Kind.HEALTH_MONITOR: {
        "max_retries": "rise",
        "max_retries_down": "fall",
        "http_method": "method",
        "http_version": "version",
    },
    Kind.L7_POLICY: {"position": "place"},
    Kind.L7_RULE: {},
}

# Of the TLS of pools that a request makes with something else.
_OF_POOLS_WITHIN = {
    "member_certificate": "tls_container_ref",
    "authorities": "ca_tls_container_ref",
    "revocations": "crl_container_ref",
}

# What the service's complaints name by a word of the model that no attribute has for itself.
_COMPLAINTS: Mapping[Kind, Mapping[str, str]] = {
    # Those of parts that a single call makes as well; "port" is a listener's or a member's there.
    Kind.LOAD_BALANCER: {
        "port": "protocol_port",
        "algorithm": "lb_algorithm",
        "method": "http_method",
        "cookie_name": "session_persistence.cookie_name",
        "http": "http_method",
        "version": "http_version",
        "certificate": "default_tls_container_ref",
        "sni": "sni_container_refs",
        "ciphers": "tls_ciphers",
        "versions": "tls_versions",
        "alpn": "alpn_protocols",
        "client_authorities": "client_ca_tls_container_ref",
        "client_revocations": "client_crl_container_ref",
        **_OF_POOLS_WITHIN,
    },
    Kind.LISTENER: _OF_POOLS_WITHIN,
    Kind.POOL: {"cookie_name": "session_persistence.cookie_name", **_OF_POOLS_WITHIN},
    Kind.MEMBER: {},
    Kind.HEALTH_MONITOR: {"http": "http_method"},
    Kind.L7_POLICY: {},
    Kind.L7_RULE: {},
}


def complaint_names(kind: Kind) -> Mapping[str, str]:
    """Model name → API name, for the field that an error names."""
    names = {} if kind is Kind.LOAD_BALANCER else {model: api for api, model in TRANSLATED[kind].items()}
    return {**names, **_COMPLAINTS[kind]}
