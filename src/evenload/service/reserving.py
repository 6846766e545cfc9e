"""A VIP port for a load balancer that is about to be written: reserved before its transaction, completed in it.

The provider may be slow, or fail: nobody waits for it but the caller. What comes to nothing is given back here, and by
housekeeping where this process died in between.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import structlog

from evenload.interfaces import NetworkPart, VipPort, VipRequest
from evenload.model.errors import EvenloadError, StoreUnavailable
from evenload.service.context import Context

log = structlog.get_logger(__name__)

RESERVED_FOR = timedelta(minutes=5)
"""No request takes that long: what is older belongs to nobody."""


@contextmanager
def reserved_vip_port(
    context: Context, load_balancer_id: str, project_id: str, request: VipRequest
) -> Iterator[VipPort]:
    """Inside the block the load balancer is written, with ``complete``. An exception gives the port back."""
    port = context.ports.reserve_vip_port(load_balancer_id, project_id, request)
    try:
        yield port
    except BaseException:
        give_back(context, port.port_id)
        raise


def complete(transaction: NetworkPart, port: VipPort) -> None:
    """In the transaction that inserts the load balancer. Raises StoreUnavailable where it took so long that the
    reservation is gone."""
    if not transaction.remove_reservation(port.port_id):
        raise StoreUnavailable(f"The reservation of port {port.port_id} is over.")


def give_back(context: Context, port_id: str) -> None:
    """Where that fails the reservation stays, and housekeeping tries again."""
    try:
        context.ports.give_back(port_id)
    except EvenloadError as error:
        log.warning("a reserved port could not be given back yet", port=port_id, reason=str(error))
