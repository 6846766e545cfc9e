"""Bad input: each gets a clear 4xx that names the attribute, changes nothing, and reaches no agent.

A value that the API knows and this version cannot do gets 501, in Octavia's words, and names the attribute as well.
"""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.api.bad_values import spoiled
from tests.unit.api.conftest import LBAAS, Furnished, World


@pytest.mark.parametrize("wrapper", ["loadbalancer", "listener", "pool", "member", "healthmonitor"])
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_bad_value_is_refused_by_name_and_changes_nothing(furnished: Furnished, method: str, wrapper: str) -> None:
    collection, good, one = furnished.good[wrapper]
    path = f"{LBAAS}/{collection if method == 'POST' else one}"
    before = furnished.everything()
    for name, values in spoiled(wrapper):
        for value in values:
            body = {wrapper: {**(good if method == "POST" else {}), name: value}}
            result = furnished.world.call(method, path, user="blue:member", raw=body)
            assert 400 <= result.status_code < 500, f"{name}={value!r}: {result.status} {result.text}"
            text = result.json["faultstring"]
            # In whichever case: Octavia's own words begin sentences with some of them.
            assert name.replace("\n", "\\n").lower() in text.lower(), f"{name}={value!r}: {text}"
            assert text.isprintable()
            assert result.json["faultcode"] == "Client"
    assert furnished.everything() == before


@pytest.mark.parametrize("wrapper", ["loadbalancer", "listener", "pool", "member", "healthmonitor"])
def test_the_good_bodies_are_good(furnished: Furnished, wrapper: str) -> None:
    """Or else every test above could pass for the wrong reason."""
    collection, good, one = furnished.good[wrapper]
    furnished.world.call("POST", f"{LBAAS}/{collection}", {wrapper: good}, user="blue:member", expect=201)
    furnished.world.call("PUT", f"{LBAAS}/{one}", {wrapper: {"name": "x"}}, user="blue:member", expect=200)


@pytest.mark.parametrize(
    ("wrapper", "body"),
    [
        ("listener", {"protocol": "UDP"}),
        ("listener", {"protocol": "SCTP"}),
        ("listener", {"tls_versions": ["SSLv3"]}),
        ("pool", {"protocol": "UDP"}),
        ("pool", {"protocol": "SCTP"}),
        ("pool", {"lb_algorithm": "SOURCE_IP_PORT"}),
        ("pool", {"tls_versions": ["SSLv3"]}),
    ],
)
def test_what_cannot_be_done_is_said_and_not_ignored(furnished: Furnished, wrapper: str, body: dict[str, Any]) -> None:
    collection, good, _ = furnished.good[wrapper]
    before = furnished.everything()
    error = furnished.world.call(
        "POST", f"{LBAAS}/{collection}", {wrapper: {**good, **body}}, user="blue:member", expect=501
    )
    assert error["faultcode"] == "Server"
    assert error["faultstring"].startswith("Provider 'evenload' does not support a requested option: ")
    (name,) = body
    assert name in error["faultstring"]
    assert furnished.everything() == before


def test_the_defaults_of_what_cannot_be_done_are_welcome(furnished: Furnished) -> None:
    """Terraform and others send every attribute they know, with its default."""
    for wrapper in ("loadbalancer", "listener", "pool", "member", "healthmonitor"):
        collection, good, _ = furnished.good[wrapper]
        shown = next(iter(furnished.world.get(f"{LBAAS}/{furnished.good[wrapper][2]}").values()))
        absent = {
            name: value
            for name, value in shown.items()
            if (
                name != "tls_certificates"  # only ever shown
                and name.startswith(("tls_", "hsts_", "sni_", "client_", "crl_", "ca_", "alpn_", "default_tls_"))
            )
            or name in ("flavor_id", "availability_zone", "vip_qos_policy_id", "vip_sg_ids", "additional_vips")
        }
        made = furnished.world.post(f"{LBAAS}/{collection}", {wrapper: {**good, **absent}}, user="blue:member")
        assert {name: made[name] for name in absent} == absent
        furnished.world.call("DELETE", f"{LBAAS}/{collection}/{made['id']}", user="blue:member", expect=204)
        furnished.world.settle()
        nothing = dict.fromkeys(absent.keys() - {"tls_enabled"})  # which null is no value of, with Octavia neither
        made = furnished.world.post(f"{LBAAS}/{collection}", {wrapper: {**good, **nothing}}, user="blue:member")
        assert {name: made[name] for name in absent} == absent


# -------------------------------------------------------------------------------------------------- state of the world


def test_conflicts_with_what_is_there(furnished: Furnished) -> None:
    world = furnished.world
    before = furnished.everything()
    taken = furnished.balancer["vip_address"]
    for wrapper, body, named in (
        ("listener", {"protocol": "TCP", "protocol_port": 80}, "protocol_port 80"),
        ("member", {"address": "10.9.0.1", "protocol_port": 8080}, "address"),
        ("healthmonitor", {"pool_id": furnished.pool["id"]}, "health monitor"),
        ("loadbalancer", {"vip_address": taken}, "vip_address"),
        ("loadbalancer", {"tags": ["a", "a"]}, "tag"),
    ):
        collection, good, _ = furnished.good[wrapper]
        error = world.call("POST", f"{LBAAS}/{collection}", {wrapper: {**good, **body}}, user="blue:member", expect=409)
        assert named in error["faultstring"]
    assert furnished.everything() == before


