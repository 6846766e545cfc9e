"""The script that purges knows the sockets that there are."""

from pathlib import Path

from evenload.main import purge, run_path


def test_every_socket_is_purged() -> None:
    names = {value for name, value in vars(run_path).items() if name.endswith("_SOCKET")}
    assert len(names) >= 3
    script = Path(purge.__file__).with_name("purge.sh").read_text()
    assert [name for name in names if f" {name}" not in script] == []
