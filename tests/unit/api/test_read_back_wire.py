"""Every attribute comes back as it was sent, in every place that shows it, in both APIs.

What Octavia or Neutron normalise comes back normalised: networks in CIDR notation, UUIDs, numbers and booleans sent as
text, and the addresses of ports.
"""

from typing import Any

import pytest
from tests.unit.api.conftest import LB, LBAAS, World

SPELT, CANONICAL = "2001:DB8:78:0::11", "2001:db8:78::11"
OTHER = "2001:DB8:78::0:12"
USER = "blue:member"


def shown_everywhere(world: World, url: str, wrapper: str, made: Any) -> list[Any]:
    """The object as it is shown when it is made, alone and in the list."""
    one = world.get(f"{url}/{made['id']}", user=USER)[wrapper]
    return [made, one, *(each for each in world.get(url, user=USER)[f"{wrapper}s"] if each["id"] == made["id"])]


V2: dict[str, dict[str, Any]] = {
    "loadbalancer": {
        "name": "Ünïcode  two",
        "description": " d ",
        "tags": ["b", "a", "ä "],
        "admin_state_up": False,
        "provider": "octavia",
        "vip_address": "2001:DB8:0::0a",
    },
    "listener": {
        "name": "l",
        "description": "",
        "tags": ["z", "a"],
        "protocol": "HTTP",
        "connection_limit": 17,
        "insert_headers": {"X-Forwarded-For": "true", "X-Forwarded-Port": "false", "X-SSL-Client-CN": "false"},
        "timeout_client_data": 1,
        "timeout_member_connect": 0,
        "timeout_member_data": 86400000,
        "timeout_tcp_inspect": 7,
        "allowed_cidrs": ["2001:db8::/32", "2001:db9::/64"],
    },
    "pool": {
        "name": "p",
        "description": "d",
        "tags": ["t"],
        "protocol": "HTTP",
        "lb_algorithm": "SOURCE_IP",
        "admin_state_up": False,
    },
    "member": {
        "name": "m",
        "tags": ["t"],
        "address": SPELT,
        "protocol_port": 1,
        "weight": 0,
        "backup": True,
        "monitor_address": OTHER,
        "monitor_port": 65535,
        "admin_state_up": False,
    },
    "healthmonitor": {
        "name": "h",
        "tags": ["t"],
        "type": "HTTP",
        "delay": 86400,
        "timeout": 1,
        "max_retries": 10,
        "max_retries_down": 1,
        "http_method": "HEAD",
        "url_path": "/A%2f~b?c=D",
        "expected_codes": "200 , 202,  299",
        "http_version": 1.1,
        "domain_name": "Example.COM",
        "admin_state_up": False,
    },
}


@pytest.fixture
def subnet(world: World) -> Any:
    return world.subnet(world.network(shared=True), "2001:db8::/64")


def test_octavias_api(world: World, subnet: Any) -> None:
    balancer = world.balancer(subnet, **V2["loadbalancer"])
    pool = world.pool(balancer, **V2["pool"])
    members = f"{LBAAS}/pools/{pool['id']}/members"
    made = {
        "loadbalancer": (f"{LBAAS}/loadbalancers", balancer),
        "listener": (f"{LBAAS}/listeners", world.listener(balancer, **V2["listener"])),
        "pool": (f"{LBAAS}/pools", pool),
        "member": (members, world.member(pool, **V2["member"])),
        "healthmonitor": (f"{LBAAS}/healthmonitors", world.monitor(pool, **V2["healthmonitor"])),
    }
    for wrapper, (url, answer) in made.items():
        places = shown_everywhere(world, url, wrapper, answer)
        assert len(places) == 3
        for shown in places:
            assert {name: shown[name] for name in V2[wrapper]} == V2[wrapper]
    found = world.get(f"{members}?address={CANONICAL}", user=USER)["members"]
    assert found == world.get(f"{members}?address={SPELT}", user=USER)["members"] != []


def test_an_address_that_is_sent_again_in_another_spelling(world: World, subnet: Any) -> None:
    pool = world.pool(world.balancer(subnet))
    url = f"{LBAAS}/pools/{pool['id']}/members"
    member = world.member(pool, SPELT, monitor_address=SPELT)
    one = f"{url}/{member['id']}"
    world.call("PUT", one, {"member": {"monitor_address": OTHER}}, user=USER, expect=200)
    found = world.get(one, user=USER)["member"]
    assert (found["address"], found["monitor_address"]) == (SPELT, OTHER)
    world.call("PUT", one, {"member": {"monitor_address": None}}, user=USER, expect=200)
    assert world.get(one, user=USER)["member"]["monitor_address"] is None
    body = {"members": [{"address": CANONICAL.upper(), "protocol_port": 8080}]}
    world.call("PUT", url, body, user=USER, expect=202)
    [left] = world.get(url, user=USER)["members"]
    assert (left["id"], left["address"]) == (member["id"], CANONICAL.upper())
    world.call("POST", url, {"member": {"address": CANONICAL, "protocol_port": 8080}}, user=USER, expect=409)


