"""TLS to members on the wire: HAProxy as it is rendered, members with certificates of every kind."""

import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import IO, Any

import pytest
from tests.certificates import make_bundle
from tests.fakes.tls import a_certificate, a_tls, some_authorities, some_revocations
from tests.root.haproxy_stage import MEMBERS, Stage, desired, member
from tests.root.test_haproxy_checks import settles
from tests.unit.secrets.authority import Identity, make, revocations
from tests.waiting import NET, eventually

from evenload.model.balancer import HealthMonitor, HttpCheck, Listener, Pool
from evenload.model.desired import Desired
from evenload.model.enums import ListenerProtocol, MonitorType, PoolProtocol
from evenload.model.named_file import NamedFile
from evenload.model.secret import SecretBytes
from evenload.model.slot import slots_in
from evenload.model.tls import AlpnProtocol, PoolTls, TlsVersion
from evenload.render.haproxy_text import AddServer, Reload, Runtime, plan_difference, split
from evenload.render.haproxy_tls import render_certificate_lists
from evenload.render.runtime_commands import commands, is_refusal
from evenload.render.server_states import render_server_states

pytestmark = pytest.mark.root

NAME = "www.example"
TCP = HealthMonitor(id="check", pool_id="app", type=MonitorType.TCP, delay=1, timeout=1, rise=1, fall=1)
HTTP = replace(TCP, type=MonitorType.HTTP, http=HttpCheck())
HTTPS = replace(HTTP, type=MonitorType.HTTPS, http=HttpCheck(version="1.1", domain_name=NAME))
bundle = cache(make_bundle)


@dataclass(frozen=True, slots=True)
class Site:
    """``root`` has signed all but ``foreign``. ``revocations`` takes ``revoked`` back."""

    root: Identity
    good: Identity
    revoked: Identity
    expired: Identity
    foreign: Identity
    client: Identity
    revocations: bytes

    @property
    def tls(self) -> PoolTls:
        """That verifies members."""
        return PoolTls(authorities=some_authorities(self.root.pem), revocations=some_revocations(self.revocations))

    @property
    def contents(self) -> tuple[bytes, ...]:
        return self.root.pem, self.revocations, self.client.pem + self.client.key_pem()


@cache
def site() -> Site:
    now = datetime.now(UTC)
    root, other = (make(name, authority=True, now=now) for name in ("Root", "Other"))
    revoked = make("revoked", root, names=(NAME,), now=now)
    return Site(
        root=root,
        good=make("good", root, names=(NAME,), now=now),
        revoked=revoked,
        expired=make("expired", root, names=(NAME,), now=now - timedelta(days=40), days=10),
        foreign=make("foreign", other, names=(NAME,), now=now),
        client=make("client", root, now=now),
        revocations=revocations(root, revoked.certificate.serial_number, now=now),
    )


@pytest.fixture
def stage() -> Iterator[Stage]:
    with Stage() as stage:
        yield stage


def serving(stage: Stage, identity: Identity, **fields: Any) -> ssl.SSLContext:
    """The context of a member."""
    file = stage.directory / f"member-{identity.certificate.serial_number}"
    file.write_bytes(identity.pem + identity.key_pem())
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(file)
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def noting(names: list[str | None]) -> Any:
    """A callback that notes the names that clients ask for."""
    return lambda connection, name, context: names.append(name)


def put_files(stage: Stage, document: Desired) -> None:
    own = replace(document, load_balancer=replace(document.load_balancer, id=stage.id))
    files = [NamedFile(SecretBytes(content)) for content in (bundle(NAME), *site().contents)]
    for file in (*render_certificate_lists(own, stage.options), *files):
        stage.files.write_named(stage.id, file)
    stage.haproxy.renew_tickets(stage.id)
    for slot in slots_in(stage.render(document)).values():
        stage.files.link(stage.id, slot.name, slot.fingerprint)


def serve(stage: Stage, document: Desired) -> None:
    put_files(stage, document)
    stage.start(document)


def a_pool(name: str, tls: PoolTls | None) -> Pool:
    return replace(desired().pools[0], id=name, tls=tls)


def a_listener(name: str, port: int) -> Listener:
    return replace(desired().listeners[0], id=f"for-{name}", port=port, default_pool_id=name)


