"""``python -m demo.picture FILE TITLE COMMAND…``: runs a command as if on a terminal, and draws what it prints.

For the documentation: ``docs/pictures`` holds what was drawn so. What runs is shown meanwhile; nothing is drawn of a
command that fails.
"""

import os
import pty
import re
import sys
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

_CODE = re.compile(r"\x1b\[([0-9;]*)m")
_STYLES = {"1": "bold", "2": "dim", "31": "red", "32": "green", "33": "yellow", "36": "cyan"}
_WIDTH, _HEIGHT, _MARGIN = 8.4, 18, 16
"""Of a character at 14 pixels, of a line, around all."""
_HEAD = """<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height}"
 viewBox="0 0 {width:.0f} {height}">
<style>
rect {{ fill: #16191d }}
text {{ font: 14px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: #d5d9de; white-space: pre }}
.bold {{ font-weight: bold; fill: #ffffff }} .dim {{ fill: #8b949e }}
.green {{ fill: #56d364 }} .red {{ fill: #ff7b72 }}
.yellow {{ fill: #e3b341 }} .cyan {{ fill: #76e3ea }}
</style>
<rect width="100%" height="100%" rx="8"/>
"""


def main() -> int:
    file, title, *command = sys.argv[1:]
    printed: list[bytes] = []

    def read(terminal: int) -> bytes:
        printed.append(os.read(terminal, 65536))
        return printed[-1]

    code = os.waitstatus_to_exitcode(pty.spawn(command, read))
    if code == 0:
        text = b"".join(printed).decode()
        Path(file).write_text(render_picture(f"$ {title}", text))
    return code


def render_picture(title: str, text: str) -> str:
    """``text``: as a terminal gets it; of its codes those of colours count, all others have to be absent."""
    lines = [title, *text.replace("\r\n", "\n").rstrip("\n").split("\n")]
    longest = max(len(_CODE.sub("", line)) for line in lines)
    width, height = longest * _WIDTH + 2 * _MARGIN, len(lines) * _HEIGHT + 2 * _MARGIN
    rows = [
        f'<text x="{_MARGIN}" y="{_MARGIN + 13 + number * _HEIGHT}" xml:space="preserve">{_row(line)}</text>'
        for number, line in enumerate(lines)
        if line
    ]
    return _HEAD.format(width=width, height=height) + "\n".join(rows) + "\n</svg>\n"


def _row(line: str) -> str:
    return "".join(
        f'<tspan class="{" ".join(styles)}">{escape(part)}</tspan>' if styles else escape(part)
        for styles, part in _parts(line)
        if part
    )


def _parts(line: str) -> Iterator[tuple[Sequence[str], str]]:
    """Pieces of a line, each with its styles."""
    styles: list[str] = []
    words = _CODE.split(line)
    yield styles, words[0]
    for codes, part in zip(words[1::2], words[2::2], strict=True):
        for code in codes.split(";"):
            styles = [] if code in ("", "0") else [*styles, _STYLES[code]]
        yield styles, part


if __name__ == "__main__":
    sys.exit(main())
