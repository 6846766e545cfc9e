"""What makes a server that of a later version: its documents have a field more for each listener on ``PORT``.

Imported by the server's interpreter at its start (``sitecustomize``); agent and supervisor stay those of this version.
"""

import sys
from typing import Any

PORT = 8443
FIELD = "tls_container"


def become_later() -> None:
    from pydantic_core import from_json, to_json

    from evenload.payloads import messages as imported

    messages: Any = imported
    dump = messages.dump_desired

    def dump_later(desired: Any) -> bytes:
        """For answers and for hints."""
        packed = from_json(dump(desired))
        for listener in packed["listeners"]:
            if listener["port"] == PORT:
                listener[FIELD] = "of a later version"
        return bytes(to_json(packed))

    messages.dump_desired = dump_later


if "server" in sys.argv:
    become_later()
