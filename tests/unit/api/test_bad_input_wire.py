"""Bad input: each gets a clear 4xx that names the attribute, changes nothing, and reaches no agent.

A value that the API knows and this version cannot do gets 501, in Octavia's words, and names the attribute as well.
"""

import io
import json
from typing import Any

import falcon.testing
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.api.conftest import LBAAS, World

CONTROLS = ["a\nb", "a\rb", "a\x00b", "a\x1bb", "a\x7fb", "a\x85b", "a\u2028b", "a\u2029b", "\n", "a\n", "\ud800"]
NO_TEXT = [*CONTROLS, "a" * 256, 5, 1.5, True, [], {}, ["a"]]
NO_NUMBER = ["x", "", "1.0", 1.0, 1.5, True, False, [], {}, 10**30, -(10**30), "1\n"]
NO_BOOLEAN = [None.__class__.__name__, 2, 1.0, "", [], {}, "true\n"]
NO_UUID = [
    "x",
    "",
    5,
    [],
    {},
    "11111111-2222-4333-8444-55555555555",
    "11111111222243338444555555555555",
    "../../x",
    *CONTROLS,
]
NO_TAGS = ["a", {}, 5, [5], [None], [["a"]], ["a" * 256], *[[text] for text in CONTROLS]]
NO_ADDRESS = [
    "",
    "x",
    "010.0.0.1",
    "2130706433",
    2130706433,
    "0x7f000001",
    "127.1",
    "10.0.0.1/24",
    "fe80::1%eth0",
    " 10.0.0.1",
    [],
    {},
]
NAMED: list[tuple[str, list[Any]]] = [
    ("name", NO_TEXT),
    ("tags", NO_TAGS),
    ("admin_state_up", NO_BOOLEAN),
    ("project_id", ["a b", "a/b", "x" * 37, 5, ""]),
]
DESCRIBED: list[tuple[str, list[Any]]] = [*NAMED, ("description", NO_TEXT)]
LOOPBACK_IN_EVERY_SPELLING = [
    "127.0.0.1",
    "127.255.255.254",
    "::1",
    "0.0.0.0",
    "0.1.2.3",
    "::",
    "224.0.0.1",
    "239.255.255.255",
    "255.255.255.255",
    "ff02::1",
    "169.254.169.254",
    "169.254.0.1",
    "fe80::1",
    "fe80::a9fe:a9fe",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "::ffff:169.254.169.254",
    "::ffff:a9fe:a9fe",
    "0:0:0:0:0:ffff:a9fe:a9fe",
    "::169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b::169.254.169.254",
    "2002:a9fe:a9fe::1",
    "2002:7f00:1::",
]

