"""The network of load balancers: namespace, device, addresses and routes, made, looked at and taken away.

The network half of ``LinuxHost``; the names of its methods are those of ``interfaces.Host``. Everything happens inside
this process, with a few hundred microseconds a step. HAProxy is none of its business, except that whatever still runs
in a namespace is ended when the namespace goes.
"""

import errno
import os
import socket
import time
from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path

import structlog

from evenload.host import netns
from evenload.host.address_probe import AddressProber, Probe
from evenload.host.addresses import (
    add_address,
    add_route,
    announce,
    read_addresses,
    read_routes,
    read_usable_addresses,
    remove_address,
    remove_route,
)
from evenload.host.late_closing import LateCloser
from evenload.host.links import (
    LOOPBACK_INDEX,
    Link,
    belongs_to_kernel,
    change_link,
    read_link,
    read_links,
    remove_link,
)
from evenload.host.netlink import Netlink
from evenload.host.sysctl import read_sysctl, write_sysctl, write_sysctls
from evenload.host.tuning import DEVICE_SETTINGS, is_tuned, read_reserved_ports, reserve_ports, tune
from evenload.host.vif.driver import HostSide, Vif
from evenload.host.vif.veth import host_device_of
from evenload.model.desired import DesiredPort
from evenload.model.errors import Hopeless, HostError, NotYet
from evenload.model.network_steps import (
    AddAddress,
    AddRoute,
    Announce,
    BringUp,
    NetworkStep,
    ProbeAddresses,
    RemoveAddress,
    RemoveRoute,
    ReservePorts,
    Tune,
)
from evenload.model.observed import NetworkObserved, VifState
from evenload.threads import Faults

log = structlog.get_logger(__name__)

_NAMESPACE_PREFIX = "qlbaas-"
_LINK_TIMEOUT = 5.0
_REMOVAL_TIMEOUT = 15.0
_LOOPBACK = "lo"

_SYSCTLS = (
    # HAProxy may listen before its address is there, and stay when an operator takes it away.
    ("net/ipv4/ip_nonlocal_bind", 1),
    ("net/ipv6/ip_nonlocal_bind", 1),
    # A tenant's packets end here; nothing is routed through.
    ("net/ipv4/ip_forward", 0),
    # The kernel announces an address when its device comes up, also after an operator took it down and up.
    ("net/ipv4/conf/all/arp_notify", 1),
    ("net/ipv6/conf/all/ndisc_notify", 1),
    # Removing the first address of a subnet must not take the others along.
    ("net/ipv4/conf/all/promote_secondaries", 1),
    ("net/ipv6/conf/default/keep_addr_on_down", 1),
    # A VIP port has the addresses it was given, no others and no routes from a router's advertisements.
    ("net/ipv6/conf/default/accept_ra", 0),
    ("net/ipv6/conf/default/autoconf", 0),
    ("net/ipv6/conf/default/accept_dad", 0),
    # A port without an IPv6 address has no IPv6: with a link-local address it would tell so five times, and every other
    # machine of its network would be told.
    ("net/ipv6/conf/default/disable_ipv6", 1),
)


