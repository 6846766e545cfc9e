"""Text for a terminal: as wide as that is, coloured where it is one, and harmless whatever names tenants choose. Pure
but for ``read_screen`` and ``use_any_locale``."""

import io
import os
import re
import shutil
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TextIO

_RED, _YELLOW, _GREEN, _BOLD, _PLAIN = "\x1b[31m", "\x1b[33m", "\x1b[32m", "\x1b[1m", "\x1b[0m"
_COLOURS = {
    _RED: ("ERROR", "FAULT", "fault", "!"),
    _YELLOW: (
        "DEGRADED", "PENDING_CREATE", "PENDING_UPDATE", "PENDING_DELETE", "DRAINING", "WARNING", "warning", "OFFLINE",
    ),
    _GREEN: ("ONLINE", "ok"),
}  # fmt: skip
_WORDS = {word: colour for colour, words in _COLOURS.items() for word in words}
_WORD = re.compile(r"(?<!\S)(" + "|".join(re.escape(word) for word in _WORDS) + r")(?!\S)")
_GAP = "  "


@dataclass(frozen=True, slots=True)
class Screen:
    """``width`` and ``height`` None: as wide and long as it gets, for files and pipes."""

    width: int | None = None
    height: int | None = None
    colours: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """``needed``: columns that are needed more stay longer where there is no room for all. ``right``: numbers."""

    title: str
    needed: int = 0
    right: bool = False
    shrinks: bool = False


def read_screen(stream: TextIO) -> Screen:
    """NO_COLOR (no-color.org) and TERM=dumb take the colours away."""
    if not stream.isatty():
        return Screen()
    size = shutil.get_terminal_size()
    plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    return Screen(width=size.columns, height=size.lines, colours=not plain)


def use_any_locale(stream: TextIO) -> None:
    """What a locale lacks is shown as a question mark."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")


def admitted(word: str) -> str:
    """What somebody typed, where it is no text as a question mark: nothing is called so."""
    return word.encode(errors="replace").decode()


def safe(text: str) -> str:
    """Without what would steer a terminal or turn the direction of writing."""
    return "".join(character if character.isprintable() else "�" for character in text)


def width_of(text: str) -> int:
    """Cells: those of East Asian scripts take two, accents none."""
    return sum(_cells(character) for character in text)


def fit(text: str, width: int | None) -> str:
    """Cut to so many cells, with an ellipsis."""
    if width is None or width_of(text) <= width:
        return text
    kept, used = [], 0
    for character in text:
        used += _cells(character)
        if used > width - 1:
            break
        kept.append(character)
    return "".join(kept) + "…" if width > 0 else ""


def wrap(text: str, width: int | None, *, first: str = "", rest: str = "") -> list[str]:
    """In lines of so many cells, between words; ``first`` and ``rest``: what the lines begin with."""
    if width is None or width_of(first) + width_of(text) <= width:
        return [first + text]
    lines = _broken(text, max(20, width - width_of(first)))
    return [fit((rest if number else first) + line, width) for number, line in enumerate(lines)]


def _broken(text: str, width: int) -> list[str]:
    """Between words, and within those that are longer than a line."""
    lines, used = [""], 0
    for word in text.split():
        long = width_of(word)
        if used and used + 1 + long <= width:
            lines[-1] += " " + word
            used += 1 + long
            continue
        if used:
            lines.append("")
            used = 0
        for character in word:
            if used + _cells(character) > width:
                lines.append("")
                used = 0
            lines[-1] += character
            used += _cells(character)
    return lines


def pad(text: str, width: int, *, right: bool = False) -> str:
    space = " " * max(0, width - width_of(text))
    return space + text if right else text + space


def render_table(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int | None) -> list[str]:
    """The head and a line for each row. Columns that are empty in all rows are left out; then those that are needed
    least, until the rest fits; then those that may shrink are cut."""
    shown = [number for number in range(len(columns)) if any(row[number] for row in rows)]
    sizes = [max(width_of(text) for text in (column.title, *(row[number] for row in rows)))
             for number, column in enumerate(columns)]  # fmt: skip
    least = [min(size, 12) if columns[number].shrinks else size for number, size in enumerate(sizes)]

    def total(numbers: Collection[int], of: Sequence[int]) -> int:
        return sum(of[number] for number in numbers) + len(_GAP) * max(0, len(numbers) - 1)

    if width is not None:
        while total(shown, least) > width and len(shown) > 1:
            shown.remove(min(shown, key=lambda number: (columns[number].needed, -number)))
        for number in shown:
            over = total(shown, sizes) - width
            if over > 0 and columns[number].shrinks:
                sizes[number] = max(least[number], sizes[number] - over)

    def line(cells: Sequence[str]) -> str:
        padded = (
            pad(fit(cells[number], sizes[number]), sizes[number], right=columns[number].right) for number in shown
        )
        return fit(_GAP.join(padded).rstrip(), width)

    return [line([column.title for column in columns]), *(line(row) for row in rows)]


def paint(lines: Sequence[str], screen: Screen) -> list[str]:
    """Coloured by the words in them."""
    if not screen.colours:
        return list(lines)
    return [_WORD.sub(lambda match: f"{_WORDS[match[1]]}{match[1]}{_PLAIN}", line) for line in lines]


def cut_height(lines: Sequence[str], height: int | None) -> list[str]:
    """As many as go on the screen, with a word on how many there are besides."""
    if height is None or len(lines) < height:
        return list(lines)
    kept = max(1, height - 2)
    return [*lines[:kept], f"… {len(lines) - kept} more lines: without --watch all are shown"]


def duration(seconds: float) -> str:
    """``4 s``, ``12 min``, ``3 h 5 min``, ``2 d 4 h``."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60} min" if whole % 3600 >= 60 else f"{whole // 3600} h"
    return f"{whole // 86400} d {whole % 86400 // 3600} h" if whole % 86400 >= 3600 else f"{whole // 86400} d"


def amount(number: float | None, unit: str = "") -> str:
    """``0``, ``0.4``, ``33``, ``1.2 k``, with a unit ``1.2 MB``; empty where it is not known."""
    if number is None:
        return ""
    for prefix in ("", "k", "M", "G", "T"):
        if abs(number) < 999.5 or prefix == "T":
            digits = f"{number:.1f}" if abs(number) < 9.95 and number != int(number) else f"{number:.0f}"
            return f"{digits} {prefix}{unit}".strip()
        number /= 1000
    raise AssertionError("unreachable")


def _cells(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1
