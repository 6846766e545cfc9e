"""Moments, as people say them."""

import argparse
from datetime import UTC, datetime, timedelta

import pytest

from evenload.main.events import read_moment

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def test_moments() -> None:
    assert read_moment("90s", NOW) == NOW - timedelta(seconds=90)
    assert read_moment("2h", NOW) == NOW - timedelta(hours=2)
    assert read_moment("3d", NOW) == NOW - timedelta(days=3)
    assert read_moment("2026-01-01") == datetime(2026, 1, 1, tzinfo=UTC)
    assert read_moment("2026-01-01T10:00+02:00") == datetime(2026, 1, 1, 8, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "yesterday", "5", "10x", "999999999d", "-5m", "0001-01-01T00:00+14:00"])
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        read_moment(text, NOW)
