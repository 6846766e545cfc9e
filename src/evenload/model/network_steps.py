"""Steps inside a namespace, performed in order in one visit (``Host.configure``)."""

from dataclasses import dataclass

from evenload.model.observed import HostRoute

FIRST_SOURCE_PORT = 1026
"""Connections to members get their own port from here upwards; below it lie the ports of the stick tables' peers and
most listeners."""


@dataclass(frozen=True, slots=True)
class Tune:
    """The settings of the namespace's kernel that a load balancer needs."""


@dataclass(frozen=True, slots=True)
class ReservePorts:
    """No connection to a member gets one of these as its own port; those reserved before are free again."""

    ports: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ProbeAddresses:
    """Before they are added: one that somebody has already is not added, nor announced, and the steps end with Hopeless
    that names who has it. After ``BringUp``."""

    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AddAddress:
    address: str


@dataclass(frozen=True, slots=True)
class RemoveAddress:
    address: str


@dataclass(frozen=True, slots=True)
class AddRoute:
    """Replaces another route to the same destination."""

    route: HostRoute


@dataclass(frozen=True, slots=True)
class RemoveRoute:
    route: HostRoute


@dataclass(frozen=True, slots=True)
class BringUp:
    """Loopback and device up; returns when packets can pass. The addresses that are there are announced."""


@dataclass(frozen=True, slots=True)
class Announce:
    """Gratuitous ARP or unsolicited neighbour advertisement for an address that came after ``BringUp``."""

    address: str


NetworkStep = (
    Tune | ReservePorts | ProbeAddresses | AddAddress | RemoveAddress | AddRoute | RemoveRoute | BringUp | Announce
)
