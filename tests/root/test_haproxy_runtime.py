"""Changes at run time: in force at once, the same as what a start from the file gives, and nobody cut off."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest
from tests.root.haproxy_stage import MEMBER6, Stage, desired, member
from tests.waiting import NET, eventually, grows

from evenload.agent.plan_servers import ServersPlan, plan_servers
from evenload.model.balancer import HealthMonitor, HttpCheck, Member, SessionPersistence
from evenload.model.desired import Desired
from evenload.model.enums import Algorithm, MonitorType, PersistenceType, PoolProtocol
from evenload.model.rules import validate_backend_address
from evenload.model.tls import AlpnProtocol, PoolTls
from evenload.render.haproxy_text import Equal, Runtime, plan_difference
from evenload.render.runtime_commands import commands, delete_leftovers, is_refusal

pytestmark = pytest.mark.root

MONITOR = HealthMonitor(id="check", pool_id="app", type=MonitorType.TCP, delay=1, timeout=1, rise=1, fall=1)
HTTPS_MONITOR = replace(
    MONITOR,
    type=MonitorType.HTTPS,
    http=HttpCheck(version="1.1", domain_name="www.example.org"),
    delay=60,
    rise=2,
    fall=4,
)
CHECKED = "6"
"""HAProxy's number for a connection that a check has made."""
WITH_COOKIE = {"session_persistence": SessionPersistence(type=PersistenceType.HTTP_COOKIE)}


@pytest.fixture
def stage() -> Iterator[Stage]:
    with Stage() as stage:
        yield stage


def change(stage: Stage, document: Desired) -> list[tuple[str, str]]:
    """What the agent does where no reload is needed; returns commands with answers."""
    wanted = stage.render(document)
    difference = plan_difference(stage.text, wanted)
    assert isinstance(difference, Runtime), difference
    words = [command for change in difference.changes for command in commands(change)]
    answers = stage.haproxy.runtime(stage.id, words)
    said = list(zip(words, answers, strict=True))
    assert not [each for each in said if is_refusal(*each)], said
    stage.haproxy.record_running(stage.id, wanted)
    stage.haproxy.write_config(stage.id, wanted)
    stage.text = wanted
    return said


def tables(stage: Stage) -> dict[str, dict[str, str]]:
    """All that HAProxy says of its servers, but for what depends on time, traffic and on being the first."""
    _, *lines = stage.ask("show stat -1 4 -1").splitlines()
    names = stage.ask("show stat -1 4 -1").splitlines()[0].removeprefix("# ").split(",")
    kept = {"status", "weight", "act", "bck", "addr", "cookie", "mode", "check_rise", "check_fall", "sid", "slim"}
    stats = {
        row["svname"]: {name: row[name] for name in kept}
        for row in (dict(zip(names, line.split(","), strict=False)) for line in lines if line)
    }
    wanted = {"srv_addr", "srv_port", "srv_uweight", "srv_iweight", "srv_op_state", "srv_check_state", "srv_check_port"}
    wanted |= {"srv_id", "srv_f_forced_id", "srv_use_ssl"}
    head, *lines = stage.ask("show servers conn").splitlines()
    for words in (line.split() for line in lines if line):
        # What it may keep of connections, and for how long, whatever it keeps at present.
        settings = dict(zip(head.removeprefix("# ").split(), words, strict=False))
        stats[words[0].partition("/")[2]] |= {name: settings[name] for name in ("purge_delay", "idle_lim")}
    for name, row in stage.servers().items():
        stats[name] |= {field: row[field] for field in wanted}
        stats[name]["maintenance"] = str(int(row["srv_admin_state"]) & 0b11 != 0)
        address = row["srv_check_addr"]
        stats[name]["check address"] = address
    return stats


