"""A question to the store about one kind of object, and the answer's shape.

Field names are those of the model (``port``, not ``protocol_port``); the facades translate.
"""

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from evenload.model.balancer import AnyRecord

Value = str | int | bool | None
SCOPES = frozenset({"project_id", "pool_id", "policy_id"})
"""Filters by what never changes of an object and confines what a caller may see: the marker must fit them too."""
A = TypeVar("A", bound=AnyRecord, covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """``filters``: field → values, any of which may match; fields are ANDed. ``sort``: (field, descending).

    ``marker`` is the id of the last object already seen; ``limit`` None means all. With ``reverse`` the page is the
    one before the marker, its order unchanged. Tags: has all, has any, lacks at least one, has none.
    ``v1``: only what LBaaS v1 knows: its VIPs and pools, and whatever its pools have.
    """

    filters: dict[str, tuple[Value, ...]] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    tags_any: tuple[str, ...] = ()
    not_tags: tuple[str, ...] = ()
    not_tags_any: tuple[str, ...] = ()
    sort: tuple[tuple[str, bool], ...] = (("created_at", False), ("id", False))
    marker: str | None = None
    limit: int | None = None
    reverse: bool = False
    v1: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Relations:
    """The ids around an object that its API view shows; what does not apply to its kind stays empty.

    ``load_balancer_id`` None: a pool that stands alone.
    """

    load_balancer_id: str | None
    listener_ids: tuple[str, ...] = ()
    pool_ids: tuple[str, ...] = ()
    member_ids: tuple[str, ...] = ()
    monitor_id: str | None = None
    policy_ids: tuple[str, ...] = ()
    rule_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class View(Generic[A]):
    record: A
    relations: Relations


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[A]):
    """``more``: further objects follow in the direction of the query."""

    views: tuple[View[A], ...]
    more: bool = False
