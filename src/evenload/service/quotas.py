"""How many objects a project may have: what was set for it, else what the settings say. -1 is no limit.

``require_room`` belongs into the transaction that creates something: the project is locked until
that ends, so that two requests at once cannot both take the last place.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from evenload.interfaces import QuotaPart, Transaction, UnitOfWork
from evenload.model.enums import Kind
from evenload.model.errors import OverQuota
from evenload.model.query import Query

VIP, POOL, MEMBER, HEALTH_MONITOR = "vip", "pool", "member", "health_monitor"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaSettings:
    """Limits by resource, for projects of which nothing was set."""

    defaults: Mapping[str, int] = field(
        default_factory=lambda: {VIP: 10, POOL: 10, MEMBER: -1, HEALTH_MONITOR: -1},
    )


def _counted(kind: Kind) -> Callable[[Transaction, str], int]:
    return lambda transaction, project_id: transaction.count(
        kind, Query(filters={"project_id": (project_id,)}, v1=True)
    )


_COUNTS: Mapping[str, Callable[[Transaction, str], int]] = {
    VIP: _counted(Kind.LISTENER),
    POOL: _counted(Kind.POOL),
    MEMBER: _counted(Kind.MEMBER),
    HEALTH_MONITOR: lambda transaction, project_id: len(transaction.templates(project_id)),
}


class Quotas:
    def __init__(self, unit_of_work: UnitOfWork, settings: QuotaSettings) -> None:
        self._unit_of_work = unit_of_work
        self._settings = settings

    def of(self, project_id: str) -> dict[str, int]:
        """Every resource's limit, in the order of the settings."""
        with self._unit_of_work.read() as transaction:
            return self._limits(transaction, project_id)

    def all(self) -> dict[str, dict[str, int]]:
        """By project, of those for which something was set."""
        with self._unit_of_work.read() as transaction:
            return {project: {**self._settings.defaults, **limits} for project, limits in transaction.quotas().items()}

    def set(self, project_id: str, limits: Mapping[str, int]) -> dict[str, int]:
        """Resources that are not named keep their limit."""

        def work(transaction: Transaction) -> dict[str, int]:
            transaction.save_quotas(project_id, limits)
            return self._limits(transaction, project_id)

        return self._unit_of_work.write(work)

    def reset(self, project_id: str) -> None:
        """Back to the settings. May be repeated."""

        def work(transaction: Transaction) -> None:
            transaction.remove_quotas(project_id)

        self._unit_of_work.write(work)

    def require_room(self, transaction: Transaction, resource: str, project_id: str) -> None:
        """For one more. Raises OverQuota."""
        limit = self._limits(transaction, project_id)[resource]
        if limit < 0:
            return
        transaction.lock_project(project_id)
        if limit <= _COUNTS[resource](transaction, project_id):
            raise OverQuota(f"Quota exceeded for resources: ['{resource}'].")

    def _limits(self, transaction: QuotaPart, project_id: str) -> dict[str, int]:
        return {**self._settings.defaults, **transaction.quotas(project_id).get(project_id, {})}
