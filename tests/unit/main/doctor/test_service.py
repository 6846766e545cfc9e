"""Roles, ports, the database, the services of others."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.unit.main.doctor.cases import levels, make_case, told
from tests.unit.main.status.samples import ago

from evenload.host import preflight
from evenload.host.conditions import Use
from evenload.host.privileges import Account
from evenload.main.doctor import machine, neighbours, service
from evenload.main.doctor.case import Level

OK, WARNING, FAULT = {Level.OK}, {Level.WARNING}, {Level.FAULT}


@pytest.mark.parametrize(
    ("more", "level", "words"),
    [
        ({}, Level.OK, "it answers"),
        ({"agent": {"state": "down", "reason": "it does not run"}}, Level.FAULT, "it does not run"),
        ({"agent": {"state": "silent", "reason": "too slow"}}, Level.FAULT, "gives no answer: too slow"),
        ({"agent": {"connected": False}}, Level.FAULT, "no connection with the server"),
        ({"agent": {"version": "0.1.0"}}, Level.WARNING, "is version 0.1.0, and 0.2.0 is installed"),
        ({"agent": {"faults": {"round": 2}}}, Level.WARNING, "2 in round"),
        ({"stored": {"agents": [{"name": "lb1", "last_word": ago(90)}]}}, Level.WARNING, "heard of it 1 min ago"),
        ({"stored": {"agents": [{"name": "lb2", "last_word": ago(90)}]}}, Level.OK, "it answers"),
    ],
)
def test_the_agent(tmp_path: Path, more: dict[str, Any], level: Level, words: str) -> None:
    [found] = service.check_agent(make_case(tmp_path, **more))
    assert (found.level, words in found.text) == (level, True), found


@pytest.mark.parametrize(("state", "level"), [("answers", OK), ("silent", FAULT), ("down", FAULT)])
def test_the_server(tmp_path: Path, state: str, level: set[Level]) -> None:
    assert levels(service.check_server(make_case(tmp_path, server={"state": state, "reason": "x"}))) == level


@pytest.mark.parametrize(
    ("server", "agent", "units"),
    [("down", "down", {"evenload"}), ("answers", "down", {"evenload-agent"}), ("down", "answers", {"evenload-server"})],
)
def test_the_unit_that_is_to_be_started_is_the_one_that_does_not_run(
    tmp_path: Path, server: str, agent: str, units: set[str]
) -> None:
    """``evenload.service`` would end the other one."""
    case = make_case(tmp_path, server={"state": server, "reason": "x"}, agent={"state": agent, "reason": "x"})
    found = [*service.check_server(case), *service.check_agent(case)]
    remedies = [each.remedy or "" for each in found if each.level is Level.FAULT]
    assert {each.split(";")[0].removeprefix("systemctl start ") for each in remedies} == units
    assert all("journalctl -t evenload" in each for each in remedies)


def test_a_port_that_somebody_else_has_is_named_with_him(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        text = f"[api]\nbind_port = {other.getsockname()[1]}\n"
        assert levels(service.check_ports(make_case(tmp_path, text))) == OK
        [found] = service.check_ports(make_case(tmp_path, text, own_processes=frozenset()))
        assert found.level is Level.FAULT
        assert "[api] bind_port" in (found.remedy or "")


@pytest.mark.parametrize(
    ("reason", "remedy"),
    [
        ("there is no database yet at /x", "the first start makes it"),
        ("the database has schema 0001, this version works with 0022", "it brings the schema to its version"),
        ("the user nobody may not use the database", "run this as root"),
        ("connection refused", "evenload restore"),
    ],
)
def test_a_database_that_cannot_be_read(tmp_path: Path, reason: str, remedy: str) -> None:
    [found] = service.check_database(make_case(tmp_path, stored=None, reason=reason))
    assert (found.level, found.text) == (Level.FAULT, reason)
    assert remedy in (found.remedy or "")


def test_a_directory_that_no_start_would_make(tmp_path: Path) -> None:
    reason = "there is no database yet at /srv/lb/e.sqlite, and the user lb may not make the directory /srv/lb in /srv"
    text = "[database]\nconnection = sqlite:////srv/lb/e.sqlite\n"
    case = make_case(tmp_path, text, stored=None, reason=reason, account=Account("lb", 999, 999))
    [found] = service.check_database(case)
    assert (found.text, found.remedy) == (reason, "mkdir -p /srv/lb; chown lb /srv/lb")


def test_an_api_without_logins_is_for_this_host_alone(tmp_path: Path) -> None:
    down = {"state": "down", "reason": "x"}
    assert levels(service.check_api_address(make_case(tmp_path, server=down))) == OK
    text = "[api]\nbind_host = 0.0.0.0\n"
    assert levels(service.check_api_address(make_case(tmp_path, text, server=down))) == WARNING


def test_a_host_from_the_future(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "is_clock_synchronised", lambda: True)
    assert levels(machine.check_clock(make_case(tmp_path))) == OK
    later = {"agents": [{"name": "lb2", "last_word": ago(-60)}]}
    assert levels(machine.check_clock(make_case(tmp_path, stored=later))) == WARNING
    monkeypatch.setattr(machine, "is_clock_synchronised", lambda: False)
    assert levels(machine.check_clock(make_case(tmp_path))) == WARNING


def test_limits_that_are_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "ensure_neighbour_limits", lambda *, manage: ["gc_thresh3 is 1024"])
    monkeypatch.setattr(machine, "read_namespace_limit", lambda: 10)
    monkeypatch.setattr(machine, "read_process_use", lambda: Use(950, 1000))
    monkeypatch.setattr(machine, "read_task_use", lambda pid: Use(500, 512))
    monkeypatch.setattr(machine, "read_open_files_of", lambda pid: 1024)
    found = list(machine.check_limits(make_case(tmp_path)))
    assert [each.level for each in found] == [Level.FAULT, *[Level.WARNING] * 4]
    assert all(each.remedy for each in found)


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(int(self.path.rpartition("/")[2]))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    """It answers with the status that stands last in the path."""
    with HTTPServer(("127.0.0.1", 0), _Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def keystone(address: str, **more: str) -> str:
    lines = [f"{name} = {value}" for name, value in more.items()]
    user = "auth_type = password\nusername = lb\npassword = geheim\nproject_name = service"
    return "\n".join(
        ["[api]", "auth_strategy = keystone", "[keystone_authtoken]", user, f"auth_url = {address}", *lines, ""]
    )


@contextmanager
def closed_port() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def test_keystone_answers_or_does_not(tmp_path: Path, url: str) -> None:
    assert levels(neighbours.check_keystone(make_case(tmp_path))) == set()
    for status, expected in ((200, OK), (401, OK), (503, FAULT)):
        assert levels(neighbours.check_keystone(make_case(tmp_path, keystone(f"{url}/{status}")))) == expected
    with closed_port() as port:
        [found] = neighbours.check_keystone(make_case(tmp_path, keystone(f"http://127.0.0.1:{port}/v3")))
    assert (found.level, "refused" in found.text) == (Level.FAULT, True)
    [found] = neighbours.check_keystone(make_case(tmp_path, keystone(f"{url}/200", usernane="lb")))
    assert (found.level, "usernane" in found.text) == (Level.FAULT, True)


def test_barbican_answers_or_does_not(tmp_path: Path, url: str) -> None:
    for status, expected in ((300, OK), (500, FAULT)):
        text = f"{keystone(f'{url}/200')}[secrets]\ncert_manager = barbican\nendpoint = {url}/{status}\n"
        assert levels(neighbours.check_barbican(make_case(tmp_path, text))) == expected
    text = f"{keystone(f'{url}/200')}[secrets]\ncert_manager = barbican\n"
    assert levels(neighbours.check_barbican(make_case(tmp_path, text))) == OK


def test_memcached_answers_or_does_not(tmp_path: Path, url: str) -> None:
    with socket.socket() as cache, closed_port() as nobody:
        cache.bind(("127.0.0.1", 0))
        cache.listen()

        def answer() -> None:
            connection, _ = cache.accept()
            with connection:
                connection.recv(64)
                connection.sendall(b"VERSION 1.6.18\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        places = f"127.0.0.1:{cache.getsockname()[1]},127.0.0.1:{nobody}"
        case = make_case(tmp_path, keystone(f"{url}/200", memcached_servers=places))
        found = told(neighbours.check_keystone(case))
        thread.join()
    assert [level for level, _ in found] == [Level.OK, Level.OK, Level.WARNING]
