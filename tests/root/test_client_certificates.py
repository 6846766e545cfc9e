"""Certificates of clients on the wire: HAProxy as it is rendered, clients with certificates of every kind."""

import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha1

import pytest
from tests.certificates import make_bundle
from tests.fakes.tls import a_certificate, a_tls, some_authorities, some_revocations
from tests.root.haproxy_stage import Stage, desired, member
from tests.unit.secrets.authority import Identity, make, revocations

from evenload.model.balancer import Listener
from evenload.model.desired import Desired
from evenload.model.enums import Comparison, InsertedHeader, ListenerProtocol, PolicyAction, RuleType
from evenload.model.l7 import L7Policy, L7Rule
from evenload.model.named_file import NamedFile
from evenload.model.secret import SecretBytes
from evenload.model.slot import slots_in
from evenload.model.tls import ClientAuthentication, ListenerTls
from evenload.render.haproxy_tls import render_certificate_lists

pytestmark = pytest.mark.root

NONE, OPTIONAL, MANDATORY = ClientAuthentication
OF_TLS = tuple(header for header in InsertedHeader if header.of_tls)
FORGED = "".join(
    f"{name}: forged\r\n"
    for header in OF_TLS
    for name in (header.value, header.value.lower(), header.value.replace("-", "_"), f"X-SSL_{header.value[6:]}")
)
Headers = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Clients:
    """``root`` has signed all but ``foreign``, which goes by the name of the good one."""

    root: Identity
    good: Identity
    revoked: Identity
    expired: Identity
    foreign: Identity
    other_root: Identity

    def revocations(self, *others: Identity, now: datetime | None = None) -> bytes:
        serials = (each.certificate.serial_number for each in (self.revoked, *others))
        return revocations(self.root, *serials, now=now or datetime.now(UTC))


@cache
def clients() -> Clients:
    now = datetime.now(UTC)
    root, other = (make(name, authority=True, now=now) for name in ("Root", "Other"))
    return Clients(
        root=root,
        good=make('Jörg "good", \\x', root, now=now),
        revoked=make("revoked", root, now=now),
        expired=make("expired", root, now=now - timedelta(days=40), days=10),
        foreign=make('Jörg "good", \\x', other, now=now),
        other_root=other,
    )


bundle = cache(make_bundle)


@pytest.fixture
def stage() -> Iterator[Stage]:
    with Stage() as stage:
        stage.backend(1)
        yield stage


def secure(
    port: int, authentication: ClientAuthentication, *, revoked: bytes | None = None, **fields: object
) -> Listener:
    tls = a_tls(
        certificate=a_certificate("server", bundle("www.example")),
        client_authentication=authentication,
        client_authorities=None if authentication is NONE else some_authorities(clients().root.pem),
        client_revocations=None if revoked is None else some_revocations(revoked),
    )
    plain = Listener(
        id=f"secure{port}",
        load_balancer_id="lb",
        protocol=ListenerProtocol.TERMINATED_HTTPS,
        port=port,
        default_pool_id="app",
        insert_headers=(InsertedHeader.X_FORWARDED_PROTO, *OF_TLS),
        tls=tls,
    )
    return replace(plain, **fields)  # type: ignore[arg-type]


def put_files(stage: Stage, document: Desired, *contents: bytes) -> None:
    own = replace(document, load_balancer=replace(document.load_balancer, id=stage.id))
    everything = (bundle("www.example"), clients().root.pem, clients().other_root.pem, *contents)
    for file in (
        *render_certificate_lists(own, stage.options),
        *(NamedFile(SecretBytes(content)) for content in everything),
    ):
        stage.files.write_named(stage.id, file)
    stage.haproxy.renew_tickets(stage.id)
    for slot in slots_in(stage.render(document)).values():
        stage.files.link(stage.id, slot.name, slot.fingerprint)


def serve(stage: Stage, *listeners: Listener, contents: tuple[bytes, ...] = ()) -> None:
    document = desired(member(1), listeners=listeners)
    put_files(stage, document, *contents)
    stage.start(document)


def context(stage: Stage, client: Identity | None = None) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    if client is not None:
        file = stage.directory / f"client-{client.certificate.serial_number}"
        file.write_bytes(client.pem + client.key_pem())
        made.load_cert_chain(file)
    return made


