"""Listeners that terminate TLS, over HTTP: what is given, shown, changed, filtered by and refused."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.unit.api.conftest import LB, LBAAS, World, make_world
from tests.unit.secrets.authority import Identity, make, revocations, site

from evenload.host.ciphers import expand_ciphers
from evenload.model.certificate import Bundle
from evenload.model.errors import StoreUnavailable
from evenload.model.secret_place import read_used_place
from evenload.model.tls import TlsVersion
from evenload.secrets.noop import NoopCertificates
from evenload.service.deployment import Allowed
from evenload.service.tls_policy import TlsDefaults, TlsPolicy

LISTENERS = f"{LBAAS}/listeners"
MEMBER = "blue:member"
TWELVE = [
    *("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"),
    *("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384"),
    *("ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305"),
    *("DHE-RSA-AES128-GCM-SHA256", "DHE-RSA-AES256-GCM-SHA384", "DHE-RSA-CHACHA20-POLY1305"),
]
NO_TLS: dict[str, Any] = {
    "default_tls_container_ref": None,
    "sni_container_refs": [],
    "tls_ciphers": None,
    "tls_versions": [],
    "alpn_protocols": [],
    "hsts_max_age": None,
    "hsts_include_subdomains": False,
    "hsts_preload": False,
}
DEFAULTS: dict[str, Any] = {
    **NO_TLS,
    "tls_ciphers": ":".join(TWELVE),
    "tls_versions": ["TLSv1.2", "TLSv1.3"],
    "alpn_protocols": ["h2", "http/1.1", "http/1.0"],
}
ALL: dict[str, Any] = {
    "tls_ciphers": "ECDHE-RSA-AES256-GCM-SHA384:TLS_AES_128_GCM_SHA256",
    "tls_versions": ["TLSv1.3", "TLSv1.2"],
    "alpn_protocols": ["http/1.1"],
    "hsts_max_age": 31536000,
    "hsts_include_subdomains": True,
    "hsts_preload": True,
}


class Secured:
    """A load balancer of the project blue, and certificates in the store."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.subnet = world.shared_subnet()
        self.balancer = world.balancer(self.subnet)
        self.web = self.store(site().server, site().lower, site().upper)
        self.other = self.store(make("other.example.com", names=("other.example.com",)))

    def store(self, server: Identity, *chain: Identity, user: str = MEMBER, key: bytes | None = None) -> str:
        content = b"".join([server.pem, *(each.pem for each in chain), key or server.key_pem()]).decode()
        return self.store_text(content, user=user)

    def store_text(self, content: str, *, user: str = MEMBER) -> str:
        body = {"payload": content, "payload_content_type": "text/plain"}
        reference: str = self.world.call("POST", "/v1/secrets", body, user=user, expect=201)["secret_ref"]
        return reference

    def listener(self, port: int = 443, /, **more: Any) -> Any:
        body = {"protocol": "TERMINATED_HTTPS", "default_tls_container_ref": self.web, **more}
        return self.world.listener(self.balancer, port, **body)

    def refused(self, status: int = 400, /, **more: Any) -> str:
        body = {"loadbalancer_id": self.balancer["id"], "protocol": "TERMINATED_HTTPS", "protocol_port": 443, **more}
        fault = self.world.call("POST", LISTENERS, {"listener": body}, user=MEMBER, expect=status)
        return str(fault["faultstring"])

    def change(self, listener: Any, expect: int = 200, /, **more: Any) -> Any:
        path = f"{LISTENERS}/{listener['id']}"
        answer = self.world.call("PUT", path, {"listener": more}, user=MEMBER, expect=expect)
        return answer["listener"] if expect == 200 else answer["faultstring"]

    def show(self, listener: Any) -> Any:
        return self.world.get(f"{LISTENERS}/{listener['id']}", user=MEMBER)["listener"]


@pytest.fixture
def secured(world: World) -> Secured:
    return Secured(world)


@pytest.fixture
def ruled(tmp_path: Path) -> Iterator[Secured]:
    """With settings of its own, as an administrator may have made them."""
    policy = TlsPolicy(
        listeners=TlsDefaults(ciphers="ECDHE-ECDSA-AES128-GCM-SHA256", versions=(TlsVersion.TLS_1_2,)),
        minimum=TlsVersion.TLS_1_2,
        prohibited=frozenset({"AES128-SHA", "TLS_AES_128_CCM_SHA256"}),
        expand=expand_ciphers,
    )
    world = make_world(tmp_path, tls=policy)
    yield Secured(world)
    world.uow.close()


_SUITE, _CIPHER = "TLS_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"


def within(answer: Any, expected: dict[str, Any]) -> dict[str, Any]:
    return {name: answer[name] for name in expected}


