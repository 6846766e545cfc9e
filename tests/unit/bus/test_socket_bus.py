"""The Unix socket's own: who is let in, a server that comes back, messages that nobody understands, hints."""

import queue
import select
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from tests.contract.test_agent_link import REPORT, NotedCalls
from tests.fakes.desired import make_desired
from tests.fakes.unix_sockets import MINE, NOT_MINE, datagram_socket, stream_socket
from tests.waiting import NET, eventually

from evenload.bus.frames import Frames
from evenload.bus.hints import HintReceiver, HintSender, OnHint
from evenload.bus.socket_client import SocketServer
from evenload.bus.socket_server import SocketGateway
from evenload.bus.unix_sockets import Peer, read_peer
from evenload.model.desired import Gone, Unreadable
from evenload.model.difference import Difference
from evenload.model.enums import Kind
from evenload.model.errors import ForeignDatabase, ServerUnavailable, Unwelcome
from evenload.model.numbers import AgentNumbers, Counted, Row
from evenload.model.registration import PAYLOAD_VERSION, Registration, Welcome
from evenload.model.snapshot import Snapshot
from evenload.payloads import messages
from evenload.threads import Faults, LastingThread

LONG = NET
Hint = tuple[str, int, Snapshot | None]


class Site:
    """A directory with the server's and the agent's socket, and what was opened there."""

    def __init__(self, path: Path, stack: ExitStack) -> None:
        self.path = path / "server"
        self.hints = path / "agent"
        self.gateway = NotedCalls()
        self.faults = Faults()
        self._stack = stack

    def serve(
        self,
        users: frozenset[int] = MINE,
        on_numbers: Callable[[str, AgentNumbers], None] = lambda agent, numbers: None,
    ) -> SocketGateway:
        serving = SocketGateway(self.gateway, stream_socket(self.path), "edge-1", users, self.faults, on_numbers)
        serving.start()
        self._stack.callback(serving.stop)
        return serving

    def agent(self, name: str = "edge-1", users: frozenset[int] = MINE, timeout: float = LONG) -> SocketServer:
        server = SocketServer(self.path, name, users, timeout=timeout)
        self._stack.callback(server.close)
        return server

    def receive(
        self,
        on_hint: OnHint,
        users: frozenset[int] = MINE,
        on_question: Callable[[], None] = lambda: None,
    ) -> HintReceiver:
        receiver = HintReceiver(datagram_socket(self.hints), users, on_hint, self.faults, on_question)
        receiver.start()
        self._stack.callback(receiver.stop)
        return receiver

    def sender(self) -> HintSender:
        sender = HintSender(self.hints, "edge-1", self.faults)
        self._stack.callback(sender.close)
        return sender


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with ExitStack() as stack:
        yield Site(tmp_path, stack)


def test_a_server_that_is_not_there_is_unavailable_and_found_when_it_comes(site: Site) -> None:
    server = site.agent()
    with pytest.raises(ServerUnavailable, match="cannot be reached"):
        server.register(Registration())
    site.serve()
    server.register(Registration())
    assert server.assignments() == {"lb": 5}


def test_an_agent_that_is_asked_for_numbers_tells_them(site: Site) -> None:
    told: queue.Queue[tuple[str, AgentNumbers]] = queue.Queue()
    asked = threading.Event()
    site.serve(on_numbers=lambda agent, numbers: told.put((agent, numbers)))
    server, sender = site.agent(), site.sender()
    assert not sender.ask_for_numbers()  # nobody is there
    server.register(Registration())
    before = server.answered_at
    server.assignments()
    assert (before, server.answered_at is not None) == (None, True)
    site.receive(lambda *_: None, on_question=asked.set)
    assert sender.ask_for_numbers()
    assert asked.wait(LONG)
    row = Row("lb", Kind.MEMBER, "m", {"up": 1.0, "bytes_in": 2.0**53}, (1.0, 2.0), "p")
    numbers = AgentNumbers(
        version="1", counted=(Counted("a_total", ("x",), (1.5,)),), rows=(row,), left_out={Kind.POOL: 3}
    )
    server.numbers(numbers)
    assert told.get(timeout=LONG) == ("edge-1", numbers)


