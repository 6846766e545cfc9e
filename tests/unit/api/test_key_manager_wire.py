"""Secrets, containers and access lists over HTTP, in Barbican's words."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.api.conftest import NOWHERE, World, make_world
from tests.unit.secrets.authority import site

from evenload.model.errors import OverQuota, StoreUnavailable
from evenload.model.secret_limits import SecretLimits
from evenload.secrets.keyring import KeyRing, new_key
from evenload.secrets.vault import Vault

MEMBER, READER, RED = "blue:member", "blue:reader", "red:member"
TEXT = {"name": "note", "payload": "hello", "payload_content_type": "text/plain"}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path)


def id_of(reference: str) -> str:
    return reference.rpartition("/")[2]


def store(world: World, user: str = MEMBER, **given: Any) -> str:
    """The id of a secret with a text, unless something else is said."""
    answer = world.call("POST", "/v1/secrets", given or TEXT, user=user, expect=201)
    return id_of(answer["secret_ref"])


def contain(world: World, user: str = MEMBER, **given: Any) -> str:
    return id_of(world.call("POST", "/v1/containers", given, user=user, expect=201)["container_ref"])


def ref(id: str, kind: str = "secrets") -> str:
    return f"http://elsewhere/v1/{kind}/{id}"


def test_a_secret_in_one_step(world: World) -> None:
    made = world.call("POST", "/v1/secrets", TEXT | {"secret_type": "passphrase"}, user=MEMBER)
    reference = made.json["secret_ref"]
    assert made.status_code == 201
    assert made.headers["location"] == reference
    assert reference.startswith("http://falconframework.org/v1/secrets/")

    shown = world.get(f"/v1/secrets/{id_of(reference)}", user=MEMBER)
    assert shown == {
        "secret_ref": reference,
        "name": "note",
        "secret_type": "passphrase",
        "algorithm": None,
        "bit_length": None,
        "mode": None,
        "expiration": None,
        "creator_id": "blue",
        "status": "ACTIVE",
        "created": "2026-01-01T00:00:00",
        "updated": "2026-01-01T00:00:00",
        "content_types": {"default": "text/plain"},
    }
    for path, accept in (
        (f"/v1/secrets/{id_of(reference)}/payload", "*/*"),
        (reference.removeprefix("http://falconframework.org"), "text/plain"),
    ):
        payload = world.call("GET", path, user=MEMBER, headers={"Accept": accept})
        assert (payload.status_code, payload.text) == (200, "hello")
        assert payload.headers["content-type"].startswith("text/plain")
        assert payload.headers["cache-control"] == "no-store"


def test_a_binary_one_in_two_steps(world: World) -> None:
    content = site().server.pkcs12()
    id = store(world, name="later")
    path = f"/v1/secrets/{id}"
    assert "content_types" not in world.get(path, user=MEMBER)
    assert world.call("GET", f"{path}/payload", user=MEMBER).status_code == 404

    headers = {"Content-Type": "application/octet-stream"}
    world.call("PUT", path, user=MEMBER, content=content, headers=headers, expect=204)
    assert world.call("GET", f"{path}/payload", user=MEMBER).content == content
    again = world.call("PUT", path, user=MEMBER, content=b"other", headers=headers)
    assert again.status_code == 409
    wrong = world.call("GET", f"{path}/payload", user=MEMBER, headers={"Accept": "text/plain"})
    assert wrong.status_code == 406


def test_base64_is_decoded(world: World) -> None:
    content = bytes(range(256))
    encoded = base64.encodebytes(content).decode()  # with line ends, as the tool writes it
    given = {"payload_content_type": "application/octet-stream", "payload_content_encoding": "base64"}
    id = store(world, payload=encoded, **given)
    assert world.call("GET", f"/v1/secrets/{id}/payload", user=MEMBER).content == content

    late = store(world, name="late")
    headers = {"Content-Type": "application/octet-stream", "Content-Encoding": "base64"}
    world.call("PUT", f"/v1/secrets/{late}", user=MEMBER, content=encoded.encode(), headers=headers, expect=204)
    assert world.call("GET", f"/v1/secrets/{late}/payload", user=MEMBER).content == content


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"payload": "x"}, "payload_content_type"),
        ({"payload": "  ", "payload_content_type": "text/plain"}, "non empty"),
        ({"payload": "x", "payload_content_type": "text/html"}, "payload_content_type"),
        ({"payload": "x", "payload_content_type": "application/octet-stream"}, "payload_content_encoding"),
        ({"payload_content_type": "text/plain"}, "payload must be provided"),
        ({"secret_type": "mine"}, "secret_type"),
        ({"expiration": "2025-12-31T00:00:00"}, "before current time"),
        ({"expiration": "soon"}, "Invalid date"),
        ({"bit_length": 0}, "bit_length"),
        ({"bit_length": "256"}, "bit_length"),
        ({"name": "a\u0000b"}, "name"),
        ({"name": "x" * 256}, "name"),
        ({"colour": "blue"}, "colour"),
        ({"transport_key_needed": "true"}, "transport_key_needed"),
    ],
)
def test_what_cannot_be_stored_is_refused_in_barbican_s_shape(world: World, given: Any, words: str) -> None:
    answer = world.call("POST", "/v1/secrets", given, user=MEMBER, expect=400)
    assert (answer["code"], answer["title"]) == (400, "Bad Request")
    assert words in answer["description"]


def test_no_error_shows_a_payload(world: World) -> None:
    mark = "TOP-SECRET-MARK"
    binary = {"payload_content_type": "application/octet-stream", "payload_content_encoding": "base64"}
    for wrong in (
        {"payload": mark, **binary},
        {"payload": mark, "payload_content_type": mark, "bit_length": mark},
        {"payload": [mark]},
        {"payload": mark, "payload_content_type": "text/plain", "secret_type": mark},
        {"payload": mark, "payload_content_type": "text/plain", "mode": [mark]},
    ):
        assert mark not in world.call("POST", "/v1/secrets", wrong, user=MEMBER, expect=400)["description"]
    long = {"payload": mark * 50_000, "payload_content_type": "text/plain"}
    answer = world.call("POST", "/v1/secrets", long, user=MEMBER, expect=413)
    assert mark not in answer["description"]


def test_lists_are_pages_with_filters(world: World) -> None:
    for number in range(12):
        world.clock.advance(1)
        store(world, name=f"n{number % 3}", algorithm="aes" if number % 2 else "rsa", bit_length=128 + number)
    store(world, RED, name="n0")

    first = world.get("/v1/secrets", user=MEMBER)
    assert (len(first["secrets"]), first["total"]) == (10, 12)
    assert "previous" not in first
    rest = world.get(first["next"].removeprefix("http://falconframework.org"), user=MEMBER)
    assert [each["bit_length"] for each in rest["secrets"]] == [138, 139]
    assert rest["previous"].endswith("/v1/secrets?limit=10&offset=0")
    for query, total in (
        ("name=n0", 4),
        ("alg=aes", 6),
        ("bits=130", 1),
        ("bits=x", 12),
        ("secret_type=opaque", 12),
        ("secret_type=public", 0),
        ("created=gt:2026-01-01T00:00:10", 2),
        ("created=gte:2026-01-01T00:00:10,lt:2026-01-01T00:00:12", 2),
        ("expiration=gt:2026-01-01", 0),
        ("limit=0", 12),
        ("limit=x&offset=-1", 12),
    ):
        assert world.get(f"/v1/secrets?{query}", user=MEMBER)["total"] == total, query
    newest = world.get("/v1/secrets?sort=name:desc,bit_length:desc&limit=1", user=MEMBER)["secrets"]
    assert [each["bit_length"] for each in newest] == [139]
    for query in ("sort=colour", "created=soon", "sort=name:up"):
        assert world.call("GET", f"/v1/secrets?{query}", user=MEMBER).status_code == 400


def test_expired_is_gone(world: World) -> None:
    id = store(world, expiration="2026-01-01T00:01:00Z", **TEXT)
    holder = contain(world, type="generic", secret_refs=[{"name": "x", "secret_ref": ref(id)}])
    world.clock.advance(61)
    assert world.call("GET", f"/v1/secrets/{id}", user=MEMBER).status_code == 404
    assert world.call("GET", f"/v1/secrets/{id}/payload", user=MEMBER).status_code == 404
    assert world.get("/v1/secrets", user=MEMBER)["total"] == 0
    store(world)
    assert world.get(f"/v1/containers/{holder}", user=MEMBER)["secret_refs"] == []


def test_deleted_is_gone_also_from_its_containers(world: World) -> None:
    id, other = store(world), store(world)
    refs = [{"name": "a", "secret_ref": ref(id)}, {"name": "b", "secret_ref": ref(other)}]
    holder = contain(world, name="c", type="generic", secret_refs=refs)
    world.call("DELETE", f"/v1/secrets/{id}", user=MEMBER, expect=204)
    assert world.call("DELETE", f"/v1/secrets/{id}", user=MEMBER).status_code == 404
    shown = world.get(f"/v1/containers/{holder}", user=MEMBER)
    assert [id_of(each["secret_ref"]) for each in shown["secret_refs"]] == [other]
    world.call("DELETE", f"/v1/containers/{holder}", user=MEMBER, expect=204)
    assert world.call("GET", f"/v1/secrets/{other}", user=MEMBER).status_code == 200


def test_containers(world: World) -> None:
    parts = {name: store(world) for name in ("certificate", "private_key", "intermediates", "private_key_passphrase")}
    refs = [{"name": name, "secret_ref": ref(id)} for name, id in parts.items()]
    id = contain(world, name="tls", type="certificate", secret_refs=refs)
    shown = world.get(f"/v1/containers/{id}", user=MEMBER)
    assert shown["type"] == "certificate"
    assert {each["name"]: id_of(each["secret_ref"]) for each in shown["secret_refs"]} == parts
    assert shown["consumers"] == []
    contain(world, type="generic")
    assert world.get("/v1/containers?type=certificate", user=MEMBER)["total"] == 1
    assert world.get("/v1/containers?limit=1", user=MEMBER)["total"] == 2
    assert world.get("/v1/containers", user=RED)["containers"] == []


def test_consumers_come_and_go(world: World) -> None:
    id = contain(world, type="generic")
    path, consumer = f"/v1/containers/{id}/consumers", {"name": "Octavia", "URL": "http://lb/1"}
    for _ in range(2):
        made = world.call("POST", path, consumer, user=MEMBER, expect=200)
    assert made["consumers"] == [consumer]
    assert world.get(path, user=MEMBER)["consumers"] == [consumer | {"status": "ACTIVE"}]
    world.call("DELETE", path, consumer, user=MEMBER, expect=200)
    assert world.call("DELETE", path, consumer, user=MEMBER).status_code == 404
    assert world.get(path, user=MEMBER) == {"consumers": [], "total": 0}


def test_secrets_of_a_generic_container_come_and_go(world: World) -> None:
    id, secret, foreign = contain(world, type="generic"), store(world), store(world, RED)
    named = {"name": "x", "secret_ref": ref(secret)}
    path = f"/v1/containers/{id}/secrets"
    world.call("POST", path, named, user=MEMBER, expect=201)
    assert world.call("POST", path, named, user=MEMBER).status_code == 409
    assert world.call("POST", path, {"secret_ref": ref(foreign)}, user=MEMBER).status_code == 404
    world.call("DELETE", path, named, user=MEMBER, expect=204)
    assert world.call("DELETE", path, named, user=MEMBER).status_code == 404
    fixed = contain(world, type="certificate", secret_refs=[{"name": "certificate", "secret_ref": ref(secret)}])
    assert world.call("POST", f"/v1/containers/{fixed}/secrets", named, user=MEMBER).status_code == 400


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"type": "certificate"}, 400),
        ({"type": "certificate", "secret_refs": [("private_key", 0)]}, 400),
        ({"type": "rsa", "secret_refs": [("certificate", 0)]}, 400),
        ({"type": "generic", "secret_refs": [("a", 0), ("b", 0)]}, 400),
        ({"type": "generic", "secret_refs": [("a", 0), ("a", 1)]}, 400),
        ({"type": "mine"}, 400),
        ({}, 400),
        ({"type": "generic", "secret_refs": [("a", NOWHERE)]}, 404),
        ({"type": "generic", "secret_refs": [("a", "x")]}, 404),
        ({"type": "generic", "secret_refs": [("a", 2)]}, 404),
    ],
)
def test_what_is_no_container_is_refused(world: World, given: Any, status: int) -> None:
    there = [store(world), store(world), store(world, RED)]
    body = dict(given)
    if "secret_refs" in given:
        chosen = [(name, there[one] if isinstance(one, int) else one) for name, one in given["secret_refs"]]
        body["secret_refs"] = [{"name": name, "secret_ref": ref(id)} for name, id in chosen]
    assert world.call("POST", "/v1/containers", body, user=MEMBER).status_code == status


def test_metadata(world: World) -> None:
    path = f"/v1/secrets/{store(world)}/metadata"
    assert world.get(path, user=MEMBER) == {"metadata": {}}
    world.call("PUT", path, {"metadata": {"Geo": "12.3"}}, user=MEMBER, expect=201)
    world.call("POST", path, {"key": "colour", "value": "blue"}, user=MEMBER, expect=201)
    assert world.call("POST", path, {"key": "geo", "value": "x"}, user=MEMBER).status_code == 409
    world.call("PUT", f"{path}/colour", {"key": "colour", "value": "red"}, user=MEMBER, expect=200)
    assert world.get(f"{path}/colour", user=MEMBER) == {"key": "colour", "value": "red"}
    world.call("DELETE", f"{path}/geo", user=MEMBER, expect=204)
    assert world.get(path, user=MEMBER) == {"metadata": {"colour": "red"}}
    for method in ("GET", "DELETE"):
        assert world.call(method, f"{path}/geo", user=MEMBER).status_code == 404
    unusable: list[Any] = [{"metadata": {"a b": "x"}}, {"metadata": {"a": 1}}, {"metadata": []}, {}]
    for wrong in unusable:
        assert world.call("PUT", path, wrong, user=MEMBER).status_code == 400


# ---------------------------------------------------------------------------------------------------- who may do what

ACTIONS: dict[str, Callable[[World, str, str], Any]] = {
    "create": lambda world, user, id: world.call("POST", "/v1/secrets", TEXT, user=user),
    "list": lambda world, user, id: world.call("GET", "/v1/secrets", user=user),
    "get": lambda world, user, id: world.call("GET", f"/v1/secrets/{id}", user=user),
    "payload": lambda world, user, id: world.call("GET", f"/v1/secrets/{id}/payload", user=user),
    "acl": lambda world, user, id: world.call("GET", f"/v1/secrets/{id}/acl", user=user),
    "set acl": lambda world, user, id: world.call("PATCH", f"/v1/secrets/{id}/acl", {"read": {}}, user=user),
    "metadata": lambda world, user, id: world.call("GET", f"/v1/secrets/{id}/metadata", user=user),
    "delete": lambda world, user, id: world.call("DELETE", f"/v1/secrets/{id}", user=user),
}
NOT_PAYLOADS = {"list", "get", "acl", "metadata"}


@pytest.mark.parametrize(
    ("user", "allowed"),
    [
        ("blue:admin", set(ACTIONS)),
        ("blue:member", set(ACTIONS)),
        ("blue:creator", set(ACTIONS)),
        ("blue:reader", NOT_PAYLOADS),
        ("blue:observer", NOT_PAYLOADS | {"payload"}),
        ("blue:audit", {"get"}),
        ("blue:", set()),
        ("red:member", {"create", "list"}),
        ("red:reader", {"list"}),
        ("red:admin", {"create", "list", "get", "delete"}),
        ("blue:load-balancer_member", set()),
    ],
)
def test_each_role_may_what_barbican_lets_it(world: World, user: str, allowed: set[str]) -> None:
    id = store(world, "blue:member")
    found = {name for name, act in ACTIONS.items() if act(world, user, id).status_code != 403}
    assert found == allowed
    assert world.call("GET", "/v1/secrets", user="nobody").status_code == 401


def test_a_private_secret_is_its_maker_s_and_whom_he_names(world: World) -> None:
    """Users are called as their projects in this world: the project someone is another user of none."""
    id = store(world)
    path = f"/v1/secrets/{id}/acl"
    assert world.get(path, user=MEMBER) == {"read": {"project-access": True}}
    answer = world.call("PUT", path, {"read": {"users": ["red"], "project-access": False}}, user=MEMBER, expect=200)
    assert answer["acl_ref"].endswith(path)
    shown = world.get(path, user=MEMBER)["read"]
    assert (shown["users"], shown["project-access"]) == (["red"], False)

    assert world.call("GET", f"/v1/secrets/{id}/payload", user=MEMBER).status_code == 200  # its maker
    assert world.call("GET", f"/v1/secrets/{id}/payload", user="blue:observer").status_code == 403
    assert world.call("GET", f"/v1/secrets/{id}", user=READER).status_code == 403
    assert world.call("GET", f"/v1/secrets/{id}/payload", user=RED).text == "hello"
    assert world.call("DELETE", f"/v1/secrets/{id}", user=RED).status_code == 403
    assert world.get("/v1/secrets?acl_only=true", user=RED)["total"] == 1
    assert world.get("/v1/secrets?acl_only=true", user="green:member")["total"] == 0

    world.call("PATCH", path, {"read": {"project-access": True}}, user=MEMBER, expect=200)
    assert world.get(path, user=MEMBER)["read"]["users"] == ["red"]
    world.call("DELETE", path, user=MEMBER, expect=200)
    assert world.call("GET", f"/v1/secrets/{id}/payload", user=RED).status_code == 403
    unusable: list[Any] = [{}, {"write": {}}, {"read": {"users": "red"}}, {"read": {"project-access": "no"}}]
    for wrong in unusable:
        assert world.call("PUT", path, wrong, user=MEMBER).status_code == 400


def test_containers_have_lists_of_their_own(world: World) -> None:
    id = contain(world, type="generic")
    assert world.call("GET", f"/v1/containers/{id}", user=RED).status_code == 403
    world.call("PUT", f"/v1/containers/{id}/acl", {"read": {"users": ["red"]}}, user=MEMBER, expect=200)
    assert world.call("GET", f"/v1/containers/{id}", user=RED).status_code == 200
    assert world.call("DELETE", f"/v1/containers/{id}", user=RED).status_code == 403
    assert world.call("DELETE", f"/v1/containers/{id}", user=READER).status_code == 403


# ------------------------------------------------------------------------------------------------------------ the rest


@pytest.mark.parametrize(
    "path", [f"/v1/secrets/{NOWHERE}", "/v1/secrets/x", "/v1/containers/x/acl", "/v1/orders", "/v1/x"]
)
def test_what_is_not_there_is_said_in_barbican_s_shape(world: World, path: str) -> None:
    answer = world.call("GET", path, user=MEMBER, expect=404)
    assert answer.keys() == {"code", "title", "description"}
    assert (answer["code"], answer["title"]) == (404, "Not Found")


def test_the_version_is_what_clients_look_for(world: World) -> None:
    for path in ("/v1", "/v1/"):
        version = world.call("GET", path, user="nobody", expect=200)["version"]
        assert (version["id"], version["status"]) == ("v1", "stable")
        assert version["links"][0]["href"] == "http://falconframework.org/v1/"
    assert world.get("/v1/quotas", user=MEMBER)["quotas"]["secrets"] == 1000


def test_nobody_who_has_the_database_has_a_payload(world: World, tmp_path: Path) -> None:
    mark = "MARKED-PRIVATE-KEY"
    store(world, payload=mark, payload_content_type="text/plain", name="visible-name")
    files = [each.read_bytes() for each in tmp_path.rglob("*") if each.is_file()]
    assert any(b"visible-name" in content for content in files)
    assert not any(mark.encode() in content for content in files)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
NAMES = ["name", "payload", "payload_content_type", "payload_content_encoding", "expiration", "secret_type", "type",
         "secret_refs", "read", "metadata", "key", "value", "users", "bit_length"]  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES), VALUES | st.sampled_from(["text/plain", "generic", "base64"])))
def test_no_body_is_a_fault_of_ours(world: World, body: Any) -> None:
    id = world.get("/v1/secrets?limit=1", user=MEMBER)["secrets"]
    there = id_of(id[0]["secret_ref"]) if id else store(world)
    content = json.dumps(body).encode()
    for method, path in (
        ("POST", "/v1/secrets"),
        ("POST", "/v1/containers"),
        ("PUT", f"/v1/secrets/{there}/acl"),
        ("PUT", f"/v1/secrets/{there}/metadata"),
        ("POST", f"/v1/secrets/{there}/metadata"),
    ):
        headers = {"Content-Type": "application/json"}
        assert world.call(method, path, user=MEMBER, content=content, headers=headers).status_code < 500


def test_a_payload_opens_no_more_where_its_key_is_gone(world: World) -> None:
    id = store(world)
    other = Vault(world.uow, KeyRing([new_key()]), world.clock, lambda: NOWHERE, SecretLimits(secrets=1))
    with pytest.raises(StoreUnavailable, match="not in the key file"):
        other.content(id)
    with pytest.raises(OverQuota, match="Only 1 secrets"):
        other.create_secret("blue", None, {}, None)
    assert other.payload(id, "red") is None
    assert other.parts(NOWHERE, "blue") is None
