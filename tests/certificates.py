"""Certificates for tests, made by the tool openssl: self-signed, with a key of an elliptic curve."""

import subprocess
import tempfile
from pathlib import Path


def make_bundle(*names: str, common_name: str | None = None, rsa: bool = False) -> bytes:
    """Certificate and key in PEM, for DNS ``names``; the subject is the first of them unless it is said."""
    with tempfile.TemporaryDirectory() as place:
        certificate, key = Path(place) / "certificate", Path(place) / "key"
        key_words = ["rsa:2048"] if rsa else ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        words = ["req", "-x509", "-newkey", *key_words, "-nodes", "-days", "30"]
        alternatives = ",".join(f"DNS:{name}" for name in names)
        subject = f"/CN={common_name or names[0]}"
        subprocess.run(
            [
                *("openssl", *words, "-subj", subject, "-addext", f"subjectAltName={alternatives}"),
                *("-keyout", str(key), "-out", str(certificate)),
            ],
            check=True,
            capture_output=True,
        )
        return certificate.read_bytes() + key.read_bytes()
