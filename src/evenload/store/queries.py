"""Lists and single views: a model Query as SQL.

Inside a transaction. Order is total: equal sort keys are resolved by id,
and NULL stands before every value, so that a marker always says where a page begins.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BindParameter,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    DateTime,
    Integer,
    Select,
    String,
    and_,
    bindparam,
    false,
    func,
    literal,
    or_,
    select,
    true,
    tuple_,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from evenload.model.balancer import AnyRecord
from evenload.model.enums import Kind
from evenload.model.errors import Invalid
from evenload.model.query import SCOPES, Page, Query, Value, View
from evenload.store import tables
from evenload.store.mapping import to_moment
from evenload.store.relations import read_relations
from evenload.store.single import Lookup, ask_aside, require_several
from evenload.store.trees import BY_KIND, LOAD_BALANCERS, RecordTable
from evenload.store.view_cache import ViewCache

# Names of Query fields that are not those of their column.
_ALIASES: dict[Kind, dict[str, str]] = {
    Kind.LOAD_BALANCER: {"vip_port_id": "port_id", "vip_network_id": "network_id"},
    Kind.LISTENER: {
        "certificate": "tls_certificate",
        "ciphers": "tls_ciphers",
        "hsts_max_age": "tls_hsts_max_age",
        "hsts_include_subdomains": "tls_hsts_include_subdomains",
        "hsts_preload": "tls_hsts_preload",
        "client_authentication": "tls_client_authentication",
        "client_authorities": "tls_client_authorities",
        "client_revocations": "tls_client_revocations",
    },
    Kind.POOL: {
        "certificate": "tls_certificate",
        "authorities": "tls_authorities",
        "revocations": "tls_revocations",
        "ciphers": "tls_ciphers",
    },
    Kind.HEALTH_MONITOR: {
        "method": "http_method",
        "url_path": "http_url_path",
        "expected_codes": "http_expected_codes",
        "version": "http_version",
        "domain_name": "http_domain_name",
    },
}

# Columns of the store's own, those whose JSON text equals nothing that a caller could give, and v1's (Query.v1).
_HIDDEN = frozenset(
    {
        "position",
        "tree_generation",
        "vips",
        "tags",
        "insert_headers",
        "headers_off",
        "as_sent",
        "allowed_cidrs",
        "tls",
        "flavor_threads",
        "flavor_connection_limit",
        "flavor_log",
        "v1",
        "v1_subnet_id",
        "v1_provider",
        "v1_bytes_in",
        "v1_bytes_out",
        "v1_total_connections",
    }
)

_TAG = tables.OBJECT_TAGS.c
_OWN = tables.LOAD_BALANCERS.c
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
    rows = BY_KIND[kind]
    if query.limit is not None and query.limit < 1:
        raise Invalid(f"A page of {query.limit} objects is none.", field="limit")
    keys = [_Key(_column(kind, name), descending != query.reverse) for name, descending in query.sort]
    if not any(key.column is rows.table.c.id for key in keys):
        keys.append(_Key(rows.table.c.id, query.reverse))
    conditions = [*_conditions(kind, query)]
    marker = None
    if query.marker is not None:
        marker = _marker(connection, kind, keys, query)
    if kind is Kind.LOAD_BALANCER:
        found = _choose_load_balancers(connection, conditions, keys, marker, query.limit)
        return _page(query, found, lambda chosen: _load_balancers(connection, chosen, kept))
    if marker is not None:
        conditions += _beyond(keys, marker)
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


def _choose_load_balancers(
    connection: Connection,
    conditions: Sequence[ColumnElement[bool]],
    keys: Sequence["_Key"],
    marker: Sequence[Any] | None,
    limit: int | None,
) -> list[tuple[str, int]]:
    """Ids and revisions.

    No index has keys in both directions: all that have the same first key would be sorted then, and of some keys most
    load balancers have the same. So those alone are asked for at first that have the first key which comes next, in
    the order of the other keys, which an index has; mostly they fill the page. So, too, behind one without a first
    key: no comparison of rows says what follows it.
    """
    chosen = select(_OWN.id, _OWN.revision).where(*conditions)
    first, *others = keys
    mixed = any(key.descending != first.descending for key in others)
    if limit is not None and (mixed or (marker is not None and marker[0] is None)):
        if marker is None:
            require_several(connection)
            value = connection.execute(select(first.column).where(*conditions).order_by(first.order()).limit(1)).first()
            same = chosen if value is None else chosen.where(first.equal(value[0]))
        else:
            same = chosen.where(first.equal(marker[0]), *_beyond(others, marker[1:]))
        found = _pairs(connection, same.order_by(*(key.order() for key in others)).limit(limit + 1))
        if len(found) > limit:
            return found
    if marker is not None:
        chosen = chosen.where(*_beyond(keys, marker))
    chosen = chosen.order_by(*(key.order() for key in keys))
    return _pairs(connection, chosen if limit is None else chosen.limit(limit + 1))


def _pairs(connection: Connection, statement: Select[Any]) -> list[tuple[str, int]]:
    return [(row[0], row[1]) for row in connection.execute(statement)]


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
    statement = select(func.count()).select_from(table).where(*_conditions(kind, query), living)
    return int(connection.execute(statement).scalar_one())


# ----------------------------------------------------------------------------------------------------------- filters


def _column(kind: Kind, name: str) -> Column[Any]:
    columns = BY_KIND[kind].table.c
    actual = _ALIASES.get(kind, {}).get(name, name)
    if actual in _HIDDEN or actual not in columns or (actual != name and name in columns):
        raise Invalid(f"{kind.value} has no field {name!r} to filter or sort by.", field=name)
    return columns[actual]


def _conditions(kind: Kind, query: Query) -> Iterator[ColumnElement[bool]]:
    identifier = BY_KIND[kind].table.c.id
    if kind is Kind.LOAD_BALANCER:
        yield tables.LOAD_BALANCERS.c.port_id.is_not(None)
    if query.v1:
        yield _known_to_v1(kind)
    for name, values in query.filters.items():
        if kind is Kind.POOL and name == "monitor_id":
            yield _has_monitor(values)
        else:
            yield _any_of(_column(kind, name), name, values, indexed=kind is Kind.LOAD_BALANCER)
    if query.tags:
        yield identifier.in_(_tagged_with_all(query.tags))
    if query.tags_any:
        yield identifier.in_(_tagged(query.tags_any))
    if query.not_tags:
        yield identifier.not_in(_tagged_with_all(query.not_tags))
    if query.not_tags_any:
        yield identifier.not_in(_tagged(query.not_tags_any))


def _known_to_v1(kind: Kind) -> ColumnElement[bool]:
    listeners, pools = tables.LISTENERS.c, tables.POOLS.c
    match kind:
        case Kind.LOAD_BALANCER:
            return tables.LOAD_BALANCERS.c.id.in_(select(listeners.load_balancer_id).where(listeners.v1.is_(True)))
        case Kind.LISTENER:
            return listeners.v1.is_(True)
        case Kind.POOL:
            return pools.v1_subnet_id.is_not(None)
        case Kind.L7_POLICY | Kind.L7_RULE:
            return false()
        case _:  # parts of pools
            pool_id: Column[Any] = BY_KIND[kind].table.c.pool_id
            return pool_id.in_(select(pools.id).where(pools.v1_subnet_id.is_not(None)))


def _tagged(tags: Sequence[str]) -> Select[Any]:
    return select(_TAG.object_id).where(_TAG.tag.in_(list(dict.fromkeys(tags))))


def _tagged_with_all(tags: Sequence[str]) -> Select[Any]:
    """One look for however many tags: an object has each of them once at most."""
    return _tagged(tags).group_by(_TAG.object_id).having(func.count() == len(set(tags)))


def _has_monitor(values: Sequence[Value]) -> ColumnElement[bool]:
    monitors = tables.HEALTH_MONITORS.c
    pool = tables.POOLS.c.id
    wanted = [value for value in values if value is not None]
    alternatives: list[ColumnElement[bool]] = []
    if wanted:
        alternatives.append(pool.in_(select(monitors.pool_id).where(_any_of(monitors.id, "monitor_id", wanted))))
    if None in values:
        alternatives.append(pool.not_in(select(monitors.pool_id)))
    return or_(false(), *alternatives)


def _any_of(column: Column[Any], name: str, values: Sequence[Value], *, indexed: bool = False) -> ColumnElement[bool]:
    """``indexed``: the table's texts have indexes in the order of bytes, which PostgreSQL uses where it is told so."""
    wanted = [_bound(column, name, value) for value in values if value is not None]
    alternatives: list[ColumnElement[bool]] = []
    if wanted:
        bytewise = indexed and isinstance(column.type, String) and not column.unique
        alternatives.append(_Bytewise(column).in_(wanted) if bytewise else column.in_(wanted))
    if None in values:
        alternatives.append(column.is_(None))
    return or_(false(), *alternatives)


