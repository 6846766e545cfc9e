"""Random policies that have much in common with each other, and requests that have much in common with them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st
from tests.l7_semantics import Request

from evenload.model.enums import Comparison as Is
from evenload.model.enums import PolicyAction
from evenload.model.enums import RuleType as Of
from evenload.model.l7 import L7Policy, L7Rule, in_order_of_action
from evenload.render.policy_index import PolicyInForce

HOSTS = ("a", "a.example", "A.example", "a.example:80", "b", "b.example", "a.example.org", "ab:8080")
PATHS = ("/", "/a", "/a/", "/a/b", "/a/b.gz", "/a/b/c.tar.gz", "/ab", "/b", "/b/a.gz", "/c.gz.", "/a^b=1")
TYPES = ("gz", ".gz", "tar.gz", "b", "c")
VALUES = ("1", "10", "1,0", "100", "a", "ab", '"a b"', "a=", "=1", "^1")
HEADERS = ("X-One", "x-two", "X-Forwarded-Proto")
COOKIES = ("one", "One", "two")
_TEXTS = {Of.HOST_NAME: HOSTS, Of.PATH: PATHS, Of.FILE_TYPE: TYPES, Of.HEADER: VALUES, Of.COOKIE: VALUES}
_KEYS = {Of.HEADER: HEADERS, Of.COOKIE: COOKIES}
_EVERY = (Is.EQUAL_TO, Is.STARTS_WITH, Is.EQUAL_TO, Is.STARTS_WITH, Is.ENDS_WITH, Is.CONTAINS, Is.REGEX)
TARGETS: Mapping[PolicyAction, Mapping[str, Any]] = {
    PolicyAction.REJECT: {},
    PolicyAction.REDIRECT_TO_URL: {"redirect_url": "https://else.example/a%20b?c=%41&d='e';f#g"},
    PolicyAction.REDIRECT_PREFIX: {"redirect_prefix": "https://else.example/pre"},
    PolicyAction.REDIRECT_TO_POOL: {"redirect_pool_id": "other"},
}


@st.composite
def rules(draw: st.DrawFn, most: int = 3) -> tuple[L7Rule, ...]:
    """Of one policy, without ids."""
    found = []
    for _ in range(draw(st.integers(1, most))):
        type = draw(st.sampled_from(list(_TEXTS)))
        compared = draw(st.sampled_from((Is.EQUAL_TO, Is.REGEX) if type is Of.FILE_TYPE else _EVERY))
        value = draw(st.sampled_from(_TEXTS[type]))
        if compared is Is.REGEX:
            value = value.strip('"').replace(".", "[.]").replace("^", "")
            value = f'"{value or "x"}"'
        found.append(
            L7Rule(
                id="",
                policy_id="",
                type=type,
                compare_type=compared,
                value=value,
                key=draw(st.sampled_from(_KEYS[type])) if type in _KEYS else None,
                invert=draw(st.integers(0, 5)) == 0,
            )
        )
    return tuple(found)


@st.composite
def policies(draw: st.DrawFn, listener_id: str = "web", most: int = 30) -> list[PolicyInForce]:
    """In the order in which they apply. Many have the same shape: what differs are the values."""
    shapes = draw(st.lists(rules(), min_size=1, max_size=4))
    found: list[PolicyInForce] = []
    for number in range(draw(st.integers(1, most))):
        action = draw(st.sampled_from(list(PolicyAction)))
        shape = draw(st.sampled_from(shapes))
        those = []
        for place, rule in enumerate(shape):
            changed = rule.compare_type in (Is.EQUAL_TO, Is.STARTS_WITH) and not rule.invert
            value = draw(st.sampled_from(_TEXTS[rule.type])) if changed else rule.value
            those.append(replace(rule, id=f"r{number}.{place}", policy_id=f"p{number}", value=value))
        target = dict(TARGETS[action])
        if action is PolicyAction.REDIRECT_TO_POOL:
            target = {"redirect_pool_id": draw(st.sampled_from(("app", "other")))}
        if action in (PolicyAction.REDIRECT_TO_URL, PolicyAction.REDIRECT_PREFIX):
            target |= {"redirect_http_code": draw(st.sampled_from((None, 301, 308)))}
        policy = L7Policy(
            id=f"p{number}",
            listener_id=listener_id,
            action=action,
            place=draw(st.integers(1, 99)),
            **target,
        )
        found.append(PolicyInForce(policy, tuple(those)))
    order = in_order_of_action(each.policy for each in found)
    by_id = {each.policy.id: each for each in found}
    return [by_id[policy.id] for policy in order]


@st.composite
def policies_to_pools(draw: st.DrawFn, most: int = 12) -> list[PolicyInForce]:
    """Of one shape, all of it to be looked up, and nothing to be compared with what is found."""
    types = draw(st.lists(st.sampled_from((Of.HOST_NAME, Of.PATH, Of.FILE_TYPE)), min_size=1, unique=True))
    shape = [(type, draw(st.sampled_from((Is.EQUAL_TO, Is.STARTS_WITH)))) for type in types]
    found = []
    for place in range(1, draw(st.integers(1, most)) + 1):
        policy = L7Policy(
            id=f"p{place}",
            listener_id="web",
            action=PolicyAction.REDIRECT_TO_POOL,
            place=place,
            redirect_pool_id=draw(st.sampled_from(("app", "other"))),
        )
        those = [
            L7Rule(
                id=f"r{place}.{number}",
                policy_id=policy.id,
                type=type,
                compare_type=Is.EQUAL_TO if type is Of.FILE_TYPE else compared,
                value=draw(st.sampled_from([text for text in _TEXTS[type] if " " not in text and ":" not in text])),
            )
            for number, (type, compared) in enumerate(shape)
        ]
        found.append(PolicyInForce(policy, tuple(those)))
    return found


@st.composite
def requests(draw: st.DrawFn) -> Request:
    values = st.sampled_from([value.strip('"') for value in VALUES] + ["", "1, 10", "b,a ,1", "10,  a=", "x"])
    cookie_values = st.sampled_from([value for value in VALUES if "," not in value and " " not in value] + ["x"])
    return Request(
        host=draw(st.sampled_from([*HOSTS, "a.example:8080", "A", "b.example:", "x.example", "aa", None])),
        path=draw(st.sampled_from([*PATHS, "/a/b/x", "/x", "/a/b.gz/", "/A", "/a^b=12"])),
        headers=tuple((name.lower(), draw(values)) for name in HEADERS for _ in range(draw(st.integers(0, 2)))),
        cookies=tuple((name, draw(cookie_values)) for name in COOKIES if draw(st.booleans())),
    )