def ask(
    stage: Stage, client: ssl.SSLContext, port: int, more: str = "", session: ssl.SSLSession | None = None
) -> tuple[int, ssl.SSLSession | None] | None:
    """The status of the answer, and the session for another time; None where the handshake is refused. ``session``: of
    an earlier connection."""
    request = f"GET / HTTP/1.1\r\nHost: www.example\r\n{more}Connection: close\r\n\r\n"
    try:
        with stage.connect(port) as raw, client.wrap_socket(raw, session=session) as connection:
            connection.sendall(request.encode())
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
            return (int(answer.split()[1]), connection.session) if answer else None
    except (ssl.SSLError, ConnectionError):
        return None


def headers_of(stage: Stage, client: ssl.SSLContext, port: int, session: ssl.SSLSession | None = None) -> Headers:
    """What the member was told, of what the listener inserts and of what looks like it."""
    answered = ask(stage, client, port, FORGED, session)
    assert answered is not None
    assert answered[0] == 200
    return {
        name: value for name, value in stage.backends[0].headers.items() if name.replace("_", "-").startswith("x-ssl")
    }


def all_of(client: Identity) -> Headers:
    certificate = client.certificate
    return {
        "x-ssl-client-verify": "0",
        "x-ssl-client-has-cert": "1",
        # HTTP has bytes; the server of these tests reads them as Latin-1.
        "x-ssl-client-dn": '/CN=Jörg "good", \\x'.encode().decode("latin-1"),
        "x-ssl-client-cn": 'Jörg "good", \\x'.encode().decode("latin-1"),
        "x-ssl-issuer": "/CN=Root",
        "x-ssl-client-sha1": sha1(client.der, usedforsecurity=False).hexdigest().upper(),
        "x-ssl-client-not-before": f"{certificate.not_valid_before_utc:%y%m%d%H%M%SZ}",
        "x-ssl-client-not-after": f"{certificate.not_valid_after_utc:%y%m%d%H%M%SZ}",
    }


def test_a_mandatory_certificate_is_good_or_there_is_no_connection(stage: Stage) -> None:
    known = clients()
    revoked = known.revocations()
    serve(stage, secure(443, MANDATORY, revoked=revoked), contents=(revoked,))
    assert headers_of(stage, context(stage, known.good), 443) == all_of(known.good)
    assert stage.backends[0].headers["x-forwarded-proto"] == "https"
    for refused in (None, known.revoked, known.expired, known.foreign):
        assert ask(stage, context(stage, refused), 443) is None, refused
    assert stage.backends[0].hits == 1


def test_an_optional_certificate_may_be_any_and_what_it_says_is_passed_on_where_it_is_good(stage: Stage) -> None:
    known = clients()
    revoked = known.revocations()
    serve(stage, secure(443, OPTIONAL, revoked=revoked), secure(444, NONE), contents=(revoked,))
    assert headers_of(stage, context(stage, known.good), 443) == all_of(known.good)
    for client, result in ((known.revoked, "23"), (known.expired, "10"), (known.foreign, "21")):
        found = headers_of(stage, context(stage, client), 443)
        assert found == {"x-ssl-client-has-cert": "1", "x-ssl-client-verify": result}, client
    for made, port in ((context(stage), 443), (context(stage, known.good), 444)):
        assert headers_of(stage, made, port) == {"x-ssl-client-has-cert": "0"}


def test_a_client_says_nothing_of_a_certificate_beside_what_is_inserted(stage: Stage) -> None:
    """Be that one header of all, or none where certificates are asked for."""
    some = secure(443, OPTIONAL, insert_headers=(InsertedHeader.X_SSL_CLIENT_CN,))
    serve(stage, some, secure(444, MANDATORY, insert_headers=()))
    made = context(stage, clients().good)
    assert headers_of(stage, made, 443).keys() == {"x-ssl-client-cn"}
    assert headers_of(stage, made, 444) == {}
    assert headers_of(stage, context(stage), 443) == {}


def test_a_list_of_revocations_that_is_out_of_date_lets_nobody_in_and_harms_no_other_listener(stage: Stage) -> None:
    known = clients()
    late = known.revocations(now=datetime.now(UTC) - timedelta(days=30))
    listeners = secure(443, MANDATORY, revoked=late), secure(444, OPTIONAL, revoked=late), secure(445, MANDATORY)
    serve(stage, *listeners, contents=(late,))
    assert ask(stage, context(stage, known.good), 443) is None
    found = headers_of(stage, context(stage, known.good), 444)
    assert found == {"x-ssl-client-has-cert": "1", "x-ssl-client-verify": "12"}
    assert headers_of(stage, context(stage, known.good), 445) == all_of(known.good)


