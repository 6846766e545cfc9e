"""The map files of looked-up policies: what stands in them, and that HAProxy reads it as it was meant."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.render.test_policy_index import policy, rule

from evenload.model.balancer import Listener
from evenload.model.enums import Comparison as Is
from evenload.model.enums import ListenerProtocol, PolicyAction
from evenload.model.enums import RuleType as Of
from evenload.render import quoting
from evenload.render.haproxy_policies import PolicyLines, render_policies
from evenload.render.policy_index import PolicyInForce

WEB = Listener(id="web", load_balancer_id="lb", protocol=ListenerProtocol.HTTP, port=80)
ANY = st.one_of(
    st.text(min_size=1, max_size=255),
    st.text(" \t\n\r\0#;\\'\"=^\u0085\u00a0\u2028 /aé", min_size=1, max_size=255),
)


def rendered(*policies: PolicyInForce) -> PolicyLines:
    return render_policies(WEB, policies, {"app": "app", "other": "other:web"}, "/lb")


def read_map(content: bytes) -> list[tuple[bytes, bytes]]:
    """As pattern.c of HAProxy does it: lines end with a line feed, blanks are spaces and tabs."""
    found = []
    for line in content.split(b"\n"):
        if line.startswith(b"#") or not line.strip(b" \t\r"):
            continue
        match = re.match(rb"[ \t]*([^ \t\r]+)[ \t]*([^\r]*?)[ \t]*(\r|\Z)", line)
        assert match is not None
        found.append((match[1], match[2]))
    return found


def test_what_stands_in_them() -> None:
    to_app = policy(
        rule(Of.HOST_NAME, Is.EQUAL_TO, "A.example"), rule(Of.PATH, Is.STARTS_WITH, "/a/"), redirect_pool_id="app"
    )
    to_other = policy(
        rule(Of.HOST_NAME, Is.EQUAL_TO, "a.example"), rule(Of.PATH, Is.STARTS_WITH, "/"), redirect_pool_id="other"
    )
    away = policy(
        rule(Of.PATH, Is.EQUAL_TO, "/away"), action=PolicyAction.REDIRECT_TO_URL, redirect_url="https://e.example/#a"
    )
    no = policy(rule(Of.PATH, Is.EQUAL_TO, "/no"), action=PolicyAction.REJECT)
    [file] = rendered(no, away, to_app, to_other).files
    lines = file.content.expose().decode().splitlines()
    numbers = {text: name.removesuffix(">") for name, text in map(str.split, lines) if name.endswith(">")}
    assert numbers.keys() == {"app", "other:web", "https://e.example/#a"}
    assert {int(number) % 16 for number in numbers.values()} == {0, 2}
    assert lines[:5] == [
        "0=a.example 1",
        f"1^/a/ {3 * 10**10 + int(numbers['app'])}",
        f"1^/ {4 * 10**10 + int(numbers['other:web'])}",
        "2=/no 0",
        f"2=/away {2 * 10**10 + int(numbers['https://e.example/#a'])}",
    ]


def test_a_pool_stands_where_it_is_found_if_nothing_is_compared_with_it() -> None:
    """A group alone, which leads to pools alone; what is tried refuses, and comes first anyway."""
    hosts = [policy(rule(Of.HOST_NAME, Is.EQUAL_TO, name), redirect_pool_id=pool) for name, pool in ROWS]
    no = policy(rule(Of.PATH, Is.CONTAINS, "/no"), action=PolicyAction.REJECT)
    lines = rendered(no, *hosts)
    [file] = lines.files
    assert file.content.expose() == b"0=a.example app\n0=b.example other:web\n"
    assert lines.choices == ("    use_backend %[str(0),concat(=,txn.host_only),map_str(/lb/slots/web.policies)]",)
    moved = rendered(no, *reversed(hosts))
    assert (moved.requests, moved.choices) == (lines.requests, lines.choices)


ROWS = [("a.example", "app"), ("b.example", "other")]
OTHERS = [
    policy(rule(Of.PATH, Is.EQUAL_TO, "/no"), action=PolicyAction.REJECT),
    policy(rule(Of.PATH, Is.CONTAINS, "/x"), redirect_pool_id="app"),
    policy(rule(Of.PATH, Is.EQUAL_TO, "/x"), redirect_pool_id="app"),
    policy(rule(Of.HEADER, Is.EQUAL_TO, "x", key="X"), redirect_pool_id="app"),
    policy(
        rule(Of.HOST_NAME, Is.EQUAL_TO, "x"), action=PolicyAction.REDIRECT_TO_URL, redirect_url="https://e.example/"
    ),
]


@pytest.mark.parametrize("other", OTHERS)
def test_else_ranks_are_compared(other: PolicyInForce) -> None:
    lines = rendered(
        other, *(policy(rule(Of.HOST_NAME, Is.EQUAL_TO, name), redirect_pool_id=pool) for name, pool in ROWS)
    )
    assert any("set-var(txn.rank" in line for line in lines.requests)
    assert all("txn.rank" in line for line in lines.choices)


@given(st.lists(ANY, min_size=1, max_size=8), st.sampled_from([Is.EQUAL_TO, Is.STARTS_WITH]))
def test_each_text_is_one_entry_or_is_refused(texts: list[str], compared: Is) -> None:
    """Nothing breaks out of its line, is cut, or hides another one."""
    policies = [policy(rule(Of.PATH, compared, f'"{text}"'), redirect_pool_id="app") for text in texts]
    try:
        lines = rendered(*policies)
    except quoting.UnsafeText:
        assert any(re.search("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]", text) for text in texts)
        return
    carried = {text for text in texts if " " not in text}
    tried = [line for line in lines.requests if line.startswith("    acl ")]
    assert len(tried) == sum(" " in text for text in texts)
    if not carried:
        assert not lines.files
        return
    [file] = lines.files
    entries = read_map(file.content.expose())
    if tried:  # what was found is compared with the place of those
        *entries, (result, backend) = entries
        assert result.removesuffix(b">").isdigit()
        assert backend == b"app"
    sign = "^" if compared is Is.STARTS_WITH else "="
    assert {key for key, _ in entries} == {f"0{sign}{text}".encode() for text in carried}
    assert all(value.isdigit() if tried else value == b"app" for _, value in entries)


@given(ANY)
def test_a_location_in_a_map_is_a_whole_url(text: str) -> None:
    away = policy(
        rule(Of.PATH, Is.EQUAL_TO, "/"), action=PolicyAction.REDIRECT_PREFIX, redirect_prefix=f"https://a{text}"
    )
    try:
        [file] = rendered(away).files
    except quoting.UnsafeText:
        return
    assert read_map(file.content.expose())[1][1] == f"https://a{text}".encode()
