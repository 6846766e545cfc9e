"""Settings, files and their modes, room, HAProxy: each right, and deliberately broken."""

import os
import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest
from tests.unit.main.doctor.cases import levels, make_case, told
from tests.unit.main.status.samples import NOW
from tests.waiting import NET

from evenload.host.haproxy_build import HaproxyBuild, require_build
from evenload.host.settings import HaproxySettings
from evenload.main.doctor import installation
from evenload.main.doctor.case import Level
from evenload.main.doctor.command import examine
from evenload.model.errors import Hopeless
from evenload.secrets.keyring import ensure_key_file

OK, WARNING, FAULT = {Level.OK}, {Level.WARNING}, {Level.FAULT}


def test_a_file_that_others_may_read_is_named_where_it_has_a_secret(tmp_path: Path) -> None:
    case = make_case(tmp_path)
    case.settings.files[0].chmod(0o644)
    assert levels(installation.check_settings(case)) == OK
    case = make_case(tmp_path, "[database]\nconnection = postgresql://evenload:geheim@db/x\n")
    assert levels(installation.check_settings(case)) == OK
    case.settings.files[0].chmod(0o644)
    [found] = installation.check_settings(case)
    assert (found.level, "[database] connection" in found.text) == (Level.WARNING, True)
    assert "geheim" not in found.text
    assert "chmod 0640" in (found.remedy or "")


def test_directories_are_as_the_service_makes_them(tmp_path: Path) -> None:
    case = make_case(tmp_path)
    assert told(installation.check_directories(case))[0][1].endswith("is not there yet: the first start makes it")
    state = case.settings.state_path
    for path, mode in (("", 0o711), ("server", 0o700), ("load_balancers", 0o700), ("empty", 0o555), ("run", 0o750)):
        (state / path).mkdir(mode=mode)
        (state / path).chmod(mode)
    assert levels(installation.check_directories(case)) == OK
    for path, mode, right in (
        ("", 0o700, 0o701),
        ("server", 0o755, 0o700),
        ("empty", 0o777, 0o755),
        ("run", 0o757, 0o750),
    ):
        before = (state / path).stat().st_mode & 0o777
        (state / path).chmod(mode)
        [found] = installation.check_directories(case)
        assert (found.level, found.remedy) == (Level.FAULT, f"chmod {right:04o} {state / path}"), found
        (state / path).chmod(before)
    (state / "server").rmdir()
    (state / "server").touch()
    assert "is no directory" in told(installation.check_directories(case))[0][1]


def test_a_file_that_the_server_reads_has_to_be_there(tmp_path: Path) -> None:
    users = tmp_path / "htpasswd"
    case = make_case(tmp_path, f"[api]\nauth_strategy = http_basic\nhttp_basic_auth_user_file = {users}\n")
    assert levels(installation.check_readable(case)) == FAULT
    users.touch()
    assert levels(installation.check_readable(case)) == OK


def test_the_keys_are_for_one_alone(tmp_path: Path) -> None:
    case = make_case(tmp_path)
    assert levels(installation.check_keys(case)) == OK
    case.settings.state_path.mkdir()
    ensure_key_file(case.settings.secrets.key_file)
    assert levels(installation.check_keys(case)) == OK
    case.settings.secrets.key_file.chmod(0o640)
    assert levels(installation.check_keys(case)) == FAULT
    case.settings.secrets.key_file.chmod(0o600)
    case.settings.secrets.key_file.write_text("no key\n")
    assert "is no key" in told(installation.check_keys(case))[0][1]


def test_room_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "free")
    for free, expected in ((10**9, OK), (10**8, WARNING), (10**7, FAULT)):
        monkeypatch.setattr(shutil, "disk_usage", lambda _place, free=free: usage(free))
        assert levels(installation.check_disk(make_case(tmp_path))) == expected


def test_haproxy_is_needed_unless_nothing_is_built(tmp_path: Path) -> None:
    missing = make_case(tmp_path, f"[haproxy]\nbinary = {tmp_path}/haproxy\n")
    assert levels(installation.check_haproxy(missing)) == FAULT
    other = tmp_path / "haproxy"
    other.write_text("#!/bin/sh\necho 'HAProxy version 2.4.1'\n")
    other.chmod(0o755)
    old = f"[haproxy]\nbinary = {other}\nuser = root\ngroup = root\n"
    assert "2.6 is the oldest" in told(installation.check_haproxy(make_case(tmp_path, old)))[0][1]
    noop = make_case(tmp_path, "[agent]\nhost = noop\n[ports]\nprovider = noop\n")
    assert levels(installation.check_haproxy(noop)) == OK


@pytest.mark.parametrize(
    ("build", "settings", "words"),
    [
        (HaproxyBuild(2, 4, "2.4", False), {}, "2.6 is the oldest"),
        (HaproxyBuild(2, 6, "2.6", False), {"http_3": True}, "built without QUIC"),
        (HaproxyBuild(2, 8, "2.8", True), {"http_3": True}, "needs 3.0 with QUIC"),
        (HaproxyBuild(2, 6, "2.6", False), {"ocsp_update": True}, "renews no OCSP staples"),
        (HaproxyBuild(3, 0, "3.0", True), {"http_3": True, "ocsp_update": True}, None),
        (HaproxyBuild(2, 6, "2.6", False), {}, None),
    ],
)
def test_what_a_build_must_have(build: HaproxyBuild, settings: dict[str, bool], words: str | None) -> None:
    asked = HaproxySettings(**settings)  # type: ignore[arg-type]
    if words is None:
        require_build(build, asked)
        return
    with pytest.raises(Hopeless, match=words):
        require_build(build, asked)


def test_who_is_not_root_is_told_so(tmp_path: Path) -> None:
    assert levels(installation.check_user(make_case(tmp_path))) == WARNING
    assert os.path.exists(tmp_path)


def test_a_place_that_cannot_be_listed_keeps_nothing_else_from_being_looked_at(tmp_path: Path) -> None:
    """Be it damaged, or be the caller not root."""
    config = tmp_path / "evenload.conf"
    config.write_text(f"[DEFAULT]\nstate_path = {tmp_path}/state\nhost = lb1\n[server]\nuser = nobody\n")
    (tmp_path / "state").mkdir()
    (tmp_path / "state/load_balancers").write_text("garbage")
    found = examine(["--config-file", str(config)], NOW)
    assert {"settings", "directories", "disk", "server", "agent", "database"} <= {each.about for each in found}
    assert any(each.level is Level.FAULT and "load_balancers is no directory" in each.text for each in found)


def test_findings_that_nobody_can_take_are_no_fault_of_the_program(tmp_path: Path) -> None:
    config = tmp_path / "evenload.conf"
    config.write_text(f"[DEFAULT]\nstate_path = {tmp_path}/state\nhost = lb1\n[server]\nuser = nobody\n")
    command = [str(Path(sys.executable).with_name("evenload")), "doctor", "--config-file", str(config)]
    reading, writing = os.pipe()
    os.close(reading)
    with open("/dev/full", "wb") as full, open(writing, "wb") as unread:
        for stream, said in ((full, "evenload doctor: [Errno 28] No space left on device\n"), (unread, "")):
            done = subprocess.run(command, stdout=stream, stderr=subprocess.PIPE, text=True, check=False, timeout=NET)
            assert done.stderr == said
            assert done.returncode == 1  # no bridge is there
