"""A reload under traffic: nobody fails, and what was known is still known."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from http.client import HTTPException
from http.cookies import SimpleCookie
from pathlib import Path
from socket import inet_aton

import pytest
from tests.root.haproxy_stage import VIP, VIP6, Stage, desired, member
from tests.waiting import NET, Repeating, eventually

from evenload.host import haproxy_crew, succession
from evenload.host.haproxy_process import is_stopped, start_time
from evenload.model.balancer import HealthMonitor, Listener, SessionPersistence, Vip
from evenload.model.desired import Desired, Statistics
from evenload.model.enums import InsertedHeader, ListenerProtocol, MonitorType, PersistenceType, PoolProtocol
from evenload.render.runtime_commands import set_health
from evenload.render.server_states import render_server_states

pytestmark = pytest.mark.root

MONITOR = HealthMonitor(id="check", pool_id="app", type=MonitorType.TCP, delay=1, timeout=1, rise=1, fall=1)
SLOW_MONITOR = replace(MONITOR, delay=30)


@pytest.fixture
def stage() -> Iterator[Stage]:
    with Stage() as stage:
        yield stage


def reload_as_the_agent_does(stage: Stage, document: Desired) -> int:
    answer = stage.ask("show servers state")
    stage.worker += 1
    wanted = stage.render(document)
    stage.worker -= 1
    kept = render_server_states(answer, stage.text, wanted)
    pid = stage.reload(document, kept.text)
    stage.haproxy.runtime(stage.id, kept.commands)
    return pid


def repeating(request: Callable[[], int]) -> Repeating:
    """Requests without a pause from one thread, each of which has to be answered with 200."""

    def once() -> str | None:
        try:
            status = request()
        except (OSError, HTTPException) as error:
            return repr(error)
        return None if status == 200 else str(status)

    return Repeating(once)


def kept_alive(stage: Stage) -> Callable[[], int]:
    """Goes on with one connection for as long as the server lets it."""
    client = stage.client()

    def request() -> int:
        nonlocal client
        client.request("GET", "/")
        answer = client.getresponse()
        answer.read()
        if answer.will_close:
            client.close()
            client = stage.client()
        return answer.status

    return request


def test_no_request_fails_while_it_is_reloaded_again_and_again(stage: Stage) -> None:
    for number in (1, 2):
        stage.backend(number)
    documents = [desired(member(1), member(2), monitor=replace(MONITOR, delay=delay)) for delay in (5, 6)]
    stage.start(documents[0])
    with repeating(lambda: stage.fetch()[0]) as new, repeating(kept_alive(stage)) as kept:
        for number in range(12):
            reload_as_the_agent_does(stage, documents[number % 2])
            new.await_more(10)
            kept.await_more(10)
    assert new.bad == []
    assert kept.bad == []


def test_a_reload_takes_the_very_sockets_over(stage: Stage) -> None:
    """Of both families: who waits at a socket that is bound anew instead is reset."""
    vips = tuple(Vip(address=address, subnet_id="subnet") for address in (VIP, VIP6))
    document = desired(member(1))
    document = replace(document, load_balancer=replace(document.load_balancer, vips=vips))
    before = listening(stage.start(document))
    assert {family for family, _, _ in before} == {"tcp", "tcp6"}
    assert listening(stage.reload(document)) == before


def listening(pid: int) -> set[tuple[str, str, str]]:
    """Family, place and inode of each socket at port 80 in the process's namespace that somebody listens at."""
    found = set()
    for family in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{family}").read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A" and words[1].endswith(":0050"):
                found.add((family, words[1], words[9]))
    return found


