"""What a flavor says, in the process that serves: its threads, its connections, its log."""

import os
import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.root.haproxy_stage import Stage, desired, member
from tests.waiting import NET, eventually

from evenload.model.desired import Desired
from evenload.model.flavor import FlavorValues

pytestmark = pytest.mark.root


@pytest.fixture
def stage() -> Iterator[Stage]:
    with Stage() as stage:
        yield stage


def flavored(values: FlavorValues) -> Desired:
    plain = desired(member(1))
    return replace(plain, load_balancer=replace(plain.load_balancer, flavor=values))


def test_the_process_has_as_many_threads_and_connections_and_reloads_without_losing_one(stage: Stage) -> None:
    stage.backend(1)
    values = FlavorValues(threads=3, connection_limit=120)
    pid = stage.start(flavored(values))
    assert stage.get() == "backend 1"
    assert eventually(lambda: len(os.listdir(f"/proc/{pid}/task")) == 3)
    shown = dict(line.split(": ", 1) for line in stage.ask("show info").splitlines() if ": " in line)
    assert (shown["Nbthread"], shown["Maxconn"]) == ("3", "120")
    client = stage.client()
    try:
        client.request("GET", "/")
        assert client.getresponse().read() == b"backend 1"
        second = stage.reload(flavored(replace(values, threads=2)))
        assert eventually(lambda: len(os.listdir(f"/proc/{second}/task")) == 2)
        client.request("GET", "/")
        assert client.getresponse().read() == b"backend 1"
    finally:
        client.close()


def test_nobody_gets_in_beyond_the_limit_until_another_leaves(stage: Stage) -> None:
    stage.backend(1)
    stage.start(flavored(FlavorValues(connection_limit=2)))
    held = [stage.client(), stage.client()]
    waiting = stage.client()
    try:
        for client in held:
            client.request("GET", "/")
            assert client.getresponse().read() == b"backend 1"
        waiting.request("GET", "/")
        shown = dict(line.split(": ", 1) for line in stage.ask("show info").splitlines() if ": " in line)
        assert shown["CurrConns"] == "2"
        held[0].close()
        assert waiting.getresponse().read() == b"backend 1"
    finally:
        for client in (*held, waiting):
            client.close()


def test_a_line_of_each_request_goes_to_the_socket_of_the_settings(stage: Stage) -> None:
    stage.backend(1)
    stage.settings.haproxy.chroot.mkdir(parents=True, exist_ok=True)
    place = stage.settings.haproxy.chroot / "log"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as syslog:
        syslog.bind(str(place))
        place.chmod(0o666)
        syslog.settimeout(NET)
        stage.options = replace(stage.options, log_socket="/log")
        stage.start(flavored(FlavorValues(log=True)))
        assert stage.get("/found-in-the-log") == "backend 1"
        while b"GET /found-in-the-log" not in (line := syslog.recv(8192)):
            pass
        assert b" web app/m1 " in line
