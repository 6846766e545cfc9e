"""Types the commands of a page, one after the other, and judges each of them."""

import re
from collections.abc import Mapping
from pathlib import Path

from tests.pages.reading import SHELL, Block, read_blocks, split_commands
from tests.pages.register import NOT_TYPED
from tests.pages.rooms import Room, Shell
from tests.waiting import eventually

ANOTHER_TERMINAL = "in another terminal"
_BOTH_ROLES_WORK = (" serving ", " working ")
"""In what `make run` prints, which is what somebody waits for."""


class Walk:
    """``shown``: the beginning of a command → what it prints, a regular expression. ``fails``: → its exit code, where it
    is not 0. ``typed``: → what is typed while it asks. ``instead``: words of the page → what the reader puts there.
    """

    def __init__(
        self,
        room: Room,
        shell: Shell,
        *,
        shown: Mapping[str, str] | None = None,
        fails: Mapping[str, int] | None = None,
        typed: Mapping[str, str] | None = None,
        instead: Mapping[str, str] | None = None,
    ) -> None:
        self._room = room
        self._shell = shell
        self._shown, self._fails, self._typed = dict(shown or {}), dict(fails or {}), dict(typed or {})
        self._instead = dict(instead or {})
        self._used: set[str] = set()
        self.terminals: dict[str, Path] = {}
        """Command → where it prints."""

    def page(self, page: str, *headings: str) -> None:
        """All of it, or what is under these headings alone."""
        for block in read_blocks(page):
            if block.language == SHELL and (not headings or block.heading in headings):
                self.block(block)

    def block(self, block: Block) -> None:
        text = block.text
        for word, other in self._instead.items():
            text = text.replace(word, other)
        if (block.page, block.first) in NOT_TYPED:
            return
        if block.title == ANOTHER_TERMINAL:
            printed = self.terminals[text] = self._room.terminal(text)
            assert eventually(lambda: all(word in printed.read_text() for word in _BOTH_ROLES_WORK)), printed.read_text()
            return
        for command in split_commands(text):
            if (block.page, command.splitlines()[0]) not in NOT_TYPED:
                self.command(command)

    def command(self, command: str) -> str:
        code, printed = self._shell.run(command, self._of(self._typed, command) or "")
        assert code == (self._of(self._fails, command) or 0), f"{command}: {code}\n{printed}"
        expected = self._of(self._shown, command)
        assert expected is None or re.search(expected, printed, re.MULTILINE), f"{command}: {printed}"
        return printed

    def finish(self) -> None:
        """What was expected of a command that the page has no more is no expectation."""
        told = {*self._shown, *self._fails, *self._typed}
        assert told == self._used, f"no such command: {told - self._used}"

    def _of(self, told: Mapping[str, object], command: str) -> object:
        for beginning, value in told.items():
            if command.startswith(beginning):
                self._used.add(beginning)
                return value
        return None


def file_of(page: str, title: str) -> str:
    """The text of a block that is a file of that name."""
    [block] = [each for each in read_blocks(page) if each.title == title]
    return block.text


