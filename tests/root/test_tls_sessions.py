"""TLS sessions outlive what changes: a reload, another certificate, an exchange of the keys of their tickets."""

import ssl
from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.certificates import make_bundle
from tests.fakes.tls import a_tls
from tests.root.haproxy_stage import Stage
from tests.root.test_tls import V, ask, bundle, context, documented, named, serve

from evenload.model.desired import Desired
from evenload.model.named_file import NamedFile
from evenload.model.secret import SecretBytes
from evenload.model.slot import FillSlot, SlotKind, slots_in

pytestmark = pytest.mark.root


@pytest.fixture
def stage() -> Iterator[Stage]:
    with Stage() as stage:
        stage.backend(1)
        yield stage


def served() -> Desired:
    return documented(a_tls(certificate=named("www.example")))


class Visitor:
    """A client that keeps the session of its last visit."""

    def __init__(self, stage: Stage, version: ssl.TLSVersion) -> None:
        self._stage = stage
        self._context = context(minimum_version=version, maximum_version=version)
        self._session: ssl.SSLSession | None = None

    def resumes(self) -> bool:
        """Whether this visit went on with the session of the one before."""
        connection = self._context.wrap_socket(
            self._stage.connect(443), server_hostname="www.example", session=self._session
        )
        with connection:
            assert ask(connection)[0].endswith(b"200 OK")  # TLS 1.3 gives tickets with what follows the handshake
            self._session = connection.session
            assert self._session is not None
            assert self._session.has_ticket
            return bool(connection.session_reused)


@pytest.mark.parametrize("version", [V.TLSv1_2, V.TLSv1_3])
def test_a_session_is_resumed_after_reloads_and_exchanges(stage: Stage, version: ssl.TLSVersion) -> None:
    serve(stage, served(), bundle("www.example"))
    visitor = Visitor(stage, version)
    assert [visitor.resumes() for _ in range(2)] == [False, True]
    stage.reload(served())
    assert visitor.resumes()
    stage.haproxy.renew_tickets(stage.id)
    assert visitor.resumes()
    stage.reload(served())
    assert visitor.resumes()
    file = NamedFile(SecretBytes(make_bundle("www.example")))
    stage.files.write_named(stage.id, file)
    [default] = [slot for slot in slots_in(stage.text).values() if slot.kind is SlotKind.CERTIFICATE]
    stage.haproxy.change_slots(stage.id, [FillSlot(replace(default, fingerprint=file.name), comes=False)])
    assert visitor.resumes()


def test_a_key_is_good_for_as_long_as_it_is_among_the_three(stage: Stage) -> None:
    serve(stage, served(), bundle("www.example"))
    for exchanges, good in ((1, True), (2, False)):
        visitor = Visitor(stage, V.TLSv1_2)
        visitor.resumes()
        for _ in range(exchanges):
            stage.haproxy.renew_tickets(stage.id)
        stage.reload(served())  # which has no session in its memory
        assert visitor.resumes() is good
