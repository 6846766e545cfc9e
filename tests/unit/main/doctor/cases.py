"""Cases for the checks of ``evenload doctor``: a host on which all is well, and what a test makes worse of it."""

import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.unit.main.status.samples import NOW, ago

from evenload.main.doctor.case import Case, Finding, Level, Present
from evenload.main.settings import read_settings

Made = Callable[..., Case]


def make_case(directory: Path, text: str = "", **more: Any) -> Case:
    """``text``: further settings. The caller is the owner of everything, root or not."""
    config = directory / "evenload.conf"
    config.write_text(f"[DEFAULT]\nstate_path = {directory}/state\nhost = lb1\n{text}")
    config.chmod(0o640)
    role = {"state": "answers", "pid": os.getpid(), "since": ago(90), "memory_bytes": 1, "reason": None}
    case = Case(
        settings=read_settings(["--config-file", str(config)]),
        account=None,
        now=NOW,
        version="0.2.0",
        server=dict(role),
        agent={**role, "version": "0.2.0", "connected": True, "faults": {}},
        sight=None,
        stored={"schema": "0022", "agents": [], "load_balancers": [], "networks": [], "expiries": []},
        reason=None,
        present=Present(),
        own_processes=frozenset({os.getpid()}),
    )
    for name in ("server", "agent", "stored"):
        if isinstance(more.get(name), dict):
            more[name] = {**getattr(case, name), **more[name]}
    return replace(case, **more)


def told(findings: Iterable[Finding]) -> list[tuple[Level, str]]:
    return [(each.level, each.text) for each in findings]


def levels(findings: Iterable[Finding]) -> set[Level]:
    return {each.level for each in findings}