def test_what_is_not_said_is_the_default(secured: Secured) -> None:
    made = secured.listener()
    expected = {**DEFAULTS, "default_tls_container_ref": secured.web, "protocol": "TERMINATED_HTTPS"}
    assert within(made, expected) == expected
    assert secured.show(made) == made
    [listed] = secured.world.get(LISTENERS, user=MEMBER)["listeners"]
    assert listed == made
    tree = secured.world.uow
    with tree.read() as transaction:
        found = transaction.tree(secured.balancer["id"])
    assert found is not None
    [secret] = found.listeners[made["id"]].item.tls.certificates  # type: ignore[union-attr]
    place = read_used_place(secret.id)
    assert place is not None
    assert (place.project_id, place.place.id) == ("blue", secured.web[-36:])


def test_everything_is_shown_as_it_was_sent(secured: Secured) -> None:
    asked: dict[str, Any] = {**ALL, "sni_container_refs": [secured.other, secured.web]}
    made = secured.listener(**asked)
    assert within(made, asked) == asked
    assert secured.show(made) == made
    one = secured.world.get(f"{LISTENERS}/{made['id']}", query_string="fields=sni_container_refs&fields=tls_ciphers")
    assert one == {"listener": within(made, {"sni_container_refs": None, "tls_ciphers": None})}


def test_other_protocols_show_nothing_and_take_what_they_show(secured: Secured) -> None:
    made = secured.world.listener(secured.balancer, **NO_TLS)
    assert within(made, NO_TLS) == NO_TLS
    assert within(secured.change(made, **NO_TLS, name="x"), NO_TLS) == NO_TLS
    nothing: dict[str, Any] = dict.fromkeys(NO_TLS)
    assert within(secured.change(made, **nothing), NO_TLS) == NO_TLS
    for name, value in {**ALL, "default_tls_container_ref": secured.web, "sni_container_refs": [secured.web]}.items():
        fault = secured.change(made, 400, **{name: value})
        assert fault == f"Validation failure: {name}: Only allowed on listeners of the protocol TERMINATED_HTTPS."
        assert fault == secured.refused(protocol="HTTP", **{name: value})
    assert secured.change(made, 400, hsts_max_age=0).startswith("Validation failure: hsts_max_age: ")


def test_null_goes_back_to_the_default(secured: Secured) -> None:
    made = secured.listener(**ALL, sni_container_refs=[secured.other])
    changed = secured.change(made, **dict.fromkeys(ALL))
    expected = {**DEFAULTS, "default_tls_container_ref": secured.web, "sni_container_refs": [secured.other]}
    assert within(changed, expected) == expected
    for nothing in (None, ""):
        changed = secured.change(made, default_tls_container_ref=nothing)
        assert changed["default_tls_container_ref"] is None
        assert secured.change(made, default_tls_container_ref=secured.web)["default_tls_container_ref"] == secured.web
    assert secured.change(made, sni_container_refs=None)["sni_container_refs"] == []
    fault = secured.change(made, 400, default_tls_container_ref=None)
    assert fault == "Validation failure: default_tls_container_ref: A TERMINATED_HTTPS listener needs a certificate."
    assert secured.show(made)["default_tls_container_ref"] == secured.web


def test_a_change_of_one_attribute_leaves_the_others(secured: Secured) -> None:
    made = secured.listener(**ALL)
    for name, value in {
        "tls_ciphers": "ECDHE-ECDSA-AES128-GCM-SHA256",
        "tls_versions": ["TLSv1.2"],
        "alpn_protocols": ["http/1.1", "h2"],
        "hsts_max_age": 0,
        "hsts_preload": False,
        "hsts_include_subdomains": False,
        "sni_container_refs": [secured.other],
        "default_tls_container_ref": secured.other,
        "name": "x",
    }.items():
        changed = secured.change(made, **{name: value})
        moved = within(changed, {"updated_at": None, "provisioning_status": None, "tls_certificates": None})
        assert changed == {**made, name: value, **moved}
        made = changed


def test_hsts_without_an_age_is_off_whatever_else_is_said_of_it(secured: Secured) -> None:
    """``openstack loadbalancer listener unset --hsts-max-age`` sends nothing but null."""
    made = secured.listener(**ALL)
    hsts = {"hsts_max_age": None, "hsts_include_subdomains": True, "hsts_preload": True}
    assert within(secured.change(made, hsts_max_age=None), hsts) == hsts
    for name in ("hsts_include_subdomains", "hsts_preload"):
        assert "hsts_max_age: HSTS needs a maximum age." in secured.change(made, 400, **{name: True})
    assert within(secured.change(made, hsts_preload=False), hsts) == {**hsts, "hsts_preload": False}
    assert secured.change(made, hsts_max_age=60, hsts_preload=True)["hsts_max_age"] == 60
    assert "HSTS needs" in secured.change(made, 400, hsts_max_age=None, hsts_preload=True)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"tls_versions": []}, "tls_versions: At least one TLS version is needed."),
        ({"alpn_protocols": []}, "alpn_protocols: "),
        ({"tls_versions": ["TLSv1.2", "TLSv1.2"]}, "tls_versions: Each TLS version can be named once."),
        ({"alpn_protocols": ["h2", "h2"]}, "alpn_protocols: "),
        ({"hsts_include_subdomains": True}, "hsts_max_age: HSTS needs a maximum age."),
        ({"hsts_preload": "true"}, "hsts_max_age: "),
        ({"tls_ciphers": "TLS_AES_128_GCM_SHA256", "tls_versions": ["TLSv1.2"]}, "tls_ciphers: "),
        ({"tls_ciphers": ":::"}, "tls_ciphers: "),
    ],
)
def test_what_makes_no_sense(secured: Secured, given: dict[str, Any], words: str) -> None:
    fault = secured.refused(default_tls_container_ref=secured.web, **given)
    assert fault.startswith(f"Validation failure: {words}")
    made = secured.listener()
    assert secured.change(made, 400, **given) == fault
    assert secured.show(made)["updated_at"] is None