def test_an_old_worker_finishes_what_it_began_and_ends(stage: Stage) -> None:
    slow = stage.backend(1)
    first = stage.start(desired(member(1)))
    slow.gate.clear()
    with stage.connect() as held:
        held.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert eventually(lambda: slow.hits == 1)
        second = stage.reload(desired(member(1), monitor=MONITOR))
        assert second != first
        slow.gate.set()
        assert held.recv(1000).startswith(b"HTTP/1.1 200")
    assert eventually(lambda: stage.haproxy.read_statistics(stage.id).keys() == {2})
    assert eventually(lambda: start_time(first) is None)
    stage.haproxy.observe(stage.id)
    names = os.listdir(stage.files.path(stage.id))
    assert not [name for name in names if name.startswith("haproxy-1.")]


def test_who_is_let_finish_listens_no_more_and_answers_what_was_asked(stage: Stage) -> None:
    """As where the last listener is switched off: nobody takes its place."""
    slow = stage.backend(1)
    slow.gate.clear()
    document = desired(member(1), pool={"session_persistence": SessionPersistence(type=PersistenceType.SOURCE_IP)})
    pid = stage.start(document)
    with stage.connect() as held:
        held.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert eventually(lambda: slow.hits == 1)
        assert listens(pid)
        stage.haproxy.finish_haproxy(stage.id)
        assert eventually(lambda: not listens(pid))  # a connection to see it would be counted
        slow.gate.set()
        assert held.recv(1000).startswith(b"HTTP/1.1 200")
    totals: list[int] = []

    def gone() -> bool:
        now = stage.haproxy.read_statistics(stage.id)
        totals.extend(row.statistics.total_connections for row in now.get(1, ()) if row.proxy == "web")
        return 1 not in now

    assert eventually(gone)
    assert totals[-1] == 1
    assert eventually(lambda: start_time(pid) is None)


def listens(pid: int) -> bool:
    """Whether anybody listens at the VIP's port 80 in that process's namespace."""
    rows = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    place = f"{int.from_bytes(inet_aton(VIP), sys.byteorder):08X}:0050"
    return any((row[1], row[3]) == (place, "0A") for row in rows)


def test_who_hangs_is_ended_when_it_is_let_finish(stage: Stage) -> None:
    stage.backend(1)
    pid = stage.start(desired(member(1)))
    with stage.hang():
        stage.haproxy.finish_haproxy(stage.id)
        assert eventually(lambda: start_time(pid) is None)


def test_the_numbers_of_a_finishing_worker_are_read_to_its_last_byte(stage: Stage) -> None:
    stage.backend(1)
    stage.start(desired(member(1)))
    client = stage.client()
    client.request("GET", "/")
    client.getresponse().read()
    stage.reload(desired(member(1), monitor=MONITOR))
    rows = stage.haproxy.read_statistics(stage.id)
    assert rows.keys() == {1, 2}
    web = next(row for row in rows[1] if row.proxy == "web")
    assert web.statistics.active_connections == 1
    assert web.statistics.total_connections == 1
    client.request("GET", "/", headers={"X-More": "x" * 5000})  # still answered by the old worker
    client.getresponse().read()
    client.close()
    last: list[Statistics] = []

    def gone() -> bool:
        now = stage.haproxy.read_statistics(stage.id)
        last.extend(row.statistics for row in now.get(1, ()) if row.proxy == "web")
        return 1 not in now

    assert eventually(gone)
    assert last[-1].bytes_in > 5000
    assert last[-1].active_connections == 0


def test_a_member_that_is_down_gets_nothing_after_a_reload(stage: Stage) -> None:
    stage.backend(1)
    dead = stage.backend(2)
    document = desired(member(1), member(2), monitor=MONITOR)
    stage.start(document)
    dead.stop()
    assert eventually(lambda: stage.servers()["m2"]["srv_op_state"] == "0")
    reload_as_the_agent_does(stage, desired(member(1), member(2), monitor=SLOW_MONITOR))
    assert {name: row["srv_op_state"] for name, row in stage.servers().items()} == {"m1": "2", "m2": "0"}
    stage.serve(dead)  # alive again, but not yet known to be
    assert {stage.get() for _ in range(10)} == {"backend 1"}
    reload_as_the_agent_does(stage, document)
    assert eventually(lambda: {stage.get() for _ in range(4)} == {"backend 1", "backend 2"})


