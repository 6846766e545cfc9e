"""A listener's L7 policies as lines of its frontend, and the map that these look into. Pure.

HAProxy asks ``http-request`` rules before ``use_backend`` ones, and each sort in the order of the file, so the lines of
the policies that are tried one by one stand in the order of Octavia's actions. What is looked up is known before the
first of them, but for refusals: each then has the condition that it comes before that.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from evenload.model.balancer import Listener
from evenload.model.desired import Desired
from evenload.model.enums import PolicyAction, RuleType
from evenload.model.l7 import L7Policy, L7Rule, in_order_of_action
from evenload.model.named_file import NamedFile
from evenload.model.slot import SLOTS, Slot
from evenload.render import quoting
from evenload.render.haproxy_lookups import CODES, FOUND, number_results, render_lookups
from evenload.render.haproxy_rules import name_subjects, render_acl, render_condition, render_variables
from evenload.render.policy_index import PolicyInForce, make_index


def policies_in_force(desired: Desired, listener: Listener) -> tuple[PolicyInForce, ...]:
    """In the order in which they are asked; one may lead to a pool that is disabled."""
    if not listener.protocol.speaks_http:
        return ()
    found = []
    for policy in in_order_of_action(desired.policies_of(listener.id)):
        rules = tuple(rule for rule in desired.rules_of(policy.id) if rule.admin_state_up)
        if policy.admin_state_up and rules:
            found.append(PolicyInForce(policy, rules))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class PolicyLines:
    """``requests``: before any header is inserted; ``choices``: before the default backend; ``slots`` of the
    listener, and ``files`` with what is in them."""

    requests: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    slots: tuple[Slot, ...] = ()
    files: tuple[NamedFile, ...] = ()


def render_policies(
    listener: Listener, policies: Iterable[PolicyInForce], backends: Mapping[str, str], directory: str
) -> PolicyLines:
    """``backends``: names of the listener's, by pool. A policy whose pool has none is passed over. ``directory``: where
    the load balancer's files lie."""
    applicable = [each for each in policies if each.pool_id is None or each.pool_id in backends]
    subjects = name_subjects(rule for each in applicable for rule in each.rules)
    results = number_results(applicable, backends)
    index = make_index(applicable, lambda each: results.get(each, 0))
    lookups = render_lookups(index, results, backends, subjects, f"{directory}/{SLOTS}", listener.id)
    levels = [level for group in index.groups for level in group.levels]
    rules = [rule for each in index.tried for rule in each.policy.rules]
    rules += [rule for group in index.groups for rule in group.conditions]
    refusals, redirects, choices, early = [], [], [], []
    for number, each in enumerate(index.tried):
        policy, condition = each.policy.policy, render_condition(each.policy.rules)
        if each.policy.pool_id is not None and any(_is_changed(rule, listener) for rule in each.policy.rules):
            early.append(f"    http-request set-var(txn.tried{number}) int(1) if {condition}")
            condition = f"{{ var(txn.tried{number}) -m found }}"
        if index.groups and policy.action is not PolicyAction.REJECT:
            condition = f"!{{ var(txn.rank) -m int lt {each.bound} }} {condition}"  # also where nothing was found
        if policy.action is PolicyAction.REJECT:
            refusals.append(f"    http-request deny deny_status 403 if {condition}")
        elif each.policy.pool_id is None:
            redirects.append(f"    http-request redirect {_location_of(policy)} if {condition}")
        else:
            choices.append(f"    use_backend {backends[each.policy.pool_id]} if {condition}")
    requests = [
        *render_variables(rules, levels, subjects),
        *(line for rule in rules for line in render_acl(rule, subjects)),
        *refusals,
        *lookups.searches,
        *lookups.refusals,
        *redirects,
        *lookups.redirects,
        *early,
    ]
    return PolicyLines(tuple(requests), (*choices, *lookups.choices), lookups.slots, lookups.files)


def _is_changed(rule: L7Rule, listener: Listener) -> bool:
    """Whether the listener may change what the rule looks at before ``use_backend`` rules are asked: rules see what the
    client sent. Headers that differ from an inserted one in underscores alone are removed."""
    inserted = {header.value.lower() for header in listener.insert_headers}
    return rule.type is RuleType.HEADER and (rule.key or "").lower().replace("_", "-") in inserted


def _location_of(policy: L7Policy) -> str:
    code = policy.redirect_http_code or FOUND
    if code not in CODES:
        raise quoting.UnsafeText("redirect code")
    if policy.action is PolicyAction.REDIRECT_TO_URL:
        return f"location {quoting.location(policy.redirect_url or '')} code {code}"
    return f"prefix {quoting.location(policy.redirect_prefix or '')} code {code}"
