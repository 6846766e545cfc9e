"""What must be refused, as data: requests about a load balancer's parts, which stand in braces, and the word that the
answer has to contain.
"""

from typing import Any

Case = tuple[str, str, dict[str, Any], str]
"""Method, path (of a load balancer's parts), body, the word that has to stand in the answer."""

_NOT_A_FIELD = "nonsense"
UNKNOWN = "11111111-2222-4333-8444-555555555555"
_LISTENER = "listeners/{listener}"
_MEMBERS = "pools/{pool}/members"
_CONTROL = ("a\nb", "a\rb", "a\x00b", "\x1b[31m", "a\x7fb", "tab\there", "line\u2028end")

_NO_LINES = tuple(text for text in _CONTROL if not {*text} & {*"\n\r\t"})
"""What a description cannot have either."""


def strings() -> list[Case]:
    """Control characters and over-long texts in every string of every object."""
    cases: list[Case] = []
    for method, path, wrapper, fields in (
        ("PUT", "loadbalancers/{lb}", "loadbalancer", ("name", "description")),
        ("PUT", _LISTENER, "listener", ("name", "description")),
        ("PUT", "pools/{pool}", "pool", ("name", "description")),
        ("PUT", "pools/{pool}/members/{member}", "member", ("name",)),
        ("PUT", "healthmonitors/{monitor}", "healthmonitor", ("name", "url_path", "domain_name", "expected_codes")),
    ):
        for name in fields:
            found = _NO_LINES if name == "description" else _CONTROL
            values = found if wrapper == "loadbalancer" else found[:2]
            cases += [(method, path, {wrapper: {name: value}}, name) for value in values]
        cases.append((method, path, {wrapper: {"name": "x" * 256}}, "name"))
        cases.append((method, path, {wrapper: {"tags": ["a\nb"]}}, "tags"))
        cases.append((method, path, {wrapper: {"tags": ["x" * 256]}}, "tags"))
        cases.append((method, path, {wrapper: {_NOT_A_FIELD: 1}}, _NOT_A_FIELD))
        cases.append((method, path, {wrapper: {"name": ["a", "list"]}}, "name"))
        cases.append((method, path, {wrapper: {"admin_state_up": "perhaps"}}, "admin_state_up"))
        cases.append((method, path, {wrapper: {"id": UNKNOWN}}, "id"))
    cookie = {"type": "APP_COOKIE", "cookie_name": "a\nserver evil 1.2.3.4"}
    cases.append(("PUT", "pools/{pool}", {"pool": {"session_persistence": cookie}}, "cookie_name"))
    return cases


def numbers() -> list[Case]:
    listener = {"loadbalancer_id": "{lb}", "protocol": "HTTP"}
    member = {"address": "10.88.0.77"}
    cases: list[Case] = []
    for port in (0, 65536, -1, "http", 80.5, [80], None, True):
        cases.append(("POST", "listeners", {"listener": {**listener, "protocol_port": port}}, "protocol_port"))
        cases.append(("POST", _MEMBERS, {"member": {**member, "protocol_port": port}}, "protocol_port"))
    for weight in (-1, 257, "heavy", 1.5):
        body = {"member": {**member, "protocol_port": 8080, "weight": weight}}
        cases.append(("POST", _MEMBERS, body, "weight"))
        cases.append(("PUT", "pools/{pool}/members/{member}", {"member": {"weight": weight}}, "weight"))
    for name in ("timeout_client_data", "timeout_member_data", "timeout_member_connect"):
        cases.append(("PUT", _LISTENER, {"listener": {name: -1}}, name))
        cases.append(("PUT", _LISTENER, {"listener": {name: 2_073_600_001}}, name))
    cases.append(("PUT", _LISTENER, {"listener": {"connection_limit": -2}}, "connection_limit"))
    cases.append(("PUT", "healthmonitors/{monitor}", {"healthmonitor": {"max_retries": 0}}, "max_retries"))
    cases.append(("PUT", "healthmonitors/{monitor}", {"healthmonitor": {"max_retries": 11}}, "max_retries"))
    cases.append(("PUT", "healthmonitors/{monitor}", {"healthmonitor": {"delay": -1}}, "delay"))
    return cases


def meanings() -> list[Case]:
    """What is well formed and makes no sense, or is somebody else's."""
    return [
        *_listeners(),
        *_pools(),
        *_monitors(),
        *_balancers(),
        ("POST", _MEMBERS, {"member": {"address": "10.88.0.11", "protocol_port": 8080}}, "10.88.0.11"),
        ("POST", _MEMBERS, {"member": {"address": "10.88.0.7", "protocol_port": 80, "subnet_id": UNKNOWN}}, UNKNOWN),
        ("POST", _MEMBERS, {"member": {"protocol_port": 8080}}, "address"),
        ("POST", _MEMBERS, {"member": {"address": "{vip}", "protocol_port": 80}}, "{vip}"),
    ]