@pytest.mark.parametrize("monitor", [None, MONITOR, HTTPS_MONITOR], ids=["none", "tcp", "https"])
@pytest.mark.parametrize(
    "pool",
    [
        {},
        WITH_COOKIE,
        {"algorithm": Algorithm.SOURCE_IP, "protocol": PoolProtocol.PROXYV2},
        {
            "algorithm": Algorithm.LEAST_CONNECTIONS,
            "session_persistence": SessionPersistence(type=PersistenceType.SOURCE_IP),
        },
        {"tls": PoolTls(ciphers="TLS_AES_128_GCM_SHA256:HIGH", alpn=(AlpnProtocol.HTTP_2,))},
    ],
    ids=["plain", "cookie", "source", "table", "tls"],
)
def test_run_time_changes_amount_to_a_start_from_the_file(
    stage: Stage, monitor: HealthMonitor | None, pool: dict[str, object]
) -> None:
    quiet = None if monitor is None else replace(monitor, delay=60)  # no check decides anything meanwhile
    special = replace(
        member(4), address=MEMBER6, backup=True, weight=17, monitor_address="10.77.1.6", monitor_port=9999
    )
    before = [member(1), member(2, weight=5), member(3, admin_state_up=False)]
    after = [member(1, weight=9), member(3), special, member(5, admin_state_up=False), member(6, weight=0)]
    stage.start(desired(*before, monitor=quiet, pool=pool))
    change(stage, desired(*after, monitor=quiet, pool=pool))
    changed = tables(stage)
    stage.haproxy.stop_haproxy(stage.id)
    stage.start(desired(*after, monitor=quiet, pool=pool))
    started = tables(stage)
    assert changed.keys() == started.keys() == {"m1", "m3", "m4", "m5", "m6"}
    for name in started:
        shown = set(started[name])
        if monitor is None or started[name]["maintenance"] == "True":  # no check runs, for one reason or another
            shown -= {"srv_check_state", "check_rise", "check_fall"}
        if name == "m1":  # the weight it had at first stands beside the one in force
            shown -= {"srv_iweight"}
        assert {field: changed[name][field] for field in shown} == {field: started[name][field] for field in shown}, (
            name
        )


@pytest.mark.parametrize("monitor", [None, replace(MONITOR, delay=60)], ids=["none", "tcp"])
def test_connections_to_a_member_are_used_again_however_it_came(stage: Stage, monitor: HealthMonitor | None) -> None:
    for number in (1, 2):
        stage.backend(number)
    stage.start(desired(member(1), monitor=monitor))
    change(stage, desired(member(1), member(2), monitor=monitor))
    with closing(stage.client()) as client:
        for _ in range(40):
            client.request("GET", "/")
            assert client.getresponse().read()
    made = {name: (int(row["connect"]), int(row["reuse"])) for name, row in statistics(stage).items()}
    assert made == {"m1": (1, 19), "m2": (1, 19)}


def statistics(stage: Stage) -> dict[str, dict[str, str]]:
    """All columns of ``show stat`` by server."""
    head, *lines = stage.ask("show stat -1 4 -1").splitlines()
    names = head.removeprefix("# ").split(",")
    rows = [dict(zip(names, line.split(","), strict=False)) for line in lines if line]
    return {row["svname"]: row for row in rows}


def test_a_disabled_member_is_not_checked_and_one_that_is_enabled_is(stage: Stage) -> None:
    """However it came to be disabled."""
    second, third = stage.backend(2, port=9000), stage.backend(3, port=9000)
    watched = {number: member(number, monitor_port=9000) for number in (2, 3)}
    http = replace(MONITOR, type=MonitorType.HTTP, http=HttpCheck())
    disabled = [replace(each, admin_state_up=False) for each in watched.values()]
    stage.start(desired(member(1), disabled[0], monitor=http))
    change(stage, desired(member(1), *disabled, monitor=http))
    assert eventually(lambda: stage.servers()["m1"]["srv_op_state"] == "0")  # so long checks have been made
    assert (second.hits, third.hits) == (0, 0)
    change(stage, desired(member(1), *watched.values(), monitor=http))
    assert eventually(lambda: second.hits > 1 and third.hits > 1)
    change(stage, desired(member(1), *disabled, monitor=http))
    first = stage.backend(1)
    assert eventually(lambda: first.hits > 1)  # what was under way has come to its end then
    before = (second.hits, third.hits)
    assert grows(lambda: first.hits, 2)
    assert (second.hits, third.hits) == before


def test_the_first_check_of_a_new_server_decides(stage: Stage) -> None:
    stage.backend(1)
    stage.start(desired(member(1), monitor=MONITOR))
    change(stage, desired(member(1), member(2), monitor=MONITOR))
    assert eventually(lambda: stage.servers()["m2"]["srv_op_state"] == "0")
    stage.backend(2)
    assert eventually(lambda: stage.servers()["m2"]["srv_op_state"] == "2")