LOAD_BALANCER: list[tuple[str, list[Any]]] = [
    *DESCRIBED,
    ("vip_address", [*NO_ADDRESS, "10.1.0.0", "10.1.0.255", "10.2.0.5", "2001:db8::5", "10.1.0.1"]),
    ("vip_subnet_id", NO_UUID),
    ("vip_network_id", NO_UUID),
    ("vip_port_id", NO_UUID),
    ("vip_qos_policy_id", [*NO_UUID, "11111111-2222-4333-8444-555555555555"]),
    ("vip_sg_ids", ["x", ["x"], ["11111111-2222-4333-8444-555555555555"], {}]),
    ("additional_vips", ["x", {}, [{}], ["x"], [{"subnet_id": "x"}], [{"subnet_id": None}]]),
    ("provider", ["cheese", "ovn", 5, *CONTROLS]),
    ("flavor_id", [*NO_UUID, "11111111-2222-4333-8444-555555555555"]),
    ("availability_zone", ["zone", *CONTROLS]),
    ("listeners", ["x", {}, ["x"], [{}], [None], [{"protocol": "HTTP", "protocol_port": 80, "cheese": 1}]]),
    ("pools", ["x", {}, ["x"], [{}], [None]]),
]
LISTENER: list[tuple[str, list[Any]]] = [
    *DESCRIBED,
    ("loadbalancer_id", [None, *NO_UUID]),
    ("protocol", [None, "http", "CHEESE", "", 5, [], {}, *CONTROLS]),
    ("protocol_port", [None, 0, 65536, -1, *NO_NUMBER]),
    ("connection_limit", [-2, 2**31, *NO_NUMBER]),
    ("default_pool_id", NO_UUID),
    ("timeout_client_data", [-1, 2_073_600_001, *NO_NUMBER]),
    ("timeout_member_connect", [-1, 2_073_600_001, *NO_NUMBER]),
    ("timeout_member_data", [-1, 2_073_600_001, *NO_NUMBER]),
    ("timeout_tcp_inspect", [-1, 2_073_600_001, *NO_NUMBER]),
    (
        "insert_headers",
        [
            "x",
            [],
            {"X-Forwarded-For": True},
            {"X-Forwarded-For": "yes"},
            {"X-Forwarded-For": None},
            {"X-Cheese": "true"},
            {"a) -m found": "true"},
            {"X-Forwarded-For\n": "true"},
        ],
    ),
    (
        "allowed_cidrs",
        [
            "x",
            {},
            ["x"],
            [5],
            ["10.0.0.0/33"],
            ["10.0.0.0/8\n"],
            ["::/0 "],
            [None],
            ["2001:db8::/32"],
            ["10.0.0.0/8"] * 1001,
        ],
    ),
    ("tls_versions", ["x", ["a\nb"]]),
    ("tls_ciphers", [5, "a\nb"]),
    ("client_authentication", ["SOMETIMES", 5]),
    ("hsts_max_age", [-1, *NO_NUMBER]),
    ("l7policies", [[]]),
    ("default_pool", [{}]),
]
POOL: list[tuple[str, list[Any]]] = [
    *DESCRIBED,
    ("loadbalancer_id", NO_UUID),
    ("listener_id", NO_UUID),
    ("protocol", [None, "http", "CHEESE", 5, [], {}]),
    ("lb_algorithm", [None, "round_robin", "CHEESE", 5, [], {}]),
    (
        "session_persistence",
        [
            "x",
            [],
            {"type": "CHEESE"},
            {"type": 5},
            {"type": "HTTP_COOKIE", "cookie_name": "x"},
            {"type": "SOURCE_IP", "cookie_name": "x"},
            {"type": "APP_COOKIE"},
            {"type": "APP_COOKIE", "cookie_name": "a b"},
            {"type": "APP_COOKIE", "cookie_name": "a;b"},
            {"type": "APP_COOKIE", "cookie_name": "$HOME"},
            {"type": "APP_COOKIE", "cookie_name": "a\n"},
            {"type": "APP_COOKIE", "cookie_name": "a" * 256},
            {"type": "SOURCE_IP", "cheese": 1},
            {"cookie_name": "x"},
        ],
    ),
    ("tls_enabled", ["perhaps", 2]),
    ("members", [[]]),
    ("healthmonitor", [{}]),
]
MEMBER: list[tuple[str, list[Any]]] = [
    *NAMED,
    ("address", [None, *NO_ADDRESS, *LOOPBACK_IN_EVERY_SPELLING]),
    ("protocol_port", [None, 0, 65536, *NO_NUMBER]),
    ("weight", [-1, 257, *NO_NUMBER]),
    ("backup", NO_BOOLEAN),
    ("subnet_id", [*NO_UUID, "11111111-2222-4333-8444-555555555555"]),
    ("monitor_address", [*NO_ADDRESS, *LOOPBACK_IN_EVERY_SPELLING]),
    ("monitor_port", [0, 65536, *NO_NUMBER]),
    ("description", ["members have none"]),
]
HEALTH_MONITOR: list[tuple[str, list[Any]]] = [
    *NAMED,
    ("pool_id", [None, *NO_UUID]),
    ("type", [None, "http", "CHEESE", 5, []]),
    ("delay", [None, 0, -1, 86_401, *NO_NUMBER]),
    ("timeout", [None, 0, -1, 2**31, *NO_NUMBER]),
    ("max_retries", [None, 0, 11, *NO_NUMBER]),
    ("max_retries_down", [0, 11, *NO_NUMBER]),
    ("http_method", ["get", "CHEESE", "GET /", 5, *CONTROLS]),
    (
        "url_path",
        [
            "",
            "x",
            "//evil/",
            "/a b",
            "/a#b",
            "/%[env(PATH)]",
            "/%",
            '/"',
            "/'\\",
            "/a\r\nHost: x",
            "/" + "a" * 255,
            5,
            *CONTROLS,
        ],
    ),
    ("expected_codes", ["", "2xx", "200-", "99", "600", "999", "200,,201", "200-204,301", "204-200", 200, *CONTROLS]),
    ("http_version", [1.2, 2, "x", True, [], "1.1\n"]),
    ("domain_name", ["", "a b", "-a", "a\r\nb", "%[src]", "x" * 254, 5, *CONTROLS]),
]