def _listeners() -> list[Case]:
    return [
        _listener("protocol_port", protocol_port=80),
        _listener("protocol", protocol="SMTP"),
        _listener("UDP", protocol="UDP"),
        _listener("SCTP", protocol="SCTP"),
        _listener(UNKNOWN, loadbalancer_id=UNKNOWN),
        _listener("loadbalancer_id", loadbalancer_id=None),
        _listener(UNKNOWN, default_pool_id=UNKNOWN),
        _listener("allowed_cidrs", allowed_cidrs=["10.0.0.0/33"]),
        _listener("2001:db8", allowed_cidrs=["2001:db8::/32"]),
        _listener("insert_headers", protocol="TCP", insert_headers={"X-Forwarded-For": "true"}),
        (
            "PUT",
            _LISTENER,
            {"listener": {"insert_headers": {"X-Forwarded-For": "true\nx"}}},
            "insert_headers",
        ),
        ("PUT", _LISTENER, {"listener": {"insert_headers": {"X-Evil\r\n": "true"}}}, "insert_headers"),
        ("PUT", _LISTENER, {"listener": {"protocol": "TCP"}}, "protocol"),
    ]


def _pools() -> list[Case]:
    return [
        _pool("lb_algorithm", lb_algorithm="FASTEST"),
        _pool("UDP", protocol="UDP"),
        _pool("listener_id", loadbalancer_id=None),
        _pool(UNKNOWN, listener_id=UNKNOWN, loadbalancer_id=None),
        _pool(UNKNOWN, loadbalancer_id=UNKNOWN),
        _pool("cookie", session_persistence={"type": "APP_COOKIE"}),
        _pool("cookie", session_persistence={"type": "HTTP_COOKIE", "cookie_name": "a"}),
        _pool("type", session_persistence={"type": "MAGIC"}),
        ("POST", "pools", {"pool": {"protocol": "HTTP", "listener_id": "{listener}"}}, "lb_algorithm"),
    ]


def _monitors() -> list[Case]:
    second = {"pool_id": "{pool}", "type": "HTTP", "delay": 1, "timeout": 1, "max_retries": 1}
    path = "healthmonitors/{monitor}"
    return [
        ("POST", "healthmonitors", {"healthmonitor": second}, "health monitor"),
        ("POST", "healthmonitors", {"healthmonitor": {**second, "pool_id": UNKNOWN}}, UNKNOWN),
        ("PUT", path, {"healthmonitor": {"expected_codes": "200,202-204"}}, "expected_codes"),
        ("PUT", path, {"healthmonitor": {"http_method": "FETCH"}}, "http_method"),
        ("PUT", path, {"healthmonitor": {"url_path": "relative"}}, "url_path"),
        ("PUT", path, {"healthmonitor": {"type": "TCP"}}, "type"),
        ("PUT", path, {"healthmonitor": {"domain_name": "www.example.com"}}, "domain_name"),
    ]


def _balancers() -> list[Case]:
    return [
        _balancer(UNKNOWN, vip_subnet_id=UNKNOWN),
        _balancer(UNKNOWN, vip_subnet_id=None, vip_network_id=UNKNOWN),
        _balancer(UNKNOWN, vip_subnet_id=None, vip_port_id=UNKNOWN),
        _balancer("vip_address", vip_address="10.99.0.1"),
        _balancer("{vip}", vip_address="{vip}"),
        _balancer("vip_address", vip_address="10.88.0.0"),
        _balancer("vip_address", vip_address="10.88.0.255"),
        _balancer("vip_address", vip_address="127.0.0.1"),
        _balancer("vip_address", vip_address="no address"),
        _balancer("VIP", vip_subnet_id=None),
        _balancer("nobody", provider="nobody"),
        ("DELETE", "loadbalancers/{lb}", {}, "cascade"),
    ]


def _listener(word: str, **changed: Any) -> Case:
    body = {"loadbalancer_id": "{lb}", "protocol": "HTTP", "protocol_port": 81, **changed}
    return "POST", "listeners", {"listener": _without_none(body)}, word


def _pool(word: str, **changed: Any) -> Case:
    body = {"loadbalancer_id": "{lb}", "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN", **changed}
    return "POST", "pools", {"pool": _without_none(body)}, word


def _balancer(word: str, **changed: Any) -> Case:
    body = {"name": "never", "vip_subnet_id": "{subnet}", **changed}
    return "POST", "loadbalancers", {"loadbalancer": _without_none(body)}, word


def _without_none(body: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if value is not None}
