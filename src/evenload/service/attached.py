"""Load balancers on a network whose properties change: they are told as if they had been changed themselves.

Called by ``networks`` inside its transaction.
"""

from datetime import datetime

from evenload.interfaces import Transaction
from evenload.model import status


def advance_attached(transaction: Transaction, network_id: str, subnet_id: str | None, *, now: datetime) -> None:
    """Raises the generation of every load balancer with a VIP port on the network (and in the subnet, where one is
    given), so that MTU, gateway and routes reach its host."""
    ports = transaction.ports(network_id)
    transaction.lock_trees(port.device_id for port in ports)
    for port in ports:
        if subnet_id is not None and all(ip.subnet_id != subnet_id for ip in port.fixed_ips):
            continue
        before = transaction.tree(port.device_id) if port.device_id else None
        if before is None or before.load_balancer.deleting or before.load_balancer.item.port_id != port.id:
            continue
        after = status.advance(before, changed=[before.id], now=now)
        transaction.update_tree(before, after)
