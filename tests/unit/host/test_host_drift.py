"""Which events of the kernel contradict what should be there."""

import socket
import struct
from dataclasses import replace
from pathlib import Path

import pytest
from tests.fakes.desired import ip, make_desired, port

from evenload.agent.plan_network import plan_network, wanted_network
from evenload.host import drift
from evenload.host.addresses import DELADDR, DELROUTE, NEWADDR, NEWROUTE
from evenload.host.drift import (
    Inside,
    Outside,
    contradicts_inside,
    contradicts_outside,
    ended_device,
    is_inside,
    name_of,
)
from evenload.host.links import DELLINK, NEWLINK, Link, pack_mac, parse_link
from evenload.host.netlink import Message, attribute, number, read_events, text
from evenload.host.network_watch import NetworkWatcher, _Site
from evenload.host.rules import DELRULE
from evenload.host.vif.ovsdb import is_drift
from evenload.model.observed import HostRoute

INDEX, TAP, BRIDGE = 7, 20, 30
PORT = port(ip("10.0.0.5", "10.0.0.1"))
WANTED = Inside(index=INDEX, network=wanted_network(PORT))
OUTER = Outside(name="tap1", there=True, master=BRIDGE, mtu=1500)


def link(kind: int, index: int, name: str, *, up: bool = True, mtu: int = 1500, master: int = 0) -> Message:
    body = struct.pack("=BxHiII", 0, 0, index, 1 if up else 0, 0) + text(3, name)
    body += attribute(1, pack_mac(PORT.mac_address)) + number(4, mtu)
    return Message(kind, body + (number(10, master) if master else b""))


def address(kind: int, given: str, index: int = INDEX) -> Message:
    host, length = given.split("/")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    body = struct.pack("=BBBBI", family, int(length), 0, 0, index)
    return Message(kind, body + attribute(1, socket.inet_pton(family, host)))


def route(kind: int, destination: str, gateway: str | None, protocol: int = 4) -> Message:
    host, length = destination.split("/")
    body = struct.pack("=BBBBBBBBI", socket.AF_INET, int(length), 0, 0, 254, protocol, 0, 1, 0)
    body += attribute(1, socket.inet_aton(host)) if int(length) else b""
    body += attribute(5, socket.inet_aton(gateway)) if gateway else b""
    return Message(kind, body + number(4, INDEX))


@pytest.mark.parametrize(
    ("message", "contradicts"),
    [
        (link(NEWLINK, INDEX, "ns-1"), False),
        (link(NEWLINK, INDEX, "ns-1", up=False), True),
        (link(NEWLINK, INDEX, "ns-1", mtu=1400), True),
        (link(DELLINK, INDEX, "ns-1"), True),
        (link(NEWLINK, 1, "lo", up=False), True),
        (link(NEWLINK, 8, "eth7"), True),
        (link(DELLINK, 8, "eth7"), False),
        (link(NEWLINK, 8, "sit0", up=False), False),
        (address(NEWADDR, "10.0.0.5/24"), False),
        (address(DELADDR, "10.0.0.5/24"), True),
        (address(NEWADDR, "10.0.0.6/24"), True),
        (address(DELADDR, "10.0.0.6/24"), False),
        (address(NEWADDR, "10.0.0.6/24", index=1), False),
        (address(NEWADDR, "fe80::1/64"), False),
        (route(NEWROUTE, "0.0.0.0/0", "10.0.0.1"), False),
        (route(DELROUTE, "0.0.0.0/0", "10.0.0.1"), True),
        (route(NEWROUTE, "0.0.0.0/0", "10.0.0.2"), True),
        (route(DELROUTE, "10.9.0.0/16", "10.0.0.2"), False),
        (route(DELROUTE, "10.0.0.0/24", None, protocol=2), True),
        (route(NEWROUTE, "10.0.0.0/24", None, protocol=2), False),
        (Message(DELRULE, b""), False),
    ],
)
def test_inside(message: Message, contradicts: bool) -> None:
    assert contradicts_inside(message, WANTED) is contradicts


DEVICES = [link(NEWLINK, 1, "lo"), link(NEWLINK, INDEX, "ns-1"), link(NEWLINK, 8, "sit0", up=False)]
OTHER_WAY = HostRoute(destination="0.0.0.0/0", nexthop="10.0.0.2")
FURTHER_WAY = HostRoute(destination="10.9.0.0/16", nexthop="10.0.0.2")


