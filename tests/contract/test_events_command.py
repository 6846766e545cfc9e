"""``evenload events`` reads every kind of database, as the server's user, with no service running."""

import json
import os
import pwd
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from queue import SimpleQueue

import pytest
from tests.contract.test_store_events import AWAY, DOWN
from tests.databases import KINDS, Databases
from tests.fakes.hints import NotedHints
from tests.sqlite import newest_sqlite
from tests.waiting import NET

from evenload.interfaces.store import UnitOfWork
from evenload.main.settings import read_settings
from evenload.store.engine import StoreSettings, open_engine
from evenload.store.unit_of_work import SqlUnitOfWork

COMMAND = str(Path(sys.executable).with_name("evenload"))
DOWN_TEXT = (
    "2026-03-01T12:30:15Z ! member wéb ’1’ of load balancer shop: ONLINE -> ERROR: "
    "no connection: Connection refused (L4CON) (3 times)"
)
AWAY_TEXT = "2026-03-01T12:30:16Z ! agent host-2: away"


@dataclass(frozen=True, slots=True)
class Place:
    uow: UnitOfWork
    config: Path

    def command(self, *words: str) -> list[str]:
        return [COMMAND, "events", *words, "--config-file", str(self.config)]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONUTF8": "1"}
        return subprocess.run(
            self.command(*words), capture_output=True, text=True, timeout=NET, check=False, env=environment
        )

    def lines(self, *words: str) -> list[str]:
        done = self.run(*words)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.splitlines()


@pytest.fixture(params=["sqlite", *KINDS])
def place(request: pytest.FixtureRequest, databases: Databases) -> Iterator[Place]:
    """In a directory that another user can reach."""
    with tempfile.TemporaryDirectory(prefix="evenload-") as directory:
        yield from placed(request.param, Path(directory), databases)


def placed(kind: str, tmp_path: Path, databases: Databases) -> Iterator[Place]:
    if kind == "sqlite":
        url = newest_sqlite(tmp_path / "evenload.sqlite")
        engine = open_engine(StoreSettings(url=url))
    else:
        database = databases.empty(kind)
        url, engine = database.url, database.engine
    config = tmp_path / "evenload.conf"
    config.write_text(f"[DEFAULT]\nstate_path = {tmp_path}\n[database]\nconnection = {url.replace('%', '%%')}\n"
                      "[server]\nuser = nobody\n[networks]\nbridge_mappings = physnet1:br0\n")  # fmt: skip
    uow = SqlUnitOfWork(engine, NotedHints())
    uow.write(lambda transaction: transaction.insert_events([DOWN, AWAY]))
    if os.geteuid() == 0 and kind == "sqlite":
        nobody = pwd.getpwnam("nobody")
        for path in (tmp_path, *tmp_path.iterdir()):
            os.chown(path, nobody.pw_uid, nobody.pw_gid)
    yield Place(uow, config)
    if kind == "sqlite":
        engine.dispose()


def test_what_happened_is_shown_in_words_and_for_programs(place: Place) -> None:
    assert place.lines() == [DOWN_TEXT, AWAY_TEXT]
    assert place.lines("shop") == [DOWN_TEXT]
    assert place.lines("--kind", "agent", "--since", "2026-03-01") == [AWAY_TEXT]
    assert place.lines("--last", "1") == [AWAY_TEXT]
    none = place.run("--since", "10m")
    assert (none.returncode, none.stdout, none.stderr) == (0, "", "evenload events: nothing that has happened fits\n")
    [line] = place.lines("member-1", "--format", "json")
    document = json.loads(line)
    assert document.pop("position") >= 1
    assert document == {
        "at": "2026-03-01T12:30:15.123456Z",
        "kind": "operating",
        "weight": "warning",
        "state": "ERROR",
        "former": "ONLINE",
        "reason": "no connection: Connection refused (L4CON)",
        "times": 3,
        "project_id": "project-1",
        "load_balancer": {"id": "lb-1", "name": "shop"},
        "object": {"kind": "member", "id": "member-1", "name": "wéb ’1’"},
        "agent": "host-1",
        "text": DOWN_TEXT.partition("! ")[2],
    }


def test_a_follower_hears_of_what_comes_once(place: Place) -> None:
    follower = subprocess.Popen(
        place.command("--follow", "--last", "1", "--format", "json"), stdout=subprocess.PIPE, text=True
    )
    assert follower.stdout is not None
    try:
        assert json.loads(follower.stdout.readline())["state"] == "away"
        for number in range(2):
            back = replace(AWAY, state="back", agent=f"host-{number}")
            place.uow.write(lambda transaction, back=back: transaction.insert_events([back]))  # type: ignore[misc]
            assert json.loads(follower.stdout.readline())["agent"] == f"host-{number}"
    finally:
        follower.terminate()
        follower.wait(NET)
        follower.stdout.close()


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_a_word_that_is_no_text_is_nobodys_name(place: Place) -> None:
    for command, said in (("events", "nothing that has happened fits"), ("status", "there is no load balancer '???'")):
        words: list[str | bytes] = [COMMAND, command, b"\xff" * 3, "--config-file", str(place.config)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=NET, check=False)
        assert said in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_a_follower_goes_on_with_a_database_that_was_put_back(place: Place, tmp_path: Path) -> None:
    """Another file, in which numbers begin earlier."""

    def put(*states: str) -> None:
        engine = open_engine(StoreSettings(url=read_settings(["--config-file", str(place.config)]).database))
        told = [replace(AWAY, state=state) for state in states]
        SqlUnitOfWork(engine, NotedHints()).write(lambda transaction: transaction.insert_events(told))
        engine.dispose()

    def change(*words: str) -> None:
        subprocess.run([COMMAND, *words, "--config-file", str(place.config)], capture_output=True, check=True)

    backup = str(tmp_path / "backup")
    change("backup", backup)
    follower = subprocess.Popen(
        place.command("--follow", "--last", "1", "--format", "json"), stdout=subprocess.PIPE, text=True
    )
    assert follower.stdout is not None
    try:
        assert json.loads(follower.stdout.readline())["state"] == "away"
        put(*(f"later {number}" for number in range(300)))
        for number in range(300):
            assert json.loads(follower.stdout.readline())["state"] == f"later {number}"
        change("restore", backup, "--replace")
        heard = SimpleQueue[str]()
        threading.Thread(target=lambda: heard.put(follower.stdout.readline()), daemon=True).start()  # type: ignore[union-attr]
        for number in range(round(10 * NET)):  # nobody says when the follower has noticed
            put(f"after {number}")
            if not heard.empty():
                break
            time.sleep(0.1)
        assert json.loads(heard.get(timeout=NET))["state"].startswith("after ")
    finally:
        follower.terminate()
        follower.wait(NET)
        follower.stdout.close()


def test_a_database_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    config = tmp_path / "evenload.conf"
    config.write_text(f"[DEFAULT]\nstate_path = {tmp_path}\n[networks]\nbridge_mappings = physnet1:br0\n")
    done = subprocess.run(
        [COMMAND, "events", "--config-file", str(config)], capture_output=True, text=True, timeout=NET, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "evenload events: " in done.stderr
    assert not (tmp_path / "server").exists()
