"""What HAProxy's tables say, and a conversation with something that is not HAProxy."""

import socket
import tempfile
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from evenload.host.haproxy_runtime import Conversation, Finishing, Unreachable, parse_servers
from evenload.host.haproxy_table import parse_statistics
from evenload.model.desired import ProxyStatistics, Statistics
from evenload.model.errors import HostError
from evenload.model.observed import ServerState

STATISTICS = (
    "# pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,dreq,dresp,ereq,status,desc,"
    "check_rise,check_health,agent_rise,agent_health,lastchg,check_duration,check_desc,last_chk,check_status,check_code,\n"
    "web,FRONTEND,,,3,9,2000,17,100,200,0,0,4,OPEN,,,,,,,,,,,,\n"
    'app,m1,0,0,1,2,,9,50,60,,0,,UP,"a, b",2,3,,,,,,,,,\n'
    "app,m2,0,0,1,2,,9,50,60,,0,,DOWN (agent),,2,2,1,0,,,,,,,\n"
    "app,m3,0,0,1,2,,9,50,60,,0,,DOWN 1/2,,2,1,1,1,5,2003,Layer4 connection problem,Connection refused,* L4CON,,\n"
    "app,BACKEND,0,0,0,0,200,0,0,0,0,0,,DOWN,,,,,,,,,,,,\n"
)
STATES = (
    "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_check_state srv_port"
    " srv_use_ssl\n"
    "5 app 1 up 10.0.0.1 2 0 1 6 80 1\n"
    "5 app 1 down 10.0.0.1 0 0 1 6 80 0\n"
    "5 app 1 checking 10.0.0.1 2 0 1 7 80 0\n"
    "5 app 1 unchecked ::1 2 0 256 0 80 0\n"
    "5 app 1 told_down 10.0.0.1 0 0 1 0 80 0\n"
    "5 app 1 maintenance 10.0.0.1 0 1 1 0 80 0\n"
    "5 app 1 disabled 10.0.0.1 0 5 1 14 80 0\n"
    "5 app 1 once_disabled 10.0.0.1 2 4 1 6 80 0\n"
)


def test_statistics() -> None:
    frontend, server, vetoed, failing, backend = parse_statistics(STATISTICS)
    assert frontend == ProxyStatistics(
        proxy="web",
        server="FRONTEND",
        status="OPEN",
        statistics=Statistics(
            bytes_in=100, bytes_out=200, active_connections=3, total_connections=17, request_errors=4
        ),
        limit=2000,
    )
    assert (server.server, server.status, server.limit, server.statistics.request_errors) == ("m1", "UP", None, 0)
    assert (backend.status, backend.passing, backend.vetoed) == ("DOWN", None, None)
    assert (server.passing, server.vetoed) == (True, None)
    assert (vetoed.passing, vetoed.vetoed) == (True, True)
    assert (failing.passing, failing.vetoed) == (False, False)
    assert (failing.reason, failing.latency) == ("no connection: Connection refused (L4CON)", 2.003)
    assert failing.when is not None
    assert (datetime.now(UTC) - failing.when).total_seconds() >= 4
    assert (server.reason, server.latency, server.when) == (None, None, None)


@pytest.mark.parametrize("answer", ["Unknown command: show", "# pxname,svname\nweb,FRONTEND\n"])
def test_what_is_no_table_of_statistics(answer: str) -> None:
    with pytest.raises(ValueError, match="not a table"):
        parse_statistics(answer)


def test_servers() -> None:
    servers = {name: state for (_, name), state in parse_servers(STATES).items()}
    assert servers["unchecked"] == ServerState(address="::1", port=80, weight=256, maintenance=False, up=None)
    assert {name: (state.maintenance, state.up) for name, state in servers.items()} == {
        "up": (False, True),
        "down": (False, False),
        "checking": (False, True),
        "unchecked": (False, None),
        "told_down": (False, False),
        "maintenance": (True, None),
        "disabled": (True, False),
        "once_disabled": (False, True),
    }
    assert [name for name, state in servers.items() if state.tls] == ["up"]


@pytest.mark.parametrize("answer", ["", "Unknown command", "1\n# be_name srv_name\napp m1\n", "# be_name\napp m1 m2\n"])
def test_what_is_no_table_of_servers(answer: str) -> None:
    with pytest.raises(ValueError, match=r"not a table|zip"):
        parse_servers(answer)


@pytest.fixture
def path() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="evl-", dir="/tmp") as directory:
        yield Path(directory) / "socket"


def answering(path: Path, answers: list[bytes]) -> threading.Thread:
    """Something that answers each line with the next of these, and hangs up."""
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    listening.listen()

    def serve() -> None:
        connection, _ = listening.accept()
        with listening, connection:
            for answer in answers:
                connection.recv(1000)
                for byte in answer:  # in the smallest pieces
                    connection.sendall(bytes([byte]))

    thread = threading.Thread(target=serve)
    thread.start()
    return thread


def test_answers_are_read_to_their_end(path: Path) -> None:
    thread = answering(path, [b"\n> ", b"one\ntwo > three\n\n> ", b"\n> "])
    with Conversation(path) as conversation:
        assert conversation.ask("show something") == "one\ntwo > three"
        assert conversation.ask("set something") == ""
    thread.join()


def test_a_conversation_that_breaks_off(path: Path) -> None:
    thread = answering(path, [b"\n> ", b"half an ans"])
    with Conversation(path) as conversation, pytest.raises(HostError, match="ended the conversation"):
        conversation.ask("show something")
    thread.join()


def test_one_that_never_answers(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        with pytest.raises(HostError, match="does not answer to prompt"):
            Conversation(path, timeout=0.05)


def test_nobody_listens(path: Path) -> None:
    with pytest.raises(Unreachable):
        Conversation(path)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
    with pytest.raises(Finishing):
        Conversation(path)
