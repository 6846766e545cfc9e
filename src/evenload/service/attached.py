"""Load balancers on a network whose properties change: their ports are described anew, and they count as changed.

The network is locked.
"""

from dataclasses import replace
from datetime import datetime

from evenload.interfaces.store import Transaction
from evenload.model import status
from evenload.service.description import describe_again


def advance_attached(transaction: Transaction, network_id: str, subnet_id: str | None, *, now: datetime) -> None:
    """Raises the generation of every load balancer with a VIP port on the network (and in the subnet, where one is
    given), so that MTU, gateway and routes reach its host. A port that is reserved for one that is about to be written
    is described anew all the same."""
    network, subnets = transaction.network(network_id), transaction.subnets(network_id)
    ports = [
        port
        for port in transaction.ports(network_id)
        if port.device_id and (subnet_id is None or any(ip.subnet_id == subnet_id for ip in port.fixed_ips))
    ]
    transaction.lock_trees(port.device_id for port in ports)
    for port in ports:
        noted = transaction.held_port_at(port.id)
        held = None if noted is None else transaction.held_port(noted.id)
        if network is None or held is None or held.described is None:
            continue
        described = describe_again(port, network, subnets, held.described)
        if described != held.described:
            transaction.update_held_port(replace(held, described=described))
        before = transaction.tree(held.load_balancer_id) if held.in_use else None
        if before is None or before.load_balancer.deleting or before.load_balancer.item.port_id != port.id:
            continue
        transaction.update_tree(before, status.advance(before, changed=[before.id], now=now))
