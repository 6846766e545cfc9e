"""Settings of TLS, and of what callers of Octavia's API may make: the options of ``[api]`` by Octavia's names."""

from typing import Any

from oslo_config import cfg

from evenload.host.ciphers import expand_ciphers
from evenload.model.enums import ListenerProtocol
from evenload.model.errors import Invalid
from evenload.model.tls import AlpnProtocol, ListenerTls, PoolTls, TlsVersion
from evenload.model.tls_faults import find_pool_tls_faults, find_tls_faults
from evenload.service.deployment import Allowed
from evenload.service.tls_policy import CIPHERS, TlsDefaults, TlsPolicy

_VERSIONS = [version.value for version in TlsVersion]
_PROTOCOLS = [protocol.value for protocol in AlpnProtocol]
_NAMES = {"ciphers": "ciphers", "versions": "tls_versions", "alpn": "alpn_protocols"}
"""Of what is checked in defaults, as the options have it."""

ALLOWING = [
    cfg.BoolOpt("allow_tls_terminated_listeners", default=True, help="Let callers make TERMINATED_HTTPS listeners."),
    cfg.BoolOpt("allow_prometheus_listeners", default=True, help="Let callers make PROMETHEUS listeners."),
    cfg.BoolOpt(
        "allow_ping_health_monitors",
        default=True,
        help="Octavia's API: let callers make health monitors of the type PING.",
    ),
]


def _defaults(kind: str, whose: str) -> list[cfg.Opt]:
    return [
        cfg.StrOpt(
            f"default_{kind}_ciphers",
            default=CIPHERS,
            help=f"Ciphers (OpenSSL's list) of new {whose} where the caller names none.",
        ),
        cfg.ListOpt(
            f"default_{kind}_tls_versions",
            default=[version.value for version in TlsDefaults().versions],
            item_type=cfg.types.String(choices=_VERSIONS),
            help=f"TLS versions of new {whose} where the caller names none.",
        ),
        cfg.ListOpt(
            f"default_{kind}_alpn_protocols",
            default=[protocol.value for protocol in TlsDefaults().alpn],
            item_type=cfg.types.String(choices=_PROTOCOLS),
            help=f"ALPN protocols of new {whose} where the caller names none.",
        ),
    ]


TLS_OPTIONS = [
    *_defaults("listener", "listeners that terminate TLS"),
    *_defaults("pool", "pools that speak TLS to members"),
    cfg.StrOpt(
        "minimum_tls_version",
        default=None,
        choices=_VERSIONS,
        help="Lowest TLS version that callers may ask for. Default: any.",
    ),
    cfg.StrOpt(
        "tls_cipher_prohibit_list",
        default="",
        help="Ciphers that callers may not ask for, with colons between them; also by a word that stands for several.",
    ),
]


def read_allowed(api: Any) -> Allowed:
    return Allowed(
        tls_terminated_listeners=api.allow_tls_terminated_listeners,
        prometheus_listeners=api.allow_prometheus_listeners,
        ping_health_monitors=api.allow_ping_health_monitors,
    )


def read_tls(api: Any, *, http_3: bool) -> TlsPolicy:
    """``api``: the section; ``http_3``: whether the hosts can do it. Raises ValueError, naming the setting, for
    defaults that callers could not ask for."""
    policy = TlsPolicy(
        listeners=_read_defaults(api, "listener"),
        pools=_read_defaults(api, "pool"),
        minimum=TlsVersion(api.minimum_tls_version) if api.minimum_tls_version else None,
        prohibited=frozenset(filter(None, api.tls_cipher_prohibit_list.split(":"))),
        expand=expand_ciphers,
        http_3=http_3,
    )
    for kind, defaults in (("listener", policy.listeners), ("pool", policy.pools)):
        try:
            policy.require_ciphers(defaults.ciphers)
            policy.require_versions(defaults.versions)
            policy.require_protocols(defaults.alpn)
            policy.require_suites({"ciphers": defaults.ciphers}, defaults)
        except Invalid as error:
            raise ValueError(_complaint(kind, str(error.field), error.detail)) from error
    return policy


def _read_defaults(api: Any, kind: str) -> TlsDefaults:
    """Raises ValueError for what no listener can have."""
    defaults = TlsDefaults(
        ciphers=api[f"default_{kind}_ciphers"],
        versions=tuple(map(TlsVersion, api[f"default_{kind}_tls_versions"])),
        alpn=tuple(map(AlpnProtocol, api[f"default_{kind}_alpn_protocols"])),
    )
    tls = ListenerTls(ciphers=defaults.ciphers, versions=defaults.versions, alpn=defaults.alpn)
    pool = PoolTls(ciphers=defaults.ciphers, versions=defaults.versions, alpn=defaults.alpn)
    of_kind = (
        find_tls_faults(ListenerProtocol.TERMINATED_HTTPS, tls) if kind == "listener" else find_pool_tls_faults(pool)
    )
    for fault in of_kind:
        if fault.field in _NAMES:
            raise ValueError(_complaint(kind, fault.field, fault.detail))
    return defaults


def _complaint(kind: str, field: str, detail: str) -> str:
    return f"[api] default_{kind}_{_NAMES[field]}: {detail}"
