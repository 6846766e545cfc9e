"""The part of a transaction that is about networks: the built-in ones, and the ports of VIPs."""

from datetime import datetime

from evenload.model.held_port import HeldPort
from evenload.model.network import Network, Port, Subnet
from evenload.store import held_ports, networks
from evenload.store.connected import Connected


class NetworkTransaction(Connected):
    def locked_network(self, identifier: str) -> Network | None:
        return networks.read_network(self._connection, identifier, lock=self._lock_rows)

    def network(self, identifier: str) -> Network | None:
        return networks.read_network(self._connection, identifier, lock=False)

    def networks(self) -> list[Network]:
        return networks.read_networks(self._connection)

    def insert_network(self, network: Network) -> None:
        networks.write_network(self._writable(), network, new=True)

    def update_network(self, network: Network) -> None:
        networks.write_network(self._writable(), network, new=False)

    def remove_network(self, identifier: str) -> None:
        networks.remove_network(self._writable(), identifier)

    def subnet(self, identifier: str) -> Subnet | None:
        return networks.read_subnet(self._connection, identifier)

    def subnets(self, network_id: str | None = None) -> list[Subnet]:
        return networks.read_subnets(self._connection, network_id)

    def insert_subnet(self, subnet: Subnet) -> None:
        networks.write_subnet(self._writable(), subnet, new=True)

    def update_subnet(self, subnet: Subnet) -> None:
        networks.write_subnet(self._writable(), subnet, new=False)

    def remove_subnet(self, identifier: str) -> None:
        networks.remove_subnet(self._writable(), identifier)

    def locked_port(self, identifier: str) -> Port | None:
        return networks.read_port(self._connection, identifier, lock=self._lock_rows)

    def port(self, identifier: str) -> Port | None:
        return networks.read_port(self._connection, identifier, lock=False)

    def ports(self, network_id: str | None = None) -> list[Port]:
        return networks.read_ports(self._connection, network_id)

    def insert_port(self, port: Port) -> None:
        networks.write_port(self._writable(), port, new=True)

    def update_port(self, port: Port) -> None:
        networks.write_port(self._writable(), port, new=False)

    def remove_port(self, identifier: str) -> None:
        networks.remove_port(self._writable(), identifier)

    def addresses_taken(self, subnet_id: str) -> set[str]:
        return networks.read_addresses_taken(self._connection, subnet_id)

    def insert_held_port(self, held: HeldPort) -> None:
        held_ports.insert_held_port(self._writable(), held)

    def update_held_port(self, held: HeldPort) -> None:
        held_ports.update_held_port(self._writable(), held)

    def remove_held_port(self, identifier: str) -> None:
        held_ports.remove_held_port(self._writable(), identifier)

    def held_port(self, identifier: str) -> HeldPort | None:
        return held_ports.read_held_port(self._connection, identifier, lock=self._lock_rows)

    def held_port_at(self, port_id: str) -> HeldPort | None:
        return held_ports.read_held_port_at(self._connection, port_id)

    def held_ports_due(self, reserved_before: datetime) -> list[HeldPort]:
        return held_ports.read_due(self._connection, reserved_before)
