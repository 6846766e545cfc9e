"""Octavia's TLS cookbook as it is typed, from the store of secrets to requests that a client verifies."""

import ssl
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from demo.traffic import Answer, Connection
from tests.e2e.commands.shell import openstack_shell
from tests.e2e.world import BACKEND_PORT, World, ask
from tests.unit.secrets.authority import Identity, make
from tests.waiting import NET

DAYS = 36_500


@pytest.fixture
def root(tmp_path: Path, world: World) -> Iterator[Identity]:
    """Whom clients believe. The files of the servers lie in the directory; what was stored goes at the end."""
    root = make("Root", authority=True, days=DAYS)
    lower = make("Lower", root, authority=True, days=DAYS)
    (tmp_path / "ca-chain.crt").write_bytes(lower.pem)
    for name, host in (("server", "www.example.com"), ("server2", "other.example.com")):
        made = make(host, lower, names=(host,), days=DAYS)
        (tmp_path / f"{name}.crt").write_bytes(made.pem)
        (tmp_path / f"{name}.key").write_bytes(made.key_pem())
        export = f"openssl pkcs12 -export -inkey {name}.key -in {name}.crt -certfile ca-chain.crt -out {name}.p12"
        subprocess.run([*export.split(), "-passout", "pass:"], cwd=tmp_path, check=True, timeout=NET)
    yield root
    for each in ask(world.service.port, "GET", "/v1/secrets").body["secrets"]:
        ask(world.service.port, "DELETE", urlsplit(each["secret_ref"]).path)


class TlsConnection(Connection):
    """To a VIP, by a name: verified like a browser's."""

    def __init__(self, world: World, vip: str, name: str, root: Identity, port: int = 443) -> None:
        super().__init__(world.client.machine, vip, port, NET)
        self._context = ssl.create_default_context(cadata=root.pem.decode())
        self._name = name

    def connect(self) -> None:
        super().connect()
        self.sock = self._context.wrap_socket(self.sock, server_hostname=self._name)


def test_the_cookbook_as_it_is_typed(world: World, root: Identity, tmp_path: Path) -> None:
    access = {"OS_AUTH_TYPE": "none", "OS_ENDPOINT": world.service.url}
    store = "secret store -t application/octet-stream -e base64"
    with openstack_shell({**access, "OS_ENDPOINT": f"{world.service.url}/v1"}) as shell:
        one, two = (
            shell.read(f"{store} --name={name} --payload={b64encode((tmp_path / file).read_bytes()).decode()}")
            for name, file in (("tls_secret1", "server.p12"), ("tls_secret2", "server2.p12"))
        )
    refs = f"{one['Secret href']} {two['Secret href']}"
    with openstack_shell(access) as shell:
        balancer = shell.read("loadbalancer create --name lb1 --vip-subnet-id sub --wait")
        listener = shell.read(
            "loadbalancer listener create --protocol-port 443 --protocol TERMINATED_HTTPS --name listener1"
            f" --default-tls-container={one['Secret href']} --sni-container-refs {refs}"
            " --insert-headers X-Forwarded-Proto=true,X-Real-IP=true"
            " --hsts-max-age=31536000 --hsts-include-subdomains --hsts-preload --wait lb1"
        )
        shell.read(
            "loadbalancer pool create --name pool1 --lb-algorithm ROUND_ROBIN --listener listener1 --protocol HTTP"
            " --wait"
        )
        shell.read(
            "loadbalancer member create --subnet-id sub --address 10.88.0.11"
            f" --protocol-port {BACKEND_PORT} --wait pool1"
        )
    vip = balancer["vip_address"]

    def get(name: str, path: str = "/headers", port: int = 443) -> Answer:
        connection = TlsConnection(world, vip, name, root, port)
        try:
            return connection.ask(path)
        finally:
            connection.close()

    for name in ("www.example.com", "other.example.com"):
        answer = get(name)
        assert (answer.status, answer.backend) == (200, "web1")
        told = answer.json()
        assert (told["x-forwarded-proto"], told["x-real-ip"]) == ("https", "10.88.0.250")
        assert answer.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains; preload"

    world.cloud.load_balancer.update_listener(
        listener["id"], sni_container_refs=[], hsts_max_age=None, hsts_include_subdomains=False, hsts_preload=False
    )
    world.wait_active(balancer["id"])
    assert "strict-transport-security" not in get("www.example.com").headers
    with pytest.raises(ssl.SSLCertVerificationError):
        get("other.example.com")

    world.cloud.load_balancer.create_listener(
        load_balancer_id=balancer["id"],
        protocol="PROMETHEUS",
        protocol_port=9443,
        default_tls_container_ref=two["Secret href"],
    )
    world.wait_active(balancer["id"])
    numbers = get("other.example.com", "/metrics", 9443)
    assert (numbers.status, numbers.headers["content-type"].partition(";")[0]) == (200, "text/plain")
    with pytest.raises(ssl.SSLCertVerificationError):
        get("www.example.com", "/metrics", 9443)
    world.delete(balancer["id"])
