"""Files whose content changes while a process works by them: certificates, who judges those of clients, lists, maps.

A slot is a stable path, ``slots/<name>`` in the state directory: a link to the file that has the content, which is
named by its fingerprint as any other. A configuration text names slots where content may change at run time, and has
one comment line for each that says what is in it; so the text stays the whole record of what a process works by. What
the link leads to matters when a process starts.
"""

import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import Enum

from evenload.model.named_file import DIRECTORY

SLOTS = "slots"
UNKNOWN = "0" * 64
"""In the place of a fingerprint: a change was begun, and nobody lived to record how it ended."""

_BEGINNING = "    # slot "
_LINE = re.compile(rf"    # slot ([a-z-]+) {SLOTS}/(\S+) -> \.\./{DIRECTORY}/([0-9a-f]{{64}})")


class SlotKind(Enum):
    """What HAProxy takes its content for."""

    CERTIFICATE = "certificate"
    """With chain and key; there as long as what names it in the text is."""
    LISTED_CERTIFICATE = "listed-certificate"
    """The same; it comes to the list of its listener and goes from there at run time."""
    CERTIFICATE_LIST = "certificate-list"
    """HAProxy reads it at the start alone. What changes of it later are the certificates listed."""
    AUTHORITIES = "authorities"
    """That sign the certificates of clients; there as long as what names it in the text is."""
    REVOCATIONS = "revocations"
    """What these have taken back."""
    MAP = "map"
    """Lines of a name and a value; they change all at once."""


@dataclass(frozen=True, slots=True)
class Slot:
    """``name``: ``<id of what has it>.<what it is>``. ``fingerprint``: of the content."""

    kind: SlotKind
    name: str
    fingerprint: str

    @property
    def known(self) -> bool:
        return self.fingerprint != UNKNOWN

    @property
    def line(self) -> str:
        return f"{_BEGINNING}{self.kind.value} {SLOTS}/{self.name} -> ../{DIRECTORY}/{self.fingerprint}"


@dataclass(frozen=True, slots=True)
class FillSlot:
    """The process is to work by this content. ``comes``: whether the process may be without the slot."""

    slot: Slot
    comes: bool


@dataclass(frozen=True, slots=True)
class ClearSlot:
    """The process is to do without it; it may be without it."""

    slot: Slot


SlotChange = FillSlot | ClearSlot


def owner_of(name: str) -> str:
    """What has the slot of that name."""
    return name.partition(".")[0]


def list_of(name: str) -> str:
    """The name of the slot with the list that a listed certificate's slot belongs to."""
    return f"{owner_of(name)}.list"


def read_slot(line: str) -> Slot | None:
    """None where the line is about none. Raises ValueError for a line that no version of ours has written."""
    if not line.startswith(_BEGINNING):
        return None
    found = _LINE.fullmatch(line)
    if found is None:
        raise ValueError("not a slot")
    return Slot(SlotKind(found[1]), found[2], found[3])


def slots_in(text: str) -> dict[str, Slot]:
    """The slots that a configuration text has, by name; lines that no version of ours has written have none."""
    found: dict[str, Slot] = {}
    if _BEGINNING in text:
        for line in text.splitlines():
            with suppress(ValueError):
                slot = read_slot(line)
                if slot is not None:
                    found[slot.name] = slot
    return found


def unsettled(text: str, changes: Collection[SlotChange]) -> str:
    """The text as it is while these changes are made: of their slots nothing is known. Those that come stand at the
    end of it already. Raises ValueError as ``read_slot``."""
    if not changes:
        return text
    changed = {change.slot.name: replace(change.slot, fingerprint=UNKNOWN) for change in changes}
    lines: list[str] = []
    for line in text.removesuffix("\n").split("\n"):
        slot = read_slot(line)
        lines.append(line if slot is None else changed.pop(slot.name, slot).line)
    return "\n".join([*lines, *(slot.line for slot in changed.values()), ""])


def links_of(slots: Mapping[str, Slot]) -> dict[str, str]:
    """Fingerprints by name."""
    return {name: slot.fingerprint for name, slot in slots.items()}
