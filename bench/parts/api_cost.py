"""What requests cost the server, apart from the data plane: the service without a machine, on SQLite and on PostgreSQL.

Reads by wrk over one connection and over eight, writes by a small client. The roles are processes, so that the agent's
own work is not counted.
"""

import os
import signal
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo.service import Service as Process
from tests.databases import running_databases

from bench.memory import resident
from bench.pages import PAGE, ask_all, compare, multiply
from bench.parts.unfriendly import cpu_seconds
from bench.room import Room
from bench.rows import Goal, Row, ratios, row
from bench.service import LBAAS, Api
from bench.wrk import on_loopback

KINDS = ("sqlite", "postgresql")
_SECONDS = 2
_ROUNDS = 5
_CONNECTIONS = 8
_CREATIONS = 100
_CHEAP = {"list": Goal(p50=2.5), "one": Goal(p50=0.5), "tree": Goal(p50=2)}
_CREATION = Goal(p50=4)
_NO_DEARER = Goal(p50=1.2)
_NO_SLOWER = Goal(p50=1, more_is_better=True)
_MEMORY = Goal(p50=100)
_START = Goal(p50=1.5)
_PAGES = Goal(p50=1.5, p95=1.5)
_SUBNET = str(uuid.UUID(int=7))
"""Without a machine any name is that of a subnet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A running service without a machine, and where its rows are."""

    kind: str
    process: Process
    api: Api
    url: str

    @property
    def server(self) -> int:
        return self.process.roles()["server"]

    @property
    def agent(self) -> int:
        return self.process.roles()["agent"]


def measure(room: Room) -> list[Row]:
    rows = []
    with running_databases() as databases, _bytecode_in(room.lab.directory / "bytecode"):
        for kind in KINDS:
            with ExitStack() as stack:
                urls: list[str | None] = [None, None]
                if kind != "sqlite":
                    engines = [stack.enter_context(databases.without_schema(kind)) for _ in urls]
                    urls = [engine.url.render_as_string(hide_password=False) for engine in engines]
                site, seconds = stack.enter_context(_running(room, f"api-{kind}", kind, urls[0]))
                tree = _fill(site)
                rows += [row(f"api-{kind}-start", "s", [seconds], _START), *_measure(site, tree)]
                small, _ = stack.enter_context(_running(room, f"api-{kind}-small", kind, urls[1]))
                rows.append(_pages(small, site, tree))
    return rows


@contextmanager
def _bytecode_in(directory: Path) -> Iterator[None]:
    """Where the environment forbids to keep bytecode each start would compile all of Evenload; an installed one has
    its own. The first start writes it."""
    name = "PYTHONDONTWRITEBYTECODE"
    forbidden = os.environ.pop(name, "")
    if not forbidden:
        yield
        return
    os.environ["PYTHONPYCACHEPREFIX"] = str(directory)
    try:
        yield
    finally:
        del os.environ["PYTHONPYCACHEPREFIX"]
        os.environ[name] = forbidden


@contextmanager
def _running(room: Room, name: str, kind: str, url: str | None) -> Iterator[tuple[Site, float]]:
    """The site, and the seconds from its second start to the first answer: the first one makes the database."""
    state = room.lab.directory / name
    connection = url or f"sqlite:///{state}/server/evenload.sqlite"
    process = Process(
        room.lab,
        name=name,
        sections={
            "DEFAULT": {"state_path": str(state)},
            "agent": {"host": "noop"},
            "ports": {"provider": "noop"},
            **({"database": {"connection": url}} if url is not None else {}),
        },
    )
    process.start()
    process.stop()
    seconds = process.start()
    api = Api(process.port)
    try:
        _await_agent(api)
        yield Site(kind=kind, process=process, api=api, url=connection), seconds
    except Exception:
        print(f"The end of the service's log:\n{process.tail()}", file=sys.stderr)
        raise
    finally:
        api.close()
        process.stop()


def _await_agent(api: Api, timeout: float = 60.0) -> None:
    deadline = time.monotonic() + timeout
    while not api.send("GET", "/v2.0/agents")["agents"]:
        if time.monotonic() > deadline:
            raise RuntimeError("no agent has registered")
        time.sleep(0.05)


def _fill(site: Site) -> str:
    """A hundred; the id of the one that has parts."""
    tree = _create(site.api, listeners=[_listener(port) for port in (80, 81, 82, 83)])
    for number in range(PAGE - 1):
        _create(site.api, name=f"n{number:05}")
    return tree


