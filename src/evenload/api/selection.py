"""Filters, order and pages over objects that are all at hand, as they are shown. Pure. For use cases
that give lists whole: there are few networks, and of LBaaS v1 the store narrows down only what it knows by itself.
"""

from collections.abc import Sequence
from typing import Any

from evenload.api.fields import address_or_text, shown
from evenload.model.errors import Invalid
from evenload.model.query import Query, Value

Json = dict[str, Any]


def select(objects: Sequence[Json], query: Query, *, key: str = "id") -> tuple[list[Json], bool]:
    """The page, and whether more follows in the direction of the query. Objects that are equal in what is sorted by
    stay in the order in which they were given. ``key``: what markers are. Raises Invalid for an unknown one."""
    found = [each for each in objects if _fits(each, query)]
    for name, descending in reversed(query.sort):
        found.sort(key=lambda each, name=name: _rank(each.get(name)), reverse=descending)  # type: ignore[misc]
    if query.reverse:
        found.reverse()
    if query.marker is not None:
        places = [index for index, each in enumerate(found) if each[key] == query.marker]
        if not places:
            raise Invalid(f"Invalid input for marker. Value: '{shown(query.marker)}'. There is none.", field="marker")
        found = found[places[0] + 1 :]
    more = query.limit is not None and len(found) > query.limit
    page = found[: query.limit] if query.limit is not None else found
    if query.reverse:
        page.reverse()
    return page, more


def _fits(each: Json, query: Query) -> bool:
    tags = set(each.get("tags", ()))
    return (
        all(_has(each, name, values) for name, values in query.filters.items())
        and tags.issuperset(query.tags)
        and (not query.tags_any or not tags.isdisjoint(query.tags_any))
        and (not query.not_tags or not tags.issuperset(query.not_tags))
        and tags.isdisjoint(query.not_tags_any)
    )


def _has(each: Json, name: str, values: Sequence[Value]) -> bool:
    """A list fits where one of the values is in it."""
    if name == "fixed_ips":
        return all(_has_fixed_ip(each, str(value)) for value in values)
    present = each.get(name)
    if name == "address":  # is shown as it was sent
        present = address_or_text(str(present))
    return any(value in present for value in values) if isinstance(present, list) else present in values


def _has_fixed_ip(each: Json, wanted: str) -> bool:
    """``ip_address=192.0.2.5`` or ``subnet_id=...``, as Neutron's clients write it."""
    key, _, value = wanted.partition("=")
    return any(str(ip.get(key)) == value for ip in each["fixed_ips"])


def _rank(value: Any) -> tuple[bool, Any]:
    return (value is not None, value if value is not None else "")