def _bound(column: Column[Any], name: str, value: str | int) -> Any:
    """The value in the column's own type; what a query string can only say as text is read as that type."""
    kind = column.type
    if isinstance(kind, Boolean):
        if isinstance(value, bool):
            return value
        word = str(value).lower()
        if word in ("true", "1"):
            return True
        if word in ("false", "0"):
            return False
    elif isinstance(kind, Integer):
        if not isinstance(value, bool):
            try:
                number = int(value)
            except ValueError:
                pass  # said below
            else:
                if -(2**63) <= number < 2**63:
                    return number
    elif isinstance(kind, DateTime):
        try:
            moment = datetime.fromisoformat(str(value))
            return to_moment(moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC))
        except (ValueError, OverflowError):
            pass  # said below
    elif isinstance(value, str):
        return value
    raise Invalid(f"Invalid input for field/attribute {name}. Value: '{value}'.", field=name)


# ------------------------------------------------------------------------------------------------------------- pages


class _Bytewise(FunctionElement[str]):
    """A text in the order of its bytes. Only PostgreSQL has to be told: there the database's language decides."""

    inherit_cache = True
    type = String()


@compiles(_Bytewise)
def _plain(element: _Bytewise, compiler: SQLCompiler, **options: Any) -> str:
    return str(compiler.process(element.clauses, **options))