def _measure(site: Site, tree: str) -> list[Row]:
    one = f"{LBAAS}/loadbalancers/{tree}"
    rows: list[Row] = []
    for name, path in (("list", f"{LBAAS}/loadbalancers?limit={PAGE}"), ("one", one), ("tree", f"{one}/status")):
        site.api.send("GET", path)  # a connection that is idle for all of them would be closed
        rows += _reads(site, name, path)
    ask_all(site.api, tree)
    rows += _creations(site)
    return [*rows, row(f"api-{site.kind}-rss", "MiB", [resident(site.server) / 1024], _MEMORY)]


def _pages(small: Site, site: Site, tree: str) -> Row:
    mine = _fill(small)
    _await_done(small.api)
    multiply(site.url)
    found = compare(small.api, site.api, mine, tree)
    worst = max(found, key=lambda asked: found[asked])
    print(f"{site.kind}: the dearest page is {worst} ({found[worst]:.2f})", file=sys.stderr)
    return row(f"api-{site.kind}-pages", "10,000 to 100", list(found.values()), _PAGES)


# --------------------------------------------------------------------------------------------------------------- reads


def _reads(site: Site, name: str, path: str) -> list[Row]:
    alone, together = [], []
    for _ in range(_ROUNDS):
        alone.append(_load(site, path, 1))
        together.append(_load(site, path, _CONNECTIONS))
    costs = ratios([cost for _, cost in together], [cost for _, cost in alone])
    rates = ratios([rate for rate, _ in together], [rate for rate, _ in alone])
    word = f"api-{site.kind}-{name}"
    return [
        row(f"{word}-cpu", "ms", [cost for _, cost in alone], _CHEAP[name]),
        row(f"{word}-cpu-8", "8 to 1", costs, _NO_DEARER),
        row(f"{word}-rate", "1/s", [rate for rate, _ in alone], more_is_better=True),
        row(f"{word}-rate-8", "8 to 1", rates, _NO_SLOWER),
    ]


def _load(site: Site, path: str, connections: int) -> tuple[float, float]:
    """Requests a second, and the server's milliseconds of CPU for each."""
    before = cpu_seconds(site.server)
    count = on_loopback(f"{site.process.url}{path}", connections=connections, seconds=_SECONDS)
    if count.failed or not count.requests:
        raise RuntimeError(f"{count.failed} of {count.requests} requests failed")
    return count.requests / _SECONDS, 1000 * (cpu_seconds(site.server) - before) / count.requests


# -------------------------------------------------------------------------------------------------------------- writes


def _create(api: Api, **more: Any) -> str:
    body = {"loadbalancer": {"vip_subnet_id": _SUBNET, **more}}
    return str(api.send("POST", f"{LBAAS}/loadbalancers", body)["loadbalancer"]["id"])


def _listener(port: int) -> Mapping[str, Any]:
    members = [{"address": f"10.9.0.{number}", "protocol_port": port} for number in range(1, 11)]
    pool = {"name": f"p{port}", "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN", "members": members}
    return {"protocol": "HTTP", "protocol_port": port, "default_pool": pool}


def _creations(site: Site) -> list[Row]:
    """The server's CPU for each POST; and again with what it does for the agent that reports each as done."""
    alone, reported = [], []
    for _ in range(_ROUNDS):
        reported.append(_creation_cost(site))
        os.kill(site.agent, signal.SIGSTOP)
        try:
            alone.append(_creation_cost(site))
        finally:
            os.kill(site.agent, signal.SIGCONT)
        _await_done(site.api)
    word = f"api-{site.kind}-post-cpu"
    return [row(word, "ms", alone, _CREATION), row(f"{word}-reported", "ms", reported)]


def _creation_cost(site: Site) -> float:
    count = _CREATIONS // _ROUNDS
    before = cpu_seconds(site.server)
    for _ in range(count):
        _create(site.api, name="one of many")
    return 1000 * (cpu_seconds(site.server) - before) / count


def _await_done(api: Api, timeout: float = 60.0) -> None:
    deadline = time.monotonic() + timeout
    while api.send("GET", f"{LBAAS}/loadbalancers?provisioning_status=PENDING_CREATE&limit=1")["loadbalancers"]:
        if time.monotonic() > deadline:
            raise RuntimeError("the agent has not taken up what waits for it")
        time.sleep(0.05)
