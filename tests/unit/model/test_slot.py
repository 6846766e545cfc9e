"""Slots as lines of a text."""

import pytest

from evenload.model.named_file import names_in
from evenload.model.slot import UNKNOWN, ClearSlot, FillSlot, Slot, SlotKind, list_of, read_slot, slots_in, unsettled

LIST = Slot(SlotKind.CERTIFICATE_LIST, "web.list", "1" * 64)
DEFAULT = Slot(SlotKind.CERTIFICATE, "web.default", "2" * 64)
LISTED = Slot(SlotKind.LISTED_CERTIFICATE, "web.certificate-a", "3" * 64)
TEXT = f"frontend web\n    bind :443\n{LIST.line}\n{DEFAULT.line}\n\nbackend x\n"


@pytest.mark.parametrize("kind", SlotKind)
def test_a_line_is_read_as_it_was_written_and_names_the_file(kind: SlotKind) -> None:
    slot = Slot(kind, "web.what-ever", "4" * 64)
    assert read_slot(slot.line) == slot
    assert names_in(slot.line) == {slot.fingerprint}


@pytest.mark.parametrize("line", ["", "# slot", "    maxconn 1", "    #slot certificate slots/a"])
def test_other_lines_are_none(line: str) -> None:
    assert read_slot(line) is None


@pytest.mark.parametrize("line", [LIST.line[:-1], LIST.line + " ", LIST.line.replace("certificate-list", "picture")])
def test_what_nobody_wrote_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"not a slot|not a valid SlotKind"):
        read_slot(line)


def test_of_what_is_being_changed_nothing_is_known() -> None:
    changes = [FillSlot(Slot(DEFAULT.kind, DEFAULT.name, "5" * 64), comes=False), FillSlot(LISTED, comes=True)]
    found = slots_in(unsettled(TEXT, changes))
    assert found[LIST.name] == LIST
    assert found[DEFAULT.name] == Slot(DEFAULT.kind, DEFAULT.name, UNKNOWN)
    assert found[LISTED.name] == Slot(LISTED.kind, LISTED.name, UNKNOWN)
    assert [slot.known for slot in found.values()] == [True, False, False]
    gone = slots_in(unsettled(TEXT, [ClearSlot(DEFAULT)]))
    assert list(gone) == [LIST.name, DEFAULT.name]
    assert not gone[DEFAULT.name].known
    assert [unsettled(text, []) for text in (TEXT, "not ours")] == [TEXT, "not ours"]
    foreign = f"{TEXT}{LISTED.line.replace('listed', 'lost')}\n"
    assert slots_in(foreign) == slots_in(TEXT)


def test_a_listed_certificate_has_its_list() -> None:
    assert list_of(LISTED.name) == LIST.name
