"""Each command block of a page is typed by a test, or listed with a reason; each piece of settings is read."""

from pathlib import Path

import pytest
from tests.pages.reading import ROOT, SHELL, Block, pages, read_blocks, split_commands
from tests.pages.register import JUDGED_BY, NOT_TYPED, TYPED_BY

from evenload.main.settings import read_settings

BLOCKS = [block for page in pages() for block in read_blocks(page)]
SETTINGS = [block for block in BLOCKS if block.language == "ini"]
GOES_WITH = {"Barbican itself": ("Keystone's tokens", "Barbican itself")}
"""Heading → those whose settings are in the file as well."""
JUST_LOOKED_AT = {"", "text", "json"}


def named(block: Block) -> str:
    return f"{block.page}: {block.first}"


def test_every_command_is_typed_or_has_its_reason() -> None:
    commands = [block for block in BLOCKS if block.language == SHELL]
    assert len(commands) > 40
    assert [named(block) for block in commands if block.page not in TYPED_BY and key(block) not in NOT_TYPED] == []


def key(block: Block) -> tuple[str, str]:
    return block.page, block.first


def test_what_is_listed_is_there() -> None:
    found = {key(block) for block in BLOCKS if block.language == SHELL}
    found |= {
        (block.page, command.splitlines()[0])
        for block in BLOCKS
        if block.language == SHELL and block.page in TYPED_BY
        for command in split_commands(block.text)
    }
    assert sorted(set(NOT_TYPED) - found) == []
    assert sorted({*TYPED_BY, *(page for page, _ in JUDGED_BY)} - {block.page for block in BLOCKS}) == []


@pytest.mark.parametrize(("page", "test"), sorted(TYPED_BY.items()))
def test_who_types_a_page_names_it(page: str, test: str) -> None:
    assert page in (ROOT / "tests" / test).read_text()


def test_other_languages_are_judged_by_a_test() -> None:
    known = {SHELL, "ini", *JUST_LOOKED_AT}
    others = [block for block in BLOCKS if block.language not in known]
    assert [named(block) for block in others if (block.page, block.language) not in JUDGED_BY] == []
    for (page, _), test in JUDGED_BY.items():
        assert page in (ROOT / "tests" / test).read_text(), (page, test)


@pytest.mark.parametrize("block", SETTINGS, ids=named)
def test_settings_are_read(block: Block, tmp_path: Path) -> None:
    whole = [each for heading in GOES_WITH.get(block.heading, ()) for each in SETTINGS if each.heading == heading]
    words = []
    for number, each in enumerate(whole or [block]):
        file = tmp_path / f"{number}.conf"
        file.write_text(each.text.replace("…", "x"))
        words += ["--config-file", str(file)]
    read_settings(words)


def test_a_block_that_nobody_types_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "page.md").write_text(
        "# A\n\n    indented\n\n- item\n\n    of the item\n\n## B\n\n```sh\nfenced \\\n  x\n```\n"
    )
    monkeypatch.setattr("tests.pages.reading.ROOT", tmp_path)
    found = [(block.heading, block.language, block.text) for block in read_blocks("page.md")]
    assert found == [("A", "sh", "indented"), ("B", "sh", "fenced \\\n  x")]


def test_commands_are_told_apart() -> None:
    text = "# why\nf() {\n    a\n}\n\nfor n in 1 2; do\n  b\ndone\nc \\\n    d\ncat <<END\ne\nEND\nf"
    assert split_commands(text) == [
        "f() {\n    a\n}",
        "for n in 1 2; do\n  b\ndone",
        "c \\\n    d",
        "cat <<END\ne\nEND",
        "f",
    ]
