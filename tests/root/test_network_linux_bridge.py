"""The network of a load balancer on a Linux bridge: built, seen as an operator sees it, used, broken, mended, gone."""

import ipaddress
import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from tests.root.lab import (
    LOST,
    PHYSICAL_NETWORK,
    Lab,
    count_retransmissions,
    make_port,
    reaches,
    read_json,
    run,
    run_ip,
    sniffing,
)
from tests.waiting import NET, eventually

from evenload.agent.plan_network import wanted_routes
from evenload.host import netns
from evenload.host.addresses import gratuitous_arp, unsolicited_advertisement
from evenload.host.network import Networks
from evenload.host.sysctl import read_sysctl, write_sysctl
from evenload.host.vif.linux_bridge import LinuxBridge
from evenload.model.desired import DesiredPort
from evenload.model.errors import Hopeless, HostError
from evenload.model.network_steps import (
    AddAddress,
    AddRoute,
    Announce,
    BringUp,
    NetworkStep,
    RemoveAddress,
    RemoveRoute,
    ReservePorts,
    Tune,
)
from evenload.model.observed import HostRoute, NetworkObserved, VifState

pytestmark = pytest.mark.root

VIP = "10.7.0.5/24"
VIP6 = "2001:db8:7::5/64"


@pytest.fixture
def networks(lab: Lab) -> Iterator[Networks]:
    networks = Networks(Path("/run/netns"), LinuxBridge({PHYSICAL_NETWORK: lab.bridge}))
    home = os.readlink("/proc/thread-self/ns/net")
    yield networks
    networks.close()
    assert os.readlink("/proc/thread-self/ns/net") == home


def build(networks: Networks, identifier: str, port: DesiredPort, *routes: HostRoute) -> None:
    networks.ensure_namespace(identifier)
    networks.plug(identifier, port)
    addresses = [AddAddress(f"{each.address}/{each.prefix_length}") for each in port.ips]
    networks.configure(identifier, port, [Tune(), *addresses, BringUp(), *(AddRoute(route) for route in routes)])


def tap(port: DesiredPort) -> str:
    return f"tap{port.id[:11]}"


def inner(port: DesiredPort) -> str:
    return f"ns-{port.id[:11]}"


def whole(port: DesiredPort, *routes: HostRoute) -> NetworkObserved:
    return NetworkObserved(
        namespace=True,
        vif=VifState(mac_address=port.mac_address, mtu=port.mtu, up=True, segment=port.segment),
        addresses=frozenset(f"{each.address}/{each.prefix_length}" for each in port.ips),
        routes=frozenset(routes),
        tuned=True,
    )


def test_an_operator_finds_everything_where_neutron_has_it(lab: Lab, networks: Networks) -> None:
    identifier, port = lab.load_balancer_id(), make_port(VIP, VIP6, mtu=1442)
    route = HostRoute(destination="0.0.0.0/0", nexthop="10.7.0.1")
    build(networks, identifier, port, route)

    namespace = f"qlbaas-{identifier}"
    inside = {each["ifname"]: each for each in read_json("ip", "-json", "address", namespace=namespace)}
    assert sorted(inside) == sorted(["lo", inner(port)])
    device = inside[inner(port)]
    assert (device["address"], device["mtu"], device["operstate"]) == (port.mac_address, 1442, "UP")
    addresses = {f"{each['local']}/{each['prefixlen']}" for each in device["addr_info"] if each["scope"] == "global"}
    assert addresses == {VIP, VIP6}
    assert "UP" in inside["lo"]["flags"]
    routes = read_json("ip", "-json", "route", "show", "default", namespace=namespace)
    assert [(each["gateway"], each["dev"]) for each in routes] == [("10.7.0.1", inner(port))]
    (outside,) = read_json("ip", "-json", "link", "show", "dev", tap(port))
    assert (outside["master"], outside["mtu"], outside["operstate"]) == (lab.bridge, 1442, "UP")
    assert outside["address"] != port.mac_address
    assert namespace in run("ip", "netns", "list").split()
    assert networks.observe(identifier, port) == whole(port, route)


