"""Commands of the ``openstack`` client, asked for on standard input, answered on standard output, a line of JSON each.

Starting the client costs more than a second, so that a whole story is told to one process, as its interactive mode
would; unlike there, each command has an exit code and both of its streams. Who is asked, and by whom, stands in the
environment (``OS_…``).

    > ["loadbalancer", "list", "-f", "json"]
    < {"command": "loadbalancer list", "code": 0, "out": "[]\\n", "err": ""}
    > {"group": "openstack.load_balancer.v2"}        what commands there are, each with its options
    < {"loadbalancer list": [["--name"], ["--enable"], …], …}
"""

import contextlib
import io
import json
import sys
import time
from importlib.metadata import entry_points
from typing import Any

from cliff.command import Command
from cliff.lister import Lister
from cliff.show import ShowOne
from openstackclient.shell import OpenStackShell

SHORTEST = 0.05
"""Seconds. With ``--wait`` the client pauses for three seconds after a first look that came too early."""


class Shell(OpenStackShell):
    """Asks for commands instead of a terminal's user."""

    def __init__(self, out: io.StringIO, err: io.StringIO) -> None:
        """``out`` and ``err``: what the process has as its standard streams."""
        super().__init__()
        self._out = out
        self._err = err
        self._command = ""

    def interact(self) -> None:
        pause = time.sleep
        time.sleep = lambda seconds: pause(min(float(seconds), SHORTEST))
        self.interactive_mode = False  # exit codes instead of the interactive loop's own exceptions
        for line in sys.stdin:
            asked = json.loads(line)
            written = self._options(asked["group"]) if isinstance(asked, dict) else self._run(asked)
            print(json.dumps(written), file=sys.__stdout__, flush=True)

    def prepare_to_run_command(self, cmd: Any) -> None:
        self._command = cmd.cmd_name
        super().prepare_to_run_command(cmd)

    def _run(self, words: list[str]) -> dict[str, Any]:
        self._command = ""
        for stream in (self._out, self._err):
            stream.seek(0)
            stream.truncate()
        code: Any
        try:
            code = self.run_subcommand(words)
        except SystemExit as error:  # words that the command does not understand
            code = error.code
        return {"command": self._command, "code": code, "out": self._out.getvalue(), "err": self._err.getvalue()}

    def _options(self, group: str) -> dict[str, list[list[str]]]:
        common = {word for kind in (Command, Lister, ShowOne) for words in words_of(self, kind) for word in words}
        entries = entry_points(group=group)
        names = {each.name.replace("_", " "): each.load() for each in entries}
        return {
            name: [words for words in words_of(self, kind) if not common.intersection(words)]
            for name, kind in names.items()
        }


def words_of(app: Shell, kind: Any) -> list[list[str]]:
    """Each option's spellings."""
    if kind in (Command, Lister, ShowOne):
        kind = type(kind.__name__, (kind,), {"take_action": None, "__abstractmethods__": frozenset()})
    parser = kind(app, None).get_parser("")
    return [list(action.option_strings) for action in parser._actions if action.option_strings]


def main() -> None:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        Shell(out, err).run([])


if __name__ == "__main__":
    main()
