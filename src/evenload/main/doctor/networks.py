"""The bridges that load balancers are plugged into: there, up, with a way out, and carrying the VLANs."""

from collections.abc import Iterator

from evenload.host.links import Bridge, Link, read_bridge, read_links, read_port_vlans
from evenload.host.netlink import Netlink
from evenload.host.settings import VifDriver
from evenload.host.vif.linux_bridge import judge_bridge
from evenload.main.doctor.case import Case, Finding, fault, ok, warning
from evenload.model.errors import HostError

_OURS = "tap"
_MISTYPED = "correct [networks] bridge_mappings, if its name is mistyped there; otherwise "
"""First, because load balancers move to a bridge of that name as soon as there is one."""


def check_bridges(case: Case) -> Iterator[Finding]:
    if case.settings.agent_noop:
        return
    if case.settings.host.vif_driver is VifDriver.OPENVSWITCH:
        yield from _openvswitch(case)
        return
    with Netlink() as netlink:
        links = read_links(netlink)
        for physical, name in case.settings.host.bridge_mappings.items():
            yield from _linux_bridge(case, netlink, links, physical, name)


def _linux_bridge(case: Case, netlink: Netlink, links: list[Link], physical: str, name: str) -> Iterator[Finding]:
    about = f"bridge {name}"
    try:
        bridge = read_bridge(netlink, name)
    except HostError as error:
        yield fault(about, str(error), f"name a bridge in [networks] bridge_mappings = {physical}:…")
        return
    if bridge is None:
        yield _missing(case, about, name)
        return
    ports = [link for link in links if link.master == bridge.link.index]
    uplinks = [link for link in ports if not _is_ours(link)]
    found = [warning(about, sentence, _remedy(sentence, name)) for sentence in judge_bridge(bridge, len(ports))]
    if not bridge.link.up:
        found = [
            fault(
                about, f"the bridge {name} is down: no load balancer can be plugged into it", f"ip link set {name} up"
            )
        ]
    found += _uplinks(about, name, uplinks)
    found += _vlans(case, netlink, bridge, physical, uplinks)
    yield from found
    if not found:
        others = ", ".join(link.name for link in uplinks[:5])
        yield ok(about, f"it is up; load balancers on it: {len(ports) - len(uplinks)}; other ports: {others}")


def _missing(case: Case, about: str, name: str) -> Finding:
    make = f"ip link add {name} type bridge; ip link set {name} up"
    if case.agent_runs and case.load_balancers_here():
        return fault(about, "it does not exist, and load balancers need it", _MISTYPED + make)
    return warning(about, "it does not exist yet: the agent makes it at its start, without a card in it", make)


def _is_ours(link: Link) -> bool:
    return link.name.startswith(_OURS) and link.kind == "veth"


def _uplinks(about: str, name: str, uplinks: list[Link]) -> list[Finding]:
    if not uplinks:
        return [
            warning(
                about,
                "nothing but load balancers is plugged into it: no member and no client is there",
                f"ip link set CARD master {name}",
            )
        ]
    down = [link.name for link in uplinks if not link.up]
    if len(down) < len(uplinks):
        return []
    return [warning(about, f"all its other ports are down: {', '.join(down)}", f"ip link set {down[0]} up")]


def _remedy(sentence: str, name: str) -> str | None:
    if "STP" in sentence:
        return f"ip link set {name} type bridge stp_state 0, where no loop is possible"
    return "map a further bridge for further networks" if "at most" in sentence else None


def _vlans(case: Case, netlink: Netlink, bridge: Bridge, physical: str, uplinks: list[Link]) -> list[Finding]:
    name = bridge.link.name
    about = f"bridge {name}"
    used = {
        network["vlan"]
        for network in (case.stored or {}).get("networks", ())
        if network["physical_network"] == physical and network["vlan"] is not None
    }
    ranged = [each for each in case.settings.networks.vlan_ranges if each[0] == physical]
    if not bridge.vlan_filtering:
        if not used and not ranged:
            return []
        remedy = f"ip link set {name} type bridge vlan_filtering 1"
        if used:
            return [fault(about, f"VLAN filtering is off, and there are networks in VLANs {_listed(used)}", remedy)]
        return [warning(about, "VLAN filtering is off, and [networks] vlan_ranges names it", remedy)]
    if not used or not uplinks:
        return []
    carried = {vlan.vlan for link in uplinks for vlan in read_port_vlans(netlink, link.index)}
    lost = used - carried
    if not lost:
        return []
    return [
        warning(
            about,
            f"no other port carries VLANs {_listed(lost)}, in which there are networks",
            f"bridge vlan add dev {uplinks[0].name} vid {min(lost)}",
        )
    ]


def _listed(vlans: set[int]) -> str:
    shown = ", ".join(map(str, sorted(vlans)[:10]))
    return shown if len(vlans) <= 10 else f"{shown} and {len(vlans) - 10} more"


def _openvswitch(case: Case) -> Iterator[Finding]:
    from evenload.host.vif.ovsdb import Ovsdb  # as in host/linux.py: hosts with Linux bridges go without

    settings = case.settings.host.openvswitch
    ovsdb = Ovsdb(settings.connection, settings.timeout)
    try:
        there, in_trees = ovsdb.bridges(), ovsdb.bridges_in_trees()
    except HostError as error:
        yield fault("Open vSwitch", str(error), "systemctl start openvswitch-switch, or set [openvswitch] connection")
        return
    finally:
        ovsdb.close()
    yield ok("Open vSwitch", f"its database answers at {settings.connection}")
    for name in dict.fromkeys(case.settings.host.bridge_mappings.values()):
        about = f"bridge {name}"
        if name not in there:
            if case.agent_runs and case.load_balancers_here():
                yield fault(
                    about, "it does not exist, and load balancers need it", f"{_MISTYPED}ovs-vsctl add-br {name}"
                )
            else:
                yield warning(
                    about, "it does not exist yet: the agent makes it at its start", f"ovs-vsctl add-br {name}"
                )
        elif name in in_trees and not settings.use_veth:
            yield warning(
                about,
                "it runs a spanning tree, in which internal ports get no broadcasts: new load balancers become ERROR",
                "[openvswitch] use_veth = true, or ovs-vsctl set bridge "
                + name
                + " stp_enable=false rstp_enable=false",
            )
        else:
            yield ok(about, "it is there")
