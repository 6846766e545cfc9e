"""The original's path over HTTP: what a client of LBaaS v1 asks for, and what is then on the host and on the wire."""

import ipaddress
import os
from typing import Any

import pytest
from demo.traces import observe_footprint, read_findings, read_haproxy_pids
from tests.e2e.v1_world import OTHER, V1, VIP
from tests.e2e.world import World
from tests.root.lab import sniffing

from evenload.host import netns
from evenload.host.addresses import gratuitous_arp


def balancer_of(world: World, vip: str) -> str:
    [named] = world.show("listeners", vip)["loadbalancers"]
    identifier: str = named["id"]
    return identifier


def test_from_create_vip_to_the_last_trace(world: World, v1: V1) -> None:
    pool, other = v1.pool("web1", "web2"), v1.pool("web3")
    client = world.lab.machines["client"]
    with sniffing("eth0", client) as wire:
        vip = v1.vip(pool)
        shown = v1.show("vip", vip)
        port = world.ask("GET", f"/v2.0/ports/{shown['port_id']}").body["port"]
        arp = gratuitous_arp(port["mac_address"], ipaddress.IPv4Address(VIP))
        assert wire.saw(lambda frame: frame[14 : 14 + len(arp)] == arp)
    balancer = balancer_of(world, vip)
    assert port["device_id"] == balancer
    assert port["name"] == f"vip-{vip}"
    [pid] = read_haproxy_pids(balancer)
    assert os.stat(f"/proc/{pid}/ns/net").st_ino == netns.inode(world.lab.directory.parent / f"netns/qlbaas-{balancer}")
    assert set(world.client.spread(VIP, requests=6)) == {"web1", "web2"}

    # update_vip with another pool.
    kept = world.client.open(VIP)
    assert kept.ask().status == 200
    v1.change("vip", vip, pool_id=other)
    v1.active(vip)
    assert kept.ask().status == 200
    kept.close()
    assert set(world.client.spread(VIP, requests=6)) == {"web3"}
    assert balancer_of(world, vip) == balancer
    assert v1.show("pool", pool)["vip_id"] is None

    # delete_vip.
    footprint = observe_footprint(world.lab, balancer, shown["port_id"], VIP, client)
    assert v1.ask("DELETE", f"vips/{vip}").status == 204
    assert v1.ask("GET", f"vips/{vip}").status == 404
    world.wait(lambda: world.lbaas("GET", f"loadbalancers/{balancer}").status == 404, "gone")
    assert [finding for finding in read_findings(footprint, world.lab, client) if finding.left] == []
    assert world.ask("GET", f"/v2.0/ports/{shown['port_id']}").status == 404
    assert v1.show("pool", other)["status"] == "ACTIVE"


def test_members_see_who_asked(v1: V1) -> None:
    """The original has HAProxy add X-Forwarded-For for every VIP that speaks HTTP."""
    v1.vip(v1.pool("web1"))
    seen = v1.world.client.get(VIP, path="/headers").json()
    assert {name.lower(): value for name, value in seen.items()}["x-forwarded-for"] == "10.88.0.250"


def test_what_a_vip_stands_on_cannot_be_taken_away(world: World, v1: V1) -> None:
    vip = v1.vip(v1.pool("web1"))
    port = v1.show("vip", vip)["port_id"]
    for path in (f"ports/{port}", f"subnets/{world.subnet_id}", f"networks/{world.network_id}"):
        assert world.ask("DELETE", f"/v2.0/{path}").status == 409
    world.wait_answer(VIP)


def test_the_gateways_address_is_no_vip(world: World, v1: V1) -> None:
    gateway = world.ask("GET", f"/v2.0/subnets/{world.subnet_id}").body["subnet"]["gateway_ip"]
    body = {"protocol": "HTTP", "protocol_port": 80, "subnet_id": world.subnet_id, "address": gateway}
    reply = v1.ask("POST", "vips", {"vip": {"pool_id": v1.pool("web1"), **body}})
    assert reply.status == 400
    assert gateway in reply.fault


@pytest.mark.parametrize(
    ("kind", "attributes"),
    [
        ("health_monitor", {"type": "HTTP", "url_path": "/\n    server evil 192.0.2.1:80"}),
        ("health_monitor", {"type": "HTTP", "url_path": "/ HTTP/1.0\\r\\nX: y"}),
        ("health_monitor", {"type": "HTTP", "http_method": "GET\nchroot /"}),
        ("health_monitor", {"type": "HTTP", "expected_codes": "200\nuser root"}),
        ("vip", {"session_persistence": {"type": "APP_COOKIE", "cookie_name": "a\nuser root"}}),
        ("vip", {"name": "a\nuser root"}),
    ],
)
def test_no_line_break_reaches_the_file(world: World, v1: V1, kind: str, attributes: dict[str, Any]) -> None:
    if kind == "vip":
        pool = v1.pool("web1")
        body = {"pool_id": pool, "protocol": "HTTP", "protocol_port": 80, "subnet_id": world.subnet_id}
    else:
        body = {"delay": 5, "timeout": 3, "max_retries": 3}
    reply = v1.ask("POST", f"{kind}s", {kind: {**body, **attributes}})
    assert reply.status == 400, reply
    assert reply.body["NeutronError"]["type"]


def test_a_vip_and_its_pool_may_be_switched_off(world: World, v1: V1) -> None:
    pool = v1.pool("web1")
    vip = v1.vip(pool)
    v1.change("pool", pool, admin_state_up=False)
    v1.active(vip)
    assert world.client.get(VIP).status == 503
    v1.change("vip", vip, admin_state_up=False)
    v1.active(vip)
    assert not world.reaches(VIP)
    v1.change("pool", pool, admin_state_up=True)
    v1.change("vip", vip, admin_state_up=True)
    v1.active(vip)
    world.wait_answer(VIP)


def test_an_address_can_be_had_again_at_once(world: World, v1: V1) -> None:
    """Beside another VIP, which is not disturbed. The creation waits until the host has let go of the address."""
    first, second = v1.pool("web1"), v1.pool("web2")
    vip = v1.vip(first)
    v1.vip(second, OTHER)
    assert v1.ask("DELETE", f"vips/{vip}").status == 204
    v1.vip(first)
    world.wait_answer(VIP)
    world.wait_answer(OTHER)