def test_http_3_where_the_hosts_can_do_it(secured: Secured, tmp_path: Path) -> None:
    words = "alpn_protocols: h3 cannot be had in this deployment: it needs a HAProxy with QUIC on the hosts"
    asked = {"alpn_protocols": ["h3", "h2", "http/1.1"]}
    assert words in secured.refused(default_tls_container_ref=secured.web, **asked)
    assert words in secured.change(secured.listener(), 400, **asked)
    pool = {"loadbalancer_id": secured.balancer["id"], "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"}
    assert (
        words
        in secured.world.call("POST", f"{LBAAS}/pools", {"pool": pool | asked}, user=MEMBER, expect=400)["faultstring"]
    )
    (tmp_path / "able").mkdir()
    world = make_world(tmp_path / "able", tls=TlsPolicy(http_3=True))
    able = Secured(world)
    made = able.listener(**asked)
    assert made["alpn_protocols"] == asked["alpn_protocols"]
    for given, fault in (
        ({"alpn_protocols": ["h3"]}, "alpn_protocols: h3 needs h2 or http/1.1 beside it"),
        ({"tls_versions": ["TLSv1.2"]}, "alpn_protocols: h3 needs TLSv1.3."),
    ):
        assert fault in able.change(made, 400, **given)
    pool["loadbalancer_id"] = able.balancer["id"]
    fault = world.call("POST", f"{LBAAS}/pools", {"pool": pool | asked}, user=MEMBER, expect=501)["faultstring"]
    assert "HAProxy speaks no h3 to members" in fault
    world.uow.close()


CURVES, RSA = "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256"


def test_ciphers_of_which_none_is_for_the_key(ruled: Secured) -> None:
    """In every handshake it would be found that there is none."""
    curve = ruled.store(make("curve.example.com"))
    rsa = ruled.store(make("rsa.example.com", kind="rsa2048"))
    only_2 = {"tls_versions": ["TLSv1.2"]}
    words = "tls_ciphers: No cipher of the list is for a key such as that of CN={} ({}) in these TLS versions"
    fault = ruled.refused(default_tls_container_ref=rsa, tls_ciphers=CURVES, **only_2)
    assert words.format("rsa.example.com", "RSA 2048") in fault
    fault = ruled.refused(default_tls_container_ref=curve, tls_ciphers=f"{RSA}:AES128-GCM-SHA256", **only_2)
    assert words.format("curve.example.com", "EC secp256r1") in fault
    made = ruled.listener(default_tls_container_ref=curve, tls_ciphers=CURVES, **only_2)
    for change in ({"default_tls_container_ref": rsa}, {"sni_container_refs": [rsa]}):
        assert words.format("rsa.example.com", "RSA 2048") in ruled.change(made, 400, **change)
    assert words.format("curve.example.com", "EC secp256r1") in ruled.change(made, 400, tls_ciphers=RSA)
    # TLS 1.3 has suites for every key.
    assert ruled.change(made, tls_versions=["TLSv1.2", "TLSv1.3"], tls_ciphers=f"{RSA}:TLS_AES_128_GCM_SHA256")
    assert words.format("curve.example.com", "EC secp256r1") in ruled.change(made, 400, **only_2)
    assert ruled.change(made, tls_ciphers=f"{RSA}:{CURVES}", sni_container_refs=[rsa], **only_2)


def test_ciphers_of_later_versions(tmp_path: Path) -> None:
    world = make_world(tmp_path, tls=TlsPolicy(expand=expand_ciphers))
    secured = Secured(world)
    old = {"default_tls_container_ref": secured.web, "tls_versions": ["TLSv1", "TLSv1.1"]}
    assert "tls_ciphers: No cipher of the list is for a key" in secured.refused(**old, tls_ciphers=CURVES)
    assert secured.listener(**old, tls_ciphers="ECDHE-ECDSA-AES128-SHA")
    world.uow.close()