def test_without_kept_health_a_dead_member_would_get_requests(stage: Stage) -> None:
    """So that the test above is known to test something."""
    stage.start(desired(member(1), member(2), monitor=SLOW_MONITOR))
    stage.ask("set server app/m2 health down")
    stage.reload(desired(member(1), member(2), monitor=replace(SLOW_MONITOR, delay=31)))
    assert stage.servers()["m2"]["srv_op_state"] == "2"


def test_weights_and_states_after_a_reload_are_those_of_the_file(stage: Stage) -> None:
    stage.start(desired(member(1, weight=5), member(2), member(3, admin_state_up=False), monitor=SLOW_MONITOR))
    stage.ask("set server app/m1 weight 9")
    stage.ask("set server app/m2 state maint")
    stage.ask("set server app/m3 state ready")
    reload_as_the_agent_does(
        stage, desired(member(1, weight=5), member(2), member(3, admin_state_up=False), monitor=MONITOR)
    )
    state = stage.haproxy.observe(stage.id).process
    assert state is not None
    assert state.servers is not None
    found = {name: (row.weight, row.maintenance) for (_, name), row in state.servers.items()}
    assert found == {"m1": (5, False), "m2": (1, False), "m3": (1, True)}


def test_the_health_of_a_pinged_member_is_kept(stage: Stage) -> None:
    pinged = replace(MONITOR, type=MonitorType.PING)
    document = desired(member(1), member(2), monitor=pinged)
    stage.start(document)
    assert stage.status("m2") == "no check"
    stage.ask(set_health("app", "m2", up=False))
    assert stage.status("m2") == "DOWN"
    web = document.listeners[0]
    reload_as_the_agent_does(stage, replace(document, listeners=(replace(web, timeout_client_data=1000),)))
    state = stage.haproxy.observe(stage.id).process
    assert state is not None
    assert state.servers is not None
    assert {name: row.up for (_, name), row in state.servers.items()} == {"m1": None, "m2": False}
    assert stage.ask(set_health("app", "m2", up=True)) == ""
    assert stage.servers()["m2"]["srv_op_state"] == "2"
    stage.ask(set_health("app", "m2", up=False))
    reload_as_the_agent_does(stage, desired(member(1), member(2)))
    assert stage.servers()["m2"]["srv_op_state"] == "2"


def await_teacher(stage: Stage) -> None:
    """A process that nobody has taught teaches another one only when it is five seconds old (see render_peers)."""
    assert eventually(lambda: "resync_timeout=<PAST>" in stage.ask("show peers"))


def test_clients_stay_with_their_members_over_a_reload(stage: Stage) -> None:
    backends = [stage.backend(number) for number in (1, 2, 3)]
    kept = SessionPersistence(type=PersistenceType.SOURCE_IP)
    document = desired(member(1), member(2), member(3), pool={"session_persistence": kept})
    stage.start(document)
    assert len({stage.get() for _ in range(6)}) == 1
    before = stage.get()
    await_teacher(stage)
    for timeout in (1000, 2000, 3000):
        reload_as_the_agent_does(
            stage, replace(document, listeners=(replace(document.listeners[0], timeout_client_data=timeout),))
        )
        assert eventually(lambda: "used:1" in stage.ask("show table app"))
    assert {stage.get() for _ in range(6)} == {before}
    assert sum(backend.hits > 0 for backend in backends) == 1


