"""A text as versions before slots wrote it, for processes that work by such a one: they go on with it. Pure.

The list of a listener's certificates and the certificates in it were files named by content, without any slot, and the
keys of session tickets the process's own.
"""

import re
from hashlib import sha256

from evenload.model.named_file import DIRECTORY
from evenload.model.slot import SLOTS, SlotKind, read_slot
from evenload.model.tickets import TICKETS

_TICKETS = re.compile(rf" tls-ticket-keys /\S*/{re.escape(TICKETS)}")
_CERTIFICATES = (SlotKind.CERTIFICATE, SlotKind.LISTED_CERTIFICATE)
_LIST = re.compile(rf" crt-list (/\S*)/{SLOTS}/\S+")


def former_text(text: str) -> str:
    """Equal to ``text`` where it has no slot."""
    sections = text.split("\n\n")
    return "\n\n".join(_former_section(each) for each in sections) if f" {SLOTS}/" in text else text


def _former_section(section: str) -> str:
    lines, fingerprints = [], []
    for line in section.split("\n"):
        slot = read_slot(line)
        if slot is None:
            lines.append(line)
        elif slot.kind in _CERTIFICATES:
            fingerprints.append(slot.fingerprint)
    lines = [_TICKETS.sub("", line) for line in lines]
    return _LIST.sub(lambda found: f" crt-list {_list_path(found[1], fingerprints)}", "\n".join(lines))


def _list_path(directory: str, fingerprints: list[str]) -> str:
    content = "".join(f"{directory}/{DIRECTORY}/{each}\n" for each in fingerprints)
    return f"{directory}/{DIRECTORY}/{sha256(content.encode()).hexdigest()}"
