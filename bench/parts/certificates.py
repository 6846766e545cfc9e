"""PUT of a listener's certificate to the first handshake that shows it, under a new connection each millisecond.

A failed handshake is one that was refused, reset, or took over 5 s. That nothing was reloaded is seen by the number of
the socket of the process that serves.
"""

import hashlib
import json
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench import handshakes
from bench.room import BACKENDS, Room
from bench.rows import Goal, Row, row
from bench.service import LBAAS, Service

CHANGES = 40
_PORT = 443


def measure(room: Room, service: Service) -> list[Row]:
    references = dict(_store(service, number) for number in range(CHANGES + 1))
    first, *others = references
    durations: list[float] = []
    with service.balancer("certificates", BACKENDS) as balancer:
        listener = _listen(service, balancer, references[first])
        link = service.state_directory(balancer["id"]) / "haproxy.sock"
        with _shaking(room, balancer["vip_address"]) as shaking:
            _await(shaking, first)
            before = link.readlink()
            for name in others:
                durations.append(_change(service, shaking, listener, name, references[name]))
                service.await_active([balancer["id"]])
            reloads = float(link.readlink() != before)
            assert shaking.stdin is not None
            shaking.stdin.close()
            counts = _read(shaking)
    return [
        row("certificates", "ms", durations[1:], Goal(p50=30)),  # the first one warms up
        row("certificates-reloads", "reloads", [reloads], Goal(p50=0, p95=0)),
        row("certificates-failed", "failed handshakes", [float(counts["failed"])], Goal(p50=0, p95=0)),
        row("certificates-handshakes", "handshakes", [float(counts["good"])]),
    ]


def _store(service: Service, number: int) -> tuple[str, str]:
    """The certificate's SHA-256, and where it lies."""
    with tempfile.TemporaryDirectory() as place:
        certificate, key = Path(place) / "certificate", Path(place) / "key"
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
                *("-days", "30", "-subj", f"/CN=number {number}", "-keyout", str(key), "-out", str(certificate)),
            ],
            check=True,
            capture_output=True,
        )
        text = certificate.read_text()
        body = {"payload": text + key.read_text(), "payload_content_type": "text/plain"}
    shown = hashlib.sha256(ssl.PEM_cert_to_DER_cert(text)).hexdigest()
    return shown, service.api.send("POST", "/v1/secrets", body)["secret_ref"]


def _listen(service: Service, balancer: dict[str, Any], reference: str) -> str:
    body = {
        "loadbalancer_id": balancer["id"],
        "protocol": "TERMINATED_HTTPS",
        "protocol_port": _PORT,
        "default_pool_id": balancer["pool_id"],
        "default_tls_container_ref": reference,
    }
    listener = service.api.send("POST", f"{LBAAS}/listeners", {"listener": body})["listener"]
    service.await_active([balancer["id"]])
    return str(listener["id"])


def _change(service: Service, shaking: subprocess.Popen[str], listener: str, name: str, reference: str) -> float:
    begun = time.monotonic_ns()
    service.api.send("PUT", f"{LBAAS}/listeners/{listener}", {"listener": {"default_tls_container_ref": reference}})
    return (_await(shaking, name) - begun) / 1e6


@contextmanager
def _shaking(room: Room, address: str) -> Iterator[subprocess.Popen[str]]:
    command = ["ip", "netns", "exec", room.client_namespace, sys.executable, "-S", handshakes.__file__]
    process = subprocess.Popen(
        [*command, address, str(_PORT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _await(shaking: subprocess.Popen[str], name: str) -> int:
    """When that certificate was shown first, CLOCK_MONOTONIC in nanoseconds."""
    while (seen := _read(shaking)).get("certificate") != name:
        continue
    return int(seen["at"])


def _read(shaking: subprocess.Popen[str]) -> dict[str, Any]:
    assert shaking.stdout is not None
    line = shaking.stdout.readline()
    if not line:
        raise RuntimeError("the process that makes handshakes has ended")
    found: dict[str, Any] = json.loads(line)
    return found
