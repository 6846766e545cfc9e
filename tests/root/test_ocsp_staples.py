"""OCSP staples: HAProxy asks a real responder, from within the namespace, and shows clients what it was told."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.fakes.tls import a_certificate, a_tls
from tests.root.haproxy_stage import VIP, Stage
from tests.root.test_tls import documented, put_files
from tests.unit.secrets.authority import Identity, make
from tests.waiting import eventually

from evenload.host.files import StateFiles
from evenload.host.haproxy import Haproxy
from evenload.host.settings import HaproxySettings, HostSettings
from evenload.model.errors import Hopeless
from evenload.model.secret import SecretBytes
from evenload.model.slot import FillSlot, Slot, SlotKind

pytestmark = pytest.mark.root

PORT = 18310


def prepared(binary: Path) -> list[str]:
    settings = HostSettings(haproxy=HaproxySettings(binary=str(binary), ocsp_update=True))
    haproxy = Haproxy(settings, StateFiles(settings.state_dir))
    try:
        return haproxy.prepare()
    finally:
        haproxy.close()


@pytest.mark.parametrize(("version", "able"), [("2.6.12-1+deb12u4", False), ("2.8.0", True), ("3.0.11", True)])
def test_a_binary_that_renews_none_is_refused_at_the_start(tmp_path: Path, version: str, able: bool) -> None:
    binary = tmp_path / "haproxy"
    binary.write_text(f"#!/bin/sh\necho 'HAProxy version {version} 2026/01/01 - https://haproxy.org/'\n")
    binary.chmod(0o755)
    if able:
        assert prepared(binary) == []
        return
    with pytest.raises(Hopeless, match=r"is HAProxy 2\.6, which renews no OCSP staples: \[haproxy\] ocsp_update needs"):
        prepared(binary)


@contextmanager
def responder(stage: Stage, place: Path, root: Identity, *good: Identity) -> Iterator[None]:
    """In the namespace, as an authority in the tenant's network would be."""
    serials = [f"{each.certificate.serial_number:040X}" for each in good]
    # Each with a name of its own: the responder ends where two have the same.
    lines = [f"V\t401231000000Z\t\t{serial}\tunknown\t/CN={serial}\n" for serial in serials]
    (place / "index").write_text("".join(lines))
    (place / "root").write_bytes(root.pem + root.key_pem())
    words = ["ip", "netns", "exec", stage.namespace.name, "openssl", "ocsp", "-port", str(PORT), "-ndays", "1"]
    for option, name in (("-index", "index"), ("-CA", "root"), ("-rsigner", "root"), ("-rkey", "root")):
        words += [option, str(place / name)]
    with (place / "log").open("wb") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def status(stage: Stage, name: str) -> str:
    """What ``openssl s_client`` says of the staple for that name."""
    client = ["openssl", "s_client", "-connect", f"{VIP}:443", "-servername", name, "-status"]
    words = ["ip", "netns", "exec", stage.namespace.name, *client]
    ended = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    lines = [line.strip() for line in ended.stdout.splitlines() if "Cert Status" in line or "OCSP response: no" in line]
    return lines[0] if lines else ended.stdout + ended.stderr


def renews_staples() -> bool:
    binary = shutil.which("haproxy") or "/usr/sbin/haproxy"
    said = subprocess.run([binary, "-v"], capture_output=True, text=True, check=True).stdout
    return not said.startswith(("HAProxy version 2.6", "HAProxy version 2.7"))


def test_clients_get_a_staple_also_of_a_certificate_that_is_exchanged(tmp_path: Path) -> None:
    """HAProxy 2.6 refuses the list where it would have to renew one; without, there is none in any version."""
    now = datetime.now(UTC)
    root = make("A Root", authority=True, now=now)
    address = f"http://127.0.0.1:{PORT}"
    first, second, other = (
        make(f"{name}.example", root, names=(f"{name}.example",), now=now, responder=url)
        for name, url in (("www", address), ("www", address), ("other", None))
    )
    bundles = {each: each.pem + root.pem + each.key_pem() for each in (first, second, other)}
    tls = a_tls(
        certificate=a_certificate("www", bundles[first], stapling=True),
        sni=(a_certificate("other", bundles[other]),),
    )
    document = documented(tls)
    with Stage() as stage, responder(stage, tmp_path, root, first, second):
        stage.backend(1)
        put_files(stage, document, *bundles.values())
        stage.start(document)
        assert status(stage, "www.example") == "OCSP response: no response sent"
        stage.options = replace(stage.options, ocsp_update=True)
        put_files(stage, document, *bundles.values())
        if not renews_staples():
            with pytest.raises(Exception, match="ocsp-update"):
                stage.reload(document)
            return
        stage.reload(document)
        assert eventually(lambda: status(stage, "www.example") == "Cert Status: good")
        assert status(stage, "other.example") == "OCSP response: no response sent"
        fingerprint = SecretBytes(bundles[second]).fingerprint()
        slot = Slot(SlotKind.CERTIFICATE, f"{document.listeners[0].id}.default", fingerprint)
        stage.haproxy.change_slots(stage.id, [FillSlot(slot, comes=False)])
        assert eventually(lambda: status(stage, "www.example") == "Cert Status: good")
