"""Settings are written where they belong, and the way to a directory of them is gone once."""

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from evenload.host import sysctl
from evenload.host.sysctl import write_sysctls


def test_each_directory_is_looked_up_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = [(f"net/{family}/conf/all/s{number}", number) for number in range(9) for family in ("ipv4", "ipv6")]
    for name, _ in wanted:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.setattr(sysctl, "_ROOT", tmp_path)
    ways: Counter[str] = Counter()
    opened = os.open

    def counting(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if dir_fd is None:
            ways[str(path)] += 1
        return opened(path, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", counting)
    write_sysctls(wanted)
    assert ways == {f"{tmp_path}/net/ipv4": 1, f"{tmp_path}/net/ipv6": 1}
    assert [(tmp_path / name).read_text() for name, _ in wanted] == [str(value) for _, value in wanted]


def test_what_this_kernel_lacks_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "net/ipv4").mkdir(parents=True)
    (tmp_path / "net/ipv4/there").touch()
    monkeypatch.setattr(sysctl, "_ROOT", tmp_path)
    write_sysctls([("net/ipv6/missing", 1), ("net/ipv4/missing", 1), ("net/ipv4/there", 2)])
    assert (tmp_path / "net/ipv4/there").read_text() == "2"
