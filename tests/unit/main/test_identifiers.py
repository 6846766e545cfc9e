"""Identifiers are random UUIDs, made in any number without asking the kernel for each."""

import os
import uuid

import pytest

from evenload.main.identifiers import Identifiers


def test_each_is_another_random_uuid() -> None:
    new_id = Identifiers()
    made = [new_id() for _ in range(1000)]
    assert len(set(made)) == 1000
    assert all(uuid.UUID(each).version == 4 and str(uuid.UUID(each)) == each for each in made)


def test_the_kernel_is_asked_for_many_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """While one thread makes thousands of records, the others must get the interpreter."""
    asked: list[int] = []
    urandom = os.urandom

    def noted(size: int) -> bytes:
        asked.append(size)
        return urandom(size)

    monkeypatch.setattr(os, "urandom", noted)
    new_id = Identifiers()
    for _ in range(1000):
        new_id()
    assert len(asked) == 4


def test_a_process_that_is_forked_off_makes_others() -> None:
    new_id = Identifiers()
    new_id()
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.write(writing, "".join(new_id() for _ in range(10)).encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        others = pipe.read()
    assert len(others) == 360
    assert all(new_id() not in others for _ in range(10))