def test_the_namespace_has_its_own_settings(lab: Lab, networks: Networks) -> None:
    identifier, port = lab.load_balancer_id(), make_port(VIP)
    build(networks, identifier, port)
    namespace = f"qlbaas-{identifier}"

    def setting(name: str) -> str:
        return run("cat", f"/proc/sys/net/{name}", namespace=namespace).strip()

    assert setting("ipv4/tcp_congestion_control") in ("cubic", "reno")
    assert setting("ipv4/ip_nonlocal_bind") == setting("ipv6/ip_nonlocal_bind") == "1"
    assert setting("ipv4/ip_forward") == "0"
    assert setting(f"ipv6/conf/{inner(port)}/accept_ra") == "0"
    assert setting(f"ipv6/conf/{inner(port)}/autoconf") == "0"
    assert setting("ipv4/tcp_tw_reuse") == "1"
    assert setting("ipv4/ip_local_port_range") == "1026\t65535"
    assert setting("core/somaxconn") == "65535"


def test_what_a_host_sets_for_itself_is_not_taken_over(lab: Lab, networks: Networks) -> None:
    """A host that answers nobody's questions for addresses, drops what comes by another way than it would answer by,
    and lets others reach its loopback."""
    hostile = {"arp_ignore": "8", "rp_filter": "1", "route_localnet": "1", "accept_redirects": "1"}
    client = lab.machine("client", "10.7.0.9/24")
    identifier, port = lab.load_balancer_id(), make_port(VIP)
    networks.ensure_namespace(identifier)
    with netns.visit(networks.namespace(identifier)):
        for name, value in hostile.items():
            for device in ("all", "default"):
                write_sysctl(f"net/ipv4/conf/{device}/{name}", value)
    build(networks, identifier, port)
    with netns.visit(networks.namespace(identifier)):
        for name in hostile:
            for device in ("all", inner(port)):
                assert read_sysctl(f"net/ipv4/conf/{device}/{name}") == "0", (device, name)
    assert reaches(client.namespace, "10.7.0.5")


def test_a_namespace_of_an_earlier_version_is_seen_to_lack_settings(lab: Lab, networks: Networks) -> None:
    identifier, port = lab.load_balancer_id(), make_port(VIP)
    build(networks, identifier, port)
    with netns.visit(networks.namespace(identifier)):
        write_sysctl("net/ipv4/ip_local_port_range", "32768 60999")
    assert not networks.observe(identifier, port).tuned
    networks.configure(identifier, port, [Tune(), ReservePorts((8080, 35357))])
    assert networks.observe(identifier, port) == replace(whole(port), reserved=frozenset({8080, 35357}))


def test_packets_pass_at_once(lab: Lab, networks: Networks) -> None:
    client = lab.machine("client", "10.7.0.9/24", "2001:db8:7::9/64")
    identifier, port = lab.load_balancer_id(), make_port(VIP, VIP6)
    build(networks, identifier, port)
    assert count_retransmissions(client.namespace, "10.7.0.5") == 0
    assert count_retransmissions(client.namespace, "2001:db8:7::5") == 0


def test_vlans_keep_networks_apart(lab: Lab, networks: Networks) -> None:
    if not lab.vlans:
        pytest.skip("this kernel's bridges have no VLAN filtering (CONFIG_BRIDGE_VLAN_FILTERING)")
    same = lab.machine("same", "10.7.0.9/24", vlan=101)
    other = lab.machine("other", "10.7.0.10/24", vlan=102)
    identifier, port = lab.load_balancer_id(), make_port(VIP, vlan=101)
    build(networks, identifier, port)
    assert reaches(same.namespace, "10.7.0.5")
    assert not reaches(other.namespace, "10.7.0.5", timeout=LOST)
    assert networks.observe(identifier, port) == whole(port)

    moved = replace(port, segment=replace(port.segment, vlan=102))
    seen = networks.observe(identifier, moved)
    assert seen.vif is not None
    assert seen.vif.segment is None
    networks.plug(identifier, moved)
    assert reaches(other.namespace, "10.7.0.5")
    assert not reaches(same.namespace, "10.7.0.5", timeout=LOST)
    assert networks.observe(identifier, moved) == whole(moved)


def test_a_vlan_on_a_bridge_that_knows_none_is_hopeless(lab: Lab, networks: Networks) -> None:
    if lab.vlans:
        run_ip([f"link set {lab.bridge} type bridge vlan_filtering 0"])
    identifier, port = lab.load_balancer_id(), make_port(VIP, vlan=101)
    networks.ensure_namespace(identifier)
    with pytest.raises(Hopeless, match="vlan_filtering 1"):
        networks.plug(identifier, port)