def test_a_server_that_was_started_anew_is_spoken_to_at_the_next_call(site: Site) -> None:
    first = site.serve()
    server = site.agent()
    server.register(Registration(former="edge-0"))
    server.report(REPORT)
    first.stop()
    with pytest.raises(ServerUnavailable):
        server.report(REPORT)
    site.serve()
    site.gateway.said.clear()
    server.report(REPORT)
    assert site.gateway.said == [("edge-1", Registration(started=False, database="db")), ("edge-1", REPORT)]


def test_a_server_that_refuses_when_it_comes_back_is_unavailable_to_calls(site: Site) -> None:
    """Only a registration tells why; a round goes on by what is remembered."""
    first = site.serve()
    server = site.agent()
    server.register(Registration())
    first.stop()
    site.serve()
    site.gateway.fail = ForeignDatabase("not that one")
    with pytest.raises(ServerUnavailable, match="refuses this agent: not that one"):
        server.report(REPORT)


def test_the_end_of_the_server_is_noticed_without_a_call(site: Site) -> None:
    serving, server, noticed = site.serve(), site.agent(), threading.Event()
    server.register(Registration())

    def wait() -> None:
        server.wait_until_lost()
        noticed.set()

    waiting = threading.Thread(target=wait)
    waiting.start()
    assert not noticed.is_set()
    serving.stop()
    assert noticed.wait(LONG)
    waiting.join()


def test_users_that_should_not_be_there_are_turned_away_at_both_ends(site: Site) -> None:
    site.serve(users=NOT_MINE)
    with pytest.raises(ServerUnavailable):
        site.agent().register(Registration())
    site.serve()
    with pytest.raises(ServerUnavailable, match="is not the server's"):
        site.agent(users=NOT_MINE).register(Registration())
    assert site.gateway.said == []


def test_an_agent_of_another_name_is_refused(site: Site) -> None:
    site.serve()
    with pytest.raises(Unwelcome, match=r"calls itself edge-2, and this server's host is edge-1: \[DEFAULT\] host"):
        site.agent("edge-2").register(Registration())
    assert site.gateway.said == []


def test_an_agent_of_a_later_version_is_let_in_and_its_features_arrive(site: Site) -> None:
    """What they mean to a server that does not know them is nothing; what it cannot read it refuses call by call."""
    site.serve()
    later = Registration(version=PAYLOAD_VERSION + 1, features=frozenset({"of tomorrow"}))
    server = site.agent()
    assert server.register(later).version == PAYLOAD_VERSION
    assert site.gateway.said == [("edge-1", later)]
    assert server.assignments() == {"lb": 5}


def test_a_server_of_a_later_version_is_spoken_to_whatever_features_it_has(site: Site) -> None:
    later = Welcome(version=PAYLOAD_VERSION + 1, features=frozenset({"of tomorrow"}), database="db")

    class Later(NotedCalls):
        def register(self, agent: str, registration: Registration) -> Welcome:
            return later

    site.gateway = Later()
    site.serve()
    server = site.agent()
    assert server.register(Registration()) == later
    assert server.assignments() == {"lb": 5}


def test_a_welcome_with_an_unknown_field_is_refused_by_name(site: Site) -> None:
    with stream_socket(site.path) as listener:
        listener.listen()

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                sent = b'{"result": {"version": 3, "colour": 1}}'
                connection.sendall(struct.pack("!I", len(sent)) + sent)

        answering = threading.Thread(target=answer)
        answering.start()
        with pytest.raises(ServerUnavailable, match="colour is unknown to version"):
            site.agent().register(Registration())
        answering.join(LONG)


def test_a_document_that_cannot_be_read_says_so_and_leaves_the_others(site: Site) -> None:
    site.serve()
    server = site.agent()
    server.register(Registration())
    desired = make_desired()
    answers = messages.read_result(
        messages.pack_answers({"good": desired, "bad": desired, "gone": Gone(load_balancer_id="gone")})
    )
    answers["bad"]["desired"]["listeners"][0]["surface"] = {}
    read = messages.read_answers(answers, ["good", "bad", "gone"], PAYLOAD_VERSION)
    assert read["good"] == desired
    assert read["gone"] == Gone(load_balancer_id="gone")
    bad = read["bad"]
    assert isinstance(bad, Unreadable)
    assert (bad.load_balancer_id, bad.generation) == ("bad", desired.generation)
    assert "the field listeners.0.surface is unknown to version" in bad.reason


