"""Another database beside a state directory that is full: refused at the start, and nothing on the host is touched."""

import os
import subprocess
import sys
from pathlib import Path

from demo.lab import NETNS
from demo.service import ServiceError
from demo.traces import read_haproxy_pids
from tests.e2e.world import Balanced, World

DATABASE = ("evenload.sqlite", "evenload.sqlite-wal", "evenload.sqlite-shm")


def move_database(world: World, source: str, target: str) -> None:
    for name in DATABASE:
        file = world.lab.state / source / name
        if file.exists():
            file.replace(world.lab.state / target / name)


def runs_undisturbed(world: World, made: Balanced, pids: set[int]) -> None:
    assert read_haproxy_pids(made.id) == pids
    world.wait_answer(made.vip)
    assert (world.lab.state / "load_balancers" / made.id / "desired.json").exists()


def refused_start(world: World) -> str:
    """The end of the log after a start that is refused, be it before the API's first answer or soon after it."""
    try:
        world.service.start()
    except ServiceError:
        pass
    world.wait(lambda: not world.service.running, "the end of the service")
    return world.service.tail()


def test_a_fresh_database_is_refused_and_the_former_one_taken_again(fragile_world: World) -> None:
    world = fragile_world
    made = world.balancer("web1")
    world.wait_answer(made.vip)
    pids = read_haproxy_pids(made.id)
    assert world.service.stop() == 0
    aside = world.lab.state / "aside"
    aside.mkdir()
    move_database(world, "server", "aside")
    for _ in range(2):  # the refusal itself changes nothing
        said = refused_start(world)
        assert "evenload agent --adopt-database" in said
        assert "the load balancer on it" in said
        runs_undisturbed(world, made, pids)
    for name in DATABASE:
        (world.lab.state / "server" / name).unlink(missing_ok=True)
    move_database(world, "aside", "server")
    world.service.start()
    world.wait_active(made.id)
    runs_undisturbed(world, made, pids)


def test_a_database_that_the_configuration_names_is_refused_where_it_is_foreign(fragile_world: World) -> None:
    """Made by the first start, it has an identity of its own at the second."""
    world = fragile_world
    made = world.balancer("web1")
    world.wait_answer(made.vip)
    pids = read_haproxy_pids(made.id)
    assert world.service.stop() == 0
    usual = world.service.config.read_text()
    other = world.lab.state / "server" / "other.sqlite"
    try:
        world.service.config.write_text(f"{usual}\n[database]\nconnection = sqlite:///{other}\n")
        for _ in range(2):
            said = refused_start(world)
            assert other.exists()
            assert "evenload agent --adopt-database" in said
            runs_undisturbed(world, made, pids)
    finally:
        world.service.config.write_text(usual)
        for file in other.parent.glob(f"{other.name}*"):
            file.unlink()
    world.service.start()
    world.wait_active(made.id)
    runs_undisturbed(world, made, pids)


def test_a_fresh_database_is_taken_by_those_who_mean_it(fragile_world: World) -> None:
    world = fragile_world
    made = world.balancer("web1")
    world.wait_answer(made.vip)
    others = [world.balancer("web1", name=f"lb{number}") for number in range(2)]
    for other in others:
        world.wait_answer(other.vip)
    networks = world.lab.state / "server"
    assert world.service.stop() == 0
    aside = world.lab.state / "aside2"
    aside.mkdir()
    move_database(world, "server", "aside2")
    command = [str(Path(sys.executable).with_name("evenload")), "agent", "--adopt-database"]
    told = subprocess.run([*command, "--config-file", str(world.service.config)], capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    assert "takes whatever database it finds" in told.stdout
    try:
        world.service.start()
        world.wait(lambda: not read_haproxy_pids(made.id), "what nobody knows is removed")
        world.wait(lambda: not (NETNS / f"qlbaas-{made.id}").exists(), "its namespace, too")
        for other in others:  # more than the agent would remove without being told
            world.wait(lambda key=other.id: not (NETNS / f"qlbaas-{key}").exists(), "the others, too")  # type: ignore[misc]
        assert not (world.lab.state / "adopt-database").exists()
        assert world.service.stop() == 0
    finally:
        for name in DATABASE:
            (networks / name).unlink(missing_ok=True)
        move_database(world, "aside2", "server")
    (world.lab.state / "database").unlink()  # as a version that wrote none down would leave it
    world.service.start()  # nothing is on the host, so that any database is welcome
    world.wait_answer(made.vip)


def test_a_state_directory_of_an_earlier_version_follows_the_database_that_knows_it(fragile_world: World) -> None:
    """That version kept the database in the state directory itself, root's alone, and no identity."""
    world = fragile_world
    made = world.balancer("web1")
    world.wait_answer(made.vip)
    pids = read_haproxy_pids(made.id)
    assert world.service.stop() == 0
    (world.lab.state / "database").unlink()
    move_database(world, "server", ".")
    (world.lab.state / "server" / "lock").unlink()
    (world.lab.state / "server").rmdir()
    for entry in world.lab.state.iterdir():
        if entry.name.startswith("evenload.sqlite"):
            entry.chmod(0o600)
            os.chown(entry, 0, 0)
    world.lab.state.chmod(0o700)
    world.service.start()
    world.wait_active(made.id)
    runs_undisturbed(world, made, pids)
    world.wait(lambda: (world.lab.state / "database").exists(), "registered")
    assert not (world.lab.state / "evenload.sqlite").exists()
