from dataclasses import replace

import pytest

from evenload.host.links import Bridge, Link
from evenload.host.vif.linux_bridge import bridge_of, choose_vlan, judge_bridge
from evenload.host.vif.veth import host_device, host_mac, inner_device
from evenload.model.enums import NetworkType
from evenload.model.errors import Hopeless
from evenload.model.network import Segment

LINK = Link(
    index=3,
    name="br0",
    kind="bridge",
    mac_address="02:00:00:00:00:01",
    mtu=1500,
    up=True,
    forwarding=True,
    blocked=False,
    passing=True,
    master=0,
    peer=0,
)
FILTERING = Bridge(link=LINK, vlan_filtering=True, stp=False, default_pvid=1)
PLAIN = replace(FILTERING, vlan_filtering=False)
FLAT = Segment(type=NetworkType.FLAT, physical_network="physnet1")
VLAN = Segment(type=NetworkType.VLAN, physical_network="physnet1", vlan=101)


def test_a_flat_network_is_the_bridges_own_vlan() -> None:
    assert choose_vlan(PLAIN, FLAT) is None
    assert choose_vlan(FILTERING, FLAT) == 1
    assert choose_vlan(replace(FILTERING, default_pvid=7), FLAT) == 7
    assert choose_vlan(FILTERING, VLAN) == 101


def test_what_a_bridge_cannot_do_is_hopeless_and_says_the_remedy() -> None:
    with pytest.raises(Hopeless, match="ip link set br0 type bridge vlan_filtering 1"):
        choose_vlan(PLAIN, VLAN)
    with pytest.raises(Hopeless, match="ip link set br0 type bridge vlan_default_pvid 1"):
        choose_vlan(replace(FILTERING, default_pvid=0), FLAT)


def test_an_unmapped_network_is_hopeless_and_named() -> None:
    assert bridge_of({"physnet1": "br0"}, VLAN) == "br0"
    with pytest.raises(Hopeless, match=r"'physnet1' \(it has: physnet2\)"):
        bridge_of({"physnet2": "br0"}, VLAN)


def test_warnings_about_a_bridge() -> None:
    assert judge_bridge(FILTERING, 10) == []
    down = replace(FILTERING, link=replace(LINK, up=False), stp=True)
    assert len(judge_bridge(down, 1000)) == 3


def test_device_names_fit_the_kernel_and_neutrons_habit() -> None:
    port_id = "c2b1a9d4-5e6f-4000-8000-000000000001"
    assert host_device(port_id) == "tapc2b1a9d4-5e"
    assert inner_device(port_id) == "ns-c2b1a9d4-5e"
    assert len(host_device(port_id)) <= 15


@pytest.mark.parametrize("mac", ["fa:16:3e:00:00:01", "fe:16:3e:00:00:01"])
def test_the_hosts_end_has_a_high_mac_of_its_own(mac: str) -> None:
    assert host_mac(mac) != mac
    assert host_mac(mac) >= "fa"
    assert int(host_mac(mac)[:2], 16) & 0x3 == 0x2  # local, unicast
