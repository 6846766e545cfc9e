"""The systemd unit, as systemd reads it. Starting it is the packages' test: no systemd runs where these tests do."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.root
UNIT = Path(__file__).parents[2] / "packaging" / "evenload.service"


def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    text = UNIT.read_text()
    # The program is where the package puts it; here it is in the virtual environment.
    text, count = re.subn(r"(?m)^ExecStart=\S+", f"ExecStart={Path(sys.executable).with_name('evenload')}", text)
    assert count == 1
    unit = tmp_path / "evenload.service"
    unit.write_text(text)
    program = shutil.which("systemd-analyze")
    assert program is not None, "tools/setup test installs it"
    done = subprocess.run([program, "verify", "--man=no", str(unit)], capture_output=True, text=True)
    about_us = [line for line in (done.stdout + done.stderr).splitlines() if "evenload" in line]
    assert (done.returncode, about_us) == (0, [])


def test_the_unit_is_never_given_up_and_outlives_one_haproxy() -> None:
    lines = UNIT.read_text().splitlines()
    assert {"StartLimitIntervalSec=0", "Type=notify", "OOMPolicy=continue", "Restart=always"} <= set(lines)
    assert any(line.startswith("WatchdogSec=") for line in lines)
