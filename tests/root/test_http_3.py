"""HTTP/3 on the wire, with a real client, where HAProxy has QUIC; where it has none, how that is told."""

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from tests.fakes.tls import a_certificate, a_tls
from tests.root.haproxy_stage import VIP, VIP6, Stage
from tests.root.test_client_certificates import MANDATORY, clients
from tests.root.test_tls import bundle, documented, serve
from tests.waiting import NET, eventually

from evenload.host.files import StateFiles
from evenload.host.haproxy import Haproxy
from evenload.host.settings import HaproxySettings, HostSettings
from evenload.model.balancer import Vip
from evenload.model.desired import Desired
from evenload.model.errors import Hopeless
from evenload.model.named_file import NamedFile
from evenload.model.secret import SecretBytes
from evenload.model.slot import FillSlot, Slot, SlotKind
from evenload.model.tls import AlpnProtocol

pytestmark = pytest.mark.root

ALPN = (AlpnProtocol.HTTP_3, AlpnProtocol.HTTP_2, AlpnProtocol.HTTP_1_1)
OPTIONS = "Build options :\n  OPTIONS = USE_OPENSSL=1\n\nFeature list : -51DEGREES {}QUIC +RT +SLZ\n"


def prepared(binary: str) -> list[str]:
    settings = HostSettings(haproxy=HaproxySettings(binary=binary, http_3=True))
    haproxy = Haproxy(settings, StateFiles(settings.state_dir))
    try:
        return haproxy.prepare()
    finally:
        haproxy.close()


@pytest.mark.parametrize(
    ("version", "has", "words"),
    [
        (
            "2.6.12-1+deb12u4",
            "-",
            r"is HAProxy 2\.6, built without QUIC \(haproxy -vv\): \[haproxy\] http_3 needs 3\.0",
        ),
        ("2.8.0", "+", r"is HAProxy 2\.8: \[haproxy\] http_3 needs 3\.0 with QUIC"),
        ("3.0.11", "-", r"is HAProxy 3\.0, built without QUIC"),
        ("3.0.11-1+deb13u5", "+", None),
    ],
)
def test_a_binary_that_cannot_is_refused_at_the_start(
    tmp_path: Path, version: str, has: str, words: str | None
) -> None:
    binary = tmp_path / "haproxy"
    said = f"HAProxy version {version} 2026/01/01 - https://haproxy.org/\n{OPTIONS.format(has)}"
    binary.write_text(f"#!/bin/sh\ncat <<'END'\n{said}END\n")
    binary.chmod(0o755)
    if words is None:
        assert prepared(str(binary)) == []
        return
    with pytest.raises(Hopeless, match=words):
        prepared(str(binary))


@cache
def can_quic() -> bool:
    said = subprocess.run([HaproxySettings().binary, "-vv"], capture_output=True, text=True, check=True).stdout
    return " +QUIC " in said


@pytest.fixture
def stage() -> Iterator[Stage]:
    """Where there is no QUIC, the binary is seen to say so, and nothing else is tried."""
    if not can_quic():
        with pytest.raises(Hopeless, match="built without QUIC"):
            prepared(HaproxySettings().binary)
        pytest.skip("HAProxy is built without QUIC; the agent says so")
    curl = subprocess.run([shutil.which("curl") or "curl", "-V"], capture_output=True, text=True, check=True).stdout
    assert "HTTP3" in curl, "a curl with HTTP/3 is needed, such as Debian 13's"
    with Stage() as stage:
        stage.backend(1)
        yield stage


def curl(stage: Stage, *words: str, address: str = VIP) -> subprocess.CompletedProcess[str]:
    place = f"[{address}]" if ":" in address else address
    resolve = ["--resolve", f"www.example:443:{place}"]
    given = ["-s", "-k", "-i", "--max-time", "10", *resolve, *words, "https://www.example/"]
    command = ["ip", "netns", "exec", stage.namespace.name, "curl", *given]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def document() -> Desired:
    wanted = documented(a_tls(certificate=a_certificate("www", bundle("www.example")), alpn=ALPN))
    vips = (*wanted.load_balancer.vips, Vip(address=VIP6, subnet_id="subnet"))
    return replace(wanted, load_balancer=replace(wanted.load_balancer, vips=vips))


