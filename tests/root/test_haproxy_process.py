"""HAProxy started, refused, adopted and ended for real."""

import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.root.haproxy_stage import Stage, desired, member
from tests.waiting import eventually

from evenload.host import haproxy_process
from evenload.host.files import StateFiles
from evenload.host.haproxy import Haproxy
from evenload.host.settings import HostSettings
from evenload.model.balancer import HealthMonitor, Listener
from evenload.model.enums import ListenerProtocol, MonitorType
from evenload.model.errors import Hopeless, HostError, InvalidConfiguration
from evenload.model.observed import HaproxyObserved

pytestmark = pytest.mark.root


@pytest.fixture
def stage() -> Iterator[Stage]:
    with Stage() as stage:
        yield stage


# 3.0 keeps the messages of its start in shared memory for whoever asks later.
_OWN = ("socket:", "anon_inode:", "pipe:", "/dev/null", "/dev/shm/haproxy_startup_logs_")


def version(binary: str) -> tuple[int, int]:
    """Of HAProxy: (2, 6)."""
    told = subprocess.run([binary, "-v"], capture_output=True, text=True, check=True).stdout
    match = re.search(r"version (\d+)\.(\d+)", told)
    assert match is not None, told
    return int(match[1]), int(match[2])


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except FileNotFoundError:
        return False


def field_of(pid: int, name: str) -> str:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(line.partition(":")[2].strip() for line in lines if line.startswith(name + ":"))


def test_it_listens_when_the_start_returns(stage: Stage) -> None:
    stage.backend(1)
    pid = stage.start(desired(member(1)))
    assert stage.get() == "backend 1"
    seen = stage.haproxy.observe(stage.id)
    config, state = seen.config, seen.process
    assert state is not None
    assert (state.pid, state.worker, state.text) == (pid, 1, stage.text)
    assert config == stage.text
    assert state.servers is not None
    assert state.servers["app", "m1"].up is None
    assert stage.haproxy.current_pid(stage.id) == pid
    assert os.readlink(stage.files.path(stage.id, "haproxy.sock")) == "haproxy-1.sock"


def test_it_runs_without_privileges_in_an_empty_place(stage: Stage) -> None:
    pid = stage.start(desired(member(1)))
    # It listens first and drops its privileges then; the start does not wait for that.
    assert eventually(lambda: int(field_of(pid, "CapEff"), 16) == 0)
    assert int(field_of(pid, "CapPrm"), 16) == 0
    assert eventually(lambda: field_of(pid, "NoNewPrivs") == "1")
    assert "0" not in field_of(pid, "Uid").split()
    assert os.readlink(f"/proc/{pid}/root") == str(stage.settings.haproxy.chroot)
    assert os.listdir(stage.settings.haproxy.chroot) == []
    environment = Path(f"/proc/{pid}/environ").read_bytes()
    assert {name.split(b"=")[0] for name in environment.split(b"\0") if name} <= {
        b"PATH",
        b"LC_ALL",
        b"MALLOC_CONF",
        b"HAPROXY_STARTUP_VERSION",
    }


def test_it_inherits_no_descriptor(stage: Stage) -> None:
    pid = stage.start(desired(member(1)))

    def foreign() -> list[str]:
        opened = [os.readlink(f"/proc/{pid}/fd/{name}") for name in os.listdir(f"/proc/{pid}/fd")]
        return [each for each in opened if not each.startswith(_OWN)]

    assert eventually(lambda: not foreign()), foreign()


def test_one_idle_process_is_small(stage: Stage) -> None:
    pid = stage.start(desired(member(1), member(2)))
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    # Its own pages alone: those of the program and its libraries are shared where there are more processes of it.
    [own] = [int(line.split()[1]) for line in rollup if line.startswith("Anonymous")]
    # 3.0 is built for 256 threads, each with its place in every pool, and its OpenSSL is larger.
    assert own < (3.5 if version(stage.settings.haproxy.binary) < (3, 0) else 4.2) * 1024


def test_its_socket_is_for_root_alone(stage: Stage) -> None:
    stage.start(desired(member(1)))
    path = stage.files.path(stage.id, "haproxy-1.sock")
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.stat().st_uid == 0
    code = f"import socket; socket.socket(socket.AF_UNIX).connect({str(path)!r})"
    # Opens the directories, so that it is the socket's own mode that refuses.
    for directory in (path.parent, path.parent.parent, path.parent.parent.parent):
        directory.chmod(0o755)
    tried = subprocess.run(
        ["/usr/bin/python3", "-c", code],
        user="nobody",
        group="nogroup",
        extra_groups=[],
        capture_output=True,
        check=False,
    )
    assert b"PermissionError" in tried.stderr


