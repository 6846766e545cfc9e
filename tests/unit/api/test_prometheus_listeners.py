"""Listeners of the protocol PROMETHEUS through Octavia's API: made like others, without anything below them."""

from pathlib import Path
from typing import Any

import pytest
from tests.unit.api.conftest import LBAAS, Furnished, World, make_world
from tests.unit.api.test_tls_wire import ALL, DEFAULTS, MEMBER, NO_TLS, Secured, within
from tests.unit.secrets.authority import site

from evenload.model.tls import AlpnProtocol
from evenload.service.tls_policy import TlsDefaults, TlsPolicy

POLICY = {"action": "REDIRECT_TO_URL", "redirect_url": "http://b.example/"}


def body(furnished: Furnished, **more: Any) -> dict[str, Any]:
    fields = {"loadbalancer_id": furnished.balancer["id"], "protocol": "PROMETHEUS", "protocol_port": 9100}
    return {"listener": fields | more}


def test_it_has_no_children(furnished: Furnished) -> None:
    call = furnished.world.call
    made = call("POST", f"{LBAAS}/listeners", body(furnished), expect=201)["listener"]
    assert made["protocol"] == "PROMETHEUS"
    pool = {"listener_id": made["id"], "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"}
    before = furnished.everything()
    for method, path, sent in [
        ("POST", "listeners", body(furnished, protocol_port=9101, default_pool_id=furnished.bare["id"])),
        ("PUT", f"listeners/{made['id']}", {"listener": {"default_pool_id": furnished.bare["id"]}}),
        ("POST", "pools", {"pool": pool}),
        ("POST", "l7policies", {"l7policy": POLICY | {"listener_id": made["id"]}}),
    ]:
        fault = call(method, f"{LBAAS}/{path}", sent, expect=400)
        assert "cannot have child objects" in fault["faultstring"], (method, path)
    assert furnished.everything() == before
    call("PUT", f"{LBAAS}/listeners/{made['id']}", {"listener": {"allowed_cidrs": ["10.0.0.0/8"]}}, expect=200)
    call("DELETE", f"{LBAAS}/listeners/{made['id']}", expect=204)


@pytest.mark.parametrize("more", [{"insert_headers": {"X-Forwarded-For": "true"}}, {"protocol_port": 80}])
def test_what_else_is_refused(furnished: Furnished, more: dict[str, Any]) -> None:
    status = 409 if "protocol_port" in more else 400
    furnished.world.call("POST", f"{LBAAS}/listeners", body(furnished, **more), expect=status)


NUMBERS = {"protocol": "PROMETHEUS"}


@pytest.fixture
def secured(world: World) -> Secured:
    return Secured(world)


def in_clear(secured: Secured, port: int = 9100) -> Any:
    return secured.listener(port, **NUMBERS, **NO_TLS)


def test_it_speaks_tls_where_it_has_a_certificate(secured: Secured) -> None:
    made = secured.listener(9100, **NUMBERS)
    expected = {**DEFAULTS, "default_tls_container_ref": secured.web}
    assert within(made, expected) == expected
    assert secured.show(made) == made
    policy = {name: value for name, value in ALL.items() if not name.startswith("hsts")}
    assert within(secured.change(made, **policy), policy) == policy
    assert within(secured.change(made, name="x"), policy) == policy
    other = secured.listener(9101, **NUMBERS, default_tls_container_ref=None, sni_container_refs=[secured.other])
    assert other["alpn_protocols"] == DEFAULTS["alpn_protocols"]


def test_a_certificate_may_come_and_go(secured: Secured) -> None:
    made = in_clear(secured)
    assert within(made, NO_TLS) == NO_TLS
    assert within(secured.change(made, **NO_TLS), NO_TLS) == NO_TLS
    assert within(secured.change(made, **dict.fromkeys(NO_TLS)), NO_TLS) == NO_TLS
    expected = {**DEFAULTS, "default_tls_container_ref": secured.web}
    assert within(secured.change(made, default_tls_container_ref=secured.web), expected) == expected
    assert within(secured.change(made, default_tls_container_ref=None), NO_TLS) == NO_TLS
    assert secured.show(made)["tls_certificates"] == []


