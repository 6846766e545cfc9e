"""Changes of slots (model/slot.py) in a running HAProxy: one dialog for each kind, judged by the answers.

HAProxy keeps what is sent to it in a transaction, one at a time for all certificates, until that is committed; one that
an agent left open when it was killed is found by the answer, and ended. An answer about another certificate than ours
means that our content went into that one's transaction.
"""

import re
from collections.abc import Callable

from evenload.host.haproxy_runtime import Conversation
from evenload.model.errors import HostError
from evenload.model.secret import SecretBytes
from evenload.model.slot import ClearSlot, FillSlot, Slot, SlotChange, SlotKind, list_of

_OPEN = re.compile(r"Transaction (?:created|updated) for certificate (\S+)!")
_OTHER = re.compile(r"The ongoing transaction is about '(\S+)' but")
_THERE = "already exists!"
_NOT_THERE = ("doesn't exist!", "does not exist!", "can't be found in crt-list")
_ENDING = "Success!"
_USED = "Status: Used"


class SlotTalk:
    """``path``: where a slot lies, by name; ``content``: of the file of a fingerprint. For one load balancer and
    the process that serves it."""

    def __init__(
        self, conversation: Conversation, path: Callable[[str], str], content: Callable[[str], SecretBytes]
    ) -> None:
        self._conversation = conversation
        self._path = path
        self._content = content

    def change(self, change: SlotChange) -> None:
        """Raises HostError where HAProxy does otherwise than it is told."""
        match change:
            case FillSlot(slot) if slot.kind in (SlotKind.CERTIFICATE, SlotKind.LISTED_CERTIFICATE):
                self._fill_certificate(slot, comes=change.comes)
            case ClearSlot(Slot(SlotKind.LISTED_CERTIFICATE, name, _)):
                self._clear_certificate(self._path(name), self._path(list_of(name)))
            case _:
                raise HostError(f"HAProxy reads {change.slot.name} when it starts alone")

    def _fill_certificate(self, slot: Slot, *, comes: bool) -> None:
        path, content = self._path(slot.name), self._content(slot.fingerprint)
        if comes:
            self._expect(f"new ssl cert {path}", "New empty certificate store", _THERE)
        self._replace(path, content)
        if comes and _USED not in self._conversation.ask(f"show ssl cert {path}"):
            self._expect(f"add ssl crt-list {self._path(list_of(slot.name))} {path}", _ENDING)

    def _replace(self, path: str, content: SecretBytes) -> None:
        command = f"set ssl cert {path}"
        answer = self._conversation.ask(command, content)
        stale = _other(answer, path)
        if stale is not None:
            self._conversation.ask(f"abort ssl cert {stale}")
            answer = self._conversation.ask(command, content)
        opened = _OPEN.search(answer)
        if opened is None or opened[1] != path:
            raise _refusal(command, answer)
        commit = f"commit ssl cert {path}"
        answer = self._conversation.ask(commit)
        if not answer.endswith(_ENDING):
            self._conversation.ask(f"abort ssl cert {path}")
            raise _refusal(commit, answer)

    def _clear_certificate(self, path: str, certificates: str) -> None:
        self._expect(f"del ssl crt-list {certificates} {path}", "deleted in crtlist", *_NOT_THERE)
        command = f"del ssl cert {path}"
        answer = self._conversation.ask(command)
        if "ongoing transaction" in answer:
            self._conversation.ask(f"abort ssl cert {path}")
            answer = self._conversation.ask(command)
        if not any(word in answer for word in ("deleted!", *_NOT_THERE)):
            raise _refusal(command, answer)

    def _expect(self, command: str, *good: str) -> None:
        answer = self._conversation.ask(command)
        if not any(word in answer for word in good):
            raise _refusal(command, answer)


def _other(answer: str, path: str) -> str | None:
    """The path of another certificate that the open transaction is about."""
    found = _OPEN.search(answer) or _OTHER.search(answer)
    return None if found is None or found[1] == path else found[1]


def _refusal(command: str, answer: str) -> HostError:
    return HostError(f"HAProxy refuses “{command}”: {' '.join(answer.split())}")
