"""PostgreSQL and MariaDB for tests: servers of their own, started privately and ended with the session.

Each keeps its data and its socket in a new directory below the system's temporary one, listens on no network, writes
nothing through to the disk, and runs as a user without rights, which both insist on. One server of each serves a
session; every test gets the tables empty.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, make_url, text
from tests.waiting import NET

from evenload.store.engine import StoreSettings, open_engine
from evenload.store.migrate import upgrade
from evenload.store.tables import METADATA
from evenload.store.tables.identity import IDENTITY

KINDS = ("postgresql", "mariadb")


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """``url`` reaches a database whose schema is today's. ``empty`` removes all rows."""

    kind: str
    url: str
    engine: Engine

    def empty(self) -> None:
        with self.engine.begin() as connection:
            for table in reversed(METADATA.sorted_tables):
                if table is not IDENTITY:
                    connection.execute(table.delete())


class Databases:
    """Starts each kind when it is first asked for."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._started: dict[str, Database] = {}

    def empty(self, kind: str) -> Database:
        if kind not in self._started:
            start = {"postgresql": _postgresql, "mariadb": _mariadb}[kind]
            url = self._stack.enter_context(start())
            engine = open_engine(StoreSettings(url=url))
            self._stack.callback(engine.dispose)
            upgrade(engine)
            self._started[kind] = Database(kind=kind, url=url, engine=engine)
        database = self._started[kind]
        database.empty()
        return database

    @contextmanager
    def without_schema(self, kind: str) -> Iterator[Engine]:
        """A database of its own, with nothing in it."""
        server = self.empty(kind).engine
        name = f"fresh_{uuid.uuid4().hex}"
        at_once = server.execution_options(isolation_level="AUTOCOMMIT")
        with at_once.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        url = make_url(self._started[kind].url).set(database=name).render_as_string(hide_password=False)
        engine = open_engine(StoreSettings(url=url))
        try:
            yield engine
        finally:
            engine.dispose()
            with at_once.connect() as connection:
                connection.execute(text(f"DROP DATABASE {name}"))


@contextmanager
def running_databases() -> Iterator[Databases]:
    with ExitStack() as stack:
        yield Databases(stack)


@contextmanager
def _postgresql() -> Iterator[str]:
    """With an order of words that is not that of their bytes, as most installations have it."""
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    with _home("postgres") as (home, user):
        data = home / "data"
        order = ["--locale-provider=icu", "--icu-locale=en-US", "--encoding=UTF8"]
        _run([programs / "initdb", "-D", data, "-U", "evenload", "--auth=trust", "--no-sync", *order], user)
        quick = ["-cfsync=off", "-csynchronous_commit=off", "-cfull_page_writes=off", "-cshared_buffers=32MB"]
        command = [programs / "postgres", "-D", data, "-k", home, "-clisten_addresses=", *quick]
        with _server(command, user, home, signal.SIGINT) as alive:
            url = f"postgresql+psycopg://evenload@/postgres?host={home}"
            _wait_for(url, alive)
            yield url


@contextmanager
def _mariadb() -> Iterator[str]:
    with _home("mysql") as (home, user):
        data, socket = home / "data", home / "socket"
        options = ["--no-defaults", f"--datadir={data}"]
        install = ["mariadb-install-db", *options, "--auth-root-authentication-method=normal", "--skip-test-db"]
        _run(install, user)
        quick = ["--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0", "--innodb-buffer-pool-size=32M"]
        alone = ["--skip-networking", f"--socket={socket}", f"--pid-file={home}/pid", f"--tmpdir={home}"]
        with _server(["mariadbd", *options, *quick, *alone], user, home, signal.SIGTERM) as alive:
            place = f"mariadb+pymysql://root@localhost/%s?unix_socket={socket}&charset=utf8mb4"
            _wait_for(place % "mysql", alive)
            engine = open_engine(StoreSettings(url=place % "mysql"))
            with engine.begin() as connection:
                connection.execute(text("CREATE DATABASE evenload"))
            engine.dispose()
            yield place % "evenload"


@contextmanager
def _home(name: str) -> Iterator[tuple[Path, str | None]]:
    """A directory, and the user that owns it; None where the tests are not root's, and the server runs as they do."""
    user = name if os.geteuid() == 0 else None
    home = Path(tempfile.mkdtemp(prefix="evenload-"))
    home.chmod(0o711)  # the socket is for everybody; the data have a directory of their own
    try:
        if user is not None:
            entry = pwd.getpwnam(user)
            os.chown(home, entry.pw_uid, entry.pw_gid)
        yield home, user
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _as_user(command: Sequence[object], user: str | None) -> list[str]:
    words = [str(word) for word in command]
    if user is None:
        return words
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--pdeathsig=KILL", "--", *words]


def _run(command: Sequence[object], user: str | None) -> None:
    done = subprocess.run(_as_user(command, user), cwd="/", capture_output=True, text=True, timeout=NET, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stdout[-2000:]}{done.stderr[-2000:]}")


@contextmanager
def _server(
    command: Sequence[object], user: str | None, home: Path, ending: signal.Signals
) -> Iterator[Callable[[], None]]:
    """Gives a question that raises where the server has ended."""
    log = home / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(_as_user(command, user), cwd="/", stdout=output, stderr=output)

    def require_alive() -> None:
        if process.poll() is not None:
            raise RuntimeError(f"{command[0]} ended: {log.read_text(errors='replace')[-4000:]}")

    try:
        yield require_alive
    finally:
        process.send_signal(ending)
        try:
            process.wait(NET)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(url: str, require_alive: Callable[[], None]) -> None:
    engine = open_engine(StoreSettings(url=url))
    end = time.monotonic() + NET
    try:
        while True:
            require_alive()
            try:
                with engine.connect():
                    return
            except Exception:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)
    finally:
        engine.dispose()
