"""L7 rules as ACLs of a frontend, and the variables that keep what they look at. Pure.

A rule is an ACL named by its id; several lines of one name are alternatives.
"""

from collections.abc import Iterable, Iterator, Mapping

from evenload.model.enums import Comparison, RuleType
from evenload.model.l7 import L7Rule
from evenload.render import quoting
from evenload.render.haproxy_clients import VERIFIED
from evenload.render.policy_index import Level, comparable

_METHODS = {
    Comparison.REGEX: "reg",
    Comparison.STARTS_WITH: "beg",
    Comparison.ENDS_WITH: "end",
    Comparison.CONTAINS: "sub",
    Comparison.EQUAL_TO: "str",
}
_SEES_END = frozenset({Comparison.REGEX, Comparison.ENDS_WITH, Comparison.EQUAL_TO})
"""Comparisons for which it matters whether a port follows the name of a host."""
_HOST = (
    "    http-request set-var(txn.host) req.hdr(host),lower",
    "    http-request set-var(txn.host_only) var(txn.host),host_only",
)
"""Looked up once for however many rules: a thousand of them look at one request."""
_HOST_ONLY = "    http-request set-var(txn.host_only) req.hdr(host),lower,host_only"
_FILE_TYPE = (
    "    http-request set-var(txn.file) path,field(-1,/)",
    "    http-request set-var(txn.type) var(txn.file),field(-1,.) if { var(txn.file) -m sub . }",
    "    http-request set-var(txn.suffix) str(.),concat(,txn.type) if { var(txn.type) -m found }",
)


def name_subjects(rules: Iterable[L7Rule]) -> Mapping[str, str]:
    """By field of the subject of the client's certificate, the variable that keeps it."""
    fields = sorted({rule.key or "" for rule in rules if rule.type is RuleType.SSL_DN_FIELD})
    return {key: f"txn.subject{number}" for number, key in enumerate(fields)}


def render_variables(rules: Iterable[L7Rule], levels: Iterable[Level], subjects: Mapping[str, str]) -> Iterator[str]:
    """What those rules and those levels look at, kept once for all of them."""
    rules, levels = tuple(rules), tuple(levels)
    types = {rule.type for rule in rules} | {level.type for level in levels}
    if RuleType.HOST_NAME in types:
        tried = any(rule.type is RuleType.HOST_NAME for rule in rules)
        begins = any(level.type is RuleType.HOST_NAME and level.beginning for level in levels)
        yield from _HOST if tried or begins else (_HOST_ONLY,)
    if RuleType.FILE_TYPE in types:
        yield from _FILE_TYPE
    if any(level.type is RuleType.PATH for level in levels):
        yield "    http-request set-var(txn.path) path"
    for key, variable in subjects.items():
        # Of a verified certificate alone: anybody can make one that says whatever he likes.
        yield f"    http-request set-var({variable}) {quoting.header_fetch('ssl_c_s_dn', key)} if {VERIFIED}"


def name_variable(level: Level, subjects: Mapping[str, str]) -> str:
    """The one that keeps the text of a level that has one text."""
    match level.type:
        case RuleType.HOST_NAME:
            return "txn.host" if level.beginning else "txn.host_only"
        case RuleType.FILE_TYPE:
            return "txn.type"
        case RuleType.SSL_DN_FIELD:
            return subjects[level.key]
        case _:
            return "txn.path"


def fetch_several(level: Level) -> str:
    """The texts of a level that may have several, one after the other."""
    return quoting.header_fetch("req.cook" if level.type is RuleType.COOKIE else "req.hdr", level.key)


def render_condition(rules: Iterable[L7Rule]) -> str:
    return " ".join(f"{'!' if rule.invert else ''}{quoting.identifier(rule.id)}" for rule in rules)


def render_acl(rule: L7Rule, subjects: Mapping[str, str]) -> list[str]:
    name = quoting.identifier(rule.id)
    if rule.type is RuleType.SSL_CONN_HAS_CERT:
        return [f"    acl {name} ssl_c_used"]
    if rule.type is RuleType.SSL_VERIFY_RESULT:
        if not rule.value.isascii() or not rule.value.isdecimal():
            raise quoting.UnsafeText("value")
        return [f"    acl {name} ssl_c_verify {quoting.number(int(rule.value), 0, 2**31 - 1, 'value')}"]
    flags = "-i " if rule.type is RuleType.HOST_NAME else ""
    words = f"{flags}-m {_METHODS[rule.compare_type]} -- {quoting.pattern(comparable(rule))}"
    return [f"    acl {name} {fetch} {words}" for fetch in _fetches(rule, subjects)]


def _fetches(rule: L7Rule, subjects: Mapping[str, str]) -> tuple[str, ...]:
    """What is compared: the rule matches where one of these does."""
    key, comparison = rule.key or "", rule.compare_type
    match rule.type:
        case RuleType.HOST_NAME:
            return ("var(txn.host)", "var(txn.host_only)") if comparison in _SEES_END else ("var(txn.host)",)
        case RuleType.FILE_TYPE:
            return ("var(txn.type)", "var(txn.suffix)") if comparison is Comparison.REGEX else ("var(txn.type)",)
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
