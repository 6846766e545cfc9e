"""The units, the user and the directories of the packages, as systemd reads them. tests/package starts them."""

import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.root
PACKAGING = Path(__file__).parents[2] / "packaging"
UNITS = {"evenload": 5.7, "evenload-server": 3.1, "evenload-agent": 5.7}
"""With the exposure that systemd-analyze may find at the most: 0 is none, 10 is all. What makes namespaces for others
cannot be locked away from them."""


def program(name: str) -> str:
    found = shutil.which(name)
    assert found is not None, "tools/setup test installs it"
    return found


def lines_of(unit: str) -> set[str]:
    return set((PACKAGING / f"{unit}.service").read_text().splitlines())


def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    for unit in UNITS:
        text = (PACKAGING / f"{unit}.service").read_text()
        # The program is where the package puts it; here it is in the virtual environment.
        text, count = re.subn(
            r"(?m)^ExecStart=/usr/bin/evenload", f"ExecStart={Path(sys.executable).with_name('evenload')}", text
        )
        assert count == 1
        (tmp_path / f"{unit}.service").write_text(text)
    command = [program("systemd-analyze"), "verify", "--man=no", *(str(tmp_path / f"{unit}.service") for unit in UNITS)]
    done = subprocess.run(command, capture_output=True, text=True)
    about_us = [line for line in (done.stdout + done.stderr).splitlines() if "evenload" in line]
    assert (done.returncode, about_us) == (0, [])


@pytest.mark.parametrize(("unit", "most"), UNITS.items())
def test_a_unit_exposes_no_more_than_it_has_to(unit: str, most: float) -> None:
    path = str(PACKAGING / f"{unit}.service")
    command = [program("systemd-analyze"), "security", "--offline=true", "--no-pager", path]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    assert found is not None
    assert float(found[1]) <= most, done.stdout


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_is_never_given_up_but_where_a_start_is_in_vain(unit: str) -> None:
    lines = lines_of(unit)
    assert {"StartLimitIntervalSec=0", "Type=notify", "OOMPolicy=continue", "Restart=always"} <= lines
    assert any(line.startswith("WatchdogSec=") for line in lines)
    # What a role exits with where its settings cannot be used (main/role.py), and systemd where there is no program.
    assert "RestartPreventExitStatus=2 203" in lines


@pytest.mark.parametrize("unit", ["evenload", "evenload-agent"])
def test_nothing_gives_the_agent_mounts_of_its_own_or_ends_haproxy(unit: str) -> None:
    lines = lines_of(unit)
    mounts = ("Protect", "Private", "ReadOnly", "ReadWrite", "Inaccessible", "TemporaryFileSystem", "RootDirectory")
    assert [line for line in lines if line.startswith(mounts)] == ["ProtectClock=yes"]
    assert "KillMode=process" in lines


def test_the_user_and_the_directories_are_what_the_program_expects(tmp_path: Path) -> None:
    root = f"--root={tmp_path}"
    for name in ("etc", "var/lib", "run"):
        (tmp_path / name).mkdir(parents=True)
    subprocess.run([program("systemd-sysusers"), root, str(PACKAGING / "evenload.sysusers")], check=True)
    passwd = (tmp_path / "etc/passwd").read_text()
    (line,) = [line for line in passwd.splitlines() if line.startswith("evenload:")]
    _, _, uid, gid, _, home, shell = line.split(":")
    assert (home, shell) == ("/nonexistent", "/usr/sbin/nologin")
    subprocess.run([program("systemd-tmpfiles"), root, "--create", str(PACKAGING / "evenload.tmpfiles")], check=True)
    found = {}
    for path in ("var/lib/evenload", "run/evenload"):
        status = (tmp_path / path).stat()
        found[path] = (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)
    assert found == {"var/lib/evenload": (0o711, 0, 0), "run/evenload": (0o750, 0, int(gid))}
    assert int(uid) > 0
