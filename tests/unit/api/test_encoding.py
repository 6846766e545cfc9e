"""Answers as JSON text in pieces: the same text as in one, and no call of the encoder with more than a piece."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenload.api import encoding
from evenload.api.encoding import Encoded, encode

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner), max_leaves=60
)


@given(value=VALUES, at_once=st.integers(min_value=1, max_value=20))
def test_the_text_is_that_of_one_call(value: Any, at_once: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoding, "_AT_ONCE", at_once)
        assert encode(value) == json.dumps(value)


def test_what_is_encoded_already_stands_where_its_value_would() -> None:
    part = Encoded(encode([{"id": "a"}, None]))
    assert encode({"x": [part, 1, part], "y": part}) == json.dumps(
        {"x": [[{"id": "a"}, None], 1, [{"id": "a"}, None]], "y": [{"id": "a"}, None]}
    )


@pytest.mark.parametrize(
    "value",
    [
        {"members": [{"id": str(number), "tags": ["a", "b"]} for number in range(5000)]},
        {"pools": [{"members": [{"id": "a"}] * 5000}, {"members": []}]},
        {str(number): number for number in range(10_000)},
        list(range(10_000)),
    ],
    ids=["members", "pools", "names", "numbers"],
)
def test_no_call_of_the_encoder_gets_more_than_a_piece(value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = json.dumps(value)
    longest = 0

    def dumps(piece: Any) -> str:
        nonlocal longest
        text = json.JSONEncoder().encode(piece)
        longest = max(longest, len(text))
        return text

    monkeypatch.setattr("evenload.api.encoding.json.dumps", dumps)
    assert encode(value) == whole
    assert longest < len(whole) / 2
