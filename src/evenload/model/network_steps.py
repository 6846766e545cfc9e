"""Steps inside a namespace, performed in order in one visit (``Host.configure``)."""

from dataclasses import dataclass

from evenload.model.observed import HostRoute


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
    """Loopback and device up; returns when packets can pass. The kernel announces the addresses it finds."""


@dataclass(frozen=True, slots=True)
class Announce:
    """Gratuitous ARP or unsolicited neighbour advertisement for an address that came after ``BringUp``."""

    address: str


NetworkStep = AddAddress | RemoveAddress | AddRoute | RemoveRoute | BringUp | Announce