@pytest.mark.parametrize("monitor", [None, TCP, HTTP, HTTPS, replace(TCP, type=MonitorType.TLS_HELLO)])
def test_where_authorities_are_given_a_member_has_a_good_certificate_or_no_request(
    stage: Stage, monitor: HealthMonitor | None
) -> None:
    known = site()
    names = ("good", "revoked", "expired", "foreign")
    for number, name in enumerate(names, 1):
        stage.backend(number, tls=serving(stage, getattr(known, name)))
    document = replace(
        desired(listeners=[a_listener(name, 80 + number) for number, name in enumerate(names)]),
        pools=tuple(a_pool(name, known.tls) for name in names),
        members=tuple(replace(member(number), pool_id=name) for number, name in enumerate(names, 1)),
        monitors=tuple(replace(monitor, id=f"of-{name}", pool_id=name) for name in names if monitor is not None),
    )
    serve(stage, document)
    if monitor is not None:
        assert settles(stage, "m1", "L6OK" if monitor.http is None else "L7OK")
        for server in ("m2", "m3", "m4"):
            assert settles(stage, server, "L6RSP")
            assert stage.status(server) == "DOWN"
            [rows] = stage.haproxy.read_statistics(stage.id).values()
            assert "SSL handshake failure" in str(next(row.reason for row in rows if row.server == server))
    asked = range(4) if monitor is not None else (0, 2)  # HAProxy takes three seconds to give up one that seems up
    assert [stage.fetch(port=80 + number, Host=NAME)[0] for number in asked] == [200, *[503] * (len(asked) - 1)]
    assert [backend.hits for backend in stage.backends[1:]] == [0, 0, 0]


def test_without_authorities_any_certificate_will_do_and_no_member_is_spoken_to_in_clear(stage: Stage) -> None:
    stage.backend(1, tls=serving(stage, site().foreign))
    stage.backend(2)
    document = desired(member(1), member(2), monitor=HTTP, pool={"tls": PoolTls()})
    serve(stage, document)
    assert settles(stage, "m1", "L7OK")
    assert settles(stage, "m2", "L6RSP")
    assert {stage.get() for _ in range(4)} == {"backend 1"}


def test_a_member_is_asked_for_the_host_of_the_request_and_verified_by_it(stage: Stage) -> None:
    names: list[str | None] = []
    # Of a session that is resumed Python tells the name that it began with; there are none without tickets.
    stage.backend(1, tls=serving(stage, site().good, sni_callback=noting(names), num_tickets=0))
    serve(stage, desired(member(1), pool={"tls": site().tls}))
    for host, expected, status in (
        (NAME, NAME, 200),
        ("WWW.Example:8443", NAME, 200),
        ("www.example.", NAME, 200),
        ("10.77.0.5", None, 200),
        ("10.77.0.5:80", None, 200),
        ("[2001:db8::1]:80", None, 200),
        ("else.example", "else.example", 503),
        ("a'b\"c", None, 200),
    ):
        names.clear()
        assert stage.fetch(Host=host)[0] == status, host
        assert set(names) == {expected}, host
    with closing(stage.connect()) as connection:  # no host at all
        names.clear()
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        assert names == [None]


def test_a_check_asks_for_the_domain_name_of_its_monitor(stage: Stage) -> None:
    names: list[str | None] = []
    for number in (1, 2):
        stage.backend(number, tls=serving(stage, site().good, sni_callback=noting(names)))
    other = replace(HTTPS, http=HttpCheck(version="1.1", domain_name="else.example"))
    serve(stage, desired(member(1), monitor=HTTPS, pool={"tls": site().tls}))
    assert settles(stage, "m1", "L7OK")
    assert set(names) == {NAME}
    stage.reload(desired(member(2), monitor=other, pool={"tls": site().tls}))
    assert settles(stage, "m2", "L6RSP")


def test_a_member_is_shown_our_certificate(stage: Stage) -> None:
    wanting = serving(stage, site().good)
    wanting.load_verify_locations(cadata=site().root.pem.decode())
    wanting.verify_mode = ssl.CERT_REQUIRED
    stage.backend(1, tls=wanting)
    certificate = a_certificate("client", site().contents[-1])
    serve(stage, desired(member(1), monitor=HTTP, pool={"tls": replace(site().tls, certificate=certificate)}))
    assert settles(stage, "m1", "L7OK")
    assert stage.fetch(Host=NAME)[0] == 200
    stage.reload(desired(member(1), pool={"tls": site().tls}))
    assert stage.fetch(Host=NAME)[0] in (502, 503)


