"""Who reaches whose networks, and what is in the way of a removal."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.api import conftest
from tests.unit.api.conftest import LBAAS, World

from evenload.api.policy import Policy
from evenload.api.settings import PolicySettings

OWNERS = "role:admin or project_id:%(project_id)s"
LAX = "\n".join(
    f'"{action}_{kind}": "{OWNERS}"'
    for action in ("create", "update", "delete")
    for kind in ("network", "subnet", "port")
)


@pytest.fixture
def lax(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A service whose rules let tenants make networks, subnets and ports."""
    file = tmp_path / "policy.yaml"
    file.write_text(LAX)
    policy = Policy(PolicySettings(file=file), monotonic=lambda: 0.0)
    monkeypatch.setattr(conftest, "default_policy", lambda: policy)
    world = conftest.make_world(tmp_path)
    yield world
    world.uow.close()


def refusals(world: World, attempts: list[tuple[str, dict[str, Any]]], user: str = "red:member") -> list[int]:
    found = []
    for kind, body in attempts:
        found.append(world.call("POST", f"/v2.0/{kind}s", {kind: body}, user=user).status_code)
    return found


def test_tenants_who_may_make_ports_reach_no_foreign_network(lax: World) -> None:
    private, shared = lax.network(user="blue:admin"), lax.network(shared=True, user="blue:admin")
    theirs, common = lax.subnet(private), lax.subnet(shared, "10.2.0.0/24")
    version = {"cidr": "10.9.0.0/24", "ip_version": 4}
    assert refusals(
        lax,
        [
            ("port", {"network_id": private["id"]}),
            ("port", {"network_id": private["id"], "fixed_ips": [{"subnet_id": theirs["id"]}]}),
            ("subnet", {"network_id": private["id"], **version}),
            ("subnet", {"network_id": shared["id"], **version}),
            ("port", {"network_id": shared["id"], "fixed_ips": [{"subnet_id": theirs["id"]}]}),
            ("port", {"network_id": shared["id"], "fixed_ips": [{"subnet_id": common["id"]}]}),
            ("port", {"network_id": private["id"], "project_id": "blue"}),
        ],
    ) == [404, 404, 404, 403, 400, 201, 403]
    own = lax.call("POST", "/v2.0/networks", {"network": {}}, user="red:member", expect=201)["network"]
    assert refusals(lax, [("subnet", {"network_id": own["id"], **version}), ("port", {"network_id": own["id"]})]) == [
        201,
        201,
    ]


@pytest.mark.parametrize(
    "more",
    [
        {"provider:network_type": "vlan", "provider:segmentation_id": 100},
        {"provider:physical_network": "physnet1"},
        {"shared": True},
    ],
)
def test_tenants_who_may_make_networks_choose_no_wire(lax: World, more: dict[str, Any]) -> None:
    assert refusals(lax, [("network", more)]) == [403]


def test_tenants_share_no_network(lax: World) -> None:
    own = lax.call("POST", "/v2.0/networks", {"network": {}}, user="red:member", expect=201)["network"]
    path = f"/v2.0/networks/{own['id']}"
    lax.call("PUT", path, {"network": {"shared": True}}, user="red:member", expect=403)
    lax.call("PUT", path, {"network": {"name": "new", "shared": False}}, user="red:member", expect=200)


def test_an_administrator_uses_a_tenants_subnet_for_a_member(world: World) -> None:
    subnet = world.subnet(world.network(project_id="red"))
    pool = world.pool(world.balancer(world.shared_subnet_at("10.2.0.0/24"), user="admin:admin"), user="admin:admin")
    url = f"{LBAAS}/pools/{pool['id']}/members"
    body = {"address": "10.1.0.9", "protocol_port": 80, "subnet_id": subnet["id"]}
    made = world.call("POST", url, {"member": body}, expect=201)["member"]
    assert made["subnet_id"] == subnet["id"]
    world.call("PUT", url, {"members": [{**body, "address": "10.1.0.8"}]}, expect=202)
    mine = world.pool(world.balancer(world.shared_subnet_at("10.3.0.0/24")))
    url = f"{LBAAS}/pools/{mine['id']}/members"
    world.call("POST", url, {"member": body}, user="blue:member", expect=400)
    whole = {"protocol": "HTTP", "protocol_port": 80, "default_pool": {**POOL, "members": [body]}}
    assert world.balancer(world.shared_subnet_at("10.4.0.0/24"), user="admin:admin", listeners=[whole])