def test_a_gateway_outside_of_the_subnet(lab: Lab, networks: Networks) -> None:
    router = lab.machine("router", "10.60.0.1/24", "2001:db8:60::1/64")
    run_ip(
        [
            "addr add 192.0.2.1/32 dev lo",
            "addr add 2001:db8:ff::1/128 dev eth0 nodad",
            "route add 10.7.0.5/32 dev eth0",
            "route add 2001:db8:7::5/128 dev eth0",
        ],
        namespace=router.namespace.name,
    )
    routes = (
        HostRoute(destination="0.0.0.0/0", nexthop="10.60.0.1", onlink=True),
        HostRoute(destination="::/0", nexthop="2001:db8:60::1", onlink=True),
    )
    identifier, port = lab.load_balancer_id(), make_port("10.7.0.5/32", "2001:db8:7::5/128")
    build(networks, identifier, port, *routes)
    assert reaches(router.namespace, "10.7.0.5", source="192.0.2.1")
    assert reaches(router.namespace, "2001:db8:7::5", source="2001:db8:ff::1")
    assert networks.observe(identifier, port) == whole(port, *routes)


def test_host_routes_lead_to_networks_behind_a_neighbour(lab: Lab, networks: Networks) -> None:
    neighbour = lab.machine("neighbour", "10.7.0.20/24")
    run_ip(["addr add 203.0.113.7/32 dev lo"], namespace=neighbour.namespace.name)
    route = HostRoute(destination="203.0.113.0/24", nexthop="10.7.0.20")
    identifier, port = lab.load_balancer_id(), make_port(VIP)
    build(networks, identifier, port, route)
    assert reaches(networks.namespace(identifier), "203.0.113.7")
    networks.configure(identifier, port, [RemoveRoute(route), RemoveRoute(route)])
    assert networks.observe(identifier, port) == whole(port)


def test_an_answer_leaves_by_the_subnet_of_its_address(lab: Lab, networks: Networks) -> None:
    """Two routers, and behind each a client's address that only this router leads to."""
    identifier = lab.load_balancer_id()
    port = make_port("10.7.0.5/24", "10.8.0.5/24", "2001:db8:7::5/64", "2001:db8:8::5/64")
    gateways = ("10.7.0.1", "10.8.0.1", "2001:db8:7::1", "2001:db8:8::1")
    ips = tuple(replace(each, gateway_ip=gateway) for each, gateway in zip(port.ips, gateways, strict=True))
    port = replace(port, ips=ips)
    clients = {}
    for number in (7, 8):
        router = lab.machine(f"router{number}", f"10.{number}.0.1/24", f"2001:db8:{number}::1/64")
        behind = {"10.60.0.9/32", "2001:db8:60::9/128"}
        run_ip([f"addr add {each} dev lo" for each in behind], namespace=router.namespace.name)
        clients[number] = router
    routes = wanted_routes(port)
    build(networks, identifier, port, *routes)
    assert networks.observe(identifier, port) == whole(port, *routes)
    for number, router in clients.items():
        assert reaches(router.namespace, f"10.{number}.0.5", source="10.60.0.9")
        assert reaches(router.namespace, f"2001:db8:{number}::5", source="2001:db8:60::9")
    left = [route for route in routes if route.source is None]
    own = [route for route in routes if route.source is not None]
    networks.configure(identifier, port, [RemoveRoute(route) for route in own])
    assert networks.observe(identifier, port) == whole(port, *left)
    rules = run("ip", "rule", namespace=f"qlbaas-{identifier}") + run(
        "ip", "-6", "rule", namespace=f"qlbaas-{identifier}"
    )
    assert "10.8.0.5" not in rules
    assert "2001:db8:8::5" not in rules


def test_a_route_takes_the_place_of_another_one(lab: Lab, networks: Networks) -> None:
    identifier, port = lab.load_balancer_id(), make_port(VIP, VIP6)
    build(networks, identifier, port, HostRoute(destination="0.0.0.0/0", nexthop="10.7.0.1"))
    run("ip", "-6", "route", "add", "default", "via", "2001:db8:7::1", namespace=f"qlbaas-{identifier}")
    wanted = (
        HostRoute(destination="0.0.0.0/0", nexthop="10.7.0.2"),
        HostRoute(destination="::/0", nexthop="2001:db8:7::2"),
    )
    networks.configure(identifier, port, [AddRoute(route) for route in wanted])
    assert networks.observe(identifier, port) == whole(port, *wanted)


