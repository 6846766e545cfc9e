"""What each announced version promises, row by row: the request, and whether it is done or refused by its name.

A version says that the API knows an attribute, a value or a resource; 501 says that this provider cannot do it. What
must not happen: 400 for something unknown, or a value that is taken and ignored. Source: Octavia's list of versions.
"""

from typing import Any

import pytest
from tests.unit.api.conftest import LBAAS, Furnished, World
from tests.unit.secrets.authority import site

from evenload.api.fields import shown

AMPHORAE = "/v2/octavia/amphorae"
SECRET = "http://secrets/1"
POLICY = {"action": "REDIRECT_TO_URL", "redirect_url": "http://b.example/"}
RULE = {"type": "PATH", "compare_type": "EQUAL_TO", "value": "/"}

DONE: list[tuple[str, str, dict[str, Any]]] = [
    ("v2.0", "loadbalancer", {"description": "d", "admin_state_up": False}),
    ("v2.1", "listener", {"timeout_client_data": 1, "timeout_member_connect": 2, "timeout_member_data": 3}),
    ("v2.1", "listener", {"timeout_tcp_inspect": 4}),
    ("v2.1", "listener", {"insert_headers": {"X-Forwarded-Proto": "true"}}),
    ("v2.1", "member", {"backup": True}),
    *[("v2.5", kind, {"tags": ["a"]}) for kind in ("loadbalancer", "listener", "pool", "member", "healthmonitor")],
    ("v2.10", "healthmonitor", {"http_version": 1.1, "domain_name": "a.example"}),
    ("v2.12", "listener", {"allowed_cidrs": ["10.0.0.0/8"]}),
    ("v2.22", "pool", {"protocol": "PROXYV2"}),
    ("v2.8", "TLS listener", {"client_authentication": "OPTIONAL", "client_ca_tls_container_ref": SECRET}),
    ("v2.8", "pool", {"tls_enabled": True}),
    ("v2.15", "pool", {"tls_enabled": True, "tls_ciphers": "ECDHE-RSA-AES128-GCM-SHA256"}),
    ("v2.18", "pool", {"tls_enabled": True, "tls_versions": ["TLSv1.3"]}),
    ("v2.24", "pool", {"tls_enabled": True, "alpn_protocols": ["http/1.1"]}),
    ("v2.15", "TLS listener", {"tls_ciphers": "ECDHE-ECDSA-AES128-GCM-SHA256"}),
    ("v2.17", "TLS listener", {"tls_versions": ["TLSv1.3"]}),
    ("v2.20", "TLS listener", {"alpn_protocols": ["h2"]}),
    ("v2.27", "TLS listener", {"hsts_max_age": 1, "hsts_include_subdomains": True, "hsts_preload": True}),
    ("v2.25", "listener", {"protocol": "PROMETHEUS"}),
]
REFUSED: list[tuple[str, str, dict[str, Any]]] = [
    ("v2.2", "listener", {"protocol": "UDP"}),
    ("v2.2", "pool", {"protocol": "UDP"}),
    ("v2.13", "pool", {"lb_algorithm": "SOURCE_IP_PORT"}),
    ("v2.16", "pool", {"protocol": "UDP"}),  # under which monitors of HTTP and TCP would be new
    ("v2.23", "listener", {"protocol": "SCTP"}),
    ("v2.23", "pool", {"protocol": "SCTP"}),
]
UNFIT: list[tuple[str, str, dict[str, Any]]] = [
    ("v2.2", "healthmonitor", {"type": "UDP-CONNECT"}),
    ("v2.2", "pool", {"session_persistence": {"type": "SOURCE_IP", "persistence_timeout": 5}}),
    ("v2.2", "pool", {"session_persistence": {"type": "SOURCE_IP", "persistence_granularity": "255.255.255.0"}}),
    ("v2.23", "healthmonitor", {"type": "SCTP"}),
    ("v2.30", "member", {"request_sriov": True}),
]
"""What is for pools and flavors that do not exist here: as with Octavia, 400 on all others."""
FOREIGN: list[tuple[str, str, dict[str, Any]]] = [
    ("v2.0", "loadbalancer", {"vip_qos_policy_id": "11111111-2222-4333-8444-555555555555"}),
    ("v2.29", "loadbalancer", {"vip_sg_ids": ["11111111-2222-4333-8444-555555555555"]}),
]
"""Ids of what does not exist here: as with Octavia, 400 and "not found"."""
ANSWERED_ONLY: list[tuple[str, str, dict[str, Any]]] = [
    ("v2.28", "loadbalancer", {"vip_vnic_type": "normal"}),
    ("v2.30", "member", {"vnic_type": "normal"}),
]
"""What answers show and no request may hold, with Octavia neither."""
OTHERWISE = {"v2.3", "v2.4", "v2.6", "v2.7", "v2.9", "v2.11", "v2.14", "v2.19", "v2.21", "v2.26"}
"""Versions that brought resources or calls: a test each, below."""


