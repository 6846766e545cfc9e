"""Load balancers with all that belongs to them: writing the rows that differ.

What is to be written is decided, and its rows are made, by a plan that touches no database (``plan_writing``); carrying
it out is a few statements. Where many records get the same new values, as when a whole tree changes its status, it is
one statement for all of them.
"""

import json
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Dialect, bindparam, delete, insert, update

from evenload.model.balancer import AnyRecord, Item, LoadBalancer
from evenload.model.enums import Kind
from evenload.model.errors import Overtaken
from evenload.model.tree import KINDS, Tree, kind_of
from evenload.store import placements
from evenload.store.prepared import KEY, SQLITE, DriverStatement, Row, driver_delete
from evenload.store.tables import trees as tables
from evenload.store.tls_columns import tls_columns
from evenload.store.trees import BY_KIND, OWNER, RecordTable

Step = Callable[[Connection], object]

_SETS = 4
"""Of new values for the same columns: more of them are written row by row."""

_INSERT_TAGS = insert(tables.OBJECT_TAGS)
_DELETE_TAGS = delete(tables.OBJECT_TAGS).where(tables.OBJECT_TAGS.c.object_id == bindparam(KEY))
_RENEW = (
    update(tables.LOAD_BALANCERS).where(tables.LOAD_BALANCERS.c.id == bindparam(KEY)).values(revision=bindparam("new"))
)


@dataclass(frozen=True, slots=True)
class Writing:
    """What is to be done in the database to one load balancer, in order."""

    steps: list[Step] = field(default_factory=list)
    revision: int = field(default_factory=lambda: secrets.randbits(62))
    """Of the load balancer, afterwards, if anything is written."""

    def run(self, connection: Connection) -> None:
        """Raises Overtaken where a record that is to be changed or removed is gone."""
        for step in self.steps:
            step(connection)


@dataclass(slots=True)
class _Differences:
    added: list[AnyRecord] = field(default_factory=list)
    changed: list[AnyRecord] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)


def renew_revision(connection: Connection, load_balancer_id: str, revision: int) -> None:
    """What was read of the load balancer before is no longer what is stored."""
    connection.execute(_RENEW, {KEY: load_balancer_id, "new": revision})


def plan_writing(dialect: Dialect, before: Tree | None, after: Tree | None) -> Writing:
    """The records that differ: a number of statements per kind and sort of change, however many records."""
    writing = Writing()
    if after is None:
        if before is not None:
            _plan_removal(writing, dialect, before)
        return writing
    differences = {kind: _differences(_records(before, kind), _records(after, kind)) for kind in KINDS}
    _note_revision(before, after, differences)
    for kind in KINDS:
        if added := differences[kind].added:
            writing.steps.append(_insertion(dialect, after, kind, added, writing.revision))
        if before is not None and (changed := differences[kind].changed):
            _plan_updates(writing, dialect, before, after, kind, changed)
    former = () if before is None else before.placements
    if former != after.placements:
        writing.steps.append(lambda at: placements.write_placements(at, after.id, former, after.placements))
    for kind in reversed(KINDS):
        if removed := differences[kind].removed:
            writing.steps.append(_deletion(dialect, kind, removed))
    _plan_tags(writing, dialect, before, after, differences.values())
    return writing


def _note_revision(before: Tree | None, after: Tree, differences: Mapping[Kind, _Differences]) -> None:
    """Whatever differs, the load balancer's own row is written too: it carries the revision of all."""
    if before is None or differences[Kind.LOAD_BALANCER].changed:
        return
    others = any(each.added or each.changed or each.removed for each in differences.values())
    if others or before.generation != after.generation or before.placements != after.placements:
        differences[Kind.LOAD_BALANCER].changed.append(after.load_balancer)


# ----------------------------------------------------------------------------------------------------------- by kind


def _insertion(dialect: Dialect, tree: Tree, kind: Kind, added: list[AnyRecord], revision: int) -> Step:
    rows = BY_KIND[kind]
    if dialect.name != SQLITE:
        encoded = [rows.encode(record, _extra(tree, record, revision)) for record in added]
        return lambda at: _run(at, rows.insert, encoded)
    statement = rows.driver_insert(dialect, _extra(tree, added[0], revision))
    return statement.plan([statement.row(rows.encode(record, _extra(tree, record, revision))) for record in added])


def _plan_updates(
    writing: Writing, dialect: Dialect, before: Tree, after: Tree, kind: Kind, changed: list[AnyRecord]
) -> None:
    rows = BY_KIND[kind]
    if dialect.name != SQLITE:
        encoded = [{**rows.encode(each, _extra(after, each, writing.revision)), KEY: each.id} for each in changed]
        writing.steps.append(lambda at: _require_all(_run(at, rows.update, encoded), kind, len(encoded)))
        return
    for names, by_values in _new_values(rows, before, after, changed, writing.revision).items():
        if len(by_values) > _SETS:
            one = rows.driver_update(dialect, names, many=False)
            ready = [
                one.row({**dict(zip(names, values, strict=True)), KEY: each})
                for values, identifiers in by_values.items()
                for each in identifiers
            ]
            writing.steps.append(_required(one, ready, kind, len(ready)))
            continue
        for values, identifiers in by_values.items():
            given = dict(zip(names, values, strict=True))
            many = len(identifiers) > 1
            statement = rows.driver_update(dialect, names, many=many)
            key = json.dumps(identifiers) if many else identifiers[0]
            writing.steps.append(_required(statement, [statement.row({**given, KEY: key})], kind, len(identifiers)))