def test_routes_of_an_operator_are_seen_and_can_be_removed(lab: Lab, networks: Networks) -> None:
    identifier, port = lab.load_balancer_id(), make_port(VIP)
    build(networks, identifier, port)
    hops = ["nexthop", "via", "10.7.0.2", "nexthop", "via", "10.7.0.3"]
    run("ip", "route", "add", "198.51.100.0/24", *hops, namespace=f"qlbaas-{identifier}")
    run("ip", "route", "add", "192.0.2.0/24", "dev", inner(port), namespace=f"qlbaas-{identifier}")
    seen = networks.observe(identifier, port).routes
    assert {(route.destination, route.nexthop) for route in seen} == {
        ("198.51.100.0/24", "10.7.0.2"),
        ("198.51.100.0/24", "10.7.0.3"),
        ("192.0.2.0/24", "0.0.0.0"),
    }
    networks.configure(identifier, port, [RemoveRoute(route) for route in sorted(seen, key=str)])
    assert networks.observe(identifier, port) == whole(port)


def test_addresses_are_announced_on_the_wire(lab: Lab, networks: Networks) -> None:
    listener = lab.machine("listener", "10.7.0.9/24")
    identifier, port = lab.load_balancer_id(), make_port(VIP, VIP6)
    later4, later6 = "10.7.0.6/24", "2001:db8:7::6/64"
    with sniffing("eth0", listener) as sniffer:

        def announced(address: str) -> bool:
            ip = ipaddress.ip_interface(address).ip
            source = bytes.fromhex(port.mac_address.replace(":", ""))
            if isinstance(ip, ipaddress.IPv4Address):
                arp = b"\xff" * 6 + source + b"\x08\x06" + gratuitous_arp(port.mac_address, ip)
                return sniffer.saw(lambda frame: frame[: len(arp)] == arp)
            advertisement = unsolicited_advertisement(port.mac_address, ip)
            # Hop limit 255, to all nodes; the kernel's checksum stands between type and flags.
            return sniffer.saw(
                lambda frame: (
                    frame[:14] == b"\x33\x33\0\0\0\1" + source + b"\x86\xdd"
                    and frame[21] == 255
                    and frame[54:56] == advertisement[:2]
                    and frame[58:] == advertisement[4:]
                )
            )

        build(networks, identifier, port)
        assert announced(VIP)
        assert announced(VIP6)
        steps: list[NetworkStep] = [AddAddress(later4), AddAddress(later6), Announce(later4), Announce(later6)]
        networks.configure(identifier, port, steps)
        assert announced(later4)
        assert announced(later6)


def test_a_port_without_an_ipv6_address_says_nothing_of_ipv6(lab: Lab, networks: Networks) -> None:
    """Every machine on the bridge gets a copy of each multicast: with hundreds of load balancers that was half of what
    a creation cost the kernel."""
    listener = lab.machine("listener", "10.7.0.9/24")
    identifier, port = lab.load_balancer_id(), make_port(VIP)
    both = replace(port, ips=make_port(VIP, VIP6).ips)
    source = bytes.fromhex(port.mac_address.replace(":", ""))

    def own(frames: list[bytes], protocol: bytes) -> list[bytes]:
        return [frame for frame in frames if frame[6:14] == source + protocol]

    with sniffing("eth0", listener) as sniffer:
        build(networks, identifier, port)
        last = ipaddress.IPv4Address("10.7.0.77")
        networks.configure(identifier, port, [Announce(str(last))])
        arp = gratuitous_arp(port.mac_address, last)
        assert sniffer.saw(lambda frame: frame[14 : 14 + len(arp)] == arp)
        assert own(sniffer.frames, b"\x86\xdd") == []
        assert len(own(sniffer.frames, b"\x08\x06")) <= 3  # the kernel's, ours, the last
    assert reaches(listener.namespace, "10.7.0.5")
    # An IPv6 address that comes later brings all of it, and what is there stays.
    listener6 = lab.machine("listener6", "2001:db8:7::9/64")
    steps: list[NetworkStep] = [AddAddress(VIP6), Announce(ipaddress.ip_interface(VIP6).ip.compressed)]
    networks.configure(identifier, both, steps)
    assert networks.observe(identifier, both) == whole(both)
    assert reaches(listener6.namespace, "2001:db8:7::5")
    inside = read_json("ip", "-json", "address", "show", "dev", inner(port), namespace=f"qlbaas-{identifier}")
    assert {each["scope"] for each in inside[0]["addr_info"] if each["family"] == "inet6"} == {"global", "link"}