def test_a_wrong_configuration_changes_nothing(stage: Stage) -> None:
    stage.backend(1)
    pid = stage.start(desired(member(1)))
    live, wrong = stage.text, stage.text.replace("balance roundrobin", "balance sideways")
    with pytest.raises(InvalidConfiguration, match="balance only supports"):
        stage.haproxy.reload_haproxy(stage.id, wrong.replace("haproxy-1.sock", "haproxy-2.sock"), 2, None)
    assert stage.haproxy.observe(stage.id).config == live
    assert stage.haproxy.current_pid(stage.id) == pid
    assert stage.get() == "backend 1"
    assert sorted(os.listdir(stage.files.path(stage.id))) == [
        "haproxy-1.cfg",
        "haproxy-1.pid",
        "haproxy-1.sock",
        "haproxy.cfg",
        "haproxy.sock",
        "running.json",
        "servers.state",
    ]


def test_a_failed_first_start_leaves_the_former_file(stage: Stage) -> None:
    stage.haproxy.write_config(stage.id, "former")
    with pytest.raises(InvalidConfiguration):
        stage.haproxy.start_haproxy(stage.id, "global\n    nonsense\n", 1)
    assert stage.haproxy.observe(stage.id) == HaproxyObserved(config="former")


def test_an_address_that_is_not_there_may_come(stage: Stage) -> None:
    text = desired(member(1))
    stage.worker = 1
    wrong = stage.render(text).replace("10.77.0.5:80", "192.0.2.1:80")
    with pytest.raises(HostError, match=r"cannot bind") as raised:
        stage.haproxy.start_haproxy(stage.id, wrong, 1)
    assert not isinstance(raised.value, Hopeless)


def test_another_agent_adopts_what_runs(stage: Stage) -> None:
    stage.backend(1)
    pid = stage.start(desired(member(1)))
    stage.ask("set server app/m1 weight 7")
    stage.haproxy.record_running(stage.id, "as it is now")
    other = Haproxy(stage.settings, StateFiles(stage.settings.state_dir))
    state = other.observe(stage.id).process
    assert state is not None
    assert (state.pid, state.text) == (pid, "as it is now")
    assert state.servers is not None
    assert state.servers["app", "m1"].weight == 7


def test_a_start_that_was_not_recorded_is_adopted_too(stage: Stage) -> None:
    pid = stage.start(desired(member(1)))
    stage.files.remove(stage.id, "running.json")
    state = stage.haproxy.observe(stage.id).process
    assert state is not None
    assert (state.pid, state.text) == (pid, stage.text)


def test_a_record_of_another_process_is_not_believed(stage: Stage) -> None:
    stage.start(desired(member(1)))
    record = json.loads(stage.files.read(stage.id, "running.json") or "")
    stage.files.write(stage.id, "running.json", json.dumps(record | {"start_time": 1, "text": "a lie"}))
    state = stage.haproxy.observe(stage.id).process
    assert state is not None
    assert state.text == stage.text


def test_a_pid_that_went_to_somebody_else_is_let_live(stage: Stage) -> None:
    stage.start(desired(member(1)))
    bystander = subprocess.Popen(["/usr/bin/sleep", "infinity"])
    try:
        stage.haproxy.stop_haproxy(stage.id)
        stage.files.write(stage.id, "haproxy-3.pid", f"{bystander.pid}\n")
        assert stage.haproxy.current_pid(stage.id) is None
        stage.haproxy.stop_haproxy(stage.id)
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_stopping_ends_every_worker_and_leaves_no_file_of_one(stage: Stage) -> None:
    stage.backend(1)
    first = stage.start(desired(member(1)))
    with stage.connect() as held:  # keeps the old worker busy
        held.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
        second = stage.reload(desired(member(1)))
        assert alive(first)
        stage.haproxy.stop_haproxy(stage.id)
    assert not alive(first)
    assert not alive(second)
    assert sorted(os.listdir(stage.files.path(stage.id))) == ["cuts.json", "haproxy.cfg", "servers.state"]
    stage.haproxy.stop_haproxy(stage.id)