POOL = {"protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"}


# ----------------------------------------------------------------------------------------------------------- removals


@pytest.mark.parametrize("kind", ["subnet", "network", "port"])
def test_what_a_load_balancer_uses_stays_and_says_which_it_is(world: World, kind: str) -> None:
    _, balancer, path = in_use(world, kind)
    error = world.call("DELETE", path, expect=409)["NeutronError"]
    assert error["type"] == f"{kind.title()}InUse"
    assert balancer["id"] in error["message"]
    assert world.pauses.seconds == []
    world.call("DELETE", f"{LBAAS}/loadbalancers/{balancer['id']}", user="blue:member", expect=204)
    world.call("DELETE", path, expect=409)
    assert 1.5 < sum(world.pauses.seconds) < 2.5
    world.pauses.seconds.clear()
    world.pauses.meanwhile = world.settle
    world.call("DELETE", path, expect=204)
    assert len(world.pauses.seconds) == 1
    world.call("GET", path, expect=404)


@pytest.mark.parametrize("kind", ["subnet", "network"])
def test_one_that_stays_among_those_that_go_is_not_waited_for(world: World, kind: str) -> None:
    subnet, balancer, path = in_use(world, kind)
    world.post("/v2.0/ports", {"port": {"network_id": subnet["network_id"], "device_id": "machine"}})
    world.call("DELETE", f"{LBAAS}/loadbalancers/{balancer['id']}", user="blue:member", expect=204)
    error = world.call("DELETE", path, expect=409)["NeutronError"]
    assert "of device machine" in error["message"]
    assert world.pauses.seconds == []


def test_a_port_of_ones_own_is_waited_for_too(world: World) -> None:
    """It is not removed with the load balancer, but it is free then."""
    subnet = world.shared_subnet()
    port = world.post("/v2.0/ports", {"port": {"network_id": subnet["network_id"], "project_id": "blue"}})
    body = {"loadbalancer": {"vip_port_id": port["id"]}}
    balancer = world.post(f"{LBAAS}/loadbalancers", body, user="blue:member")
    world.settle()
    world.call("DELETE", f"{LBAAS}/loadbalancers/{balancer['id']}", user="blue:member", expect=204)
    world.pauses.meanwhile = world.settle
    world.call("DELETE", f"/v2.0/ports/{port['id']}", expect=204)
    world.call("GET", f"/v2.0/ports/{port['id']}", expect=404)


def test_many_ports_are_not_all_named(world: World) -> None:
    subnet = world.shared_subnet()
    for _ in range(12):
        world.post("/v2.0/ports", {"port": {"network_id": subnet["network_id"]}})
    message = world.call("DELETE", f"/v2.0/subnets/{subnet['id']}", expect=409)["NeutronError"]["message"]
    assert message.count("port ") == 10
    assert "2 more" in message


def in_use(world: World, kind: str) -> tuple[Any, Any, str]:
    subnet = world.shared_subnet()
    balancer = world.balancer(subnet)
    world.settle()
    identifier = {"subnet": subnet["id"], "network": subnet["network_id"], "port": balancer["vip_port_id"]}[kind]
    return subnet, balancer, f"/v2.0/{kind}s/{identifier}"


def test_addresses_in_use(world: World) -> None:
    subnet, _, _ = in_use(world, "subnet")
    path = "/v2.0/network-ip-availabilities"
    [found] = world.get(path)["network_ip_availabilities"]
    assert (found["network_id"], found["total_ips"], found["used_ips"]) == (subnet["network_id"], 253, 1)
    assert found["subnet_ip_availability"][0]["cidr"] == "10.1.0.0/24"
    assert world.get(f"{path}/{subnet['network_id']}")["network_ip_availability"] == found
    world.call("GET", path, user="blue:member", expect=403)
    assert world.call("GET", f"{path}/x", expect=404)["NeutronError"]["type"] == "NetworkNotFound"