def test_ipv6_that_somebody_switched_off_comes_back_with_the_address(lab: Lab, networks: Networks) -> None:
    identifier, port = lab.load_balancer_id(), make_port(VIP, VIP6)
    build(networks, identifier, port)
    with netns.visit(networks.namespace(identifier)):
        write_sysctl(f"net/ipv6/conf/{inner(port)}/disable_ipv6", 1)
    assert networks.observe(identifier, port).addresses == {VIP}
    networks.configure(identifier, port, [AddAddress(VIP6)])
    assert networks.observe(identifier, port) == whole(port)


def test_a_neighbour_with_an_old_entry_learns_the_new_mac(lab: Lab, networks: Networks) -> None:
    client = lab.machine("client", "10.7.0.9/24", "2001:db8:7::9/64")
    for address in ("10.7.0.5", "2001:db8:7::5"):
        run("ip", "neigh", "add", address, "lladdr", "02:00:00:00:00:01", "dev", "eth0", "nud", "stale",
            namespace=client.namespace.name)  # fmt: skip
    identifier, port = lab.load_balancer_id(), make_port(VIP, VIP6)
    build(networks, identifier, port)

    def learnt() -> bool:
        entries = read_json("ip", "-json", "neigh", namespace=client.namespace.name)
        found = {each["dst"]: each.get("lladdr") for each in entries}
        return found.get("10.7.0.5") == found.get("2001:db8:7::5") == port.mac_address

    assert eventually(learnt)


@pytest.mark.parametrize(
    "damage",
    [
        "ip link del {tap}",
        "ip link set {tap} nomaster",
        "ip link set {tap} down",
        "ip link set {tap} mtu 1300",
        "ip -n {namespace} link set {inner} mtu 1300",
        "ip -n {namespace} link set {inner} address 02:00:00:00:00:01",
        "ip -n {namespace} link set {inner} down",
        "ip -n {namespace} link del {inner}",
        "ip -n {namespace} address del 10.7.0.5/24 dev {inner}",
        "ip -n {namespace} route del default",
        "ip -n {namespace} link set {inner} name renamed0",
    ],
)
def test_damage_is_seen_and_mended(lab: Lab, networks: Networks, damage: str) -> None:
    client = lab.machine("client", "10.7.0.9/24")
    identifier, port = lab.load_balancer_id(), make_port(VIP)
    route = HostRoute(destination="0.0.0.0/0", nexthop="10.7.0.1")
    build(networks, identifier, port, route)
    words = damage.format(tap=tap(port), inner=inner(port), namespace=f"qlbaas-{identifier}")
    if "renamed0" in damage:
        run("ip", "-n", f"qlbaas-{identifier}", "link", "set", inner(port), "down")
    run(*words.split())
    assert networks.observe(identifier, port) != whole(port, route)

    for device in networks.observe(identifier, port).foreign_devices:
        networks.remove_foreign_device(identifier, device)
    build(networks, identifier, port, route)
    assert networks.observe(identifier, port) == whole(port, route)
    assert reaches(client.namespace, "10.7.0.5")


def test_removing_one_address_leaves_the_others_of_its_subnet(lab: Lab, networks: Networks) -> None:
    identifier, port = lab.load_balancer_id(), make_port("10.7.0.5/24", "10.7.0.6/24", "10.7.0.7/24")
    build(networks, identifier, port)
    networks.configure(identifier, port, [RemoveAddress("10.7.0.5/24"), RemoveAddress("10.7.0.5/24")])
    assert networks.observe(identifier, port).addresses == {"10.7.0.6/24", "10.7.0.7/24"}


def test_foreign_devices_are_observed_and_removed(lab: Lab, networks: Networks) -> None:
    identifier, port = lab.load_balancer_id(), make_port(VIP)
    build(networks, identifier, port)
    run("ip", "-n", f"qlbaas-{identifier}", "link", "add", "odd0", "type", "bridge")
    assert networks.observe(identifier, port).foreign_devices == ("odd0",)
    networks.remove_foreign_device(identifier, "odd0")
    networks.remove_foreign_device(identifier, "odd0")
    assert networks.observe(identifier, port) == whole(port)


def test_everything_may_be_repeated(lab: Lab, networks: Networks) -> None:
    identifier, port = lab.load_balancer_id(), make_port(VIP, VIP6)
    route = HostRoute(destination="::/0", nexthop="2001:db8:7::1")
    build(networks, identifier, port, route)
    index = Path(f"/sys/class/net/{tap(port)}/ifindex").read_text()
    build(networks, identifier, port, route)
    assert Path(f"/sys/class/net/{tap(port)}/ifindex").read_text() == index
    assert networks.observe(identifier, port) == whole(port, route)
    networks.unplug(identifier, port.id)
    networks.unplug(identifier, port.id)
    assert networks.observe(identifier, port) == NetworkObserved(namespace=True, tuned=True)
    networks.remove_namespace(identifier)
    networks.remove_namespace(identifier)
    assert networks.observe(identifier, port) == NetworkObserved(namespace=False)


