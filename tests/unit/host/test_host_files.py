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
from evenload.model.slot import Slot, SlotKind

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
    assert files.read_named(LB, file.name) is None
    assert files.names(LB) == frozenset()


def test_slots_lead_to_files_and_are_led_elsewhere_at_once(files: StateFiles) -> None:
    files.ensure(LB)
    first, second = (NamedFile(SecretBytes(content)) for content in (b"first", b"second"))
    assert files.links(LB) == {}
    for file in (first, second):
        files.write_named(LB, file)
        for _ in range(2):
            files.link(LB, "web.default", file.name)
        assert files.links(LB) == {"web.default": file.name}
        assert files.slot(LB, "web.default").read_bytes() == file.content.expose()
    assert files.read_named(LB, second.name) == second.content
    slots = files.slot(LB, "web.default").parent
    assert stat.S_IMODE(slots.stat().st_mode) == 0o700
    (slots / ".new-0123").symlink_to("../files/x")
    (slots / "notes").touch()
    files.sweep()
    assert files.links(LB) == {"web.default": second.name, "notes": ""}
    for _ in range(2):
        files.unlink_slot(LB, "web.default")
    assert files.links(LB) == {"notes": ""}
    for wrong in ("../haproxy.cfg", ".hidden", ""):
        with pytest.raises(ValueError, match="not a file name"):
            files.link(LB, wrong, first.name)


def test_a_start_may_take_longer_the_more_certificates_there_are() -> None:
    """Five thousand take HAProxy nine seconds of a processor, of the ten that any start may take."""

    def frontend(name: str, certificates: int, binds: int = 1) -> str:
        lists = Slot(SlotKind.CERTIFICATE_LIST, f"{name}.list", "a" * 64)
        each = [Slot(SlotKind.LISTED_CERTIFICATE, f"{name}.certificate-{n}", "b" * 64) for n in range(certificates)]
        each.append(Slot(SlotKind.MAP, f"{name}.map", "c" * 64))
        bind = f"    bind :443 ssl crt-list /state/{LB}/slots/{name}.list alpn h2"
        return "\n".join([f"frontend {name}", *[bind] * binds, *(slot.line for slot in (lists, *each))])

    def patience(*sections: str) -> float:
        return choose_extra_patience("\n\n".join(["global", *sections, "backend x\n"]))

    assert patience() == 0
    assert patience(frontend("a", 5000)) > 9
    both = frontend("a", 5000, binds=2), frontend("b", 1)
    assert patience(*both) == pytest.approx(2 * patience(frontend("a", 5000)) + patience(frontend("b", 1)))


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
