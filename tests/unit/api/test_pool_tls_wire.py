"""Pools that speak TLS to their members, over HTTP."""

from typing import Any

import pytest
from tests.unit.api.conftest import LBAAS, World
from tests.unit.api.test_tls_wire import DEFAULTS, MEMBER, Secured, within
from tests.unit.secrets.authority import revocations, site

from evenload.model.secret_place import read_used_place

POOLS = f"{LBAAS}/pools"
POLICY = {name: DEFAULTS[name] for name in ("tls_ciphers", "tls_versions", "alpn_protocols")}
NO_TLS: dict[str, Any] = {
    "tls_enabled": False,
    "tls_container_ref": None,
    "ca_tls_container_ref": None,
    "crl_container_ref": None,
    "tls_ciphers": None,
    "tls_versions": [],
    "alpn_protocols": [],
}


@pytest.fixture
def secured(world: World) -> Secured:
    return Secured(world)


@pytest.fixture
def asked(secured: Secured) -> dict[str, Any]:
    """Everything, and nothing of it a default."""
    return {
        "tls_enabled": True,
        "tls_container_ref": secured.other,
        "ca_tls_container_ref": secured.store_text(site().root.pem.decode()),
        "crl_container_ref": secured.store_text(revocations(site().root, 7).decode()),
        "tls_ciphers": "ECDHE-RSA-AES128-GCM-SHA256",
        "tls_versions": ["TLSv1.2"],
        "alpn_protocols": ["http/1.1"],
    }


def change(secured: Secured, pool: Any, expect: int = 200, /, **more: Any) -> Any:
    answer = secured.world.call("PUT", f"{POOLS}/{pool['id']}", {"pool": more}, user=MEMBER, expect=expect)
    return answer["pool"] if expect == 200 else answer["faultstring"]


def refused(secured: Secured, **more: Any) -> str:
    body = {"loadbalancer_id": secured.balancer["id"], "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN", **more}
    return str(secured.world.call("POST", POOLS, {"pool": body}, user=MEMBER, expect=400)["faultstring"])


def kept(secured: Secured, pool: Any) -> list[str]:
    """What of the store is in force for it."""
    with secured.world.uow.read() as transaction:
        tree = transaction.tree(secured.balancer["id"])
    assert tree is not None
    tls = tree.pools[pool["id"]].item.tls
    places = [read_used_place(each.id) for each in tls.secrets] if tls is not None else []
    return [each.use.value for each in places if each is not None]


def test_without_tls(secured: Secured) -> None:
    made = secured.world.pool(secured.balancer)
    assert within(made, NO_TLS) == NO_TLS
    assert within(change(secured, made, **NO_TLS), NO_TLS) == NO_TLS
    nothing: dict[str, Any] = dict.fromkeys(NO_TLS.keys() - {"tls_enabled"})
    assert within(change(secured, made, **nothing), NO_TLS) == NO_TLS


def test_an_empty_list_beside_something_that_is_asked_for_is_refused(secured: Secured) -> None:
    """And not taken for the default; alone it is what a pool without TLS shows."""
    made = secured.world.pool(secured.balancer)
    for name, other in (("alpn_protocols", "tls_versions"), ("tls_versions", "alpn_protocols")):
        for given in ({"tls_ciphers": "ECDHE-RSA-AES128-GCM-SHA256"}, {other: POLICY[other]}, {"tls_enabled": True}):
            words = f"Validation failure: {name}: "
            assert change(secured, made, 400, **{name: [], **given}).startswith(words)
            assert refused(secured, **{name: [], **given}).startswith(words)
        assert within(change(secured, made, **{name: []}), NO_TLS) == NO_TLS


def test_what_is_not_said_is_the_default(secured: Secured) -> None:
    made = secured.world.pool(secured.balancer, tls_enabled=True)
    expected = {**NO_TLS, "tls_enabled": True, **POLICY}
    assert within(made, expected) == expected
    later = secured.world.pool(secured.balancer)
    assert within(change(secured, later, tls_enabled="true"), expected) == expected


def test_everything_is_shown_as_it_was_sent(secured: Secured, asked: dict[str, Any]) -> None:
    made = secured.world.pool(secured.balancer, **asked)
    assert within(made, asked) == asked
    assert secured.world.get(f"{POOLS}/{made['id']}", user=MEMBER)["pool"] == made
    assert kept(secured, made) == ["bundle", "authorities", "revocations"]
    changed = change(secured, made, **dict.fromkeys(asked.keys() - {"tls_enabled"}))
    assert within(changed, asked) == {**NO_TLS, "tls_enabled": True, **POLICY}