@pytest.mark.parametrize(
    ("sent", "named"),
    [
        (b"{", "no JSON"),
        (b"[]", "no message of ours"),
        (b'{"call": "drop_table"}', "the call 'drop_table' is unknown"),
        (b'{"call": "report", "body": [{"load_balancer_id": "lb", "mood": 3}]}', "mood"),
        (
            b'{"call": "health", "body": [{"load_balancer_id": "lb", "statuses": {"x": "GOOD"}}]}',
            "the value 'GOOD' of 0.statuses.x",
        ),
        (b'{"call": "register", "body": ["edge-1", {"version": 1, "colour": 1}]}', "colour"),
    ],
)
def test_what_the_server_cannot_read_it_refuses_by_name_and_stays(site: Site, sent: bytes, named: str) -> None:
    site.serve()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as raw:
        raw.settimeout(LONG)
        raw.connect(str(site.path))
        for _ in range(2):
            raw.sendall(struct.pack("!I", len(sent)) + sent)
            (length,) = struct.unpack("!I", raw.recv(4, socket.MSG_WAITALL))
            with pytest.raises(ServerUnavailable, match=named):
                messages.read_result(raw.recv(length, socket.MSG_WAITALL))
    assert site.gateway.said == []


@pytest.mark.parametrize("fault", [KeyError("a secret"), SystemExit("a secret")])
def test_a_fault_of_the_program_is_reported_without_its_words(site: Site, fault: BaseException) -> None:
    site.serve()
    server = site.agent()
    server.register(Registration())
    site.gateway.fail = fault
    with pytest.raises(ServerUnavailable, match=r"^internal fault in the server$"):
        server.assignments()
    assert server.assignments() == {"lb": 5}
    assert site.faults.counts == {"call": 1}


def test_a_server_that_never_answers_is_unavailable(site: Site) -> None:
    with stream_socket(site.path) as listener:
        listener.listen()
        with pytest.raises(ServerUnavailable, match="did not answer in time"):
            site.agent(timeout=0.05).register(Registration())


def test_a_call_that_is_being_worked_on_is_answered_when_the_server_stops(site: Site) -> None:
    entered, proceed = threading.Event(), threading.Event()

    class Slow(NotedCalls):
        def assignments(self, agent: str) -> dict[str, int]:
            entered.set()
            assert proceed.wait(LONG)
            return {"lb": 6}

    site.gateway = Slow()
    serving, server = site.serve(), site.agent()
    server.register(Registration())
    found: list[dict[str, int]] = []
    asking = threading.Thread(target=lambda: found.append(server.assignments()))
    asking.start()
    assert entered.wait(LONG)
    stopping = threading.Thread(target=serving.stop)
    stopping.start()
    proceed.set()
    asking.join(LONG)
    stopping.join(LONG)
    assert found == [{"lb": 6}]


def test_a_hint_that_comes_before_anybody_receives_is_no_strangers(site: Site) -> None:
    taken: queue.SimpleQueue[str] = queue.SimpleQueue()
    bound = datagram_socket(site.hints)
    site.sender().hint("edge-1", "lb", 7)
    assert select.select([bound], [], [], NET)[0]  # it is there
    receiver = HintReceiver(bound, MINE, lambda key, *_: taken.put(key), site.faults)
    receiver.start()
    try:
        assert taken.get(timeout=NET) == "lb"
    finally:
        receiver.stop()


def test_a_hint_arrives(site: Site) -> None:
    heard: queue.Queue[Hint] = queue.Queue()
    site.receive(lambda *hint: heard.put(hint))
    sender = site.sender()
    sender.hint("edge-2", "other", 1)
    sender.hint("edge-1", "lb", 7)
    assert heard.get(timeout=LONG) == ("lb", 7, None)


