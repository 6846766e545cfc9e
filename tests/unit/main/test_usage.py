"""``evenload --help`` and the help of each command: what there is, in the words of the pages."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from evenload.main import command, migrate, secret_keys

_HANDLED = re.findall(r'case \[[("]*"?(\w+)', Path(command.__file__).read_text())
COMMANDS = sorted({*_HANDLED, "backup", "restore"})


def told(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What help it prints, and nothing else is done."""
    try:
        status = command.run(words)
    except SystemExit as end:
        status = int(end.code or 0)
    output = capsys.readouterr()
    assert (status, output.err) == (0, "")
    return output.out


def test_every_command_is_in_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    text = told(capsys, "--help")
    listed = re.findall(r"^  ([a-z]+) ", text, re.MULTILINE)
    assert sorted(listed) == COMMANDS
    assert told(capsys, "--config-file", "x.conf", "-h") == text


@pytest.mark.parametrize("name", COMMANDS)
def test_each_says_what_it_takes(capsys: pytest.CaptureFixture[str], name: str) -> None:
    text = told(capsys, name, "--help")
    assert text.startswith(f"usage: evenload {name} ")
    assert "--config-file" in text


@pytest.mark.parametrize(
    ("name", "main"), [("evenload-migrate", migrate.main), ("evenload-secret-keys", secret_keys.main)]
)
def test_so_do_the_other_programs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str, main: object
) -> None:
    monkeypatch.setattr(sys, "argv", [name, "--help"])
    assert callable(main)
    assert main() == 0
    assert capsys.readouterr().out.startswith(f"usage: {name} ")


def test_a_word_that_is_no_command_is_named() -> None:
    done = subprocess.run([sys.executable, "-m", "evenload.main.command", "stauts"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "evenload: there is no command 'stauts'; evenload --help lists them\n"