def test_parents_that_are_not_there(furnished: Furnished) -> None:
    world = furnished.world
    nobody = "11111111-2222-4333-8444-555555555555"
    for wrapper, name, kind in (
        ("listener", "loadbalancer_id", "Load Balancer"),
        ("listener", "default_pool_id", "Pool"),
        ("pool", "loadbalancer_id", "Load Balancer"),
        ("pool", "listener_id", "Listener"),
        ("healthmonitor", "pool_id", "Pool"),
    ):
        collection, good, _ = furnished.good[wrapper]
        body = {wrapper: {**good, name: nobody}}
        error = world.call("POST", f"{LBAAS}/{collection}", body, user="blue:member", expect=404)
        assert f"{kind} {nobody} not found." in error["faultstring"]
    error = world.call("POST", f"{LBAAS}/pools/{nobody}/members", {"member": {}}, user="blue:member", expect=404)
    assert error == {"code": 404, "title": f"Pool {nobody} not found.", "description": None}


def test_a_child_of_another_project_than_its_parent(furnished: Furnished) -> None:
    for wrapper in ("listener", "pool", "member", "healthmonitor"):
        collection, good, _ = furnished.good[wrapper]
        for name in ("project_id", "tenant_id"):
            body = {wrapper: {**good, name: "red"}}
            error = furnished.world.call("POST", f"{LBAAS}/{collection}", body, expect=400)
            assert "project_id" in error["faultstring"]
        body = {wrapper: {**good, "project_id": "blue", "tenant_id": "blue"}}
        made = furnished.world.post(f"{LBAAS}/{collection}", body, user="blue:member")
        assert made["project_id"] == "blue"
    both = {"loadbalancer": {**furnished.good["loadbalancer"][1], "project_id": "blue", "tenant_id": "red"}}
    furnished.world.call("POST", f"{LBAAS}/loadbalancers", both, expect=400)


# --------------------------------------------------------------------------------------------------------------- bodies

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize("wrapper", ["loadbalancer", "listener", "pool", "member", "healthmonitor"])
def test_bodies_that_are_no_object_of_the_right_kind(furnished: Furnished, wrapper: str, method: str) -> None:
    collection, good, one = furnished.good[wrapper]
    path = f"{LBAAS}/{collection if method == 'POST' else one}"
    before = furnished.everything()
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
        result = furnished.world.call(method, path, user="blue:member", content=text.encode(), headers=JSON)
        assert result.status_code == 400, text[:60]
        assert result.json["faultstring"]
    result = furnished.world.call(method, path, user="blue:member", content=b'{"x": "\xff"}', headers=JSON)
    assert result.status_code == 400
    assert furnished.everything() == before


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
def test_content_types(furnished: Furnished, content_type: str, status: int) -> None:
    collection, good, _ = furnished.good["loadbalancer"]
    body = json.dumps({"loadbalancer": good}).encode()
    headers = {"Content-Type": content_type} if content_type else {}
    result = furnished.world.call("POST", f"{LBAAS}/{collection}", user="blue:member", content=body, headers=headers)
    assert result.status_code == status
    assert set(result.json) == ({"loadbalancer"} if status == 201 else {"faultcode", "faultstring", "debuginfo"})


def test_a_body_that_is_too_long(world: World) -> None:
    body = b'{"loadbalancer": {"name": "' + b"a" * (3 * 1024 * 1024) + b'"}}'
    result = world.call("POST", f"{LBAAS}/loadbalancers", content=body, headers=JSON)
    assert result.status_code == 413


def test_batches_that_are_none(furnished: Furnished) -> None:
    path = f"{LBAAS}/pools/{furnished.pool['id']}/members"
    good = {"address": "10.9.9.9", "protocol_port": 80}
    before = furnished.everything()
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
        result = furnished.world.call("PUT", path, user="blue:member", raw=body)
        assert result.status_code == 400, body
        assert named in result.json["faultstring"]
    assert furnished.everything() == before


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(
    wrapper=st.sampled_from(["loadbalancer", "listener", "pool", "member", "healthmonitor"]),
    data=st.data(),
    text=st.text(st.characters(), max_size=20),
)
def test_no_text_is_a_fault_of_ours(furnished: Furnished, wrapper: str, data: st.DataObject, text: str) -> None:
    collection, good, _ = furnished.good[wrapper]
    name = data.draw(st.sampled_from([name for name, _ in spoiled(wrapper)]))
    result = furnished.world.call(
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
def test_no_body_is_a_fault_of_ours(furnished: Furnished, body: Any, wrapper: str | None) -> None:
    path = furnished.good[wrapper][0] if wrapper in furnished.good else furnished.good["member"][0]
    method = "PUT" if wrapper == "members" else "POST"
    raw = body if wrapper is None else {wrapper: body}
    assert furnished.world.call(method, f"{LBAAS}/{path}", user="blue:member", raw=raw).status_code < 500