def test_a_dead_process_is_seen_and_started_again(stage: Stage) -> None:
    stage.backend(1)
    pid = stage.start(desired(member(1)))
    os.kill(pid, 9)
    assert eventually(lambda: not alive(pid))
    assert stage.haproxy.observe(stage.id).process is None
    stage.start(desired(member(1)))
    assert stage.get() == "backend 1"


def test_a_process_whose_directory_was_lost_does_not_share_the_port(stage: Stage) -> None:
    stage.backend(1)
    pid = stage.start(desired(member(1)))
    stage.files.remove_all(stage.id)
    stage.files.ensure(stage.id)
    assert stage.haproxy.observe(stage.id) == HaproxyObserved()
    other = stage.start(desired(member(1)))
    assert other != pid
    assert not alive(pid)
    assert stage.get() == "backend 1"


def test_a_new_namespace_needs_a_new_process(stage: Stage) -> None:
    pid = stage.start(desired(member(1)))
    number = stage.namespace
    subprocess.run(["umount", str(number)], check=True)
    number.unlink()
    stage.make_namespace()
    assert stage.haproxy.observe(stage.id).process is None
    stage.backend(2)
    stage.start(desired(member(2)))
    assert not alive(pid)
    assert stage.get() == "backend 2"


def test_a_worker_number_that_is_still_in_use_is_given_up_by_the_old_one(stage: Stage) -> None:
    """An agent that forgot how far it had counted while an old worker is finishing."""
    slow = stage.backend(1)
    slow.gate.clear()
    first = stage.start(desired(member(1)))
    with stage.connect() as held:
        held.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert eventually(lambda: slow.hits == 1)
        second = stage.reload(desired(member(1)))
        os.kill(second, 9)
        assert eventually(lambda: not alive(second))
        stage.worker = 0
        stage.start(desired(member(1)))
        assert stage.worker == 1
        assert alive(first)
        slow.gate.set()
        assert held.recv(1000).startswith(b"HTTP/1.1 200")
    seen = stage.haproxy.observe(stage.id)
    config, state = seen.config, seen.process
    assert state is not None
    assert state.worker >= 1
    assert config == stage.text


def test_a_listener_without_a_pool_answers_or_closes(stage: Stage) -> None:
    web = desired().listeners[0]
    raw = Listener(id="raw", load_balancer_id="lb", protocol=ListenerProtocol.TCP, port=81)
    stage.start(desired(listeners=[replace(web, default_pool_id=None), raw]))
    assert stage.fetch()[0] == 503
    with stage.connect(81) as connection:
        connection.sendall(b"hello")
        assert connection.recv(10) == b""


def request_errors(stage: Stage) -> int:
    [rows] = stage.haproxy.read_statistics(stage.id).values()
    return next(row.statistics.request_errors for row in rows if row.server == "FRONTEND")


def test_a_client_may_be_silent_as_long_as_its_listener_says(stage: Stage) -> None:
    """And no longer; a header that stands still is answered with 408, and counts as an error."""
    [web] = desired().listeners
    [patient] = desired(listeners=[replace(web, id="patient", port=81, timeout_client_data=60_000)]).listeners
    stage.start(desired(listeners=[replace(web, timeout_client_data=300), patient]))
    with stage.connect(81) as kept:
        for _ in range(5):
            stage.connect().close()
        with stage.connect() as silent, stage.connect() as half:
            half.sendall(b"GET / HTTP/1.1\r\nHost: x")
            assert silent.recv(1000) == b""
            assert half.recv(1000).startswith(b"HTTP/1.1 408 ")
        kept.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert kept.recv(1000).startswith(b"HTTP/1.1 503 ")
    assert request_errors(stage) == 1


def test_a_long_state_directory_is_refused_in_words(tmp_path: Path) -> None:
    settings = HostSettings(state_dir=tmp_path / ("x" * 60))
    haproxy = Haproxy(settings, StateFiles(settings.state_dir))
    with pytest.raises(Hopeless, match=r"too long a path"):
        haproxy.prepare()


def test_preparing_looks_at_the_version(stage: Stage) -> None:
    assert stage.haproxy.prepare() == []
    other = replace(stage.settings, haproxy=replace(stage.settings.haproxy, binary="/usr/bin/true"))
    with pytest.raises(Hopeless, match="is no HAProxy"):
        Haproxy(other, stage.files).prepare()


def test_without_a_process_there_is_nothing_to_change(stage: Stage) -> None:
    with pytest.raises(HostError, match="none is running"):
        stage.haproxy.runtime(stage.id, ["show info"])
    with pytest.raises(HostError, match="none is running"):
        stage.haproxy.reload_haproxy(stage.id, "", 1, None)
    assert stage.haproxy.read_statistics(stage.id) == {}


