"""Types the commands of a page, one after the other, and judges each of them."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.pages.reading import SHELL, Block, read_blocks, split_commands
from tests.pages.register import NOT_TYPED
from tests.pages.rooms import Room, Shell
from tests.waiting import eventually

ANOTHER_TERMINAL = "in another terminal"
_BOTH_ROLES_WORK = (" serving ", " working ")
"""In what ``make run`` prints, which is what somebody waits for."""


@dataclass(frozen=True, slots=True)
class Told:
    """Of the next command that begins so: what it prints, a regular expression; its exit codes; what is typed while it
    asks. ``later``: what is looked at comes a moment after what was done, so a reader may have to type it again."""

    beginning: str
    shown: str = ""
    codes: tuple[int, ...] = (0,)
    typed: str = ""
    later: bool = False


def _is_shown(told: Told, printed: str) -> bool:
    return re.search(told.shown, printed, re.MULTILINE) is not None


class Walk:
    """``told``: in the order of the commands; all others have to succeed. ``instead``: words of a page → what a reader
    puts there."""

    def __init__(
        self, room: Room, shell: Shell, told: Iterable[Told] = (), instead: Mapping[str, str] | None = None
    ) -> None:
        self._room = room
        self._shell = shell
        self._told = list(told)
        self._instead = dict(instead or {})
        self.terminals: dict[str, Path] = {}
        """Command → where it prints."""

    def page(self, page: str, *headings: str) -> None:
        """All of it, or what is under these headings alone, in their order."""
        blocks = [block for block in read_blocks(page) if block.language == SHELL]
        for heading in headings or [None]:
            chosen = [block for block in blocks if heading in (None, block.heading)]
            assert chosen, f"{page}: nothing to type under {heading}"
            for block in chosen:
                self.block(block)

    def block(self, block: Block) -> None:
        if (block.page, block.first) in NOT_TYPED:
            return
        text = self._words(block.text)
        if block.title == ANOTHER_TERMINAL:
            printed = self.terminals[text] = self._room.terminal(text)
            assert eventually(lambda: all(word in printed.read_text() for word in _BOTH_ROLES_WORK)), (
                printed.read_text()
            )
            return
        for command in split_commands(block.text):
            if (block.page, command.splitlines()[0]) not in NOT_TYPED:
                self.command(self._words(command))

    def command(self, command: str) -> str:
        told = self._told.pop(0) if self._told and command.startswith(self._told[0].beginning) else Told(command)
        printed = self._typed(command, told)
        shown = _is_shown(told, printed)
        assert shown or (told.later and eventually(lambda: _is_shown(told, self._typed(command, told)))), (
            f"{command}: {printed}"
        )
        return printed

    def _typed(self, command: str, told: Told) -> str:
        code, printed = self._shell.run(command, told.typed)
        assert code in told.codes, f"{command}: {code}\n{printed}"
        return printed

    def finish(self) -> None:
        """What was told of a command that the page has no more tells nothing."""
        assert self._told == []

    def _words(self, text: str) -> str:
        for word, other in self._instead.items():
            text = text.replace(word, other)
        return text


def file_of(page: str, title: str) -> str:
    """The text of a block that is a file of that name."""
    [block] = [each for each in read_blocks(page) if each.title == title]
    return block.text
