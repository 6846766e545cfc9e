"""The Neutron-shaped API on the wire: codes, keys and contents as the stock clients expect them."""

from typing import Any

import pytest
from tests.unit.api.conftest import LBAAS, World

MEMBER = "blue:member"
STRANGER = "red:member"
PROVIDER = {"provider:network_type", "provider:physical_network", "provider:segmentation_id"}


def test_a_network_from_creation_to_deletion(world: World) -> None:
    made = world.network(name="net", description="d", mtu=1450, tags=["t"], project_id="blue")
    assert made == {
        "id": made["id"],
        "name": "net",
        "description": "d",
        "project_id": "blue",
        "tenant_id": "blue",
        "admin_state_up": True,
        "status": "ACTIVE",
        "shared": False,
        "mtu": 1450,
        "subnets": [],
        "router:external": False,
        "port_security_enabled": False,
        "qos_policy_id": None,
        "availability_zone_hints": [],
        "availability_zones": [],
        "provider:network_type": "vlan",
        "provider:physical_network": "physnet1",
        "provider:segmentation_id": 101,
        "tags": ["t"],
        "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-01T00:00:00Z",
    }
    path = f"/v2.0/networks/{made['id']}"
    subnet = world.subnet(made)
    assert world.get(path)["network"] == {**made, "subnets": [subnet["id"]]}
    body: dict[str, Any] = {"network": {"name": None, "shared": True, "mtu": "1500"}}
    changed = world.call("PUT", path, body, expect=200)["network"]
    assert (changed["name"], changed["shared"], changed["mtu"]) == ("", True, 1500)
    assert world.call("PUT", f"{path}/tags", {"tags": ["x", "y"]}, expect=200) == {"tags": ["x", "y"]}
    assert world.get(f"{path}/tags") == {"tags": ["x", "y"]}
    world.call("DELETE", f"{path}/tags", expect=204)
    assert world.get(path)["network"]["tags"] == []
    world.call("DELETE", path, expect=204)
    for gone in (path, f"/v2.0/subnets/{subnet['id']}"):
        error = world.call("GET", gone, expect=404)["NeutronError"]
        assert error["type"].endswith("NotFound")
        assert set(error) == {"type", "message", "detail"}


def test_a_network_without_a_segment_takes_a_free_one(world: World) -> None:
    first, second = (
        world.post("/v2/networks", {"network": {"name": "plain", "admin_state_up": True}}) for _ in range(2)
    )
    assert (first["provider:network_type"], first["provider:segmentation_id"]) == ("flat", None)
    assert (second["provider:network_type"], second["provider:segmentation_id"]) == ("vlan", 1000)


def test_a_subnet_from_creation_to_deletion(world: World) -> None:
    network = world.network()
    made = world.subnet(
        network,
        "10.7.0.0/24",
        gateway_ip="10.7.0.254",
        allocation_pools=[{"start": "10.7.0.10", "end": "10.7.0.20"}],
        host_routes=[{"destination": "10.8.0.0/16", "nexthop": "10.7.0.253"}],
        dns_nameservers=["10.7.0.53"],
        ip_version="4",
        ipv6_ra_mode=None,
    )
    assert made == {
        "id": made["id"],
        "name": "subnet",
        "description": "",
        "project_id": "admin",
        "tenant_id": "admin",
        "network_id": network["id"],
        "ip_version": 4,
        "cidr": "10.7.0.0/24",
        "gateway_ip": "10.7.0.254",
        "allocation_pools": [{"start": "10.7.0.10", "end": "10.7.0.20"}],
        "host_routes": [{"destination": "10.8.0.0/16", "nexthop": "10.7.0.253"}],
        "dns_nameservers": ["10.7.0.53"],
        "enable_dhcp": False,
        "ipv6_address_mode": None,
        "ipv6_ra_mode": None,
        "subnetpool_id": None,
        "segment_id": None,
        "service_types": [],
        "tags": [],
        "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-01T00:00:00Z",
    }
    path = f"/v2.0/subnets/{made['id']}"
    body: dict[str, Any] = {"subnet": {"gateway_ip": None, "host_routes": None, "dns_nameservers": [], "name": "other"}}
    changed = world.call("PUT", path, body, expect=200)["subnet"]
    assert changed == {**made, "gateway_ip": None, "host_routes": [], "dns_nameservers": [], "name": "other"}
    world.call("DELETE", path, expect=204)
    world.call("DELETE", path, expect=404)
    assert world.get(f"/v2.0/networks/{network['id']}")["network"]["subnets"] == []


