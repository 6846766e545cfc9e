"""Lists and single views: a model Query as SQL.

Inside a transaction. Which load balancers a page has is chosen in load_balancer_pages.py.
"""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, func, select

from evenload.model.balancer import AnyRecord
from evenload.model.enums import Kind
from evenload.model.errors import Invalid
from evenload.model.query import SCOPES, Page, Query, View
from evenload.store.filters import any_of, column_of, conditions_of
from evenload.store.load_balancer_pages import choose_load_balancers
from evenload.store.order import Key, beyond, keys_of
from evenload.store.relations import read_relations
from evenload.store.single import Lookup, ask_aside
from evenload.store.trees import BY_KIND, LOAD_BALANCERS, RecordTable
from evenload.store.view_cache import ViewCache

_OWN = LOAD_BALANCERS.table.c
_THESE = select(*LOAD_BALANCERS.columns).where(_OWN.id.in_(bindparam("ids", expanding=True)))
_THIS = Lookup(
    select(_OWN.id, _OWN.revision).where(_OWN.id == bindparam("identifier"), _OWN.port_id.is_not(None)), "identifier"
)
_AT_ONCE = 900
"""Bound parameters of one statement; SQLite's own limit was 999 for long."""


def read_view(connection: Connection, kind: Kind, identifier: str, kept: ViewCache) -> View[AnyRecord] | None:
    """``kept``: as for ``read_page``."""
    if kind is Kind.LOAD_BALANCER:
        chosen = _THIS.row(connection, identifier)
        return None if chosen is None else next(iter(_load_balancers(connection, [(chosen[0], chosen[1])], kept)), None)
    rows = BY_KIND[kind]
    row = connection.execute(rows.by_id, {"identifier": identifier}).first()
    return None if row is None else _views(connection, kind, rows, [row])[0]


def read_page(connection: Connection, kind: Kind, query: Query, kept: ViewCache) -> Page[AnyRecord]:
    """Raises Invalid for fields, values and markers that mean nothing. ``kept``: load balancers that were read
    before."""
    if query.limit is not None and query.limit < 1:
        raise Invalid(f"A page of {query.limit} objects is none.", field="limit")
    if kind is Kind.LOAD_BALANCER:
        found = choose_load_balancers(connection, query)
        return _page(query, found, lambda chosen: _load_balancers(connection, chosen, kept))
    rows = BY_KIND[kind]
    keys = keys_of(kind, query.sort, query.reverse)
    conditions = [*conditions_of(kind, query)]
    if query.marker is not None:
        conditions.append(beyond(connection.dialect, keys, _marker(connection, kind, keys, query)))
    order = [key.order() for key in keys]
    if query.limit is None:
        statement = select(*rows.columns).where(*conditions).order_by(*order)
    else:
        # Which objects, first: all that has to be sorted for it is narrow, and mostly an index.
        place = rows.table.c.position
        chosen = select(place).where(*conditions).order_by(*order).limit(query.limit + 1).subquery()
        statement = select(*rows.columns).join_from(chosen, rows.table, place == chosen.c.position).order_by(*order)
    return _page(query, list(connection.execute(statement)), lambda chosen: _views(connection, kind, rows, chosen))


def _page(query: Query, found: list[Any], views: Callable[[Sequence[Any]], list[View[AnyRecord]]]) -> Page[AnyRecord]:
    """``found``: one more than the page has room for, where there are more."""
    more = query.limit is not None and len(found) > query.limit
    if more:
        found = found[: query.limit]
    if query.reverse:
        found.reverse()
    return Page(views=tuple(views(found)), more=more)


def _load_balancers(
    connection: Connection, chosen: Sequence[tuple[str, int]], kept: ViewCache
) -> list[View[AnyRecord]]:
    """``chosen``: ids and revisions. Reads those alone that have changed since they were read last."""
    views = kept.get_all(chosen)
    missing = [identifier for identifier, view in views.items() if view is None]
    rows = BY_KIND[Kind.LOAD_BALANCER]
    for start in range(0, len(missing), _AT_ONCE):
        found = list(connection.execute(_THESE, {"ids": missing[start : start + _AT_ONCE]}))
        for row, view in zip(found, _views(connection, Kind.LOAD_BALANCER, rows, found), strict=True):
            kept.keep(view, row[-1])  # the revision
            views[view.record.id] = view
    return [view for view in views.values() if view is not None]


def read_count(connection: Connection, kind: Kind, query: Query) -> int:
    table = BY_KIND[kind].table
    living = table.c.deleting.is_(False)
    statement = select(func.count()).select_from(table).where(*conditions_of(kind, query), living)
    return int(connection.execute(statement).scalar_one())


def _marker(connection: Connection, kind: Kind, keys: Sequence[Key], query: Query) -> Sequence[Any]:
    """The sort keys of the last object seen. Other filters it need not fit any longer; but where a page begins must not
    tell anything of an object that the list could never have shown."""
    statement = select(*(key.column for key in keys)).where(BY_KIND[kind].table.c.id == query.marker)
    for name in SCOPES & query.filters.keys():
        statement = statement.where(any_of(column_of(kind, name), name, query.filters[name]))
    row = ask_aside(connection, statement).first()
    if row is None:
        raise Invalid(f"There is no object {query.marker!r} for a page to follow.", field="marker")
    return list(row)


def _views(connection: Connection, kind: Kind, rows: RecordTable[Any], found: Sequence[Any]) -> list[View[AnyRecord]]:
    records = [rows.decode(row) for row in found]
    relations = read_relations(connection, kind, found, records)
    return [View(record=record, relations=relation) for record, relation in zip(records, relations, strict=True)]
