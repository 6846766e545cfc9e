"""A listener's L7 policies as lines of its frontend. Pure.

HAProxy asks ``http-request`` rules before ``use_backend`` ones, and each sort in the order of the file, so the lines
stand in the order of Octavia's actions. A rule is an ACL named by its id; several lines of one name are alternatives.
What a rule looks at is what the client sent, also where the listener inserts a header of that name.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from evenload.model.balancer import Listener
from evenload.model.desired import Desired
from evenload.model.enums import Comparison, InsertedHeader, PolicyAction, RuleType
from evenload.model.l7 import L7Policy, L7Rule, in_order_of_action
from evenload.render import quoting
from evenload.render.haproxy_clients import VERIFIED

_CODES = (301, 302, 303, 307, 308)
_FOUND = 302
_METHODS = {
    Comparison.REGEX: "reg",
    Comparison.STARTS_WITH: "beg",
    Comparison.ENDS_WITH: "end",
    Comparison.CONTAINS: "sub",
    Comparison.EQUAL_TO: "str",
}
_SEES_END = frozenset({Comparison.REGEX, Comparison.ENDS_WITH, Comparison.EQUAL_TO})
"""Comparisons for which it matters whether a port follows the name of a host."""
_REPLACED = {
    InsertedHeader.X_FORWARDED_PORT.value.lower(): "txn.sent_port",
    InsertedHeader.X_FORWARDED_PROTO.value.lower(): "txn.sent_proto",
}
"""Headers that a listener puts in place of the client's, and the variable that keeps what that was."""
_HOST = (
    "    http-request set-var(txn.host) req.hdr(host)",
    "    http-request set-var(txn.host_only) var(txn.host),host_only",
)
"""Looked up once for however many rules: a thousand of them look at one request."""
_FILE_TYPE = (
    "    http-request set-var(txn.file) path,field(-1,/)",
    "    http-request set-var(txn.type) var(txn.file),field(-1,.) if { var(txn.file) -m sub . }",
    "    http-request set-var(txn.suffix) str(.),concat(,txn.type) if { var(txn.type) -m found }",
)


@dataclass(frozen=True, slots=True)
class PolicyInForce:
    """A policy with its enabled rules, one at least."""

    policy: L7Policy
    rules: tuple[L7Rule, ...]

    @property
    def pool_id(self) -> str | None:
        """Where it sends requests, if it sends them to members."""
        return self.policy.redirect_pool_id if self.policy.action is PolicyAction.REDIRECT_TO_POOL else None


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
    """``requests``: before any header is inserted; ``choices``: before the default backend."""

    requests: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()


def render_policies(listener: Listener, policies: Iterable[PolicyInForce], backends: Mapping[str, str]) -> PolicyLines:
    """``backends``: names of the listener's, by pool. A policy whose pool has none is passed over."""
    applicable = [each for each in policies if each.pool_id is None or each.pool_id in backends]
    replaced = _replaced_by(listener)
    rules = [rule for each in applicable for rule in each.rules]
    subjects = _subjects_of(rules)
    requests = [*_variables(rules, replaced), *_subject_lines(subjects)]
    requests += [line for rule in rules for line in _acl(rule, replaced, subjects)]
    requests += [_answer(each) for each in applicable if each.pool_id is None]
    choices = [
        f"    use_backend {backends[each.pool_id]} if {_condition(each.rules)}"
        for each in applicable
        if each.pool_id is not None
    ]
    return PolicyLines(tuple(requests), tuple(choices))


def _answer(each: PolicyInForce) -> str:
    """Of HAProxy's own, without a member."""
    policy, condition = each.policy, _condition(each.rules)
    match policy.action:
        case PolicyAction.REDIRECT_TO_URL:
            where = f"location {quoting.location(policy.redirect_url or '')}"
        case PolicyAction.REDIRECT_PREFIX:
            where = f"prefix {quoting.location(policy.redirect_prefix or '')}"
        case _:
            return f"    http-request deny deny_status 403 if {condition}"
    code = policy.redirect_http_code or _FOUND
    if code not in _CODES:
        raise quoting.UnsafeText("redirect code")
    return f"    http-request redirect {where} code {code} if {condition}"