def test_a_level_of_security_that_the_key_does_not_reach(ruled: Secured) -> None:
    fault = ruled.refused(default_tls_container_ref=ruled.web, tls_ciphers=f"{CURVES}:@SECLEVEL=4")
    assert "tls_ciphers: @SECLEVEL=4 asks for a longer key than that of CN=" in fault
    made = ruled.listener(tls_ciphers=f"{CURVES}:@SECLEVEL=3")
    assert "@SECLEVEL=5" in ruled.change(made, 400, tls_ciphers=f"{CURVES}:@SECLEVEL=2:@SECLEVEL=5")


@pytest.mark.parametrize(
    ("ciphers", "named"),
    [
        ("aNULL", "ADH-AES128-GCM-SHA256"),
        ("HIGH", "AECDH-AES128-SHA"),
        ("NULL-SHA256:AES128-SHA256", "NULL-SHA256. "),
        (f"{CURVES}:ADH-AES128-SHA:@SECLEVEL=0", "ADH-AES128-SHA. "),
        ("eNULL:!aNULL", "ECDHE-RSA-NULL-SHA"),
    ],
)
def test_ciphers_that_protect_nobody(ruled: Secured, ciphers: str, named: str) -> None:
    fault = ruled.refused(default_tls_container_ref=ruled.web, tls_ciphers=ciphers)
    assert fault.startswith("Validation failure: tls_ciphers: These ciphers do not show who the server is, or do not")
    assert named in fault
    made = ruled.listener(tls_ciphers=CURVES)
    assert ruled.change(made, 400, tls_ciphers=ciphers) == fault
    pool = {"loadbalancer_id": ruled.balancer["id"], "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"}
    body = {"pool": {**pool, "tls_enabled": True, "tls_ciphers": ciphers}}
    assert named in ruled.world.call("POST", f"{LBAAS}/pools", body, user=MEMBER, expect=400)["faultstring"]


def test_booleans_are_those_of_octavia(secured: Secured) -> None:
    """Its library takes 0 and 1 for them, too."""
    made = secured.listener(hsts_max_age=1, hsts_preload=1, hsts_include_subdomains="on")
    assert (made["hsts_preload"], made["hsts_include_subdomains"]) == (True, True)
    for value, shown in ((0, False), (1, True), ("off", False), ("t", True), (False, False)):
        changed = secured.change(made, hsts_preload=value, hsts_include_subdomains=value)
        assert (changed["hsts_preload"], changed["hsts_include_subdomains"]) == (shown, shown)
    strange: tuple[Any, ...] = (2, -1, 0.0, 1.5, "", "maybe", [], {})
    for value in strange:
        assert "hsts_preload" in secured.change(made, 400, hsts_preload=value), value


def test_what_haproxy_cannot_do(secured: Secured) -> None:
    given = {"default_tls_container_ref": secured.web}
    assert "tls_versions 'SSLv3'" in secured.refused(501, **given, tls_versions=["SSLv3", "TLSv1.3"])
    assert "tls_versions: " in secured.refused(501, **given, tls_versions=["TLSv1.1", "TLSv1.3"])


def test_every_reference_that_cannot_be_used_is_named(secured: Secured) -> None:
    weak = "11111111-2222-4333-8444-555555555555"
    foreign_key = secured.store(site().server, key=site().foreign.key_pem())
    half = secured.store(site().server, site().upper)
    bad = ["http://x/v1/secrets/y", secured.web, f"http://x/v1/secrets/{weak}", foreign_key, half]
    fault = secured.refused(default_tls_container_ref="nonsense", sni_container_refs=bad)
    assert fault.startswith("Validation failure: default_tls_container_ref: It is no reference")
    for words in (
        "sni_container_refs[0]: It is no reference",
        f"sni_container_refs[2]: Could not retrieve secrets/{weak}",
        "sni_container_refs[3]: The private key does not",
        "sni_container_refs[4]: The certificate of CN=Upper is not part of the chain",
    ):
        assert words in fault, fault
    assert "sni_container_refs[1]" not in fault
    made = secured.listener()
    before = secured.show(made)
    changed = secured.change(made, 400, sni_container_refs=bad)
    assert changed.removeprefix("Validation failure: ") == fault[fault.index("sni_container_refs[0]") :]
    assert secured.show(made) == before


def test_a_certificate_that_has_expired_is_refused(secured: Secured) -> None:
    old = make("old.example.com", days=0)
    reference = secured.store(old)
    made = secured.listener()
    secured.world.clock.advance(timedelta(days=1).total_seconds())
    for fault in (
        secured.refused(default_tls_container_ref=reference),
        secured.change(made, 400, sni_container_refs=[reference]),
    ):
        assert "The certificate of CN=old.example.com has expired on 2026-01-01." in fault
    # One in the middle of the chain; not the root, which clients have themselves.
    root = make("Old Root", authority=True, days=0)
    middle = make("Old Middle", root, authority=True, days=0)
    by_root = secured.store(make("a.example.com", root), root)
    by_middle = secured.store(make("b.example.com", middle), middle, root)
    assert secured.listener(8443, default_tls_container_ref=by_root)
    assert "CN=Old Middle has expired" in secured.refused(default_tls_container_ref=by_middle)