UNKNOWN: list[tuple[str, list[Any]]] = [
    ("cheese", [1, None]),
    ("id", ["x"]),
    ("provisioning_status", ["ACTIVE"]),
    ("created_at", [None]),
    ("a\nb", [1]),
]


class Fixture:
    """A load balancer with all its parts, and good bodies to spoil."""

    def __init__(self, world: World) -> None:
        self.world = world
        subnet = world.shared_subnet()
        self.balancer = world.balancer(subnet, name="lb")
        self.listener = world.listener(self.balancer, name="listener")
        self.pool = world.pool(self.balancer, name="pool")
        self.bare = world.pool(self.balancer, name="bare")
        self.member = world.member(self.pool, name="member")
        self.monitor = world.monitor(self.pool, name="monitor")
        members = f"pools/{self.pool['id']}/members"
        listener = {"loadbalancer_id": self.balancer["id"], "protocol": "HTTP", "protocol_port": 8080}
        pool = {"loadbalancer_id": self.balancer["id"], "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"}
        monitor = {"pool_id": self.bare["id"], "type": "HTTP", "delay": 5, "timeout": 3, "max_retries": 2}
        monitor |= {"http_version": 1.1}
        self.good: dict[str, tuple[str, dict[str, Any], str]] = {
            "loadbalancer": ("loadbalancers", {"vip_subnet_id": subnet["id"]}, f"loadbalancers/{self.balancer['id']}"),
            "listener": ("listeners", listener, f"listeners/{self.listener['id']}"),
            "pool": ("pools", pool, f"pools/{self.pool['id']}"),
            "member": (members, {"address": "10.9.9.9", "protocol_port": 1}, f"{members}/{self.member['id']}"),
            "healthmonitor": ("healthmonitors", monitor, f"healthmonitors/{self.monitor['id']}"),
        }

    def everything(self) -> Any:
        kinds = ("loadbalancers", "listeners", "pools", f"pools/{self.pool['id']}/members", "healthmonitors")
        found = [self.world.get(f"{LBAAS}/{kind}") for kind in kinds]
        return found, self.world.get("/v2.0/ports"), len(self.world.hints.sent)


@pytest.fixture
def fixture(world: World) -> Fixture:
    return Fixture(world)


def spoiled(wrapper: str) -> list[tuple[str, list[Any]]]:
    table = {
        "loadbalancer": LOAD_BALANCER,
        "listener": LISTENER,
        "pool": POOL,
        "member": MEMBER,
        "healthmonitor": HEALTH_MONITOR,
    }
    return [*table[wrapper], *UNKNOWN]


@pytest.mark.parametrize("wrapper", ["loadbalancer", "listener", "pool", "member", "healthmonitor"])
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_bad_value_is_refused_by_name_and_changes_nothing(fixture: Fixture, method: str, wrapper: str) -> None:
    collection, good, one = fixture.good[wrapper]
    path = f"{LBAAS}/{collection if method == 'POST' else one}"
    before = fixture.everything()
    for name, values in spoiled(wrapper):
        for value in values:
            body = {wrapper: {**(good if method == "POST" else {}), name: value}}
            result = fixture.world.call(method, path, user="blue:member", raw=body)
            assert 400 <= result.status_code < 500, f"{name}={value!r}: {result.status} {result.text}"
            text = result.json["faultstring"]
            assert name.replace("\n", "\\n") in text, f"{name}={value!r}: {text}"
            assert text.isprintable()
            assert result.json["faultcode"] == "Client"
    assert fixture.everything() == before


@pytest.mark.parametrize("wrapper", ["loadbalancer", "listener", "pool", "member", "healthmonitor"])
def test_the_good_bodies_are_good(fixture: Fixture, wrapper: str) -> None:
    """Or else every test above could pass for the wrong reason."""
    collection, good, one = fixture.good[wrapper]
    fixture.world.call("POST", f"{LBAAS}/{collection}", {wrapper: good}, user="blue:member", expect=201)
    fixture.world.call("PUT", f"{LBAAS}/{one}", {wrapper: {"name": "x"}}, user="blue:member", expect=200)


