"""The rules of L7 policies and rules, as functions from a tree to what it violates; see ``model/rules.py``. Pure.

What a regular expression is, HAProxy's own library says: that is asked apart.
"""

import re
from collections.abc import Callable, Iterator, Mapping

from evenload.model.enums import Comparison, ListenerProtocol, PolicyAction, RuleType
from evenload.model.errors import Conflict, ProtocolMismatch, Unsupported
from evenload.model.l7 import REDIRECTS, L7Policy, L7Rule
from evenload.model.rules import CHILDLESS, COMPATIBLE, Violation
from evenload.model.tree import Tree

MOST_RULES = 50
"""Of one policy."""
CODES = (301, 302, 303, 307, 308)
TARGETS: Mapping[PolicyAction, str] = {
    PolicyAction.REDIRECT_TO_POOL: "redirect_pool_id",
    PolicyAction.REDIRECT_TO_URL: "redirect_url",
    PolicyAction.REDIRECT_PREFIX: "redirect_prefix",
}
"""The field that says where to, by action."""

_NAMED = frozenset({RuleType.HEADER, RuleType.COOKIE, RuleType.SSL_DN_FIELD})
_COMPARISONS = {
    RuleType.FILE_TYPE: frozenset({Comparison.REGEX, Comparison.EQUAL_TO}),
    RuleType.SSL_CONN_HAS_CERT: frozenset({Comparison.EQUAL_TO}),
    RuleType.SSL_VERIFY_RESULT: frozenset({Comparison.EQUAL_TO}),
}
_URL = re.compile(r"https?://[^/?#](?:[0-9A-Za-z._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*", re.ASCII)
_URL_CHARACTERS = re.compile(r"(?:[0-9A-Za-z._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*", re.ASCII)
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,255}")
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_RESULT = re.compile(r"[0-9]{1,9}")


FindFault = Callable[[str], "str | None"]
"""What is wrong with a regular expression, for people; None where nothing is."""


def find_fault_by_python(expression: str) -> str | None:
    """What Python's library says, which knows most of what HAProxy's knows."""
    try:
        re.compile(expression)
    except (re.error, OverflowError, RecursionError) as error:
        return str(error) or "it is too complex"
    return None


def is_url(text: str) -> bool:
    """Of http or https, in the characters of RFC 3986 and no longer than a column."""
    return len(text) <= 255 and _URL.fullmatch(text) is not None and _URL_CHARACTERS.fullmatch(text) is not None


def validate_policy(tree: Tree, policy: L7Policy) -> list[Violation]:
    """``policy`` stands in ``tree`` already, and so does the pool that it chooses."""
    return list(_faults_of(tree, policy))


def _faults_of(tree: Tree, policy: L7Policy) -> Iterator[Violation]:
    protocol = tree.listeners[policy.listener_id].item.protocol
    if protocol is ListenerProtocol.PROMETHEUS:
        yield Violation(detail=CHILDLESS, field=None)
        return
    if not protocol.speaks_http:
        yield Violation(detail=f"L7 policies on a {protocol.value} listener", field=None, error=Unsupported)
    field = TARGETS.get(policy.action)
    target: str | None = None if field is None else getattr(policy, field)
    if field is not None and not target:
        yield Violation(
            detail=f"Invalid L7 Policy arguments: {policy.action.value} needs {field}.",
            field=field,
        )
    elif policy.action in REDIRECTS and not is_url(target or ""):
        yield Violation(detail=f"{field} must be a URL of http or https (RFC 3986).", field=field)
    if policy.action in REDIRECTS and policy.redirect_http_code not in CODES:
        codes = ", ".join(map(str, CODES))
        yield Violation(detail=f"redirect_http_code should be one of: {codes}.", field="redirect_http_code")
    pool = tree.pools.get(policy.redirect_pool_id or "")
    if pool is not None and pool.item.protocol not in COMPATIBLE[protocol]:
        yield Violation(
            detail=f"A listener with protocol {protocol.value} cannot have a pool with protocol "
            f"{pool.item.protocol.value}.",
            field="redirect_pool_id",
            error=ProtocolMismatch,
        )


def validate_number_of_rules(tree: Tree, policy_id: str) -> list[Violation]:
    living = sum(not record.deleting for record in tree.rules_of(policy_id))
    if living <= MOST_RULES:
        return []
    return [Violation(detail=f"Too many rules on L7 policy {policy_id}", field=None, error=Conflict)]


def validate_pool_removal(tree: Tree, pool_id: str) -> list[Violation]:
    """Of a pool alone; with its load balancer it goes in any case."""
    return [
        Violation(detail=f"Pool {pool_id} is in use by L7 policy {policy.id}", field=None, error=Conflict)
        for policy in tree.policies_to(pool_id)
        if not policy.deleting
    ]


def validate_rule(rule: L7Rule) -> list[Violation]:
    return [Violation(detail=f"Error parsing L7Rule: {detail}", field=field) for field, detail in _faults_of_rule(rule)]


def _faults_of_rule(rule: L7Rule) -> Iterator[tuple[str, str]]:
    kind = rule.type.value
    if rule.type in _NAMED:
        if rule.key is None:
            yield "key", f"{kind} needs a key."
        elif not _TOKEN.fullmatch(rule.key):
            yield "key", f"the key of {kind} has at most 255 characters, and no blank or separator."
        elif rule.type is RuleType.COOKIE and rule.key.startswith("$"):
            # HAProxy takes such a pair for an attribute of the cookie before it, as RFC 2109 had them.
            yield "key", f"the key of {kind} does not begin with $: no cookie of that name is ever looked at."
    elif rule.key is not None:
        yield "key", f"{kind} has no key."
    allowed = _COMPARISONS.get(rule.type)
    if allowed is not None and rule.compare_type not in allowed:
        words = " or ".join(sorted(each.value for each in allowed))
        yield "compare_type", f"compare_type of {kind} is {words}."
    yield from _faults_of_value(rule)


def _faults_of_value(rule: L7Rule) -> Iterator[tuple[str, str]]:
    if rule.type is RuleType.SSL_CONN_HAS_CERT:
        if rule.value.lower() != "true":
            yield "value", f"the value of {rule.type.value} is True."
        return
    if rule.type is RuleType.SSL_VERIFY_RESULT:
        if not _RESULT.fullmatch(rule.value):
            yield "value", f"the value of {rule.type.value} is a number, 0 or more."
        return
    text = rule.text
    if rule.type is RuleType.FILE_TYPE and rule.compare_type is Comparison.EQUAL_TO:
        text = text.removeprefix(".")
    if not text:
        yield "value", "there is nothing to compare with."
    elif len(rule.value) > 255 or _UNPRINTABLE.search(rule.value):
        yield "value", "a value has at most 255 characters, and no control character or line separator."
    elif " " in rule.value and rule.text == rule.value:
        yield "value", 'a value that contains blanks must be in double quotes, as "two words".'
