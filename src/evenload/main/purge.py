"""``evenload purge``: takes away all that this installation made on this host, after saying what and asking.

Started by ``main/command.py``, as root, while nothing of this installation runs. What is on the host is the business of
``purge.sh`` beside this module, which the Debian package uses, too; the database is ours. The configuration, the user
and the program stay: they are the package's, or the operator's.
"""

import argparse
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from evenload.main.accounts import find_account
from evenload.main.as_user import ask_as
from evenload.main.database_place import DIRECTORY
from evenload.main.parts import open_database
from evenload.main.run_path import hint_path, server_path
from evenload.main.settings import Settings, SettingsError, read_settings
from evenload.main.socket_path import held
from evenload.main.state import StateDirectory
from evenload.model.errors import EvenloadError
from evenload.store.backup import remove_schema
from evenload.store.engine import StoreSettings, preload_driver

_SCRIPT = Path(__file__).with_name("purge.sh")
_SQLITE_PARTS = ("-wal", "-shm", "-journal", "")


def run(arguments: Sequence[str]) -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="evenload purge",
        description="Takes away all that this installation made on this host, while it is stopped, after saying what "
        "and asking. The configuration, the user and the program stay.",
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--keep-database", action="store_true", help="leave the database and the keys of secrets")
    parser.add_argument("--note", metavar="FILE", type=Path, help=argparse.SUPPRESS)  # the Debian package's prerm
    parser.add_argument("--config-file", action="append", default=[], metavar="FILE", help="the service's settings")
    parser.add_argument("--config-dir", action="append", default=[], metavar="DIR", help="all *.conf files in it")
    asked = parser.parse_args(arguments)
    try:
        settings = read_settings(
            [
                word
                for name in ("config_file", "config_dir")
                for value in getattr(asked, name)
                for word in (f"--{name.replace('_', '-')}", value)
            ]
        )
        if asked.note is not None:
            _note(settings, asked.note)
            return 0
        return _purge(settings, yes=asked.yes, keep_database=asked.keep_database)
    except (SettingsError, EvenloadError, OSError) as error:
        sys.stderr.write(f"evenload purge: {error}\n")
        return 1


def _purge(settings: Settings, *, yes: bool, keep_database: bool) -> int:
    if os.geteuid() != 0:
        raise EvenloadError("only root can take away namespaces and processes")
    with ExitStack() as stack:
        _hold(settings, stack)
        places = [
            settings.host.openvswitch.connection,
            *map(str, (settings.state_path, settings.run_path, settings.host.netns_dir)),
        ]
        found = _script("purge_list", *places).splitlines()
        if not keep_database:
            found += _database(settings)
        if all(line.startswith("(") for line in found):
            sys.stdout.write("".join(f"{line}\n" for line in ["There is nothing to take away.", *found]))
            return 0
        sys.stdout.write("This will be taken away:\n" + "".join(f"  {line}\n" for line in found))
        if not yes and not _agrees():
            sys.stdout.write("Nothing was touched.\n")
            return 1
        if not keep_database:
            _remove_database(settings)
        sys.stdout.write(_script("purge_all", *places, *(["keep-database"] if keep_database else [])))
        sys.stdout.write("Taken away.\n")
    return 0


def _hold(settings: Settings, stack: ExitStack) -> None:
    """What a server and an agent hold while they run: neither does, and neither is started meanwhile."""
    if settings.state_path.is_dir():
        stack.enter_context(StateDirectory(settings.state_path))
    if (settings.state_path / DIRECTORY).is_dir():
        stack.enter_context(StateDirectory(settings.state_path / DIRECTORY, mode=0o700))
    if settings.run_path.is_dir():
        for path in (server_path(settings.run_path), hint_path(settings.run_path)):
            stack.enter_context(held(path))


def _agrees() -> bool:
    sys.stdout.write("Connections of clients end. Go on? Type yes: ")
    sys.stdout.flush()
    return sys.stdin.readline().strip() == "yes"


def _script(function: str, *words: str) -> str:
    """What it prints. Raises EvenloadError with its words where it fails."""
    command = ["/bin/sh", "-euc", f'. "$0"; purge_db=$1; shift; {function} "$@"', str(_SCRIPT), *words]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"})
    if done.returncode:
        raise EvenloadError(f"not everything could be taken away: {done.stderr.strip()}")
    return done.stdout


def _database(settings: Settings) -> list[str]:
    """What of it lies elsewhere than in the state directory."""
    found, url, keys = [], make_url(settings.database), settings.secrets.key_file
    if url.get_backend_name() != "sqlite":
        found.append(f"the tables of Evenload in {url.render_as_string(hide_password=True)}")
    elif _elsewhere(settings, path := Path(str(url.database))):
        found.append(f"the database {path}")
    if _elsewhere(settings, keys):
        found.append(f"(not the keys of secrets {keys}, which are where you put them)")
    return found


def _elsewhere(settings: Settings, path: Path) -> bool:
    return path.exists() and settings.state_path not in path.parents


def _remove_database(settings: Settings) -> None:
    url = make_url(settings.database)
    if url.get_backend_name() == "sqlite":
        for part in _SQLITE_PARTS:
            Path(f"{url.database}{part}").unlink(missing_ok=True)
    else:
        preload_driver(StoreSettings(url=settings.database))
        ask_as(find_account(settings.server.user), lambda: _drop_tables(settings))


def _drop_tables(settings: Settings) -> None:
    engine = open_database(settings)
    try:
        remove_schema(engine)
    except SQLAlchemyError as error:
        raise EvenloadError(
            f"the tables could not be removed ({getattr(error, 'orig', None) or error}); --keep-database leaves them"
        ) from error
    finally:
        engine.dispose()


def _note(settings: Settings, path: Path) -> None:
    """The places that are purged, as the Debian package's postrm reads them when this program is gone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    places = {
        "state_path": settings.state_path,
        "run_path": settings.run_path,
        "netns_dir": settings.host.netns_dir,
        "purge_db": settings.host.openvswitch.connection,
    }
    path.write_text("".join(f"{name}={shlex.quote(str(place))}\n" for name, place in places.items()))
    path.chmod(0o600)
