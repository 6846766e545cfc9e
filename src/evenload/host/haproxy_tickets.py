"""The file with the keys of TLS session tickets, and their exchange by age.

Three keys: HAProxy decrypts by all of them and encrypts by the one before the last. With each exchange a new one comes
last and the first goes; so a ticket is good for the time between one and two exchanges at least, in a process that was
told of the exchange just now and in one that was started before, or by the file.
"""

import base64
import os
import time

import structlog

from evenload.host.files import StateFiles
from evenload.host.haproxy_runtime import Conversation
from evenload.host.refusal import refusal
from evenload.model.tickets import TICKETS

log = structlog.get_logger(__name__)

_KEYS = 3
_KEY_SIZE = 80
"""Bytes: AES-256, HMAC-SHA-256, and a name."""
_PERIOD = 8 * 3600
"""Seconds. HAProxy takes no ticket that is older than five minutes."""
_DONE = "TLS ticket key updated!"
_WITHOUT_FILE = "unable to locate referenced filename"


class Tickets:
    def __init__(self, files: StateFiles) -> None:
        self._files = files

    def are_due(self, load_balancer_id: str) -> bool:
        """Whether they are too old, or not there. Raises HostError where the file system refuses."""
        path = self._files.path(load_balancer_id, TICKETS)
        try:
            age = time.time() - path.stat().st_mtime
        except FileNotFoundError:
            return True
        except OSError as error:
            raise refusal(f"look at {path}", error) from error
        return not 0 <= age < _PERIOD

    def renew(self, load_balancer_id: str) -> str:
        """A new key comes, in the file; where there was no good one all are new. Returns the new key."""
        former = (self._files.read(load_balancer_id, TICKETS) or "").split()
        good = former if len(former) == _KEYS and all(map(_is_key, former)) else [_make_key() for _ in range(_KEYS)]
        new = _make_key()
        self._files.write(load_balancer_id, TICKETS, "".join(f"{key}\n" for key in (*good[1:], new)))
        return new

    def tell(self, load_balancer_id: str, conversation: Conversation, key: str) -> None:
        """The running process takes the new key, too. One that was started without the file goes on without it. Raises
        HostError where it does not answer."""
        answer = conversation.ask(f"set ssl tls-key {self._files.path(load_balancer_id, TICKETS)} {key}")
        if answer != _DONE:
            tell = log.debug if _WITHOUT_FILE in answer else log.info
            tell("HAProxy takes no key of tickets", load_balancer=load_balancer_id, reason=answer)


def _make_key() -> str:
    return base64.b64encode(os.urandom(_KEY_SIZE)).decode()


def _is_key(line: str) -> bool:
    try:
        return len(base64.b64decode(line, validate=True)) == _KEY_SIZE
    except ValueError:
        return False
