"""Networks through the API and packets through them: IPv6, more than one VIP, VLANs; ports in Neutron's shape."""

from typing import Any

import pytest
from demo.traces import read_haproxy_pids, read_processes
from demo.traffic import Client
from tests.e2e.world import BACKEND_PORT, World


def test_an_ipv6_vip_serves_ipv6_and_ipv4_members(world: World) -> None:
    made = world.create("loadbalancers", "loadbalancer", name="six", vip_subnet_id=world.subnet6_id)
    vip = made["vip_address"]
    assert vip.startswith("2001:db8:88::1")
    listener = world.create("listeners", "listener", loadbalancer_id=made["id"], protocol="HTTP", protocol_port=80)
    pool = world.create("pools", "pool", listener_id=listener["id"], protocol="HTTP", lb_algorithm="ROUND_ROBIN")
    member = {"name": "web1", "address": "2001:DB8:88:0::11", "protocol_port": BACKEND_PORT}
    created = world.create(f"pools/{pool['id']}/members", "member", **member)
    assert created["address"] == member["address"], "as it was sent"
    world.measure("IPv6: last POST to first 200", world.wait_answer(vip))
    world.wait_active(made["id"])
    assert world.client.get(vip).backend == "web1"


def test_two_vips_of_one_load_balancer_both_serve(world: World) -> None:
    balanced = world.balancer("web1", additional_vips=[{"subnet_id": world.subnet6_id}])
    [additional] = world.show("loadbalancers", balanced.id)["additional_vips"]
    assert additional["subnet_id"] == world.subnet6_id
    world.wait_answer(balanced.vip)
    world.wait_answer(additional["ip_address"])


def test_a_vlan_network(world: World) -> None:
    """With VLANs on the bridge its traffic stays within the VLAN; on a kernel without, ERROR and no limbo."""
    segment: dict[str, Any] = {
        "provider:network_type": "vlan",
        "provider:physical_network": "physnet1",
        "provider:segmentation_id": 101,
    }
    reply = world.ask("POST", "/v2.0/networks", {"network": {"name": "tagged", **segment}})
    assert reply.status == 201, reply
    network = reply.body["network"]
    assert {key: network[key] for key in segment} == segment
    subnet = world.ask(
        "POST",
        "/v2.0/subnets",
        {"subnet": {"network_id": network["id"], "ip_version": 4, "cidr": "10.101.0.0/24", "name": "tagged-sub"}},
    ).body["subnet"]
    try:
        pool = {"name": "p", "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN", "members": [world.member("web1")]}
        listener = {"name": "l", "protocol": "HTTP", "protocol_port": 80, "default_pool": pool}
        made = world.create("loadbalancers", "loadbalancer", name="v", vip_subnet_id=subnet["id"], listeners=[listener])
        if world.lab.vlans:
            _assert_served_inside_the_vlan_only(world, made)
        else:
            _assert_refused_by_the_host(world, made["id"])
        world.delete(made["id"])
    finally:
        world.clear()
        assert world.ask("DELETE", f"/v2.0/subnets/{subnet['id']}").status == 204
        assert world.ask("DELETE", f"/v2.0/networks/{network['id']}").status == 204


def _assert_served_inside_the_vlan_only(world: World, made: dict[str, Any]) -> None:
    world.wait_active(made["id"])
    inside = Client(world.lab.machine("tagged", "10.101.0.250/24", vlan=101))
    assert inside.first(made["vip_address"], status=503) is not None
    outside = Client(world.lab.machine("untagged", "10.101.0.251/24"))
    assert outside.first(made["vip_address"], status=503, timeout=1) is None


def _assert_refused_by_the_host(world: World, load_balancer_id: str) -> None:
    world.wait(lambda: world.show("loadbalancers", load_balancer_id)["provisioning_status"] == "ERROR", "ERROR")
    assert "VLAN" in world.service.tail(60)


