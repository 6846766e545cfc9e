"""The way of a secret: from the server's store over the real socket to a file on the host, and to no other place."""

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
import structlog
from tests.fakes.host import FakeHost
from tests.fakes.memory_store import MemoryStore
from tests.fakes.sample_drafts import a_balancer, a_listener
from tests.fakes.unix_sockets import MINE, stream_socket
from tests.unit.service.conftest import World, make_world

from evenload.agent.loop import Agent
from evenload.bus.frames import Frames
from evenload.bus.socket_client import SocketServer
from evenload.bus.socket_server import SocketGateway
from evenload.host.files import StateFiles
from evenload.model.desired import Desired
from evenload.model.errors import SecretUnavailable
from evenload.model.named_file import NamedFile
from evenload.model.registration import Registration
from evenload.model.secret import SecretBytes, SecretReference
from evenload.model.tree import Tree
from evenload.payloads.documents import UnknownContent, dump_desired
from evenload.payloads.secrets import pack_secrets, read_secrets
from evenload.render.options import RenderOptions
from evenload.service.agents import AgentGateway
from evenload.service.secrets import NoSecretStore
from evenload.threads import Faults

WORDS = "-----BEGIN PRIVATE KEY-----"
CODED = "LS0tLS1CRUdJTiBQUklWQVRF"
"""How its bytes begin on the wire."""


class SecretTable:
    """Fulfils SecretStore."""

    def __init__(self) -> None:
        self.contents = {"key": SecretBytes(WORDS.encode())}
        self.reads: list[str] = []

    def read(self, identifier: str) -> SecretBytes:
        self.reads.append(identifier)
        if identifier not in self.contents:
            raise SecretUnavailable(f"There is no secret {identifier}.")
        return self.contents[identifier]

    def reference(self, identifier: str) -> SecretReference:
        return SecretReference(id=identifier, fingerprint=self.contents[identifier].fingerprint())


class FilesOnDisk(FakeHost):
    """A fake but for the state directory, which is the real one."""

    def __init__(self, state_dir: Path) -> None:
        super().__init__()
        self.files = StateFiles(state_dir)

    def remember(self, desired: Desired) -> None:
        super().remember(desired)
        self.files.write(desired.id, "desired.json", dump_desired(desired))

    def write_files(self, load_balancer_id: str, files: Sequence[NamedFile]) -> None:
        super().write_files(load_balancer_id, files)
        for file in files:
            self.files.write_named(load_balancer_id, file)

    def remove_files(self, load_balancer_id: str, names: Sequence[str]) -> None:
        super().remove_files(load_balancer_id, names)
        for name in names:
            self.files.remove_named(load_balancer_id, name)

    def ensure_state(self, load_balancer_id: str) -> None:
        super().ensure_state(load_balancer_id)
        self.files.ensure(load_balancer_id)


class Way:
    """A service whose load balancers name the secrets ``named``, an agent on ``host-1``, a socket in between."""

    def __init__(self, path: Path, stack: ExitStack) -> None:
        self.path = path
        self.store = SecretTable()
        self.named = (self.store.reference("key"),)
        self.world: World = make_world(MemoryStore())
        self.gateway = AgentGateway(self.world.context, self.store, lambda tree: self.named)
        serving = SocketGateway(self.gateway, stream_socket(path / "s"), "host-1", MINE, Faults())
        serving.start()
        stack.callback(serving.stop)
        self.server = SocketServer(path / "s", "host-1", MINE)
        stack.callback(self.server.close)
        self.server.register(Registration())
        self.host = FilesOnDisk(path / "lb")
        self.agent = self.start()
        draft = a_balancer(listeners=(a_listener(),))
        self.id = self.world.load_balancers.create("project", draft).id

    def start(self) -> Agent:
        options = RenderOptions(state_dir=str(self.path / "lb"))
        self.agent = Agent(self.server, self.host, options, self.world.clock)
        return self.agent

    def reconcile(self) -> None:
        self.agent.hint(self.id, self.world.load_balancers.tree(self.id).generation)
        while self.agent.run_due():
            pass

    def tree(self) -> Tree:
        return self.world.load_balancers.tree(self.id)

    def files_on_disk(self) -> dict[str, bytes]:
        """By path, below the state directory."""
        root = self.path / "lb"
        return {str(each.relative_to(root)): each.read_bytes() for each in root.rglob("*") if each.is_file()}


@pytest.fixture
def way(tmp_path: Path) -> Iterator[Way]:
    with ExitStack() as stack:
        yield Way(tmp_path, stack)


def test_a_secret_becomes_a_file_of_root_named_by_its_content(way: Way) -> None:
    way.reconcile()
    assert {record.provisioning_status.value for record in way.tree().records()} == {"ACTIVE"}
    [reference] = way.named
    place = f"{way.id}/files/{reference.fingerprint}"
    found = way.files_on_disk()
    assert found.pop(place) == WORDS.encode()
    target = way.path / "lb" / place
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert stat.S_IMODE(target.parent.stat().st_mode) == 0o700
    assert target.stat().st_uid == os.getuid()
    assert all(WORDS.encode() not in content and CODED.encode() not in content for content in found.values())
    assert reference.fingerprint.encode() in found[f"{way.id}/desired.json"]


