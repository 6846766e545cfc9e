"""What has happened, read from a tree before and after: for reports, looks at health, and housekeeping. Pure.

Routine is left out: a change of a member makes its pool, listener and load balancer PENDING_UPDATE and ACTIVE again,
which is told of the member alone. Of very many objects at once the first are told, the others by their number.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from evenload.model.balancer import AnyRecord, Listener, Member
from evenload.model.enums import Kind, OperatingStatus, ProvisioningStatus
from evenload.model.event import Event, EventKind, about, capped
from evenload.model.status import has_operating_status, is_pending, locked_with
from evenload.model.tree import Tree, differing, kind_of, parents_of

AT_ONCE = 20
"""Of one load balancer in one transaction."""
_GONE = "DELETED"
_DISABLED = "it is disabled"


def events_of(before: Tree, after: Tree | None, now: datetime, agent: str | None = None) -> list[Event]:
    """``after`` None: the load balancer is gone. ``agent``: who told of it."""
    if after is None:
        found = [_provisioning(before.load_balancer, None)]
    else:
        pairs = list(differing(before, after))
        found = [*_settled(before, pairs), *_seen(pairs)]
    told = _first(found) if len(found) > AT_ONCE else found
    return [about(after or before, replace(event, at=now, agent=agent)) for event in told]


def name_of(record: AnyRecord) -> str:
    """What people know it by."""
    item = record.item
    if record.name:
        return record.name
    if isinstance(item, Member):
        return f"[{item.address}]:{item.port}" if ":" in item.address else f"{item.address}:{item.port}"
    return f"port {item.port}" if isinstance(item, Listener) else ""


def event_about(record: AnyRecord, event: Event) -> Event:
    """The same of that object; of the load balancer itself nothing need be said."""
    kind = kind_of(record.item)
    if kind is Kind.LOAD_BALANCER:
        return event
    return replace(event, object_kind=kind, object_id=record.id, object_name=name_of(record))


Pair = tuple[AnyRecord | None, AnyRecord | None]


def _settled(before: Tree, pairs: list[Pair]) -> Iterator[Event]:
    """What has come into force, failed or gone."""
    settled = [(former, record) for former, record in pairs if former is not None and _has_settled(former, record)]
    gone = {former.id for former, record in settled if record is None}
    above = _above(before, [former for former, _ in settled])
    for former, record in settled:
        if record is None:
            if not gone.intersection(parents_of(former.item)):
                yield _provisioning(former, None)
        elif (
            former.provisioning_status is ProvisioningStatus.PENDING_CREATE
            or former.id not in above
            or _is_all(former, record)
        ):
            yield _provisioning(former, record)


def _has_settled(former: AnyRecord, record: AnyRecord | None) -> bool:
    if record is None:
        return True
    return former.provisioning_status is not record.provisioning_status and not is_pending(record)


def _is_all(former: AnyRecord, record: AnyRecord) -> bool:
    """The load balancer as a whole has failed, or is well again."""
    failed = ProvisioningStatus.ERROR in (former.provisioning_status, record.provisioning_status)
    return failed and kind_of(record.item) is Kind.LOAD_BALANCER


def _above(tree: Tree, records: list[AnyRecord]) -> set[str]:
    """What was locked by a change of these, and not for a change of its own."""
    direct = {parent for record in records for parent in parents_of(record.item)}
    for record in records:
        if record.id in tree.pools:
            direct.update(user.id for user in tree.users_of(record.id))
    return locked_with(tree, direct) if direct else set()


def _provisioning(former: AnyRecord, record: AnyRecord | None) -> Event:
    return event_about(
        former if record is None else record,
        Event(
            kind=EventKind.PROVISIONING,
            at=former.created_at,
            state=_GONE if record is None else record.provisioning_status.value,
            former=former.provisioning_status.value,
            reason=None if record is None else capped(record.fault),
        ),
    )


def _seen(pairs: list[Pair]) -> Iterator[Event]:
    """What has another operating status."""
    for former, record in pairs:
        if former is None or record is None or former.operating_status is record.operating_status:
            continue
        if not has_operating_status(record.item):
            continue
        disabled = record.operating_status is OperatingStatus.OFFLINE and not record.item.admin_state_up
        yield event_about(
            record,
            Event(
                kind=EventKind.OPERATING,
                at=record.created_at,
                state=record.operating_status.value,
                former=former.operating_status.value,
                reason=_DISABLED if disabled else record.operating_reason,
            ),
        )


def _first(events: list[Event]) -> list[Event]:
    """Those of whole load balancers, then as many as may be told, and one for all others that are alike."""
    ordered = sorted(events, key=lambda event: event.object_kind is not None)
    rest = Counter((each.kind, each.object_kind, each.former, each.state) for each in ordered[AT_ONCE:])
    others = [
        Event(
            kind=kind, at=ordered[0].at, former=former, state=state, object_kind=of, object_name=f"({n} more)", times=n
        )
        for (kind, of, former, state), n in rest.items()
    ]
    return [*ordered[:AT_ONCE], *others]
