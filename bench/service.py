"""The service as a process of its own, and a client that talks to it over one kept connection.

Called by the parts that measure from the API on. Knows the wire format and nothing of the code.
"""

import http.client
import json
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from demo.service import Service as Process
from demo.service import read_roles

from bench.room import ALLOCATION_POOL, BACKEND_PORT, CIDR, CIDR6, GATEWAY, GATEWAY6, MTU, Room

LBAAS = "/v2/lbaas"


class ApiError(Exception):
    """The service answered something else than was expected; says what."""


class Api:
    """One keep-alive connection, one request at a time."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def close(self) -> None:
        self._connection.close()

    def send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The decoded answer, None for an empty one. Raises ApiError for everything but 2xx."""
        payload = None if body is None else json.dumps(body).encode()
        headers = {} if payload is None else {"Content-Type": "application/json"}
        self._connection.request(method, path, payload, headers)
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status >= 300:
            raise ApiError(f"{method} {path}: {answer.status} {content.decode(errors='replace')}")
        return json.loads(content) if content else None


class Service:
    """The running service with one network and one subnet in it, and a connection to it.

    A load balancer that a part makes has a HTTP listener on port 80 and a pool with the given members.
    """

    def __init__(self, process: Process, api: Api, room: Room) -> None:
        self.api = api
        self.pid = process.pid
        self._process = process
        self._room = room
        self.port = process.port
        self.subnet_id, self.subnet6_id = _make_subnets(api)

    @property
    def server_pid(self) -> int:
        """The process that answers HTTP."""
        return self._process.roles()["server"]

    @property
    def processes(self) -> list[int]:
        """The supervisor's and its roles'."""
        return [self.pid, *read_roles(self.pid).values()]

    def state_directory(self, load_balancer_id: str) -> Path:
        return self._room.lab.state / "load_balancers" / load_balancer_id

    def begin(self, name: str, members: Sequence[str], *, protocol: str = "HTTP", **fields: Any) -> dict[str, Any]:
        """Asks for a load balancer, with those ``fields`` of its own beside; returns it as the API shows it, not waited
        for."""
        pool = {
            "name": f"{name}-pool",
            "protocol": protocol,
            "lb_algorithm": "ROUND_ROBIN",
            "members": [{"address": address, "protocol_port": BACKEND_PORT} for address in members],
        }
        listener = {"name": f"{name}-listener", "protocol": protocol, "protocol_port": 80, "default_pool": pool}
        body = {"name": name, "vip_subnet_id": self.subnet_id, "listeners": [listener]} | fields
        made: dict[str, Any] = self.api.send("POST", f"{LBAAS}/loadbalancers", {"loadbalancer": body})["loadbalancer"]
        self._room.lab.adopt(made["id"])
        return made

    @contextmanager
    def balancer(
        self, name: str, members: Sequence[str], *, both: bool = False, protocol: str = "HTTP"
    ) -> Iterator[dict[str, Any]]:
        """One that is ACTIVE inside the ``with`` block, with ``listener_id`` and ``pool_id`` added. ``both``: it has an
        IPv6 address too, ``vip_address6``."""
        if both:
            made = self.begin(name, members, protocol=protocol, additional_vips=[{"subnet_id": self.subnet6_id}])
            made["vip_address6"] = made["additional_vips"][0]["ip_address"]
        else:
            made = self.begin(name, members, protocol=protocol)
        self.await_active([made["id"]])
        made["listener_id"] = made["listeners"][0]["id"]
        made["pool_id"] = self.api.send("GET", f"{LBAAS}/pools?loadbalancer_id={made['id']}")["pools"][0]["id"]
        yield made
        self.ask_away(made["id"])
        self.await_gone([made["id"]])

    def await_active(self, identifiers: Iterable[str], timeout: float = 60.0) -> None:
        """Until these load balancers are ACTIVE."""
        deadline = time.monotonic() + timeout
        for identifier in identifiers:
            path = f"{LBAAS}/loadbalancers/{identifier}"
            while (status := self.api.send("GET", path)["loadbalancer"]["provisioning_status"]) != "ACTIVE":
                if status == "ERROR" or time.monotonic() > deadline:
                    tree = json.dumps(self.api.send("GET", f"{path}/status"))
                    raise ApiError(f"{identifier} is {status}: {tree}\n{self._process.tail()}")
                time.sleep(0.01)

    def ask_away(self, identifier: str) -> None:
        """Asks for the end of a load balancer with all that belongs to it; not waited for."""
        self.api.send("DELETE", f"{LBAAS}/loadbalancers/{identifier}?cascade=true")

    def await_gone(self, identifiers: Iterable[str], timeout: float = 60.0) -> None:
        deadline = time.monotonic() + timeout
        for identifier in identifiers:
            while self.api.send("GET", f"{LBAAS}/loadbalancers?id={identifier}")["loadbalancers"]:
                if time.monotonic() > deadline:
                    raise ApiError(f"{identifier} is not gone\n{self._process.tail()}")
                time.sleep(0.01)


@contextmanager
def running(room: Room) -> Iterator[Service]:
    """Starts the service, stops it in the end. What it leaves behind is the lab's to remove."""
    process = Process(room.lab, sections={"agent": {"manage_kernel_limits": "false"}})  # they would outlive the run
    process.start()
    api = Api(process.port)
    try:
        yield Service(process, api, room)
    except Exception:
        # The log goes with the lab; whatever the service has to say about it is said now or never.
        print(f"The end of the service's log:\n{process.tail()}", file=sys.stderr)
        raise
    finally:
        api.close()
        process.stop()


def _make_subnets(api: Api) -> tuple[str, str]:
    """Of IPv4 and of IPv6."""
    network_id = api.send("POST", "/v2.0/networks", {"network": {"name": "bench", "mtu": MTU}})["network"]["id"]
    start, end = ALLOCATION_POOL
    four = {"ip_version": 4, "cidr": CIDR, "gateway_ip": GATEWAY, "allocation_pools": [{"start": start, "end": end}]}
    six = {"ip_version": 6, "cidr": CIDR6, "gateway_ip": GATEWAY6}
    made = [
        api.send("POST", "/v2.0/subnets", {"subnet": {"name": "bench", "network_id": network_id, **each}})
        for each in (four, six)
    ]
    identifier, identifier6 = (each["subnet"]["id"] for each in made)
    return identifier, identifier6
