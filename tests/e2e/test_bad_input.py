"""Bad input over real HTTP: a clear 4xx that names the field, and nothing has changed."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from tests.e2e.refusals import Case, meanings, numbers, strings
from tests.e2e.world import Balanced, Reply, World

_LOCAL = (
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",
    "224.0.0.1",
    "239.255.255.255",
    "255.255.255.255",
    "169.254.1.1",
    "169.254.169.254",
    "::",
    "::1",
    "fe80::1",
    "fe80::1%eth0",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "::ffff:169.254.169.254",
    "::ffff:a9fe:a9fe",
    "0:0:0:0:0:ffff:a9fe:a9fe",
    "::169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "0177.0.0.1",
    "2130706433",
    "0x7f.1",
    "127.1",
    "2852039166",
    "localhost",
    "",
)
_KNOWN_ELSEWHERE = ("UDP", "SCTP")
"""What the API knows and this provider cannot do: 501, in Octavia's words."""

CASES = [*strings(), *numbers(), *meanings()]


@pytest.fixture(scope="module")
def target(session_world: World) -> Iterator[Balanced]:
    yield session_world.balancer("web1", "web2", monitor=True, name="target")
    session_world.clear()


@pytest.fixture(scope="module")
def places(session_world: World, target: Balanced) -> dict[str, str]:
    """What stands for the names in braces."""
    [monitor] = session_world.lbaas("GET", "healthmonitors").body["healthmonitors"]
    return {
        "{lb}": target.id,
        "{listener}": target.listener_id,
        "{pool}": target.pool_id,
        "{member}": target.members["web1"],
        "{monitor}": monitor["id"],
        "{subnet}": session_world.subnet_id,
        "{vip}": target.vip,
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{case[1]}-{ascii(case[2])[:70]}")
def test_bad_input_is_refused_by_name_and_changes_nothing(
    session_world: World, target: Balanced, places: dict[str, str], case: Case
) -> None:
    method, path, body, word = case
    before, config = _state(session_world), session_world.config_of(target.id)
    reply = session_world.lbaas(method, _filled(path, places), _filled_body(body, places) or None)
    _assert_refused(reply, _filled(word, places))
    assert _state(session_world) == before
    assert session_world.config_of(target.id) == config


@pytest.mark.parametrize("field", ["address", "monitor_address"])
@pytest.mark.parametrize("address", _LOCAL)
def test_a_member_never_lies_at_the_host_or_its_neighbourhood(
    session_world: World, target: Balanced, field: str, address: str
) -> None:
    before, config = _state(session_world), session_world.config_of(target.id)
    member = {"address": "10.88.0.77", "protocol_port": 8080, field: address}
    _assert_refused(session_world.lbaas("POST", f"pools/{target.pool_id}/members", {"member": member}), field)
    batch = {"members": [{"address": "10.88.0.78", "protocol_port": 8080}, member]}
    path = f"pools/{target.pool_id}/members?additive_only=true"
    _assert_refused(session_world.lbaas("PUT", path, batch), field)
    assert _state(session_world) == before
    assert session_world.config_of(target.id) == config


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("sort_key=colour", "colour"),
        ("sort_key=name&sort_dir=sideways", "sideways"),
        ("sort=name:up", "up"),
        ("marker=11111111-2222-4333-8444-555555555555", "marker"),
        ("marker=%0Anonsense", "marker"),
        ("limit=many", "limit"),
        ("colour=red", "colour"),
        ("sort=tags", "tags"),
    ],
)
@pytest.mark.parametrize("collection", ["loadbalancers", "listeners", "pools", "healthmonitors"])
def test_nonsense_in_a_list_request_is_refused(
    session_world: World, target: Balanced, collection: str, query: str, word: str
) -> None:
    del target
    reply = session_world.lbaas("GET", f"{collection}?{query}")
    assert reply.status == 400, reply
    assert word in reply.fault, reply


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"", "application/json", 400),
        (b"[]", "application/json", 400),
        (b'"text"', "application/json", 400),
        (b"null", "application/json", 400),
        (b"{}", "application/json", 400),
        (b'{"loadbalancer": null}', "application/json", 400),
        (b'{"loadbalancer": []}', "application/json", 400),
        (b'{"loadbalancer": {}, "listener": {}}', "application/json", 400),
        (b'{"pool": {}}', "application/json", 400),
        (b'\xff\xfe{"a": 1}', "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b'{"loadbalancer": {"name": "\\ud800"}}', "application/json", 400),
        (b"<xml/>", "application/xml", 415),
        (b"text", "text/plain", 415),
        (b"a=b", "application/x-www-form-urlencoded", 400),
    ],
)
def test_a_body_that_is_none_is_refused(
    session_world: World, target: Balanced, body: bytes, content_type: str, status: int
) -> None:
    del target
    before = _state(session_world)
    headers = {"Content-Type": content_type}
    reply = session_world.ask("POST", "/v2/lbaas/loadbalancers", body, headers=headers)
    assert reply.status == status, reply
    assert reply.fault, reply
    assert _state(session_world) == before


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v2.0/lbaas/loadbalancers/nobody", 404),
        ("GET", "/v2.0/lbaas/loadbalancers/..%2f..%2fetc", 404),
        ("GET", "/v2.0/lbaas/pools/nobody/members", 404),
        ("GET", "/v2.0/nothing", 404),
        ("GET", "/nothing", 404),
        ("PATCH", "/v2.0/lbaas/loadbalancers", 405),
        ("DELETE", "/", 405),
    ],
)
def test_what_is_not_there_is_said_so(session_world: World, method: str, path: str, status: int) -> None:
    reply = session_world.ask(method, path)
    assert reply.status == status, reply
    assert reply.fault, reply


def _assert_refused(reply: Reply, word: str) -> None:
    assert 400 <= reply.status < 500 or (reply.status == 501 and word in _KNOWN_ELSEWHERE), reply
    assert reply.fault, reply
    named = re.search(rf"(?<!\w){re.escape(word)}(?!\w)", reply.fault, re.IGNORECASE)
    assert named, f"'{word}' is not named: {reply.fault}"


def _state(world: World) -> Any:
    """All objects without what the data plane moves by itself; no provisioning status may have moved either."""
    return _still(world.objects())


def _still(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _still(item) for key, item in value.items() if not key.startswith("operating_status")}
    return [_still(item) for item in value] if isinstance(value, list) else value


def _filled(text: str, places: dict[str, str]) -> str:
    for name, value in places.items():
        text = text.replace(name, value)
    return text


def _filled_body(value: Any, places: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled_body(item, places) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled_body(item, places) for item in value]
    return _filled(value, places) if isinstance(value, str) else value