def test_members_come_and_go_without_another_process(stage: Stage) -> None:
    for number in (1, 2, 3):
        stage.backend(number)
    pid = stage.start(desired(member(1), member(2)))
    assert {stage.get() for _ in range(4)} == {"backend 1", "backend 2"}
    change(stage, desired(member(2), member(3)))
    assert {stage.get() for _ in range(4)} == {"backend 2", "backend 3"}
    change(stage, desired(member(2, weight=3), member(3)))
    spread = [stage.get() for _ in range(8)]
    assert (spread.count("backend 2"), spread.count("backend 3")) == (6, 2)
    change(stage, desired(member(2, weight=0), member(3)))
    assert {stage.get() for _ in range(4)} == {"backend 3"}
    change(stage, desired(member(2, admin_state_up=False), member(3)))
    change(stage, desired(member(2), member(3)))
    assert {stage.get() for _ in range(4)} == {"backend 2", "backend 3"}
    seen = stage.haproxy.observe(stage.id)
    config, state = seen.config, seen.process
    assert state is not None
    assert state.pid == pid
    assert config == state.text == stage.text
    assert plan_difference(state.text, stage.render(desired(member(2), member(3)))) == Equal()


def test_a_pool_is_emptied_and_filled(stage: Stage) -> None:
    stage.backend(1)
    stage.start(desired())
    assert stage.fetch()[0] == 503
    change(stage, desired(member(1)))
    assert stage.get() == "backend 1"
    change(stage, desired())
    assert stage.fetch()[0] == 503


def test_cookies_of_a_server_that_came_at_run_time_are_those_of_the_file(stage: Stage) -> None:
    for number in (1, 2):
        stage.backend(number)
    stage.start(desired(member(1), pool=WITH_COOKIE))
    change(stage, desired(member(1), member(2), pool=WITH_COOKIE))
    cookies = {body: cookie or "" for _, body, cookie in (stage.fetch() for _ in range(4))}
    assert cookies.keys() == {"backend 1", "backend 2"}

    def everybody_stays() -> bool:
        return all(
            {stage.get(Cookie=cookie.partition(";")[0]) for _ in range(4)} == {body} for body, cookie in cookies.items()
        )

    assert everybody_stays()
    stage.reload(desired(member(1), member(2), pool=WITH_COOKIE))
    assert everybody_stays()
    change(stage, desired(member(2), pool=WITH_COOKIE))
    stage.haproxy.stop_haproxy(stage.id)
    stage.start(desired(member(2), member(1), pool=WITH_COOKIE))
    assert everybody_stays()


def test_sources_hash_to_the_same_members_however_these_came(stage: Stage) -> None:
    for number in (1, 2, 3, 4):
        stage.backend(number)
    pool = {"algorithm": Algorithm.SOURCE_IP}
    sources = [f"127.0.1.{number}" for number in range(1, 30)]

    def spread() -> list[str]:
        return [answer_to(stage, source) for source in sources]

    stage.start(desired(member(4), member(2), pool=pool))
    change(stage, desired(member(4), member(2), member(1), member(3), pool=pool))
    change(stage, desired(member(2), member(1), member(3), pool=pool))
    changed = spread()
    stage.haproxy.stop_haproxy(stage.id)
    stage.start(desired(member(1), member(2), member(3), pool=pool))
    assert spread() == changed
    assert len(set(changed)) == 3


def answer_to(stage: Stage, source: str) -> str:
    connection = stage.open(source)
    with connection:
        connection.settimeout(NET)
        connection.bind((source, 0))
        connection.connect(("10.77.0.5", 80))
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        answer = b""
        while part := connection.recv(4096):
            answer += part
    return answer.rpartition(b"\r\n\r\n")[2].decode()