@pytest.mark.parametrize(
    ("wrapper", "body"),
    [
        ("listener", {"protocol": "UDP"}),
        ("listener", {"protocol": "SCTP"}),
        ("listener", {"protocol": "TERMINATED_HTTPS"}),
        ("listener", {"protocol": "PROMETHEUS"}),
        ("listener", {"default_tls_container_ref": "http://secrets/1"}),
        ("listener", {"sni_container_refs": ["http://secrets/1"]}),
        ("listener", {"client_ca_tls_container_ref": "http://secrets/1"}),
        ("listener", {"client_crl_container_ref": "http://secrets/1"}),
        ("listener", {"client_authentication": "MANDATORY"}),
        ("listener", {"tls_ciphers": "AES"}),
        ("listener", {"tls_versions": ["TLSv1.2"]}),
        ("listener", {"alpn_protocols": ["h2"]}),
        ("listener", {"hsts_max_age": 1}),
        ("listener", {"hsts_include_subdomains": True}),
        ("listener", {"hsts_preload": "true"}),
        ("listener", {"insert_headers": {"X-SSL-Client-CN": "true"}}),
        ("listener", {"insert_headers": {"X-Real-IP": "true"}}),
        ("pool", {"protocol": "UDP"}),
        ("pool", {"protocol": "SCTP"}),
        ("pool", {"lb_algorithm": "SOURCE_IP_PORT"}),
        ("pool", {"tls_enabled": True}),
        ("pool", {"tls_container_ref": "http://secrets/1"}),
        ("pool", {"ca_tls_container_ref": "http://secrets/1"}),
        ("pool", {"crl_container_ref": "http://secrets/1"}),
        ("pool", {"tls_ciphers": "AES"}),
        ("pool", {"tls_versions": ["TLSv1.2"]}),
        ("pool", {"alpn_protocols": ["h2"]}),
        ("pool", {"session_persistence": {"type": "SOURCE_IP", "persistence_timeout": 5}}),
        ("pool", {"session_persistence": {"type": "SOURCE_IP", "persistence_granularity": "255.255.255.0"}}),
        ("member", {"request_sriov": True}),
        ("healthmonitor", {"type": "UDP-CONNECT"}),
        ("healthmonitor", {"type": "SCTP"}),
    ],
)
def test_what_cannot_be_done_is_said_and_not_ignored(fixture: Fixture, wrapper: str, body: dict[str, Any]) -> None:
    collection, good, _ = fixture.good[wrapper]
    before = fixture.everything()
    error = fixture.world.call(
        "POST", f"{LBAAS}/{collection}", {wrapper: {**good, **body}}, user="blue:member", expect=501
    )
    assert error["faultcode"] == "Server"
    assert error["faultstring"].startswith("Provider 'evenload' does not support a requested option: ")
    (name,) = body
    inner = body[name]
    assert name in error["faultstring"] or any(key in error["faultstring"] for key in inner)
    assert fixture.everything() == before


def test_the_defaults_of_what_cannot_be_done_are_welcome(fixture: Fixture) -> None:
    """Terraform and others send every attribute they know, with its default."""
    for wrapper in ("loadbalancer", "listener", "pool", "member", "healthmonitor"):
        collection, good, _ = fixture.good[wrapper]
        shown = next(iter(fixture.world.get(f"{LBAAS}/{fixture.good[wrapper][2]}").values()))
        absent = {
            name: value
            for name, value in shown.items()
            if name.startswith(("tls_", "hsts_", "sni_", "client_", "crl_", "ca_", "alpn_", "default_tls_"))
            or name in ("flavor_id", "availability_zone", "vip_qos_policy_id", "vip_sg_ids", "additional_vips")
        }
        made = fixture.world.post(f"{LBAAS}/{collection}", {wrapper: {**good, **absent}}, user="blue:member")
        assert {name: made[name] for name in absent} == absent
        fixture.world.call("DELETE", f"{LBAAS}/{collection}/{made['id']}", user="blue:member", expect=204)
        fixture.world.settle()
        made = fixture.world.post(
            f"{LBAAS}/{collection}", {wrapper: {**good, **dict.fromkeys(absent)}}, user="blue:member"
        )
        assert {name: made[name] for name in absent} == absent


# -------------------------------------------------------------------------------------------------- state of the world


def test_conflicts_with_what_is_there(fixture: Fixture) -> None:
    world = fixture.world
    before = fixture.everything()
    taken = fixture.balancer["vip_address"]
    for wrapper, body, named in (
        ("listener", {"protocol": "TCP", "protocol_port": 80}, "protocol_port 80"),
        ("member", {"address": "10.9.0.1", "protocol_port": 8080}, "address"),
        ("healthmonitor", {"pool_id": fixture.pool["id"]}, "health monitor"),
        ("loadbalancer", {"vip_address": taken}, "vip_address"),
        ("loadbalancer", {"tags": ["a", "a"]}, "tag"),
    ):
        collection, good, _ = fixture.good[wrapper]
        error = world.call("POST", f"{LBAAS}/{collection}", {wrapper: {**good, **body}}, user="blue:member", expect=409)
        assert named in error["faultstring"]
    assert fixture.everything() == before


