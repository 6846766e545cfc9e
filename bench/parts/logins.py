"""What wrong passwords, eight at a time, cost users whose password is known, and those who log in for the first time.

Known users ask fifty times a second, as scripts do, over a kept connection. The flood comes from 127.0.0.1, by the name
of one user or by ever new names; who comes from elsewhere comes from 127.0.0.2.
"""

import base64
import http.client
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from demo.service import Service as Process

from bench.room import Room
from bench.rows import Goal, Row, percentile, ratios, row
from evenload.main.user import render_line

_FLOOD = Path(__file__).parent.parent / "wrong_passwords.py"
_AT_ONCE = 8
_REQUESTS = 200
_EVERY = 0.02
_ROUNDS = 3
_FIRST_LOGINS = 4
_NAMES = {"one-name": "known", "new-names": ""}

_KNOWN = Goal(p50=3.0)
_ELSEWHERE = Goal(p50=4.0)
"""Its own check, and one that is being made."""
_BESIDE = Goal(p50=12.0)
"""Its own check, and at the most those of the whole flood."""


def measure(room: Room) -> list[Row]:
    users = room.lab.directory / "users"
    users.touch(0o600)
    strangers = [f"user{number}" for number in range(4 * _FIRST_LOGINS * len(_NAMES))]
    users.write_text("\n".join(render_line(name, "web", "member", name) for name in ("known", *strangers)) + "\n")
    process = Process(
        room.lab,
        name="logins",
        sections={
            "api": {"auth_strategy": "http_basic", "http_basic_auth_user_file": str(users)},
            "agent": {"manage_kernel_limits": "false"},
        },
    )
    process.start()
    rows: list[Row] = []
    try:
        for kind, name in _NAMES.items():
            rows += _beside_flood(process.port, kind, name, strangers)
    finally:
        process.stop()
    return rows


def _beside_flood(port: int, kind: str, name: str, strangers: list[str]) -> list[Row]:
    idle, beside, most, alone, elsewhere, same = [], [], [], [], [], []
    for _ in range(_FIRST_LOGINS):
        alone.append(_first_login(port, strangers.pop(), "127.0.0.1"))
    for _ in range(_ROUNDS):
        idle.append(percentile(_ask_as_known(port), 99))
        with _flood(port, name):
            found = _ask_as_known(port)
            beside.append(percentile(found, 99))
            most.append(max(found))
    with _flood(port, name):
        for _ in range(_FIRST_LOGINS):
            elsewhere.append(_first_login(port, strangers.pop(), "127.0.0.2"))
            same.append(_first_login(port, strangers.pop(), "127.0.0.1"))
    return [
        row(f"logins-{kind}-known-p99", "times", ratios(beside, idle), _KNOWN),
        row(f"logins-{kind}-known-p99-ms", "ms", beside),
        row(f"logins-{kind}-known-most-ms", "ms", most),
        row(f"logins-{kind}-idle-p99-ms", "ms", idle),
        row(f"logins-{kind}-first-elsewhere", "times", ratios(elsewhere, alone), _ELSEWHERE),
        row(f"logins-{kind}-first-beside", "times", ratios(same, alone), _BESIDE),
        row(f"logins-{kind}-first-alone-ms", "ms", alone),
    ]


def _ask_as_known(port: int) -> list[float]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    took = []
    try:
        for _ in range(_REQUESTS):
            begun = time.monotonic()
            _ask(connection, "known", "known")
            took.append((time.monotonic() - begun) * 1000)
            time.sleep(max(0.0, _EVERY - (time.monotonic() - begun)))
    finally:
        connection.close()
    return took


def _first_login(port: int, name: str, address: str) -> float:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60, source_address=(address, 0))
    begun = time.monotonic()
    try:
        _ask(connection, name, name)
    finally:
        connection.close()
    return (time.monotonic() - begun) * 1000


def _ask(connection: http.client.HTTPConnection, name: str, password: str) -> None:
    header = "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()
    connection.request("GET", "/v2/lbaas/loadbalancers", headers={"Authorization": header})
    answer = connection.getresponse()
    answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{name} was answered {answer.status}")


@contextmanager
def _flood(port: int, name: str) -> Iterator[None]:
    words = [sys.executable, "-S", str(_FLOOD), str(port), str(_AT_ONCE), name]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            if process.stdout.readline() != "ready\n":
                raise RuntimeError("the flood could not connect")
            yield
        finally:
            process.stdin.close()
            print(f"    the flood was answered {process.stdout.readline().strip()}", flush=True)
            process.kill()
