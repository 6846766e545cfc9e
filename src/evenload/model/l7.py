"""L7 policies and rules: where a listener sends a request, by what stands in it.

As ``model/balancer.py``: only what makes a difference to packets. A policy is in question where it and at least one
rule of it are enabled; it applies where all enabled rules match. First come policies that refuse, then those that
redirect to a URL or a prefix, then those that choose a pool; among these the one with the lower place.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from evenload.model.enums import Comparison, PolicyAction, RuleType

REDIRECTS = frozenset({PolicyAction.REDIRECT_TO_URL, PolicyAction.REDIRECT_PREFIX})
"""Actions that answer with a new location."""

_ORDER = {
    PolicyAction.REJECT: 0,
    PolicyAction.REDIRECT_TO_URL: 1,
    PolicyAction.REDIRECT_PREFIX: 1,
    PolicyAction.REDIRECT_TO_POOL: 2,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class L7Policy:
    """``place``: the listener's policies are numbered from 1. Of the targets just the action's own is set, and
    ``redirect_http_code`` where that is a location."""

    id: str
    listener_id: str
    action: PolicyAction
    place: int
    admin_state_up: bool = True
    redirect_pool_id: str | None = None
    redirect_url: str | None = None
    redirect_prefix: str | None = None
    redirect_http_code: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class L7Rule:
    """``key``: the name of a header, a cookie or a field of a certificate's subject. ``value`` as it was given;
    ``text`` is what is compared."""

    id: str
    policy_id: str
    type: RuleType
    compare_type: Comparison
    value: str
    key: str | None = None
    invert: bool = False
    admin_state_up: bool = True

    @property
    def text(self) -> str:
        """Double quotes around a value hold it together and are no part of it."""
        quoted = len(self.value) > 1 and self.value.startswith('"') and self.value.endswith('"')
        return self.value[1:-1] if quoted else self.value


_Placed = TypeVar("_Placed", bound=L7Policy)


def in_order_of_action(policies: Iterable[_Placed]) -> list[_Placed]:
    """As they are asked."""
    return sorted(policies, key=lambda policy: (_ORDER[policy.action], policy.place, policy.id))
