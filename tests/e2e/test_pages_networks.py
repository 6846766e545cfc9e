"""What docs/networks.md says to type and to write, with the programs that read it, and traffic over the card."""

import shutil
import subprocess
from collections.abc import Iterator
from functools import partial

import pytest
from tests.pages.reading import read_blocks
from tests.pages.rooms import Room, open_room
from tests.pages.walking import Told, Walk, file_of
from tests.waiting import eventually

PAGE = "docs/networks.md"
SETTINGS = """
[networks]
bridge_mappings = physnet1:br-lan,vlan100:br-100
vlan_ranges = physnet1:100:199
"""
CARDS = """
ip netns add wire
for card in eth0 eth1; do
    ip link add $card type veth peer name $card netns wire
    ip -n wire link set $card up
done
ip -n wire address add 192.0.2.50/24 dev eth1
"""
BALANCER = """
openstack loadbalancer create --name lb --vip-subnet-id lan --vip-address 192.0.2.200 --wait
openstack loadbalancer listener create --name http --protocol HTTP --protocol-port 80 --wait lb
"""
NETWORKD = """
mount -o remount,ro /sys
mkdir -p /run/systemd/netif/links /run/systemd/netif/leases /run/systemd/netif/lldp
chown -R systemd-network /run/systemd/netif
exec setpriv --reuid=systemd-network --regid=systemd-network --clear-groups \\
    --inh-caps=+net_admin,+net_raw,+net_bind_service,+net_broadcast \\
    --ambient-caps=+net_admin,+net_raw,+net_bind_service,+net_broadcast /lib/systemd/systemd-networkd
"""
"""As its unit starts it. Where /sys cannot be written it waits for no udev, as in a container."""
SWITCH = """
mkdir -p /run/openvswitch
ovsdb-tool create /run/openvswitch/conf.db /usr/share/openvswitch/vswitch.ovsschema
ovsdb-server /run/openvswitch/conf.db --remote=punix:/run/openvswitch/db.sock --detach --pidfile
ovs-vsctl --no-wait init
ovs-vswitchd --detach --pidfile
ovs-vsctl add-br br-int -- set bridge br-int datapath_type=netdev
"""


@pytest.fixture
def room() -> Iterator[Room]:
    with open_room() as room:
        room.say(CARDS)
        yield room


def kernel_has(trial: str) -> bool:
    """Not every kernel that runs these tests knows VLANs."""
    return subprocess.run(["unshare", "--net", "sh", "-c", trial], capture_output=True, check=False).returncode == 0


def can_filter_vlans() -> bool:
    return kernel_has("ip link add b0 type bridge && ip link set b0 type bridge vlan_filtering 1")


def can_tag() -> bool:
    return kernel_has("ip link add v0 type veth peer name v1 && ip link add link v0 name v2 type vlan id 2")


def test_by_hand_over_a_card_and_by_vlans(room: Room) -> None:
    filters = (0,) if can_filter_vlans() else (1, 2, 255)
    tags = (0,) if can_tag() else (1, 2, 255)
    told = (
        Told("ip link set br-lan type bridge vlan_filtering 1", codes=filters),
        Told("bridge vlan add", codes=filters),
        Told("ip link add link eth1 name eth1.100", codes=tags),
        Told("ip link set eth1.100", codes=tags),
        Told("openstack network create green", "vlan100"),
        Told("ovs-vsctl add-port"),
    )
    with room.shell() as shell:
        walk = Walk(room, shell, told, {" PORT tag=VLAN": " eth0 tag=100"})
        room.path("/etc/evenload").mkdir()
        room.path("/etc/evenload/evenload.conf").write_text(SETTINGS)
        walk.command("export OS_AUTH_TYPE=none OS_ENDPOINT=http://127.0.0.1:9876 PATH=$PWD/.venv/bin:$PATH")
        walk.page(PAGE, "A card of its own")
        walk.command("systemctl start evenload")
        walk.page(PAGE, "The network as the service knows it")
        walk.command(BALANCER)
        answered = "ip netns exec wire curl -s -o /dev/null -w '%{http_code}' http://192.0.2.200/"
        assert room.say(answered) == "503"  # no members: HAProxy's own answer, over the card
        walk.page(PAGE, "VLANs")
        walk.command("ip link delete br-100")  # the service has made it
        walk.page(PAGE, "One bridge per VLAN")
        room.say(SWITCH)
        walk.page(PAGE, "Open vSwitch")
        walk.finish()