@pytest.mark.parametrize(
    ("devices", "addresses", "routes", "whole"),
    [
        (DEVICES, WANTED.network.addresses, WANTED.network.routes, True),
        (DEVICES[:1], WANTED.network.addresses, WANTED.network.routes, False),
        ([link(NEWLINK, 1, "lo", up=False), *DEVICES[1:]], WANTED.network.addresses, WANTED.network.routes, False),
        ([*DEVICES, link(NEWLINK, 9, "eth7")], WANTED.network.addresses, WANTED.network.routes, False),
        ([*DEVICES[:1], link(NEWLINK, INDEX, "ns-1", mtu=9)], WANTED.network.addresses, WANTED.network.routes, False),
        (
            [*DEVICES[:1], link(NEWLINK, INDEX, "ns-1", up=False)],
            WANTED.network.addresses,
            WANTED.network.routes,
            False,
        ),
        (DEVICES, frozenset(), WANTED.network.routes, False),
        (DEVICES, WANTED.network.addresses | {"10.0.0.6/24"}, WANTED.network.routes, False),
        (DEVICES, WANTED.network.addresses, frozenset(), False),
        (DEVICES, WANTED.network.addresses, frozenset([OTHER_WAY]), False),
        (DEVICES, WANTED.network.addresses, WANTED.network.routes | {FURTHER_WAY}, False),
        # Two routes to one destination, of another metric: no plan mends it, so nothing is to be told.
        (DEVICES, WANTED.network.addresses, WANTED.network.routes | {OTHER_WAY}, True),
    ],
)
def test_what_a_look_inside_finds(
    devices: list[Message], addresses: frozenset[str], routes: frozenset[HostRoute], whole: bool
) -> None:
    """Nothing is told that a plan would not mend: it would be told again after each round."""
    assert is_inside([parse_link(each.body) for each in devices], addresses, routes, WANTED) is whole
    observed = replace(WANTED.network, addresses=addresses, routes=routes)
    if devices is DEVICES:
        assert bool(plan_network(make_desired(at=PORT), observed).actions) is not whole


@pytest.mark.parametrize(
    ("message", "contradicts"),
    [
        (link(NEWLINK, TAP, "tap1", master=BRIDGE), False),
        (link(NEWLINK, TAP, "tap1"), True),
        (link(NEWLINK, TAP, "tap1", master=BRIDGE, mtu=1400), True),
        (link(NEWLINK, TAP, "tap1", master=BRIDGE, up=False), True),
        (link(DELLINK, TAP, "tap1", master=BRIDGE), True),
        (link(NEWLINK, TAP, "tap2", up=False), False),
        (link(NEWLINK, BRIDGE, "br0"), False),
        (link(NEWLINK, BRIDGE, "br0", up=False), True),
        (link(DELLINK, BRIDGE, "br0"), True),
        (Message(NEWADDR, b""), False),
    ],
)
def test_outside(message: Message, contradicts: bool) -> None:
    assert contradicts_outside(message, OUTER) is contradicts


def test_a_device_of_that_name_outside_is_one_too_many_where_all_is_inside() -> None:
    inside = Outside(name="tap1", there=False, master=0, mtu=0)
    assert contradicts_outside(link(NEWLINK, TAP, "tap1"), inside)
    assert not contradicts_outside(link(DELLINK, TAP, "tap1"), inside)


def test_most_devices_concern_nobody() -> None:
    assert name_of(link(NEWLINK, TAP, "tap2")) == "tap2"
    assert ended_device(link(NEWLINK, TAP, "tap2")) is None
    assert ended_device(link(NEWLINK, TAP, "tap2", up=False)) == TAP
    assert ended_device(link(DELLINK, TAP, "tap2")) == TAP
    assert name_of(address(NEWADDR, "10.0.0.5/24")) == ""


def test_devices_that_concern_nobody_are_known_by_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host makes and removes devices by hundreds, each of which is worth ten events of a kilobyte and a half."""
    parsed: list[Link] = []

    def noted(body: bytes) -> Link:
        parsed.append(parse_link(body))
        return parsed[-1]

    monkeypatch.setattr(drift, "parse_link", noted)
    watcher = NetworkWatcher(Path)
    watcher._sites["lb"] = _Site("lb", "ns-1", "tap1", outside=OUTER)
    watcher._outer["tap1"] = "lb"
    watcher._masters = {BRIDGE}
    events = [link(NEWLINK, BRIDGE, "br1"), *(link(kind, 77, "tap2") for kind in (NEWLINK, DELLINK))]
    assert watcher._judge_outside([*events, link(NEWLINK, TAP, "tap1", master=BRIDGE)]) == []
    assert [each.name for each in parsed] == ["tap1"]
    assert watcher._judge_outside([link(DELLINK, TAP, "tap1")]) == ["lb"]
    assert watcher._judge_outside([link(NEWLINK, BRIDGE, "br1", up=False)]) == ["lb"]


class _Overrun:
    """A socket of which the kernel has dropped something."""

    def __init__(self) -> None:
        self._answers: list[BaseException] = [OSError(105, "No buffer space available"), BlockingIOError()]

    def recv(self, size: int) -> bytes:
        raise self._answers.pop(0)


def test_lost_events_are_noticed() -> None:
    assert read_events(_Overrun()) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("event", "table", "columns", "drift"),
    [
        ("delete", "Port", (), True),
        ("update", "Port", ("tag",), True),
        ("update", "Interface", ("ofport",), True),
        ("update", "Interface", ("error",), False),
        ("create", "Port", (), False),
        ("delete", "Bridge", (), False),
    ],
)
def test_what_open_vswitch_tells(event: str, table: str, columns: tuple[str, ...], drift: bool) -> None:
    assert is_drift(event, table, columns) is drift