def test_removal_ends_what_runs_inside_and_leaves_nothing(lab: Lab, networks: Networks) -> None:
    identifier, port = lab.load_balancer_id(), make_port(VIP)
    build(networks, identifier, port)
    with netns.visit(networks.namespace(identifier)):
        process = subprocess.Popen(["sleep", "600"])
    networks.remove_namespace(identifier)
    assert process.wait(NET) != 0
    assert not networks.namespace(identifier).exists()
    assert not Path(f"/sys/class/net/{tap(port)}").exists()
    assert os.listdir(f"/sys/class/net/{lab.bridge}/brif") == []


def test_a_namespace_that_an_operator_deleted_is_built_anew(lab: Lab, networks: Networks) -> None:
    client = lab.machine("client", "10.7.0.9/24")
    identifier, port = lab.load_balancer_id(), make_port(VIP)
    build(networks, identifier, port)
    run("ip", "netns", "del", f"qlbaas-{identifier}")
    assert not networks.observe(identifier, port).namespace
    build(networks, identifier, port)
    assert networks.observe(identifier, port) == whole(port)
    assert reaches(client.namespace, "10.7.0.5")


def test_a_name_without_a_namespace_is_none(lab: Lab, networks: Networks) -> None:
    identifier, port = lab.load_balancer_id(), make_port(VIP)
    networks.namespace(identifier).touch()
    assert not networks.observe(identifier, port).namespace
    build(networks, identifier, port)
    assert networks.observe(identifier, port) == whole(port)


def test_load_balancers_side_by_side_in_several_threads(lab: Lab, networks: Networks) -> None:
    client = lab.machine("client", "10.7.0.9/24")
    documents = [(lab.load_balancer_id(), make_port(f"10.7.0.{number}/24")) for number in range(20, 32)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda desired: build(networks, *desired), documents))
        seen = list(pool.map(lambda desired: networks.observe(*desired), documents))
        assert seen == [whole(port) for _, port in documents]
        assert all(reaches(client.namespace, port.ips[0].address) for _, port in documents)
        list(pool.map(lambda desired: networks.remove_namespace(desired[0]), documents))
    assert os.listdir(f"/sys/class/net/{lab.bridge}/brif") == [client.device]


def test_what_the_host_lacks_is_said(lab: Lab, networks: Networks) -> None:
    identifier, port = lab.load_balancer_id(), make_port(VIP)
    networks.ensure_namespace(identifier)
    elsewhere = replace(port, segment=replace(port.segment, physical_network="nowhere"))
    with pytest.raises(Hopeless, match="bridge_mappings"):
        networks.plug(identifier, elsewhere)
    run_ip([f"link set {lab.bridge} down"])
    with pytest.raises(HostError, match=f"ip link set {lab.bridge} up"):
        networks.plug(identifier, port)
    run_ip([f"link del {lab.bridge}"])
    with pytest.raises(HostError, match=f"{lab.bridge} .* does not exist"):
        networks.plug(identifier, port)
    with pytest.raises(HostError, match="there is no ns-"):
        networks.configure(identifier, port, [BringUp()])


def test_missing_bridges_are_made_and_existing_ones_left_alone(lab: Lab) -> None:
    name = f"{lab.bridge}-b"
    try:
        warnings = LinuxBridge({"one": lab.bridge, "two": name}).prepare(list)
        (bridge,) = read_json("ip", "-json", "-details", "link", "show", "dev", name)
        data = bridge["linkinfo"]["info_data"]
        assert "UP" in bridge["flags"]
        assert data["stp_state"] == 0
        assert data["vlan_filtering"] == int(lab.vlans)
        assert any("flat networks only" in warning for warning in warnings) is not lab.vlans
        run_ip([f"link set {name} type bridge stp_state 1 forward_delay 200", f"link set {name} down"])
        warnings = LinuxBridge({"two": name}).prepare(list)
        assert len(warnings) == 2
        (bridge,) = read_json("ip", "-json", "-details", "link", "show", "dev", name)
        assert "UP" not in bridge["flags"]
    finally:
        run_ip([f"link del {name}"])
