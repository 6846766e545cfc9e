"""Secrets in a real Barbican, by the tokens of a real Keystone: from a stored certificate to requests over TLS."""

import signal
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openstack
import pytest
from demo.lab import Lab
from demo.service import Service
from demo.traffic import Client
from tests.e2e.building import CIDR
from tests.e2e.commands.shell import openstack_shell
from tests.e2e.keystone_site import settings
from tests.e2e.test_tls import DAYS, TlsConnection
from tests.e2e.world import BACKEND_PORT, Reply, World, ask
from tests.identity_service.keystone import DOMAIN, Keystone
from tests.key_manager.barbican import Barbican, running_barbican
from tests.unit.secrets.authority import Identity, make
from tests.waiting import NET, eventually

LBS = "/v2.0/lbaas"
NOWHERE = "11111111-2222-4333-8444-555555555555"
REGION = "Barbican"
OWNER, STRANGER, ADMIN = "owner", "stranger", "administrator"
USER = {"username": "lb-service", "project_name": "lb-services"}


@dataclass(frozen=True, slots=True)
class Site:
    """The owner is a member of the project green, the stranger of violet; green has an administrator. ``users``:
    name → id."""

    world: World
    keystone: Keystone
    barbican: Barbican
    projects: dict[str, str]
    users: dict[str, str]

    def token(self, user: str) -> str:
        return self.keystone.token(user, user, {"project": {"id": self.projects[user]}})

    def ask(self, method: str, path: str, body: Any = None, *, user: str = OWNER) -> Reply:
        headers = {"X-Auth-Token": self.token(user)}
        return ask(self.world.service.port, method, f"{LBS}{path}", body, headers=headers)

    def cloud(self, user: str = OWNER) -> Any:
        return openstack.connect(
            auth_type="v3password",
            auth={
                "auth_url": self.keystone.url,
                "username": user,
                "password": user,
                "user_domain_id": DOMAIN,
                "project_id": self.projects[user],
            },
            region_name=REGION,
            load_yaml_config=False,
            load_envvars=False,
        )

    def store(self, content: bytes, user: str = OWNER) -> str:
        """Its reference."""
        made = self.cloud(user).key_manager.create_secret(
            payload=b64encode(content).decode(),
            payload_content_type="application/octet-stream",
            payload_content_encoding="base64",
        )
        return str(made.secret_ref)

    def parts(self, reference: str, method: str, parts: dict[str, str]) -> None:
        """Adds to a container, or takes from it: name → reference of a secret."""
        headers = {"X-Auth-Token": self.token(OWNER)}
        path = f"{reference.removeprefix(self.barbican.url)}/secrets"
        for name, part in parts.items():
            done = self.barbican.request(method, path, {"name": name, "secret_ref": part}, headers)
            assert done.status in (201, 204), done

    def balancer(self) -> dict[str, Any]:
        body = {"loadbalancer": {"vip_subnet_id": self.world.subnet_id}}
        made = self.ask("POST", "/loadbalancers", body)
        assert made.status == 201, made
        found: dict[str, Any] = made.body["loadbalancer"]
        return found

    def listen(self, balancer: dict[str, Any], reference: str, port: int = 443) -> Reply:
        web = {"address": "10.88.0.11", "protocol_port": BACKEND_PORT}
        body = {
            "loadbalancer_id": balancer["id"],
            "protocol": "TERMINATED_HTTPS",
            "protocol_port": port,
            "default_tls_container_ref": reference,
            "default_pool": {"protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN", "members": [web]},
        }
        return self.ask("POST", "/listeners", {"listener": body})

    def get(self, balancer: dict[str, Any], root: Identity, name: str = "www.example.com") -> int:
        connection = TlsConnection(self.world, balancer["vip_address"], name, root)
        try:
            return connection.ask("/").status
        finally:
            connection.close()

    def serves(self, balancer: dict[str, Any], root: Identity, name: str = "www.example.com") -> bool:
        def is_served() -> bool:
            try:
                return self.get(balancer, root, name) == 200
            except OSError:
                return False

        return eventually(is_served)

    def grant(self, reference: str, *users: str, by: str) -> None:
        path = reference.removeprefix(self.barbican.url)
        body = {"read": {"users": [self.users[each] for each in users]}}
        done = self.barbican.request("PATCH", f"{path}/acl", body, {"X-Auth-Token": self.token(by)})
        assert done.status == 200, done