def test_a_command_is_one_command(stage: Stage) -> None:
    stage.start(desired(member(1)))
    for trick in ("show info; show stat", "show info\nshow stat"):
        with pytest.raises(ValueError, match="one line and one command"):
            stage.ask(trick)


@pytest.mark.parametrize("limit", [256, 1024])
def test_it_starts_where_few_files_may_be_opened(stage: Stage, limit: int) -> None:
    """Without regard for the limit HAProxy would refuse to."""
    backend = stage.backend(1)
    stage.options = replace(stage.options, open_files=limit)
    ports = range(80, 90)
    listeners = [
        Listener(
            id=f"web{port}", load_balancer_id="lb", protocol=ListenerProtocol.HTTP, port=port, default_pool_id="app"
        )
        for port in ports
    ]
    check = HealthMonitor(id="check", pool_id="app", type=MonitorType.TCP, delay=5, timeout=1, rise=1, fall=1)
    members = [replace(member(1), id=f"m{number}") for number in range(40)]
    script = stage.directory / "haproxy"
    script.write_text(f'#!/bin/sh\nulimit -n {limit}\nexec {stage.settings.haproxy.binary} "$@"\n')
    script.chmod(0o755)
    settings = replace(stage.settings, haproxy=replace(stage.settings.haproxy, binary=str(script)))
    stage.haproxy = Haproxy(settings, stage.files)
    stage.start(desired(*members, listeners=listeners, monitor=check))
    assert stage.get(port=89) == backend.name


def test_a_look_during_a_start_takes_nothing_from_it(stage: Stage) -> None:
    script, begun, proceed = (stage.directory / name for name in ("haproxy", "begun", "proceed"))
    waits = f"touch {begun}; while ! test -e {proceed}; do sleep 0.01; done"
    script.write_text(f'#!/bin/sh\n{waits}\nexec {stage.settings.haproxy.binary} "$@"\n')
    script.chmod(0o755)
    stage.haproxy = Haproxy(
        replace(stage.settings, haproxy=replace(stage.settings.haproxy, binary=str(script))), stage.files
    )
    stage.backend(1)
    failed: list[HostError] = []

    def start() -> None:
        try:
            stage.start(desired(member(1)))
        except HostError as error:
            failed.append(error)

    thread = threading.Thread(target=start)
    thread.start()
    assert eventually(begun.exists)
    for _ in range(20):
        stage.haproxy.observe(stage.id)
    proceed.touch()
    while thread.is_alive():
        stage.haproxy.observe(stage.id)
    thread.join()
    assert failed == []
    assert stage.haproxy.current_pid(stage.id) == stage.pid
    assert stage.get() == "backend 1"


def test_a_second_process_that_nobody_knows_of_does_not_share_the_ports_for_ever(stage: Stage) -> None:
    """As after an agent that was killed in the middle of a start: two with one pid file."""
    stage.backend(1)
    first = stage.start(desired(member(1)))
    config, pid_file = (str(stage.files.path(stage.id, f"haproxy-1.{suffix}")) for suffix in ("cfg", "pid"))
    binary = stage.settings.haproxy.binary
    assert haproxy_process.run([binary, "-D", "-f", config, "-p", pid_file], stage.namespace, 10.0).code == 0
    second = stage.haproxy.current_pid(stage.id)
    assert second not in (None, first)
    stage.haproxy.observe(stage.id)
    assert alive(first)  # only a resync looks for such
    assert stage.haproxy.find_orphans() == {stage.id}
    stage.haproxy.observe(stage.id)
    assert not alive(first)
    assert stage.haproxy.current_pid(stage.id) == second
    assert stage.haproxy.find_orphans() == frozenset()
    assert stage.get() == "backend 1"


def test_one_that_serves_alone_is_not_ended_for_want_of_a_record(stage: Stage) -> None:
    """Only when the server has said what is desired."""
    stage.backend(1)
    pid = stage.start(desired(member(1)))
    shutil.rmtree(stage.files.path(stage.id))
    assert stage.haproxy.find_orphans() == {stage.id}
    assert stage.haproxy.observe(stage.id) == HaproxyObserved(orphan=True)
    assert alive(pid)
    assert stage.get() == "backend 1"
    stage.files.ensure(stage.id)
    stage.start(desired(member(1)))
    assert not alive(pid)
