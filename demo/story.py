"""The demo's stage: the lab, the service, the back ends, the client and the API connection, put up and taken down.

``steps`` plays on it. Nothing here prints more than what is being started or ended.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import openstack

from demo.lab import Lab, Machine, Process
from demo.screen import Screen
from demo.service import PREFERRED_PORT, PortTaken, Service, free_port
from demo.traffic import PATIENCE, Client

BACKEND_PORT = 8080
CLIENT_ADDRESS = "10.77.0.250"
_BACKEND_FILE = Path(__file__).with_name("backend.py")
T = TypeVar("T")


class StoryError(Exception):
    """Something did not come as it should; says what."""


class Stage:
    """``cloud`` is an openstacksdk connection, known to it as any OpenStack is."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen
        self.lab = Lab()
        self._service: Service | None = None
        self._machines: dict[str, Machine] = {}
        self._backends: dict[str, Process] = {}
        self.cloud: Any = None

    def build(self) -> None:
        self.lab.build()
        self._machines["client"] = self.lab.machine("client", f"{CLIENT_ADDRESS}/24")
        for number in (1, 2, 3):
            name = f"web{number}"
            self._machines[name] = self.lab.machine(name, f"{self.address(name)}/24")
        seconds = self._start_service()
        self.screen.line("service", self.service.url, f"pid {self.service.pid}, ready after {seconds:.1f} s")
        self.screen.line("bridge", self.lab.bridge, f"all that is made lies below {self.lab.directory}")
        self.cloud = openstack.connect(
            auth_type="none", auth={"endpoint": self.service.url}, load_yaml_config=False, load_envvars=False
        )
        for name in ("web1", "web2"):
            self.start_backend(name)
            address = f"{self.address(name)}:{BACKEND_PORT}"
            self.screen.line("back end", f"{name}  {address}", f"ip netns exec {self._machines[name].namespace.name}")
        self.screen.line("client", CLIENT_ADDRESS, f"ip netns exec {self.client_machine.namespace.name}")

    def _start_service(self) -> float:
        """On the preferred port, or on another one where that is taken, be it at the last moment."""
        self._service = Service(self.lab, port=free_port(PREFERRED_PORT))
        try:
            return self._service.start()
        except PortTaken:
            self._service = Service(self.lab)
            return self._service.start()

    @property
    def service(self) -> Service:
        assert self._service is not None, "build first"
        return self._service

    @property
    def client_machine(self) -> Machine:
        return self._machines["client"]

    @property
    def client(self) -> Client:
        return Client(self.client_machine)

    def address(self, name: str) -> str:
        """Of a back end, ``web1`` to ``web3``."""
        return f"10.77.0.{10 + int(name[-1])}"

    def start_backend(self, name: str) -> None:
        command = [sys.executable, "-I", "-S", str(_BACKEND_FILE), "--name", name, "--port", str(BACKEND_PORT)]
        self._backends[name] = self.lab.spawn(name, command, machine=self._machines[name])
        if self.client.first(self.address(name), BACKEND_PORT) is None:
            raise StoryError(f"the back end {name} does not answer\n{self._backends[name].tail()}")

    def stop_backend(self, name: str) -> None:
        self._backends[name].stop()

    def log_tail(self) -> str:
        return self._service.tail() if self._service is not None else ""

    def end(self) -> list[str]:
        """Deletes what is left through the API, ends all processes, removes the lab; returns what remains."""
        try:
            if self._service is not None and self._service.running:
                if self.cloud is not None:
                    remove_balancers(self.cloud)
                self._service.stop()
        finally:
            self.lab.remove()
        return self.lab.leftovers()


def remove_balancers(cloud: Any) -> None:
    """Cascade delete of all there are; what does not go is left to the lab."""
    try:
        for balancer in list(cloud.load_balancer.load_balancers()):
            cloud.load_balancer.delete_load_balancer(balancer.id, cascade=True)
        wait_for(lambda: not list(cloud.load_balancer.load_balancers()), "the end of them all")
    except (openstack.exceptions.SDKException, StoryError):
        return  # the lab removes namespaces and processes itself


def wait_for(look: Callable[[], T | None], what: str) -> T:
    """Looks until there is something true to see. Raises StoryError: ``what`` did not come."""
    deadline = time.monotonic() + PATIENCE
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() > deadline:
            raise StoryError(f"{what} did not come within {PATIENCE:.0f} s")
        time.sleep(0.02)
