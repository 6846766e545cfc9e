"""What the demo prints: numbered steps with aligned lines below. Plain text; colours only on a terminal."""

import os
from collections.abc import Sequence
from typing import TextIO

_BOLD, _DIM, _GREEN, _RED, _OFF = "\x1b[1m", "\x1b[2m", "\x1b[32m", "\x1b[31m", "\x1b[0m"
_LABEL_WIDTH = 22


class Screen:
    """Writes to one stream; every line is flushed, because the user is watching."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._colours = stream.isatty() and "NO_COLOR" not in os.environ
        self._steps = 0

    def title(self, text: str) -> None:
        self._write(self._paint(text, _BOLD))

    def step(self, text: str) -> None:
        self._steps += 1
        self._write("")
        self._write(self._paint(f"{self._steps:2}  {text}", _BOLD))

    def line(self, label: str, value: str, note: str = "") -> None:
        self._write(f"    {label:<{_LABEL_WIDTH}}  {value}" + self._paint(f"   {note}", _DIM) * bool(note))

    def good(self, label: str, value: str) -> None:
        self._write(f"    {label:<{_LABEL_WIDTH}}  {self._paint(value, _GREEN)}")

    def bad(self, label: str, value: str) -> None:
        self._write(f"    {label:<{_LABEL_WIDTH}}  {self._paint(value, _RED)}")

    def text(self, text: str = "") -> None:
        """Lines that stand for themselves, such as commands to copy."""
        self._write(f"    {text}" if text else "")

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        """Columns as wide as their widest cell; the first row is the heading."""
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        for number, row in enumerate(rows):
            cells = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            self._write("    " + (self._paint(cells, _DIM) if number == 0 else cells))

    def _paint(self, text: str, colour: str) -> str:
        return f"{colour}{text}{_OFF}" if self._colours else text

    def _write(self, text: str) -> None:
        print(text, file=self._stream, flush=True)
