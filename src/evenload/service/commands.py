"""What a facade asks of the service: drafts of new objects and changes of existing ones.

``item`` holds fields of the model's dataclass (without ids and parents), ``record`` those of ``Record`` that a caller
may set: name, description, tags. Mappings rather than a second set of dataclasses, so that a new field of the model is
not repeated here; a listener's or a pool's ``tls`` is a mapping of what was given of it, with references as they were
sent, until it is prepared (``tls_drafts``). The facades have checked types and ranges, the service checks the rules
across fields and objects.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic

from evenload.interfaces.ports import VipRequest
from evenload.model.tls import AnyTls


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """Fields that are absent stay as they are."""

    item: Mapping[str, Any] = field(default_factory=dict)
    record: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedTls(Generic[AnyTls]):
    """``given``: the fields that were given; ``base``: what those are added to where there is none."""

    base: AnyTls
    given: Mapping[str, Any]

    def merged(self, present: AnyTls | None) -> AnyTls:
        return replace(present or self.base, **self.given)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft(Changes):
    """A new object. Fields that are absent take the model's defaults."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolDraft(Draft):
    members: tuple[Draft, ...] = ()
    monitor: Draft | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolName:
    """A pool that stands elsewhere in the same single-call creation."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyDraft(Draft):
    """``redirect_pool``: instead of the id of a pool."""

    rules: tuple[Draft, ...] = ()
    redirect_pool: PoolDraft | PoolName | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerDraft(Draft):
    default_pool: PoolDraft | PoolName | None = None
    policies: tuple[PolicyDraft, ...] = ()

    @property
    def pools(self) -> tuple[PoolDraft, ...]:
        """Those that are made with it."""
        named = (self.default_pool, *(policy.redirect_pool for policy in self.policies))
        return tuple(pool for pool in named if isinstance(pool, PoolDraft))


@dataclass(frozen=True, slots=True, kw_only=True)
class BalancerDraft(Draft):
    """``provider`` None: the flavor's, or the own one."""

    vip: VipRequest
    provider: str | None = None
    flavor_id: str | None = None
    availability_zone: str | None = None
    listeners: tuple[ListenerDraft, ...] = ()
    pools: tuple[PoolDraft, ...] = ()

    @property
    def chooses(self) -> bool:
        """Something of what administrators offer."""
        return self.flavor_id is not None or self.availability_zone is not None
