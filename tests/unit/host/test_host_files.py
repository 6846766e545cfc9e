import os
import stat
from pathlib import Path

import pytest

from evenload.host.exchange import exchange
from evenload.host.files import StateFiles
from evenload.host.haproxy_launch import choose_extra_patience
from evenload.model.errors import HostError
from evenload.model.named_file import NamedFile
from evenload.model.secret import SecretBytes

LB = "8a1c2a10-0000-4000-8000-000000000001"


@pytest.fixture
def files(tmp_path: Path) -> StateFiles:
    return StateFiles(tmp_path / "state")


def test_a_directory_is_its_owners_alone(files: StateFiles) -> None:
    directory = files.ensure(LB)
    directory.chmod(0o755)
    files.ensure(LB)
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert files.exists(LB)
    assert files.load_balancer_ids() == [LB]


@pytest.mark.parametrize("fleeting", [False, True])
def test_a_file_is_replaced_whole_and_is_its_owners_alone(files: StateFiles, fleeting: bool) -> None:
    files.ensure(LB)
    old_mask = os.umask(0)
    try:
        path = files.write(LB, "haproxy.cfg", "first", fleeting=fleeting)
        with path.open() as reader:
            files.write(LB, "haproxy.cfg", b"second", fleeting=fleeting)
            assert reader.read() == "first"
    finally:
        os.umask(old_mask)
    assert files.read(LB, "haproxy.cfg") == "second"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in files.path(LB).iterdir()] == ["haproxy.cfg"]


def test_named_files_are_roots_alone_and_what_is_named_otherwise_is_not_ours(files: StateFiles) -> None:
    files.ensure(LB)
    file = NamedFile(SecretBytes(b"a key"))
    path = files.write_named(LB, file)
    assert (path.name, path.read_bytes()) == (file.name, b"a key")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    (path.parent / "notes").touch()
    (path.parent / ".new-0123").touch()
    files.sweep()
    assert sorted(entry.name for entry in path.parent.iterdir()) == [file.name, "notes"]
    assert files.names(LB) == {file.name}
    files.remove_named(LB, file.name)
    files.remove_named(LB, file.name)
    assert files.count_lines_of_named(LB, file.name) == 0
    assert files.names(LB) == frozenset()


def test_a_start_may_take_longer_the_more_certificates_there_are(files: StateFiles) -> None:
    """Five thousand take HAProxy nine seconds of a processor, of the ten that any start may take."""
    files.ensure(LB)
    many, one = (NamedFile(SecretBytes(b"/certificate\n" * count)) for count in (5000, 1))
    for file in (many, one):
        files.write_named(LB, file)

    def patience(*binds: NamedFile) -> float:
        text = "".join(f"    bind :443 ssl crt-list /state/{LB}/files/{file.name} alpn h2\n" for file in binds)
        return choose_extra_patience(text, lambda name: files.count_lines_of_named(LB, name))

    assert patience() == 0
    assert patience(many) > 9
    assert patience(many, many, one) > 2 * patience(many)


def test_room_is_looked_for_before_it_is_needed(files: StateFiles) -> None:
    files.ensure(LB)
    files.ensure_room(LB, 1)
    with pytest.raises(HostError, match=rf"cannot write \d+ bytes to .*{LB}, where \d+ are free: .*ENOSPC"):
        files.ensure_room(LB, 1 << 60)
    with pytest.raises(HostError, match="cannot look for room"):
        files.ensure_room("no-such-directory", 1)
    assert list(files.path(LB).iterdir()) == []


@pytest.mark.parametrize("fleeting", [False, True])
def test_a_failed_write_leaves_the_former_file_and_nothing_else(files: StateFiles, fleeting: bool) -> None:
    (files.ensure(LB) / "haproxy.cfg").mkdir()
    with pytest.raises(HostError, match=r"cannot write .*haproxy\.cfg"):
        files.write(LB, "haproxy.cfg", "text", fleeting=fleeting)
    assert [entry.name for entry in files.path(LB).iterdir()] == ["haproxy.cfg"]
    with pytest.raises(HostError, match="cannot write"):
        files.write("no-such-directory", "haproxy.cfg", "text")


def test_two_files_change_places(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_text("1")
    assert not exchange(one, other)
    other.write_text("2")
    if not exchange(one, other):  # a file system that cannot
        return
    assert (one.read_text(), other.read_text()) == ("2", "1")
    with pytest.raises(NotADirectoryError):
        exchange(one, other / "below")


def test_what_is_not_there_reads_as_none_and_may_be_removed(files: StateFiles) -> None:
    assert files.load_balancer_ids() == []
    assert files.read(LB, "haproxy.cfg") is None
    files.remove_all(LB)
    files.ensure(LB)
    files.remove(LB, "haproxy.cfg")
    files.write(LB, "haproxy.cfg", "text")
    files.remove_all(LB)
    assert not files.exists(LB)


@pytest.mark.parametrize("name", ["", ".", "..", "../etc", "a/b", ".hidden", "a\0b"])
def test_no_name_leads_out_of_the_directory(files: StateFiles, name: str) -> None:
    with pytest.raises(ValueError, match="not a file name"):
        files.path(name)
    with pytest.raises(ValueError, match="not a file name"):
        files.path(LB, name)


def test_what_is_no_load_balancers_is_not_known(files: StateFiles) -> None:
    files.ensure(LB)
    for name in ("lost+found", f"{LB}.bak", "backup", LB.upper()):
        (files.state_dir / name).mkdir()
    assert files.load_balancer_ids() == [LB]


def test_what_a_killed_agent_was_writing_is_swept_up(files: StateFiles) -> None:
    files.ensure(LB)
    files.write(LB, "haproxy.cfg", "text")
    files.path(LB).joinpath(".new-0123").write_text("half a te")
    files.sweep()
    assert [entry.name for entry in files.path(LB).iterdir()] == ["haproxy.cfg"]