def test_versions_ciphers_and_alpn_are_those_of_the_pool(stage: Stage) -> None:
    tls = PoolTls(
        versions=(TlsVersion.TLS_1_2,),
        ciphers="TLS_AES_128_GCM_SHA256:ECDHE-ECDSA-AES256-GCM-SHA384",
        alpn=(AlpnProtocol.HTTP_1_1,),
    )
    context = serving(stage, site().good)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with stage.open(MEMBERS[0]) as listening:
        listening.bind((MEMBERS[0], 8080))
        listening.listen()
        listening.settimeout(NET)
        serve(stage, desired(member(1), pool={"tls": tls}))
        with stage.connect() as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: www.example\r\n\r\n")
            raw, _ = listening.accept()
            with context.wrap_socket(raw, server_side=True) as connection:
                assert connection.recv(65536).startswith(b"GET / HTTP/1.1\r\n")
                assert connection.version() == "TLSv1.2"
                assert (connection.cipher() or ("",))[0] == "ECDHE-ECDSA-AES256-GCM-SHA384"
                assert connection.selected_alpn_protocol() == "http/1.1"


H2 = (AlpnProtocol.HTTP_2, AlpnProtocol.HTTP_1_1)


@pytest.mark.parametrize(("alpn", "spoken", "monitor"), [(H2, "2", HTTP), (H2, "2", TCP), ((), "1", HTTP)])
def test_http_2_is_spoken_to_members_that_choose_it_and_in_checks(
    stage: Stage, alpn: tuple[AlpnProtocol, ...], spoken: str, monitor: HealthMonitor
) -> None:
    """The member is another HAProxy."""
    key = stage.directory / "key"
    key.write_bytes(site().good.pem + site().good.key_pem())
    text = stage.directory / "member.cfg"
    text.write_text(
        "defaults\n    mode http\n    timeout client 5s\n"
        f"frontend member\n    bind {MEMBERS[0]}:8080 ssl crt {key} alpn h2,http/1.1\n"
        "    http-request return status 200 content-type text/plain lf-string %[fc_http_major]\n"
    )
    words = ["ip", "netns", "exec", stage.namespace.name, "/usr/sbin/haproxy", "-db", "-f", str(text)]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        try:
            serve(stage, desired(member(1), monitor=monitor, pool={"tls": replace(site().tls, alpn=alpn)}))
            assert settles(stage, "m1", "L6OK" if monitor is TCP else "L7OK")
            assert eventually(lambda: stage.fetch(Host=NAME)[1] == spoken)
        finally:
            running.terminate()


def test_tcp_is_carried_in_tls_and_not_to_whom_is_not_verified(stage: Stage) -> None:
    for number, identity in ((1, site().good), (2, site().foreign)):
        stage.backend(number, tls=serving(stage, identity))
    ports = {"good": 5001, "foreign": 5002}
    document = replace(
        desired(
            listeners=[replace(a_listener(name, port), protocol=ListenerProtocol.TCP) for name, port in ports.items()]
        ),
        pools=tuple(replace(a_pool(name, site().tls), protocol=PoolProtocol.TCP) for name in ports),
        members=tuple(replace(member(number), pool_id=name) for number, name in enumerate(ports, 1)),
    )
    serve(stage, document)
    assert stage.get(port=5001) == "backend 1"
    with stage.connect(5002) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert answer_of(connection) == b""


def answer_of(connection: socket.socket) -> bytes:
    try:
        return b"".join(iter(lambda: connection.recv(65536), b""))
    except ConnectionError:
        return b""


def test_a_member_is_told_of_the_clients_tls_before_ours_begins(stage: Stage) -> None:
    """PROXY protocol, version 2, 2.2.6: the header has a TLV of the type 0x20."""
    secure = replace(
        a_listener("app", 443),
        protocol=ListenerProtocol.TERMINATED_HTTPS,
        tls=a_tls(certificate=a_certificate("server", bundle(NAME))),
    )
    document = desired(member(1), listeners=[secure], pool={"tls": site().tls, "protocol": PoolProtocol.PROXYV2})
    context = serving(stage, site().good)
    client = ssl.create_default_context()
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    with stage.open(MEMBERS[0]) as listening:
        listening.bind((MEMBERS[0], 8080))
        listening.listen()
        listening.settimeout(NET)
        serve(stage, document)
        with stage.connect(443) as raw, client.wrap_socket(raw, server_hostname=NAME) as asking:
            asking.sendall(b"GET / HTTP/1.1\r\nHost: www.example\r\n\r\n")
            taken, _ = listening.accept()
            taken.settimeout(NET)
            head = taken.recv(16, socket.MSG_WAITALL)
            assert head[:12] == b"\r\n\r\n\0\r\nQUIT\n"
            addresses = taken.recv(int.from_bytes(head[14:16], "big"), socket.MSG_WAITALL)
            assert addresses[12] == 0x20  # behind two IPv4 addresses and ports
            assert addresses[15] & 1  # the client has spoken TLS
            with context.wrap_socket(taken, server_side=True) as connection:
                assert connection.recv(65536).startswith(b"GET / HTTP/1.1\r\n")


