"""What OpenSSL makes of lists of ciphers."""

import pytest

from evenload.host.ciphers import expand_ciphers
from evenload.model.ciphers import Signer


@pytest.mark.parametrize(
    ("ciphers", "signer"),
    [
        ("ECDHE-RSA-AES128-GCM-SHA256", Signer.RSA),
        ("ECDHE-ECDSA-AES128-GCM-SHA256", Signer.CURVE),
        ("RSA-PSK-AES128-GCM-SHA256", Signer.OTHER),  # also signed by RSA, which alone is not enough
        ("SRP-RSA-AES-128-CBC-SHA", Signer.OTHER),
    ],
)
def test_whose_key_shows_who_the_server_is(ciphers: str, signer: Signer) -> None:
    [found] = expand_ciphers(ciphers) or [None]
    assert found is not None
    assert (found.name, found.signer) == (ciphers, signer)
