"""One running Evenload with a network of real machines around it, for the end-to-end tests.

Everything is asked of it from outside: over HTTP, through openstacksdk, through the ``openstack`` command, and with
packets through the VIPs.
"""

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import demo
from demo.lab import NETNS, Lab, Process, bridge_ports
from demo.service import Service
from demo.traces import read_haproxy_pids
from demo.traffic import FAILURES, Client
from tests.waiting import NET

T = TypeVar("T")
BACKEND_PORT = 8080
BACKEND_PORTS = 30
_PATIENT = int(1_000 * NET)
"""Milliseconds."""
WEBS = ("web1", "web2", "web3")
_BACKEND_FILE = Path(demo.__file__).with_name("backend.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: Any
    """Parsed JSON, None where there is no body."""

    @property
    def fault(self) -> str:
        """The text for people, in either of the error shapes."""
        if not isinstance(self.body, dict):
            return ""
        if "NeutronError" in self.body:
            return str(self.body["NeutronError"].get("message", ""))
        return str(self.body.get("faultstring") or self.body.get("title") or "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Balanced:
    """A load balancer with one listener and one pool, as the API answered it."""

    id: str
    vip: str
    port_id: str
    listener_id: str
    pool_id: str
    members: dict[str, str]
    """Name → id."""


@dataclass(slots=True)
class World:
    """``network_id``, ``subnet_id`` and ``subnet6_id`` are there from the start; names: net, sub, sub6."""

    lab: Lab
    service: Service
    client: Client
    cloud: Any
    network_id: str
    subnet_id: str
    subnet6_id: str
    backends: dict[str, Process]
    measured: dict[str, float] = field(default_factory=dict)

    # Asking

    def ask(self, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None) -> Reply:
        return ask(self.service.port, method, path, body, headers=headers)

    def lbaas(self, method: str, path: str, body: Any = None) -> Reply:
        return self.ask(method, f"/v2.0/lbaas/{path}", body)

    def create(self, collection: str, wrapper: str, **attributes: Any) -> dict[str, Any]:
        """A POST that has to succeed; returns the object."""
        reply = self.lbaas("POST", collection, {wrapper: attributes})
        assert reply.status == 201, f"{collection} {attributes}: {reply}"
        created: dict[str, Any] = reply.body[wrapper]
        return created

    def balancer(self, *webs: str, monitor: bool = False, name: str = "lb", **attributes: Any) -> Balanced:
        """A load balancer with an HTTP listener on port 80, made by one call, ACTIVE when it is returned."""
        members = [self.member(web) for web in webs]
        pool: dict[str, Any] = {
            "name": "pool",
            "protocol": "HTTP",
            "lb_algorithm": "ROUND_ROBIN",
            "members": members,
        }
        if monitor:
            pool["healthmonitor"] = {"type": "HTTP", "delay": 1, "timeout": 1, "max_retries": 1, "max_retries_down": 1}
        listener = {
            "name": "listener",
            "protocol": "HTTP",
            "protocol_port": 80,
            "default_pool": pool,
            "timeout_client_data": _PATIENT,  # what a test keeps open is not cut where the machine is slow
        }
        desired = {"name": name, "vip_subnet_id": self.subnet_id, "listeners": [listener], **attributes}
        made = self.create("loadbalancers", "loadbalancer", **desired)
        made_pool = made["listeners"][0].get("default_pool") or made["pools"][0]
        self.wait_active(made["id"])
        return Balanced(
            id=made["id"],
            vip=made["vip_address"],
            port_id=made["vip_port_id"],
            listener_id=made["listeners"][0]["id"],
            pool_id=made_pool["id"],
            members={member["name"]: member["id"] for member in made_pool["members"]},
        )

    def member(self, web: str, port: int = BACKEND_PORT, **attributes: Any) -> dict[str, Any]:
        """The attributes of a member at that back end."""
        address = f"10.88.0.{10 + int(web[-1])}"
        return {"name": web, "address": address, "protocol_port": port, **attributes}

    def show(self, collection: str, identifier: str) -> dict[str, Any]:
        reply = self.lbaas("GET", f"{collection}/{identifier}")
        assert reply.status == 200, reply
        shown: dict[str, Any] = next(iter(reply.body.values()))
        return shown

    def objects(self) -> dict[str, Any]:
        """Every object of every kind, whole, without the moments at which they were looked at."""
        found: dict[str, Any] = {}
        for collection in ("loadbalancers", "listeners", "pools", "healthmonitors"):
            found[collection] = self.lbaas("GET", collection).body[collection]
        for pool in found["pools"]:
            found[f"members of {pool['id']}"] = self.lbaas("GET", f"pools/{pool['id']}/members").body["members"]
        for collection in ("networks", "subnets", "ports"):
            found[collection] = self.ask("GET", f"/v2.0/{collection}").body[collection]
        return found

    def delete(self, load_balancer_id: str) -> None:
        """With all it has; returns when it is gone from the API."""
        path = f"loadbalancers/{load_balancer_id}"
        assert self.lbaas("DELETE", f"{path}?cascade=true").status == 204
        self.wait(lambda: self.lbaas("GET", path).status == 404, f"{path} gone")

    # Waiting

    def wait(self, look: Callable[[], T | None], what: str) -> T:
        """The first true thing seen."""
        deadline = time.monotonic() + NET
        while not (seen := look()):
            assert time.monotonic() < deadline, f"not within {NET:.0f} s: {what}"
            time.sleep(0.01)
        return seen

    def wait_active(self, load_balancer_id: str) -> float:
        """Until nothing of it is PENDING; it has to end ACTIVE. Returns the seconds it took."""
        begun = time.monotonic()
        look = f"loadbalancers/{load_balancer_id}"
        self.wait(
            lambda: self.show("loadbalancers", load_balancer_id)["provisioning_status"] in ("ACTIVE", "ERROR"),
            f"{look} ACTIVE or ERROR",
        )
        assert self.show("loadbalancers", load_balancer_id)["provisioning_status"] == "ACTIVE"
        return time.monotonic() - begun

    def wait_status(self, path: str, status: str) -> float:
        """Until an object's operating_status is that; returns the seconds it took."""
        begun = time.monotonic()
        collection, _, identifier = path.rpartition("/")
        self.wait(lambda: self.show(collection, identifier)["operating_status"] == status, f"{path} {status}")
        return time.monotonic() - begun

    def wait_answer(self, vip: str, port: int = 80, *, backend: str | None = None) -> float:
        begun = time.monotonic()
        moment = self.client.first(vip, port, backend=backend)
        assert moment is not None, f"no 200 from {vip}:{port}"
        return moment - begun

    def reaches(self, vip: str, port: int = 80) -> bool:
        try:
            return self.client.get(vip, port, timeout=5).status == 200
        except FAILURES:
            return False

    def measure(self, what: str, seconds: float) -> float:
        """Remembered for the summary at the end."""
        self.measured[what] = max(seconds, self.measured.get(what, 0.0))
        return seconds

    # Back ends

    def start_backend(self, web: str) -> None:
        command = [sys.executable, "-I", "-S", str(_BACKEND_FILE), "--name", web]
        command += ["--port", str(BACKEND_PORT), "--ports", str(BACKEND_PORTS)]
        self.backends[web] = self.lab.spawn(web, command, machine=self.lab.machines[web])
        address = f"10.88.0.{10 + int(web[-1])}"
        assert self.client.first(address, BACKEND_PORT) is not None, f"{web}: {self.backends[web].tail()}"

    def stop_backend(self, web: str) -> None:
        self.backends[web].stop()

    # On the host

    def connections(self, load_balancer_id: str, listener_id: str) -> int:
        """How many connections HAProxy itself has counted so far at the listener."""
        path = self.lab.state / "load_balancers" / load_balancer_id / "haproxy.sock"
        with socket.socket(socket.AF_UNIX) as runtime:
            runtime.settimeout(NET)
            runtime.connect(str(path))
            runtime.sendall(b"show stat -1 1 -1\n")
            lines = runtime.makefile().read().splitlines()
        columns = lines[0].removeprefix("# ").split(",")
        rows = [dict(zip(columns, line.split(","), strict=False)) for line in lines[1:] if line]
        return next(int(row["stot"]) for row in rows if row["pxname"] == listener_id)

    # Clients

    def command(self, *words: str, environment: Mapping[str, str] | None = None, good: bool = True) -> str:
        """The real ``openstack`` command; returns its output, of both streams where it is meant to fail."""
        program = Path(sys.executable).with_name("openstack")
        plain = {key: value for key, value in os.environ.items() if not key.startswith("OS_")}
        access = environment or {"OS_AUTH_TYPE": "none", "OS_ENDPOINT": self.service.url}
        done = subprocess.run(
            [str(program), *words], env={**plain, **access}, capture_output=True, text=True, timeout=300, check=False
        )
        if good:
            assert done.returncode == 0, f"openstack {' '.join(words)}: {done.stdout}{done.stderr}"
            return done.stdout
        assert done.returncode != 0, f"openstack {' '.join(words)} was meant to fail: {done.stdout}"
        return done.stdout + done.stderr

    def commands(self, *lines: str, path: str = "") -> list[Any]:
        """Several commands in one ``openstack`` process, which reads them from its standard input: starting costs most.

        Returns what they print, as JSON, in their order; those that change or delete print nothing. The exit code says
        nothing in this mode; what went wrong stands on standard error. ``path``: of the endpoint, where one is needed.
        """
        program = Path(sys.executable).with_name("openstack")
        plain = {key: value for key, value in os.environ.items() if not key.startswith("OS_")}
        access = {"OS_AUTH_TYPE": "none", "OS_ENDPOINT": f"{self.service.url}{path}"}
        done = subprocess.run(
            [str(program)],
            input="\n".join(lines) + "\n",
            env={**plain, **access},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert not done.stderr.strip(), f"{lines}: {done.stdout}{done.stderr}"
        return printed_values(done.stdout)

    # The end

    def clear(self) -> None:
        """Deletes every load balancer and proves that nothing of them is left on this host."""
        balancers = self.lbaas("GET", "loadbalancers").body["loadbalancers"]
        for balancer in balancers:
            reply = self.lbaas("DELETE", f"loadbalancers/{balancer['id']}?cascade=true")
            assert reply.status in (204, 404), reply
        self.wait(lambda: not self.lbaas("GET", "loadbalancers").body["loadbalancers"], "all deleted")
        for balancer in balancers:
            self.assert_gone(balancer["id"])
        machines = {machine.device for machine in self.lab.machines.values()}
        assert set(bridge_ports(self.lab.bridge)) <= machines, "devices are left on the bridge"

    def assert_gone(self, load_balancer_id: str) -> None:
        assert not (NETNS / f"qlbaas-{load_balancer_id}").exists()
        assert not (self.lab.state / "load_balancers" / load_balancer_id).exists()
        assert not read_haproxy_pids(load_balancer_id)

    def config_of(self, load_balancer_id: str) -> str:
        return (self.lab.state / "load_balancers" / load_balancer_id / "haproxy.cfg").read_text()


def ask(port: int, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None) -> Reply:
    """One HTTP request to an API on loopback; ``body`` is sent as JSON, bytes as they are."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=NET)
    sent = dict(headers or {})
    payload = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    if payload is not None:
        sent.setdefault("Content-Type", "application/json")
    try:
        connection.request(method, path, body=payload, headers=sent)
        response = connection.getresponse()
        content = response.read()
        found = {key.lower(): value for key, value in response.getheaders()}
        return Reply(status=response.status, headers=found, body=json.loads(content) if content else None)
    finally:
        connection.close()


def printed_values(text: str) -> list[Any]:
    """JSON values that stand one after the other, as a client prints them that was given several commands."""
    values, rest = [], text.strip()
    while rest:
        value, end = json.JSONDecoder().raw_decode(rest)
        values.append(value)
        rest = rest[end:].strip()
    return values


def names(objects: Sequence[Mapping[str, Any]]) -> set[str]:
    return {str(item["name"]) for item in objects}