def test_nobody_uses_the_secret_of_another_project(secured: Secured) -> None:
    red = secured.store(make("red.example.com"), user="red:member")
    fault = secured.refused(default_tls_container_ref=red)
    assert fault.startswith("Validation failure: default_tls_container_ref: Could not retrieve secrets/")
    body = {"loadbalancer_id": secured.balancer["id"], "protocol": "TERMINATED_HTTPS", "protocol_port": 443}
    # Not by an administrator either, whose own may be: it is the load balancer's project that counts.
    admins = secured.store(make("admin.example.com"), user="admin:admin")
    for reference in (red, admins):
        fault = secured.world.call(
            "POST", LISTENERS, {"listener": {**body, "default_tls_container_ref": reference}}, expect=400
        )
    assert secured.world.call(
        "POST", LISTENERS, {"listener": {**body, "default_tls_container_ref": secured.web}}, expect=201
    )


def test_a_store_that_cannot_be_asked(secured: Secured, monkeypatch: pytest.MonkeyPatch) -> None:
    made = secured.listener()

    def away(self: object, reference: str, project_id: str) -> Bundle:
        raise StoreUnavailable("no answer from 192.0.2.1")

    monkeypatch.setattr("evenload.secrets.reading.StoredCertificates.bundle", away)
    words = "default_tls_container_ref: the store of secrets is not available at present. Please try again."
    assert secured.refused(503, default_tls_container_ref=secured.web) == words
    assert secured.change(made, 503, default_tls_container_ref=secured.web) == words
    assert secured.change(made, name="still changed")["name"] == "still changed"


def test_a_load_balancer_with_all_at_once(secured: Secured) -> None:
    policy = {"action": "REDIRECT_TO_URL", "redirect_url": "https://a.example/", "rules": []}
    listener = {
        "protocol": "TERMINATED_HTTPS",
        "protocol_port": 443,
        "default_tls_container_ref": secured.web,
        "sni_container_refs": [secured.other],
        "hsts_max_age": 1,
        "l7policies": [policy],
        "insert_headers": {"X-Forwarded-Proto": "true"},
        "default_pool": {"protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"},
    }
    made = secured.world.balancer(secured.subnet, listeners=[listener])
    [shown] = made["listeners"]
    expected = {**DEFAULTS, **within(listener, {"sni_container_refs": 0, "hsts_max_age": 0})}
    assert within(shown, {**expected, "default_tls_container_ref": 0}) == {
        **expected,
        "default_tls_container_ref": secured.web,
    }
    body = {"vip_subnet_id": secured.subnet["id"], "listeners": [{**listener, "default_tls_container_ref": "x"}]}
    fault = secured.world.call("POST", f"{LBAAS}/loadbalancers", {"loadbalancer": body}, user=MEMBER, expect=400)
    assert fault["faultstring"].startswith("Validation failure: default_tls_container_ref: ")
    body["listeners"] = [{**listener, "tls_versions": []}]
    fault = secured.world.call("POST", f"{LBAAS}/loadbalancers", {"loadbalancer": body}, user=MEMBER, expect=400)
    assert fault["faultstring"].startswith("Validation failure: tls_versions: ")


def test_pools_beneath(secured: Secured) -> None:
    answers = {"HTTP": 201, "PROXY": 201, "PROXYV2": 201, "TCP": 400, "HTTPS": 400}
    for port, (protocol, status) in enumerate(answers.items(), 1):
        listener = secured.listener(port)
        body = {"listener_id": listener["id"], "protocol": protocol, "lb_algorithm": "ROUND_ROBIN"}
        secured.world.call("POST", f"{LBAAS}/pools", {"pool": body}, user=MEMBER, expect=status)


def test_filters_and_order(secured: Secured) -> None:
    plain = secured.world.listener(secured.balancer, 80, name="plain")
    secured.listener(443, name="web", hsts_max_age=9, hsts_preload=True)
    secured.listener(
        8443, name="other", default_tls_container_ref=secured.other, tls_ciphers="ECDHE-RSA-AES128-GCM-SHA256"
    )

    def names(query: str) -> list[str]:
        return [each["name"] for each in secured.world.get(LISTENERS, query_string=query)["listeners"]]

    for query, found in (
        (f"default_tls_container_ref={secured.web}", ["web"]),
        ("default_tls_container_ref=x", []),
        ("protocol=TERMINATED_HTTPS", ["web", "other"]),
        ("tls_ciphers=ECDHE-RSA-AES128-GCM-SHA256", ["other"]),
        ("hsts_max_age=9", ["web"]),
        ("hsts_preload=true", ["web"]),
        ("hsts_preload=false&hsts_include_subdomains=false", ["plain", "other"]),
        ("sort=hsts_max_age:desc,name", ["web", "other", "plain"]),
        ("sort=hsts_preload:desc,name:desc", ["web", "plain", "other"]),
    ):
        assert names(query) == found, query
    assert plain["tls_versions"] == []
    for name in ("sni_container_refs", "tls_versions", "alpn_protocols"):
        secured.world.call("GET", LISTENERS, query_string=f"{name}=x", expect=400)


