"""What makes a server that of a later version: its documents have a field more for each listener on ``PORT``.

Imported by the server's interpreter at its start (``sitecustomize``); agent and supervisor stay those of this version.
"""

import sys
from collections.abc import Mapping
from typing import Any

PORT = 8443
FIELD = "tls_container"


def become_later() -> None:
    from pydantic_core import from_json, to_json

    from evenload.payloads import messages

    pack = messages.pack_answers

    def pack_later(answers: Mapping[str, Any]) -> bytes:
        packed = from_json(pack(answers))
        for answer in packed["result"].values():
            for listener in (answer["desired"] or {"listeners": []})["listeners"]:
                if listener["port"] == PORT:
                    listener[FIELD] = "of a later version"
        return to_json(packed)

    messages.pack_answers = pack_later


if "server" in sys.argv:
    become_later()
