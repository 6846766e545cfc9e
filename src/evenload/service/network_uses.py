"""How many addresses of a network are in use."""

from dataclasses import dataclass

from evenload.interfaces.store import NetworkPart
from evenload.model.addresses import count_addresses
from evenload.model.network import Network, Subnet


@dataclass(frozen=True, slots=True, kw_only=True)
class SubnetUse:
    """``total``: addresses that can be given; ``used``: those that ports have, also outside of the pools."""

    subnet: Subnet
    total: int
    used: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkUse:
    network: Network
    subnets: tuple[SubnetUse, ...]


def read_use(transaction: NetworkPart, network: Network) -> NetworkUse:
    return NetworkUse(
        network=network,
        subnets=tuple(
            SubnetUse(subnet=subnet, total=count_addresses(subnet), used=len(transaction.addresses_taken(subnet.id)))
            for subnet in transaction.subnets(network.id)
        ),
    )
