"""Query strings of lists, and the links between pages. Used by every facade; pure.

What may be filtered and sorted by is said by the facade, in its own names; out comes the model's ``Query``.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from evenload.api.fields import integer_of, is_of_lines, is_plain, shown, truth_of
from evenload.api.routing import BadPaging
from evenload.model.errors import Invalid
from evenload.model.query import Query, Value

Parameters = Sequence[tuple[str, str]]
"""The query string, decoded, in its order."""

_CONTROLS = frozenset({"fields", "sort", "sort_key", "sort_dir", "limit", "marker", "page_reverse"})
_TAGS = {"tags": "tags", "tags-any": "tags_any", "not-tags": "not_tags", "not-tags-any": "not_tags_any"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """Something a list may be filtered and, if ``sortable``, sorted by. ``model`` is its name in the model.

    ``constant``: every object has this one value, so that a filter leaves all or none; the model knows no such name.
    """

    model: str
    read: Callable[[str], Value]
    sortable: bool = True
    constant: bool = False
    value: Value = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A list request: the model's question, and what only the facade needs.

    ``project_id``: the one the caller named, where it is no column; the facade decides what comes of it.
    """

    query: Query
    fields: tuple[str, ...] | None
    project_id: str | None


def read_fields(parameters: Parameters) -> tuple[str, ...] | None:
    """The attributes asked for; None for all of them."""
    chosen = tuple(value for name, value in parameters if name == "fields" and value)
    return chosen or None


def read_list(
    parameters: Parameters,
    columns: Mapping[str, Column],
    *,
    page_limit: int,
    tags: bool = True,
    repeated: bool = False,
    default_sort: Sequence[tuple[str, bool]] = (("created_at", False), ("id", False)),
) -> Wanted:
    """Raises Invalid naming the parameter. ``repeated``: Neutron's way, a filter given twice means either value, and
    the project is a column like others. ``default_sort`` comes behind every other order."""
    controls: dict[str, list[str]] = {}
    filters: dict[str, list[Value]] = {}
    labels: dict[str, list[str]] = {}
    project: str | None = None
    seen: set[str] = set()
    nothing = False
    for name, value in parameters:
        if not (is_of_lines(value) if name == "description" else is_plain(value)):
            raise Invalid(f"Invalid input for query parameter {shown(name)}. Value: '{shown(value)}'.", field=name)
        if name in _CONTROLS:
            controls.setdefault(name, []).append(value)
        elif tags and name in _TAGS:
            labels.setdefault(_TAGS[name], []).extend(part for part in value.split(",") if part)
        elif name == "project_id" and not repeated:
            if project is not None and project != value:
                raise Invalid(_AMBIGUOUS.format(shown(name)), field=name)
            project = value
        elif name in columns:
            if name in seen and not repeated:
                raise Invalid(_AMBIGUOUS.format(shown(name)), field=name)
            seen.add(name)
            column = columns[name]
            given = _filter(name, value, column)
            if not column.constant:
                filters.setdefault(column.model, []).append(given)
            elif given != column.value:
                nothing = True
        else:
            raise Invalid(_AMBIGUOUS.format(shown(name)), field=name)
    if nothing:
        filters["id"] = []
    query = Query(
        filters={name: tuple(values) for name, values in filters.items()},
        tags=tuple(labels.get("tags", ())),
        tags_any=tuple(labels.get("tags_any", ())),
        not_tags=tuple(labels.get("not_tags", ())),
        not_tags_any=tuple(labels.get("not_tags_any", ())),
        sort=_sort(controls, columns, default_sort),
        marker=_single(controls, "marker"),
        limit=_limit(_single(controls, "limit"), page_limit),
        reverse=_reverse(_single(controls, "page_reverse")),
    )
    return Wanted(query=query, fields=read_fields(parameters), project_id=project)


_AMBIGUOUS = "One or more arguments are either duplicate or invalid: {}"


def _filter(name: str, value: str, column: Column) -> Value:
    try:
        return column.read(value)
    except ValueError as error:
        raise Invalid(
            f"Invalid input for query parameter {name}. Value: '{shown(value)}'. {error}", field=name
        ) from error


def _single(controls: Mapping[str, Sequence[str]], name: str) -> str | None:
    values = controls.get(name, ())
    if len(values) > 1:
        raise Invalid(_AMBIGUOUS.format(name), field=name)
    return values[0] if values and values[0] else None


def _limit(text: str | None, page_limit: int) -> int:
    """No limit, one below 1 and "infinite" all mean as many as the settings allow."""
    if text is None or text == "infinite":
        return page_limit
    try:
        wanted = integer_of(text)
    except ValueError as error:
        raise BadPaging(f"Invalid input for query parameter limit. Value: '{shown(text)}'. Not an integer.") from error
    return page_limit if wanted < 1 else min(wanted, page_limit)


def _reverse(text: str | None) -> bool:
    try:
        return text is not None and truth_of(text)
    except ValueError as error:
        raise Invalid(
            f"Invalid input for query parameter page_reverse. Value: '{shown(str(text))}'. Not a boolean."
        ) from error


def _sort(
    controls: Mapping[str, Sequence[str]], columns: Mapping[str, Column], default: Sequence[tuple[str, bool]]
) -> tuple[tuple[str, bool], ...]:
    asked: list[tuple[str, str]] = []
    for part in _commas(controls.get("sort", ())):
        key, _, direction = part.partition(":")
        asked.append((key, direction or "asc"))
    keys = _commas(controls.get("sort_key", ()))
    directions = _commas(controls.get("sort_dir", ()))
    if len(directions) > len(keys):
        raise Invalid("Invalid input for query parameter sort_dir. There are more directions than keys.")
    asked += [(key, directions[index] if index < len(directions) else "asc") for index, key in enumerate(keys)]
    sort: dict[str, bool] = {}
    for key, direction in asked:
        column = columns.get(key)
        if column is None or not column.sortable:
            raise Invalid(f"Invalid input for query parameter sort_key. Value: '{shown(key)}'. Not an attribute.")
        if direction not in ("asc", "desc"):
            raise BadPaging(f"Invalid input for query parameter sort_dir. Value: '{shown(direction)}'. asc or desc.")
        if not column.constant:
            sort.setdefault(column.model, direction == "desc")
    for key, descending in default:
        sort.setdefault(key, descending)
    return tuple(sort.items())


def _commas(values: Sequence[str]) -> list[str]:
    return [part.strip() for value in values for part in value.split(",") if part.strip()]


def links(
    address: str, parameters: Parameters, wanted: Query, page_ids: Collection[str], *, more: bool
) -> list[dict[str, str]]:
    """``next`` and ``previous`` as far as there are such pages; everything but the place is kept.

    ``address``: that of the list itself. ``more``: further objects follow in the direction of the query.
    """
    ids = list(page_ids)
    if not ids:
        return []
    kept = [(name, value) for name, value in parameters if name not in ("marker", "page_reverse")]
    if not any(name == "limit" for name, _ in kept):
        kept.append(("limit", str(wanted.limit)))
    further = more if not wanted.reverse else wanted.marker is not None
    earlier = more if wanted.reverse else wanted.marker is not None
    found = []
    if further:
        found.append({"rel": "next", "href": f"{address}?{urlencode([*kept, ('marker', ids[-1])])}"})
    if earlier:
        place = [("marker", ids[0]), ("page_reverse", "True")]
        found.append({"rel": "previous", "href": f"{address}?{urlencode([*kept, *place])}"})
    return found