def test_the_settings_of_an_administrator(ruled: Secured) -> None:
    made = ruled.listener()
    assert made["tls_ciphers"] == "ECDHE-ECDSA-AES128-GCM-SHA256"
    assert made["tls_versions"] == ["TLSv1.2"]
    for given, words in (
        ({"tls_versions": ["TLSv1.1", "TLSv1.2"]}, "less than the minimum: TLSv1.1 < TLSv1.2"),
        ({"tls_ciphers": "AES128-SHA:AES256-SHA"}, "prohibited by an administrator: AES128-SHA"),
        ({"tls_ciphers": "ALL:!aNULL"}, "prohibited by an administrator: AES128-SHA"),
        ({"tls_ciphers": "TLS_AES_128_CCM_SHA256"}, "prohibited by an administrator: TLS_AES_128_CCM_SHA256"),
        ({"tls_ciphers": "CHEESE"}, "tls_ciphers: The list of ciphers holds none that is known."),
    ):
        assert words in ruled.change(made, 400, **given)
        assert words in ruled.refused(default_tls_container_ref=ruled.web, **given)
    assert ruled.change(made, tls_ciphers="ALL:!aNULL:-AES128-SHA")["tls_ciphers"] == "ALL:!aNULL:-AES128-SHA"
    assert ruled.change(made, tls_ciphers=None)["tls_ciphers"] == "ECDHE-ECDSA-AES128-GCM-SHA256"


def test_no_prohibited_suite_comes_in_by_saying_nothing_of_suites(tmp_path: Path) -> None:
    """A list that names no suite of TLS 1.3 leaves all usual ones to the TLS library."""
    defaults = TlsDefaults(ciphers=f"{_SUITE}:{_CIPHER}")
    prohibited = frozenset({"TLS_AES_256_GCM_SHA384"})
    policy = TlsPolicy(prohibited=prohibited, expand=expand_ciphers, listeners=defaults, pools=defaults)
    world = make_world(tmp_path, tls=policy)
    secured = Secured(world)
    made = secured.listener()
    words = "tls_ciphers: Without a suite of TLS 1.3 in the list all that are usual hold"
    pool = {"loadbalancer_id": secured.balancer["id"], "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"}
    for ciphers, versions, wrong in (
        (_CIPHER, ["TLSv1.2", "TLSv1.3"], True),
        (_CIPHER, ["TLSv1.3"], True),
        (_CIPHER, ["TLSv1.2"], False),
        (f"{_SUITE}:{_CIPHER}", ["TLSv1.2", "TLSv1.3"], False),
    ):
        given = {"tls_ciphers": ciphers, "tls_versions": versions}
        answer = secured.change(made, 400 if wrong else 200, **given)
        assert not wrong or words in answer
        body = {"pool": {**pool, "tls_enabled": True, **given}}
        answer = world.call("POST", f"{LBAAS}/pools", body, user=MEMBER, expect=400 if wrong else 201)
        assert not wrong or words in answer["faultstring"]
    secured.change(made, tls_ciphers=_CIPHER, tls_versions=["TLSv1.2"])
    assert words in secured.change(made, 400, tls_versions=["TLSv1.2", "TLSv1.3"])
    world.uow.close()


def test_what_an_administrator_has_switched_off(tmp_path: Path) -> None:
    off = Allowed(tls_terminated_listeners=False, ping_health_monitors=False)
    world = make_world(tmp_path, allowed=off)
    secured = Secured(world)
    words = "The selected protocol is not allowed in this deployment: TERMINATED_HTTPS"
    assert secured.refused(default_tls_container_ref=secured.web) == words
    listener = {"protocol": "TERMINATED_HTTPS", "protocol_port": 1, "default_tls_container_ref": secured.web}
    body = {"vip_subnet_id": secured.subnet["id"], "listeners": [listener]}
    fault = world.call("POST", f"{LBAAS}/loadbalancers", {"loadbalancer": body}, user=MEMBER, expect=400)
    assert fault["faultstring"] == words
    monitor = {"type": "PING", "delay": 5, "timeout": 3, "max_retries": 2}
    pool = world.pool(secured.balancer)
    nested = {"loadbalancer_id": secured.balancer["id"], "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"}
    for path, wanted in (
        ("healthmonitors", {"healthmonitor": {"pool_id": pool["id"], **monitor}}),
        ("pools", {"pool": {**nested, "healthmonitor": monitor}}),
    ):
        fault = world.call("POST", f"{LBAAS}/{path}", wanted, user=MEMBER, expect=400)
        assert fault["faultstring"] == "The selected type is not allowed in this deployment: PING"
    world.monitor(pool, type="TCP")
    world.uow.close()


# ---------------------------------------------------------------------------------------------- certificates of clients