def test_application_cookies_are_learnt_and_survive_a_reload(stage: Stage) -> None:
    """Values that begin alike for more than a stick table would keep of them are told apart."""
    name = "J'$#%-ID"
    kept = SessionPersistence(type=PersistenceType.APP_COOKIE, cookie_name=name)
    for number in (1, 2, 3):
        stage.backend(number).cookie = f"{name}={'x' * 100}{number}; Path=/"
    document = desired(member(1), member(2), member(3), pool={"session_persistence": kept})
    stage.start(document)
    assert {stage.get() for _ in range(3)} == {"backend 1", "backend 2", "backend 3"}

    def everybody_stays() -> bool:
        return all(
            {stage.get(Cookie=f"{name}={'x' * 100}{number}") for _ in range(3)} == {f"backend {number}"}
            for number in (1, 2, 3)
        )

    assert everybody_stays()
    await_teacher(stage)
    reload_as_the_agent_does(
        stage, replace(document, listeners=(replace(document.listeners[0], timeout_client_data=9000),))
    )
    assert eventually(lambda: "used:3" in stage.ask("show table app"))
    stage.reload(document)
    assert eventually(lambda: "used:3" in stage.ask("show table app"))
    assert everybody_stays()


def test_both_families_and_headers(stage: Stage) -> None:
    backend = stage.backend(1)
    web = replace(desired().listeners[0], insert_headers=tuple(InsertedHeader))
    document = desired(member(1), listeners=[web])
    vips = (*document.load_balancer.vips, Vip(address=VIP6, subnet_id="six"))
    stage.start(replace(document, load_balancer=replace(document.load_balancer, vips=vips)))
    stage.get(address=VIP6, X_Forwarded_For="203.0.113.9", X_Forwarded_Port="1", X_Forwarded_Proto="gopher")
    assert backend.headers["x-forwarded-port"] == "80"
    assert backend.headers["x-forwarded-proto"] == "http"
    assert backend.headers["x-forwarded-for"] == VIP6  # the last one, behind what the client said


@pytest.mark.parametrize(
    ("changes", "admitted"),
    [
        ({"allowed_cidrs": ("192.0.2.0/24",)}, False),
        ({"allowed_cidrs": tuple(f"192.0.2.{number}/32" for number in range(200))}, False),
        ({"allowed_cidrs": ("192.0.2.0/24", "10.77.0.0/16")}, True),
        ({"connection_limit": 0}, False),
        ({"connection_limit": 1}, True),
    ],
)
def test_who_may_connect(stage: Stage, changes: dict[str, object], admitted: bool) -> None:
    stage.backend(1)
    web = replace(desired().listeners[0], **changes)  # type: ignore[arg-type]
    stage.start(desired(member(1), listeners=[web]))
    if admitted:
        assert stage.get() == "backend 1"
    else:
        with pytest.raises((OSError, HTTPException)):
            stage.get()


@pytest.mark.parametrize(
    ("protocol", "greeting"),
    [(PoolProtocol.PROXY, b"PROXY TCP4 10.77.0.5 10.77.0.5 "), (PoolProtocol.PROXYV2, b"\r\n\r\n\0\r\nQUIT\n!\x11")],
)
def test_the_proxy_protocol(stage: Stage, protocol: PoolProtocol, greeting: bytes) -> None:
    raw = Listener(id="raw", load_balancer_id="lb", protocol=ListenerProtocol.TCP, port=81, default_pool_id="app")
    one = member(1)
    with stage.open(one.address) as listening:
        listening.bind((one.address, one.port))
        listening.listen()
        listening.settimeout(NET)
        stage.start(desired(one, listeners=[raw], pool={"protocol": protocol}))
        with stage.connect(81) as client:
            client.sendall(b"hello")
            accepted, _ = listening.accept()
            with accepted:
                accepted.settimeout(NET)
                assert accepted.recv(200).startswith(greeting)


def test_a_backup_serves_when_nobody_else_does(stage: Stage) -> None:
    for number in (1, 2, 3):
        stage.backend(number)
    stage.start(desired(member(1), member(2, backup=True), member(3, backup=True), monitor=SLOW_MONITOR))
    assert {stage.get() for _ in range(6)} == {"backend 1"}
    stage.ask("set server app/m1 health down")
    assert {stage.get() for _ in range(6)} == {"backend 2", "backend 3"}


