"""Text for terminals: widths, colours, and what a tenant's name must not do."""

import io

import pytest

from evenload.main.terminal import (
    Column,
    Screen,
    amount,
    cut_height,
    duration,
    fit,
    pad,
    paint,
    read_screen,
    render_table,
    safe,
    width_of,
    wrap,
)

WIDE_LETTER = "\N{CJK UNIFIED IDEOGRAPH-4E2D}"
ACCENT = "e\N{COMBINING ACUTE ACCENT}"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_pipe_is_as_wide_as_it_gets_and_has_no_colours() -> None:
    assert read_screen(io.StringIO()) == Screen()


def test_a_terminal_has_its_size_and_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("COLUMNS", "70"), ("LINES", "20"), ("TERM", "xterm"), ("NO_COLOR", "")):
        monkeypatch.setenv(name, value)
    assert read_screen(Terminal()) == Screen(width=70, height=20, colours=True)


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_colours_can_be_taken_away(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    assert not read_screen(Terminal()).colours


def test_words_are_coloured_and_parts_of_words_are_not() -> None:
    screen = Screen(colours=True)
    assert paint(["! ERROR x"], screen) == ["\x1b[31m!\x1b[0m \x1b[31mERROR\x1b[0m x"]
    assert paint(["ERRORS no-ERROR OK!"], screen) == ["ERRORS no-ERROR OK!"]
    assert paint(["ERROR"], Screen()) == ["ERROR"]


def test_nothing_steers_the_terminal() -> None:
    assert safe("a\x1b[2J\n\u202eb\x07") == "a�[2J��b�"
    assert safe("ä" + WIDE_LETTER) == "ä" + WIDE_LETTER


def test_cells_are_counted_and_not_characters() -> None:
    assert (width_of(WIDE_LETTER * 2), width_of(ACCENT)) == (4, 1)
    assert fit(WIDE_LETTER * 4, 6) == WIDE_LETTER * 2 + "…"
    assert fit("abcdef", 4) == "abc…"
    assert fit("abcd", 4) == fit("abcd", None) == "abcd"
    assert pad(WIDE_LETTER, 4) == WIDE_LETTER + "  "
    assert pad("7", 3, right=True) == "  7"


def test_long_lines_are_wrapped_between_words() -> None:
    text = "one two three four five six seven"
    assert wrap(text, None, first="! ") == [f"! {text}"]
    assert wrap(text, 22, first="! ", rest="  ") == ["! one two three four", "  five six seven"]


COLUMNS = (Column("A", 3, shrinks=True), Column("B", 1), Column("N", 2, right=True))


def test_columns_go_in_the_order_in_which_they_are_needed_least() -> None:
    rows = [["a" * 20, "b" * 20, "1"], ["short", "", "22"]]
    assert render_table(COLUMNS, rows, None)[1].split() == rows[0]
    assert render_table(COLUMNS, rows, 30) == [f"{'A':<20}   N", f"{'a' * 20}   1", f"{'short':<20}  22"]
    assert render_table(COLUMNS, rows, 18) == [f"{'A':<14}   N", f"{'a' * 13}…   1", f"{'short':<14}  22"]


def test_a_column_that_says_nothing_is_left_out() -> None:
    assert render_table(COLUMNS, [["a", "", "1"]], None) == ["A  N", "a  1"]


def test_what_does_not_go_on_the_screen_is_counted() -> None:
    lines = [str(number) for number in range(10)]
    assert cut_height(lines, 5) == ["0", "1", "2", "… 7 more lines: without --watch all are shown"]
    assert cut_height(lines, 11) == cut_height(lines, None) == lines


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-3, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3600, "1 h"),
        (3700, "1 h 1 min"),
        (86400, "1 d"),
        (200_000, "2 d 7 h"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [(None, ""), (0, "0 B"), (0.44, "0.4 B"), (12.3, "12 B"), (999, "999 B"), (1234, "1.2 kB"), (2.5e12, "2.5 TB")],
)
def test_amounts(number: float | None, text: str) -> None:
    assert amount(number, "B") == text


def test_nothing_of_a_wide_text_is_lost_in_its_lines() -> None:
    for text in ("漢" * 100, "a 漢字 " * 30, "e\u0301" * 150, "short " + "x" * 90):
        lines = wrap(text, 40, first="> ", rest="  ")
        assert "".join(lines)[2:].replace(" ", "") == text.replace(" ", "")
        assert max(map(width_of, lines)) <= 40
