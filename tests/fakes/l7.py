"""L7 policies in one line each."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tests.fakes.desired import uuid

from evenload.model.desired import Desired
from evenload.model.enums import Comparison, PolicyAction, RuleType
from evenload.model.l7 import L7Policy, L7Rule

Row = tuple[int, str, dict[str, Any]]
"""Number of the policy, the host that it is for, and fields of the policy (by default a pool is chosen)."""


def hosts(desired: Desired, rows: Sequence[Row], *, compared: Comparison = Comparison.EQUAL_TO) -> Desired:
    """That document with these policies, in these places, on its first listener."""
    policies, rules = [], []
    for place, (number, host, fields) in enumerate(rows, 1):
        chosen: dict[str, Any] = {"action": PolicyAction.REDIRECT_TO_POOL, "redirect_pool_id": uuid(4)} | fields
        policy = L7Policy(id=uuid(5, number), listener_id=desired.listeners[0].id, place=place, **chosen)
        policies.append(policy)
        rules.append(
            L7Rule(id=uuid(6, number), policy_id=policy.id, type=RuleType.HOST_NAME, compare_type=compared, value=host)
        )
    return replace(desired, policies=tuple(policies), rules=tuple(rules))


def away(url: str) -> dict[str, Any]:
    """Fields of a policy that redirects."""
    return {"action": PolicyAction.REDIRECT_TO_URL, "redirect_pool_id": None, "redirect_url": url}
