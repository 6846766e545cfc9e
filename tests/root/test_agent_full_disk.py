"""A disk without room: a change waits and says so, the process that runs serves on."""

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.certificates import make_bundle
from tests.fakes.tls import a_certificate, a_tls
from tests.root.agent_stage import Stage, staged
from tests.root.lab import Lab
from tests.root.test_agent_tls import certificate_of, shown
from tests.waiting import eventually

from evenload.host.files import StateFiles
from evenload.host.haproxy_workers import STATES
from evenload.model.desired import Desired, Outcome
from evenload.model.enums import ListenerProtocol
from evenload.model.secret import SecretBytes

pytestmark = pytest.mark.root

_PAGE = 4096


@pytest.fixture
def disk(lab: Lab) -> Iterator[Path]:
    """The state directory, on a disk of 2 MiB of its own."""
    directory = lab.directory / "balancers"
    directory.mkdir(mode=0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m,mode=0700", "none", str(directory)], check=True)
    try:
        yield directory
    finally:
        subprocess.run(["umount", "--lazy", str(directory)], check=True)


@pytest.fixture
def stage(lab: Lab, disk: Path) -> Iterator[Stage]:
    with staged(lab) as stage:
        yield stage


def fill(disk: Path, pages: int) -> Path:
    """Takes all room but so many pages; returns what takes it."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(_PAGE))
        except OSError:
            file.truncate(ballast.stat().st_size // _PAGE * _PAGE - pages * _PAGE)
    return ballast


def refused(stage: Stage, desired: Desired) -> str:
    """Why the agent did not apply it at its first attempt; names a place in the state directory."""
    before = len(stage.server.reports)
    stage.server.put(desired)
    stage.agent.hint(stage.id, desired.generation)
    assert eventually(lambda: len(stage.server.reports) > before)
    report = stage.server.reports[before]
    assert report.outcome in (Outcome.RETRY, Outcome.GIVE_UP)
    reason = report.reason or ""
    assert str(stage.settings.state_dir / stage.id) in reason
    return reason


@pytest.mark.parametrize("pages", [0, 1, 2, 4])
def test_a_change_that_needs_a_new_process_waits_for_room(stage: Stage, disk: Path, pages: int) -> None:
    stage.apply(stage.put())
    pid = stage.pid()
    ballast = fill(disk, pages)
    two = stage.put(2, listeners=(stage.listener(), stage.listener(1)))
    assert "ENOSPC" in refused(stage, two)
    assert stage.ask().status == 200
    assert stage.pid() == pid
    stage.agent.resync()
    assert stage.ask().status == 200
    ballast.unlink()
    stage.agent.hint(stage.id, 2)  # the next attempt may be as far away as the next resync
    assert eventually(lambda: stage.answers(81))
    assert stage.ask().status == 200


@pytest.mark.parametrize("last", ["haproxy-2.cfg", STATES])
def test_room_that_goes_while_a_process_starts_ends_nobody_who_serves(
    stage: Stage, disk: Path, last: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``last``: what can still be written. After the second, HAProxy could not write its pid file; it serves, and is
    known all the same."""
    stage.apply(stage.put())
    write = StateFiles.write

    def write_and_lose(files: StateFiles, load_balancer_id: str, name: str, content: str | bytes) -> Path:
        path = write(files, load_balancer_id, name, content)
        if name == last:
            monkeypatch.undo()
            fill(disk, 0)
        return path

    monkeypatch.setattr(StateFiles, "write", write_and_lose)
    two = stage.put(2, listeners=(stage.listener(), stage.listener(1)))
    assert "ENOSPC" in refused(stage, two)
    assert stage.ask().status == 200
    stage.restart_agent()  # which looks for processes without a record, and at the host
    stage.agent.hint(stage.id, 2)
    assert eventually(lambda: len(stage.server.reports) > 2)
    assert stage.ask().status == 200
    (disk / "ballast").unlink()
    stage.agent.hint(stage.id, 2)
    assert eventually(lambda: stage.answers(81))
    assert stage.ask().status == 200
    assert eventually(lambda: len(stage.host.observe(stage.id, stage.port).haproxy.process.servers or ()) == 2)  # type: ignore[union-attr]


def test_a_change_at_run_time_is_in_force_although_it_cannot_be_written_down(stage: Stage, disk: Path) -> None:
    desired = stage.put()
    stage.apply(desired)
    pid = stage.pid()
    ballast = fill(disk, 0)
    first, second = desired.members
    assert "ENOSPC" in refused(
        stage, replace(desired, generation=2, members=(replace(first, admin_state_up=False), second))
    )
    assert stage.bodies() == {"1"}
    assert stage.pid() == pid
    ballast.unlink()
    stage.agent.hint(stage.id, 2)  # the next attempt may be as far away as the next resync
    assert eventually(lambda: stage.server.reports[-1].outcome is Outcome.DONE)
    assert stage.bodies() == {"1"}
    assert stage.pid() == pid


def secure(stage: Stage, generation: int, content: bytes) -> Desired:
    certificate = a_certificate(f"c{generation}", content)
    stage.server.contents[certificate.id] = SecretBytes(content)
    tls = a_tls(certificate=certificate)
    listener = stage.listener(port=443, protocol=ListenerProtocol.TERMINATED_HTTPS, tls=tls)
    return replace(stage.put(generation, listeners=(listener,)), secrets=(certificate.secret,))


@pytest.mark.parametrize("pages", [0, 1, 2, 4])
def test_another_certificate_waits_for_room_and_comes_without_a_reload(stage: Stage, disk: Path, pages: int) -> None:
    """With little room the file is written, or something after it is not."""
    first, second = make_bundle("www.example"), make_bundle("www.example")
    stage.apply(secure(stage, 1, first))
    pid = stage.pid()
    ballast = fill(disk, pages)
    then = secure(stage, 2, second)
    stage.server.put(then)
    before = len(stage.server.reports)
    stage.agent.hint(stage.id, 2)
    assert eventually(lambda: len(stage.server.reports) > before)
    assert shown(stage) in (certificate_of(first), certificate_of(second))
    assert pages or shown(stage) == certificate_of(first)
    ballast.unlink()
    stage.agent.hint(stage.id, 2)
    stage.report(2)
    assert shown(stage) == certificate_of(second)
    assert stage.pid() == pid
