"""How many objects there are in which status, and how they are called: for whoever shows numbers of all of them.

Inside a transaction. Nothing here reads an object as a whole.
"""

from collections.abc import Collection, Iterator, Sequence
from itertools import islice

from sqlalchemy import Connection, func, select

from evenload.model.enums import Kind, OperatingStatus, ProvisioningStatus
from evenload.store.tables.trees import LOAD_BALANCERS
from evenload.store.trees import BY_KIND

_AT_ONCE = 900
"""Bound parameters of one statement; SQLite's own limit was 999 for long."""


def count_statuses(connection: Connection, kind: Kind) -> dict[tuple[ProvisioningStatus, OperatingStatus], int]:
    """Load balancers that are not hosted are left out."""
    columns = BY_KIND[kind].table.c
    statuses = (columns.provisioning_status, columns.operating_status)
    statement = select(*statuses, func.count()).group_by(*statuses)
    if kind is Kind.LOAD_BALANCER:
        statement = statement.where(LOAD_BALANCERS.c.port_id.is_not(None))
    return {
        (ProvisioningStatus(provisioning), OperatingStatus(operating)): int(number)
        for provisioning, operating, number in connection.execute(statement)
    }


def read_names(connection: Connection, kind: Kind, identifiers: Collection[str]) -> dict[str, tuple[str, str]]:
    """Name and project of those that there are."""
    columns = BY_KIND[kind].table.c
    found = {}
    for some in _portions(list(identifiers)):
        statement = select(columns.id, columns.name, columns.project_id).where(columns.id.in_(some))
        for identifier, name, project_id in connection.execute(statement):
            found[str(identifier)] = str(name), str(project_id)
    return found


def _portions(identifiers: Sequence[str]) -> Iterator[list[str]]:
    rest = iter(identifiers)
    while some := list(islice(rest, _AT_ONCE)):
        yield some
