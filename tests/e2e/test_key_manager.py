"""The built-in store of secrets in Keystone's catalog: Barbican's clients and roles by real tokens."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.e2e.commands.shell import openstack_shell
from tests.e2e.keystone_site import Site, password_of, user_of
from tests.e2e.world import Reply
from tests.identity_service.keystone import DOMAIN

OLDER = ("creator", "observer", "audit")
SECRET = {"name": "made", "payload": "4711", "payload_content_type": "text/plain"}
"""The payload is JSON, too, as which answers are read."""


@pytest.fixture(scope="module")
def site(keystone_site: Site) -> Iterator[Site]:
    """With users of the older roles beside those of the others."""
    for role in OLDER:
        keystone_site.keystone.user(user_of(role), user_of(role), keystone_site.projects["blue"], role)
    with keystone_site.keystone.offered("key-manager", f"{keystone_site.service.url}/v1"):
        yield keystone_site


def ask(site: Site, role: str, method: str, path: str, body: Any = None) -> Reply:
    return site.ask(method, f"/v1/{path}", body, token=site.token(role))


def test_openstacksdk_and_the_command_find_it_in_the_catalog(site: Site) -> None:
    manager = site.connect(**password_of("member"), project_id=site.projects["blue"]).key_manager
    made = manager.create_secret(**SECRET)
    access = {
        "OS_AUTH_TYPE": "password",
        "OS_AUTH_URL": site.keystone.url,
        "OS_USERNAME": user_of("member"),
        "OS_PASSWORD": user_of("member"),
        "OS_USER_DOMAIN_ID": DOMAIN,
        "OS_PROJECT_ID": site.projects["blue"],
        "OS_IDENTITY_API_VERSION": "3",
        "OS_REGION_NAME": "RegionOne",
    }
    with openstack_shell(access) as shell:
        typed = shell.read("secret store --name=typed --payload=hidden --payload-content-type=text/plain")
        reference = typed["Secret href"]
        assert shell.read(f"secret get {reference}")["Name"] == "typed"
    assert manager.get_secret(reference.rsplit("/", 1)[-1]).payload == "hidden"
    for each in (made.secret_ref, reference):
        manager.delete_secret(each.rsplit("/", 1)[-1])


STORES, LISTS, LOOKS, READS, SHARES, DELETES = range(6)
MAY: dict[str, set[int]] = {
    "admin": {STORES, LISTS, LOOKS, READS, SHARES, DELETES},
    "member": {STORES, LISTS, LOOKS, READS, SHARES, DELETES},
    "creator": {STORES, LISTS, LOOKS, READS, SHARES, DELETES},
    "observer": {LISTS, LOOKS, READS},
    "reader": {LISTS, LOOKS},
    "audit": {LOOKS},
    "service": set(),
    "nothing": set(),
}


@pytest.mark.parametrize("role", MAY)
def test_each_role_may_what_it_may_in_barbican(site: Site, role: str) -> None:
    """Another's secret, of the own project, that is not private."""
    path = ask(site, "member", "POST", "secrets", SECRET).body["secret_ref"].split("/v1/")[1]
    stored = ask(site, role, "POST", "secrets", SECRET)
    acl = {"read": {"users": ["somebody"]}}
    statuses = {
        STORES: stored.status,
        LISTS: ask(site, role, "GET", "secrets").status,
        LOOKS: ask(site, role, "GET", path).status,
        READS: ask(site, role, "GET", f"{path}/payload").status,
        SHARES: ask(site, role, "PATCH", f"{path}/acl", acl).status,
        DELETES: ask(site, role, "DELETE", path).status,
    }
    assert {what for what, status in statuses.items() if status < 300} == MAY[role], statuses
    assert {status for status in statuses.values() if status >= 300} <= {403}
    if stored.status == 201:
        ask(site, "admin", "DELETE", stored.body["secret_ref"].split("/v1/")[1])
    ask(site, "admin", "DELETE", path)


def test_a_service_reads_what_the_access_list_lets_it(site: Site) -> None:
    path = ask(site, "member", "POST", "secrets", SECRET).body["secret_ref"].split("/v1/")[1]
    token = site.token("service")
    own = site.keystone.call("GET", "auth/tokens", token=token, subject=token).body["token"]["user"]["id"]
    assert ask(site, "service", "GET", f"{path}/payload").status == 403
    assert ask(site, "member", "PATCH", f"{path}/acl", {"read": {"users": [own]}}).status == 200
    assert ask(site, "service", "GET", f"{path}/payload").status == 200
    assert ask(site, "service", "DELETE", path).status == 403
    assert ask(site, "member", "DELETE", path).status == 204