def _new_values(
    rows: RecordTable[Any], before: Tree, after: Tree, changed: Iterable[AnyRecord], revision: int
) -> dict[tuple[str, ...], dict[Row, list[str]]]:
    """The ids of the records, by the columns that differ and by their new values."""
    found: dict[tuple[str, ...], dict[Row, list[str]]] = {}
    formers = before.of_kind(kind_of(next(iter(changed)).item)) if changed else {}
    for record in changed:
        former = formers[record.id]
        # Its revision is unknown here, and a new one differs from any.
        old = {**rows.encode(former, _extra(before, former, 0)), "revision": None}
        new = rows.encode(record, _extra(after, record, revision))
        names = tuple(name for name, value in new.items() if value != old[name])
        found.setdefault(names, {}).setdefault(tuple(new[name] for name in names), []).append(record.id)
    return found


def _deletion(dialect: Dialect, kind: Kind, removed: list[str]) -> Step:
    rows = BY_KIND[kind]
    if dialect.name == SQLITE:
        return _required(rows.driver_delete(dialect), [(json.dumps(removed),)], kind, len(removed))
    gone = [{KEY: identifier} for identifier in removed]
    return lambda at: _require_all(_run(at, rows.delete, gone), kind, len(removed))


def _plan_removal(writing: Writing, dialect: Dialect, before: Tree) -> None:
    def removal(kind: Kind, wanted: int) -> Step:
        key = {"tree": before.id}
        return lambda at: _require_all(at.execute(BY_KIND[kind].delete_of_tree, key).rowcount, kind, wanted)

    for kind in reversed(KINDS):
        if records := before.of_kind(kind):
            writing.steps.append(removal(kind, len(records)))
    tagged = [record.id for record in before.records() if record.tags]
    if tagged:
        writing.steps.append(_untagging(dialect, tagged))


def _run(connection: Connection, statement: Any, rows: list[dict[str, Any]]) -> int:
    return connection.execute(statement, rows).rowcount


def _required(statement: DriverStatement, ready: list[Row], kind: Kind, wanted: int) -> Step:
    return lambda at: _require_all(statement.run(at, ready), kind, wanted)


def _require_all(found: int, kind: Kind, wanted: int) -> None:
    if found != wanted:
        raise Overtaken(f"{wanted - found} of {wanted} rows ({kind.value}) that were to be written are gone.")


def _records(tree: Tree | None, kind: Kind) -> Mapping[str, AnyRecord]:
    return {} if tree is None else tree.of_kind(kind)


def _differences(before: Mapping[str, AnyRecord], after: Mapping[str, AnyRecord]) -> _Differences:
    found = _Differences()
    if before is after:
        return found
    for identifier, record in after.items():
        former = before.get(identifier)
        if former is None:
            found.added.append(record)
        elif former is not record and former != record:
            found.changed.append(record)
    found.removed.extend(identifier for identifier in before if identifier not in after)
    return found


def _extra(tree: Tree, record: AnyRecord, revision: int) -> dict[str, Any]:
    """The columns beside those of the record itself."""
    item: Item = record.item
    if not isinstance(item, LoadBalancer):
        return {OWNER: tree.id} if BY_KIND[kind_of(item)].names_owner else tls_columns(item)
    primary = item.vips[0] if item.vips else None
    return {
        "vip_address": primary and primary.address,
        "vip_subnet_id": primary and primary.subnet_id,
        "tree_generation": tree.generation,
        "revision": revision,
    }


# -------------------------------------------------------------------------------------------------------------- tags


def _plan_tags(
    writing: Writing, dialect: Dialect, before: Tree | None, after: Tree, differences: Iterable[_Differences]
) -> None:
    stale: list[str] = []
    fresh: list[dict[str, str]] = []
    for found in differences:
        for record in [*found.added, *found.changed]:
            former = None if before is None else before.get(record.id)
            if former is not None and former.tags == record.tags:
                continue
            if former is not None and former.tags:
                stale.append(record.id)
            fresh.extend({"object_id": record.id, "tag": tag} for tag in dict.fromkeys(record.tags))
        stale += [each for each in found.removed if before is not None and (gone := before.get(each)) and gone.tags]
    if stale:
        writing.steps.append(_untagging(dialect, stale))
    if fresh:
        writing.steps.append(lambda at: _run(at, _INSERT_TAGS, fresh))


def _untagging(dialect: Dialect, identifiers: list[str]) -> Step:
    if dialect.name == SQLITE:
        statement = driver_delete(tables.OBJECT_TAGS.c.object_id, dialect)
        return lambda at: statement.run(at, [(json.dumps(identifiers),)])
    return lambda at: _run(at, _DELETE_TAGS, [{KEY: identifier} for identifier in identifiers])
