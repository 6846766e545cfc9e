"""When several monitors agree about a member."""

import pytest

from evenload.model.verdict import Verdict, agreement


@pytest.mark.parametrize(
    ("ups", "expected"),
    [
        ([], True),
        ([True, True], True),
        ([True, None], None),
        ([None], None),
        ([None, False], False),
        ([False, True], False),
    ],
)
def test_agreement(ups: list[bool | None], expected: bool | None) -> None:
    verdicts = [None if up is None else Verdict(monitor="m", member="n", up=up) for up in ups]
    assert agreement(verdicts) is expected