def test_gateways_and_families(world: World) -> None:
    network = world.network()
    assert world.subnet(network, "10.7.0.0/24")["gateway_ip"] == "10.7.0.1"
    assert world.subnet(network, "10.8.0.0/24", gateway_ip=None)["gateway_ip"] is None
    six = world.subnet(network, "2001:DB8::/64")
    assert (six["cidr"], six["gateway_ip"], six["ip_version"]) == ("2001:db8::/64", "2001:db8::1", 6)


def test_a_port_from_creation_to_deletion(world: World) -> None:
    network = world.network()
    subnet = world.subnet(network)
    body = {
        "network_id": network["id"],
        "name": "port",
        "fixed_ips": [{"subnet_id": subnet["id"], "ip_address": "10.1.0.77"}],
        "mac_address": "FA:16:3E:00:00:01",
        "device_owner": "me",
        "binding:vnic_type": "normal",
    }
    made = world.post("/v2.0/ports", {"port": body})
    assert made["fixed_ips"] == [{"subnet_id": subnet["id"], "ip_address": "10.1.0.77"}]
    assert made["mac_address"] == "fa:16:3e:00:00:01"
    assert (made["status"], made["admin_state_up"], made["device_owner"]) == ("DOWN", True, "me")
    assert made["binding:host_id"] == ""
    assert (
        world.post("/v2.0/ports", {"port": {"network_id": network["id"]}})["fixed_ips"][0]["ip_address"] == "10.1.0.2"
    )
    assert world.post("/v2.0/ports", {"port": {"network_id": network["id"], "fixed_ips": []}})["fixed_ips"] == []
    error = world.call("POST", "/v2.0/ports", {"port": {**body, "mac_address": None}}, expect=409)["NeutronError"]
    assert "10.1.0.77" in error["message"]
    path = f"/v2.0/ports/{made['id']}"
    assert world.call("PUT", path, {"port": {"name": "p"}}, expect=200)["port"]["name"] == "p"
    for fixed in ("fixed_ips", "network_id", "mac_address"):
        closed = world.call("PUT", path, {"port": {fixed: made[fixed]}}, expect=400)["NeutronError"]
        assert closed["message"] == f"Cannot update read-only attribute {fixed}"
    world.call("DELETE", path, expect=204)
    world.call("GET", path, expect=404)


def test_a_vip_port_belongs_to_its_load_balancer(world: World) -> None:
    subnet = world.shared_subnet()
    balancer = world.balancer(subnet)
    (port,) = world.get("/v2.0/ports", query_string=f"device_id={balancer['id']}")["ports"]
    assert port["id"] == balancer["vip_port_id"]
    assert port["fixed_ips"] == [{"subnet_id": subnet["id"], "ip_address": balancer["vip_address"]}]
    assert (port["device_owner"], port["project_id"]) == ("Octavia", "blue")
    for path in (f"ports/{port['id']}", f"subnets/{subnet['id']}", f"networks/{subnet['network_id']}"):
        world.call("DELETE", f"/v2.0/{path}", expect=409)


def test_a_load_balancer_on_a_port_that_was_made_before(world: World) -> None:
    subnet = world.shared_subnet()
    port = world.post("/v2.0/ports", {"port": {"network_id": subnet["network_id"], "project_id": "blue"}})
    body = {"loadbalancer": {"vip_port_id": port["id"]}}
    made = world.post(f"{LBAAS}/loadbalancers", body, user=MEMBER)
    assert (made["vip_port_id"], made["vip_address"]) == (port["id"], port["fixed_ips"][0]["ip_address"])
    error = world.call("POST", f"{LBAAS}/loadbalancers", body, user=MEMBER)
    assert error.status_code in (400, 409)
    assert "vip_port_id" in error.json["faultstring"] or port["id"] in error.json["faultstring"]


