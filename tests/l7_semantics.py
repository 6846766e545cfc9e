"""What L7 policies mean, said once more and as plainly as can be: each policy is tried, each rule is looked at."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from evenload.model.enums import Comparison, RuleType
from evenload.model.l7 import L7Rule
from evenload.render.policy_index import PolicyInForce


@dataclass(frozen=True, slots=True)
class Request:
    """``path`` without a query. ``headers``: names in lower case, each line by itself."""

    host: str | None = None
    path: str = "/"
    headers: tuple[tuple[str, str], ...] = ()
    cookies: tuple[tuple[str, str], ...] = ()


def first_that_applies(policies: Sequence[PolicyInForce], request: Request) -> PolicyInForce | None:
    """``policies`` in their order."""
    return next((each for each in policies if all(matches(rule, request) for rule in each.rules)), None)


def matches(rule: L7Rule, request: Request) -> bool:
    return any(_compares(rule, text) for text in _texts(rule, request)) is not rule.invert


def _texts(rule: L7Rule, request: Request) -> list[str]:
    match rule.type:
        case RuleType.HOST_NAME:
            if request.host is None:
                return []
            whole = [request.host]
            sees_end = rule.compare_type not in (Comparison.STARTS_WITH, Comparison.CONTAINS)
            return [*whole, re.sub(r":[0-9]*\Z", "", request.host)] if sees_end else whole
        case RuleType.PATH:
            return [request.path]
        case RuleType.FILE_TYPE:
            _, dot, type = request.path.rpartition("/")[2].rpartition(".")
            dotted = [f".{type}"] if rule.compare_type is Comparison.REGEX else []
            return [type, *dotted] if dot else []
        case RuleType.HEADER:
            lines = [value for name, value in request.headers if name == (rule.key or "").lower()]
            values = [value.strip() for line in lines for value in line.split(",")]
            return values + (lines if "," in rule.text or rule.compare_type is Comparison.REGEX else [])
        case RuleType.COOKIE:
            return [value for name, value in request.cookies if name == rule.key]
        case _:
            return []  # no TLS here


def _compares(rule: L7Rule, text: str) -> bool:
    wanted = rule.text
    if rule.type is RuleType.HOST_NAME:
        wanted, text = wanted.lower(), text.lower()
    match rule.compare_type:
        case Comparison.EQUAL_TO:
            return text == (wanted.removeprefix(".") if rule.type is RuleType.FILE_TYPE else wanted)
        case Comparison.STARTS_WITH:
            return text.startswith(wanted)
        case Comparison.ENDS_WITH:
            return text.endswith(wanted)
        case Comparison.CONTAINS:
            return wanted in text
        case Comparison.REGEX:
            flags = re.IGNORECASE if rule.type is RuleType.HOST_NAME else 0
            return re.search(wanted, text, flags) is not None
