"""The service on Open vSwitch (userspace datapath, a database of the tests' own), VLAN networks included."""

import sys
from collections.abc import Iterator
from pathlib import Path

import demo
import pytest
from demo.lab import Lab
from demo.service import Service
from demo.traces import read_haproxy_pids
from demo.traffic import FAILURES, Client
from tests.e2e.building import connect
from tests.e2e.world import BACKEND_PORT, World
from tests.root.openvswitch import Openvswitch
from tests.waiting import eventually

_BACKEND_FILE = Path(demo.__file__).with_name("backend.py")
_BRIDGE = "br-ev"
_VLAN = 101


@pytest.fixture(params=["internal", "veth"])
def switched(request: pytest.FixtureRequest) -> Iterator[tuple[World, Openvswitch]]:
    """A service whose bridge the agent makes itself; ``web1`` and ``client`` in VLAN 101, ``outside`` in none."""
    switch = Openvswitch()
    try:
        switch.start()
        with Lab() as lab:
            sections = {
                "agent": {"interface_driver": "openvswitch"},
                "networks": {"bridge_mappings": f"physnet1:{_BRIDGE}"},
                "openvswitch": {
                    "connection": switch.connection,
                    "datapath_type": "netdev",
                    "use_veth": str(request.param == "veth"),
                },
            }
            service = Service(lab, sections=sections)
            try:
                service.start()
                # The API answers as soon as the server can; the agent makes its bridge meanwhile.
                assert eventually(lambda: _BRIDGE in switch.vsctl("list-br").split())
                client = switch.machine("client", _BRIDGE, "10.101.0.250/24", vlan=_VLAN)
                world = World(lab, service, Client(client), connect(service.url), "", "", "", {})
                yield world, switch
                world.clear()
            finally:
                if service.running:
                    service.stop()
                switch.clear()
    finally:
        switch.stop()


def test_a_vlan_network_on_open_vswitch(switched: tuple[World, Openvswitch]) -> None:
    world, switch = switched
    web = switch.machine("web1", _BRIDGE, "10.101.0.11/24", vlan=_VLAN)
    outside = Client(switch.machine("outside", _BRIDGE, "10.101.0.251/24"))
    command = [sys.executable, "-I", "-S", str(_BACKEND_FILE), "--name", "web1", "--port", str(BACKEND_PORT)]
    world.lab.spawn("web1", command, machine=web)
    assert world.client.first("10.101.0.11", BACKEND_PORT) is not None

    network = world.cloud.network.create_network(
        name="tagged",
        provider_network_type="vlan",
        provider_physical_network="physnet1",
        provider_segmentation_id=_VLAN,
    )
    subnet = world.cloud.network.create_subnet(
        name="tagged-sub", network_id=network.id, ip_version=4, cidr="10.101.0.0/24"
    )
    member = {"name": "web1", "address": "10.101.0.11", "protocol_port": BACKEND_PORT}
    pool = {"name": "p", "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN", "members": [member]}
    listener = {"name": "l", "protocol": "HTTP", "protocol_port": 80, "default_pool": pool}
    made = world.create(
        "loadbalancers", "loadbalancer", name="v", vip_subnet_id=subnet.id, vip_address="10.101.0.100",
        listeners=[listener],
    )  # fmt: skip
    world.wait_active(made["id"])
    world.wait_answer("10.101.0.100", backend="web1")
    with pytest.raises(FAILURES):
        outside.get("10.101.0.100", timeout=0.5)

    ports = switch.vsctl(
        "--bare", "--columns=name", "find", "Interface", f"external_ids:iface-id={made['vip_port_id']}"
    )
    assert ports.split() == [f"tap{made['vip_port_id'][:11]}"]
    assert read_haproxy_pids(made["id"])
    world.delete(made["id"])
    world.assert_gone(made["id"])
    assert f"tap{made['vip_port_id'][:11]}" not in switch.vsctl("list-ports", _BRIDGE).split()
