"""Evenload from a directory that only root can enter: the server has all in memory before it becomes its user."""

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command as alembic
from demo.lab import Lab
from demo.service import Service, free_port
from tests.waiting import NET

import evenload
from evenload.store import migrate
from evenload.store.engine import StoreSettings, open_engine


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab() as lab:
        yield lab


def ask(port: int, method: str, path: str, body: Any = None) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=NET)
    try:
        payload = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        connection.request(method, path, payload, {"Content-Type": "application/json"})
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()


def await_answer(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + NET
    while True:
        assert process.poll() is None, "the server ended"
        try:
            if ask(port, "GET", "/") == 200:
                return
        except OSError:
            pass
        assert time.monotonic() < deadline
        time.sleep(0.02)


def use(port: int) -> list[int]:
    """Something of everything, refusals too; returns the statuses."""
    subnet = {"subnet": {"network_id": "none", "ip_version": 4, "cidr": "10.0.0.0/24"}}
    return [
        ask(port, "GET", "/v2.0/lbaas/loadbalancers?sort=name&limit=2"),
        ask(port, "GET", "/v2.0/lb/pools"),
        ask(port, "GET", "/healthcheck"),
        ask(port, "POST", "/v2.0/networks", {"network": {"name": "ä", "shared": True}}),
        ask(port, "POST", "/v2.0/subnets", subnet),
        ask(port, "POST", "/v2.0/lbaas/loadbalancers", {"loadbalancer": {"vip_subnet_id": "none"}}),
        ask(port, "POST", "/v2.0/lbaas/loadbalancers", b'{"loadbalancer": '),
        ask(port, "PUT", "/v2.0/lbaas/loadbalancers/none", {"loadbalancer": {"name": 7}}),
        ask(port, "POST", "/v2.0/networks", {"network": {"name": "\a"}}),
        ask(port, "DELETE", "/v2.0/lbaas/pools/none"),
    ]


def go_back(database: Path) -> None:
    """To the schema before the newest."""
    engine = open_engine(StoreSettings(url=f"sqlite:///{database}"))
    with engine.begin() as connection:
        alembic.downgrade(migrate._config(connection), "-1")
    engine.dispose()


EXPECTED = [200, 200, 200, 201, 400, 400, 400, 404, 400, 404]


def test_nothing_is_imported_after_the_change_of_user(lab: Lab) -> None:
    """Whatever the database was found to be; Alembic is spared where its schema is not to be changed."""
    plain, metrics = Service(lab), free_port()
    counted = Service(lab, name="counted", sections={"server": {"metrics_port": metrics}})
    program = Path(__file__).with_name("late_imports.py")
    for life, made in (("new", 201), ("same", 409), ("counted", 409), ("older", 409)):  # the flat network is taken then
        service = counted if life == "counted" else plain
        if life == "older":
            go_back(lab.state / "server" / "evenload.sqlite")
        notes = lab.directory / f"imported-{life}"
        command = [sys.executable, str(program), str(notes), "--config-file", str(service.config)]
        with (lab.directory / "server.log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            await_answer(process, service.port)
            statuses = use(service.port)
            if life == "counted":
                assert [ask(metrics, "GET", path) for path in ("/metrics", "/x", "/metrics")] == [200, 404, 200]
            process.send_signal(signal.SIGTERM)
            assert process.wait(NET) == 0
        finally:
            process.kill()
            process.wait()
        assert statuses == [made if status == 201 else status for status in EXPECTED]
        assert notes.read_text() == f"alembic: {life == 'older'}\n"


def test_a_clone_of_mode_0700_serves(lab: Lab) -> None:
    clone = lab.directory / "clone"
    shutil.copytree(Path(evenload.__file__).parent, clone / "evenload", ignore=shutil.ignore_patterns("__pycache__"))
    for directory, _, _ in os.walk(clone):
        os.chmod(directory, 0o700)
    service = Service(lab, port=free_port())
    command = [sys.executable, "-P", "-m", "evenload.main.command", "--config-file", str(service.config)]
    environment = {**os.environ, "PYTHONPATH": str(clone), "PYTHONDONTWRITEBYTECODE": "1"}
    with (lab.directory / "server.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    try:
        await_answer(process, service.port)
        assert use(service.port) == EXPECTED
        looking = [*command[:-2], "events", *command[-2:]]
        looked = subprocess.run(looking, env=environment, capture_output=True, text=True, timeout=NET, check=False)
        assert (looked.returncode, looked.stderr) == (0, "")
        assert " began" in looked.stdout
        for word in ("status", "doctor"):  # their children read the database as the server's user
            asked = [*command[:4], word, "--format", "json", *command[4:]]
            found = subprocess.run(asked, env=environment, capture_output=True, text=True, check=False, timeout=NET)
            assert found.stderr == ""
            assert ("unreadable" in found.stdout, "it can be read" in found.stdout) == (False, word == "doctor")
        process.send_signal(signal.SIGTERM)
        assert process.wait(NET) == 0
    finally:
        process.kill()
        process.wait()