def announced(world: World) -> list[str]:
    return [each["id"] for each in world.get("/")["versions"]]


def test_no_version_is_without_a_row(world: World) -> None:
    rows = {version for version, _, _ in (*DONE, *REFUSED, *UNFIT, *FOREIGN, *ANSWERED_ONLY)}
    assert rows.isdisjoint(OTHERWISE)
    assert rows | OTHERWISE == set(announced(world))


def stored(furnished: Furnished) -> str:
    """The reference of a certificate with its key."""
    text = (
        site().server.pem + site().server.key_pem() + site().lower.pem + site().upper.pem + site().root.pem
    ).decode()
    body = {"payload": text, "payload_content_type": "text/plain"}
    made = furnished.world.call("POST", "/v1/secrets", body, user="blue:member", expect=201)
    return str(made["secret_ref"])


def row(furnished: Furnished, kind: str, body: dict[str, Any], expect: int) -> Any:
    collection, good, _ = furnished.good[kind]
    return furnished.world.call("POST", f"{LBAAS}/{collection}", {kind: {**good, **body}}, expect=expect)


@pytest.mark.parametrize(("version", "kind", "body"), DONE)
def test_what_is_done(furnished: Furnished, version: str, kind: str, body: dict[str, Any]) -> None:
    if kind == "TLS listener":
        certificate = stored(furnished)
        kind, body = "listener", {**body, "protocol": "TERMINATED_HTTPS", "default_tls_container_ref": certificate}
        if "client_ca_tls_container_ref" in body:
            body["client_ca_tls_container_ref"] = certificate
    made = row(furnished, kind, body, 201)[kind]
    assert {name: made[name] for name in body} == body


@pytest.mark.parametrize(("version", "kind", "body"), REFUSED)
def test_what_the_api_knows_and_the_provider_cannot_do(
    furnished: Furnished, version: str, kind: str, body: dict[str, Any]
) -> None:
    before = furnished.everything()
    fault = row(furnished, kind, body, 501)
    assert fault["faultcode"] == "Server"
    assert fault["faultstring"].startswith("Provider 'evenload' does not support a requested option: ")
    [(name, value)] = body.items()
    assert f"{name} '{shown(value)}'" in fault["faultstring"]
    _, _, one = furnished.good[kind]
    settable = row_of_updates(kind, body)
    if settable:
        furnished.world.call("PUT", f"{LBAAS}/{one}", {kind: body}, expect=501)
    assert furnished.everything() == before


@pytest.mark.parametrize(("version", "kind", "body"), UNFIT)
def test_what_is_for_others(furnished: Furnished, version: str, kind: str, body: dict[str, Any]) -> None:
    [(name, value)] = body.items()
    if isinstance(value, dict):
        name = list(value)[-1]
    before = furnished.everything()
    fault = row(furnished, kind, body, 400)["faultstring"]
    assert name in fault
    assert "allow_member_sriov" in fault or "pools of the protocols UDP and SCTP" in fault
    _, _, one = furnished.good[kind]
    furnished.world.call("PUT", f"{LBAAS}/{one}", {kind: body}, expect=400)
    assert furnished.everything() == before


def row_of_updates(kind: str, body: dict[str, Any]) -> bool:
    """Whether a PUT may hold it at all."""
    return "protocol" not in body


@pytest.mark.parametrize(("version", "kind", "body"), FOREIGN)
def test_ids_of_what_does_not_exist_here(furnished: Furnished, version: str, kind: str, body: dict[str, Any]) -> None:
    [name] = body
    fault = row(furnished, kind, body, 400)["faultstring"]
    assert name in fault
    assert fault.endswith(" not found.")


