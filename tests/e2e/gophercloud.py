"""Runs the Go program of ``tests/clients/gophercloud`` against a world, by Keystone or without, step by step."""

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openstack
from demo.lab import Lab
from tests.e2e.building import build_world, make_networks
from tests.e2e.keystone_site import SERVICE_PASSWORD, settings
from tests.e2e.world import BACKEND_PORT, World
from tests.identity_service.keystone import DOMAIN, Keystone
from tests.waiting import NET

SOURCE = Path(__file__).parents[1] / "clients" / "gophercloud"
REGION = "Gophers"
"""Of its own, so that the catalog has one endpoint there."""
CLIENT, FOREIGN = "10.88.0.250/32", "192.0.2.0/24"
NODES = {"node1": "10.88.0.11", "node2": "10.88.0.12", "node3": "10.88.0.13"}
"""The machines web1 to web3."""


@dataclass(frozen=True, slots=True)
class Cloud:
    """``user``: may what members may; ``administrator``: everything. Each is an environment for the program."""

    world: World
    user: dict[str, str]
    administrator: dict[str, str]
    project_id: str


def build_program(directory: Path) -> Path:
    program = directory / "replay"
    done = subprocess.run([SOURCE / "build", program], capture_output=True, text=True, timeout=1800, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return program


def open_cloud(world: World) -> Cloud:
    everybody = {"EVENLOAD_ENDPOINT": world.service.url}
    return Cloud(world, everybody, everybody, "5d3c6a86b1c44e1e9a4c0e0c2ad9a001")


@contextmanager
def keystone_cloud(keystone: Keystone) -> Iterator[Cloud]:
    """A world of its own, whose service is in Keystone's catalog."""
    ours = {"username": "evenload-gophers", "project_name": "gophers-service"}
    service = keystone.make("project", name=ours["project_name"], domain_id=DOMAIN)
    keystone.user(ours["username"], SERVICE_PASSWORD, service, "service")
    project = keystone.make("project", name="gophers", domain_id=DOMAIN)
    keystone.make("region", id=REGION)
    users = {role: _login(keystone, f"gopher-{role}", project, role) for role in ("member", "admin")}
    with Lab() as lab:
        sections = settings(keystone, **ours)
        world = build_world(lab, {"networks": {"bridge_mappings": f"physnet1:{lab.bridge}"}, **sections})
        for kind in ("load-balancer", "network"):
            keystone.offer(kind, world.service.url, REGION)
        world.cloud = openstack.connect(
            auth_type="v3password",
            auth={
                "auth_url": keystone.url,
                "username": "gopher-admin",
                "password": "gopher-admin",
                "user_domain_id": DOMAIN,
                "project_id": project,
            },
            region_name=REGION,
            load_yaml_config=False,
            load_envvars=False,
        )
        make_networks(world)
        yield Cloud(world, users["member"], users["admin"], project)


def _login(keystone: Keystone, name: str, project: str, role: str) -> dict[str, str]:
    keystone.user(name, name, project, role)
    return {
        "OS_AUTH_URL": keystone.url,
        "OS_USERNAME": name,
        "OS_PASSWORD": name,
        "OS_DOMAIN_ID": DOMAIN,
        "OS_PROJECT_ID": project,
        "OS_REGION_NAME": REGION,
    }


@contextmanager
def node_ports(world: World) -> Iterator[dict[str, str]]:
    """A port for each node, as a compute service makes them; node → id of its server."""
    servers = {node: f"00000000-0000-4000-8000-00000000000{node[-1]}" for node in NODES}
    made = []
    try:
        for node, address in NODES.items():
            fixed = [{"subnet_id": world.subnet_id, "ip_address": address}]
            port = world.cloud.network.create_port(
                network_id=world.network_id, device_id=servers[node], device_owner="compute:nova", fixed_ips=fixed
            )
            made.append(port.id)
        yield servers
    finally:
        for port_id in made:
            world.cloud.network.delete_port(port_id)


@contextmanager
def running(
    program: Path, sequence: str, cloud: Cloud, environment: dict[str, str], servers: dict[str, str] | None = None
) -> Iterator["Run"]:
    given = {
        "subnet_id": cloud.world.subnet_id,
        "project_id": cloud.project_id,
        "provider_name": "octavia",
        "servers": servers or {},
        "addresses": NODES,
        "node_ports": [BACKEND_PORT, BACKEND_PORT + 1, BACKEND_PORT + 2],
        "client_cidr": CLIENT,
        "foreign_cidr": FOREIGN,
    }
    with (
        tempfile.TemporaryFile("w+") as trouble,
        subprocess.Popen(
            [program, sequence, json.dumps(given)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=trouble,
            text=True,
            env={"PATH": os.environ["PATH"], **environment},
        ) as process,
    ):
        run = Run(process)
        try:
            yield run
            code = process.wait(NET)
        except BaseException:
            process.kill()
            raise
        trouble.seek(0)
        assert (code, trouble.read()) == (0, ""), run.steps


class Run:
    """``steps``: what was told so far."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.steps: list[dict[str, Any]] = []

    def next(self) -> dict[str, Any]:
        """The next step, which must not be the end; the program does not go on before ``go_on`` where it pauses."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"the program ended after {self.steps}"
        step: dict[str, Any] = json.loads(line)
        self.steps.append(step)
        assert "error" not in step, step["error"]
        return step

    def go_on(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def all(self) -> list[dict[str, Any]]:
        """Every step to the end; none of them pauses."""
        assert self._process.stdout is not None
        while line := self._process.stdout.readline():
            self.steps.append(json.loads(line))
            assert "error" not in self.steps[-1], self.steps[-1]["error"]
        return self.steps
