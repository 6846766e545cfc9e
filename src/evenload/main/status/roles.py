"""The two roles of this host, looked at from outside: whether they run, since when, whether they answer.

Who listens on their sockets is the kernel's word. The server is asked for its list of API versions, which needs no
login; the agent for what it sees.
"""

import contextlib
import http.client
import os
from datetime import datetime
from typing import Any

from evenload.bus.looking import OutOfSight, find_listener, look_at
from evenload.host.glimpses import read_process
from evenload.host.privileges import Account
from evenload.main.run_path import look_path, server_path
from evenload.main.settings import Settings
from evenload.model.sight import Sight

Document = dict[str, Any]

PATIENCE = 3.0
"""Seconds."""
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def look_at_server(settings: Settings) -> Document:
    try:
        peer = find_listener(server_path(settings.run_path), PATIENCE)
    except OutOfSight as error:
        return _role("down", None, str(error))
    reason = ask_api(settings.serving.host, settings.serving.port)
    return _role("answers" if reason is None else "silent", peer.pid, reason)


def ask_api(host: str, port: int) -> str | None:
    """Why the API gives no answer; None where it does."""
    connection = http.client.HTTPConnection(_EVERYWHERE.get(host, host), port, timeout=PATIENCE)
    with contextlib.closing(connection):
        try:
            connection.request("GET", "/")
            status = connection.getresponse().status
        except TimeoutError:
            return f"no answer from port {port} of {host} within {PATIENCE:g} s"
        except (OSError, http.client.HTTPException) as error:
            return f"no answer from port {port} of {host}: {getattr(error, 'strerror', None) or error}"
    return None if status < 500 else f"port {port} of {host} answers with status {status}"


def look_at_agent(
    settings: Settings, account: Account | None, load_balancer_id: str | None
) -> tuple[Document, Sight | None]:
    """``account``: None where the caller is not root: then the agent may be of the same user."""
    users = {0} if account is not None else {0, os.getuid()}
    try:
        sight, pid = look_at(look_path(settings.run_path), users, load_balancer_id, PATIENCE)
    except OutOfSight as error:
        return _role("down" if error.pid is None else "silent", error.pid, str(error)) | _UNSEEN, None
    found = {"version": sight.version, "connected": sight.connected, "faults": dict(sight.faults)}
    return _role("answers", pid, None, sight.started_at) | found, sight


_UNSEEN: Document = {"version": None, "connected": None, "faults": {}}


def _role(state: str, pid: int | None, reason: str | None, since: datetime | None = None) -> Document:
    """``state``: answers, silent or down."""
    process = None if not pid else read_process(pid)
    begun = since or (None if process is None else process.since)
    return {
        "state": state,
        "pid": pid or None,
        "since": None if begun is None else begun.isoformat(),
        "memory_bytes": None if process is None else process.memory,
        "reason": reason,
    }
