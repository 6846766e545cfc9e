"""Values that no attribute of LBaaS v1 may take, by resource and attribute: tables for the tests beside."""

from typing import Any

from tests.unit.api.bad_values import (
    CONTROLS,
    HEALTH_MONITOR,
    LOOPBACK_IN_EVERY_SPELLING,
    NO_ADDRESS,
    NO_BOOLEAN,
    NO_DESCRIPTION,
    NO_NUMBER,
    NO_TEXT,
    NO_UUID,
)

Table = list[tuple[str, list[Any]]]

_NAMED: Table = [("name", [None, *NO_TEXT]), ("description", [None, *NO_DESCRIPTION])]
_COMMON: Table = [
    ("admin_state_up", [None, *NO_BOOLEAN]),
    ("tenant_id", [None, "a b", "a/b", "x" * 37, 5, ""]),
    ("project_id", [None, "a b", 5, ""]),
]
_READ_ONLY: Table = [
    ("id", ["11111111-2222-4333-8444-555555555555"]),
    ("status", ["ACTIVE"]),
    ("status_description", [None]),
    ("cheese", [1, None]),
    ("a\nb", [1]),
]
_HTTP: Table = [
    (name, [None, *values]) for name, values in HEALTH_MONITOR if name in ("http_method", "url_path", "expected_codes")
]
_PERSISTENCE: list[Any] = [
    "x",
    [],
    {"type": None},
    {"type": "x"},
    {"type": "source_ip"},
    {"cookie_name": "c"},
    {"type": "SOURCE_IP", "cookie_name": "c"},
    {"type": "APP_COOKIE"},
    {"type": "APP_COOKIE", "cookie_name": ""},
    {"type": "APP_COOKIE", "cookie_name": "a b"},
    {"type": "APP_COOKIE", "cookie_name": "a" * 1025},
    {"type": "APP_COOKIE", "cookie_name": "a\nuser root"},
    {"type": "SOURCE_IP", "cheese": 1},
]
_PROTOCOLS: list[Any] = [None, "http", "CHEESE", "PROXY", "UDP", "", 5, [], {}, *CONTROLS]

_TABLES: dict[str, Table] = {
    "vip": [
        *_NAMED,
        ("subnet_id", [None, *NO_UUID]),
        ("address", [*NO_ADDRESS, "10.1.0.0", "10.1.0.255", "10.2.0.5", "2001:db8::5"]),
        ("port_id", ["11111111-2222-4333-8444-555555555555"]),
        ("protocol_port", [None, 0, 65536, -1, *NO_NUMBER]),
        ("protocol", _PROTOCOLS),
        ("pool_id", [None, *NO_UUID]),
        ("session_persistence", _PERSISTENCE),
        ("connection_limit", [None, -2, 2**31, *NO_NUMBER]),
    ],
    "pool": [
        *_NAMED,
        ("subnet_id", [None, *NO_UUID]),
        ("protocol", _PROTOCOLS),
        ("lb_method", [None, "round_robin", "CHEESE", "SOURCE_IP_PORT", 5, [], {}]),
        ("provider", [None, "", "cheese", "amphora", 5, *CONTROLS]),
        ("health_monitors", [None, "x", {}, ["x"], [5], ["11111111-2222-4333-8444-555555555555"] * 2]),
        ("vip_id", [None]),
        ("members", [[]]),
        ("health_monitors_status", [[]]),
    ],
    "member": [
        ("pool_id", [None, *NO_UUID]),
        ("address", [None, *NO_ADDRESS, *LOOPBACK_IN_EVERY_SPELLING]),
        ("protocol_port", [None, 0, 65536, *NO_NUMBER]),
        ("weight", [None, -1, 257, *NO_NUMBER]),
        ("name", ["members have none"]),
        ("subnet_id", ["11111111-2222-4333-8444-555555555555"]),
    ],
    "health_monitor": [
        ("type", [None, "http", "CHEESE", "TLS-HELLO", "UDP-CONNECT", 5, []]),
        ("delay", [None, 0, -1, 86_401, *NO_NUMBER]),
        ("timeout", [None, -1, 2**31, *NO_NUMBER]),
        ("max_retries", [None, 0, 11, *NO_NUMBER]),
        *_HTTP,
        ("name", ["health monitors have none"]),
        ("pools", [[]]),
        ("pool_id", ["11111111-2222-4333-8444-555555555555"]),
    ],
}
FIXED = {
    "vip": {"subnet_id", "address", "protocol_port", "protocol"},
    "pool": {"subnet_id", "protocol", "provider"},
    "member": {"address", "protocol_port"},
    "health_monitor": {"type"},
}
"""Attributes that are given at creation and for good."""


def spoiled(word: str) -> Table:
    return [*_TABLES[word], *_COMMON, *_READ_ONLY]