def test_parents_that_are_not_there(fixture: Fixture) -> None:
    world = fixture.world
    nobody = "11111111-2222-4333-8444-555555555555"
    for wrapper, name, kind in (
        ("listener", "loadbalancer_id", "Load Balancer"),
        ("listener", "default_pool_id", "Pool"),
        ("pool", "loadbalancer_id", "Load Balancer"),
        ("pool", "listener_id", "Listener"),
        ("healthmonitor", "pool_id", "Pool"),
    ):
        collection, good, _ = fixture.good[wrapper]
        body = {wrapper: {**good, name: nobody}}
        error = world.call("POST", f"{LBAAS}/{collection}", body, user="blue:member", expect=404)
        assert f"{kind} {nobody} not found." in error["faultstring"]
    error = world.call("POST", f"{LBAAS}/pools/{nobody}/members", {"member": {}}, user="blue:member", expect=404)
    assert error["faultstring"] == f"Pool {nobody} not found."


def test_a_child_of_another_project_than_its_parent(fixture: Fixture) -> None:
    for wrapper in ("listener", "pool", "member", "healthmonitor"):
        collection, good, _ = fixture.good[wrapper]
        for name in ("project_id", "tenant_id"):
            body = {wrapper: {**good, name: "red"}}
            error = fixture.world.call("POST", f"{LBAAS}/{collection}", body, expect=400)
            assert "project_id" in error["faultstring"]
        body = {wrapper: {**good, "project_id": "blue", "tenant_id": "blue"}}
        made = fixture.world.post(f"{LBAAS}/{collection}", body, user="blue:member")
        assert made["project_id"] == "blue"
    both = {"loadbalancer": {**fixture.good["loadbalancer"][1], "project_id": "blue", "tenant_id": "red"}}
    fixture.world.call("POST", f"{LBAAS}/loadbalancers", both, expect=400)


# --------------------------------------------------------------------------------------------------------------- bodies

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize("wrapper", ["loadbalancer", "listener", "pool", "member", "healthmonitor"])
def test_bodies_that_are_no_object_of_the_right_kind(fixture: Fixture, wrapper: str, method: str) -> None:
    collection, good, one = fixture.good[wrapper]
    path = f"{LBAAS}/{collection if method == 'POST' else one}"
    before = fixture.everything()
    inner = json.dumps(good)
    for text in (
        "",
        "{",
        "null",
        "[]",
        '"text"',
        "5",
        "{}",
        f'{{"{wrapper}": null}}',
        f'{{"{wrapper}": []}}',
        f'{{"{wrapper}": "x"}}',
        f'{{"{wrapper}": {{}}, "more": 1}}',
        f'{{"wrong": {inner}}}',
        f'{{"{wrapper}": {{"name": "a", "name": "b"}}}}',
        f'{{"{wrapper}": {{}}, "{wrapper}": {{}}}}',
        f'{{"{wrapper}": {{"name": NaN}}}}',
        f'{{"{wrapper}": {{"admin_state_up": 1e400}}}}',
        f'{{"{wrapper}": {{"name": {"9" * 5000}}}}}',
        f'{{"{wrapper}": {{"name": {"[" * 30}{"]" * 30}}}}}',
        "[" * 100_000,
        '{"a":' * 100_000,
        f'{{"{wrapper}": {{"name": "\\ud800"}}}}',
        f"{{'{wrapper}': {{}}}}",
        "\ufeff{}",
    ):
        result = fixture.world.call(method, path, user="blue:member", content=text.encode(), headers=JSON)
        assert result.status_code == 400, text[:60]
        assert result.json["faultstring"]
    result = fixture.world.call(method, path, user="blue:member", content=b'{"x": "\xff"}', headers=JSON)
    assert result.status_code == 400
    assert fixture.everything() == before


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("text/plain", 415),
        ("application/xml", 415),
        ("application/jsonp", 415),
        ("multipart/form-data; boundary=x", 415),
        ("application/x-www-form-urlencoded", 400),
        ("", 400),
        ("application/json", 201),
        ("Application/JSON; charset=UTF-8", 201),
    ],
)
def test_content_types(fixture: Fixture, content_type: str, status: int) -> None:
    collection, good, _ = fixture.good["loadbalancer"]
    body = json.dumps({"loadbalancer": good}).encode()
    headers = {"Content-Type": content_type} if content_type else {}
    result = fixture.world.call("POST", f"{LBAAS}/{collection}", user="blue:member", content=body, headers=headers)
    assert result.status_code == status
    assert set(result.json) == ({"loadbalancer"} if status == 201 else {"faultcode", "faultstring", "debuginfo"})


