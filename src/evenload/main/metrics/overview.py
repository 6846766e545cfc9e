"""What the database says: objects by status, load balancers in trouble, agents. Read anew each time."""

from collections.abc import Iterator, Mapping

from evenload.interfaces.store import Transaction
from evenload.main.metrics.exposition import Value
from evenload.model.enums import Kind, OperatingStatus, ProvisioningStatus
from evenload.model.query import Query
from evenload.model.query import Value as Word

MOST_TROUBLED = 200
_KINDS = tuple(Kind)


def read_overview(transaction: Transaction) -> Mapping[str, list[Value]]:
    """Values by metric."""
    agents = transaction.agents()
    return {
        "objects": list(_objects(transaction)),
        "load_balancer_troubled": list(_troubled(transaction)),
        "agent_last_seen_timestamp_seconds": [((each.name,), (each.seen_at.timestamp(),)) for each in agents],
        "agent_enabled": [((each.name,), (float(each.admin_state_up),)) for each in agents],
        "agent_load_balancers": [((each.name,), (float(each.load),)) for each in agents],
    }


def _objects(transaction: Transaction) -> Iterator[Value]:
    """Each kind has its ERROR and its usual status also where that is 0, so that an alert has something to compare."""
    for kind in _KINDS:
        found = {
            (ProvisioningStatus.ACTIVE, OperatingStatus.ONLINE): 0,
            (ProvisioningStatus.ERROR, OperatingStatus.ERROR): 0,
            **transaction.count_statuses(kind),
        }
        for (provisioning, operating), number in found.items():
            yield (kind.value, provisioning.value, operating.value), (float(number),)


def _troubled(transaction: Transaction) -> Iterator[Value]:
    questions: tuple[dict[str, tuple[Word, ...]], ...] = (
        {"provisioning_status": (ProvisioningStatus.ERROR.value,)},
        {"operating_status": (OperatingStatus.ERROR.value, OperatingStatus.DEGRADED.value)},
    )
    found = {}
    for filters in questions:
        page = transaction.find(Kind.LOAD_BALANCER, Query(filters=filters, limit=MOST_TROUBLED))
        found.update({view.record.id: view.record for view in page.views})
    for record in list(found.values())[:MOST_TROUBLED]:
        statuses = (record.provisioning_status.value, record.operating_status.value)
        yield (record.id, record.name, record.project_id, *statuses), (1.0,)