@compiles(_Bytewise, "postgresql")
def _collated(element: _Bytewise, compiler: SQLCompiler, **options: Any) -> str:
    return f'{compiler.process(element.clauses, **options)} COLLATE "C"'


class _Ascending(FunctionElement[Any]):
    """An order in which NULL stands before every value. Only PostgreSQL has to be told."""

    inherit_cache = True


class _Descending(_Ascending):
    """The other way round."""

    inherit_cache = True


@compiles(_Ascending)
def _ascending(element: _Ascending, compiler: SQLCompiler, **options: Any) -> str:
    word = "DESC" if isinstance(element, _Descending) else "ASC"
    return f"{compiler.process(element.clauses, **options)} {word}"


@compiles(_Ascending, "postgresql")
def _nulls_told(element: _Ascending, compiler: SQLCompiler, **options: Any) -> str:
    words = "DESC NULLS LAST" if isinstance(element, _Descending) else "ASC NULLS FIRST"
    return f"{compiler.process(element.clauses, **options)} {words}"


class _Key:
    """One sort key. ``NULL`` is less than every value, and texts are in the order of their bytes: databases differ in
    both."""

    __slots__ = ("_sorted", "column", "descending")

    def __init__(self, column: Column[Any], descending: bool) -> None:
        self.column = column
        self.descending = descending
        self._sorted: ColumnElement[Any] = _Bytewise(column) if isinstance(column.type, String) else column

    def order(self) -> ColumnElement[Any]:
        if self.column.nullable:
            return _Descending(self._sorted) if self.descending else _Ascending(self._sorted)
        return self._sorted.desc() if self.descending else self._sorted.asc()

    def equal(self, value: Any) -> ColumnElement[bool]:
        same: ColumnElement[bool] = self._sorted == self._literal(value)
        return self.column.is_(None) if value is None else same

    def beyond(self, value: Any) -> ColumnElement[bool]:
        if value is None:
            return false() if self.descending else self.column.is_not(None)
        if not self.descending:
            after: ColumnElement[bool] = self._sorted > self._literal(value)
            return after
        before: ColumnElement[bool] = self._sorted < self._literal(value)
        return or_(before, self.column.is_(None)) if self.column.nullable else before

    def at_least(self, value: Any) -> ColumnElement[bool]:
        """Of a column that is never NULL, or in ascending order."""
        same = self._literal(value)
        found: ColumnElement[bool] = self._sorted <= same if self.descending else self._sorted >= same
        return found

    def told_by_value(self, value: Any) -> bool:
        """Whether a comparison with the value says all of what is behind it: it says nothing of NULL."""
        return value is not None and not (self.descending and self.column.nullable)

    def sides(self, value: Any) -> tuple[ColumnElement[Any], BindParameter[Any]]:
        return self._sorted, self._literal(value)

    def _literal(self, value: Any) -> BindParameter[Any]:
        """As a parameter also where it is true or false, which SQLAlchemy would otherwise not compare by order."""
        return literal(value, self.column.type)


