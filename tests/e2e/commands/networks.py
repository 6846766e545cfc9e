"""Networks, subnets and ports, and what else people ask of a network service around a load balancer."""

from tests.e2e.commands.stage import Stage

NONE_HERE = (
    "address group", "address scope", "floating ip", "network flavor", "network meter", "network qos policy",
    "network rbac", "network segment", "network trunk", "router", "security group", "security group rule",
    "subnet pool",
)  # fmt: skip


def networks(stage: Stage) -> None:
    """Leaves none of its own."""
    vlan = "--provider-network-type vlan --provider-physical-network physnet1 --provider-segment"
    line = f"network create cmd-net --description first {vlan} 3107 --mtu 1400 --tag red"
    stage.read(line, name="cmd-net", description="first", mtu=1400, tags=["red"], project_id=stage.project_id)
    stage.read(f"network create cmd-shared {vlan} 3108 --share", shared=True)
    stage.refused(f"network create cmd-no {vlan} 3107", "409", "VLAN 3107")
    stage.lists("network list --name cmd-net", ["cmd-net"], "Name")
    assert "cmd-shared" in {each["Name"] for each in stage.shell.read("network list --share")}
    stage.lists("network list --external", [], "Name")
    stage.lists("network list --tags red", ["cmd-net"], "Name")
    stage.refused("network set cmd-net --disable", "admin_state_up")
    stage.say("network set cmd-net --name cmd-web --description second --enable --mtu 1500 --share --tag blue")
    stage.read("network show cmd-web", description="second", mtu=1500, shared=True, tags=["blue", "red"])
    stage.say("network unset cmd-web --all-tag")
    stage.read("network show cmd-web", tags=[])
    _subnets(stage)
    _ports(stage)
    stage.say("port delete cmd-p cmd-q", "subnet delete cmd-s cmd-s6", "network delete cmd-web cmd-shared")
    stage.refused("network show cmd-web", "No Network found for cmd-web")


def _subnets(stage: Stage) -> None:
    create = "subnet create --network cmd-web --subnet-range"
    ways = "--gateway 10.109.0.1 --host-route destination=10.108.0.0/16,gateway=10.109.0.3"
    more = "--allocation-pool start=10.109.0.10,end=10.109.0.20 --dns-nameserver 10.109.0.2 --no-dhcp --description one"
    stage.read(
        f"{create} 10.109.0.0/24 {ways} {more} cmd-t",
        gateway_ip="10.109.0.1",
        host_routes=[{"destination": "10.108.0.0/16", "nexthop": "10.109.0.3"}],
        allocation_pools=[{"start": "10.109.0.10", "end": "10.109.0.20"}],
        dns_nameservers=["10.109.0.2"],
        enable_dhcp=False,
        description="one",
    )
    stage.read(f"{create} fd00:109::/64 --ip-version 6 cmd-s6", ip_version=6, gateway_ip="fd00:109::1")
    stage.refused(f"{create} 10.109.0.0/25 cmd-no", "overlaps")
    stage.lists("subnet list --network cmd-web", ["cmd-t", "cmd-s6"], "Name")
    stage.lists("subnet list --network cmd-web --ip-version 4", ["cmd-t"], "Name")
    stage.lists("subnet list --gateway 10.109.0.1", ["cmd-t"], "Name")
    stage.say(
        "subnet set cmd-t --name cmd-s --description two --gateway 10.109.0.4 --dns-nameserver 10.109.0.5",
        "subnet set cmd-s --no-allocation-pool --allocation-pool start=10.109.0.30,end=10.109.0.40",
        "subnet unset cmd-s --dns-nameserver 10.109.0.2",
        "subnet unset cmd-s --host-route destination=10.108.0.0/16,gateway=10.109.0.3",
    )
    stage.read(
        "subnet show cmd-s",
        description="two",
        gateway_ip="10.109.0.4",
        host_routes=[],
        allocation_pools=[{"start": "10.109.0.30", "end": "10.109.0.40"}],
        dns_nameservers=["10.109.0.5"],
    )


def _ports(stage: Stage) -> None:
    create = "port create --network cmd-web"
    fixed = "--fixed-ip subnet=cmd-s,ip-address=10.109.0.35"
    made = stage.read(f"{create} {fixed} --description one cmd-o", description="one", status="DOWN")
    assert [each["ip_address"] for each in made["fixed_ips"]] == ["10.109.0.35"]
    made = stage.read(f"{create} --mac-address fa:16:3e:00:01:09 cmd-q", mac_address="fa:16:3e:00:01:09")
    assert sorted(each["ip_address"] for each in made["fixed_ips"]) == ["10.109.0.30", "fd00:109::2"]
    stage.refused(f"{create} {fixed} cmd-no", "10.109.0.35 is already in use")
    stage.lists("port list --network cmd-web", ["cmd-o", "cmd-q"], "Name")
    stage.lists("port list --fixed-ip ip-address=10.109.0.35", ["cmd-o"], "Name")
    stage.lists("port list --mac-address fa:16:3e:00:01:09", ["cmd-q"], "Name")
    stage.say("port set cmd-o --name cmd-p --description two", "port set cmd-p --no-security-group")
    stage.read("port show cmd-p", description="two", name="cmd-p")
    stage.refused("subnet delete cmd-s", "port")
    stage.refused("network delete cmd-web", "port")


def others(stage: Stage) -> None:
    """What the built-in networks do not have is an empty list, and refused by its name where it is to be made."""
    for kind in NONE_HERE:
        assert stage.shell.read(f"{kind} list") == [], kind
    stage.refused("floating ip create net", "floatingips are not part of the built-in networks")
    stage.refused("router create cmd-router", "routers are not part of the built-in networks")
    stage.refused("security group create cmd-group", "security groups are not part of the built-in networks")
    assert [each["Agent Type"] for each in stage.shell.read("network agent list")] == ["Loadbalancer agent"]
    assert {each["Service Type"] for each in stage.shell.read("network service provider list")} == {"LOADBALANCER"}
    assert "lbaas" in {each["Alias"] for each in stage.shell.read("extension list --network")}
    assert "net" in {each["Network Name"] for each in stage.shell.read("ip availability list")}