def test_what_the_host_has_is_not_fetched_again_and_what_nothing_names_goes(way: Way) -> None:
    way.reconcile()
    way.reconcile()
    way.start().resync()
    way.reconcile()
    assert way.store.reads == ["key"]
    former = way.named[0].fingerprint
    way.store.contents["key"] = SecretBytes(b"renewed")
    way.named = (way.store.reference("key"),)
    way.world.load_balancers.failover(way.id)
    way.reconcile()
    assert way.store.reads == ["key", "key"]
    names = {Path(each).name for each in way.files_on_disk()}
    assert (way.named[0].fingerprint in names, former in names) == (True, False)


def test_an_agent_that_starts_without_the_server_serves_on_with_the_file(way: Way) -> None:
    way.reconcile()
    way.server.close()
    way.host.operations.clear()
    way.start().resync()
    while way.agent.run_due():
        pass
    assert way.host.operations == ["watch"]
    assert way.store.reads == ["key"]


def test_it_shows_nowhere(way: Way) -> None:
    with structlog.testing.capture_logs() as shown:
        way.host.fail(after=3)
        way.reconcile()
        way.world.clock.advance(5)
        way.reconcile()
    assert {entry["event"] for entry in shown} >= {"reconciled"}
    memory = way.agent._memories.of(way.id)
    document = way.gateway.fetch("host-1", [way.id])[way.id]
    for text in (repr(shown), repr(memory), repr(document), str(way.host), repr(way.tree())):
        assert WORDS not in text
        assert CODED not in text


def test_a_secret_that_cannot_be_had_is_a_reason_that_names_it_and_changes_nothing(way: Way) -> None:
    del way.store.contents["key"]
    way.reconcile()
    assert way.host.places.get(way.id) is None or way.host.places[way.id].nothing
    for _ in range(10):
        way.world.clock.advance(60)
        way.agent.resync()
        while way.agent.run_due():
            pass
    record = way.tree().load_balancer
    assert record.provisioning_status.value == "ERROR"
    assert "cannot fetch the secret key: There is no secret key." in (record.fault or "")
    way.store.contents["key"] = SecretBytes(WORDS.encode())
    way.world.clock.advance(60)
    way.agent.resync()
    while way.agent.run_due():
        pass
    assert way.tree().load_balancer.provisioning_status.value == "ACTIVE"


def test_an_agent_gets_only_what_its_own_document_names(way: Way) -> None:
    [reference] = way.named
    other = SecretReference(id="another", fingerprint=reference.fingerprint)
    for agent, load_balancer, asked in [
        ("host-1", way.id, other),
        ("host-1", "no such load balancer", reference),
        ("host-2", way.id, reference),
    ]:
        with pytest.raises(SecretUnavailable, match=f"No load balancer of this agent names the secret {asked.id}"):
            way.gateway.secrets(agent, load_balancer, [asked])
    assert way.store.reads == []
    assert way.gateway.secrets("host-1", way.id, [reference]) == {reference.fingerprint: way.store.contents["key"]}
    way.world.load_balancers.delete(way.id, cascade=True)
    with pytest.raises(SecretUnavailable):
        way.gateway.secrets("host-1", way.id, [reference])


def test_content_that_is_not_what_the_document_names_is_not_sent(way: Way) -> None:
    way.store.contents["key"] = SecretBytes(b"renewed meanwhile")
    with pytest.raises(SecretUnavailable, match="The secret key has another content") as raised:
        way.server.secrets(way.id, way.named)
    assert "renewed" not in str(raised.value)


def test_a_server_without_a_store_says_so_by_name(way: Way) -> None:
    gateway = AgentGateway(way.world.context, NoSecretStore(), lambda tree: way.named)
    with pytest.raises(SecretUnavailable, match="has no store of secrets; the secret key cannot be read"):
        gateway.secrets("host-1", way.id, way.named)


@pytest.mark.parametrize(
    "result",
    [None, [], {}, {"f": 7}, {"f": "not base64!"}, {"f": "LS0t"}],
    ids=["nothing", "no table", "missing", "no text", "no base64", "another content"],
)
def test_an_answer_that_is_not_the_secret_is_refused_without_its_words(result: object) -> None:
    with pytest.raises(UnknownContent) as raised:
        read_secrets(result, [SecretReference(id="key", fingerprint="f")])
    assert str(raised.value) == "the secret key is not the one that was asked for"
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None


def test_the_bytes_travel_in_their_own_message_alone(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    """``send`` is watched, because the wire is what this is about."""
    sent: list[bytes] = []
    send = Frames.send

    def noting(frames: Frames, payload: bytes) -> None:
        sent.append(payload)
        send(frames, payload)

    monkeypatch.setattr(Frames, "send", noting)
    way.reconcile()
    [message] = [payload for payload in sent if CODED.encode() in payload]
    assert message == pack_secrets({way.named[0].fingerprint: way.store.contents["key"]})
    assert not [payload for payload in sent if WORDS.encode() in payload]
