"""Filters, order and pages over objects that are all at hand. Pure; called by the resources of this package.

There are few networks and the use cases give them whole, so that no query of theirs reaches the store.
"""

from collections.abc import Sequence
from typing import Any

from evenload.api.fields import shown
from evenload.model.errors import Invalid
from evenload.model.query import Query, Value

Json = dict[str, Any]


def select(objects: Sequence[Json], query: Query, project_id: str | None) -> tuple[list[Json], bool]:
    """The page, and whether more follows in the direction of the query. Raises Invalid for an unknown marker."""
    found = [each for each in objects if _fits(each, query) and project_id in (None, each["project_id"])]
    for name, descending in reversed(query.sort):
        found.sort(key=lambda each, name=name: _rank(each.get(name)), reverse=descending)  # type: ignore[misc]
    if query.reverse:
        found.reverse()
    if query.marker is not None:
        places = [index for index, each in enumerate(found) if each["id"] == query.marker]
        if not places:
            raise Invalid(f"Invalid input for marker. Value: '{shown(query.marker)}'. There is none.", field="marker")
        found = found[places[0] + 1 :]
    more = query.limit is not None and len(found) > query.limit
    page = found[: query.limit] if query.limit is not None else found
    if query.reverse:
        page.reverse()
    return page, more


def _fits(each: Json, query: Query) -> bool:
    tags = set(each["tags"])
    return (
        all(_has(each, name, values) for name, values in query.filters.items())
        and tags.issuperset(query.tags)
        and (not query.tags_any or not tags.isdisjoint(query.tags_any))
        and (not query.not_tags or not tags.issuperset(query.not_tags))
        and tags.isdisjoint(query.not_tags_any)
    )


def _has(each: Json, name: str, values: Sequence[Value]) -> bool:
    if name == "fixed_ips":
        return all(_has_fixed_ip(each, str(value)) for value in values)
    return each.get(name) in values


def _has_fixed_ip(each: Json, wanted: str) -> bool:
    """``ip_address=192.0.2.5`` or ``subnet_id=...``, as Neutron's clients write it."""
    key, _, value = wanted.partition("=")
    return any(str(ip.get(key)) == value for ip in each["fixed_ips"])


def _rank(value: Any) -> tuple[bool, Any]:
    return (value is not None, value if value is not None else "")