@pytest.mark.parametrize(
    ("variant", "files", "bridges"),
    [
        ("", ("br-lan.netdev", "br-lan.network", "eth1.network"), {"br-lan": "eth1"}),
        (" (one card)", ("br-lan.netdev", "br-lan.network", "eth0.network"), {"br-lan": "eth0"}),
        (" (VLANs)", ("br-lan.netdev", "eth1.network"), {"br-lan": "eth1"}),
        (" (one bridge per VLAN)", ("eth1.network",), {"br-100": "eth1.100"}),
    ],
)
def test_systemd_networkd(room: Room, variant: str, files: tuple[str, ...], bridges: dict[str, str]) -> None:
    directory = room.path("/etc/systemd/network")
    texts = {name: file_of(PAGE, f"/etc/systemd/network/{name}{variant}") for name in files}
    texts.setdefault("br-lan.network", file_of(PAGE, "/etc/systemd/network/br-lan.network"))
    if "br-100" in bridges:  # "besides br-100.netdev and br-100.network as above"
        for kind in ("netdev", "network"):
            texts[f"br-100.{kind}"] = file_of(PAGE, f"/etc/systemd/network/br-lan.{kind}").replace("br-lan", "br-100")
        for kind in ("netdev", "network"):
            texts[f"eth1.100.{kind}"] = file_of(PAGE, f"/etc/systemd/network/eth1.100.{kind}")
        del texts["br-lan.network"]
    room.say("mkdir -p /etc/systemd/network && rm -f /etc/systemd/network/*")
    for name, text in texts.items():
        (directory / name).write_text(text)
    said = room.terminal(NETWORKD)
    if "VLANs" in variant and not can_filter_vlans():
        assert eventually(lambda: "Failed to set bridge VLAN configurations" in said.read_text()), said.read_text()
    elif "per VLAN" in variant and not can_tag():
        assert eventually(lambda: "Could not create stacked netdev" in said.read_text()), said.read_text()
    else:
        for bridge, card in bridges.items():
            assert eventually(partial(is_in, room, bridge, card)), said.read_text()
    if "one card" in variant:
        assert eventually(lambda: "192.0.2.10/24" in room.say("ip address show br-lan")), said.read_text()
        assert "52:54:00:12:34:56" in room.say("ip link show br-lan")
    assert "ignoring" not in said.read_text()


@pytest.mark.parametrize(("variant", "card"), [("", "eth1"), (" (one card)", "eth0")])
def test_ifupdown(room: Room, variant: str, card: str) -> None:
    assert shutil.which("ifup"), "tools/setup test installs ifupdown and bridge-utils"
    name = "/etc/network/interfaces.d/br-lan"
    room.path("/etc/network/interfaces").write_text(file_of(PAGE, f"{name}{variant}") + "\n")
    room.say("mkdir -p /run/network && ifup br-lan")
    assert is_in(room, "br-lan", card)
    assert ("192.0.2.10/24" in room.say("ip address show br-lan")) is bool(variant)


def is_in(room: Room, bridge: str, card: str) -> bool:
    return f"{card}@" in room.say(f"ip link show master {bridge} 2>/dev/null || true")


def test_all_files_of_the_page_are_tried() -> None:
    files = [block.title for block in read_blocks(PAGE) if block.language in ("systemd", "text")]
    assert len(files) == len(set(files)) == 13