def test_a_document_comes_with_its_hint_unless_it_is_too_long_for_one(site: Site) -> None:
    heard: queue.Queue[Hint] = queue.Queue()
    site.receive(lambda *hint: heard.put(hint))
    sender = site.sender()
    document = make_desired()
    snapshot = Snapshot(document=document, moment=12.5, database="d")
    sender.hint("edge-1", "lb", 1, snapshot)
    assert heard.get(timeout=LONG) == ("lb", 1, snapshot)
    changed = Difference(since=7, changed=replace(document, pools=(), edition=8), removed=("gone",))
    sender.hint("edge-1", "lb", 1, replace(snapshot, document=changed))
    received = heard.get(timeout=LONG)[2]
    assert received is not None
    assert isinstance(received.document, Difference)
    assert (received.document, received.document.changed.edition) == (changed, 8)
    sender.hint("edge-1", "lb", 3, replace(snapshot, document=Gone(load_balancer_id="lb", generation=3)))
    assert heard.get(timeout=LONG) == ("lb", 3, replace(snapshot, document=Gone(load_balancer_id="lb", generation=3)))
    member = document.members[0]
    long = replace(document, members=tuple(replace(member, id=str(number)) for number in range(1000)))
    sender.hint("edge-1", "lb", 2, replace(snapshot, document=long))
    assert heard.get(timeout=LONG) == ("lb", 2, None)


def test_a_hint_with_a_document_that_this_version_cannot_read_is_a_hint_all_the_same(site: Site) -> None:
    """The agent fetches the document then, and reports why it cannot be read."""
    heard: queue.Queue[Hint] = queue.Queue()
    site.receive(lambda *hint: heard.put(hint))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as raw:
        raw.sendto(b'["lb", 1, [12.5, "d", {"generation": 1, "novelty": 5}]]', str(site.hints))
    assert heard.get(timeout=LONG) == ("lb", 1, None)


def test_a_hint_to_an_agent_that_is_away_is_lost_quietly_and_later_ones_arrive(site: Site) -> None:
    sender = site.sender()
    sender.hint("edge-1", "lb", 1)
    heard: queue.Queue[Hint] = queue.Queue()
    site.receive(lambda *hint: heard.put(hint)).stop()
    sender.hint("edge-1", "lb", 2)
    site.receive(lambda *hint: heard.put(hint))
    sender.hint("edge-1", "lb", 3)
    assert heard.get(timeout=LONG) == ("lb", 3, None)


def test_more_hints_than_the_kernel_holds_arrive_all_the_same_and_the_sender_does_not_wait(site: Site) -> None:
    receiving = SlowReceiver(300)
    site.receive(receiving)
    sender = site.sender()
    for number in range(300):
        sender.hint("edge-1", f"lb-{number}", number)
    receiving.proceed.set()
    assert receiving.complete.wait(LONG)
    assert receiving.hints == {f"lb-{number}": number for number in range(300)}


