"""A PROMETHEUS listener on the wire: the numbers of its own load balancer, and nothing else."""

import re
import ssl
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from tests.root.haproxy_stage import VIP, Stage, desired, member
from tests.root.test_client_certificates import clients, context, put_files, secure
from tests.waiting import eventually

from evenload.model.balancer import Listener
from evenload.model.enums import ListenerProtocol
from evenload.model.tls import ClientAuthentication

pytestmark = pytest.mark.root

WEB = Listener(id="web", load_balancer_id="lb", protocol=ListenerProtocol.HTTP, port=80, default_pool_id="app")
NUMBERS = Listener(id="numbers", load_balancer_id="lb", protocol=ListenerProtocol.PROMETHEUS, port=9100)


@pytest.fixture
def stage() -> Iterator[Stage]:
    with Stage() as stage:
        stage.backend(1)
        yield stage


def read(stage: Stage) -> dict[str, float]:
    """Values by name and labels."""
    status, body, _ = stage.fetch("/metrics", 9100)
    assert status == 200
    lines = [line for line in body.splitlines() if line and not line.startswith("#")]
    assert lines
    assert all(line.startswith("haproxy_") for line in lines)
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


def refuses(stage: Stage) -> bool:
    try:
        return stage.fetch("/metrics", 9100)[0] != 200
    except ConnectionError:
        return True


def test_it_shows_the_numbers_of_listeners_pools_and_members(stage: Stage) -> None:
    stage.start(desired(member(1), listeners=[WEB, NUMBERS]))
    before = read(stage)
    for _ in range(3):
        assert stage.get() == "backend 1"
    after = read(stage)
    for name in (
        'haproxy_frontend_http_requests_total{proxy="web"}',
        'haproxy_backend_http_requests_total{proxy="app"}',
        'haproxy_server_http_responses_total{proxy="app",server="m1",code="2xx"}',
    ):
        assert after[name] - before[name] == 3
    proxies = {found[1] for name in after if (found := re.search(r'proxy="([^"]*)"', name))}
    assert proxies <= {"web", "numbers", "app", "GLOBAL"}


def test_it_does_nothing_else(stage: Stage) -> None:
    stage.start(desired(member(1), listeners=[WEB, NUMBERS]))
    for method, path, expected in [
        ("GET", "/", 404),
        ("GET", "/metrics/x", 404),
        ("POST", "/metrics", 405),
        ("DELETE", "/metrics", 405),
    ]:
        client = stage.client(9100)
        client.request(method, path)
        answer = client.getresponse()
        assert answer.status == expected
        answer.read()
        client.close()
    assert stage.backends[0].hits == 0


def test_it_is_closed_to_other_networks_and_when_it_is_disabled(stage: Stage) -> None:
    stage.start(desired(member(1), listeners=[WEB, replace(NUMBERS, allowed_cidrs=("192.0.2.0/24",))]))
    assert refuses(stage)
    stage.reload(desired(member(1), listeners=[WEB, replace(NUMBERS, allowed_cidrs=(f"{VIP}/32",))]))
    # The former process answers until it has been told.
    assert eventually(lambda: not refuses(stage))
    stage.reload(desired(member(1), listeners=[WEB, replace(NUMBERS, admin_state_up=False)]))
    assert eventually(lambda: refuses(stage))
    assert stage.get() == "backend 1"


def in_tls(stage: Stage, port: int, client: ssl.SSLContext, *, path: str = "/metrics") -> tuple[int, bytes] | None:
    """Status and body; None where the handshake is refused."""
    request = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    try:
        with stage.connect(port) as raw, client.wrap_socket(raw) as connection:
            connection.sendall(request.encode())
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
    except (ssl.SSLError, ConnectionError):
        return None
    head, _, body = answer.partition(b"\r\n\r\n")
    return (int(head.split()[1]), body) if answer else None


def test_it_speaks_tls_and_refuses_clients_without_a_certificate_where_one_is_mandatory(stage: Stage) -> None:
    numbers: dict[str, Any] = {"protocol": NUMBERS.protocol, "default_pool_id": None, "insert_headers": ()}
    revoked = clients().revocations()
    listeners = [
        WEB,
        secure(9100, ClientAuthentication.NONE, **numbers),
        secure(9101, ClientAuthentication.MANDATORY, revoked=revoked, **numbers),
    ]
    document = desired(member(1), listeners=listeners)
    put_files(stage, document, revoked)
    stage.start(document)
    anybody, known = context(stage), clients()
    for port, client in ((9100, anybody), (9101, context(stage, known.good))):
        answer = in_tls(stage, port, client)
        assert answer is not None
        assert answer[0] == 200
        assert b'haproxy_frontend_http_requests_total{proxy="web"}' in answer[1]
        assert in_tls(stage, port, client, path="/") == (404, b"")
    for client in (anybody, *(context(stage, each) for each in (known.revoked, known.expired, known.foreign))):
        assert in_tls(stage, 9101, client) is None
    assert b"haproxy_" not in clear(stage, 9100) + clear(stage, 9101)


def clear(stage: Stage, port: int) -> bytes:
    """What is answered to a request without TLS."""
    with stage.connect(port) as connection:
        connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        try:
            return b"".join(iter(lambda: connection.recv(65536), b""))
        except ConnectionError:
            return b""
