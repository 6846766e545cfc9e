"""Use cases that remove networks, subnets and ports.

What a load balancer needs stays, and who asked is told which one it is. A load balancer that is being deleted is gone
for its owner, but its host takes some tens of milliseconds to let go of the port: that is waited for, outside of any
transaction.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from evenload.interfaces.store import Transaction, UnitOfWork
from evenload.model.errors import NetworkInUse, NotFound, SubnetInUse
from evenload.model.network import Port
from evenload.service.network_guards import is_going, lock_network, lock_port, lock_subnet, require_unused
from evenload.service.patience import until_let_go

_NAMED = 10
"""Ports in one complaint."""
_STAYS = "it cannot be deleted directly"


@dataclass(frozen=True, slots=True)
class _InTheWay:
    """``users`` for people; ``going``: they all go by themselves."""

    users: str
    going: bool


class NetworkRemoval:
    """``pause`` lets some seconds go by."""

    def __init__(self, unit_of_work: UnitOfWork, pause: Callable[[float], None]) -> None:
        self._unit_of_work = unit_of_work
        self._pause = pause

    def delete_network(self, identifier: str) -> None:
        """Takes the subnets along; refused while the network has ports."""

        def work(transaction: Transaction) -> None:
            lock_network(transaction, identifier)
            found = _in_the_way(transaction, transaction.ports(identifier))
            if found is not None:
                raise NetworkInUse(
                    f"Unable to complete operation on network {identifier}. "
                    f"There are one or more ports still in use on the network: {found.users}.",
                    going=found.going,
                )
            for subnet in transaction.subnets(identifier):
                transaction.remove_subnet(subnet.id)
            transaction.remove_network(identifier)

        self._patiently(work)

    def delete_subnet(self, identifier: str) -> None:

        def work(transaction: Transaction) -> None:
            subnet = lock_subnet(transaction, identifier)
            ports = [
                port
                for port in transaction.ports(subnet.network_id)
                if any(ip.subnet_id == identifier for ip in port.fixed_ips)
            ]
            found = _in_the_way(transaction, ports)
            if found is not None:
                raise SubnetInUse(
                    f"Unable to complete operation on subnet {identifier}: "
                    f"One or more ports have an IP allocation from this subnet: {found.users}.",
                    going=found.going,
                )
            transaction.remove_subnet(identifier)

        self._patiently(work)

    def delete_port(self, identifier: str) -> None:
        """Refused while a load balancer uses the port."""
        waited = False

        def pause(seconds: float) -> None:
            nonlocal waited
            waited = True
            self._pause(seconds)

        def work(transaction: Transaction) -> None:
            lock_port(transaction, identifier, _STAYS)
            require_unused(transaction, identifier, _STAYS)
            transaction.remove_port(identifier)

        try:
            until_let_go(lambda: self._unit_of_work.write(work), pause)
        except NotFound:
            if not waited:  # it went with its load balancer otherwise
                raise

    def _patiently(self, work: Callable[[Transaction], None]) -> None:
        until_let_go(lambda: self._unit_of_work.write(work), self._pause)


def _in_the_way(transaction: Transaction, ports: Sequence[Port]) -> _InTheWay | None:
    if not ports:
        return None
    users = [_user(transaction, port) for port in ports[:_NAMED]]
    if len(ports) > _NAMED:
        users.append(f"{len(ports) - _NAMED} more")
    return _InTheWay(", ".join(users), all(is_going(transaction, port.id) for port in ports))


def _user(transaction: Transaction, port: Port) -> str:
    held = transaction.held_port_at(port.id)
    if held is not None:
        return f"port {port.id} of load balancer {held.load_balancer_id}"
    return f"port {port.id} of device {port.device_id}" if port.device_id else f"port {port.id}"