class Networks:
    """``netns_dir`` is where namespaces have their names. Methods are called from the host's own namespace.

    ``probe_addresses`` False: every address is taken without asking the wire. ``settled``: the living processes of
    which it is known that they are in the namespace of a load balancer that stays; see ``netns.processes``.
    """

    def __init__(
        self,
        netns_dir: Path,
        vif: Vif,
        faults: Faults | None = None,
        *,
        probe_addresses: bool = True,
        settled: Callable[[], Collection[int]] = netns.nobody,
    ) -> None:
        self._netns_dir = netns_dir
        self._vif = vif
        self._closer = LateCloser(faults)
        self._inhabitants = netns.Inhabitants(partial(netns.processes, settled))
        self._prober = AddressProber(self._retract, faults) if probe_addresses else None

    def namespace(self, load_balancer_id: str) -> Path:
        return self._netns_dir / (_NAMESPACE_PREFIX + load_balancer_id)

    def ensure_namespace(self, load_balancer_id: str) -> None:
        path = self.namespace(load_balancer_id)
        if not netns.ensure(path, furnish):
            with netns.visit(path):
                furnish()

    def remove_namespace(self, load_balancer_id: str, let_go: Callable[[str], None] | None = None) -> None:
        """``let_go`` is told when the name is gone: sockets of this process in there would keep the rest alive."""
        path = self.namespace(load_balancer_id)
        number = netns.inode(path)
        if number is None:
            self._vif.forget(load_balancer_id)
            netns.remove(path)
            return
        with netns.visit(path), Netlink() as netlink:
            inside = read_links(netlink)
        stubborn = netns.end_processes(number, self._inhabitants)
        if stubborn:
            raise HostError(f"processes {stubborn} in {path} do not end, although killed")
        self._vif.forget(load_balancer_id)
        outside = [name for link in inside if (name := host_device_of(link.name)) == _name_of(link.peer)]
        # Connections that nobody answers any more keep a namespace, and with it its devices, for minutes.
        with Netlink() as netlink:
            for name in outside:
                tap = read_link(netlink, name)
                if tap is not None:
                    remove_link(netlink, tap.index, name)
        netns.remove(path)
        if let_go is not None:
            let_go(load_balancer_id)
        _wait_until(
            lambda: not any(os.path.exists(f"/sys/class/net/{name}") for name in outside),
            _REMOVAL_TIMEOUT,
            f"the namespace {path} is unmounted, but something holds it: its devices are still there",
        )

    def plug(self, load_balancer_id: str, port: DesiredPort) -> None:
        self._vif.plug(load_balancer_id, port, self.namespace(load_balancer_id))

    def unplug(self, load_balancer_id: str, port_id: str) -> None:
        self._vif.unplug(port_id, self.namespace(load_balancer_id))

    def remove_foreign_device(self, load_balancer_id: str, device: str) -> None:
        """A device that cannot be removed, such as a network card, goes back to the host."""
        path = self.namespace(load_balancer_id)
        if not netns.exists(path):
            return
        self._vif.forget_device(device)
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            with netns.visit(path), Netlink() as netlink:
                link = read_link(netlink, device)
                if link is None:
                    return
                try:
                    remove_link(netlink, link.index, device)
                except HostError as error:
                    if not (isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.EOPNOTSUPP):
                        raise
                    change_link(netlink, link.index, f"give {device} back to the host", netns=home)
        finally:
            os.close(home)

    def configure(self, load_balancer_id: str, port: DesiredPort, steps: Sequence[NetworkStep]) -> None:
        path = self.namespace(load_balancer_id)
        device = self._vif.device(port.id)
        late: list[socket.socket] = []
        probes: list[Probe] = []
        try:
            with Netlink() as outside, netns.visit(path), Netlink() as inside:
                link = read_link(inside, device)
                if link is None:
                    raise HostError(f"there is no {device} in {path}")
                if any(":" in ip.address for ip in port.ips):
                    _enable_ipv6(device)
                for step in steps:
                    if not _is_taken(step, probes):
                        self._take(load_balancer_id, step, link, port, inside, outside, late, probes)
        except HostError as error:
            if any(probe.conflicts for probe in probes):  # a way out by an address that is not there
                raise _conflict(probes) from error
            raise
        finally:
            # After the visit: a thread that is started inside of it would stay in the namespace for ever.
            for packet_socket in late:
                self._closer.take(packet_socket)
            for probe in probes:
                if self._prober is not None:
                    self._prober.follow(probe)
        if any(probe.conflicts for probe in probes):
            raise _conflict(probes)

    def observe(self, load_balancer_id: str, port: DesiredPort | None) -> NetworkObserved:
        path = self.namespace(load_balancer_id)
        outer = None if port is None else self._vif.observe(port)
        if not netns.exists(path):
            return NetworkObserved(namespace=False, vif=_vif_state(None, outer, port, loopback_up=False))
        with netns.visit(path), Netlink() as netlink:
            found = {link.name: link for link in read_links(netlink)}
            inner = None if port is None else found.pop(self._vif.device(port.id), None)
            addresses = frozenset[str]() if inner is None else read_usable_addresses(netlink, inner.index)
            routes = read_routes(netlink)
            tuned, reserved = is_tuned(), read_reserved_ports()
        return NetworkObserved(
            namespace=True,
            vif=_vif_state(inner, outer, port, loopback_up=found[_LOOPBACK].up),
            foreign_devices=tuple(sorted(link.name for link in found.values() if not belongs_to_kernel(link))),
            addresses=addresses,
            routes=routes,
            tuned=tuned,
            reserved=reserved,
        )

    def close(self) -> None:
        if self._prober is not None:
            self._prober.close()
        self._closer.close()
        self._vif.close()

    def _retract(self, probe: Probe, address: str) -> None:
        """Somebody has it after all. The next attempt asks again, and waits longer for the answer."""
        log.warning(
            "address in use", load_balancer=probe.load_balancer_id, address=address, mac=probe.conflicts[address]
        )
        with netns.visit(self.namespace(probe.load_balancer_id)), Netlink() as netlink:
            remove_address(netlink, probe.index, probe.addresses[address])

    def _take(
        self,
        load_balancer_id: str,
        step: NetworkStep,
        link: Link,
        port: DesiredPort,
        inside: Netlink,
        outside: Netlink,
        late: list[socket.socket],
        probes: list[Probe],
    ) -> None:
        match step:
            case Tune():
                tune(inside, link.index)
            case ReservePorts(ports):
                reserve_ports(ports)
            case ProbeAddresses(addresses):
                if self._prober is not None:
                    probes.append(
                        self._prober.probe(load_balancer_id, link.name, link.index, port.mac_address, addresses)
                    )
            case AddAddress(address):
                add_address(inside, link.index, address)
            case RemoveAddress(address):
                remove_address(inside, link.index, address)
            case AddRoute(route):
                add_route(inside, link.index, route)
            case RemoveRoute(route):
                remove_route(inside, link.index, route)
            case Announce(address):
                announce(link.name, link.index, port.mac_address, address, late.append)
            case BringUp():
                self._bring_up(link, port, inside, outside)
                # What the kernel announces at "up" may come before the bridge is forwarding, and is lost then.
                for address in sorted(read_addresses(inside, link.index)):
                    announce(link.name, link.index, port.mac_address, address, late.append)

    def _bring_up(self, link: Link, port: DesiredPort, inside: Netlink, outside: Netlink) -> None:
        change_link(inside, LOOPBACK_INDEX, "set the loopback up", up=True)
        change_link(inside, link.index, f"set {link.name} up", up=True, ipv4=DEVICE_SETTINGS)

        def passing() -> bool:
            inner = read_link(inside, link.name)
            return inner is not None and inner.passing and self._vif.passing(outside, port.id)

        def blocked() -> bool:
            return self._vif.blocked(outside, port.id)

        _wait_until(
            lambda: passing() or blocked(), _LINK_TIMEOUT, f"{link.name} is up, but its bridge passes no packets"
        )
        if blocked():
            raise NotYet("the bridge lets no packets pass yet, because of its spanning tree (STP)")


