"""Secrets on the wire: the one message that holds their bytes. It is never kept, and never part of an error."""

import binascii
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_core import to_json

from evenload.model.secret import SecretBytes, SecretReference
from evenload.payloads.documents import UnknownContent


def pack_secrets(found: Mapping[str, SecretBytes]) -> bytes:
    """``found``: by fingerprint."""
    return to_json({"result": {name: b64encode(content.expose()).decode() for name, content in found.items()}})


def read_secrets(result: Any, wanted: Sequence[SecretReference]) -> dict[str, SecretBytes]:
    """By fingerprint. Raises UnknownContent where one is missing, or is not what its fingerprint says; it names the
    reference alone."""
    found = {}
    for reference in wanted:
        text = result.get(reference.fingerprint) if isinstance(result, dict) else None
        content = _decode(text)
        if content is None or content.fingerprint() != reference.fingerprint:
            raise UnknownContent(f"the secret {reference.id} is not the one that was asked for")
        found[reference.fingerprint] = content
    return found


def _decode(text: object) -> SecretBytes | None:
    if not isinstance(text, str):
        return None
    try:
        return SecretBytes(b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        return None
