"""Bad input to LBaaS v1: each gets a 400 that names the attribute, changes nothing, and reaches no agent."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.api.conftest import LB, World
from tests.unit.api.v1_bad_values import FIXED, spoiled
from tests.unit.api.v1_site import Site

MEMBER = "blue:member"
WORDS = ["vip", "pool", "member", "health_monitor"]
_TYPES = ("InvalidInput", "InvalidIpForSubnet", "ServiceProviderNotFound", "DelayOrTimeoutInvalid")


@pytest.fixture
def site(world: World) -> Site:
    return Site(world)


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_bad_value_is_refused_by_name_and_changes_nothing(site: Site, method: str, word: str) -> None:
    before = site.everything()
    for name, values in spoiled(word):
        for value in values:
            path, body = site.body(word) if method == "POST" else (site.paths()[word], {word: {}})
            body[word][name] = value
            result = site.world.call(method, path, user=MEMBER, raw=body)
            assert result.status_code == 400, f"{name}={value!r}: {result.status} {result.text}"
            error = result.json["NeutronError"]
            assert name.replace("\n", "\\n") in error["message"], f"{name}={value!r}: {error}"
            assert error["message"].isprintable()
            assert error["type"] in _TYPES
    assert site.everything() == before


@pytest.mark.parametrize("word", WORDS)
def test_the_good_bodies_are_good(site: Site, word: str) -> None:
    """Or else every test above could pass for the wrong reason."""
    path, body = site.body(word)
    made = site.world.call("POST", path, body, user=MEMBER, expect=201)[word]
    shown = site.world.get(f"{path}/{made['id']}", user=MEMBER)[word]
    assert {name: shown[name] for name in body[word]} == body[word]


@pytest.mark.parametrize("word", WORDS)
def test_what_a_creation_needs_and_what_is_for_good(site: Site, word: str) -> None:
    path, body = site.body(word)
    before = site.everything()
    for name in body[word]:
        less = {word: {key: value for key, value in body[word].items() if key != name}}
        kind, message = site.world.v1_error("POST", path, less, user=MEMBER, expect=400)
        assert (kind, f"attribute {name}. " in message) == ("InvalidInput", True)
    for name in FIXED[word] | {"tenant_id", "project_id"}:
        value = {**body[word], "tenant_id": "blue", "project_id": "blue"}.get(name, "haproxy")
        kind, message = site.world.v1_error("PUT", site.paths()[word], {word: {name: value}}, user=MEMBER, expect=400)
        assert (kind, message) == ("InvalidInput", f"Cannot update read-only attribute {name}")
    assert site.everything() == before


@pytest.mark.parametrize("word", WORDS)
def test_bodies_that_are_no_object_of_the_right_kind(site: Site, word: str) -> None:
    where, body = site.body(word)
    before = site.everything()
    for method, path in (("POST", where), ("PUT", site.paths()[word])):
        wrongs: list[Any] = [None, [], "text", 5, {}, {word: None}, {word: []}, {f"{word}s": [body[word]]}]
        for wrong in [*wrongs, {**body, "x": 1}]:
            result = site.world.call(method, path, user=MEMBER, raw=wrong)
            assert result.status_code == 400, wrong
            assert result.json["NeutronError"]["type"] == "InvalidInput"
        for content in (b"", b"{", b'{"x": "\xff"}'):
            headers = {"Content-Type": "application/json"}
            result = site.world.call(method, path, user=MEMBER, content=content, headers=headers)
            assert (result.status_code, result.json["NeutronError"]["type"]) == (400, "HTTPBadRequest")
    assert site.everything() == before


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", "cheeses", 404, "HTTPNotFound"),
        ("GET", "pools/x/cheese", 404, "HTTPNotFound"),
        ("PUT", "pools", 405, "HTTPMethodNotAllowed"),
        ("POST", "pools/x", 405, "HTTPMethodNotAllowed"),
        ("POST", "pools/x/stats", 405, "HTTPMethodNotAllowed"),
        ("DELETE", "vips", 405, "HTTPMethodNotAllowed"),
        ("GET", "pools/a%00b", 404, "HTTPNotFound"),
    ],
)
def test_what_is_not_there(world: World, method: str, path: str, status: int, kind: str) -> None:
    assert world.v1_error(method, f"{LB}/{path}", expect=status)[0] == kind


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(
    word=st.sampled_from(WORDS),
    data=st.data(),
    value=st.text(st.characters(), max_size=20) | st.integers() | st.none() | st.lists(st.text(), max_size=2),
)
def test_no_value_is_a_fault_of_ours(site: Site, word: str, data: st.DataObject, value: Any) -> None:
    name = data.draw(st.sampled_from([name for name, _ in spoiled(word)]))
    path, body = site.body(word, **{name: value})
    for method, where in (("POST", path), ("PUT", site.paths()[word])):
        result = site.world.call(method, where, user=MEMBER, raw={word: {name: value}} if method == "PUT" else body)
        assert result.status_code < 500, f"{name}={value!r}: {result.text}"
        result.text.encode("ascii")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100, deadline=None)
@given(
    word=st.sampled_from(WORDS),
    name=st.text(max_size=10) | st.sampled_from(["name", "limit", "marker", "sort_key", "sort_dir", "fields", "id"]),
    value=st.text(max_size=10),
)
def test_no_query_is_a_fault_of_ours(site: Site, word: str, name: str, value: str) -> None:
    result = site.world.call("GET", f"{LB}/{word}s", user=MEMBER, params={name: value})
    assert result.status_code in (200, 400), result.text
