"""Directories that get their load balancer later: a link beside the load balancers' directories, led anew in one step.

A HAProxy that is begun before its load balancer is known names its files by such a link. It leads first to a directory
whose files say nothing, then to the load balancer's own; the process keeps the name for life.
"""

import os
import re
import secrets
import time
from collections.abc import Collection
from pathlib import Path

from evenload.host.files import StateFiles, names_load_balancer
from evenload.host.refusal import refusal

_NOWHERE = "spare"
_ALIAS = re.compile(r"spare-[0-9a-f]{12}\Z")
_YOUNG = 60.0
"""Seconds. A younger link may be about to be named by a process."""


def is_alias(name: str) -> bool:
    return _ALIAS.match(name) is not None


class Aliases:
    """Raises HostError where the file system refuses."""

    def __init__(self, files: StateFiles) -> None:
        self._state_dir = files.state_dir

    def make(self, file: str, content: str) -> Path:
        """A new one, which leads to that file and no load balancer yet."""
        directory = self._state_dir / _NOWHERE
        alias = self._state_dir / f"spare-{secrets.token_hex(6)}"
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            (directory / file).write_text(content)
            os.symlink(_NOWHERE, alias)
        except OSError as error:
            raise refusal(f"make {alias}", error) from error
        return alias

    def lead(self, alias: Path, load_balancer_id: str) -> None:
        new = alias.with_name(f"spare-{secrets.token_hex(6)}")
        try:
            os.symlink(load_balancer_id, new)
            os.rename(new, alias)
        except OSError as error:
            raise refusal(f"lead {alias} to {load_balancer_id}", error) from error

    def load_balancer_of(self, name: str) -> str | None:
        """None where it leads to none, or is not there."""
        if not is_alias(name):
            return None
        try:
            target = os.readlink(self._state_dir / name)
        except OSError:
            return None
        return target if names_load_balancer(target) else None

    def remove(self, name: str) -> None:
        if not is_alias(name):
            return
        try:
            (self._state_dir / name).unlink(missing_ok=True)
        except OSError as error:
            raise refusal(f"remove {self._state_dir / name}", error) from error

    def sweep(self, used: Collection[str]) -> None:
        """Removes those that no process names."""
        try:
            with os.scandir(self._state_dir) as entries:
                found = [each for each in entries if is_alias(each.name) and each.is_symlink()]
            old = [each.name for each in found if time.time() - each.stat(follow_symlinks=False).st_mtime > _YOUNG]
        except FileNotFoundError:
            return
        except OSError as error:
            raise refusal(f"list {self._state_dir}", error) from error
        for name in old:
            if name not in used:
                self.remove(name)