@pytest.mark.parametrize("fault", [ZeroDivisionError(), SystemExit(1)])
def test_a_fault_in_one_hint_that_waits_is_not_the_end_of_the_others(
    site: Site, fault: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``pack_hint`` is replaced, because the sender packs each hint before it waits: no argument fails only later."""
    raised: list[str] = []

    def pack(load_balancer_id: str, generation: int, snapshot: Snapshot | None = None) -> bytes:
        if threading.current_thread().name == "bus-hints" and not raised:
            raised.append(load_balancer_id)
            raise fault
        return messages.pack_hint(load_balancer_id, generation, snapshot)

    monkeypatch.setattr("evenload.bus.hints.pack_hint", pack)
    receiving = SlowReceiver(299)
    site.receive(receiving)
    sender = site.sender()
    for number in range(300):
        sender.hint("edge-1", f"lb-{number}", number)
    receiving.proceed.set()
    assert receiving.complete.wait(LONG)
    assert {f"lb-{number}" for number in range(300)} - receiving.hints.keys() == set(raised)
    assert site.faults.counts == {"bus-hints": 1}


def test_where_no_thread_can_be_started_hints_wait_and_nothing_is_raised(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``start`` is replaced, because a limit of threads would be one for the tests, too."""

    def refuse(_: LastingThread) -> None:
        raise RuntimeError("can't start new thread")

    receiving = SlowReceiver(301)
    site.receive(receiving)
    sender = site.sender()
    with monkeypatch.context() as patched:
        patched.setattr(LastingThread, "start", refuse)
        for number in range(300):
            sender.hint("edge-1", f"lb-{number}", number)
    receiving.proceed.set()
    # Whatever was sent later makes them go on, if it finds no room itself.
    assert eventually(lambda: sender_goes_on(sender, receiving))
    assert {f"lb-{number}" for number in range(300)} <= receiving.hints.keys()


def sender_goes_on(sender: HintSender, receiving: "SlowReceiver") -> bool:
    receiving.proceed.clear()
    for _ in range(300):
        sender.hint("edge-1", "later", 1)
    receiving.proceed.set()
    return receiving.complete.is_set()


class SlowReceiver:
    """Takes no hint before it may ``proceed``; ``complete`` when it has so many."""

    def __init__(self, count: int) -> None:
        self.hints: dict[str, int] = {}
        self.proceed, self.complete = threading.Event(), threading.Event()
        self._count = count

    def __call__(self, load_balancer_id: str, generation: int, snapshot: Snapshot | None) -> None:
        assert snapshot is None
        assert self.proceed.wait(LONG)
        self.hints[load_balancer_id] = generation
        if len(self.hints) == self._count:
            self.complete.set()


@pytest.mark.parametrize("fault", [ZeroDivisionError(), SystemExit(1)])
def test_a_fault_in_taking_a_hint_is_counted_and_the_next_one_arrives(site: Site, fault: BaseException) -> None:
    received: queue.Queue[str] = queue.Queue()

    def take(load_balancer_id: str, generation: int, snapshot: Snapshot | None) -> None:
        assert snapshot is None
        if generation == 1:
            raise fault
        received.put(load_balancer_id)

    site.receive(take)
    sender = site.sender()
    sender.hint("edge-1", "first", 1)
    sender.hint("edge-1", "second", 2)
    assert received.get(timeout=LONG) == "second"
    assert site.faults.counts == {"bus-hints": 1}


def test_a_fault_in_accepting_is_counted_and_the_next_connection_is_accepted(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``read_peer`` is replaced: the kernel cannot be asked to fail there."""
    raised = threading.Event()

    def fail_once(connection: socket.socket) -> Peer:
        if not raised.is_set():
            raised.set()
            raise SystemExit(1)
        return read_peer(connection)

    site.serve()
    monkeypatch.setattr("evenload.bus.accepting.read_peer", fail_once)
    server = site.agent()
    with pytest.raises(ServerUnavailable):
        server.register(Registration())
    server.register(Registration())
    assert server.assignments() == {"lb": 5}
    assert site.faults.counts == {"bus": 1}


def test_a_fault_outside_of_a_call_ends_its_connection_and_is_counted(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``receive`` is replaced: no message makes it fail otherwise than by OSError."""
    receive, failing = Frames.receive, threading.Event()

    def fail_once(frames: Frames) -> bytes | None:
        if threading.current_thread().name == "bus-connection" and not failing.is_set():
            failing.set()
            raise SystemExit(1)
        return receive(frames)

    monkeypatch.setattr(Frames, "receive", fail_once)
    site.serve()
    server = site.agent()
    with pytest.raises(ServerUnavailable):
        server.register(Registration())
    server.register(Registration())
    assert server.assignments() == {"lb": 5}
    assert eventually(lambda: site.faults.counts == {"bus-connection": 1}), site.faults.counts  # after it was closed


def test_hints_of_strangers_and_what_is_no_hint_are_passed_over(site: Site) -> None:
    heard: queue.Queue[Hint] = queue.Queue()
    first = site.receive(lambda *hint: heard.put(hint), users=NOT_MINE)
    site.sender().hint("edge-1", "stranger", 1)
    first.stop()
    site.receive(lambda *hint: heard.put(hint))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as raw:
        for junk in (b"", b"\xff", b"[1]", b'["lb", "x"]', b"x" * 4000):
            raw.sendto(junk, str(site.hints))
    site.sender().hint("edge-1", "lb", 1)
    assert heard.get(timeout=LONG) == ("lb", 1, None)
    assert heard.empty()
