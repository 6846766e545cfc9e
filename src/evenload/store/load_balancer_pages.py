"""Which load balancers a page shows, by statements that are made once for all queries of one shape.

To make a statement costs more than to run it, and a page behind a marker needs two. So the shape of a query, all but
its values, has a plan, and the plan has the statements that were needed before, in the words of the driver.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import BindParameter, Connection, Dialect, Select, String, bindparam, select

from evenload.model.enums import Kind
from evenload.model.errors import Invalid
from evenload.model.query import SCOPES, Query
from evenload.store.filters import any_of, bound, column_of, conditions_of
from evenload.store.order import beyond, has_no_rows, is_mixed, keys_of, past_row
from evenload.store.single import DriverQuery, require_several
from evenload.store.tables.trees import LOAD_BALANCERS

Pair = tuple[str, int]
"""Id and revision."""

_KIND = Kind.LOAD_BALANCER
_OWN = LOAD_BALANCERS.c
_CHOSEN = select(_OWN.id, _OWN.revision)
_TAGS = ("tags", "tags_any", "not_tags", "not_tags_any")
_PLANS = 256
_MOST_VALUES = 30
"""In a query whose plan is remembered: callers choose how many there are."""


def choose_load_balancers(connection: Connection, query: Query) -> list[Pair]:
    """One more than the page has room for, where there are more. Raises Invalid as ``queries.read_page`` does."""
    given = {
        _parameter(name, place): bound(column_of(_KIND, name), name, value)
        for name, values in query.filters.items()
        for place, value in enumerate(values)
        if value is not None
    }
    tags = {name: tuple(dict.fromkeys(getattr(query, name))) for name in _TAGS}
    given |= {_parameter(name, place): tag for name, all_ in tags.items() for place, tag in enumerate(all_)}
    shape = _Shape(
        filters=tuple((name, tuple(value is None for value in values)) for name, values in query.filters.items()),
        tags=tuple(len(tags[name]) for name in _TAGS),
        v1=query.v1,
        sort=query.sort,
        reverse=query.reverse,
        limited=query.limit is not None,
    )
    plan = (_remembered if len(given) <= _MOST_VALUES else _Plan)(connection.dialect, shape)
    return plan.choose(connection, given, query.marker, query.limit)


def _parameter(name: str, place: int) -> str:
    return f"{name}_{place}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shape:
    """All of a query but its values. ``filters``: by name which of the values are None. ``tags``: how many of each
    kind."""

    filters: tuple[tuple[str, tuple[bool, ...]], ...]
    tags: tuple[int, ...]
    v1: bool
    sort: tuple[tuple[str, bool], ...]
    reverse: bool
    limited: bool


class _Plan:
    """Two threads may make the same statement at once; either is kept."""

    def __init__(self, dialect: Dialect, shape: _Shape) -> None:
        self._dialect = dialect
        self._limited = shape.limited
        self._keys = keys_of(_KIND, shape.sort, shape.reverse)
        self._filters = {
            name: tuple(
                None if null else bindparam(_parameter(name, place), type_=column_of(_KIND, name).type)
                for place, null in enumerate(nulls)
            )
            for name, nulls in shape.filters
        }
        tags: dict[str, Any] = {
            name: tuple(bindparam(_parameter(name, place), type_=String()) for place in range(count))
            for name, count in zip(_TAGS, shape.tags, strict=True)
        }
        asked = Query(filters=self._filters, v1=shape.v1, **tags)  # type: ignore[arg-type]  # parameters for values
        self._all = _CHOSEN.where(*conditions_of(_KIND, asked))
        self._queries: dict[tuple[str, tuple[bool, ...]], DriverQuery] = {}

    def choose(
        self, connection: Connection, given: Mapping[str, Any], marker_id: str | None, limit: int | None
    ) -> list[Pair]:
        """Piece by piece, each of which lies together in an index, until the page is full: mostly the first one fills
        it."""
        marker = None if marker_id is None else self._find_marker(connection, given, marker_id)
        if marker is None and limit is not None and is_mixed(self._keys):
            require_several(connection)
            begin = self._query("first").rows(connection, given, {})
            if not begin:
                return []
            marker = begin[0]
        nulls = () if marker is None else tuple(value is None for value in marker)
        raw = {_parameter("marker", place): value for place, value in enumerate(marker or ()) if value is not None}
        if limit is None:
            return self._query("page", nulls).rows(connection, given, raw)
        found: list[Pair] = []
        for piece in self._pieces(nulls):
            room = limit + 1 - len(found)
            found += self._query(piece, nulls).rows(connection, given, {**raw, "limit": room})
            if len(found) > limit:
                break
        return found

    def _pieces(self, nulls: Sequence[bool]) -> list[str]:
        """No index has keys in both directions: all that have the same first key would be sorted then, and of some keys
        most load balancers have the same. So those alone are asked for at first that have the marker's, or the very
        first one, in the order of the other keys, which an index has. So, too, behind one without a first key: no
        comparison of rows says what follows it, as none says that those without one are the last."""
        first, marker = self._keys[0], self._marker(nulls)
        if not nulls or (has_no_rows(self._dialect) and not is_mixed(self._keys)):
            return ["page"]
        if nulls[0] and first.descending:
            return ["same"]
        in_row = past_row(self._dialect, self._keys, marker) is not None
        pieces = ["row"] if in_row else ["same", "past"]
        return [*pieces, "null"] if first.nulls_follow(marker[0]) else pieces

    def _find_marker(self, connection: Connection, given: Mapping[str, Any], marker_id: str) -> tuple[Any, ...]:
        """The sort keys of the last object seen, as the driver has them. Other filters it need not fit any longer; but
        where a page begins must not tell anything of an object that the list could never have shown."""
        found = self._query("marker").rows(connection, given, {"marker": marker_id}, aside=True)
        if not found:
            raise Invalid(f"There is no object {marker_id!r} for a page to follow.", field="marker")
        return found[0]

    def _query(self, what: str, nulls: tuple[bool, ...] = ()) -> DriverQuery:
        known = self._queries.get((what, nulls))
        if known is None:
            known = self._queries[what, nulls] = DriverQuery(self._statement(what, nulls), self._dialect)
        return known

    def _statement(self, what: str, nulls: tuple[bool, ...]) -> Select[Any]:
        """``nulls``: which of the marker's keys are NULL; of one that has the first alone, nothing was seen yet."""
        keys, marker = self._keys, self._marker(nulls)
        first, *others = keys
        match what:
            case "marker":
                scopes = [
                    any_of(column_of(_KIND, name), name, self._filters[name]) for name in SCOPES & self._filters.keys()
                ]
                return select(*(key.column for key in keys)).where(_OWN.id == bindparam("marker"), *scopes)
            case "first":
                return self._all.with_only_columns(first.column).order_by(first.order()).limit(1)
            case "same":
                behind = [beyond(self._dialect, others, marker[1:])] if marker[1:] else []
                statement, keys = self._all.where(first.equal(marker[0]), *behind), others
            case "past":
                statement = self._all.where(first.past(marker[0]))
            case "null":
                statement, keys = self._all.where(first.equal(None)), others
            case "row" if (row := past_row(self._dialect, keys, marker)) is not None:
                statement = self._all.where(row)
            case _:
                statement = self._all.where(beyond(self._dialect, keys, marker)) if marker else self._all
        statement = statement.order_by(*(key.order() for key in keys))
        return statement.limit(bindparam("limit")) if self._limited else statement

    def _marker(self, nulls: Sequence[bool]) -> Sequence[BindParameter[Any] | None]:
        return [
            None if null else bindparam(_parameter("marker", place), type_=key.column.type)
            for place, (null, key) in enumerate(zip(nulls, self._keys, strict=False))
        ]


@lru_cache(maxsize=_PLANS)
def _remembered(dialect: Dialect, shape: _Shape) -> _Plan:
    return _Plan(dialect, shape)
