"""Refusals that concern L7 policies and rules, in the transaction that makes or changes them."""

from collections.abc import Iterable

from evenload.model import l7_rules
from evenload.model.enums import Comparison, Kind
from evenload.model.errors import Invalid
from evenload.model.l7 import L7Policy, L7Rule
from evenload.model.l7_rules import FindFault
from evenload.model.tree import Tree
from evenload.service import guards


def require_policies(tree: Tree, policies: Iterable[L7Policy]) -> None:
    """They stand in the tree already, and so have their pools to."""
    for policy in policies:
        if policy.redirect_pool_id is not None:
            pool = tree.pools.get(policy.redirect_pool_id)
            if pool is None:
                raise guards.not_found(Kind.POOL, policy.redirect_pool_id, field="redirect_pool_id")
            guards.require_living(pool)
        guards.require(l7_rules.validate_policy(tree, policy))
        guards.require(l7_rules.validate_number_of_rules(tree, policy.id))


def require_rules(rules: Iterable[L7Rule], find_fault: FindFault) -> None:
    for rule in rules:
        guards.require(l7_rules.validate_rule(rule))
        fault = find_fault(rule.text) if rule.compare_type is Comparison.REGEX else None
        if fault is not None:
            raise Invalid(f"Error parsing L7Rule: the value is no regular expression: {fault}.", field="value")