class CookieClient:
    """Sends back what cookies it was given, as a browser does, each time on a new connection."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._cookies: dict[str, str] = {}

    def get(self) -> str:
        client = self._stage.client()
        sent = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        client.request("GET", "/", headers={"Cookie": sent} if sent else {})
        answer = client.getresponse()
        body = answer.read().decode()
        client.close()
        for each in answer.headers.get_all("Set-Cookie", []):
            (name, morsel), *_ = SimpleCookie(each).items()
            if morsel["max-age"] == "0":
                self._cookies.pop(name, None)
            else:
                self._cookies[name] = morsel.value
        return body


PERSISTENCE = [
    SessionPersistence(type=PersistenceType.SOURCE_IP),
    SessionPersistence(type=PersistenceType.HTTP_COOKIE),
    SessionPersistence(type=PersistenceType.APP_COOKIE, cookie_name="APP"),
]


@pytest.mark.parametrize(
    ("kept", "protocol"),
    [*((kept, ListenerProtocol.HTTP) for kept in PERSISTENCE), (PERSISTENCE[0], ListenerProtocol.TCP)],
    ids=lambda value: value.value if isinstance(value, ListenerProtocol) else value.type.value,
)
def test_who_was_served_by_a_backup_comes_back(
    stage: Stage, kept: SessionPersistence, protocol: ListenerProtocol
) -> None:
    """Also one who came when there was nobody else."""
    for number in (1, 2, 3):
        stage.backend(number).cookie = f"APP={number}" if kept.cookie_name else None
    listener = replace(desired().listeners[0], protocol=protocol)
    members = (member(1), member(2), member(3, backup=True))
    stage.start(desired(*members, listeners=[listener], pool={"session_persistence": kept}))
    old, new = CookieClient(stage), CookieClient(stage)
    first = old.get()
    assert first != "backend 3"
    assert {old.get() for _ in range(4)} == {first}
    for name in ("m1", "m2"):
        stage.ask(set_health("app", name, up=False))
    for client in (old, new):
        assert {client.get() for _ in range(2)} == {"backend 3"}
    for name in ("m1", "m2"):
        stage.ask(set_health("app", name, up=True))
    for client in (old, new):
        again = {client.get() for _ in range(4)}
        assert len(again) == 1
        assert again < {"backend 1", "backend 2"}


def test_who_is_kept_at_a_member_that_becomes_a_backup_leaves_it(stage: Stage) -> None:
    for number in (1, 2):
        stage.backend(number)
    pool = {"session_persistence": PERSISTENCE[1]}
    stage.start(desired(member(1), member(2), pool=pool))
    clients = [CookieClient(stage), CookieClient(stage)]
    assert {client.get() for client in clients} == {"backend 1", "backend 2"}
    stage.reload(desired(member(1), member(2, backup=True), pool=pool))
    for client in clients:
        client.get()
        assert {client.get() for _ in range(2)} == {"backend 1"}


def test_a_process_that_lost_its_socket_is_still_seen_and_can_be_replaced(stage: Stage) -> None:
    stage.backend(1)
    old = stage.start(desired(member(1)))
    stage.files.path(stage.id, "haproxy-1.sock").unlink()
    state = stage.haproxy.observe(stage.id).process
    assert state is not None  # it serves: a second one beside it would share its ports for ever
    assert (state.pid, state.servers) == (old, None)
    busy = stage.client()
    try:
        busy.request("GET", "/")
        assert busy.getresponse().read() == b"backend 1"
        new = stage.reload(desired(member(1)))
        assert stage.haproxy.current_pid(stage.id) == new
        assert stage.ask("show info")
        busy.request("GET", "/")
        assert busy.getresponse().read() == b"backend 1"
    finally:
        busy.close()
    assert eventually(lambda: not Path(f"/proc/{old}/cmdline").exists() or not Path(f"/proc/{old}/cmdline").read_text())


def test_no_second_process_starts_beside_one_that_lost_its_socket(stage: Stage) -> None:
    stage.backend(1)
    stage.start(desired(member(1)))
    stage.files.path(stage.id, "haproxy-1.sock").unlink()
    new = stage.start(desired(member(1)))
    assert [worker.pid for worker in stage.haproxy._workers.living(stage.id)] == [new]


def test_a_process_that_hangs_is_ended_by_a_reload(stage: Stage) -> None:
    stage.backend(1)
    stage.start(desired(member(1)))
    with stage.hang():
        new = stage.reload(desired(member(1)))
    assert [worker.pid for worker in stage.haproxy._workers.living(stage.id)] == [new]
    assert [stage.get() for _ in range(8)] == ["backend 1"] * 8


def test_a_process_that_was_stopped_goes_on_with_what_it_had(stage: Stage) -> None:
    """At the next look at its numbers, and where it is to give way: a second after somebody had the idea."""
    stage.backend(1)
    pid = stage.start(desired(member(1)))
    with closing(stage.client()) as client:
        for wake in (lambda: stage.haproxy.read_statistics(stage.id), lambda: stage.reload(desired(member(1)))):
            os.kill(pid, signal.SIGSTOP)
            assert eventually(lambda: is_stopped(pid))
            client.request("GET", "/")
            wake()
            assert client.getresponse().read() == b"backend 1"


def test_only_so_many_workers_finish_at_a_time(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers small enough to be reached here. Who has the fewest connections gives way."""
    monkeypatch.setattr(succession, "MANY_FINISHING", 3)
    monkeypatch.setattr(succession, "FINISHING_AT_MOST", 4)
    monkeypatch.setattr(haproxy_crew, "PATIENCE", 0.01)
    stage.backend(1)
    pids = [stage.start(desired(member(1)))]
    held = []
    try:
        for number in range(7):
            # Requests that do not come to their end; two to the first process.
            for _ in range(2 if number == 0 else 1):
                held.append(stage.connect())
                held[-1].sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
            assert stage.get() == "backend 1"  # so that they were taken
            pids.append(stage.reload(desired(member(1))))
        living = [worker.pid for worker in stage.haproxy._workers.living(stage.id)]
        assert living == [pids[0], *pids[-4:]]
        assert stage.get() == "backend 1"
    finally:
        for connection in held:
            connection.close()


