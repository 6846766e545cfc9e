"""TLS to clients on the wire: HAProxy as it is rendered, Python's TLS as the client, a real member."""

import ssl
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from tests.certificates import make_bundle
from tests.fakes.tls import a_certificate, a_tls
from tests.root.haproxy_stage import VIP, VIP6, Stage, desired, member
from tests.waiting import Repeating

from evenload.model.balancer import Listener, Vip
from evenload.model.desired import Desired
from evenload.model.enums import InsertedHeader, ListenerProtocol
from evenload.model.errors import HostError
from evenload.model.named_file import NamedFile
from evenload.model.secret import SecretBytes
from evenload.model.slot import slots_in
from evenload.model.tls import AlpnProtocol, ListenerTls, TlsSecret, TlsVersion

pytestmark = pytest.mark.root

V = ssl.TLSVersion
GET = b"GET / HTTP/1.1\r\nHost: www.example\r\nX-Forwarded-Proto: http\r\nConnection: close\r\n\r\n"
BY_VERSION = {
    TlsVersion.TLS_1_0: V.TLSv1,
    TlsVersion.TLS_1_1: V.TLSv1_1,
    TlsVersion.TLS_1_2: V.TLSv1_2,
    TlsVersion.TLS_1_3: V.TLSv1_3,
}

bundle = cache(make_bundle)
"""The same bytes each time for the same names."""


@pytest.fixture
def stage() -> Iterator[Stage]:
    with Stage() as stage:
        stage.backend(1)
        yield stage


def named(*names: str) -> TlsSecret:
    return a_certificate(names[0], bundle(*names))


def secure(tls: ListenerTls, port: int = 443) -> Listener:
    return Listener(
        id=f"secure{port}",
        load_balancer_id="lb",
        protocol=ListenerProtocol.TERMINATED_HTTPS,
        port=port,
        default_pool_id="app",
        insert_headers=(InsertedHeader.X_FORWARDED_PROTO, InsertedHeader.X_FORWARDED_PORT),
        tls=tls,
    )


def documented(*tls: ListenerTls) -> Desired:
    listeners = [secure(each, 443 + number) for number, each in enumerate(tls)]
    return desired(member(1), listeners=listeners)


def put_files(stage: Stage, document: Desired, *contents: bytes) -> None:
    for content in contents:
        stage.files.write_named(stage.id, NamedFile(SecretBytes(content)))
    stage.haproxy.renew_tickets(stage.id)
    for slot in slots_in(stage.render(document)).values():
        stage.files.link(stage.id, slot.name, slot.fingerprint)


def serve(stage: Stage, document: Desired, *contents: bytes) -> None:
    put_files(stage, document, *contents)
    stage.start(document)