def test_a_websocket_passes_tls_on_both_sides(stage: Stage) -> None:
    secure = replace(
        a_listener("app", 443),
        protocol=ListenerProtocol.TERMINATED_HTTPS,
        tls=a_tls(certificate=a_certificate("server", bundle(NAME))),
    )
    client = ssl.create_default_context()
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
    with stage.open(MEMBERS[0]) as listening:
        listening.bind((MEMBERS[0], 8080))
        listening.listen()
        listening.settimeout(NET)
        serve(stage, desired(member(1), listeners=[secure], pool={"tls": replace(site().tls, alpn=H2)}))
        with stage.connect(443) as raw, client.wrap_socket(raw, server_hostname=NAME) as asking:
            key = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
            asking.sendall(b"GET /chat HTTP/1.1\r\nHost: www.example\r\n" + upgrade + key + b"\r\n")
            taken, _ = listening.accept()
            with serving(stage, site().good).wrap_socket(taken, server_side=True) as connection:
                assert b"upgrade: websocket\r\n" in head_of(connection).lower()
                accepted = b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"  # RFC 6455, 1.3
                connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\n" + upgrade + accepted)
                assert head_of(asking).startswith(b"HTTP/1.1 101 ")
                for sender, receiver, sent in (
                    (asking, connection, b"\x81\x02hi"),
                    (connection, asking, b"\x81\x03you"),
                ):
                    sender.sendall(sent)
                    assert receiver.makefile("rb").read(len(sent)) == sent


SETTINGS, HEADERS, DATA = 4, 1, 0
END_STREAM, END_HEADERS = 1, 4


def frame(kind: int, flags: int, payload: bytes = b"", stream: int = 1) -> bytes:
    """RFC 9113, 4.1."""
    return len(payload).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + payload


def field(name: bytes, value: bytes) -> bytes:
    """RFC 7541, 6.2.2: a literal that is not indexed."""
    return bytes([0, len(name)]) + name + bytes([len(value)]) + value


def stream_in(taken: IO[bytes]) -> list[tuple[int, bytes]]:
    """Kinds and payloads of the first stream's frames, to its end."""
    found = []
    while head := taken.read(9):
        payload = taken.read(int.from_bytes(head[:3]))
        if int.from_bytes(head[5:]) == 1 and head[3] in (HEADERS, DATA):
            found.append((head[3], payload))
            if head[4] & END_STREAM:
                return found
    raise AssertionError(f"the stream ended too early: {found}")


def test_grpc_passes_tls_on_both_sides_with_its_trailers(stage: Stage) -> None:
    secure = replace(
        a_listener("app", 443),
        protocol=ListenerProtocol.TERMINATED_HTTPS,
        tls=a_tls(certificate=a_certificate("server", bundle(NAME))),
    )
    client = ssl.create_default_context()
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    client.set_alpn_protocols(["h2"])
    context = serving(stage, site().good)
    context.set_alpn_protocols(["h2"])
    opening = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    kind, message = field(b"content-type", b"application/grpc"), b"\0\0\0\0\x02hi"
    asked = b"\x83\x87\x84\x41" + bytes([len(NAME)]) + NAME.encode() + kind + field(b"te", b"trailers")
    with stage.open(MEMBERS[0]) as listening:
        listening.bind((MEMBERS[0], 8080))
        listening.listen()
        listening.settimeout(NET)
        serve(stage, desired(member(1), listeners=[secure], pool={"tls": replace(site().tls, alpn=H2[:1])}))
        with stage.connect(443) as raw, client.wrap_socket(raw, server_hostname=NAME) as asking:
            request = frame(HEADERS, END_HEADERS, asked) + frame(DATA, END_STREAM, message)
            asking.sendall(opening + frame(SETTINGS, 0, stream=0) + request)
            taken, _ = listening.accept()
            taken.settimeout(NET)
            with context.wrap_socket(taken, server_side=True) as connection:
                with connection.makefile("rb") as beginning:
                    assert beginning.read(len(opening)) == opening
                    connection.sendall(frame(SETTINGS, 0, stream=0))
                    assert b"".join(payload for kind_, payload in stream_in(beginning) if kind_ == DATA) == message
                connection.sendall(
                    frame(HEADERS, END_HEADERS, b"\x88" + kind)
                    + frame(DATA, 0, message)
                    + frame(HEADERS, END_HEADERS | END_STREAM, field(b"grpc-status", b"0"))
                )
                with asking.makefile("rb") as answer:
                    first, *between, last = stream_in(answer)
    assert first[0] == last[0] == HEADERS
    assert b"".join(payload for _, payload in between) == message
    assert b"grpc-status\x010" in last[1]


