"""What an agent may expect of its way to the server, be it the one inside a process or the Unix socket."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.fakes.desired import make_desired
from tests.fakes.local_bus import LocalServer
from tests.fakes.unix_sockets import MINE, stream_socket

from evenload.bus.socket_client import SocketServer
from evenload.bus.socket_server import SocketGateway
from evenload.interfaces.bus import Server
from evenload.model.desired import Change, Desired, Gone, Health, Outcome, Report, Statistics
from evenload.model.enums import OperatingStatus
from evenload.model.errors import ForeignDatabase, SecretUnavailable, ServerUnavailable, Unwelcome
from evenload.model.event import EventKind, HostEvent
from evenload.model.registration import Registration, Welcome
from evenload.model.secret import SecretBytes, SecretReference
from evenload.threads import Faults

EVENT = HostEvent(
    kind=EventKind.PROCESS,
    at=datetime(2026, 1, 1, 12, 30, 15, 123456, tzinfo=UTC),
    state="reloaded",
    load_balancer_id="lb",
    reason="1 listener added",
    times=3,
)
REPORT = Report(
    load_balancer_id="lb",
    generation=3,
    outcome=Outcome.GIVE_UP,
    change=Change.RELOAD,
    reason="“why”",
    events=(EVENT,),
)
HEALTH = Health(
    load_balancer_id="lb",
    statuses={"listener": OperatingStatus.DEGRADED},
    statistics={"listener": Statistics(bytes_in=2**60)},
    reasons={"listener": "“it has as many connections as it may have”"},
)


@dataclass(slots=True)
class NotedCalls:
    """Fulfils Gateway: notes who said what; ``fail`` is raised once by the next call."""

    documents: dict[str, Desired | Gone] = field(default_factory=dict)
    said: list[tuple[str, object]] = field(default_factory=list)
    contents: dict[str, SecretBytes] = field(default_factory=dict)
    fail: BaseException | None = None

    def register(self, agent: str, registration: Registration) -> Welcome:
        self._note(agent, registration)
        return Welcome(database="db", moved=7)

    def fetch(self, agent: str, load_balancer_ids: Sequence[str]) -> dict[str, Desired | Gone]:
        self._note(agent, tuple(load_balancer_ids))
        return {each: self.documents.get(each, Gone(load_balancer_id=each)) for each in load_balancer_ids}

    def secrets(
        self, agent: str, load_balancer_id: str, references: Sequence[SecretReference]
    ) -> dict[str, SecretBytes]:
        self._note(agent, (load_balancer_id, tuple(references)))
        return {each.fingerprint: self.contents[each.id] for each in references}

    def assignments(self, agent: str) -> dict[str, int]:
        self._note(agent, None)
        return {"lb": 5}

    def report(self, agent: str, report: Report) -> None:
        self._note(agent, report)

    def health(self, agent: str, healths: Sequence[Health]) -> None:
        self._note(agent, list(healths))

    def events(self, agent: str, events: Sequence[HostEvent]) -> None:
        self._note(agent, list(events))

    def _note(self, agent: str, what: object) -> None:
        if self.fail is not None:
            failure, self.fail = self.fail, None
            raise failure
        self.said.append((agent, what))


@dataclass(frozen=True, slots=True)
class Link:
    gateway: NotedCalls
    server: Server


def local(_path: Path, gateway: NotedCalls, _stack: ExitStack) -> Server:
    return LocalServer(gateway, "edge-1")


def by_socket(path: Path, gateway: NotedCalls, stack: ExitStack) -> Server:
    serving = SocketGateway(gateway, stream_socket(path), "edge-1", MINE, Faults())
    serving.start()
    stack.callback(serving.stop)
    server = SocketServer(path, "edge-1", MINE)
    stack.callback(server.close)
    return server


@pytest.fixture(params=[local, by_socket], ids=["local", "socket"])
def link(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Link]:
    make: Callable[[Path, NotedCalls, ExitStack], Server] = request.param
    with ExitStack() as stack:
        gateway = NotedCalls()
        yield Link(gateway, make(tmp_path / "s", gateway, stack))


@pytest.fixture
def known(link: Link) -> Link:
    link.server.register(Registration())
    link.gateway.said.clear()
    return link


def test_the_registration_arrives_and_is_answered(link: Link) -> None:
    registration = Registration(former="edge-0")
    assert link.server.register(registration) == Welcome(database="db", moved=7)
    assert link.gateway.said == [("edge-1", registration)]


def test_before_it_nothing_is_said(link: Link) -> None:
    for call in (
        link.server.assignments,
        lambda: link.server.fetch(["lb"]),
        lambda: link.server.secrets("lb", []),
        lambda: link.server.report(REPORT),
        lambda: link.server.health([HEALTH]),
        lambda: link.server.events([EVENT]),
    ):
        with pytest.raises(ServerUnavailable):
            call()
    assert link.gateway.said == []


def test_several_documents_are_fetched_at_once(known: Link) -> None:
    desired = make_desired()
    known.gateway.documents = {desired.id: desired, "b": Gone(load_balancer_id="b", generation=4)}
    expected = {desired.id: desired, "b": Gone(load_balancer_id="b", generation=4), "c": Gone(load_balancer_id="c")}
    assert known.server.fetch([desired.id, "b", "c"]) == expected
    assert known.server.fetch([]) == {}


def test_reports_health_and_assignments_are_the_same_at_the_other_end(known: Link) -> None:
    assert known.server.assignments() == {"lb": 5}
    known.server.report(REPORT)
    known.server.health([HEALTH, HEALTH])
    known.server.events([EVENT])
    said = [what for _, what in known.gateway.said if what is not None and not isinstance(what, Registration)]
    assert said == [REPORT, [HEALTH, HEALTH], [EVENT]]
    assert {agent for agent, _ in known.gateway.said} == {"edge-1"}


def test_secrets_are_the_same_at_the_other_end_and_a_refusal_arrives_by_name(known: Link) -> None:
    contents = {"text": SecretBytes(b"-----BEGIN"), "bytes": SecretBytes(bytes(range(256))), "none": SecretBytes(b"")}
    known.gateway.contents = contents
    references = [SecretReference(id=key, fingerprint=content.fingerprint()) for key, content in contents.items()]
    found = known.server.secrets("lb", references)
    assert found == {content.fingerprint(): content for content in contents.values()}
    assert known.gateway.said[-1] == ("edge-1", ("lb", tuple(references)))
    assert known.server.secrets("lb", []) == {}
    known.gateway.fail = SecretUnavailable("no such secret")
    with pytest.raises(SecretUnavailable, match="no such secret"):
        known.server.secrets("lb", references)


@pytest.mark.parametrize("refusal", [ServerUnavailable, Unwelcome, ForeignDatabase])
def test_the_servers_refusals_of_a_registration_arrive_by_name(known: Link, refusal: type[Exception]) -> None:
    known.gateway.fail = refusal("because of that")
    with pytest.raises(refusal, match="because of that") as raised:
        known.server.register(Registration())
    assert type(raised.value) is refusal
    assert known.server.assignments() == {"lb": 5}


def test_a_server_that_has_no_database_just_now_is_unavailable(known: Link) -> None:
    assert known.server.assignments() == {"lb": 5}
    known.gateway.fail = ServerUnavailable("because of that")
    with pytest.raises(ServerUnavailable, match="because of that"):
        known.server.assignments()
    assert known.server.assignments() == {"lb": 5}


def test_many_threads_speak_at_once(known: Link) -> None:
    reports = [replace(REPORT, generation=number) for number in range(200)]

    def speak(part: list[Report]) -> None:
        for report in part:
            known.server.report(report)

    threads = [threading.Thread(target=speak, args=(reports[first::8],)) for first in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    heard = [what for _, what in known.gateway.said if isinstance(what, Report)]
    assert sorted(heard, key=lambda report: report.generation) == reports