@pytest.fixture(scope="module")
def site(keystone: Keystone) -> Iterator[Site]:
    with Lab() as lab, running_barbican(keystone) as barbican:
        projects, users = {}, {}
        for user, project in ((OWNER, "green"), (STRANGER, "violet")):
            projects[user] = keystone.make("project", name=project, domain_id=DOMAIN)
            users[user] = keystone.user(user, user, projects[user], "member")
        projects[ADMIN] = projects[OWNER]
        users[ADMIN] = keystone.user(ADMIN, ADMIN, projects[OWNER], "admin")
        home = keystone.make("project", name=USER["project_name"], domain_id=DOMAIN)
        users["service"] = keystone.user(USER["username"], "the service's own secret", home, "service")
        keystone.make("region", id=REGION)
        keystone.offer("identity", keystone.url, REGION)
        keystone.offer("key-manager", barbican.url, REGION)
        service = Service(lab, sections=sections_of(keystone))
        keystone.offer("load-balancer", service.url, REGION)
        keystone.offer("network", service.url, REGION)
        machine = lab.machine("client", "10.88.0.250/24")
        lab.machine("web1", "10.88.0.11/24")
        service.start()
        world = World(lab, service, Client(machine), None, "", "", "", {})
        world.start_backend("web1")
        site = Site(world, keystone, barbican, projects, users)
        cloud = site.cloud(ADMIN)
        network = cloud.network.create_network(name="net", is_shared=True)
        pool = [{"start": "10.88.0.100", "end": "10.88.0.199"}]
        world.subnet_id = cloud.network.create_subnet(
            name="sub", network_id=network.id, ip_version=4, cidr=CIDR, allocation_pools=pool
        ).id
        yield site


def sections_of(keystone: Keystone) -> dict[str, dict[str, str | int | float]]:
    sections = {name: dict(values) for name, values in settings(keystone, **USER).items()}
    return {**sections, "secrets": {"cert_manager": "barbican", "region_name": REGION, "timeout": 2}}


@pytest.fixture
def root(tmp_path: Path) -> Identity:
    """Whom clients believe."""
    return make("Root", authority=True, days=DAYS)


def server_of(root: Identity, name: str = "www.example.com") -> Identity:
    return make(name, root, names=(name,), days=DAYS)


@pytest.fixture
def balancer(site: Site) -> Iterator[dict[str, Any]]:
    made = site.balancer()
    yield made
    assert site.ask("DELETE", f"/loadbalancers/{made['id']}?cascade=true").status == 204
    assert eventually(lambda: site.ask("GET", f"/loadbalancers/{made['id']}").status == 404)


def test_from_a_stored_certificate_to_the_next_one(site: Site, root: Identity, balancer: dict[str, Any]) -> None:
    """Replaced, and deleted while it is in use."""
    first, second = (site.store(server_of(root, f"{name}.example.com").pkcs12()) for name in ("www", "new"))
    made = site.listen(balancer, first)
    assert made.status == 201, made
    listener = made.body["listener"]["id"]
    assert site.serves(balancer, root)

    body = {"listener": {"default_tls_container_ref": second}}
    assert site.ask("PUT", f"/listeners/{listener}", body).status == 200
    assert site.serves(balancer, root, "new.example.com")

    site.cloud().key_manager.delete_secret(second.rsplit("/", 1)[-1])
    refused = site.ask("PUT", f"/listeners/{listener}", {"listener": {"default_tls_container_ref": second}})
    assert (refused.status, "default_tls_container_ref" in refused.fault) == (400, True)
    assert site.get(balancer, root, "new.example.com") == 200
    log = site.world.service.log.read_text()
    assert "BEGIN" not in log
    assert "the service's own secret" not in log


def test_another_certificate_in_the_same_container(site: Site, root: Identity, balancer: dict[str, Any]) -> None:
    """In force by itself, where the service may read it."""

    def stored(identity: Identity) -> dict[str, str]:
        return {"certificate": site.store(identity.pem), "private_key": site.store(identity.key_pem())}

    old, new = (stored(server_of(root, f"{name}.example.com")) for name in ("www", "next"))
    made = site.cloud().key_manager.create_container(
        type="generic", secret_refs=[{"name": name, "secret_ref": part} for name, part in old.items()]
    )
    reference = str(made.container_ref)
    assert site.listen(balancer, reference).status == 201
    assert site.serves(balancer, root)

    for part in new.values():
        site.grant(part, "service", by=OWNER)
    site.parts(reference, "DELETE", old)
    site.parts(reference, "POST", new)
    assert site.serves(balancer, root, "next.example.com")


