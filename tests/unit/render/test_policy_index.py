"""What is looked up leads to the policy that trying them one by one leads to."""

from collections.abc import Sequence
from itertools import count
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.l7_semantics import Request, first_that_applies, matches
from tests.l7_strategies import policies, requests

from evenload.model.enums import Comparison as Is
from evenload.model.enums import PolicyAction
from evenload.model.enums import RuleType as Of
from evenload.model.l7 import L7Policy, L7Rule
from evenload.render.policy_index import NONE, RESULTS, Group, Index, Level, PolicyInForce, make_index

_ids = count()


def rule(type: Of, compared: Is, value: str, key: str | None = None, **fields: Any) -> L7Rule:
    return L7Rule(
        id=f"r{next(_ids)}",
        policy_id="",
        type=type,
        compare_type=compared,
        value=value,
        key=key,
        **fields,
    )


def policy(*rules: L7Rule, action: PolicyAction = PolicyAction.REDIRECT_TO_POOL, **target: Any) -> PolicyInForce:
    return PolicyInForce(L7Policy(id=f"p{next(_ids)}", listener_id="web", action=action, place=1, **target), rules)


def indexed(policies: Sequence[PolicyInForce]) -> Index:
    """The result of a policy is its place."""
    return make_index(policies, policies.index)


def search(index: Index, request: Request) -> int:
    """The rank that HAProxy finds: its trees give the entry of that name, or that of the longest beginning."""
    rank = NONE
    for group in index.groups:
        if all(matches(rule, request) for rule in group.conditions):
            rank = min(rank, *_ranks(group, index, request), NONE)
    return rank


def _ranks(group: Group, index: Index, request: Request) -> list[int]:
    reached = [group.state]
    for place, level in enumerate(group.levels):
        texts = _texts(level, request)
        assert level.several is False or place == len(group.levels) - 1
        assert level.several or len(texts) <= 1
        reached = [
            found for state in reached for text in texts for found in _found(f"{state}{level.sign}{text}", level, index)
        ]
    return reached


def _found(name: str, level: Level, index: Index) -> list[int]:
    names = [name[:length] for length in range(len(name), 0, -1)] if level.beginning else [name]
    return [index.entries[each] for each in names if each in index.entries][:1]


def _texts(level: Level, request: Request) -> list[str]:
    match level.type:
        case Of.HOST_NAME if request.host is None:
            return []
        case Of.HOST_NAME:
            assert request.host is not None
            host = request.host.lower()
            name, colon, port = host.rpartition(":")
            return [name if colon and not level.beginning and (port.isdecimal() or not port) else host]
        case Of.PATH:
            return [request.path]
        case Of.FILE_TYPE:
            name = request.path.rpartition("/")[2]
            return [name.rpartition(".")[2]] if "." in name else []
        case Of.HEADER:
            lines = [value for name, value in request.headers if name == level.key]
            return [value.strip() for line in lines for value in line.split(",")]
        case _:
            return [value for name, value in request.cookies if name == level.key]


def choose(index: Index, order: Sequence[PolicyInForce], request: Request) -> PolicyInForce | None:
    """As the frontend does with what it has found."""
    rank = search(index, request)
    for each in index.tried:
        first = each.policy.policy.action is PolicyAction.REJECT or rank >= each.bound
        if first and all(matches(rule, request) for rule in each.policy.rules):
            return each.policy
    return None if rank == NONE else order[rank % RESULTS]


def outcome(found: PolicyInForce | None) -> object:
    """All refusals are the same."""
    return found and (found.policy.action is PolicyAction.REJECT or found.policy.id)


@settings(max_examples=150, deadline=None)
@given(policies(), st.lists(requests(), min_size=1, max_size=10))
def test_lookups_lead_to_the_first_policy_that_applies(order: list[PolicyInForce], asked: list[Request]) -> None:
    index = indexed(order)
    assert {each.policy.policy.id for each in index.tried} | {each.policy.id for each in index.looked_up} == {
        each.policy.id for each in order
    }
    for request in asked:
        assert outcome(choose(index, order, request)) == outcome(first_that_applies(order, request)), request


def test_a_thousand_hosts_with_paths_are_one_group() -> None:
    order = [
        policy(
            rule(Of.HOST_NAME, Is.EQUAL_TO, f"h{number % 100}.example"), rule(Of.PATH, Is.STARTS_WITH, f"/p{number}/")
        )
        for number in range(1000)
    ]
    index = indexed(order)
    assert len(index.groups) == 1
    assert not index.tried
    assert len(index.entries) == 1100
    for number in (0, 999):
        asked = Request(host=f"H{number % 100}.example:80", path=f"/p{number}/x")
        assert choose(index, order, asked) is order[number]


def test_one_condition_that_many_share_is_one_group() -> None:
    order = [
        policy(
            rule(Of.HEADER, Is.EQUAL_TO, "https", "X-Forwarded-Proto", invert=True),
            rule(Of.HOST_NAME, Is.EQUAL_TO, f"h{number}.example"),
        )
        for number in range(1000)
    ]
    index = indexed(order)
    assert [len(group.conditions) for group in index.groups] == [1]
    assert not index.tried


def test_what_a_map_cannot_carry_is_tried() -> None:
    order = [
        policy(rule(Of.PATH, Is.CONTAINS, "a")),
        policy(rule(Of.PATH, Is.ENDS_WITH, "a")),
        policy(rule(Of.PATH, Is.REGEX, "a")),
        policy(rule(Of.PATH, Is.EQUAL_TO, "/a", invert=True)),
        policy(rule(Of.PATH, Is.EQUAL_TO, '"/a b"')),
        policy(rule(Of.HEADER, Is.EQUAL_TO, "a,b", "X")),
        policy(rule(Of.HOST_NAME, Is.EQUAL_TO, "a.example:80")),
        policy(rule(Of.SSL_CONN_HAS_CERT, Is.EQUAL_TO, "True")),
    ]
    assert [each.policy for each in indexed(order).tried] == order


def test_beginnings_within_beginnings_do_not_multiply() -> None:
    """Each host within the others, and each with the same many headers: too many states."""
    order = [
        policy(rule(Of.PATH, Is.STARTS_WITH, "/" + "a" * number), rule(Of.HEADER, Is.EQUAL_TO, "1", "X"))
        for number in range(200)
    ]
    assert len(indexed(order).tried) == 200
    alone = [policy(rule(Of.PATH, Is.STARTS_WITH, "/" + "a" * number)) for number in range(250)]
    index = indexed(alone)
    assert not index.tried
    assert choose(index, alone, Request(path="/" + "a" * 100)) is alone[0]


def test_a_position_changes_ranks_alone() -> None:
    """Neither the groups nor the names of the entries."""
    order = [
        policy(rule(kind, Is.STARTS_WITH, f"/{number}"), rule(Of.HEADER, Is.CONTAINS, "a", "X"))
        for kind in (Of.PATH, Of.HOST_NAME)
        for number in range(5)
    ]
    index, moved = indexed(order), indexed(order[::-1])
    assert index.groups == moved.groups
    assert index.entries.keys() == moved.entries.keys()
    assert index.entries != moved.entries
