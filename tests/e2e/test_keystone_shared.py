"""Several server processes, a Keystone behind TLS, and memcached between them: each the real one."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from demo.service import Service, free_port
from tests.certificates import make_bundle
from tests.e2e.keystone_site import Site, settings
from tests.e2e.world import Reply, ask
from tests.waiting import NET, eventually

LBS = "/v2.0/lbaas/loadbalancers"
REGION = "behind-tls"
_FRONT = """\
defaults
    mode http
    timeout client 60s
    timeout server 60s
    timeout connect 5s
listen keystone
    bind 127.0.0.1:{port} ssl crt {bundle}
    server keystone {keystone}
"""


@contextmanager
def running(command: list[str], port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A daemon in the foreground, from when it listens on."""
    process = subprocess.Popen(command)
    try:
        assert eventually(lambda: process.poll() is not None or listens(port))
        assert process.poll() is None, command
        yield process
    finally:
        process.kill()
        process.wait()


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), NET).close()
    except OSError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Front:
    """HAProxy, which speaks TLS for the site's Keystone. ``authority``: a file with its certificate."""

    port: int
    authority: Path

    def settings(self, site: Site, **more: str | int) -> dict[str, str | int | float]:
        """Of ``[keystone_authtoken]``: Keystone is reached there alone."""
        common = settings(site.keystone, **more)["keystone_authtoken"]
        there = {"auth_url": f"https://localhost:{self.port}/v3", "region_name": REGION, "cafile": str(self.authority)}
        return {**common, **there}


@pytest.fixture
def front(keystone_site: Site, tmp_path: Path) -> Iterator[Front]:
    port = free_port()
    keys, text, authority = (
        tmp_path / "keystone.pem",
        tmp_path / "front.cfg",
        authority_file(keystone_site, "localhost"),
    )
    pair = make_bundle("localhost")
    keys.write_bytes(pair)
    authority.write_bytes(pair[: pair.index(b"-----BEGIN PRIVATE")])
    at = urlsplit(keystone_site.keystone.url).netloc
    text.write_text(_FRONT.format(port=port, bundle=keys, keystone=at))
    with (
        running(["haproxy", "-db", "-f", str(text)], port),
        keystone_site.keystone.offered("identity", f"https://localhost:{port}/v3", REGION),
    ):
        yield Front(port, authority)


def authority_file(site: Site, name: str) -> Path:
    """Where the server's user can read."""
    return site.lab.directory / f"{name}-{free_port()}.crt"


@contextmanager
def memcached() -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    port = free_port()
    with running(["memcached", "-l", "127.0.0.1", "-p", str(port), "-U", "0", "-u", "root"], port) as process:
        yield port, process


def counted(port: int, name: str) -> int:
    """What memcached says of itself."""
    with socket.create_connection(("127.0.0.1", port), NET) as connection, connection.makefile("rw") as lines:
        lines.write("stats\r\nquit\r\n")
        lines.flush()
        return next(int(line.split()[2]) for line in lines if line.startswith(f"STAT {name} "))


@contextmanager
def served(site: Site, name: str, section: dict[str, str | int | float]) -> Iterator[Service]:
    service = Service(
        site.lab,
        name=name,
        sections={
            "DEFAULT": {"state_path": f"{site.lab.state}-{name}"},
            "api": {"auth_strategy": "keystone", "workers": 2},
            "keystone_authtoken": section,
            "agent": {"host": "noop"},
            "ports": {"provider": "noop"},
        },
    )
    service.start()
    try:
        yield service
    finally:
        service.stop()


def asked(service: Service, token: str) -> Reply:
    return ask(service.port, "GET", LBS, headers={"X-Auth-Token": token})


def test_processes_share_what_keystone_said_of_a_token(keystone_site: Site, front: Front) -> None:
    """Also: encrypted there; and without memcached Keystone is asked again."""
    site = keystone_site
    with memcached() as (port, process):
        section = front.settings(
            site,
            memcached_servers=f"127.0.0.1:{port}",
            memcache_security_strategy="ENCRYPT",
            memcache_secret_key="a key of the site's own",
        )
        with served(site, "shared", section) as service:
            token = site.token("member")
            assert asked(service, token).status == 200
            # Each request has a connection of its own, so that sooner or later every process has one of them.
            with site.keystone.away():
                assert eventually(lambda: asked(service, token).status != 200 or counted(port, "get_hits") > 0)
                assert {asked(service, token).status for _ in range(20)} == {200}
            assert counted(port, "get_hits") > 0
            process.kill()
            assert asked(service, site.token("reader")).status == 200
            assert asked(service, "nonsense").status == 401


def test_a_keystone_whose_certificate_nobody_vouches_for_is_not_believed(keystone_site: Site, front: Front) -> None:
    other = authority_file(keystone_site, "other")
    pair = make_bundle("localhost")
    other.write_bytes(pair[: pair.index(b"-----BEGIN PRIVATE")])
    section = {**front.settings(keystone_site), "cafile": str(other)}
    with served(keystone_site, "wary", section) as service:
        refused = asked(service, keystone_site.token("member"))
        assert (refused.status, refused.body["faultcode"]) == (503, "Server")
        assert "certificate verify failed" in service.log.read_text()
