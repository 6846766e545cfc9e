"""The blocks of a Markdown page: which language, under which heading, and the single commands of a shell's block."""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
SHELL = "sh"
_FENCE = re.compile(r"^( *)(`{3,})(.*)$")
_TITLE = re.compile(r'title="([^"]*)"')
_ITEM = re.compile(r"^ *(?:[-*]|\d+\.) ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """``title``: what the fence says of it, such as a file's name or another terminal. Indented: of a shell."""

    page: str
    heading: str
    language: str
    title: str
    text: str

    @property
    def first(self) -> str:
        """Its first line, by which it is named."""
        return self.text.splitlines()[0] if self.text else ""


def pages() -> list[str]:
    """Every page, from the root of the repository."""
    found = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")]
    return sorted(path.relative_to(ROOT).as_posix() for path in found)


def read_blocks(page: str) -> list[Block]:
    return list(_blocks(page, (ROOT / page).read_text().splitlines()))


def _blocks(page: str, lines: list[str]) -> Iterator[Block]:
    heading, number, within_list = "", 0, False
    while number < len(lines):
        line = lines[number]
        opened = _FENCE.match(line)
        if opened:
            indent, fence, info = opened.groups()
            end = next(at for at in range(number + 1, len(lines)) if lines[at].strip() == fence)
            text = "\n".join(each.removeprefix(indent) for each in lines[number + 1 : end])
            title = _TITLE.search(info)
            yield Block(
                page=page,
                heading=heading,
                language=info.split()[0] if info.split() else "",
                title=title[1] if title else "",
                text=text,
            )
            number = end
        elif line.startswith("    ") and not within_list and not lines[number - 1].strip():
            end = number
            while end < len(lines) and (lines[end].startswith("    ") or not lines[end].strip()):
                end += 1
            text = "\n".join(each.removeprefix("    ") for each in lines[number:end]).rstrip()
            yield Block(page=page, heading=heading, language=SHELL, title="", text=text)
            number = end - 1
        elif line.startswith("#"):
            heading, within_list = line.lstrip("# "), False
        elif line.strip():
            within_list = bool(_ITEM.match(line)) or (within_list and line.startswith(" "))
        number += 1


def split_commands(text: str) -> list[str]:
    """As somebody types them: a command may have several lines. Comments on lines of their own are left out."""
    commands, begun = [], ""
    for line in text.splitlines():
        if not begun and (not line.strip() or line.lstrip().startswith("#")):
            continue
        begun = f"{begun}\n{line}" if begun else line
        if not line.endswith("\\") and _is_whole(begun):
            commands.append(begun)
            begun = ""
    assert not begun, f"a command without an end: {begun}"
    return commands


def _is_whole(command: str) -> bool:
    judged = subprocess.run(["bash", "-n", "-c", command], capture_output=True, text=True, check=False)
    return judged.returncode == 0 and "here-document" not in judged.stderr