@pytest.fixture
def judging(secured: Secured) -> dict[str, Any]:
    """What a listener may ask of clients: an authority, and what it has taken back."""
    return {
        "client_ca_tls_container_ref": secured.store_text(site().root.pem.decode()),
        "client_authentication": "MANDATORY",
        "client_crl_container_ref": secured.store_text(revocations(site().root, 7).decode()),
    }


def test_certificates_of_clients(secured: Secured, judging: dict[str, Any]) -> None:
    made = secured.listener(**judging)
    assert within(made, judging) == judging
    assert secured.show(made) == made
    with secured.world.uow.read() as transaction:
        tree = transaction.tree(secured.balancer["id"])
    assert tree is not None
    tls = tree.listeners[made["id"]].item.tls
    assert tls is not None
    places = [read_used_place(each.id) for each in tls.secrets]
    assert [each.use.value for each in places if each is not None] == ["bundle", "authorities", "revocations"]
    changed = secured.change(made, client_crl_container_ref=None, client_authentication="OPTIONAL")
    assert within(changed, judging) == {
        **judging,
        "client_crl_container_ref": None,
        "client_authentication": "OPTIONAL",
    }
    assert secured.change(made, client_authentication=None)["client_authentication"] == "NONE"
    assert secured.change(made, client_ca_tls_container_ref=None)["client_ca_tls_container_ref"] is None
    assert within(secured.change(made, **judging), judging) == judging


def test_what_comes_into_force_is_looked_at_first(secured: Secured, judging: dict[str, Any]) -> None:
    """References that were of no use yet may lead nowhere any more."""
    made = secured.listener(**{**judging, "client_authentication": "NONE"})
    for name in ("client_crl_container_ref", "client_ca_tls_container_ref"):
        path = judging[name].partition("/v1")[2]
        secured.world.call("DELETE", f"/v1{path}", user=MEMBER, expect=204)
        fault = secured.change(made, 400, client_authentication="MANDATORY")
        assert f"{name}: " in fault
    assert secured.change(made, name="x")["client_authentication"] == "NONE"
    nothing = {"client_ca_tls_container_ref": None, "client_crl_container_ref": None}
    assert within(secured.change(made, **nothing), nothing) == nothing


def test_certificates_of_clients_need_authorities(secured: Secured, judging: dict[str, Any]) -> None:
    made = secured.listener(8443, **judging)
    web = {"default_tls_container_ref": secured.web}
    revoked = judging["client_crl_container_ref"]
    for name, value in (("client_authentication", "OPTIONAL"), ("client_crl_container_ref", revoked)):
        assert secured.refused(**web, **{name: value}).startswith(f"Validation failure: {name}: ")
    assert "client_authentication: " in secured.change(made, 400, client_ca_tls_container_ref=None)
    fault = secured.change(made, 400, client_ca_tls_container_ref=None, client_authentication="NONE")
    assert fault.startswith("Validation failure: client_crl_container_ref: ")
    assert within(secured.show(made), judging) == judging


def test_authorities_by_whom_nobody_can_be_verified(secured: Secured, judging: dict[str, Any]) -> None:
    """HAProxy's TLS library follows every chain to one that has signed itself (test_client_certificates)."""
    root = make("A Root", authority=True)
    middle = make("A Middle", root, authority=True)
    leaf, alone = make("leaf.example", middle), make("alone.example")
    web = {"default_tls_container_ref": secured.web, "client_authentication": "MANDATORY"}
    for number, (stored, lacking) in enumerate(
        (([leaf], leaf), ([middle], middle), ([leaf, middle], leaf), ([middle, root], None), ([alone], None))
    ):
        reference = secured.store_text(b"".join(each.pem for each in stored).decode())
        given = {**web, "client_ca_tls_container_ref": reference}
        if lacking is None:
            assert secured.listener(9000 + number, **given)
            continue
        fault = secured.refused(**given)
        name = lacking.certificate.subject.rfc4514_string()
        assert f"client_ca_tls_container_ref: The certificate of {name} is no root" in fault
        made = secured.listener(9000 + number, **judging)
        assert "is no root" in secured.change(
            made, 400, client_crl_container_ref=None, client_ca_tls_container_ref=reference
        )


def test_revocations_are_those_of_the_authorities(secured: Secured, judging: dict[str, Any]) -> None:
    foreign = secured.store_text(revocations(site().foreign, 7).decode())
    # By its name it could be the root's.
    forged = secured.store_text(revocations(make("Root", authority=True)).decode())
    web = {"default_tls_container_ref": secured.web}
    made = secured.listener(8443, **judging)
    for reference, name in ((foreign, "Foreign"), (forged, "Root")):
        words = f"client_crl_container_ref: The list of CN={name} is not signed by one of the authorities."
        assert words in secured.refused(**web, **{**judging, "client_crl_container_ref": reference})
        assert words in secured.change(made, 400, client_crl_container_ref=reference)
    # The list that is there is held against authorities that come.
    other = secured.store_text(site().foreign.pem.decode())
    fault = secured.change(made, 400, client_ca_tls_container_ref=other)
    assert "client_crl_container_ref: The list of CN=Root is not signed by one of the authorities." in fault
    both = secured.store_text((site().foreign.pem + site().root.pem).decode())
    assert secured.change(made, client_ca_tls_container_ref=both)["client_ca_tls_container_ref"] == both
    secured.world.clock.advance(timedelta(days=8).total_seconds())
    fault = secured.change(made, 400, client_crl_container_ref=judging["client_crl_container_ref"])
    assert "The list of CN=Root should have been replaced by 2026-01-08." in fault
    secured.world.clock.advance(timedelta(days=400).total_seconds())
    fault = secured.change(made, 400, client_ca_tls_container_ref=other)
    assert "client_ca_tls_container_ref: The certificate of CN=Foreign has expired on 2027-01-01." in fault


