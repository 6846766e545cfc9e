"""The directory of the sockets between server and agent: root's, and the server's user may pass through it."""

import os
from pathlib import Path

from evenload.host.privileges import Account
from evenload.model.errors import EvenloadError

SERVER_SOCKET = "server.sock"
AGENT_SOCKET = "agent.sock"
LOOK_SOCKET = "look.sock"


def ensure_run_path(path: Path, account: Account | None) -> None:
    """May be called by both roles at once. Raises EvenloadError."""
    try:
        path.mkdir(mode=0o750, parents=True, exist_ok=True)
        if account is not None:
            os.chown(path, 0, account.gid)
            path.chmod(0o750)
    except OSError as error:
        raise EvenloadError(f"cannot make the directory of the sockets {path}: {error.strerror}") from error


def server_path(run_path: Path) -> Path:
    return run_path / SERVER_SOCKET


def look_path(run_path: Path) -> Path:
    """Where an agent tells what it sees."""
    return run_path / LOOK_SOCKET


def hint_path(run_path: Path) -> Path:
    return run_path / AGENT_SOCKET