@pytest.mark.parametrize(("version", "kind", "body"), ANSWERED_ONLY)
def test_what_answers_alone_show(furnished: Furnished, version: str, kind: str, body: dict[str, Any]) -> None:
    [name] = body
    assert row(furnished, kind, body, 400)["faultstring"] == f"Unknown attribute for argument {kind}: {name}"
    _, _, one = furnished.good[kind]
    assert furnished.world.get(f"{LBAAS}/{one}")[kind][name] == body[name]


# ------------------------------------------------------------------------------------------------ resources and calls


def amphora(world: World) -> Any:
    [found] = world.get(AMPHORAE)["amphorae"]
    return found


def test_v2_1_and_v2_3_amphorae_have_an_image_and_a_flavor_of_their_machine(furnished: Furnished) -> None:
    shown_there = amphora(furnished.world)
    assert (shown_there["image_id"], shown_there["compute_flavor"]) == (None, None)  # there are no machines


def test_v2_4_v2_7_and_v2_21_calls_of_amphorae(furnished: Furnished) -> None:
    world = furnished.world
    path = f"{AMPHORAE}/{amphora(world)['id']}"
    fault = world.call("GET", f"{path}/stats", expect=404)["faultstring"]  # nothing was counted yet
    assert fault.startswith("Amphora Statistics ")
    world.call("PUT", f"{path}/config", expect=202)
    world.call("DELETE", path, expect=409)  # only one in ERROR


def test_v2_6_flavors(furnished: Furnished) -> None:
    world = furnished.world
    profile = {"name": "p", "provider_name": "evenload", "flavor_data": '{"loadbalancer_topology": "SINGLE"}'}
    made = world.post(f"{LBAAS}/flavorprofiles", {"flavorprofile": profile})
    flavor = world.post(f"{LBAAS}/flavors", {"flavor": {"name": "f", "flavor_profile_id": made["id"]}})
    assert row(furnished, "loadbalancer", {"flavor_id": flavor["id"]}, 201)["loadbalancer"]["flavor_id"] == flavor["id"]


def test_v2_9_codes_of_redirections_and_v2_19_quotas_of_l7(furnished: Furnished) -> None:
    world = furnished.world
    body = {"listener_id": furnished.listener["id"], **POLICY, "redirect_http_code": 308}
    policy = world.post(f"{LBAAS}/l7policies", {"l7policy": body})
    assert policy["redirect_http_code"] == 308
    world.call("PUT", f"{LBAAS}/quotas/blue", {"quota": {"l7policy": 1, "l7rule": 0}}, expect=202)
    world.call("POST", f"{LBAAS}/l7policies", {"l7policy": body}, expect=403)
    world.call("POST", f"{LBAAS}/l7policies/{policy['id']}/rules", {"rule": RULE}, expect=403)


def test_v2_11_a_batch_that_only_adds(furnished: Furnished) -> None:
    path = f"{LBAAS}/pools/{furnished.pool['id']}/members"
    member = {"address": "10.9.0.9", "protocol_port": 80}
    furnished.world.call("PUT", path, {"members": [member]}, query_string="additive_only=true", expect=202)
    assert len(furnished.world.get(path)["members"]) == 2


def test_v2_14_availability_zones(furnished: Furnished) -> None:
    world = furnished.world
    profile = {"name": "p", "provider_name": "evenload", "availability_zone_data": '{"compute_zone": "nova"}'}
    made = world.post(f"{LBAAS}/availabilityzoneprofiles", {"availability_zone_profile": profile})
    zone = {"name": "az", "availability_zone_profile_id": made["id"]}
    world.post(f"{LBAAS}/availabilityzones", {"availability_zone": zone})
    placed = row(furnished, "loadbalancer", {"availability_zone": "az"}, 201)["loadbalancer"]
    assert placed["availability_zone"] == "az"


def test_v2_26_additional_vips(furnished: Furnished) -> None:
    network = {"id": furnished.balancer["vip_network_id"]}
    six = furnished.world.subnet(network, "2001:db8:1::/64")
    made = row(furnished, "loadbalancer", {"additional_vips": [{"subnet_id": six["id"]}]}, 201)["loadbalancer"]
    assert [each["subnet_id"] for each in made["additional_vips"]] == [six["id"]]