@pytest.mark.parametrize("address", [VIP, VIP6])
def test_requests_are_served_and_answers_by_tcp_tell_of_it(stage: Stage, address: str) -> None:
    serve(stage, document(), bundle("www.example"))
    answered = curl(stage, "--http3-only", address=address)
    assert answered.stdout.startswith("HTTP/3 200 "), answered
    assert stage.backends[0].headers["x-forwarded-proto"] == "https"
    for option, version in (("--http2", "HTTP/2 200 "), ("--http1.1", "HTTP/1.1 200 ")):
        answered = curl(stage, option, address=address)
        assert answered.stdout.startswith(version)
        assert 'alt-svc: h3=":443"; ma=86400' in answered.stdout.lower()


def test_a_reload_neither_cuts_what_is_on_its_way_nor_stops_what_comes(stage: Stage) -> None:
    serve(stage, document(), bundle("www.example"))
    gate = stage.backends[0].gate
    gate.clear()
    address = ["--resolve", f"www.example:443:{VIP}", "https://www.example/"]
    words = ["ip", "netns", "exec", stage.namespace.name, "curl", "-s", "-k", "-i", "--http3-only", *address]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as waiting:
        assert eventually(lambda: stage.backends[0].hits == 1)
        stage.reload(document())
        gate.set()
        assert curl(stage, "--http3-only").stdout.startswith("HTTP/3 200 ")
        out, _ = waiting.communicate(timeout=NET)
    assert out.startswith("HTTP/3 200 ")


def test_a_certificate_that_is_exchanged_is_shown_here_too(stage: Stage) -> None:
    wanted = document()
    serve(stage, wanted, bundle("www.example"))
    other = NamedFile(SecretBytes(bundle("www.example", "second.example")))
    stage.files.write_named(stage.id, other)
    assert serial_shown(stage) != serial_of(other.content.expose())
    slot = Slot(SlotKind.CERTIFICATE, f"{wanted.listeners[0].id}.default", other.name)
    stage.haproxy.change_slots(stage.id, [FillSlot(slot, comes=False)])
    assert curl(stage, "--http3-only").stdout.startswith("HTTP/3 200 ")
    assert serial_shown(stage) == serial_of(other.content.expose())


def serial_of(content: bytes) -> str:
    ended = subprocess.run(["openssl", "x509", "-noout", "-serial"], input=content, capture_output=True, check=True)
    return ended.stdout.decode().strip().partition("=")[2].lower()


def serial_shown(stage: Stage) -> str:
    answered = curl(stage, "--http3-only", "-o", "/dev/null", "-w", "%{certs}")
    lines = [line for line in answered.stdout.splitlines() if line.startswith("Serial Number:")]
    return lines[0].partition(":")[2].strip().replace(":", "").lower()


def test_clients_without_a_certificate_or_from_elsewhere_get_nothing(stage: Stage, tmp_path: Path) -> None:
    [listener] = document().listeners
    assert listener.tls is not None
    root = clients().root
    asking = replace(
        listener.tls,
        client_authentication=MANDATORY,
        client_authorities=replace(a_certificate("ca", root.pem), id="authorities/project/secrets/ca"),
    )
    wanted = replace(document(), listeners=(replace(listener, tls=asking),))
    serve(stage, wanted, bundle("www.example"), root.pem)
    assert curl(stage, "--http3-only").returncode != 0
    for name, by in (("good", clients().good), ("foreign", clients().foreign)):
        (tmp_path / name).write_bytes(by.pem + by.key_pem())
    shown = {name: curl(stage, "--http3-only", "--cert", str(tmp_path / name)) for name in ("good", "foreign")}
    assert shown["good"].stdout.startswith("HTTP/3 200 "), shown
    assert shown["foreign"].stdout == ""
    assert stage.backends[0].hits == 1
    closed = replace(document(), listeners=(replace(listener, allowed_cidrs=("192.0.2.0/24",)),))
    stage.reload(closed)
    assert curl(stage, "--http3-only").stdout == ""
    assert stage.backends[0].hits == 1
