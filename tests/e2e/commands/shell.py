"""The ``openstack`` client in one process (``tests/clients/openstack_commands.py``), given commands as people type
them."""

import json
import os
import shlex
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_PROGRAM = Path(__file__).parents[2] / "clients" / "openstack_commands.py"


class Shell:
    """``used``: command → the options that it was given so far."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.used: defaultdict[str, set[str]] = defaultdict(set)

    def say(self, line: str) -> str:
        """What it prints."""
        done = self._run(line)
        assert (done["code"], done["err"]) == (0, ""), f"openstack {line}: {done}"
        return str(done["out"])

    def read(self, line: str) -> Any:
        """What it prints, asked for as JSON."""
        return json.loads(self.say(f"{line} -f json"))

    def succeeds(self, line: str) -> bool:
        return bool(self._run(line)["code"] == 0)

    def refused(self, line: str) -> str:
        """What it complains about: in words, that is without a traceback."""
        done = self._run(line)
        assert done["code"] != 0, f"openstack {line} was meant to fail: {done}"
        assert done["command"], f"openstack {line}: no such command"
        assert "Traceback" not in done["err"], f"openstack {line}: {done['err']}"
        return str(done["err"])

    def commands(self, group: str) -> dict[str, list[list[str]]]:
        """Every command of an entry point group, with the spellings of each of its own options."""
        found: dict[str, list[list[str]]] = self._ask({"group": group})
        return found

    def unused(self, group: str) -> list[str]:
        """Its commands, and their options, that were not tried."""
        missing = []
        for name, options in self.commands(group).items():
            if name not in self.used:
                missing.append(name)
            else:
                missing += [f"{name} {words[-1]}" for words in options if self.used[name].isdisjoint(words)]
        return missing

    def _run(self, line: str) -> dict[str, Any]:
        words = shlex.split(line)
        done: dict[str, Any] = self._ask(words)
        self.used[done["command"]].update(word.partition("=")[0] for word in words if word.startswith("--"))
        return done

    def _ask(self, question: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        written = self._process.stdout.readline()
        assert written, f"{question}: the client's process ended"
        return json.loads(written)


@contextmanager
def openstack_shell(access: Mapping[str, str]) -> Iterator[Shell]:
    """``access``: the environment's ``OS_…``."""
    plain = {key: value for key, value in os.environ.items() if not key.startswith("OS_")}
    with subprocess.Popen(
        [sys.executable, "-I", str(_PROGRAM)],
        env={**plain, **access},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Shell(process)
        finally:
            process.kill()