def test_a_connection_outlives_a_hundred_changes(stage: Stage) -> None:
    """Those that have none are let go, at a look such as the agent makes each second, and are no more than a few."""
    slow = stage.backend(1)
    slow.gate.clear()
    documents = [desired(member(1), monitor=replace(MONITOR, delay=60, timeout=timeout)) for timeout in (1, 2)]
    stage.start(documents[0])
    with stage.connect() as held:
        held.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert eventually(lambda: slow.hits == 1)
        for number in range(1, 101):
            stage.reload(documents[number % 2])
            if number % 10 == 0:
                stage.haproxy.read_statistics(stage.id)
                assert eventually(lambda: len(stage.haproxy._workers.living(stage.id)) == 2)
        slow.gate.set()
        assert held.recv(1000).startswith(b"HTTP/1.1 200")


def test_changes_that_come_faster_than_looks_leave_few_workers_and_lose_no_number(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody looks at the numbers between these changes, and nobody waits for that."""
    monkeypatch.setattr(haproxy_crew, "PATIENCE", 0.0)
    stage.backend(1)
    documents = [desired(member(1), monitor=replace(MONITOR, delay=60, timeout=timeout)) for timeout in (1, 2)]
    stage.start(documents[0])
    for number in range(1, 13):
        assert stage.get() == "backend 1"
        stage.reload(documents[number % 2])
    assert eventually(lambda: len(stage.haproxy._workers.living(stage.id)) <= 2 + succession.FEW_FINISHING)
    found = stage.haproxy.read_statistics(stage.id)
    totals = [row.statistics.total_connections for rows in found.values() for row in rows if row.server == "FRONTEND"]
    assert sum(totals) == 12
    assert not stage.haproxy.read_statistics(stage.id).keys() & {1, 2, 3}  # once