def test_rules_tell_clients_by_their_certificates(stage: Stage) -> None:
    known = clients()
    common_name = known.good.certificate.subject.rfc4514_string().removeprefix("CN=").replace("\\", "")
    assert common_name.startswith("Jörg")
    rules = [
        L7Rule(
            id="has", policy_id="p443", type=RuleType.SSL_CONN_HAS_CERT, compare_type=Comparison.EQUAL_TO, value="True"
        ),
        L7Rule(id="ok", policy_id="p444", type=RuleType.SSL_VERIFY_RESULT, compare_type=Comparison.EQUAL_TO, value="0"),
        L7Rule(
            id="no", policy_id="p445", type=RuleType.SSL_VERIFY_RESULT, compare_type=Comparison.EQUAL_TO, value="21"
        ),
        L7Rule(
            id="dn",
            policy_id="p446",
            type=RuleType.SSL_DN_FIELD,
            compare_type=Comparison.STARTS_WITH,
            key="CN",
            value="Jörg",
        ),
        L7Rule(
            id="not",
            policy_id="p447",
            type=RuleType.SSL_DN_FIELD,
            compare_type=Comparison.CONTAINS,
            key="CN",
            value="org",
            invert=True,
        ),
    ]
    ports = range(443, 448)
    policies = [
        L7Policy(id=f"p{port}", listener_id=f"secure{port}", action=PolicyAction.REJECT, place=1) for port in ports
    ]
    document = desired(member(1), listeners=[secure(port, OPTIONAL) for port in ports])
    document = replace(document, policies=tuple(policies), rules=tuple(rules))
    put_files(stage, document)
    stage.start(document)
    for client, expected in (
        (None, (200, 403, 200, 200, 403)),
        (known.good, (403, 403, 200, 403, 403)),
        (known.foreign, (403, 200, 403, 200, 403)),
        (known.expired, (403, 200, 200, 200, 403)),
    ):
        made = context(stage, client)
        answers = [ask(stage, made, port) for port in ports]
        assert tuple(each and each[0] for each in answers) == expected, client


@pytest.mark.parametrize("way", ["by tickets", "by the server's memory", "TLS 1.3"])
def test_a_session_of_another_listener_opens_none_that_asks_for_certificates(stage: Stage, way: str) -> None:
    known = clients()
    other = replace(secure(444, MANDATORY), tls=judged_by(known.other_root))
    serve(stage, secure(443, NONE), secure(445, OPTIONAL), secure(446, MANDATORY), other)
    for client, first, then in ((None, 443, 446), (known.foreign, 445, 446), (known.good, 446, 444)):
        made = context(stage, client)
        if way != "TLS 1.3":
            made.maximum_version = ssl.TLSVersion.TLSv1_2
        if way == "by the server's memory":
            made.options |= ssl.OP_NO_TICKET
        answered = ask(stage, made, first)
        assert answered is not None
        assert ask(stage, made, then, session=answered[1]) is None, (first, then)


def judged_by(root: Identity) -> ListenerTls:
    tls = secure(1, MANDATORY).tls
    assert tls is not None
    return replace(tls, client_authorities=some_authorities(root.pem))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_session_that_is_resumed_is_judged_as_at_its_beginning_and_not_after_a_revocation(
    stage: Stage, version: ssl.TLSVersion
) -> None:
    known = clients()
    serve(stage, secure(443, MANDATORY), secure(444, OPTIONAL))
    good, foreign = context(stage, known.good), context(stage, known.foreign)
    good.maximum_version = foreign.maximum_version = version
    answered = ask(stage, foreign, 444)
    assert answered is not None
    assert resumes(stage, foreign, 444, answered[1])
    found = headers_of(stage, foreign, 444, answered[1])
    assert found == {"x-ssl-client-has-cert": "1", "x-ssl-client-verify": "21"}
    answered = ask(stage, good, 443)
    assert answered is not None
    assert resumes(stage, good, 443, answered[1])
    assert headers_of(stage, good, 443, answered[1]) == all_of(known.good)
    revoked = known.revocations(known.good)
    document = desired(member(1), listeners=[secure(443, MANDATORY, revoked=revoked)])
    put_files(stage, document, revoked)
    stage.reload(document)
    assert ask(stage, good, 443, session=answered[1]) is None


def resumes(stage: Stage, client: ssl.SSLContext, port: int, session: ssl.SSLSession | None) -> bool:
    with stage.connect(port) as raw, client.wrap_socket(raw, session=session) as connection:
        return connection.session_reused is True