def _is_taken(step: NetworkStep, probes: Sequence[Probe]) -> bool:
    """Whether the step is about an address that somebody else has."""
    return isinstance(step, AddAddress | Announce) and any(
        step.address.partition("/")[0] in probe.conflicts for probe in probes
    )


def _conflict(probes: Sequence[Probe]) -> Hopeless:
    found = [f"{address} ({mac})" for probe in probes for address, mac in sorted(probe.conflicts.items())]
    return Hopeless(f"another machine on the network has the address: {', '.join(found)}")


def furnish() -> None:
    """Inside the namespace: its settings and its loopback."""
    write_sysctls(_SYSCTLS)
    try:
        # The host's may be bbr, whose pacing costs more than half of HAProxy's throughput between neighbours.
        write_sysctl("net/ipv4/tcp_congestion_control", "cubic")
    except HostError:
        write_sysctl("net/ipv4/tcp_congestion_control", "reno")  # a namespace may use what the host allows
    with Netlink() as netlink:
        change_link(netlink, LOOPBACK_INDEX, "set the loopback up", up=True)


def _enable_ipv6(device: str) -> None:
    """Of the namespace of the calling thread. Where it is on, nothing is written: that would cost its addresses."""
    name = f"net/ipv6/conf/{device}/disable_ipv6"
    if read_sysctl(name) == "1":
        write_sysctl(name, 0)


def _vif_state(
    inner: Link | None, outer: HostSide | None, port: DesiredPort | None, *, loopback_up: bool
) -> VifState | None:
    """Plugging sets the outer end up, so one that is down counts as not plugged. BringUp sets the loopback up as well,
    which stick tables need."""
    if port is None or (inner is None and outer is None):
        return None
    if inner is None:
        # What is left outside alone belongs nowhere: it must be made anew or removed.
        return VifState(mac_address="", mtu=0, up=False, segment=None)
    if outer is None:
        return VifState(mac_address=inner.mac_address, mtu=inner.mtu, up=False, segment=None)
    matched = outer.fits and outer.up and outer.peer in (None, inner.peer)
    return VifState(
        mac_address=inner.mac_address,
        # Of two ends that differ, the wrong one is the one to tell of.
        mtu=outer.mtu if outer.mtu is not None and inner.mtu == port.mtu else inner.mtu,
        up=inner.up and outer.up and loopback_up,
        segment=port.segment if matched else None,
    )


def _name_of(index: int) -> str | None:
    """Of a device in the namespace of the calling thread."""
    try:
        return socket.if_indextoname(index)
    except OSError:
        return None


def _wait_until(condition: Callable[[], bool], timeout: float, otherwise: str) -> None:
    """Looks every millisecond at first, later less often. Raises HostError with ``otherwise`` in the end."""
    deadline = time.monotonic() + timeout
    pause = 0.0005
    while not condition():
        if time.monotonic() >= deadline:
            raise HostError(f"{otherwise} (waited {timeout:g} s)")
        time.sleep(pause)
        pause = min(pause * 1.2, 0.01)