def test_a_removed_member_finishes_what_it_began(stage: Stage) -> None:
    slow = stage.backend(1)
    slow.closing = True  # an idle connection of a busy moment would keep it for some seconds more
    stage.backend(2)
    stage.start(desired(member(1)))
    slow.gate.clear()
    with stage.connect() as held:
        held.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert eventually(lambda: slow.hits == 1)
        said = change(stage, desired(member(2)))
        assert said[-1][1].startswith("Server still has connections")
        assert {stage.get() for _ in range(4)} == {"backend 2"}
        slow.gate.set()
        assert held.recv(1000).startswith(b"HTTP/1.1 200")
    left = leftovers(stage)
    assert left == ("del server app/m1",)

    def gone() -> bool:
        return stage.ask(left[0]) == "Server deleted."

    assert eventually(gone)
    assert leftovers(stage) == ()


def leftovers(stage: Stage) -> tuple[str, ...]:
    state = stage.haproxy.observe(stage.id).process
    assert state is not None
    assert state.servers is not None
    return delete_leftovers(state.text, state.servers)


def test_a_kept_alive_client_of_a_removed_member_is_served_by_another(stage: Stage) -> None:
    for number in (1, 2):
        stage.backend(number)
    stage.start(desired(member(1), pool=WITH_COOKIE))
    client = stage.client()
    client.request("GET", "/")
    answer = client.getresponse()
    cookie = (answer.getheader("Set-Cookie") or "").partition(";")[0]
    answer.read()
    said = change(stage, desired(member(2), pool=WITH_COOKIE))
    client.request("GET", "/", headers={"Cookie": cookie})
    assert client.getresponse().read() == b"backend 2"
    client.close()
    if said[-1][1]:
        assert eventually(lambda: stage.ask("del server app/m1") in ("Server deleted.", "No such server."))


def test_a_refusal_is_told_apart(stage: Stage) -> None:
    stage.start(desired(member(1)))
    for command in ("set server app/nobody weight 1", "add server app/m1 10.77.1.1:80", "del server app/m1"):
        assert is_refusal(command, stage.ask(command)), command


SPELLINGS = [
    "10.77.1.1",
    "2001:DB8:77:1:0:0:0:1",
    "2001:db8:77:0001::1",
    "2001:db8:0:1:0:0:0:2",
    "2001:db8:0:1:1:1:1:1",
    "::ffff:10.77.1.3",
    "::ffff:a4d:104",
    "0:0:0:0:0:FFFF:10.77.1.5",
    "64:ff9b::10.77.1.1",
    "2002:a4d:101::1",
    "::10.77.1.1",
    "::2:0:0",
    "fd00:0:0:1::",
]


def test_nothing_has_to_be_done_twice_whatever_way_an_address_is_written(stage: Stage) -> None:
    """Those of the file, and those that come at run time; each looked at twice, as resyncs do."""
    assert not [spelling for spelling in SPELLINGS if validate_backend_address(spelling, "address")]
    members = [replace(member(1), id=f"s{place}", address=spelling) for place, spelling in enumerate(SPELLINGS)]
    for many in (members[::2], members):
        document = desired(*many)
        if stage.worker == 0:
            stage.start(document)
        else:
            change(stage, document)
        for _ in range(2):
            observed = stage.haproxy.observe(stage.id).process
            assert observed is not None
            assert observed.servers is not None
            assert len(observed.servers) == len(many)
            assert plan_servers(observed, stage.text) == ServersPlan((), changed=False)


def test_many_members(stage: Stage) -> None:
    """Batch changes stay at run time, and ids stay unique."""
    many = [Member(id=f"n{number}", pool_id="app", address="10.77.1.1", port=1000 + number) for number in range(300)]
    stage.start(desired())
    change(stage, desired(*many))
    assert len(stage.servers()) == 300
    change(stage, desired(*many[::2]))
    assert len(stage.servers()) == 150


def test_an_added_member_that_refuses_is_noticed_after_the_delay_though_a_check_may_take_longer(stage: Stage) -> None:
    """A client's connection that fails asks for a check; it fails, and the others follow at the delay."""
    monitor = replace(MONITOR, delay=1, timeout=1000, fall=2)
    backend = stage.backend(1)
    stage.start(desired(member(2), monitor=monitor))
    change(stage, desired(member(1), member(2), monitor=monitor))
    assert eventually(lambda: stage.servers()["m1"]["srv_check_status"] == CHECKED)
    backend.stop()
    with closing(stage.connect()) as client:
        client.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert eventually(lambda: stage.status("m1") == "DOWN")
    stage.backend(1)
    assert eventually(lambda: stage.status("m1") == "UP")
