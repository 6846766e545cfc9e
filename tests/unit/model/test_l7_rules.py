"""The rules of L7 policies and rules, row by row."""

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.model.test_tree import large_tree

from evenload.model import l7_rules
from evenload.model.enums import Comparison, ListenerProtocol, PolicyAction, PoolProtocol, RuleType
from evenload.model.errors import Conflict, ProtocolMismatch, Unsupported
from evenload.model.l7 import L7Policy, L7Rule

URL = "https://example.com/a?b=%20#c"
FINE = L7Rule(id="r", policy_id="y", type=RuleType.PATH, compare_type=Comparison.EQUAL_TO, value="/")


@pytest.mark.parametrize(
    ("fields", "faulty"),
    [
        ({}, None),
        ({"compare_type": Comparison.REGEX, "value": "^/"}, None),
        ({"type": RuleType.HEADER, "key": "X-Test"}, None),
        ({"type": RuleType.HEADER}, "key"),
        ({"type": RuleType.COOKIE}, "key"),
        ({"type": RuleType.COOKIE, "key": "a$"}, None),
        ({"type": RuleType.COOKIE, "key": "$a"}, "key"),  # HAProxy never looks at such a cookie
        ({"type": RuleType.SSL_DN_FIELD}, "key"),
        ({"type": RuleType.SSL_DN_FIELD, "key": "CN"}, None),
        *(({"type": RuleType.HEADER, "key": key}, "key") for key in ("a b", "a:", 'a"', "a,b", "a(", "é", "a\n", "")),
        ({"key": "X"}, "key"),
        ({"type": RuleType.HOST_NAME, "key": "X"}, "key"),
        ({"type": RuleType.FILE_TYPE, "value": "jpg"}, None),
        ({"type": RuleType.FILE_TYPE, "compare_type": Comparison.CONTAINS}, "compare_type"),
        ({"type": RuleType.FILE_TYPE, "value": "."}, "value"),
        ({"type": RuleType.SSL_CONN_HAS_CERT, "value": "True"}, None),
        ({"type": RuleType.SSL_CONN_HAS_CERT, "value": "false"}, "value"),
        ({"type": RuleType.SSL_CONN_HAS_CERT, "value": "True", "compare_type": Comparison.REGEX}, "compare_type"),
        ({"type": RuleType.SSL_VERIFY_RESULT, "value": "0"}, None),
        *(({"type": RuleType.SSL_VERIFY_RESULT, "value": value}, "value") for value in ("-1", "x", "١", "1e3")),
        ({"type": RuleType.SSL_VERIFY_RESULT, "value": "1", "key": "x"}, "key"),
        ({"value": '"two words"'}, None),
        ({"value": "two words"}, "value"),
        ({"value": '"two words'}, "value"),
        ({"value": '""'}, "value"),
        ({"value": ""}, "value"),
        ({"value": '"'}, None),
        *(({"value": f"a{character}b"}, "value") for character in "\r\n\0\x85\u2028\ud800"),
        ({"value": "x" * 255}, None),
        ({"value": "x" * 256}, "value"),
    ],
)
def test_rules(fields: dict[str, Any], faulty: str | None) -> None:
    found = l7_rules.validate_rule(replace(FINE, **fields))
    assert [each.field for each in found] == ([] if faulty is None else [faulty])
    assert all(each.detail.startswith("Error parsing L7Rule: ") for each in found)


@pytest.mark.parametrize(
    ("value", "text"),
    [('"a b"', "a b"), ('"ab"', "ab"), ('a"b', 'a"b'), ('"', '"'), ('"a"b"', 'a"b'), ("'a'", "'a'")],
)
def test_double_quotes_around_a_value_are_no_part_of_it(value: str, text: str) -> None:
    assert replace(FINE, value=value).text == text


@pytest.mark.parametrize(
    ("action", "fields", "faulty"),
    [
        (PolicyAction.REJECT, {}, None),
        (PolicyAction.REDIRECT_TO_POOL, {"redirect_pool_id": "p0"}, None),
        (PolicyAction.REDIRECT_TO_POOL, {}, "redirect_pool_id"),
        (PolicyAction.REDIRECT_TO_URL, {"redirect_url": URL, "redirect_http_code": 302}, None),
        (PolicyAction.REDIRECT_TO_URL, {"redirect_http_code": 302}, "redirect_url"),
        (PolicyAction.REDIRECT_TO_URL, {"redirect_url": URL, "redirect_http_code": 304}, "redirect_http_code"),
        (PolicyAction.REDIRECT_PREFIX, {"redirect_prefix": URL, "redirect_http_code": 308}, None),
        (PolicyAction.REDIRECT_PREFIX, {"redirect_prefix": "ftp://x", "redirect_http_code": 308}, "redirect_prefix"),
    ],
)
def test_policies(action: PolicyAction, fields: dict[str, Any], faulty: str | None) -> None:
    tree = large_tree(1, 0, 1)
    policy = L7Policy(id="y", listener_id="l0", action=action, place=1, **fields)
    found = l7_rules.validate_policy(tree, policy)
    assert [each.field for each in found] == ([] if faulty is None else [faulty])


@pytest.mark.parametrize("url", ["http://a", "https://a.example:8080/x;y=1,2?z='(!)*", "http://[::1]/", URL])
def test_urls(url: str) -> None:
    assert l7_rules.is_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/a",
        "//a",
        "http://",
        "http:///x",
        "ftp://a",
        "HTTP//a",
        "http://a b",
        "http://a\n",
        "http://a/%",
        "http://a/%zz",
        'http://a/"',
        "http://a/<",
        "http://a/\\",
        "http://é/",
        "http://a/{}",
        "http://?x",
        "http://a/" + "x" * 255,
    ],
)
def test_no_urls(url: str) -> None:
    assert not l7_rules.is_url(url)


def test_a_policy_needs_a_listener_that_speaks_http_and_a_pool_that_fits() -> None:
    tree = large_tree(1, 0, 1)
    policy = tree.policies["y0"].item
    listener, pool = tree.listeners["l0"], tree.pools["p0"]
    tcp = tree.with_record(replace(listener, item=replace(listener.item, protocol=ListenerProtocol.TCP)))
    assert [each.error for each in l7_rules.validate_policy(tcp, policy)] == [Unsupported]
    other = tree.with_record(replace(pool, item=replace(pool.item, protocol=PoolProtocol.TCP)))
    assert [each.error for each in l7_rules.validate_policy(other, policy)] == [ProtocolMismatch]


def test_fifty_rules_at_most_and_no_pool_that_a_policy_chooses_goes() -> None:
    tree = large_tree(1, 0, 1)
    rule = tree.rules["r0"]
    more = [replace(rule, item=replace(rule.item, id=f"more{each}")) for each in range(50)]
    assert l7_rules.validate_number_of_rules(tree.with_records(more[:49]), "y0") == []
    [violation] = l7_rules.validate_number_of_rules(tree.with_records(more), "y0")
    assert (violation.detail, violation.error) == ("Too many rules on L7 policy y0", Conflict)
    going = replace(more[0], deleting=True)
    assert l7_rules.validate_number_of_rules(tree.with_records([*more[1:], going]), "y0") == []

    [violation] = l7_rules.validate_pool_removal(tree, "p0")
    assert (violation.detail, violation.error) == ("Pool p0 is in use by L7 policy y0", Conflict)
    assert l7_rules.validate_pool_removal(tree.with_record(replace(tree.policies["y0"], deleting=True)), "p0") == []