def head_of(connection: socket.socket) -> bytes:
    """All of it, and nothing that follows."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        more = connection.recv(1)
        assert more, head
        head += more
    return head


def test_a_pool_that_comes_to_speak_tls_does_so_after_the_reload_with_the_health_that_was_known(stage: Stage) -> None:
    stage.backend(1)
    plain = desired(member(1), monitor=replace(HTTP, delay=60))
    stage.start(plain)
    assert settles(stage, "m1", "L7OK")
    stage.backends[0].stop()
    stage.backend(1, tls=serving(stage, site().good))
    for tls, state in ((site().tls, "1"), (None, "0")):
        document = desired(member(1), monitor=replace(HTTP, delay=60), pool={"tls": tls})
        put_files(stage, document)
        kept = render_server_states(stage.ask("show servers state"), stage.text, stage.render(document))
        stage.reload(document, kept.text)
        assert stage.servers()["m1"]["srv_use_ssl"] == state
        if tls is not None:
            assert stage.fetch(Host=NAME)[0] == 200


def test_members_that_come_at_run_time_are_those_of_the_file(stage: Stage) -> None:
    for number, identity in ((1, site().good), (2, site().good), (3, site().foreign)):
        stage.backend(number, tls=serving(stage, identity))
    tls = replace(
        site().tls,
        certificate=a_certificate("client", site().contents[-1]),
        ciphers="TLS_AES_128_GCM_SHA256:ECDHE-ECDSA-AES128-GCM-SHA256",
        alpn=(AlpnProtocol.HTTP_2, AlpnProtocol.HTTP_1_1),
    )
    serve(stage, desired(member(1), monitor=HTTPS, pool={"tls": tls}))
    change(stage, desired(member(1), member(2), member(3), monitor=HTTPS, pool={"tls": tls}))
    assert settles(stage, "m2", "L7OK")
    assert settles(stage, "m3", "L6RSP")
    assert {stage.fetch(Host=NAME)[1] for _ in range(4)} == {"backend 1", "backend 2"}
    with closing(stage.client()) as client:
        for _ in range(8):
            client.request("GET", "/", headers={"Host": NAME})
            assert client.getresponse().read()
    change(stage, desired(member(2), member(3), monitor=HTTPS, pool={"tls": tls}))
    assert {stage.fetch(Host=NAME)[1] for _ in range(4)} == {"backend 2"}


def change(stage: Stage, document: Desired) -> None:
    """What the agent does where no reload is needed."""
    wanted = stage.render(document)
    difference = plan_difference(stage.text, wanted)
    assert isinstance(difference, Runtime), difference
    words = [command for each in difference.changes for command in commands(each)]
    answers = stage.haproxy.runtime(stage.id, words)
    assert not [each for each in zip(words, answers, strict=True) if is_refusal(*each)]
    stage.text = wanted


def test_a_file_that_was_not_read_at_the_start_is_not_read_at_run_time(stage: Stage) -> None:
    """So that the first member takes a reload (render/haproxy_text.py)."""
    document = desired(member(1), pool={"tls": site().tls})
    serve(stage, replace(document, members=()))
    wanted = stage.render(document)
    assert isinstance(plan_difference(stage.text, wanted), Reload)
    add, *_ = commands(AddServer(split(wanted).servers["app", "m1"]))
    assert is_refusal(add, stage.ask(add))