def test_filters_by_what_is_asked_of_clients(secured: Secured, judging: dict[str, Any]) -> None:
    asking, silent = secured.listener(443, **judging), secured.listener(8443)
    for query, found in (
        ("client_authentication=MANDATORY", [asking]),
        ("client_authentication=NONE", [silent]),
        (f"client_ca_tls_container_ref={judging['client_ca_tls_container_ref']}", [asking]),
        (f"client_crl_container_ref={judging['client_crl_container_ref']}", [asking]),
        ("sort=client_authentication:desc", [silent, asking]),
    ):
        assert secured.world.get(LISTENERS, query_string=query)["listeners"] == found, query
    secured.world.call("GET", LISTENERS, query_string="client_authentication=SOMETIMES", expect=400)


def test_a_listener_shows_when_its_certificates_expire(secured: Secured) -> None:
    shown = secured.listener(sni_container_refs=[secured.other, secured.web])["tls_certificates"]
    assert [each["reference"] for each in shown] == [secured.web, secured.other]
    assert shown[1]["subject"] == "CN=other.example.com"
    until = make("other.example.com").certificate.not_valid_after_utc
    assert shown[1]["not_after"] == until.replace(tzinfo=None).isoformat()
    assert secured.world.listener(secured.balancer, 80)["tls_certificates"] == []


def test_without_a_machine_every_reference_is_one(tmp_path: Path) -> None:
    world = make_world(tmp_path, certificates=NoopCertificates())
    secured = Secured(world)
    asked: dict[str, Any] = {
        "default_tls_container_ref": "anything",
        "sni_container_refs": ["http://nowhere/1", secured.web],
        "client_ca_tls_container_ref": "else",
        "client_crl_container_ref": "http://nowhere/v1/secrets/11111111-2222-4333-8444-555555555555",
        "client_authentication": "OPTIONAL",
    }
    made = secured.listener(**asked)
    assert within(made, asked) == asked
    assert within(secured.change(made, default_tls_container_ref="other"), {**asked}) == {
        **asked,
        "default_tls_container_ref": "other",
    }
    world.uow.close()


def test_lbaas_v1_knows_nothing_of_it(secured: Secured) -> None:
    world = secured.world
    pool = world.v1_pool()
    vip = world.vip(pool, secured.subnet)
    [balancer] = [
        each for each in world.get(f"{LBAAS}/loadbalancers")["loadbalancers"] if each["vip_port_id"] == vip["port_id"]
    ]
    body = {"loadbalancer_id": balancer["id"], "protocol": "TERMINATED_HTTPS", "protocol_port": 443}
    body |= {"default_tls_container_ref": secured.web, "default_pool_id": pool["id"]}
    made = world.post(LISTENERS, {"listener": body}, user=MEMBER)
    shown = {name: world.get(f"{LB}/{name}", user=MEMBER)[name] for name in ("vips", "pools")}
    assert [each["id"] for each in shown["vips"]] == [vip["id"]]
    assert [(each["id"], each["vip_id"], each["protocol"]) for each in shown["pools"]] == [
        (pool["id"], vip["id"], "HTTP")
    ]
    assert "TERMINATED_HTTPS" not in str(shown)
    world.call("GET", f"{LB}/vips/{made['id']}", user=MEMBER, expect=404)
    world.call("GET", f"{LB}/pools/{pool['id']}/stats", user=MEMBER, expect=200)
    changed = world.call("PUT", f"{LB}/vips/{vip['id']}", {"vip": {"name": "x"}}, user=MEMBER, expect=200)
    assert changed["vip"]["name"] == "x"
    for protocol in ("TERMINATED_HTTPS",):
        wrong = {"vip": {"pool_id": world.v1_pool()["id"], "subnet_id": secured.subnet["id"], "protocol": protocol}}
        wrong["vip"]["protocol_port"] = 443
        kind, _ = world.v1_error("POST", f"{LB}/vips", wrong, user=MEMBER, expect=400)
        assert kind == "InvalidInput"
    world.call("DELETE", f"{LB}/vips/{vip['id']}", user=MEMBER, expect=204)
    assert secured.show(made)["default_tls_container_ref"] == secured.web
