"""``evenload backup`` and ``evenload restore`` beside a real service, as docs/backup.md says it."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from demo.lab import Lab
from demo.traffic import Load
from tests.e2e.building import build_world, make_networks
from tests.e2e.world import World

from evenload.store.backup import check_backup
from evenload.store.migrate import Migrations

SECRET = {"name": "s", "payload": "5", "payload_content_type": "text/plain"}


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with Lab() as lab:
        world = build_world(lab, {"agent": {"resync_interval": 2}}, webs=("web1", "web2"))
        make_networks(world)
        yield world


def run(world: World, *words: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("evenload")), *words, "--config-file", str(world.service.config)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def refused(world: World, *words: str) -> str:
    done = run(world, *words)
    assert (done.returncode, done.stdout) == (1, "")
    return done.stderr


def test_what_was_backed_up_comes_back_and_traffic_goes_on(world: World) -> None:
    kept = world.balancer("web1", name="kept")
    world.wait_answer(kept.vip)
    reference = world.ask("POST", "/v1/secrets", SECRET).body["secret_ref"]
    file = world.lab.directory / "one.backup"
    done = run(world, "backup", str(file))
    assert (done.returncode, done.stderr) == (0, "")
    assert "secrets.key" in done.stdout
    assert file.stat().st_mode & 0o777 == 0o600
    with file.open("rb") as content:
        assert check_backup(content, Migrations()).rows["load_balancers"] == 1
    assert "is there already; nothing is overwritten" in refused(world, "backup", str(file))

    world.lbaas("PUT", f"loadbalancers/{kept.id}", {"loadbalancer": {"name": "changed"}})
    later = world.balancer("web2", name="later")
    world.wait_answer(later.vip)
    assert "is in use by process" in refused(world, "restore", str(file))
    with Load(world.client, kept.vip) as load:
        world.service.stop()
        assert "networks: 1" in (told := refused(world, "restore", str(file)))
        assert "load balancers: 2" in told
        assert "--replace" in told
        database = world.lab.state / "server" / "evenload.sqlite"
        database.with_name("evenload.sqlite-wal").write_bytes(b"what a killed server left")
        done = run(world, "restore", str(file), "--replace")
        assert (done.returncode, done.stderr) == (0, "")
        assert not database.with_name("evenload.sqlite-wal").exists()
        world.service.start()
        load.await_more(20)
    assert not load.failures
    found = world.lbaas("GET", "loadbalancers").body["loadbalancers"]
    assert [(each["id"], each["name"]) for each in found] == [(kept.id, "kept")]
    payload = world.ask("GET", f"{reference[reference.index('/v1/') :]}/payload", headers={"Accept": "text/plain"})
    assert payload.body == 5
    world.wait_active(kept.id)
    # What this database does not know goes with the next resync.
    world.wait(lambda: not (Path("/run/netns") / f"qlbaas-{later.id}").exists(), "gone")
    world.assert_gone(later.id)
    [aside] = [Path(line.split(" as ")[1].rstrip(".")) for line in done.stdout.splitlines() if "is kept as" in line]
    with sqlite3.connect(aside) as connection:
        assert connection.execute("SELECT count(*) FROM load_balancers").fetchone() == (2,)


def test_what_would_harm_is_refused(world: World) -> None:
    world.service.stop()
    try:
        file = world.lab.directory / "broken.backup"
        before = {path.name: path.read_bytes() for path in (world.lab.state / "server").glob("evenload.sqlite*")}
        for content in (b"", b"no backup"):
            file.write_bytes(content)
            assert "no whole backup" in refused(world, "restore", str(file), "--replace")
        assert "No such file" in refused(world, "restore", f"{file}-nowhere", "--replace")
        assert {
            path.name: path.read_bytes() for path in (world.lab.state / "server").glob("evenload.sqlite*")
        } == before
        database, whole = world.lab.state / "server" / "evenload.sqlite", world.lab.directory / "one.backup"
        database.write_bytes(b"no database any more" * 100)
        assert "could not be used" in refused(world, "restore", str(whole))
        done = run(world, "restore", str(whole), "--replace")
        assert (done.returncode, "is kept as" in done.stdout) == (0, True), done
        for action in ("backup", "restore"):
            done = run(world, action)
            assert (done.returncode, done.stderr.startswith(f"usage: evenload {action} FILE")) == (2, True)
    finally:
        world.service.start()