def test_members_see_their_own_and_what_is_shared_and_change_nothing(world: World) -> None:
    own, shared = world.network(project_id="blue"), world.network(shared=True)
    foreign = world.network(project_id="red")
    subnets = [
        world.subnet(own, "10.1.0.0/24"),
        world.subnet(shared, "10.2.0.0/24"),
        world.subnet(foreign, "10.3.0.0/24"),
    ]
    listed = world.get("/v2.0/networks", user=MEMBER)["networks"]
    assert {each["id"] for each in listed} == {own["id"], shared["id"]}
    assert not any(PROVIDER & set(each) for each in listed)
    assert {each["id"] for each in world.get("/v2.0/subnets", user=MEMBER)["subnets"]} == {
        subnets[0]["id"],
        subnets[1]["id"],
    }
    assert set(world.get(f"/v2.0/networks/{own['id']}")["network"]) >= PROVIDER
    assert not PROVIDER & set(world.get(f"/v2.0/networks/{own['id']}", user=MEMBER)["network"])
    world.call("GET", "/v2.0/networks", user=MEMBER, query_string="provider:segmentation_id=101", expect=403)
    for path in (f"networks/{foreign['id']}", f"subnets/{subnets[2]['id']}"):
        for method, body in (("GET", None), ("PUT", {path[:7].rstrip("s/"): {"name": "x"}}), ("DELETE", None)):
            world.call(method, f"/v2.0/{path}", body, user=MEMBER, expect=404)
    for word, path in (("network", f"networks/{own['id']}"), ("subnet", f"subnets/{subnets[0]['id']}")):
        error = world.call("PUT", f"/v2.0/{path}", {word: {"name": "x"}}, user=MEMBER, expect=403)
        assert error["NeutronError"]["message"] == "Policy does not allow this request to be performed."
        world.call("DELETE", f"/v2.0/{path}", user=MEMBER, expect=403)
    for path, body in (
        ("networks", {"network": {"name": "x"}}),
        ("subnets", {"subnet": {"network_id": own["id"], "cidr": "10.9.0.0/24", "ip_version": 4}}),
        ("ports", {"port": {"network_id": own["id"]}}),
    ):
        world.call("POST", f"/v2.0/{path}", body, user=MEMBER, expect=403)
    world.call("PUT", f"/v2.0/networks/{own['id']}/tags", {"tags": []}, user=MEMBER, expect=403)


def test_ports_of_others_and_where_they_are_plugged_stay_hidden(world: World) -> None:
    subnet = world.shared_subnet()
    world.balancer(subnet, user=MEMBER)
    world.balancer(subnet, user=STRANGER)
    (port,) = world.get("/v2.0/ports", user=MEMBER)["ports"]
    assert port["project_id"] == "blue"
    assert not any(name.startswith("binding:") for name in port)
    assert len(world.get("/v2.0/ports")["ports"]) == 2
    world.call("GET", "/v2.0/ports", user=MEMBER, query_string="binding:host_id=x", expect=403)
    world.call("GET", "/v2.0/ports", user=":member", expect=403)


def found(world: World, path: str, query: str) -> list[str]:
    return [each["name"] for each in world.get(f"/v2.0/{path}", query_string=query)[path]]


def test_lists_of_networks(world: World) -> None:
    made: tuple[tuple[str, dict[str, Any]], ...] = (
        ("b", {"mtu": 1400, "tags": ["t"]}),
        ("a", {"shared": True, "project_id": "blue"}),
        ("c", {"mtu": 1400, "tags": ["t", "u"]}),
    )
    for name, more in made:
        world.network(name=name, **more)
    for query, names in (
        ("", "bac"),
        ("sort_key=name&sort_dir=asc", "abc"),
        ("sort_key=mtu&sort_key=name&sort_dir=asc&sort_dir=desc", "cba"),
        ("name=a&name=c", "ac"),
        ("shared=True", "a"),
        ("router:external=False", "bac"),
        ("router:external=True", ""),
        ("project_id=blue", "a"),
        ("tenant_id=blue", "a"),
        ("mtu=1400&tags=u", "c"),
        ("not-tags-any=u", "ba"),
        ("provider:segmentation_id=102", "a"),
        ("provider:network_type=flat", ""),
        ("id=NAME-not-uuid", ""),
        ("limit=2&sort_key=name", "ab"),
    ):
        assert sorted(found(world, "networks", query)) == sorted(names), query
        if "sort" in query:
            assert found(world, "networks", query) == list(names)
    first = world.get("/v2.0/networks", query_string="limit=2&sort_key=name&fields=name&fields=id")
    assert [set(each) for each in first["networks"]] == [{"id", "name"}] * 2
    (link,) = first["networks_links"]
    path, _, query = link["href"].removeprefix("http://falconframework.org").partition("?")
    second = world.get(path, query_string=query)
    assert [each["name"] for each in second["networks"]] == ["c"]
    assert [link["rel"] for link in second["networks_links"]] == ["previous"]
    query = second["networks_links"][0]["href"].partition("?")[2]
    assert [each["name"] for each in world.get(path, query_string=query)["networks"]] == ["a", "b"]
    assert "networks_links" not in world.get("/v2.0/networks")
    for query in ("cheese=1", "shared=perhaps", "sort_key=cheese", "marker=none", "limit=x"):
        world.call("GET", "/v2.0/networks", query_string=query, expect=400)


