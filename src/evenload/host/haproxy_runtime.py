"""HAProxy's runtime socket: one conversation, and what its tables say.

A worker that is finishing after a reload takes no new conversation, but goes on with one that was begun before: that
is how its last counters are read. It does not end while the conversation lasts.
"""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from evenload.host.refusal import refusal
from evenload.model.errors import HostError
from evenload.model.observed import ServerState
from evenload.model.secret import SecretBytes

LONGEST_PATH = 97
"""Characters: HAProxy binds a temporary name beside the socket's own before it moves it there."""

STATISTICS = "show stat -1 7 -1"
SERVER_STATISTICS = "show stat -1 4 -1"
PROXY_STATISTICS = "show stat -1 3 -1"
SERVERS = "show servers state"

LONGEST_COMMAND = 16_000
"""Bytes, with what belongs to it. HAProxy ends a conversation without a word where they do not go into one of its
buffers (tune.bufsize, 16 KiB)."""

_PROMPT = b"\n> "
_PROMPTS_OF_PAYLOAD = "+ "
"""One for each line of it."""
_MAINTENANCE = 0x01 | 0x02
"""Forced or inherited. 0x04, "disabled in the configuration", stays when the server is put into service."""
_CHECK_CONFIGURED = 0x02


class Finishing(HostError):
    """Nobody listens on the socket: the worker has handed its listeners over, or is gone."""


class Unreachable(HostError):
    """Somebody removed the socket. Its worker knows nothing of that: it serves on, and cannot be spoken to."""


class HungUp(HostError):
    """The other side has ended the conversation."""


class Conversation:
    """A connection to one worker, in its interactive mode: many commands, each with one answer.

    May be used by several threads; commands are sent one after the other. After an error it is of no more use.
    """

    def __init__(self, path: Path, timeout: float = 2.0) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # The kernel's own timeouts: Python's cost another system call for each word.
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            self._socket.setsockopt(socket.SOL_SOCKET, option, _interval(timeout))
        try:
            self._socket.connect(str(path))
        except ConnectionRefusedError as error:
            self._socket.close()
            raise Finishing(f"no HAProxy listens on {path}") from error
        except FileNotFoundError as error:
            self._socket.close()
            raise Unreachable(f"the socket {path} is gone") from error
        except OSError as error:
            self._socket.close()
            raise refusal(f"connect to HAProxy at {path}", error) from error
        try:
            self.ask("prompt")
        except HostError:
            self._socket.close()
            raise

    def ask(self, command: str, payload: SecretBytes | None = None) -> str:
        """The answer, stripped. ``payload``: lines that the command is about. Raises HostError where HAProxy does not
        answer to the end, and before anything is sent where the payload is too long for it."""
        with self._lock:
            self.send(command, payload)
            answer = self.receive(command)
            return answer if payload is None else answer.lstrip(_PROMPTS_OF_PAYLOAD)

    def send(self, command: str, payload: SecretBytes | None = None) -> None:
        """``receive`` takes the answer, and has to be called before anything else is asked. Not for several threads."""
        if not command.isprintable() or ";" in command:
            raise ValueError("a runtime command is one line and one command")
        data = command.encode() + b"\n"
        if payload is not None:
            # An empty line ends it.
            lines = [line for line in payload.expose().splitlines() if line.strip()]
            data = b"\n".join([command.encode() + b" <<", *lines, b"", b""])
            if len(data) > LONGEST_COMMAND:
                raise HostError(f"{len(data)} bytes are too many for HAProxy to take at once: {_first_word(command)}")
        with self._translated(command):
            self._socket.sendall(data)

    def receive(self, command: str) -> str:
        answer = bytearray()
        with self._translated(command):
            while not answer.endswith(_PROMPT):
                part = self._socket.recv(65536)
                if not part:
                    raise HungUp(f"HAProxy at {self._path} ended the conversation at {_first_word(command)}")
                answer += part
        return answer[: -len(_PROMPT)].decode(errors="replace").strip()

    @contextmanager
    def _translated(self, command: str) -> Iterator[None]:
        try:
            yield
        except BlockingIOError as error:
            raise HostError(f"HAProxy at {self._path} does not answer to {_first_word(command)}") from error
        except (BrokenPipeError, ConnectionResetError) as error:
            raise HungUp(f"HAProxy at {self._path} ended the conversation at {_first_word(command)}") from error
        except OSError as error:
            raise refusal(f"ask HAProxy at {self._path} to {_first_word(command)}", error) from error

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> "Conversation":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def parse_servers(answer: str) -> dict[tuple[str, str], ServerState]:
    """The rows of ``show servers state`` by (backend, server). Raises ValueError where it is no such table.

    ``up`` is None where HAProxy makes no check and was not told that the server is down.
    """
    found: dict[tuple[str, str], ServerState] = {}
    fields: list[str] = []
    for line in answer.splitlines():
        if line.startswith("#"):
            fields = line.split()[1:]
        elif fields and line:
            row = dict(zip(fields, line.split(), strict=True))
            try:
                found[row["be_name"], row["srv_name"]] = _server(row)
            except KeyError as error:
                raise ValueError("not a table of servers") from error
    if not fields:
        raise ValueError("not a table of servers")
    return found


def _server(row: dict[str, str]) -> ServerState:
    maintenance = bool(int(row["srv_admin_state"]) & _MAINTENANCE)
    checked = bool(int(row["srv_check_state"]) & _CHECK_CONFIGURED)
    running = row["srv_op_state"] != "0"
    return ServerState(
        address=row["srv_addr"],
        port=int(row["srv_port"]),
        weight=int(row["srv_uweight"]),
        maintenance=maintenance,
        up=running if checked or not (running or maintenance) else None,
        tls=row["srv_use_ssl"] == "1",
    )


def _interval(seconds: float) -> bytes:
    """As the kernel's ``timeval``."""
    return struct.pack("ll", int(seconds), int(seconds % 1 * 1_000_000))


def _first_word(command: str) -> str:
    """For messages: a command may hold what is nobody's business."""
    return " ".join(command.split()[:2])
