"""Use cases of the built-in networks: what stands behind the Neutron-shaped API.

``api/network_v2`` calls it and decides who may; each method is one transaction. ``fields`` are the model's field names
of Network, Subnet or Port as far as a caller may set them; what is absent takes its default or stays. ``viewer`` is the
project in whose eyes something exists, None sees everything. Rules about addresses and segments are pure and stand in
``model/addresses.py`` and ``model/segments.py``, removals in network_removal.py. A change of MTU, gateway or routes
raises the generation of the load balancers that it concerns.
"""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_network
from typing import Any, TypeVar

from evenload.interfaces.clock import Clock
from evenload.interfaces.store import NetworkPart, Transaction, UnitOfWork
from evenload.model import addresses
from evenload.model.errors import Conflict, Invalid, NotFound, Overtaken, Unsupported
from evenload.model.network import Network, Port, Subnet
from evenload.model.segments import VlanRange, choose_segment
from evenload.service.allocation import choose_fixed_ips, insert_with_new_mac
from evenload.service.attached import advance_attached
from evenload.service.network_guards import (
    find_network,
    find_subnet,
    lock_network,
    lock_own_network,
    lock_port,
    lock_subnet,
    lock_usable_network,
    require_unused,
    sees,
)
from evenload.service.network_removal import NetworkRemoval
from evenload.service.network_uses import NetworkUse, read_use

V = TypeVar("V", Network, Subnet, Port)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSettings:
    """``physical_networks``: the names that agents map to bridges. ``vlan_ranges``: (physical network, first, last)
    of the VLANs that networks made without a segment may take; ``default_mtu`` in bytes."""

    default_physical_network: str | None = None
    physical_networks: tuple[str, ...] = ()
    vlan_ranges: tuple[VlanRange, ...] = ()
    default_mtu: int = 1500


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkView:
    """A network with the ids of its subnets, in the order of creation."""

    network: Network
    subnet_ids: tuple[str, ...] = ()


