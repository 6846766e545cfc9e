"""An Evenload whose callers have Keystone's tokens: projects, users of every role, a catalog with its endpoints."""

from dataclasses import dataclass, field
from typing import Any

import openstack
from demo.lab import Lab
from demo.service import Sections, Service
from tests.e2e.world import Reply, ask
from tests.identity_service.keystone import DOMAIN, Keystone
from tests.waiting import NET, eventually

SERVICE_PASSWORD = "the service's own secret"
ROLES = (
    "reader", "member", "manager", "admin", "service", "load-balancer_observer", "load-balancer_member",
    "load-balancer_global_observer", "load-balancer_quota_admin", "load-balancer_admin", "nothing",
)  # fmt: skip


def user_of(role: str) -> str:
    """His name, and his password."""
    return f"user-{role}"


def password_of(role: str) -> dict[str, str]:
    """As openstacksdk wants it."""
    return {"username": user_of(role), "password": user_of(role), "user_domain_id": DOMAIN}


def settings(keystone: Keystone, **more: str | int) -> Sections:
    """``more``: of the library."""
    return {
        "DEFAULT": {"debug": "true"},
        "api": {"auth_strategy": "keystone"},
        "keystone_authtoken": {
            "auth_type": "password",
            "auth_url": keystone.url,
            "interface": "public",
            "username": "evenload",
            "user_domain_name": "Default",
            "password": SERVICE_PASSWORD,
            "project_name": "service",
            "project_domain_name": "Default",
            "http_connect_timeout": int(NET),
            **more,
        },
    }


@dataclass(slots=True)
class Site:
    """``projects``: name → id, of blue, red and service. A user of each of ``ROLES`` has it in the project blue.
    ``subnet_id`` is shared by all."""

    lab: Lab
    keystone: Keystone
    service: Service
    projects: dict[str, str] = field(default_factory=dict)
    subnet_id: str = ""

    def ask(self, method: str, path: str, body: Any = None, *, token: str | None = None, **more: str) -> Reply:
        headers = {"X-Auth-Token": token} if token is not None else {}
        if "service_token" in more:
            headers["X-Service-Token"] = more["service_token"]
        return ask(self.service.port, method, path, body, headers=headers)

    def token(self, role: str, project: str = "blue") -> str:
        return self.keystone.token(user_of(role), user_of(role), {"project": {"id": self.projects[project]}})

    def clear(self) -> None:
        """Every project's load balancers."""
        token = self.token("admin")
        path = "/v2.0/lbaas/loadbalancers"

        def left() -> list[Any]:
            balancers: list[Any] = self.ask("GET", path, token=token).body["loadbalancers"]
            return balancers

        for each in left():
            self.ask("DELETE", f"{path}/{each['id']}?cascade=true", token=token)
        assert eventually(lambda: not left())

    def connect(self, **auth: str) -> Any:
        """openstacksdk, which has nothing but Keystone's address and who somebody is."""
        kind = "v3applicationcredential" if "application_credential_id" in auth else "v3password"
        return openstack.connect(
            auth_type=kind,
            auth={"auth_url": self.keystone.url, **auth},
            region_name="RegionOne",
            load_yaml_config=False,
            load_envvars=False,
        )


def build_keystone_site(lab: Lab, keystone: Keystone) -> Site:
    site = Site(lab, keystone, Service(lab, sections=settings(keystone)))
    for project in ("blue", "red", "service"):
        site.projects[project] = keystone.make("project", name=project, domain_id=DOMAIN)
    keystone.user("evenload", SERVICE_PASSWORD, site.projects["service"], "service")
    for role in ROLES:
        keystone.user(user_of(role), user_of(role), site.projects["blue"], role)
    keystone.offer("load-balancer", site.service.url)
    keystone.offer("network", site.service.url)
    site.service.start()
    cloud = site.connect(**password_of("admin"), project_id=site.projects["blue"])
    network = cloud.network.create_network(name="net", is_shared=True)
    pool = [{"start": "10.88.0.100", "end": "10.88.0.199"}]
    site.subnet_id = cloud.network.create_subnet(
        name="sub", network_id=network.id, ip_version=4, cidr="10.88.0.0/24", allocation_pools=pool
    ).id
    return site
