"""Changes of slots (model/slot.py) in a running HAProxy: one dialog for each kind, judged by the answers.

HAProxy keeps what is sent to it in a transaction, one at a time for all certificates, for all authorities and for all
lists of what these have taken back, until that is committed; one that
an agent left open when it was killed is found by the answer, and ended. An answer about another certificate than ours
means that our content went into that one's transaction.
"""

import base64
import random
import re
from collections.abc import Callable, Iterator
from hashlib import sha1

from evenload.host.haproxy_runtime import LONGEST_COMMAND, Conversation
from evenload.model.errors import HostError
from evenload.model.secret import SecretBytes
from evenload.model.slot import ClearSlot, FillSlot, Slot, SlotChange, SlotKind, list_of, slots_in

_CERTIFICATES = (SlotKind.CERTIFICATE, SlotKind.LISTED_CERTIFICATE)
_WORDS = {SlotKind.AUTHORITIES: "ca-file", SlotKind.REVOCATIONS: "crl-file"}
_VERSION = re.compile(r"New version created: ([0-9]+)")
_BYTES_OF_A_MAP = LONGEST_COMMAND * 3 // 4
"""In one command, beside the command itself."""
_OPEN = re.compile(r"[Tt]ransaction (?:created|updated) for (?:certificate|CA|CRL) (\S+)!")
_OTHER = re.compile(r"The ongoing transaction is about '(\S+)' but")
_THERE = "already exists!"
_NOT_THERE = ("doesn't exist!", "does not exist!", "can't be found in crt-list")
_ENDING = "Success!"
_USED = "Status: Used"
_SHA1 = re.compile(r"^SHA1 FingerPrint: ([0-9A-F]{40})$", re.MULTILINE)
_FIRST = re.compile(rb"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)
_LOOKED_AT = 32
"""Certificates in one look: five milliseconds."""


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
            case FillSlot(slot) if slot.kind in _CERTIFICATES:
                self._fill_certificate(slot, comes=change.comes)
            case FillSlot(slot) if slot.kind in _WORDS:
                self._replace(self._path(slot.name), self._content(slot.fingerprint), _WORDS[slot.kind])
            case FillSlot(slot) if slot.kind is SlotKind.MAP:
                self._fill_map(slot)
            case ClearSlot(Slot(SlotKind.LISTED_CERTIFICATE, name, _)):
                self._clear_certificate(self._path(name), self._path(list_of(name)))
            case _:
                raise HostError(f"HAProxy reads {change.slot.name} when it starts alone")

    def find_strayed(self, text: str) -> tuple[SlotChange, ...]:
        """What brings back those certificates that the process has otherwise than its text says, because somebody else
        has exchanged them. Some of many, by chance, so that the look stays a short one. Nothing of a process that was
        started by files without slots. Raises HostError where it does not answer."""
        slots = slots_in(text).values()
        lists = {slot.name for slot in slots if slot.kind is SlotKind.CERTIFICATE_LIST}
        if not lists:
            return ()
        there = set(self._conversation.ask("show ssl crt-list").split())
        known = {name.partition(".")[0] for name in lists if self._path(name) in there}
        looked_at = [
            slot for slot in slots if slot.known and slot.kind in _CERTIFICATES and slot.name.partition(".")[0] in known
        ]
        looked_at = random.sample(looked_at, min(len(looked_at), _LOOKED_AT))
        strayed = [slot for slot in looked_at if not self._is_as_recorded(slot)]
        return tuple(FillSlot(slot, comes=slot.kind is SlotKind.LISTED_CERTIFICATE) for slot in strayed)

    def _is_as_recorded(self, slot: Slot) -> bool:
        try:
            content = self._content(slot.fingerprint)
        except HostError:
            return True  # the plan sees that it is gone
        answer = self._conversation.ask(f"show ssl cert {self._path(slot.name)}")
        found = _SHA1.search(answer)
        return found is not None and _USED in answer and found[1].lower() == _sha1_of(content)

    def _fill_certificate(self, slot: Slot, *, comes: bool) -> None:
        path, content = self._path(slot.name), self._content(slot.fingerprint)
        if comes:
            self._expect(f"new ssl cert {path}", "New empty certificate store", _THERE)
        self._replace(path, content)
        if comes and _USED not in self._conversation.ask(f"show ssl cert {path}"):
            self._expect(f"add ssl crt-list {self._path(list_of(slot.name))} {path}", _ENDING)

    def _replace(self, path: str, content: SecretBytes, word: str = "cert") -> None:
        """``word``: what HAProxy calls its kind."""
        command = f"set ssl {word} {path}"
        answer = self._conversation.ask(command, content)
        stale = _other(answer, path)
        if stale is not None:
            self._conversation.ask(f"abort ssl {word} {stale}")
            answer = self._conversation.ask(command, content)
        opened = _OPEN.search(answer)
        if opened is None or opened[1] != path:
            raise _refusal(command, answer)
        commit = f"commit ssl {word} {path}"
        answer = self._conversation.ask(commit)
        if not answer.endswith(_ENDING):
            self._conversation.ask(f"abort ssl {word} {path}")
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

    def _fill_map(self, slot: Slot) -> None:
        """Requests find the former lines until the new ones are there as a whole. A version that an agent left half
        written when it was killed goes with the next one."""
        path = self._path(slot.name)
        prepare = f"prepare map {path}"
        answer = self._conversation.ask(prepare)
        found = _VERSION.fullmatch(answer)
        if found is None:
            raise _refusal(prepare, answer)
        for lines in _portions(self._content(slot.fingerprint)):
            self._order(f"add map @{found[1]} {path}", lines)
        self._order(f"commit map @{found[1]} {path}")

    def _order(self, command: str, payload: SecretBytes | None = None) -> None:
        answer = self._conversation.ask(command, payload)
        if answer:
            raise _refusal(command, answer)

    def _expect(self, command: str, *good: str) -> None:
        answer = self._conversation.ask(command)
        if not any(word in answer for word in good):
            raise _refusal(command, answer)


def _portions(content: SecretBytes) -> Iterator[SecretBytes]:
    """The lines of it, as many at once as a command takes."""
    lines: list[bytes] = []
    size = 0
    for line in content.expose().splitlines(keepends=True):
        if lines and size + len(line) > _BYTES_OF_A_MAP:
            yield SecretBytes(b"".join(lines))
            lines, size = [], 0
        lines.append(line)
        size += len(line)
    if lines:
        yield SecretBytes(b"".join(lines))


def _other(answer: str, path: str) -> str | None:
    """The path of another certificate that the open transaction is about."""
    found = _OPEN.search(answer) or _OTHER.search(answer)
    return None if found is None or found[1] == path else found[1]


def _sha1_of(content: SecretBytes) -> str:
    """Of the first certificate in it, as HAProxy shows it."""
    found = _FIRST.search(content.expose())
    return sha1(base64.b64decode(found[1]) if found else b"").hexdigest()


def _refusal(command: str, answer: str) -> HostError:
    return HostError(f"HAProxy refuses “{command}”: {' '.join(answer.split())}")