def test_the_status_tree_and_a_creation_in_one_call(world: World, subnet: Any) -> None:
    pool = {"name": "p", "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN", "members": [V2["member"]]}
    listener = {"protocol": "HTTP", "protocol_port": 80, "default_pool": pool}
    other = world.subnet({"id": subnet["network_id"]}, "2001:db8:1::/64")
    vips = [{"subnet_id": other["id"], "ip_address": "2001:DB8:1::0B"}]
    made = world.balancer(subnet, listeners=[listener], vip_address="2001:DB8::0A", additional_vips=vips)
    [member] = made["pools"][0]["members"]
    assert (member["address"], member["monitor_address"]) == (SPELT, OTHER)
    assert (made["vip_address"], made["additional_vips"][0]["ip_address"]) == ("2001:DB8::0A", "2001:DB8:1::0B")
    tree = world.get(f"{LBAAS}/loadbalancers/{made['id']}/status", user=USER)["statuses"]["loadbalancer"]
    assert tree["listeners"][0]["pools"][0]["members"][0]["address"] == SPELT


def test_lbaas_v1(world: World, subnet: Any) -> None:
    wanted: dict[str, dict[str, Any]] = {
        "pool": {"name": "p", "description": "d", "lb_method": "SOURCE_IP", "admin_state_up": False},
        "vip": {
            "name": "v",
            "description": "d",
            "address": "2001:DB8::0A",
            "connection_limit": 5,
            "session_persistence": {"type": "APP_COOKIE", "cookie_name": "C"},
        },
        "member": {"address": SPELT, "weight": 0, "admin_state_up": False},
        "health_monitor": {
            "http_method": "HEAD",
            "url_path": "/A%2f~b",
            "expected_codes": "200 , 202",
            "delay": 9,
            "timeout": 0,
            "max_retries": 1,
        },
    }
    pool = world.v1_pool(**wanted["pool"])
    vip = world.vip(pool, subnet, **wanted["vip"])
    made = {
        "pool": pool,
        "vip": vip,
        "member": world.v1_member(pool, **wanted["member"]),
        "health_monitor": world.v1_monitor(**wanted["health_monitor"]),
    }
    for wrapper, answer in made.items():
        for shown in shown_everywhere(world, f"{LB}/{wrapper}s", wrapper, answer):
            assert {name: shown[name] for name in wanted[wrapper]} == wanted[wrapper]
    for kind, canonical in (("member", CANONICAL), ("vip", "2001:db8::a")):
        found = world.get(f"{LB}/{kind}s?address={canonical}", user=USER)[f"{kind}s"]
        assert [each["id"] for each in found] == [made[kind]["id"]]


def test_name_servers(world: World) -> None:
    servers = ["2001:DB8::0:53", "192.0.2.53"]
    subnet = world.subnet(world.network(), dns_nameservers=servers)
    assert subnet["dns_nameservers"] == servers
    body = {"subnet": {"dns_nameservers": ["2001:db8::53", "2001:DB8::53"]}}
    world.call("PUT", f"/v2.0/subnets/{subnet['id']}", body, expect=400)


def test_the_reason_of_an_error_is_shown_wherever_the_status_is(world: World, subnet: Any) -> None:
    balancer = world.balancer(subnet)
    pool = world.pool(balancer)
    listener = world.listener(balancer, default_pool_id=pool["id"])
    member = world.member(pool, "2001:db8:78::1")
    monitor = world.monitor(pool)
    vip = world.vip(world.v1_pool(), subnet)
    for each in world.get(f"{LBAAS}/loadbalancers")["loadbalancers"]:
        world.refuse(each["id"], "cannot write /var/lib/evenload/x: no space left (ENOSPC)")
    told = "Its host has no room left."
    urls = {
        "loadbalancer": f"{LBAAS}/loadbalancers/{balancer['id']}",
        "listener": f"{LBAAS}/listeners/{listener['id']}",
        "pool": f"{LBAAS}/pools/{pool['id']}",
        "member": f"{LBAAS}/pools/{pool['id']}/members/{member['id']}",
        "healthmonitor": f"{LBAAS}/healthmonitors/{monitor['id']}",
    }
    for wrapper, url in urls.items():
        one = world.get(url, user=USER)[wrapper]
        assert one in world.get(url.rpartition("/")[0], user=USER)[f"{wrapper}s"]
        assert (one["provisioning_status"], one["status_reason"]) == ("ERROR", told)
        assert world.get(f"{url}?fields=status_reason", user=USER) == {wrapper: {"status_reason": told}}
    tree = world.get(f"{urls['loadbalancer']}/status", user=USER)["statuses"]["loadbalancer"]
    of_pool = tree["listeners"][0]["pools"][0]
    every = [tree, tree["listeners"][0], of_pool, of_pool["members"][0], of_pool["health_monitor"]]
    assert [each["status_reason"] for each in every] == [told] * 5
    shown = world.get(f"{LB}/vips/{vip['id']}", user=USER)["vip"]
    assert (shown["status"], shown["status_description"]) == ("ERROR", told)
    world.settle()
    assert world.get(urls["member"], user=USER)["member"]["status_reason"] is None