def test_every_list_is_sorted_by_all_it_says_and_by_nothing_else(world: World) -> None:
    from evenload.api.network_v2.present import NETWORK_COLUMNS, PORT_COLUMNS, SUBNET_COLUMNS  # the tables are tested

    for number in range(2):
        network = world.network(shared=True)
        world.subnet(network, f"10.{number}.0.0/24")
        world.post("/v2.0/ports", {"port": {"network_id": network["id"]}})
    for kind, columns in (("networks", NETWORK_COLUMNS), ("subnets", SUBNET_COLUMNS), ("ports", PORT_COLUMNS)):
        for name, column in columns.items():
            status = 200 if column.sortable else 400
            body = world.call("GET", f"/v2.0/{kind}", query_string=f"sort_key={name}&sort_dir=desc", expect=status)
            assert status == 400 or len(body[kind]) == 2
    world.call("GET", "/v2.0/ports", query_string="sort_key=fixed_ips", expect=400)


@pytest.mark.parametrize("query", ["networks?sort_key=provider:segmentation_id", "ports?sort_key=binding:host_id"])
def test_what_is_hidden_is_not_found_out_by_order(world: World, query: str) -> None:
    path, _, order = query.partition("?")
    world.call("GET", f"/v2.0/{path}", query_string=order, user="blue:member", expect=403)
    world.call("GET", f"/v2.0/{path}", query_string=order, expect=200)


def test_lists_of_subnets_and_ports(world: World) -> None:
    network, other = world.network(), world.network()
    subnet = world.subnet(network, name="s1")
    world.subnet(other, "2001:db8::/64", name="s2")
    world.post("/v2.0/ports", {"port": {"network_id": network["id"], "name": "p1"}})
    world.post("/v2.0/ports", {"port": {"network_id": other["id"], "name": "p2"}})
    for path, query, names in (
        ("subnets", f"network_id={network['id']}", ["s1"]),
        ("subnets", "ip_version=6", ["s2"]),
        ("subnets", "cidr=10.1.0.0/24", ["s1"]),
        ("subnets", f"id={subnet['id']}", ["s1"]),
        ("subnets", "name=s2", ["s2"]),
        ("subnets", "gateway_ip=2001:db8:0::1", ["s2"]),
        ("ports", f"network_id={other['id']}", ["p2"]),
        ("ports", f"fixed_ips=subnet_id%3D{subnet['id']}", ["p1"]),
        ("ports", "fixed_ips=ip_address%3D10.1.0.2", ["p1"]),
        ("ports", "fixed_ips=ip_address%3D10.1.0.3", []),
        ("ports", "status=DOWN&name=p1", ["p1"]),
        ("ports", "device_id=x", []),
    ):
        assert found(world, path, query) == names, query


