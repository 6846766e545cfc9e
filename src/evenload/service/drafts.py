"""Records from drafts, and records with changes: what a caller gave, completed by the model's defaults.

Pure. A value of None for a field whose default is another means that default, as null does on
the wire; it is an error for a field that has none.
"""

from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from evenload.model.balancer import (
    HealthMonitor,
    HttpCheck,
    Item,
    Listener,
    Member,
    Pool,
    Record,
    SessionPersistence,
    Spelling,
    V1Part,
)
from evenload.model.enums import ListenerProtocol, PersistenceType, ProvisioningStatus
from evenload.model.errors import Invalid
from evenload.model.rules import HTTP_CHECKS, canonical_address
from evenload.model.status import initial_operating_status
from evenload.model.tls import ListenerTls
from evenload.service.commands import Changes, PreparedTls

R = TypeVar("R", bound=Item)


@dataclass(slots=True)
class Birth:
    """What all records made by one change have in common. Their times differ by a microsecond each, so that a list in
    order of creation shows them as they were given."""

    project_id: str
    generation: int
    now: datetime
    _made: int = field(default=0, init=False)

    def record(self, item: R, draft: Changes, *, monitored: bool = False, v1: V1Part | None = None) -> Record[R]:
        moment = self.now + timedelta(microseconds=self._made)
        self._made += 1
        return Record(
            item=item,
            project_id=self.project_id,
            provisioning_status=ProvisioningStatus.PENDING_CREATE,
            operating_status=initial_operating_status(item, monitored=monitored),
            generation=self.generation,
            created_at=moment,
            v1=v1,
            as_sent=_spellings(item, draft.item),
            **completed(Record, draft.record),
        )


def new_listener(identifier: str, load_balancer_id: str, draft: Changes) -> Listener:
    given = dict(draft.item)
    if isinstance(prepared := given.get("tls"), PreparedTls):
        given["tls"] = tls_of(given["protocol"], prepared.merged(None))
    return Listener(id=identifier, load_balancer_id=load_balancer_id, **completed(Listener, given))


def tls_of(protocol: ListenerProtocol, tls: ListenerTls) -> ListenerTls | None:
    """None where a listener that can do without a certificate has none. One that judges those of clients is never
    opened to all by that: the rules refuse it."""
    if protocol.needs_certificate or tls.certificates or tls.client_authorities is not None:
        return tls
    return None


def new_pool(identifier: str, load_balancer_id: str, draft: Changes) -> Pool:
    given = dict(draft.item)
    if isinstance(prepared := given.get("tls"), PreparedTls):
        given["tls"] = prepared.merged(None)
    if "session_persistence" in given:
        given["session_persistence"] = merged_persistence(None, given["session_persistence"])
    return Pool(id=identifier, load_balancer_id=load_balancer_id, **completed(Pool, given))


def new_member(identifier: str, pool_id: str, draft: Changes) -> Member:
    return Member(id=identifier, pool_id=pool_id, **completed(Member, _canonical(draft.item)))


def new_monitor(identifier: str, pool_id: str, draft: Changes) -> HealthMonitor:
    given = dict(draft.item)
    http = given.pop("http", None)
    monitor = HealthMonitor(id=identifier, pool_id=pool_id, **completed(HealthMonitor, given))
    return replace(monitor, http=merged_http(monitor, http))


def changed(record: Record[R], changes: Changes) -> Record[R]:
    """The record with the changes; statuses and times are for ``model.status`` to set."""
    given: dict[str, Any] = dict(changes.item)
    item = record.item
    if isinstance(item, Pool) and "session_persistence" in given:
        given["session_persistence"] = merged_persistence(item.session_persistence, given["session_persistence"])
    if isinstance(item, Listener | Pool) and isinstance(prepared := given.get("tls"), PreparedTls):
        merged = prepared.merged(item.tls)
        given["tls"] = tls_of(item.protocol, merged) if isinstance(item, Listener) else merged
    if isinstance(item, HealthMonitor) and "http" in given:
        given["http"] = merged_http(item, given["http"])
    if isinstance(item, Member):
        given = _canonical(given)
    return replace(
        respelt(record, changes.item),
        item=replace(item, **completed(type(item), given)),
        **completed(Record, changes.record),
    )


def respelt(record: Record[R], given: Mapping[str, Any]) -> Record[R]:
    """The record, which shows the values given as they are spelt there."""
    if isinstance(record.item, Member) and not given.keys().isdisjoint(_ADDRESSES):
        kept = tuple(each for each in record.as_sent if each.field not in given)
        return replace(record, as_sent=(*kept, *_spellings(record.item, given)))
    return record


def spelling(field: str, address: str | None) -> tuple[Spelling, ...]:
    """None of an address that is in canonical form already."""
    if address is None or canonical_address(address) == address:
        return ()
    return (Spelling(field=field, text=address),)


def changed_monitor(monitor: HealthMonitor, given: Mapping[str, Any]) -> HealthMonitor:
    fields_given = dict(given)
    if "http" in fields_given:
        fields_given["http"] = merged_http(monitor, fields_given["http"])
    return replace(monitor, **completed(HealthMonitor, fields_given))


def merged_http(monitor: HealthMonitor, given: HttpCheck | Mapping[str, Any] | None) -> HttpCheck | None:
    """What the monitor asks for once these parts of it are changed; only HTTP and HTTPS monitors ask for anything."""
    if monitor.type not in HTTP_CHECKS:
        named = [] if given is None else list(given) if isinstance(given, Mapping) else ["http"]
        if named:
            raise Invalid(f"Not allowed with a {monitor.type.value} monitor.", field=named[0])
        return None
    if given is None:
        return HttpCheck()
    if isinstance(given, HttpCheck):
        return given
    return replace(monitor.http or HttpCheck(), **completed(HttpCheck, given))


def merged_persistence(
    present: SessionPersistence | None, given: SessionPersistence | Mapping[str, Any] | None
) -> SessionPersistence | None:
    """None removes it, an empty mapping changes nothing, and the type may be left out where there is one."""
    if given is None or isinstance(given, SessionPersistence):
        return given
    if not given:
        return present
    kind = given.get("type") or (present.type if present else None)
    if kind is None:
        raise Invalid("Session persistence needs a type.", field="session_persistence")
    kept = present.cookie_name if present and kind is PersistenceType.APP_COOKIE else None
    return SessionPersistence(type=kind, cookie_name=given.get("cookie_name", kept))


_ADDRESSES = ("address", "monitor_address")
"""Of a member."""


def _spellings(item: Item, given: Mapping[str, Any]) -> tuple[Spelling, ...]:
    if not isinstance(item, Member):
        return ()
    return tuple(each for name in _ADDRESSES for each in spelling(name, given.get(name)))


def _canonical(given: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: canonical_address(value) if name in _ADDRESSES and value is not None else value
        for name, value in given.items()
    }


def completed(kind: type, given: Mapping[str, Any]) -> dict[str, Any]:
    """None in place of a value is the model's default. Raises Invalid where there is none."""
    known = {known.name: known for known in fields(kind)}
    return {name: value if value is not None else _default(known[name]) for name, value in given.items()}


def _default(known: Field[Any]) -> Any:
    if known.default is not MISSING:
        return known.default
    raise Invalid(f"{known.name} must not be null.", field=known.name)
