"""Look-ups and refusals that the use cases of networks share, inside a transaction. Nothing is changed but locks."""

from typing import TypeVar

from evenload.interfaces.store import NetworkPart, Transaction
from evenload.model.enums import Kind
from evenload.model.errors import Forbidden, NotFound, PortInUse
from evenload.model.network import Network, Port, Subnet

V = TypeVar("V", Network, Subnet, Port)


def find_network(transaction: NetworkPart, identifier: str) -> Network:
    return _found(transaction.network(identifier), "Network", identifier)


def lock_network(transaction: NetworkPart, identifier: str, *, field: str | None = None) -> Network:
    return _found(transaction.locked_network(identifier), "Network", identifier, field=field)


def lock_usable_network(transaction: NetworkPart, identifier: str, viewer: str | None) -> Network:
    """One in which that project may have ports: its own, or a shared one. ``viewer`` None: whoever may use every
    project's."""
    network = lock_network(transaction, identifier, field="network_id")
    if not sees(viewer, network):
        raise NotFound("Network", identifier, field="network_id")
    return network


def lock_own_network(transaction: NetworkPart, identifier: str, viewer: str | None) -> Network:
    """One that is that project's, which a shared one of another project is not. Raises Forbidden."""
    network = lock_usable_network(transaction, identifier, viewer)
    if viewer not in (None, network.project_id):
        raise Forbidden("Policy does not allow this request to be performed.")
    return network


def find_subnet(transaction: NetworkPart, identifier: str) -> Subnet:
    return _found(transaction.subnet(identifier), "Subnet", identifier)


def lock_subnet(transaction: NetworkPart, identifier: str) -> Subnet:
    """As it is once its network is locked."""
    transaction.locked_network(find_subnet(transaction, identifier).network_id)
    return find_subnet(transaction, identifier)


def lock_port(transaction: Transaction, identifier: str, consequence: str) -> Port:
    """Raises PortInUse for a load balancer's port that lies on none of the built-in networks: it is shown alone."""
    port = transaction.locked_port(identifier)
    if port is None:
        require_unused(transaction, identifier, consequence)
    return _found(port, "Port", identifier)


def sees(viewer: str | None, network: Network) -> bool:
    return viewer is None or network.shared or network.project_id == viewer


def require_unused(transaction: Transaction, port_id: str, consequence: str, *, field: str | None = None) -> None:
    """The port is locked: who takes it for a load balancer, or gives it back, waits for that lock."""
    held = transaction.held_port_at(port_id)
    if held is None:
        return
    going = is_going(transaction, port_id)
    if held.in_use:
        user = f"load balancer {held.load_balancer_id}"
        raise PortInUse(f"Port {port_id} is in use by {user}, {consequence}.", field=field, going=going)
    raise PortInUse(f"Port {port_id} is about to be used by a load balancer, {consequence}.", field=field, going=going)


def is_going(transaction: Transaction, port_id: str) -> bool:
    """Whether the port goes by itself, or is free, as soon as its load balancer's host has let go of it."""
    held = transaction.held_port_at(port_id)
    # A look without a lock: trees are locked before ports, by everybody.
    user = None if held is None else transaction.view(Kind.LOAD_BALANCER, held.load_balancer_id)
    return user is not None and user.record.deleting


def _found(value: V | None, kind: str, identifier: str, *, field: str | None = None) -> V:
    if value is None:
        raise NotFound(kind, identifier, field=field)
    return value