def _condition(rules: Iterable[L7Rule]) -> str:
    return " ".join(f"{'!' if rule.invert else ''}{quoting.identifier(rule.id)}" for rule in rules)


def _replaced_by(listener: Listener) -> Mapping[str, str]:
    on = {header.value.lower() for header in listener.insert_headers}
    return {name: variable for name, variable in _REPLACED.items() if name in on}


def _variables(rules: Iterable[L7Rule], replaced: Mapping[str, str]) -> Iterator[str]:
    asked = {rule.key.lower() for rule in rules if rule.type is RuleType.HEADER and rule.key is not None}
    for name, variable in replaced.items():
        if name in asked:
            yield f"    http-request set-var({variable}) req.fhdr({name})"
    if any(rule.type is RuleType.HOST_NAME for rule in rules):
        yield from _HOST
    if any(rule.type is RuleType.FILE_TYPE for rule in rules):
        yield from _FILE_TYPE


def _subjects_of(rules: Iterable[L7Rule]) -> Mapping[str, str]:
    """The fields of a subject that rules look at, and the variables that keep them."""
    keys = dict.fromkeys(rule.key or "" for rule in rules if rule.type is RuleType.SSL_DN_FIELD)
    return {key: f"txn.subject{number}" for number, key in enumerate(keys)}


def _subject_lines(subjects: Mapping[str, str]) -> Iterator[str]:
    """Of a verified certificate alone: anybody can make one that says whatever he likes."""
    for key, variable in subjects.items():
        fetch = quoting.header_fetch("ssl_c_s_dn", key)
        yield f"    http-request set-var({variable}) {fetch} if {VERIFIED}"


def _acl(rule: L7Rule, replaced: Mapping[str, str], subjects: Mapping[str, str]) -> list[str]:
    name = quoting.identifier(rule.id)
    if rule.type is RuleType.SSL_CONN_HAS_CERT:
        return [f"    acl {name} ssl_c_used"]
    if rule.type is RuleType.SSL_VERIFY_RESULT:
        if not rule.value.isascii() or not rule.value.isdecimal():
            raise quoting.UnsafeText("value")
        return [f"    acl {name} ssl_c_verify {quoting.number(int(rule.value), 0, 2**31 - 1, 'value')}"]
    text = rule.text
    if rule.type is RuleType.FILE_TYPE and rule.compare_type is Comparison.EQUAL_TO:
        text = text.removeprefix(".")
    flags = "-i " if rule.type is RuleType.HOST_NAME else ""
    words = f"{flags}-m {_METHODS[rule.compare_type]} -- {quoting.pattern(text)}"
    return [f"    acl {name} {fetch} {words}" for fetch in _fetches(rule, replaced, subjects)]


def _fetches(rule: L7Rule, replaced: Mapping[str, str], subjects: Mapping[str, str]) -> tuple[str, ...]:
    """What is compared: the rule matches where one of these does."""
    key, comparison = rule.key or "", rule.compare_type
    match rule.type:
        case RuleType.HOST_NAME:
            return ("var(txn.host)", "var(txn.host_only)") if comparison in _SEES_END else ("var(txn.host)",)
        case RuleType.FILE_TYPE:
            return ("var(txn.type)", "var(txn.suffix)") if comparison is Comparison.REGEX else ("var(txn.type)",)
        case RuleType.HEADER if key.lower() in replaced:
            return (f"var({replaced[key.lower()]})",)
        case RuleType.HEADER:
            # Each value of a list by itself, and all of it where that could make a difference.
            whole = comparison is Comparison.REGEX or "," in rule.text
            values, line = quoting.header_fetch("req.hdr", key), quoting.header_fetch("req.fhdr", key)
            return (values, line) if whole else (values,)
        case RuleType.COOKIE:
            return (quoting.header_fetch("req.cook", key),)
        case RuleType.SSL_DN_FIELD:
            return (f"var({subjects[key]})",)
        case _:
            return ("path",)
