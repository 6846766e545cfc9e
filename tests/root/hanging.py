"""A HAProxy that hangs: it lives, takes connections, and does nothing. Stopping it would not do, since the agent lets
a stopped one go on."""

import socket
from pathlib import Path

from tests.waiting import NET, eventually


def hang(path: Path) -> socket.socket:
    """``path``: of its runtime socket. The conversation is to be closed."""
    conversation = socket.socket(socket.AF_UNIX)
    conversation.connect(str(path))
    conversation.settimeout(NET)
    conversation.sendall(b"prompt\nexpert-mode on\n")
    while not conversation.recv(4096).endswith(b"\n> "):
        pass
    conversation.sendall(b"debug dev delay 600000\n")
    assert eventually(lambda: not _answers(path))  # the command has been begun then
    return conversation


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(0.2)
        probe.connect(str(path))
        probe.sendall(b"prompt\n")
        try:
            return bool(probe.recv(1))
        except TimeoutError:
            return False
