"""Load balancers where they run, in the shape of Octavia's amphorae: one for each placement.

An amphora is known by load balancer, agent and incarnation: a failover replaces it by another one.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from typing import Any

from evenload.interfaces.store import Transaction
from evenload.model.balancer import LoadBalancer, Record
from evenload.model.desired import Statistics
from evenload.model.enums import Kind, ProvisioningStatus
from evenload.model.errors import Conflict, Invalid, NotFound
from evenload.model.placement import Placement, Role
from evenload.model.query import Query, Value
from evenload.model.totals import totals_of
from evenload.service.agent_registry import agent_id
from evenload.service.context import Context
from evenload.service.load_balancers import LoadBalancers

_AT_ONCE = 101
"""Load balancers that are read at once for a page."""
_NOTED = 10_000
_NAMES = uuid.UUID("0a9a4b9e-3a0d-5f6b-8f0e-6c9a2c6f7d55")


class AmphoraStatus(Enum):
    """Octavia's words, of those that happen here."""

    PENDING_CREATE = "PENDING_CREATE"
    ALLOCATED = "ALLOCATED"
    ERROR = "ERROR"
    PENDING_DELETE = "PENDING_DELETE"


_STATUSES: Mapping[str, tuple[ProvisioningStatus, ...]] = {
    "PENDING_CREATE": (ProvisioningStatus.PENDING_CREATE, ProvisioningStatus.PENDING_UPDATE, ProvisioningStatus.ACTIVE),
    "ALLOCATED": (ProvisioningStatus.PENDING_CREATE, ProvisioningStatus.PENDING_UPDATE, ProvisioningStatus.ACTIVE),
    "ERROR": (ProvisioningStatus.ERROR,),
    "PENDING_DELETE": (ProvisioningStatus.PENDING_DELETE, ProvisioningStatus.ERROR),
}
"""What a load balancer whose amphora has that status may have itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Amphora:
    """``host_id``: of its agent, as LBaaS v1 lists agents; ``zone``: that of its host, None where it is registered no
    more."""

    id: str
    load_balancer_id: str
    project_id: str
    host_id: str
    role: Role
    status: AmphoraStatus
    address: str
    port_id: str
    zone: str | None
    created_at: datetime
    updated_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerStatistics:
    listener_id: str
    statistics: Statistics


class Amphorae:
    def __init__(self, context: Context, balancers: LoadBalancers) -> None:
        self._context = context
        self._balancers = balancers
        self._shown = _Shown()

    def list(self, project_id: str | None = None) -> list[Amphora]:
        """In the order in which their load balancers were made."""
        query = Query(filters={} if project_id is None else {"project_id": (project_id,)})
        with self._context.uow.read() as transaction:
            zones = _zones(transaction)
            records = {view.record.id: view.record for view in transaction.find(Kind.LOAD_BALANCER, query).views}
            placed = [(each, placement) for each, _, placement in transaction.placements() if each in records]
            return [_amphora(records[each], placement, zones) for each, placement in placed]

    def page(self, query: Query, wanted: Mapping[str, Sequence[Value]]) -> tuple[Sequence[Amphora], bool]:
        """Some of them, and whether more follow in the query's direction. ``query``: of their load balancers, but that
        the marker is an amphora's id. ``wanted``: field of the amphora → its possible values. Reads about as many
        load balancers as fit ``query`` and have to be passed over until the page is full. Raises Invalid for an unknown
        marker."""
        limit = query.limit or _AT_ONCE
        query = self._narrowed(query, wanted)
        found: Sequence[Amphora] = ()
        with self._context.uow.read() as transaction:
            zones = _zones(transaction)
            more = all(query.filters.values()) and all(wanted.values())
            while more and len(found) <= limit:
                chunk = transaction.find(Kind.LOAD_BALANCER, replace(query, limit=max(limit + 1, _AT_ONCE)))
                placed = transaction.placements_of([view.record.id for view in chunk.views])
                amphorae = [
                    _amphora(view.record, placement, zones)
                    for view in chunk.views
                    for placement in placed.get(view.record.id, ())
                ]
                fitting = [each for each in amphorae if _fits(each, wanted)]
                found = [*fitting, *found] if query.reverse else [*found, *fitting]
                more = chunk.more
                if more:
                    query = replace(query, marker=chunk.views[0 if query.reverse else -1].record.id)
        page = found[-limit:] if query.reverse else found[:limit]
        self._shown.note(page)
        return page, len(found) > limit

    def _narrowed(self, query: Query, wanted: Mapping[str, Sequence[Value]]) -> Query:
        """Confined to what the store can know beforehand, with a marker that it knows."""
        filters = dict(query.filters)
        for identifier in wanted.get("id", ()):
            try:
                own = self.get(str(identifier)).load_balancer_id
            except NotFound:
                own = ""
            filters["id"] = tuple(each for each in filters.get("id", (own,)) if each == own and own)
        statuses = [_STATUSES.get(str(each), ()) for each in wanted.get("status", ())]
        if statuses:
            filters["provisioning_status"] = tuple(each.value for group in statuses for each in group)
        if query.marker is None:
            return replace(query, filters=filters)
        try:
            marker = self.get(query.marker).load_balancer_id
        except NotFound as error:
            raise Invalid(f"There is no object {query.marker!r} for a page to follow.", field="marker") from error
        return replace(query, filters=filters, marker=marker)

    def get(self, identifier: str) -> Amphora:
        return self._found(identifier)[0]

    def statistics(self, identifier: str) -> Sequence[ListenerStatistics]:
        """What its agent has counted, by listener. Raises NotFound where that is nothing."""
        amphora, placement = self._found(identifier)
        with self._context.uow.read() as transaction:
            counts = transaction.counts(amphora.load_balancer_id)
        found = []
        for listener_id, each in counts.items():
            own = [count for count in each if count.agent == placement.agent]
            if own:
                found.append(ListenerStatistics(listener_id=listener_id, statistics=totals_of(own)))
        if not found:
            raise NotFound("Amphora Statistics", identifier)
        return found

    def failover(self, identifier: str) -> None:
        """As of its load balancer. Raises Immutable where that is being deleted."""
        self._balancers.failover(self.get(identifier).load_balancer_id)

    def delete(self, identifier: str) -> None:
        """One in ERROR alone; another takes its place. Raises Conflict."""
        amphora = self.get(identifier)
        if amphora.status is not AmphoraStatus.ERROR:
            raise Conflict(f"Amphora {identifier} is {amphora.status.value}; only one in ERROR can be deleted.")
        self._balancers.failover(amphora.load_balancer_id)

    def _found(self, identifier: str) -> tuple[Amphora, Placement]:
        """An id does not tell of which load balancer it is, so all are looked through, a table without their parts,
        unless it was shown a while ago."""
        with self._context.uow.read() as transaction:
            noted = self._shown.load_balancer_of(identifier)
            if noted is not None:
                view = transaction.view(Kind.LOAD_BALANCER, noted)
                for placement in transaction.placements_of([noted]).get(noted, ()) if view is not None else ():
                    if view is not None and _id_of(noted, view.record.item.incarnation, placement) == identifier:  # type: ignore[attr-defined]
                        return _amphora(view.record, placement, _zones(transaction)), placement
            placed = transaction.placements()
            known = [
                (each, placement)
                for each, incarnation, placement in placed
                if _id_of(each, incarnation, placement) == identifier
            ]
            for load_balancer_id, placement in known:
                view = transaction.view(Kind.LOAD_BALANCER, load_balancer_id)
                if view is not None and isinstance(view.record.item, LoadBalancer):
                    return _amphora(view.record, placement, _zones(transaction)), placement
        raise NotFound("Amphora", identifier)


class _Shown:
    """Of which load balancers the amphorae are that were shown last, as pages and what is done with them ask for these.
    Nothing more than a hint: whether it is still so is looked up."""

    def __init__(self) -> None:
        self._load_balancers: dict[str, str] = {}

    def note(self, amphorae: Iterable[Amphora]) -> None:
        known = {each.id: each.load_balancer_id for each in amphorae}
        kept = self._load_balancers
        self._load_balancers = {**(kept if len(kept) < _NOTED else {}), **known}

    def load_balancer_of(self, identifier: str) -> str | None:
        return self._load_balancers.get(identifier)


def _fits(amphora: Amphora, wanted: Mapping[str, Sequence[Value]]) -> bool:
    for name, values in wanted.items():
        value = getattr(amphora, name)
        if (value.value if isinstance(value, Enum) else value) not in values:
            return False
    return True


def _zones(transaction: Transaction) -> dict[str, str]:
    return {agent.name: agent.availability_zone for agent in transaction.agents()}


def _id_of(load_balancer_id: str, incarnation: int, placement: Placement) -> str:
    return str(uuid.uuid5(_NAMES, f"{load_balancer_id} {incarnation} {placement.agent}"))


def _amphora(record: Record[Any], placement: Placement, zones: Mapping[str, str]) -> Amphora:
    item: LoadBalancer = record.item
    return Amphora(
        id=_id_of(item.id, item.incarnation, placement),
        load_balancer_id=item.id,
        project_id=record.project_id,
        host_id=agent_id(placement.agent),
        role=placement.role,
        status=_status(record, placement),
        address=item.vips[0].address,
        port_id=item.port_id or "",
        zone=zones.get(placement.agent),
        created_at=record.created_at,
        updated_at=record.updated_at,
    )


def _status(record: Record[Any], placement: Placement) -> AmphoraStatus:
    if record.deleting:
        return AmphoraStatus.PENDING_DELETE
    if record.provisioning_status is ProvisioningStatus.ERROR:
        return AmphoraStatus.ERROR
    return AmphoraStatus.ALLOCATED if placement.applied_generation else AmphoraStatus.PENDING_CREATE
