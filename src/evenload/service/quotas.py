"""How many objects a project may have: what was set for it, else what the settings say. -1 is no limit.

Octavia's API and LBaaS v1 have limits of their own, each for what is made by it. ``require_room`` belongs into the
transaction that creates something: the project is locked until that ends, so that two requests at once cannot both
take the last place.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from evenload.interfaces.store import QuotaPart, Transaction, UnitOfWork
from evenload.model.enums import Kind
from evenload.model.errors import OverQuota
from evenload.model.query import Query
from evenload.service.guards import word_for

VIP, POOL, MEMBER, HEALTH_MONITOR = "vip", "pool", "member", "health_monitor"
"""Of LBaaS v1."""

RESOURCES: Mapping[Kind, str] = {
    Kind.LOAD_BALANCER: "loadbalancer",
    Kind.LISTENER: "listener",
    Kind.POOL: "pool",
    Kind.MEMBER: "member",
    Kind.HEALTH_MONITOR: "healthmonitor",
    Kind.L7_POLICY: "l7policy",
    Kind.L7_RULE: "l7rule",
}
"""Of Octavia's API."""

Counting = Callable[[Transaction, str], int]
"""How many a project has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaSettings:
    """Limits by resource, for projects of which nothing was set: of LBaaS v1, and of Octavia's API."""

    v1: Mapping[str, int] = field(default_factory=lambda: {VIP: 10, POOL: 10, MEMBER: -1, HEALTH_MONITOR: -1})
    octavia: Mapping[str, int] = field(default_factory=lambda: dict.fromkeys(RESOURCES.values(), -1))


class Limits:
    """Of one API. ``words`` is what it says of a resource that a project has too many of. ``prefix`` tells what was set
    for it from what was set for the other."""

    def __init__(
        self,
        defaults: Mapping[str, int],
        counts: Mapping[str, Counting],
        *,
        words: Callable[[str], str],
        prefix: str = "",
    ) -> None:
        self.defaults = defaults
        self._counts = counts
        self._words = words
        self._prefix = prefix

    def own(self, limits: Mapping[str, int]) -> dict[str, int]:
        """Of all that was set for a project, what belongs to this API."""
        return {resource: limits[key] for resource in self.defaults if (key := self.stored(resource)) in limits}

    def stored(self, resource: str) -> str:
        return self._prefix + resource

    def of(self, transaction: QuotaPart, project_id: str) -> dict[str, int]:
        """Every resource's limit, in the order of the settings."""
        return {**self.defaults, **self.own(transaction.quotas(project_id).get(project_id, {}))}

    def require_room(self, transaction: Transaction, project_id: str, wanted: Mapping[str, int]) -> None:
        """For so many more of each resource. Raises OverQuota."""
        limits = self.of(transaction, project_id)
        asked = {resource: number for resource, number in wanted.items() if number > 0 and limits[resource] >= 0}
        if not asked:
            return
        transaction.lock_project(project_id)
        for resource, number in asked.items():
            if self._counts[resource](transaction, project_id) + number > limits[resource]:
                raise OverQuota(self._words(resource))


class Quotas:
    """The limits of one API, as they are shown and set."""

    def __init__(self, unit_of_work: UnitOfWork, limits: Limits) -> None:
        self._unit_of_work = unit_of_work
        self.limits = limits

    def of(self, project_id: str) -> dict[str, int]:
        """Every resource's limit, in the order of the settings."""
        with self._unit_of_work.read() as transaction:
            return self.limits.of(transaction, project_id)

    def all(self) -> dict[str, dict[str, int]]:
        """By project, what was set, of those for which something was."""
        with self._unit_of_work.read() as transaction:
            found = {project: self.limits.own(limits) for project, limits in transaction.quotas().items()}
        return {project: limits for project, limits in found.items() if limits}

    def set(self, project_id: str, limits: Mapping[str, int | None]) -> dict[str, int]:
        """None is the settings' limit again; resources that are not named keep theirs."""
        given = {self.limits.stored(resource): limit for resource, limit in limits.items() if limit is not None}
        back = [self.limits.stored(resource) for resource, limit in limits.items() if limit is None]

        def work(transaction: Transaction) -> dict[str, int]:
            transaction.save_quotas(project_id, given)
            transaction.remove_quotas(project_id, back)
            return self.limits.of(transaction, project_id)

        return self._unit_of_work.write(work)

    def reset(self, project_id: str) -> bool:
        """Back to the settings; whether anything was set."""
        resources = [self.limits.stored(resource) for resource in self.limits.defaults]

        def work(transaction: Transaction) -> bool:
            found = bool(self.limits.own(transaction.quotas(project_id).get(project_id, {})))
            transaction.remove_quotas(project_id, resources)
            return found

        return self._unit_of_work.write(work)


# ---------------------------------------------------------------------------------------------------------- the APIs'


def _counted(kind: Kind, *, v1: bool) -> Counting:
    return lambda transaction, project_id: transaction.count(kind, Query(filters={"project_id": (project_id,)}, v1=v1))


_V1_COUNTS: Mapping[str, Counting] = {
    VIP: _counted(Kind.LISTENER, v1=True),
    POOL: _counted(Kind.POOL, v1=True),
    MEMBER: _counted(Kind.MEMBER, v1=True),
    HEALTH_MONITOR: lambda transaction, project_id: len(transaction.templates(project_id)),
}
_OCTAVIA_COUNTS: Mapping[str, Counting] = {name: _counted(kind, v1=False) for kind, name in RESOURCES.items()}


def v1_limits(defaults: Mapping[str, int]) -> Limits:
    return Limits(defaults, _V1_COUNTS, words=lambda resource: f"Quota exceeded for resources: ['{resource}'].")


def octavia_limits(defaults: Mapping[str, int]) -> Limits:
    names = {name: word_for(kind) for kind, name in RESOURCES.items()}
    return Limits(
        defaults,
        _OCTAVIA_COUNTS,
        words=lambda resource: f"Quota has been met for resources: {names[resource]}",
        prefix="octavia.",
    )


def wanted_by(kinds: Iterable[Kind]) -> dict[str, int]:
    """How many of each resource of Octavia's API objects of these kinds are."""
    found: dict[str, int] = {}
    for kind in kinds:
        found[RESOURCES[kind]] = found.get(RESOURCES[kind], 0) + 1
    return found