def test_what_is_used_cannot_be_deleted(world: World) -> None:
    balanced = world.balancer("web1")
    for path in (
        f"networks/{world.network_id}",
        f"subnets/{world.subnet_id}",
        f"ports/{balanced.port_id}",
    ):
        reply = world.ask("DELETE", f"/v2.0/{path}")
        assert reply.status == 409, reply
        assert reply.fault
    world.wait_answer(balanced.vip)


def test_a_vip_port_is_shown_in_neutrons_shape(world: World) -> None:
    balanced = world.balancer("web1")
    port = world.ask("GET", f"/v2.0/ports/{balanced.port_id}").body["port"]
    assert port["fixed_ips"] == [{"subnet_id": world.subnet_id, "ip_address": balanced.vip}]
    assert port["network_id"] == world.network_id
    assert port["device_owner"]
    assert len(port["mac_address"].split(":")) == 6
    listed = world.ask("GET", f"/v2/ports?device_id={port['device_id']}").body["ports"]
    assert [item["id"] for item in listed] == [balanced.port_id]
    namespace = world.lab.directory.parent / "netns" / f"qlbaas-{balanced.id}"
    assert set(read_processes(namespace.stat().st_ino).values()) == {"haproxy"}
    assert len(read_haproxy_pids(balanced.id)) == 1


def test_a_given_port_is_used_and_left(world: World) -> None:
    body = {
        "network_id": world.network_id,
        "fixed_ips": [{"subnet_id": world.subnet_id, "ip_address": "10.88.0.60"}],
    }
    reply = world.ask("POST", "/v2.0/ports", {"port": body})
    assert reply.status == 201, reply
    port = reply.body["port"]
    made = world.create("loadbalancers", "loadbalancer", name="given", vip_port_id=port["id"])
    assert (made["vip_address"], made["vip_port_id"]) == ("10.88.0.60", port["id"])
    world.wait_active(made["id"])
    world.delete(made["id"])
    shown = world.ask("GET", f"/v2.0/ports/{port['id']}")
    assert shown.status == 200, "a port that its owner made is not ours to delete"
    assert not shown.body["port"]["device_id"]
    assert world.ask("DELETE", f"/v2.0/ports/{port['id']}").status == 204


@pytest.mark.parametrize(
    ("collection", "body", "word"),
    [
        ("networks", {"network": {"name": "a\nb"}}, "name"),
        ("networks", {"network": {"mtu": 10}}, "mtu"),
        ("networks", {"network": {"provider:network_type": "vxlan"}}, "network_type"),
        ("networks", {"network": {"provider:physical_network": "physnet1"}}, "network type"),
        ("networks", {"network": {"provider:network_type": "flat", "provider:physical_network": "x9"}}, "x9"),
        ("networks", {"network": {"provider:network_type": "flat", "provider:segmentation_id": 5}}, "segmentation_id"),
        ("networks", {"network": {"nonsense": 1}}, "nonsense"),
        ("subnets", {"subnet": {"ip_version": 4, "cidr": "10.0.0.0/40"}}, "cidr"),
        ("subnets", {"subnet": {"ip_version": 4, "cidr": "2001:db8::/64"}}, "cidr"),
        ("subnets", {"subnet": {"ip_version": 4, "cidr": "10.88.0.128/25"}}, "cidr"),
        ("subnets", {"subnet": {"ip_version": 4, "cidr": "10.9.0.0/24", "gateway_ip": "x"}}, "gateway_ip"),
    ],
)
def test_bad_networks_are_refused(world: World, collection: str, body: dict[str, Any], word: str) -> None:
    before = world.objects()
    if collection == "subnets":
        body = {"subnet": {"network_id": world.network_id, **body["subnet"]}}
    reply = world.ask("POST", f"/v2.0/{collection}", body)
    assert reply.status in (400, 409), reply
    assert word in reply.fault, reply
    assert world.objects() == before
