"""Certificates exchanged in a running HAProxy: what it answers, what clients get, what others left behind."""

from collections.abc import Iterator

import pytest
from tests.certificates import make_bundle
from tests.fakes.tls import a_tls
from tests.root.haproxy_stage import Stage
from tests.root.test_tls import bundle, certificate_for, der, documented, named, serve

from evenload.host.haproxy_runtime import LONGEST_COMMAND, Conversation
from evenload.model.errors import HostError
from evenload.model.named_file import NamedFile
from evenload.model.secret import SecretBytes
from evenload.model.slot import ClearSlot, FillSlot, Slot, SlotKind, slots_in

pytestmark = pytest.mark.root

DEFAULT, LISTED = "secure443.default", "secure443.certificate-shop.example"


@pytest.fixture
def stage() -> Iterator[Stage]:
    with Stage() as stage:
        stage.backend(1)
        document = documented(a_tls(certificate=named("www.example"), sni=(named("shop.example"),)))
        serve(stage, document, bundle("www.example"), bundle("shop.example"))
        yield stage


def change(stage: Stage, name: str, content: bytes, *, comes: bool = False) -> None:
    file = NamedFile(SecretBytes(content))
    stage.files.write_named(stage.id, file)
    kind = SlotKind.CERTIFICATE if name == DEFAULT else SlotKind.LISTED_CERTIFICATE
    stage.haproxy.change_slots(stage.id, [FillSlot(Slot(kind, name, file.name), comes=comes)])


def clear(stage: Stage, name: str) -> None:
    stage.haproxy.change_slots(stage.id, [ClearSlot(slots_in(stage.text)[name])])


def foul(stage: Stage, name: str, content: bytes) -> None:
    """Opens a transaction and leaves it."""
    with Conversation(stage.files.path(stage.id, "haproxy.sock")) as conversation:
        answer = conversation.ask(f"set ssl cert {stage.files.slot(stage.id, name)}", SecretBytes(content))
    assert "Transaction created" in answer


@pytest.mark.parametrize("name", [DEFAULT, LISTED])
def test_a_transaction_that_somebody_left_open_harms_nobody(stage: Stage, name: str) -> None:
    first, second = make_bundle("www.example"), make_bundle("shop.example")
    for fouled in (DEFAULT, LISTED):
        foul(stage, fouled, make_bundle("foreign.example"))
        change(stage, name, first if name == DEFAULT else second)
        assert certificate_for(stage, "www.example") == der(first if name == DEFAULT else bundle("www.example"))
        assert certificate_for(stage, "shop.example") == der(second if name == LISTED else bundle("shop.example"))
    foul(stage, LISTED, make_bundle("foreign.example"))
    clear(stage, LISTED)
    assert certificate_for(stage, "shop.example") == der(first if name == DEFAULT else bundle("www.example"))


def test_one_that_comes_and_goes_may_do_so_again_and_again(stage: Stage) -> None:
    for _ in range(2):
        for _ in range(2):
            clear(stage, LISTED)
            assert certificate_for(stage, "shop.example") == der(bundle("www.example"))
        for _ in range(2):
            change(stage, LISTED, bundle("shop.example"), comes=True)
            assert certificate_for(stage, "shop.example") == der(bundle("shop.example"))
    lists = stage.ask(f"show ssl crt-list {stage.files.slot(stage.id, 'secure443.list')}")
    assert lists.count(LISTED) == 1


def test_a_key_that_does_not_fit_is_refused_and_leaves_nothing_open(stage: Stage) -> None:
    certificate = bundle("www.example").partition(b"-----BEGIN PRIVATE KEY")[0]
    key = b"".join(bundle("shop.example").partition(b"-----BEGIN PRIVATE KEY")[1:])
    for content, reason in ((certificate + key, "inconsistencies between private key and certificate"), (b"x\n", "")):
        with pytest.raises(HostError, match=f"HAProxy refuses.*{reason}") as failure:
            change(stage, DEFAULT, content)
        assert "PRIVATE" not in str(failure.value)
        assert certificate_for(stage, "www.example") == der(bundle("www.example"))
    answer = stage.ask(f"abort ssl cert {stage.files.slot(stage.id, DEFAULT)}")
    assert answer == "No ongoing transaction!"


def test_what_is_too_long_for_one_command_is_refused_before_it_is_sent(stage: Stage) -> None:
    padding = b"#" + b"x" * 62 + b"\n"
    content = bundle("www.example")
    room = LONGEST_COMMAND - len(content) - len(str(stage.files.slot(stage.id, DEFAULT))) - 100
    change(stage, DEFAULT, content + padding * (room // len(padding)))
    with pytest.raises(HostError, match="too many for HAProxy to take at once"):
        change(stage, DEFAULT, content + padding * (LONGEST_COMMAND // len(padding)))
    assert certificate_for(stage, "www.example") == der(content)
