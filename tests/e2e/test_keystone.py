"""Callers with the tokens of a real Keystone, from the token to the load balancer."""

import http.client
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from demo.service import Service
from tests.e2e.keystone_site import ROLES, SERVICE_PASSWORD, Site, password_of, settings, user_of
from tests.e2e.world import Reply, ask
from tests.identity_service.keystone import ADMIN_PASSWORD
from tests.waiting import NET, eventually

LBS = "/v2.0/lbaas/loadbalancers"
NOWHERE = "11111111-2222-4333-8444-555555555555"
UNREACHABLE = "The identity service cannot be reached at present. Please try again."


@pytest.fixture
def site(keystone_site: Site) -> Site:
    return keystone_site


# Own list, another's list, a body that the policy sees before anybody else does, the own quota, changing a quota, an
# administrator's list.
READS, GLOBAL, WRITES, QUOTA, CHANGES, AGENTS = range(6)
MAY: dict[str, tuple[int, ...]] = {
    "reader": (READS, QUOTA),
    "member": (READS, WRITES, QUOTA),
    "manager": (READS, WRITES, QUOTA),  # Keystone's manager implies member
    "admin": (READS, GLOBAL, WRITES, QUOTA, CHANGES, AGENTS),
    "service": (),
    "load-balancer_observer": (READS, QUOTA),
    "load-balancer_member": (READS, WRITES, QUOTA),
    "load-balancer_global_observer": (READS, GLOBAL, QUOTA),
    "load-balancer_quota_admin": (QUOTA, CHANGES),
    "load-balancer_admin": (READS, GLOBAL, WRITES, QUOTA, CHANGES, AGENTS),
    "nothing": (),
}


def test_each_role_may_what_it_may_with_a_real_token(site: Site) -> None:
    blue, red = site.projects["blue"], site.projects["red"]
    calls: list[tuple[str, str, Any, int]] = [
        ("GET", LBS, None, 200),
        ("GET", f"{LBS}?project_id={red}", None, 200),
        ("POST", LBS, {"loadbalancer": {"vip_network_id": NOWHERE}}, 400),
        ("GET", f"/v2.0/lbaas/quotas/{blue}", None, 200),
        ("PUT", f"/v2.0/lbaas/quotas/{blue}", {"quota": {"loadbalancer": -1}}, 202),
        ("GET", "/v2.0/agents", None, 200),
    ]
    found = {}
    for role in ROLES:
        token = site.token(role)
        replies = [site.ask(method, path, body, token=token).status for method, path, body, _ in calls]
        assert all(status in (403, calls[number][3]) for number, status in enumerate(replies)), (role, replies)
        found[role] = tuple(number for number, status in enumerate(replies) if status != 403)
    assert found == MAY


def test_tokens_without_a_project(site: Site) -> None:
    """Unscoped: nobody's. Of the whole system: an administrator's is good everywhere, as with Octavia; who creates has
    to say for whom."""
    unscoped = site.keystone.token(user_of("member"), user_of("member"))
    assert site.ask("GET", LBS, token=unscoped).status == 403
    system = site.keystone.token("admin", ADMIN_PASSWORD, {"system": {"all": True}})
    assert site.ask("GET", LBS, token=system).status == 200
    body = {"loadbalancer": {"vip_subnet_id": site.subnet_id}}
    refused = site.ask("POST", LBS, body, token=system)
    assert (refused.status, "Missing project ID" in refused.fault) == (400, True)


def test_who_has_no_good_token_is_told_where_to_get_one(site: Site) -> None:
    for token in (None, "nonsense", "", "two words"):
        reply = site.ask("GET", LBS, token=token)
        assert (reply.status, reply.headers["www-authenticate"]) == (401, f'Keystone uri="{site.keystone.url}"')
        assert reply.body["faultcode"] == "Client"
    neutron = site.ask("GET", "/v2.0/networks", token="nonsense")
    assert (neutron.status, neutron.body["NeutronError"]["type"]) == (401, "Unauthorized")
    for public in ("/", "/v2.0"):
        assert site.ask("GET", public).status == 200


def test_nobody_gives_himself_what_only_keystone_gives(site: Site) -> None:
    forged = {
        "X-Auth-Token": site.token("reader"),
        "X-Roles": "admin",
        "X-Identity-Status": "Confirmed",
        "X-Project-Id": site.projects["red"],
        "X-User-Id": "root",
    }
    port = site.service.port
    assert ask(port, "GET", "/v2.0/agents", headers=forged).status == 403
    assert ask(port, "GET", f"{LBS}?project_id={site.projects['red']}", headers=forged).status == 403
    del forged["X-Auth-Token"]
    assert ask(port, "GET", LBS, headers=forged).status == 401


def test_a_revoked_token_is_good_for_nothing(site: Site) -> None:
    token = site.token("member")
    site.keystone.revoke(token)
    assert site.ask("GET", LBS, token=token).status == 401


def application_credential(site: Site, name: str, **more: Any) -> tuple[str, str]:
    """Its id and its secret: of the user member."""
    token = site.token("member")
    own = site.keystone.call("GET", "auth/tokens", token=token, subject=token).body["token"]["user"]["id"]
    body = {"application_credential": {"name": name, **more}}
    answer = site.keystone.call("POST", f"users/{own}/application_credentials", body, token=token)
    assert answer.status == 201, answer
    made = answer.body["application_credential"]
    return made["id"], made["secret"]


def token_of(site: Site, credential: tuple[str, str]) -> str:
    identifier, secret = credential
    return site.keystone.login(
        {"methods": ["application_credential"], "application_credential": {"id": identifier, "secret": secret}}
    )