def test_tls_that_is_switched_off_is_kept_and_in_force_nowhere(secured: Secured, asked: dict[str, Any]) -> None:
    made = secured.world.pool(secured.balancer, **{**asked, "tls_enabled": False})
    assert within(made, asked) == {**asked, "tls_enabled": False}
    assert kept(secured, made) == []
    [desired] = secured.world.gateway.fetch("host-1", [secured.balancer["id"]]).values()
    assert desired.pools[0].tls is None  # type: ignore[union-attr]
    assert within(change(secured, made, tls_enabled=True), asked) == asked
    assert len(kept(secured, made)) == 3
    [desired] = secured.world.gateway.fetch("host-1", [secured.balancer["id"]]).values()
    assert desired.pools[0].tls is not None  # type: ignore[union-attr]
    assert {each.id.partition("/")[0] for each in desired.secrets} == {"bundle", "authorities", "revocations"}  # type: ignore[union-attr]


def test_what_comes_into_force_is_looked_at_first(secured: Secured, asked: dict[str, Any]) -> None:
    """References that were of no use yet may lead nowhere any more."""
    made = secured.world.pool(secured.balancer, **{**asked, "tls_enabled": False})
    for name in ("crl_container_ref", "ca_tls_container_ref", "tls_container_ref"):
        secured.world.call("DELETE", f"/v1{asked[name].partition('/v1')[2]}", user=MEMBER, expect=204)
        assert f"{name}: " in change(secured, made, 400, tls_enabled=True)
    assert change(secured, made, name="x")["tls_enabled"] is False
    nothing: dict[str, Any] = dict.fromkeys(("crl_container_ref", "ca_tls_container_ref", "tls_container_ref"))
    assert change(secured, made, tls_enabled=True, **nothing)["tls_enabled"] is True


def test_what_makes_no_sense(secured: Secured, asked: dict[str, Any]) -> None:
    made = secured.world.pool(secured.balancer, **asked)
    foreign = secured.store_text(site().foreign.pem.decode())
    signed = "The list of CN=Root is not signed by one of the authorities."
    for given, words in (
        ({"tls_versions": []}, "tls_versions: At least one TLS version is needed."),
        ({"alpn_protocols": []}, "alpn_protocols: ALPN protocols are at least one"),
        ({"tls_container_ref": "x"}, "tls_container_ref: It is no reference"),
        ({"ca_tls_container_ref": "x"}, "ca_tls_container_ref: It is no reference"),
        ({"ca_tls_container_ref": None}, "crl_container_ref: A list of revoked certificates needs the authorities"),
        ({"ca_tls_container_ref": foreign}, f"crl_container_ref: {signed}"),
    ):
        assert change(secured, made, 400, **given).startswith(f"Validation failure: {words}"), given
        assert refused(secured, **{**asked, **given}).startswith(f"Validation failure: {words}"), given
    assert within(secured.world.get(f"{POOLS}/{made['id']}", user=MEMBER)["pool"], asked) == asked


def test_pools_within_others(secured: Secured, asked: dict[str, Any]) -> None:
    pool = {"protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN", **asked}
    listener = secured.listener(default_pool=pool)
    [made] = secured.world.get(POOLS, query_string=f"loadbalancer_id={secured.balancer['id']}")["pools"]
    assert made["id"] == listener["default_pool_id"]
    assert within(made, asked) == asked
    policy = {"action": "REDIRECT_TO_POOL", "redirect_pool": {**pool, "name": "b"}}
    listeners = [
        {"protocol": "HTTP", "protocol_port": 80, "default_pool": {**pool, "name": "a"}, "l7policies": [policy]}
    ]
    whole = secured.world.balancer(secured.subnet, listeners=listeners, pools=[{**pool, "name": "c"}])
    assert sorted(each["name"] for each in whole["pools"]) == ["a", "b", "c"]
    assert [within(each, asked) for each in whole["pools"]] == [asked] * 3
    for place in ("default_pool", "l7policies"):
        wrong = {**pool, "tls_container_ref": "x"}
        body = {"loadbalancer_id": secured.balancer["id"], "protocol": "HTTP", "protocol_port": 80}
        body[place] = wrong if place == "default_pool" else [{**policy, "redirect_pool": wrong}]
        fault = secured.world.call("POST", f"{LBAAS}/listeners", {"listener": body}, user=MEMBER, expect=400)
        assert fault["faultstring"].startswith("Validation failure: tls_container_ref: It is no reference")


def test_filters(secured: Secured, asked: dict[str, Any]) -> None:
    secure, plain = secured.world.pool(secured.balancer, **asked), secured.world.pool(secured.balancer)
    for query, found in (
        ("tls_enabled=true", [secure]),
        ("tls_enabled=false", [plain]),
        (f"tls_container_ref={asked['tls_container_ref']}", [secure]),
        (f"ca_tls_container_ref={asked['ca_tls_container_ref']}", [secure]),
        (f"crl_container_ref={asked['crl_container_ref']}", [secure]),
        ("tls_ciphers=ECDHE-RSA-AES128-GCM-SHA256", [secure]),
        ("sort=tls_enabled:desc", [secure, plain]),
    ):
        ids = [each["id"] for each in secured.world.get(POOLS, query_string=query)["pools"]]
        assert ids == [each["id"] for each in found], query