class Networks:
    """``source`` makes MAC addresses; ``new_id`` the text of a new UUID; ``pause`` lets some seconds go by;
    ``find_other_port`` gives ports that are shown and lie on none of the built-in networks."""

    def __init__(
        self,
        unit_of_work: UnitOfWork,
        settings: NetworkSettings,
        clock: Clock,
        new_id: Callable[[], str],
        source: random.Random,
        pause: Callable[[float], None] = time.sleep,
        find_other_port: Callable[[Transaction, str], Port | None] | None = None,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._settings = settings
        self._clock = clock
        self._new_id = new_id
        self._source = source
        self._find_other_port = find_other_port
        removal = NetworkRemoval(unit_of_work, pause)
        self.delete_network = removal.delete_network
        self.delete_subnet = removal.delete_subnet
        self.delete_port = removal.delete_port

    # ------------------------------------------------------------------------------------------------------ networks

    def create_network(self, project_id: str, fields: Mapping[str, Any]) -> NetworkView:
        """``type``, ``physical_network`` and ``vlan`` say the segment; without them a free one is chosen."""
        _check_names(fields, _NETWORK_CREATE)
        _check_up(fields)
        mtu = addresses.validate_mtu(fields.get("mtu", self._settings.default_mtu), ())

        def work(transaction: Transaction) -> NetworkView:
            segment = choose_segment(
                type=fields.get("type"),
                physical_network=fields.get("physical_network"),
                vlan=fields.get("vlan"),
                used={network.segment for network in transaction.networks()},
                physical_networks=self._settings.physical_networks,
                default=self._settings.default_physical_network,
                vlan_ranges=self._settings.vlan_ranges,
            )
            network = Network(
                id=self._new_id(),
                project_id=project_id,
                mtu=mtu,
                segment=segment,
                created_at=self._clock.now(),
                **_picked(fields, ("name", "description", "shared", "tags")),
            )
            try:
                transaction.insert_network(network)
            except Conflict as conflict:  # the segment was free when it was chosen
                raise Overtaken(conflict.detail) from conflict
            return NetworkView(network=network)

        return self._unit_of_work.write(work)

    def update_network(self, identifier: str, fields: Mapping[str, Any]) -> NetworkView:
        _check_names(fields, _NETWORK_UPDATE)
        _check_up(fields)

        def work(transaction: Transaction) -> NetworkView:
            network = lock_network(transaction, identifier)
            subnets = transaction.subnets(identifier)
            if "mtu" in fields:
                addresses.validate_mtu(fields["mtu"], [subnet.ip_version for subnet in subnets])
            if network.shared and not fields.get("shared", True):
                strangers = {port.project_id for port in transaction.ports(identifier)} - {network.project_id}
                if strangers:
                    raise Conflict(
                        f"Unable to reconfigure sharing settings for network {identifier}. "
                        "Other projects have ports on it.",
                        field="shared",
                    )
            before, network = network, self._changed(network, fields)
            transaction.update_network(network)
            if network.mtu != before.mtu:
                advance_attached(transaction, identifier, None, now=self._clock.now())
            return _network_view(network, subnets)

        return self._unit_of_work.write(work)

    def network(self, identifier: str, *, viewer: str | None = None) -> NetworkView:
        with self._unit_of_work.read() as transaction:
            network = find_network(transaction, identifier)
            if not sees(viewer, network):
                raise NotFound("Network", identifier)
            return _network_view(network, transaction.subnets(identifier))

    def networks(self, *, viewer: str | None = None) -> list[NetworkView]:
        """In the order of creation."""
        with self._unit_of_work.read() as transaction:
            subnets = transaction.subnets()
            return [_network_view(network, subnets) for network in transaction.networks() if sees(viewer, network)]

    def use(self, identifier: str) -> NetworkUse:
        with self._unit_of_work.read() as transaction:
            return read_use(transaction, find_network(transaction, identifier))

    def uses(self) -> list[NetworkUse]:
        with self._unit_of_work.read() as transaction:
            return [read_use(transaction, network) for network in transaction.networks()]

    # ------------------------------------------------------------------------------------------------------- subnets

    def create_subnet(self, project_id: str, fields: Mapping[str, Any], *, viewer: str | None = None) -> Subnet:
        """``viewer``: whose network it has to be. ``network_id``, ``ip_version`` and ``cidr`` are needed.
        ``gateway_ip`` absent: the first host; None: none. ``allocation_pools`` absent: every host but the gateway."""
        _check_names(fields, _SUBNET_CREATE)
        _check_present(fields, ("network_id", "ip_version", "cidr"))
        cidr = addresses.validate_cidr(fields["cidr"], fields["ip_version"])
        gateway = addresses.choose_gateway(cidr)
        if "gateway_ip" in fields:
            wanted = fields["gateway_ip"]
            gateway = None if wanted is None else addresses.validate_gateway(cidr, wanted)
        if fields.get("allocation_pools") is None:
            pools = addresses.plan_pools(cidr, gateway)
        else:
            pools = addresses.validate_pools(cidr, gateway, fields["allocation_pools"])

        def work(transaction: Transaction) -> Subnet:
            network = lock_own_network(transaction, fields["network_id"], viewer)
            addresses.validate_no_overlap(cidr, transaction.subnets(network.id))
            if network.mtu < addresses.MIN_MTU[cidr.version]:
                raise Invalid(
                    f"The MTU {network.mtu} of network {network.id} is too small for IPv{cidr.version}.", field="cidr"
                )
            subnet = Subnet(
                id=self._new_id(),
                network_id=network.id,
                project_id=project_id,
                ip_version=cidr.version,
                cidr=str(cidr),
                gateway_ip=gateway,
                allocation_pools=pools,
                host_routes=addresses.validate_routes(cidr.version, fields.get("host_routes", ())),
                dns_nameservers=addresses.validate_nameservers(fields.get("dns_nameservers", ())),
                created_at=self._clock.now(),
                **_picked(fields, ("name", "description", "enable_dhcp", "tags")),
            )
            transaction.insert_subnet(subnet)
            return subnet

        return self._unit_of_work.write(work)

    def update_subnet(self, identifier: str, fields: Mapping[str, Any]) -> Subnet:
        _check_names(fields, _SUBNET_UPDATE)

        def work(transaction: Transaction) -> Subnet:
            subnet = lock_subnet(transaction, identifier)
            before = subnet
            subnet = self._changed(subnet, {**fields, **_checked_addressing(transaction, subnet, fields)})
            transaction.update_subnet(subnet)
            if (subnet.gateway_ip, subnet.host_routes) != (before.gateway_ip, before.host_routes):
                advance_attached(transaction, subnet.network_id, identifier, now=self._clock.now())
            return subnet

        return self._unit_of_work.write(work)

    def subnet(self, identifier: str, *, viewer: str | None = None) -> Subnet:
        with self._unit_of_work.read() as transaction:
            subnet = find_subnet(transaction, identifier)
            if viewer != subnet.project_id and not sees(viewer, find_network(transaction, subnet.network_id)):
                raise NotFound("Subnet", identifier)
            return subnet

    def subnets(self, *, viewer: str | None = None) -> list[Subnet]:
        """In the order of creation."""
        with self._unit_of_work.read() as transaction:
            visible = {network.id for network in transaction.networks() if sees(viewer, network)}
            return [
                subnet
                for subnet in transaction.subnets()
                if subnet.network_id in visible or subnet.project_id == viewer
            ]

    # --------------------------------------------------------------------------------------------------------- ports

    def create_port(self, project_id: str, fields: Mapping[str, Any], *, viewer: str | None = None) -> Port:
        """``network_id`` is needed. ``fixed_ips`` (FixedIpRequest of allocation.py) absent: one address of each family
        that the network has subnets of; empty: none."""
        _check_names(fields, _PORT_CREATE)
        _check_present(fields, ("network_id",))
        _check_up(fields)
        mac = fields.get("mac_address")

        def work(transaction: Transaction) -> Port:
            network = lock_usable_network(transaction, fields["network_id"], viewer)
            port = Port(
                id=self._new_id(),
                network_id=network.id,
                project_id=project_id,
                mac_address="" if mac is None else addresses.validate_mac(mac),
                fixed_ips=choose_fixed_ips(transaction, network, fields.get("fixed_ips")),
                created_at=self._clock.now(),
                **_picked(fields, ("name", "description", "device_id", "device_owner", "tags")),
            )
            if mac is None:
                return insert_with_new_mac(transaction, port, self._source)
            transaction.insert_port(port)
            return port

        return self._unit_of_work.write(work)

    def update_port(self, identifier: str, fields: Mapping[str, Any]) -> Port:
        """Only what people call it, and who uses it as long as no load balancer does."""
        _check_names(fields, _PORT_UPDATE)
        _check_up(fields)

        def work(transaction: Transaction) -> Port:
            port = lock_port(transaction, identifier, "it cannot be changed")
            for name in ("device_id", "device_owner"):
                if fields.get(name, getattr(port, name)) != getattr(port, name):
                    require_unused(transaction, identifier, f"{name} cannot be changed", field=name)
            port = self._changed(port, fields)
            transaction.update_port(port)
            return port

        return self._unit_of_work.write(work)

    def port(self, identifier: str, *, viewer: str | None = None) -> Port:
        with self._unit_of_work.read() as transaction:
            port = transaction.port(identifier)
            if port is None and self._find_other_port is not None:
                port = self._find_other_port(transaction, identifier)
            if port is not None and viewer in (None, port.project_id):
                return port
            network = None if port is None else transaction.network(port.network_id)
            if port is None or network is None or viewer != network.project_id:
                raise NotFound("Port", identifier)
            return port

    def ports(self, *, viewer: str | None = None) -> list[Port]:
        """In the order of creation. The owner of a network sees all ports on it, as in Neutron."""
        with self._unit_of_work.read() as transaction:
            ports = transaction.ports()
            if viewer is None:
                return ports
            own = {network.id for network in transaction.networks() if network.project_id == viewer}
            return [port for port in ports if port.project_id == viewer or port.network_id in own]

    def _changed(self, value: V, fields: Mapping[str, Any]) -> V:
        """With the fields given, and the time of it where they make a difference."""
        given = {name: new for name, new in fields.items() if name != "admin_state_up"}
        changed = replace(value, **given)
        return value if changed == value else replace(changed, updated_at=self._clock.now())


_NETWORK_UPDATE = frozenset({"name", "description", "admin_state_up", "shared", "mtu", "tags"})
_NETWORK_CREATE = _NETWORK_UPDATE | {"type", "physical_network", "vlan"}
_SUBNET_UPDATE = frozenset(
    {
        "name",
        "description",
        "gateway_ip",
        "allocation_pools",
        "host_routes",
        "dns_nameservers",
        "enable_dhcp",
        "tags",
    }
)
_SUBNET_CREATE = _SUBNET_UPDATE | {"network_id", "ip_version", "cidr"}
_PORT_UPDATE = frozenset({"name", "description", "admin_state_up", "device_id", "device_owner", "tags"})
_PORT_CREATE = _PORT_UPDATE | {"network_id", "mac_address", "fixed_ips"}


def _check_names(fields: Mapping[str, Any], known: frozenset[str]) -> None:
    for name in fields:
        if name not in known:
            raise Invalid(f"Attribute {name} cannot be set here.", field=name)


def _check_present(fields: Mapping[str, Any], names: Sequence[str]) -> None:
    for name in names:
        if fields.get(name) is None:
            raise Invalid(f"Attribute {name} is needed.", field=name)


def _check_up(fields: Mapping[str, Any]) -> None:
    if not fields.get("admin_state_up", True):
        raise Unsupported("Networks and ports cannot be switched off; delete them.", field="admin_state_up")


def _picked(fields: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: fields[name] for name in names if name in fields}


def _network_view(network: Network, subnets: Sequence[Subnet]) -> NetworkView:
    return NetworkView(
        network=network, subnet_ids=tuple(subnet.id for subnet in subnets if subnet.network_id == network.id)
    )


def _checked_addressing(transaction: NetworkPart, subnet: Subnet, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields about addresses, canonical and checked against each other and against the ports."""
    cidr = ip_network(subnet.cidr)
    checked: dict[str, Any] = {}
    gateway = subnet.gateway_ip
    if "gateway_ip" in fields:
        wanted = fields["gateway_ip"]
        gateway = None if wanted is None else addresses.validate_gateway(cidr, wanted)
        if gateway is not None and gateway in transaction.addresses_taken(subnet.id):
            raise Conflict(f"Gateway ip {gateway} is in use by a port.", field="gateway_ip")
        checked["gateway_ip"] = gateway
    if "allocation_pools" in fields:
        checked["allocation_pools"] = addresses.validate_pools(cidr, gateway, fields["allocation_pools"])
    else:
        addresses.validate_gateway_outside(gateway, subnet.allocation_pools, field="gateway_ip")
    if "host_routes" in fields:
        checked["host_routes"] = addresses.validate_routes(subnet.ip_version, fields["host_routes"])
    if "dns_nameservers" in fields:
        checked["dns_nameservers"] = addresses.validate_nameservers(fields["dns_nameservers"])
    return checked