def test_access_rules_of_an_application_credential_hold_for_each_request(site: Site) -> None:
    rules = [
        {"service": "load-balancer", "method": "GET", "path": LBS},
        {"service": "load-balancer", "method": "GET", "path": f"{LBS}/*"},
        {"service": "network", "method": "GET", "path": "/v2.0/networks"},
    ]
    token = token_of(site, application_credential(site, "reads", access_rules=rules))
    for path, status in (
        (LBS, 200),
        (f"{LBS}/{NOWHERE}", 404),
        ("/v2.0/networks", 200),
        ("/v2.0/lbaas/pools", 401),
        ("/v2.0/subnets", 401),
    ):
        assert site.ask("GET", path, token=token).status == status, path
    refused = site.ask("POST", LBS, {"loadbalancer": {}}, token=token)
    assert (refused.status, "access rules" in refused.fault) == (401, True)


@pytest.mark.parametrize("by", ["password", "application-credential"])
def test_openstacksdk_finds_both_services_in_the_catalog(site: Site, by: str) -> None:
    if by == "password":
        auth = {**password_of("member"), "project_id": site.projects["blue"]}
    else:
        identifier, secret = application_credential(site, "drives")
        auth = {"application_credential_id": identifier, "application_credential_secret": secret}
    cloud = site.connect(**auth)
    assert [subnet.name for subnet in cloud.network.subnets()] == ["sub"]
    made = cloud.load_balancer.create_load_balancer(name=by, vip_subnet_id=site.subnet_id)
    assert made.project_id == site.projects["blue"]
    cloud.load_balancer.wait_for_load_balancer(made.id, interval=0.1, wait=NET)
    assert [each.name for each in cloud.load_balancer.load_balancers()] == [by]
    assert len(site.ask("GET", f"{LBS}?name={by}", token=site.token("load-balancer_admin")).body["loadbalancers"]) == 1
    cloud.load_balancer.delete_load_balancer(made.id)
    assert eventually(lambda: not list(cloud.load_balancer.load_balancers()))


def test_keystone_goes_away_and_comes_back(site: Site) -> None:
    """Also: a token that has expired meanwhile is good beside that of a service, which passes a request on."""
    keystone = site.keystone
    unseen = site.token("member")
    keystone.token_seconds = 3
    try:
        with keystone.away():
            refused = site.ask("GET", LBS, token=unseen)
            assert (refused.status, refused.headers["retry-after"], refused.fault) == (503, "1", UNREACHABLE)
            assert refused.body["faultcode"] == "Server"
        assert site.ask("GET", LBS, token=unseen).status == 200
        expired = site.token("member")
        assert eventually(lambda: site.ask("GET", LBS, token=expired).status == 401)
    finally:
        keystone.token_seconds = 3600
        with keystone.away():
            pass
    service = keystone.token("evenload", SERVICE_PASSWORD, {"project": {"id": site.projects["service"]}})
    assert site.ask("GET", LBS, token=expired).status == 401
    assert site.ask("GET", LBS, token=expired, service_token=service).status == 200
    assert site.ask("GET", LBS, token=expired, service_token=site.token("member")).status == 401
    assert site.ask("GET", LBS, token=site.token("member"), service_token=site.token("reader")).status == 401


def test_the_log_tells_no_secret(site: Site) -> None:
    token = site.token("member")
    assert site.ask("GET", LBS, token=token).status == 200
    log = site.service.log.read_text()
    assert "auth=keystone" in log
    assert token not in log
    assert SERVICE_PASSWORD not in log


def test_a_keystone_that_says_nothing_is_noticed_by_new_tokens_alone(site: Site) -> None:
    """By a server of its own, which waits a second for Keystone; and which can read nothing of its libraries any more:
    nothing is imported for all this after the change of user."""
    lab = site.lab
    brief = settings(site.keystone, http_connect_timeout=1, http_request_max_retries=0)
    service = Service(lab, name="late", sections={**brief, "DEFAULT": {"state_path": f"{lab.state}-late"}})
    notes = lab.directory / "imported-late"
    program = Path(__file__).with_name("late_imports.py")
    command = [sys.executable, str(program), str(notes), "--config-file", str(service.config)]
    with (lab.directory / "late.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)

    def asked(token: str) -> Reply:
        return ask(service.port, "GET", LBS, headers={"X-Auth-Token": token})

    new, known, other = [site.token("reader") for _ in range(12)], site.token("member"), site.token("nothing")
    try:
        assert eventually(lambda: process.poll() is not None or answers(service.port))
        for token, status in ((known, 200), ("nonsense", 401), (other, 403)):
            # A second may be too short for a machine that has much else to do.
            assert eventually(lambda token=token: asked(token).status != 503)  # type: ignore[misc]
            assert asked(token).status == status
        with site.keystone.frozen(), ThreadPoolExecutor(len(new)) as threads:
            waiting = [threads.submit(asked, token) for token in new]
            assert [asked(known).status for _ in range(10)] == [200] * 10
            replies = [each.result(NET) for each in waiting]
        assert {(reply.status, reply.fault) for reply in replies} == {(503, UNREACHABLE)}
        process.send_signal(signal.SIGTERM)
        assert process.wait(NET) == 0
    finally:
        process.kill()
        process.wait()
    # keystoneclient looks for oauthlib each time; where there is one it was imported before.
    assert [line for line in notes.read_text().splitlines() if line != "oauthlib"] == ["alembic: False"]


def answers(port: int) -> bool:
    try:
        return ask(port, "GET", "/").status == 200
    except (OSError, http.client.HTTPException):
        return False
