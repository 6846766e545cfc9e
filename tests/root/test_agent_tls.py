"""A listener that terminates TLS in the hands of a real agent: its files, a change, a death, and its end."""

import os
import signal
import ssl
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from demo.traffic import FAILURES, Client
from tests.certificates import make_bundle
from tests.fakes.tls import a_certificate, a_tls, some_authorities, some_revocations
from tests.root.agent_stage import VIP, Stage, staged
from tests.root.lab import Lab
from tests.unit.secrets.authority import Identity, make, revocations
from tests.waiting import NET, eventually

from evenload.model.desired import Change, Desired, Outcome
from evenload.model.enums import ListenerProtocol
from evenload.model.secret import SecretBytes
from evenload.model.tls import ClientAuthentication, PoolTls

pytestmark = pytest.mark.root


@pytest.fixture
def stage(lab: Lab) -> Iterator[Stage]:
    with staged(lab) as stage:
        yield stage


def secure(stage: Stage, generation: int, content: bytes, *, ciphers: str = "ALL:!aNULL") -> Desired:
    """A certificate ``c<generation>``, which the server has."""
    certificate = a_certificate(f"c{generation}", content)
    stage.server.contents[certificate.id] = SecretBytes(content)
    tls = a_tls(certificate=certificate, ciphers=ciphers)
    listener = stage.listener(port=443, protocol=ListenerProtocol.TERMINATED_HTTPS, tls=tls)
    return replace(stage.put(generation, listeners=(listener,)), secrets=(certificate.secret,))