def test_who_judges_clients_keeps_his_certificate(secured: Secured) -> None:
    authorities = secured.store_text(site().root.pem.decode())
    asked = {"client_ca_tls_container_ref": authorities, "client_authentication": "MANDATORY"}
    made = secured.listener(9100, **NUMBERS, **asked)
    assert within(made, asked) == asked
    fault = secured.change(made, 400, default_tls_container_ref=None)
    assert fault == (
        "Validation failure: default_tls_container_ref: "
        "A PROMETHEUS listener needs a certificate where it judges those of clients."
    )
    assert secured.show(made)["default_tls_container_ref"] == secured.web
    nothing = {**dict.fromkeys(asked), "default_tls_container_ref": None}
    assert within(secured.change(made, **nothing), NO_TLS) == NO_TLS


@pytest.mark.parametrize(
    ("given", "words"),
    [
        *(
            ({name: value}, f"{name}: Only allowed on listeners of the protocol TERMINATED_HTTPS.")
            for name, value in (("hsts_max_age", 0), ("hsts_preload", True), ("hsts_include_subdomains", True))
        ),
        ({"tls_versions": []}, "tls_versions: At least one TLS version is needed."),
        ({"alpn_protocols": []}, "alpn_protocols: "),
        ({"client_authentication": "MANDATORY"}, "client_authentication: "),
    ],
)
def test_what_is_no_tls_for_it(secured: Secured, given: dict[str, Any], words: str) -> None:
    fault = secured.refused(**NUMBERS, default_tls_container_ref=secured.web, **given)
    assert fault.startswith(f"Validation failure: {words}")
    assert secured.change(secured.listener(9100, **NUMBERS), 400, **given) == fault


@pytest.mark.parametrize(
    "given",
    [
        {"tls_ciphers": "ECDHE-RSA-AES256-GCM-SHA384"},
        {"tls_versions": ["TLSv1.3"]},
        {"alpn_protocols": ["h2"]},
        {"client_authentication": "OPTIONAL"},
        {"client_ca_tls_container_ref": "https://x/v1/secrets/11111111-2222-4333-8444-555555555555"},
    ],
)
def test_without_a_certificate_nothing_of_tls_is_taken(secured: Secured, given: dict[str, Any]) -> None:
    [name] = given
    expected = f"Validation failure: {name}: A PROMETHEUS listener without a certificate speaks no TLS."
    assert secured.refused(**NUMBERS, **given) == expected
    made = in_clear(secured)
    assert secured.change(made, 400, **given) == expected
    assert secured.change(made, 400, default_tls_container_ref=None, **given) == expected


def test_http_3_is_for_browsers(tmp_path: Path) -> None:
    """Not by default either, where an administrator has made it one."""
    defaults = TlsDefaults(alpn=(AlpnProtocol.HTTP_3, AlpnProtocol.HTTP_2))
    world = make_world(tmp_path, tls=TlsPolicy(http_3=True, listeners=defaults))
    secured = Secured(world)
    made = secured.listener(9100, **NUMBERS)
    assert made["alpn_protocols"] == ["h2"]
    fault = secured.change(made, 400, alpn_protocols=["h3", "h2"])
    assert fault == "Validation failure: alpn_protocols: h3 is for TERMINATED_HTTPS listeners alone."
    assert secured.change(made, alpn_protocols=None)["alpn_protocols"] == ["h2"]
    world.uow.close()


def test_it_is_made_with_its_load_balancer(secured: Secured) -> None:
    listeners = [
        {**NUMBERS, "protocol_port": 9100, "default_tls_container_ref": secured.web},
        {**NUMBERS, "protocol_port": 9101},
    ]
    body = {"vip_subnet_id": secured.subnet["id"], "listeners": listeners}
    secured.world.call("POST", f"{LBAAS}/loadbalancers", {"loadbalancer": body}, user=MEMBER, expect=201)
    found = secured.world.get(f"{LBAAS}/listeners", user=MEMBER)["listeners"]
    assert [each["default_tls_container_ref"] for each in found] == [secured.web, None]