def _marker(connection: Connection, kind: Kind, keys: Sequence[_Key], query: Query) -> Sequence[Any]:
    """The sort keys of the last object seen. Other filters it need not fit any longer; but where a page begins must not
    tell anything of an object that the list could never have shown."""
    statement = select(*(key.column for key in keys)).where(BY_KIND[kind].table.c.id == query.marker)
    for name in SCOPES & query.filters.keys():
        statement = statement.where(_any_of(_column(kind, name), name, query.filters[name]))
    row = ask_aside(connection, statement).first()
    if row is None:
        raise Invalid(f"There is no object {query.marker!r} for a page to follow.", field="marker")
    return list(row)


def _beyond(keys: Sequence[_Key], values: Sequence[Any]) -> Iterator[ColumnElement[bool]]:
    """Behind the marker: a later first key, or an equal first and a later second one, and so on. Where all keys have
    one direction that is a comparison of rows, by which SQLite and PostgreSQL find the place in an index. That the
    first key is not an earlier one follows from it; said by itself, it is where an index of MariaDB begins to be
    read."""
    first, value = keys[0], values[0]
    if first.told_by_value(value):
        yield first.at_least(value)
    told = all(key.told_by_value(value) for key, value in zip(keys, values, strict=True))
    if told and len({key.descending for key in keys}) == 1:
        ours, theirs = zip(*(key.sides(value) for key, value in zip(keys, values, strict=True)), strict=True)
        yield tuple_(*ours) < tuple_(*theirs) if first.descending else tuple_(*ours) > tuple_(*theirs)
        return
    alternatives: list[ColumnElement[bool]] = []
    same: ColumnElement[bool] = true()
    for key, value in zip(keys, values, strict=True):
        alternatives.append(and_(same, key.beyond(value)))
        same = and_(same, key.equal(value))
    yield or_(*alternatives)


def _views(connection: Connection, kind: Kind, rows: RecordTable[Any], found: Sequence[Any]) -> list[View[AnyRecord]]:
    records = [rows.decode(row) for row in found]
    relations = read_relations(connection, kind, found, records)
    return [View(record=record, relations=relation) for record, relation in zip(records, relations, strict=True)]