def test_the_cookbook_as_it_is_typed(site: Site, root: Identity, balancer: dict[str, Any], tmp_path: Path) -> None:
    server = server_of(root)
    (tmp_path / "server.crt").write_bytes(server.pem)
    (tmp_path / "server.key").write_bytes(server.key_pem())
    (tmp_path / "ca-chain.crt").write_bytes(root.pem)
    access = {
        "OS_AUTH_TYPE": "password",
        "OS_AUTH_URL": site.keystone.url,
        "OS_USERNAME": OWNER,
        "OS_PASSWORD": OWNER,
        "OS_USER_DOMAIN_ID": DOMAIN,
        "OS_PROJECT_ID": site.projects[OWNER],
        "OS_REGION_NAME": REGION,
        "OS_IDENTITY_API_VERSION": "3",
    }
    with openstack_shell(access) as shell:
        store = "secret store --payload-content-type=text/plain"
        refs = {
            name: shell.read(f"{store} --name={file} --file={tmp_path / file}")["Secret href"]
            for name, file in (
                ("certificate", "server.crt"),
                ("private_key", "server.key"),
                ("intermediates", "ca-chain.crt"),
            )
        }
        parts = " ".join(f"--secret={name}={reference}" for name, reference in refs.items())
        container = shell.read(f"secret container create --name=tls1 --type=certificate {parts}")["Container href"]
        listener = shell.read(
            "loadbalancer listener create --protocol-port 443 --protocol TERMINATED_HTTPS"
            f" --default-tls-container={container} --wait {balancer['id']}"
        )
    web = {"address": "10.88.0.11", "protocol_port": BACKEND_PORT}
    pool = {"listener_id": listener["id"], "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN", "members": [web]}
    assert site.ask("POST", "/pools", {"pool": pool}).status == 201
    assert site.serves(balancer, root)


def test_nobody_uses_what_he_may_not_read(site: Site, root: Identity, balancer: dict[str, Any]) -> None:
    """Not even where the service may; and who may read it needs the consent of its owner for the service."""
    foreign = site.store(server_of(root).pkcs12(), STRANGER)
    site.grant(foreign, "service", by=STRANGER)
    refused = site.listen(balancer, foreign)
    assert (refused.status, "caller may read" in refused.fault) == (400, True)
    site.grant(foreign, OWNER, by=STRANGER)
    refused = site.listen(balancer, foreign)
    assert (refused.status, "acl user add" in refused.fault) == (400, True)
    assert site.users["service"] in refused.fault
    site.grant(foreign, OWNER, "service", by=STRANGER)
    assert site.listen(balancer, foreign).status == 201
    assert site.serves(balancer, root)


def test_the_host_of_a_reference_is_never_called(site: Site, root: Identity, balancer: dict[str, Any]) -> None:
    own = site.store(server_of(root).pkcs12())
    elsewhere = own.replace(site.barbican.url, "http://192.0.2.1:9")
    assert elsewhere != own
    assert site.listen(balancer, elsewhere).status == 201
    assert site.serves(balancer, root)


@pytest.mark.parametrize("how", ["away", "frozen"])
def test_barbican_goes_away_and_comes_back(site: Site, root: Identity, balancer: dict[str, Any], how: str) -> None:
    own = site.store(server_of(root).pkcs12())
    assert site.listen(balancer, own).status == 201
    assert site.serves(balancer, root)
    with site.barbican.away() if how == "away" else site.barbican.frozen():
        refused = site.listen(balancer, own, 8443)
        assert (refused.status, "default_tls_container_ref" in refused.fault) == (503, True), refused
        assert site.ask("GET", f"/loadbalancers/{balancer['id']}").status == 200
        assert site.get(balancer, root) == 200
    assert eventually(lambda: site.listen(balancer, own, 8443).status == 201)


def test_it_starts_without_barbican_and_imports_nothing_later(site: Site, root: Identity) -> None:
    lab, notes = site.world.lab, site.world.lab.directory / "imported-late"
    sections = sections_of(site.keystone)
    sections["DEFAULT"] = {"state_path": f"{lab.state}-late"}
    service = Service(lab, name="late", sections=sections)
    program = Path(__file__).with_name("late_imports.py")
    command = [sys.executable, str(program), str(notes), "--config-file", str(service.config)]
    own = site.store(server_of(root).pkcs12())
    listener = {"protocol": "TERMINATED_HTTPS", "protocol_port": 443, "default_tls_container_ref": own}
    body = {"loadbalancer": {"vip_network_id": NOWHERE, "listeners": [listener]}}

    def asked(method: str, body: Any = None) -> Reply | None:
        try:
            path = f"{LBS}/loadbalancers"
            return ask(service.port, method, path, body, headers={"X-Auth-Token": site.token(OWNER)})
        except OSError:
            return None

    def lacks_the_secret() -> bool:
        reply = asked("POST", body)
        assert reply is not None
        return reply.status == 503 and "default_tls_container_ref" in reply.fault

    with (lab.directory / "late.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        with site.barbican.away():
            assert eventually(lambda: process.poll() is not None or asked("GET"))
            assert lacks_the_secret()
        assert eventually(lambda: not lacks_the_secret())
        reply = asked("POST", body)
        assert reply is not None
        assert "default_tls_container_ref" not in reply.fault
        process.send_signal(signal.SIGTERM)
        assert process.wait(NET) == 0
    finally:
        process.kill()
        process.wait()
    assert [line for line in notes.read_text().splitlines() if line != "oauthlib"] == ["alembic: False"]