def test_a_body_that_is_too_long(world: World) -> None:
    body = b'{"loadbalancer": {"name": "' + b"a" * (3 * 1024 * 1024) + b'"}}'
    result = world.call("POST", f"{LBAAS}/loadbalancers", content=body, headers=JSON)
    assert result.status_code == 413


def test_a_body_in_chunks_is_taken_off_the_connection_even_when_it_is_refused(fixture: Fixture) -> None:
    """Or else its rest would be taken for the next request."""
    _, good, _ = fixture.good["loadbalancer"]
    body = json.dumps({"loadbalancer": good}).encode()
    for path, kind, longest, status in (
        ("/loadbalancers", "application/json", len(body), "201 Created"),
        ("/loadbalancers", "text/plain", len(body), "415 Unsupported Media Type"),
        ("/nowhere", "application/json", len(body), "404 Not Found"),
        ("/loadbalancers", "application/json", 3 * 1024 * 1024, "413 Content Too Large"),
    ):
        content = body.ljust(longest)
        stream = io.BytesIO(content)
        environ = falcon.testing.create_environ(
            f"{LBAAS}{path}", method="POST", headers={"Content-Type": kind, "X-Test-User": "blue:member"}
        )
        environ.pop("CONTENT_LENGTH", None)
        environ |= {"wsgi.input": stream, "wsgi.input_terminated": True}
        seen: list[str] = []
        b"".join(fixture.world.client.app(environ, lambda line, headers, seen=seen: seen.append(line)))
        assert seen == [status]
        assert stream.read() == b"" or status.startswith("413")


def test_batches_that_are_none(fixture: Fixture) -> None:
    path = f"{LBAAS}/pools/{fixture.pool['id']}/members"
    good = {"address": "10.9.9.9", "protocol_port": 80}
    before = fixture.everything()
    for body, named in (
        ({}, "members"),
        ([], "members"),
        ({"members": None}, "members"),
        ({"members": {}}, "members"),
        ({"members": [None]}, "members[0]"),
        ({"members": ["x"]}, "members[0]"),
        ({"members": [good], "more": 1}, "more"),
        ({"members": [good, {**good, "weight": 257}]}, "members[1].weight"),
        ({"members": [good, {**good, "cheese": 1}]}, "members[1].cheese"),
        ({"members": [good, {"address": "127.0.0.1", "protocol_port": 80}]}, "address"),
        ({"members": [{**good, "project_id": "red"}]}, "project_id"),
        ({"members": [good] * 5001}, "members"),
    ):
        result = fixture.world.call("PUT", path, user="blue:member", raw=body)
        assert result.status_code == 400, body
        assert named in result.json["faultstring"]
    assert fixture.everything() == before


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(
    wrapper=st.sampled_from(["loadbalancer", "listener", "pool", "member", "healthmonitor"]),
    data=st.data(),
    text=st.text(st.characters(), max_size=20),
)
def test_no_text_is_a_fault_of_ours(fixture: Fixture, wrapper: str, data: st.DataObject, text: str) -> None:
    collection, good, _ = fixture.good[wrapper]
    name = data.draw(st.sampled_from([name for name, _ in spoiled(wrapper)]))
    result = fixture.world.call(
        "POST", f"{LBAAS}/{collection}", user="blue:member", raw={wrapper: {**good, name: text}}
    )
    assert result.status_code < 500 or result.status_code == 501, f"{name}={text!r}: {result.text}"
    result.text.encode("ascii")


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
        max_leaves=10,
    ),
    wrapper=st.sampled_from(["loadbalancer", "listener", "pool", "member", "healthmonitor", "members", None]),
)
def test_no_body_is_a_fault_of_ours(fixture: Fixture, body: Any, wrapper: str | None) -> None:
    path = fixture.good[wrapper][0] if wrapper in fixture.good else fixture.good["member"][0]
    method = "PUT" if wrapper == "members" else "POST"
    raw = body if wrapper is None else {wrapper: body}
    assert fixture.world.call(method, f"{LBAAS}/{path}", user="blue:member", raw=raw).status_code < 500
