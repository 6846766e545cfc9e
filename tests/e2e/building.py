"""Puts up a world for the end-to-end tests: the service, its networks, the machines and their back ends."""

from collections.abc import Iterable
from typing import Any

import openstack
from demo.lab import Lab
from demo.service import Sections, Service
from demo.traffic import Client
from tests.e2e.world import WEBS, World

CIDR, CIDR6 = "10.88.0.0/24", "2001:db8:88::/64"


def build_world(lab: Lab, sections: Sections | None = None, *, webs: Iterable[str] = WEBS) -> World:
    """In a lab that is built already; the service runs with authentication ``none`` unless the sections say so."""
    machine = lab.machine("client", "10.88.0.250/24", "2001:db8:88::250/64")
    for web in webs:
        number = 10 + int(web[-1])
        lab.machine(web, f"10.88.0.{number}/24", f"2001:db8:88::{number}/64")
    service = Service(lab, sections=sections)
    service.start()
    cloud = connect(service.url)
    world = World(lab, service, Client(machine), cloud, "", "", "", {})
    for web in webs:
        world.start_backend(web)
    return world


def make_networks(world: World) -> None:
    """The network and subnets that the tests take for granted."""
    network = world.cloud.network.create_network(name="net", is_shared=True)
    world.network_id = network.id
    for name, version, cidr, pool in (
        ("sub", 4, CIDR, {"start": "10.88.0.100", "end": "10.88.0.199"}),
        ("sub6", 6, CIDR6, {"start": "2001:db8:88::1000", "end": "2001:db8:88::1fff"}),
    ):
        subnet = world.cloud.network.create_subnet(
            name=name, network_id=network.id, ip_version=version, cidr=cidr, allocation_pools=[pool]
        )
        if version == 4:
            world.subnet_id = subnet.id
        else:
            world.subnet6_id = subnet.id


def connect(url: str, **auth: str) -> Any:
    """An openstacksdk connection; with ``username`` and ``password`` by http_basic."""
    kind = "http_basic" if auth else "none"
    return openstack.connect(auth_type=kind, auth={"endpoint": url, **auth}, load_yaml_config=False, load_envvars=False)
