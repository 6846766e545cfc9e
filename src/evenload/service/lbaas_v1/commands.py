"""What the facade of LBaaS v1 asks of the use cases, and what it is answered.

Drafts and changes are those of ``service/commands.py`` with what only v1 has beside them. Views hold records, so that
the facade can show whatever it needs; what is being deleted is in none of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evenload.model.balancer import HealthMonitor, Listener, LoadBalancer, MonitorTemplate, Pool, Record
from evenload.service.commands import Changes, Draft


@dataclass(frozen=True, slots=True, kw_only=True)
class VipDraft(Draft):
    """``item`` has a listener's fields. ``session_persistence``: a mapping with ``type`` and ``cookie_name``, or None.

    ``every_project``: the caller is an administrator, other projects' networks are not hidden from it.
    """

    pool_id: str
    subnet_id: str
    address: str | None = None
    session_persistence: Mapping[str, Any] | None = None
    every_project: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class VipChanges(Changes):
    """``pool_id`` None: it keeps its pool. ``persists``: ``session_persistence`` was named."""

    pool_id: str | None = None
    persists: bool = False
    session_persistence: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class V1PoolDraft(Draft):
    """``item`` has a pool's fields but for v1's own, which stand beside it."""

    subnet_id: str
    provider: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VipView:
    """``pool`` None: it was taken away by Octavia's API."""

    listener: Record[Listener]
    load_balancer: Record[LoadBalancer]
    pool: Record[Pool] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolView:
    """``monitors`` in the order of their association."""

    pool: Record[Pool]
    vip_id: str | None
    member_ids: tuple[str, ...]
    monitors: tuple[Record[HealthMonitor], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorView:
    """``associations``: what the template amounts to for each pool that has it."""

    template: MonitorTemplate
    associations: tuple[Record[HealthMonitor], ...]
