"""Databases that are not there: whether a start would make them."""

import os
from pathlib import Path

import pytest

from evenload.main.as_user import ask_as
from evenload.main.existing_database import require_file
from evenload.main.settings import Settings, read_settings
from evenload.model.errors import EvenloadError

STRANGER = 12345


def make_settings(tmp_path: Path, connection: str = "") -> Settings:
    config = tmp_path / "evenload.conf"
    more = f"[database]\nconnection = {connection}\n" if connection else ""
    config.write_text(f"[DEFAULT]\nstate_path = {tmp_path}/state\n{more}")
    return read_settings(["--config-file", str(config)])


def ask_as_stranger(settings: Settings) -> str:
    """What is said to a user who may write nowhere here, and has no name where the tests are root's."""

    def look() -> None:
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(STRANGER)
            os.setuid(STRANGER)
        require_file(settings)

    with pytest.raises(EvenloadError) as told:
        ask_as(None, look)
    return str(told.value)


@pytest.mark.parametrize("missing", ["it", "the directory"])
def test_where_a_start_could_make_none_that_is_said(tmp_path: Path, missing: str) -> None:
    place = tmp_path / "locked"
    place.mkdir()
    for directory in (tmp_path, *tmp_path.parents[:3]):  # pytest's own, one more with several workers
        if not directory.stat().st_mode & 0o001:
            directory.chmod(directory.stat().st_mode | 0o011)
    place.chmod(0o555)
    file = place / "evenload.sqlite" if missing == "it" else place / "no" / "such" / "evenload.sqlite"
    settings = make_settings(tmp_path, f"sqlite:///{file}")
    said = ask_as_stranger(settings)
    named = missing if missing == "it" else f"the directory {file.parent}"
    assert said.startswith(f"there is no database yet at {file}, and the user ")
    assert said.endswith(f" may not make {named} in {place}")
    if os.geteuid() == 0:
        assert f"the user {STRANGER} " in said


def test_where_a_start_makes_one_nothing_more_is_said(tmp_path: Path) -> None:
    """In its own directory, which root makes for it; and where the user may make what is missing."""
    settings = make_settings(tmp_path)
    assert ask_as_stranger(settings) == f"there is no database yet at {tmp_path}/state/server/evenload.sqlite"
    settings = make_settings(tmp_path, f"sqlite:///{tmp_path}/no/such.sqlite")
    with pytest.raises(EvenloadError, match=r"yet at .*/no/such\.sqlite$"):
        require_file(settings)
    assert not (tmp_path / "no").exists()


def test_a_database_that_is_no_file_is_not_looked_for(tmp_path: Path) -> None:
    require_file(make_settings(tmp_path, "postgresql+psycopg://somewhere/evenload"))