@pytest.mark.parametrize(
    ("word", "body", "named"),
    [
        ("network", {"name": "a\nb"}, "name"),
        ("network", {"name": "a" * 256}, "name"),
        ("network", {"mtu": 67}, "mtu"),
        ("network", {"mtu": 1e400}, "number"),
        ("network", {"mtu": 100_000}, "mtu"),
        ("network", {"shared": "perhaps"}, "shared"),
        ("network", {"cheese": 1}, "cheese"),
        ("network", {"status": "ACTIVE"}, "status"),
        ("network", {"admin_state_up": False}, "admin_state_up"),
        ("network", {"router:external": True}, "router:external"),
        ("network", {"port_security_enabled": True}, "port_security_enabled"),
        ("network", {"provider:network_type": "vxlan"}, "provider:network_type"),
        ("network", {"provider:network_type": "cheese"}, "provider:network_type"),
        (
            "network",
            {"provider:network_type": "flat", "provider:physical_network": "other"},
            "provider:physical_network",
        ),
        ("network", {"provider:network_type": "flat", "provider:physical_network": "a b"}, "provider:physical_network"),
        (
            "network",
            {
                "provider:network_type": "vlan",
                "provider:physical_network": "physnet1",
                "provider:segmentation_id": 4095,
            },
            "provider:segmentation_id",
        ),
        ("subnet", {"cidr": "10.1.0.1/24"}, "cidr"),
        ("subnet", {"cidr": "10.1.0.0/33"}, "cidr"),
        ("subnet", {"cidr": "127.0.0.0/8"}, "cidr"),
        ("subnet", {"cidr": "x"}, "cidr"),
        ("subnet", {"cidr": None}, "cidr"),
        ("subnet", {"ip_version": 6}, "cidr"),
        ("subnet", {"ip_version": 5}, "ip_version"),
        ("subnet", {"gateway_ip": "10.9.0.1/32"}, "gateway_ip"),
        ("subnet", {"gateway_ip": "2001:db8::1"}, "gateway_ip"),
        ("subnet", {"allocation_pools": [{"start": "10.2.0.1", "end": "10.2.0.9"}]}, "allocation_pools"),
        ("subnet", {"allocation_pools": [{"start": "10.1.0.9", "end": "10.1.0.1"}]}, "allocation_pools"),
        ("subnet", {"allocation_pools": [{"start": "10.1.0.9"}]}, "allocation_pools[0].end"),
        ("subnet", {"host_routes": [{"destination": "x", "nexthop": "10.1.0.2"}]}, "host_routes[0].destination"),
        ("subnet", {"host_routes": [{"destination": "10.0.0.0/8", "nexthop": "2001:db8::1"}]}, "host_routes"),
        ("subnet", {"dns_nameservers": ["x"]}, "dns_nameservers[0]"),
        ("subnet", {"ipv6_ra_mode": "slaac"}, "ipv6_ra_mode"),
        ("subnet", {"subnetpool_id": "11111111-2222-4333-8444-555555555555"}, "subnetpool_id"),
        ("port", {"fixed_ips": [{"ip_address": "10.9.0.1"}]}, "fixed_ips"),
        ("port", {"fixed_ips": [{"ip_address": "10.1.0.255"}]}, "fixed_ips"),
        ("port", {"fixed_ips": [{"cheese": 1}]}, "fixed_ips[0].cheese"),
        ("port", {"mac_address": "fa:16:3e"}, "mac_address"),
        ("port", {"mac_address": "ff:ff:ff:ff:ff:ff"}, "mac_address"),
        ("port", {"binding:vnic_type": "direct"}, "binding:vnic_type"),
        ("port", {"security_groups": ["11111111-2222-4333-8444-555555555555"]}, "security_groups"),
        ("port", {"device_id": "a\x00"}, "device_id"),
    ],
)
def test_bad_input_is_refused_by_name_and_changes_nothing(
    world: World, word: str, body: dict[str, Any], named: str
) -> None:
    network = world.network()
    if word == "port":
        world.subnet(network)
    good = {
        "network": {},
        "subnet": {"network_id": network["id"], "cidr": "10.1.0.0/24", "ip_version": 4},
        "port": {"network_id": network["id"]},
    }[word]
    before = [world.get(f"/v2.0/{kind}") for kind in ("networks", "subnets", "ports")]
    result = world.call("POST", f"/v2.0/{word}s", raw={word: {**good, **body}})
    assert result.status_code == 400, result.text
    assert set(result.json) == {"NeutronError"}
    assert named in result.json["NeutronError"]["message"]
    assert [world.get(f"/v2.0/{kind}") for kind in ("networks", "subnets", "ports")] == before


def test_parents_that_are_not_there(world: World) -> None:
    nobody = "11111111-2222-4333-8444-555555555555"
    subnet = {"subnet": {"network_id": nobody, "cidr": "10.1.0.0/24", "ip_version": 4}}
    error = world.call("POST", "/v2.0/subnets", subnet, expect=404)["NeutronError"]
    assert error == {"type": "NetworkNotFound", "message": f"network_id: Network {nobody} not found.", "detail": ""}
    world.call("POST", "/v2.0/ports", {"port": {"network_id": nobody}}, expect=404)


@pytest.mark.parametrize("prefix", ["/v2.0", "/v2"])
def test_what_clients_look_up_on_their_way(world: World, prefix: str) -> None:
    assert world.get(f"{prefix}/qos/policies", query_string="name=x") == {"policies": []}
    assert world.get(f"{prefix}/security-groups", query_string="id=x") == {"security_groups": []}
    aliases = {each["alias"] for each in world.get(f"{prefix}/extensions")["extensions"]}
    assert "provider" in aliases
    assert world.get(f"{prefix}/extensions/provider.json")["extension"]["alias"] == "provider"
    error = world.call("GET", f"{prefix}/extensions/router", expect=404)
    assert set(error) == {"NeutronError"}


def test_errors_have_neutrons_shape_only_in_neutrons_api(world: World) -> None:
    assert set(world.call("GET", "/v2.0/routers/x", expect=404)) == {"NeutronError"}
    assert set(world.call("PATCH", "/v2/networks", expect=405)) == {"NeutronError"}
    assert set(world.call("GET", "/v2/networks", user="nobody", expect=401)) == {"NeutronError"}
    assert world.call("GET", "/v2.0/lbaas/networks", expect=404)["code"] == 404