def shown(stage: Stage, by: Identity | None = None) -> str | None:
    """The certificate that a client gets, in PEM, by a connection that is also answered; None where it fails. ``by``:
    what the client shows of itself."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_mode = ssl.CERT_NONE
    if by is not None:
        file = stage.settings.state_dir / f"client-{by.certificate.serial_number}"
        file.write_bytes(by.pem + by.key_pem())
        client.load_cert_chain(file)
        file.unlink()
    try:
        plain = Client(stage.client).open(VIP, 443, timeout=NET)
        with client.wrap_socket(plain.sock) as connection:
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
            found = connection.getpeercert(binary_form=True)
    except FAILURES:
        return None
    assert found is not None
    return ssl.DER_cert_to_PEM_cert(found) if b" 200 " in answer.partition(b"\r\n")[0] else None


def certificate_of(bundle: bytes) -> str:
    return bundle.decode().partition("-----BEGIN PRIVATE KEY")[0]


def named_files(stage: Stage) -> dict[str, int]:
    """Modes by name; the agent may be at work on others meanwhile."""
    found = {}
    for each in (stage.settings.state_dir / stage.id / "files").iterdir():
        with suppress(FileNotFoundError):
            found[each.name] = stat.S_IMODE(each.stat().st_mode)
    return found


def test_keys_come_change_survive_a_death_without_the_server_and_go(stage: Stage) -> None:
    first, second = make_bundle("www.example"), make_bundle("www.example")
    assert stage.apply(secure(stage, 1, first)).change is Change.START
    assert shown(stage) == certificate_of(first)
    assert len(named_files(stage)) == 2
    assert set(named_files(stage).values()) == {0o600}
    assert stage.apply(secure(stage, 2, second)).change is Change.RUNTIME
    assert shown(stage) == certificate_of(second)
    keys = [SecretBytes(each).fingerprint() for each in (first, second)]
    assert [key in named_files(stage) for key in keys] == [False, True]
    stage.server.away = True
    os.kill(stage.pid(), signal.SIGKILL)
    assert eventually(lambda: shown(stage) == certificate_of(second))
    stage.server.away = False
    plain = stage.put(3)
    stage.apply(plain)
    assert shown(stage) is None
    assert stage.answers()
    assert keys[1] not in named_files(stage)


def test_who_judges_clients_and_members_comes_changes_survives_a_death_without_the_server_and_goes(
    stage: Stage,
) -> None:
    now = datetime.now(UTC)
    root = make("Root", authority=True, now=now)
    strange_root = make("Another", authority=True, now=now)
    one, other = (make(name, root, now=now) for name in ("one", "other"))
    strange = make("strange", strange_root, now=now)
    server = make_bundle("www.example")
    lists = revocations(root, now=now), revocations(root, one.certificate.serial_number, now=now)

    def judging(generation: int, revoked: bytes, believed: bytes = root.pem) -> Desired:
        document = secure(stage, generation, server)
        authorities, revocations = some_authorities(believed), some_revocations(revoked)
        stage.server.contents[authorities.id] = SecretBytes(believed)
        stage.server.contents[revocations.id] = SecretBytes(revoked)
        [listener], [pool] = document.listeners, document.pools
        assert listener.tls is not None
        judged = replace(
            listener.tls,
            client_authentication=ClientAuthentication.MANDATORY,
            client_authorities=authorities,
            client_revocations=revocations,
        )
        verified = PoolTls(authorities=authorities, revocations=revocations)
        secrets = dict.fromkeys(each.secret for each in (*judged.secrets, *verified.secrets))
        idle = replace(pool, id="idle", tls=verified)
        document = replace(document, listeners=(replace(listener, tls=judged),), pools=(pool, idle))
        return replace(document, secrets=tuple(secrets))

    assert stage.apply(judging(1, lists[0])).change is Change.START
    assert [shown(stage, client) is not None for client in (None, one, other)] == [False, True, True]
    pid = stage.pid()
    for generation, (revoked, believed, good) in enumerate(
        (
            (lists[1], root.pem, (False, True, False)),
            (lists[1], root.pem + strange_root.pem, (False, True, False)),
            (lists[0], root.pem + strange_root.pem, (True, True, False)),
            (lists[1], root.pem + strange_root.pem, (False, True, False)),
            (lists[1], root.pem, (False, True, False)),
        ),
        start=2,
    ):
        assert stage.apply(judging(generation, revoked, believed)).change is Change.RUNTIME
        assert tuple(shown(stage, client) is not None for client in (one, other, strange)) == good
        assert shown(stage) is None
        assert stage.pid() == pid
        directory = stage.settings.state_dir / stage.id / "slots"
        listener = stage.listener().id
        assert (directory / f"{listener}.authorities").read_bytes() == believed
        assert (directory / f"{listener}.revocations").read_bytes() == revoked
    # Both at once would be a pair that lets nobody in, for a moment.
    theirs = revocations(strange_root, now=now)
    assert stage.apply(judging(8, theirs, strange_root.pem)).change is Change.RELOAD
    assert [shown(stage, client) is not None for client in (one, other, strange)] == [False, False, True]
    assert stage.apply(judging(9, lists[1])).change is Change.RELOAD
    assert [shown(stage, client) is not None for client in (None, one, other)] == [False, False, True]
    former, present = (SecretBytes(each).fingerprint() for each in lists)
    assert present in named_files(stage)
    stage.server.away = True
    os.kill(stage.pid(), signal.SIGKILL)
    assert eventually(lambda: shown(stage, other) is not None)
    assert shown(stage, one) is None
    stage.server.away = False
    for generation in (10, 11):  # a reload leaves what the former process works by to the next round
        stage.apply(stage.put(generation))
    assert not {former, present} & named_files(stage).keys()


def test_a_key_that_does_not_fit_is_told_by_its_place_and_the_former_one_serves_on(stage: Stage) -> None:
    good, other = make_bundle("www.example"), make_bundle("www.example")
    stage.apply(secure(stage, 1, good))
    pid = stage.pid()
    wrong = certificate_of(good).encode() + other.partition(certificate_of(other).encode())[2]
    document = secure(stage, 2, wrong)
    stage.server.put(document)
    stage.agent.hint(stage.id, 2)

    def faults() -> list[str]:
        return [
            report.reason or ""
            for report in stage.server.reports
            if report.generation == 2 and report.outcome is not Outcome.DONE
        ]

    assert eventually(faults)
    assert f"slots/{document.listeners[0].id}.default" in faults()[0]
    assert "PRIVATE" not in faults()[0]
    assert shown(stage) == certificate_of(good)
    assert stage.pid() == pid
    assert SecretBytes(good).fingerprint() in named_files(stage)
    stage.apply(secure(stage, 3, good))
    assert shown(stage) == certificate_of(good)
    assert document.secrets[0].fingerprint not in named_files(stage)