def context(**fields: Any) -> ssl.SSLContext:
    """Of a client that takes any certificate and any cipher: what is offered is the question."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def shake_hands(
    stage: Stage, client: ssl.SSLContext, name: str | None = None, port: int = 443, address: str = VIP
) -> ssl.SSLSocket:
    connection = stage.connect(port, address)
    try:
        return client.wrap_socket(connection, server_hostname=name)
    except BaseException:
        connection.close()
        raise


def certificate_for(stage: Stage, name: str | None, address: str = VIP) -> bytes:
    with shake_hands(stage, context(), name, address=address) as connection:
        found = connection.getpeercert(binary_form=True)
    assert found is not None
    return found


def der(content: bytes) -> bytes:
    return ssl.PEM_cert_to_DER_cert(content.decode().partition("-----BEGIN PRIVATE KEY")[0])


def ask(connection: ssl.SSLSocket) -> tuple[bytes, Mapping[str, str]]:
    """Status line, and headers in lower case."""
    connection.sendall(GET)
    answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, _ = answer.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    return status.encode(), dict(line.lower().split(": ", 1) for line in lines)


def test_a_certificate_is_chosen_by_the_name_that_the_client_asks_for(stage: Stage) -> None:
    default, exact, wildcard = ("www.example",), ("shop.cloud.example",), ("*.cloud.example",)
    document = documented(a_tls(certificate=named(*default), sni=(named(*wildcard), named(*exact))))
    balancer = replace(
        document.load_balancer, vips=(*document.load_balancer.vips, Vip(address=VIP6, subnet_id="subnet"))
    )
    serve(stage, replace(document, load_balancer=balancer), *(bundle(*names) for names in (default, exact, wildcard)))
    for name, names in [
        ("www.example", default),
        ("shop.cloud.example", exact),
        ("SHOP.cloud.example", exact),
        ("mail.cloud.example", wildcard),
        ("a.b.cloud.example", default),
        ("cloud.example", default),
        ("else.example", default),
        (None, default),
    ]:
        assert certificate_for(stage, name) == der(bundle(*names)), name
    assert certificate_for(stage, "mail.cloud.example", VIP6) == der(bundle(*wildcard))


@pytest.mark.parametrize(
    "versions",
    [
        (TlsVersion.TLS_1_2, TlsVersion.TLS_1_3),
        (TlsVersion.TLS_1_3,),
        (TlsVersion.TLS_1_2,),
        (TlsVersion.TLS_1_0, TlsVersion.TLS_1_1),
        tuple(TlsVersion),
    ],
    ids=lambda versions: "-".join(version.value for version in versions),
)
def test_only_the_versions_named_are_spoken(stage: Stage, versions: Sequence[TlsVersion]) -> None:
    document = documented(a_tls(certificate=named("www.example"), versions=tuple(versions), ciphers="ALL:!aNULL"))
    serve(stage, document, bundle("www.example"))
    for version in TlsVersion:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            only = BY_VERSION[version]
            client = context(minimum_version=only)
            client.maximum_version = only
            client.set_ciphers("ALL:@SECLEVEL=0")
        if version in versions:
            with shake_hands(stage, client) as connection:
                assert connection.version() == version.value
        else:
            with pytest.raises(ssl.SSLError):
                shake_hands(stage, client)


def test_ciphers_of_all_versions_are_those_of_the_one_list(stage: Stage) -> None:
    ciphers = "TLS_CHACHA20_POLY1305_SHA256:ECDHE-ECDSA-AES128-GCM-SHA256"
    serve(stage, documented(a_tls(certificate=named("www.example"), ciphers=ciphers)), bundle("www.example"))
    for version, expected in [
        (V.TLSv1_3, "TLS_CHACHA20_POLY1305_SHA256"),
        (V.TLSv1_2, "ECDHE-ECDSA-AES128-GCM-SHA256"),
    ]:
        with shake_hands(stage, context(maximum_version=version)) as connection:
            assert (connection.cipher() or ("",))[0] == expected
    refused = context(maximum_version=V.TLSv1_2)
    refused.set_ciphers("ECDHE-ECDSA-AES256-GCM-SHA384")
    with pytest.raises(ssl.SSLError):
        shake_hands(stage, refused)


def test_ciphers_with_diffie_hellmans_own_exchange(stage: Stage) -> None:
    content = make_bundle("www.example", rsa=True)
    cipher = "DHE-RSA-AES128-GCM-SHA256"
    serve(stage, documented(a_tls(certificate=a_certificate("www.example", content), ciphers=cipher)), content)
    client = context(maximum_version=V.TLSv1_2)
    client.set_ciphers(cipher)
    with shake_hands(stage, client) as connection:
        assert (connection.cipher() or ("",))[0] == cipher


def test_requests_reach_the_member_and_answers_carry_hsts(stage: Stage) -> None:
    plain = a_tls(certificate=named("www.example"))
    strict = replace(plain, hsts_max_age=300, hsts_include_subdomains=True, hsts_preload=True)
    serve(stage, documented(strict, plain), bundle("www.example"))
    with shake_hands(stage, context()) as connection:
        status, headers = ask(connection)
    assert status == b"HTTP/1.1 200 OK"
    assert headers["strict-transport-security"] == "max-age=300; includesubdomains; preload"
    assert stage.backends[0].headers["x-forwarded-proto"] == "https"
    assert stage.backends[0].headers["x-forwarded-port"] == "443"
    with shake_hands(stage, context(), port=444) as connection:
        assert "strict-transport-security" not in ask(connection)[1]
    stage.backends[0].stop()
    stage.reload(replace(documented(strict, plain), members=()))
    with shake_hands(stage, context()) as connection:  # of HAProxy's own
        status, headers = ask(connection)
    assert status.startswith(b"HTTP/1.1 503 ")
    assert "strict-transport-security" in headers


def test_the_protocol_within_is_negotiated(stage: Stage) -> None:
    one = (AlpnProtocol.HTTP_1_1,)
    all_of_them = tuple(each for each in AlpnProtocol if each is not AlpnProtocol.HTTP_3)
    certificate = named("www.example")
    document = documented(a_tls(certificate=certificate, alpn=all_of_them), a_tls(certificate=certificate, alpn=one))
    serve(stage, document, bundle("www.example"))
    for port, offered, expected in [
        (443, ["http/1.1", "h2"], "h2"),
        (443, ["http/1.1"], "http/1.1"),
        (443, ["http/1.0"], "http/1.0"),
        (443, [], None),
        (444, ["h2", "http/1.1"], "http/1.1"),
        (444, ["h2"], None),
    ]:
        client = context()
        client.set_alpn_protocols(offered)
        with shake_hands(stage, client, port=port) as connection:
            assert connection.selected_alpn_protocol() == expected, (port, offered)


def test_http_2_is_spoken_to_clients(stage: Stage) -> None:
    serve(stage, documented(a_tls(certificate=named("www.example"))), bundle("www.example"))
    client = context()
    client.set_alpn_protocols(["h2"])
    # Preface, SETTINGS, and one request: GET / of www.example by indices of HPACK's static table (RFC 7541, A).
    block = b"\x82\x87\x84\x41\x0bwww.example"
    headers = len(block).to_bytes(3, "big") + b"\x01\x05" + (1).to_bytes(4, "big") + block
    with shake_hands(stage, client) as connection:
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5) + headers)
        taken = connection.makefile("rb")
        answer = b""
        while True:
            head = taken.read(9)
            size, kind, flags, stream = int.from_bytes(head[:3], "big"), head[3], head[4], head[5:]
            payload = taken.read(size)
            if stream == (1).to_bytes(4, "big"):
                answer += payload if kind == 0 else b""
                assert kind != 1 or payload[0] == 0x88  # ":status: 200"
                if flags & 1:
                    break
    assert answer == b"backend 1"


def test_a_certificate_is_replaced_and_no_handshake_fails(stage: Stage) -> None:
    former, later = (make_bundle("www.example") for _ in range(2))
    documents = [documented(a_tls(certificate=a_certificate("c", content))) for content in (former, later)]
    serve(stage, documents[0], former)
    put_files(stage, documents[1], later)
    client = context()
    served = []

    def connect() -> str | None:
        try:
            with shake_hands(stage, client, "www.example") as connection:
                served.append(connection.getpeercert(binary_form=True))
                return None if ask(connection)[0] == b"HTTP/1.1 200 OK" else "no answer"
        except OSError as error:
            return repr(error)

    with Repeating(connect) as traffic:
        traffic.await_more(20)
        for number in (1, 0, 1):
            stage.reload(documents[number])
            traffic.await_more(20)
    assert traffic.bad == []
    assert set(served) == {der(former), der(later)}
    assert certificate_for(stage, None) == der(later)


def test_a_broken_certificate_or_list_of_ciphers_harms_nobody_and_is_named(stage: Stage) -> None:
    good = documented(a_tls(certificate=named("www.example")))
    serve(stage, good, bundle("www.example"))
    half = bundle("www.example").partition(b"-----BEGIN PRIVATE KEY")[0]
    for tls, said in [
        (a_tls(certificate=a_certificate("half", half)), r"slots/secure443\.default"),
        (a_tls(certificate=named("www.example"), ciphers="NONSENSE"), "NONSENSE"),
    ]:
        put_files(stage, documented(tls), half)
        with pytest.raises(HostError, match=said):
            stage.reload(documented(tls))
        assert certificate_for(stage, None) == der(bundle("www.example"))
