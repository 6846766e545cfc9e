"""A secret shows itself to nobody who does not ask for it by name."""

import json
import pickle
import traceback

import pytest
import structlog
from pydantic import TypeAdapter

from evenload.agent.actions import Plan, WriteFiles
from evenload.model.desired import Change
from evenload.model.named_file import NamedFile, names_in
from evenload.model.observed import Observed
from evenload.model.secret import SecretBytes

WORDS = "BEGIN PRIVATE KEY"
SECRET = SecretBytes(WORDS.encode())
FILE = NamedFile(SECRET)
PLAN = Plan(
    load_balancer_id="x",
    actions=(WriteFiles((FILE,)),),
    change=Change.FILE,
    after=Observed(load_balancer_id="x"),
)


@pytest.mark.parametrize("holder", [SECRET, FILE, PLAN])
def test_it_is_not_printed(holder: object) -> None:
    for text in (repr(holder), str(holder), f"{holder}", f"{holder!r:>80}", "%s" % holder, repr([holder])):  # noqa: UP031
        assert WORDS not in text
        assert "redacted" in text


def test_it_is_not_logged() -> None:
    with structlog.testing.capture_logs() as logged:
        structlog.get_logger().info("a plan", plan=PLAN)
    rendered = structlog.processors.JSONRenderer(default=repr)(None, "info", dict(logged[0]))
    assert WORDS not in str(rendered)


def test_it_is_not_in_an_error() -> None:
    with pytest.raises(ValueError, match="redacted") as raised:
        raise ValueError(FILE)
    assert WORDS not in "".join(traceback.format_exception(raised.value))


def test_it_cannot_be_written_down() -> None:
    with pytest.raises(TypeError):
        pickle.dumps(SECRET)
    with pytest.raises(TypeError):
        json.dumps({"key": SECRET})
    with pytest.raises(Exception, match="SecretBytes"):
        TypeAdapter(NamedFile).dump_json(FILE)


def test_equal_content_is_the_same_file_and_other_content_another_name() -> None:
    assert NamedFile(SecretBytes(WORDS.encode())) == FILE
    assert {FILE, NamedFile(SecretBytes(WORDS.encode()))} == {FILE}
    assert NamedFile(SecretBytes(b"other")).name != FILE.name
    assert FILE.content.expose() == WORDS.encode()


def test_a_text_names_files_by_their_place() -> None:
    text = f"bind :443 ssl crt /var/lib/x/files/{FILE.name} ca-file /y/files/{'a' * 64}\n # {'b' * 64}"
    assert names_in(text) == {FILE.name, "a" * 64}
    assert names_in("bind :80") == frozenset()
