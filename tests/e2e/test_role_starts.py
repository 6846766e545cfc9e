"""Starts that go wrong in the middle, and sockets that somebody takes away: the service comes back by itself."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from demo.service import free_port, read_roles
from tests.e2e.killing import await_role, kill_role, undisturbed
from tests.e2e.world import Balanced, World
from tests.waiting import NET, eventually

from evenload.host.haproxy_process import start_time

COMMAND = str(Path(sys.executable).with_name("evenload"))


@pytest.fixture
def made(fragile_world: World) -> Balanced:
    made = fragile_world.balancer("web1")
    fragile_world.wait_answer(made.vip)
    return made


def changes_are_applied(world: World, made: Balanced, weight: int) -> None:
    path = f"pools/{made.pool_id}/members/{made.members['web1']}"
    reply = world.lbaas("PUT", path, {"member": {"weight": weight}})
    assert reply.status == 200, reply
    world.wait(lambda: f" weight {weight}" in world.config_of(made.id), "the change in force")
    world.wait_active(made.id)


def test_roles_whose_supervisor_is_killed_while_they_start_end(fragile_world: World, made: Balanced) -> None:
    world = fragile_world
    with undisturbed(world, made):
        assert world.service.stop() == 0
        supervisor = subprocess.Popen([COMMAND, "--config-file", str(world.service.config)], stderr=subprocess.DEVNULL)
        assert eventually(lambda: len(read_roles(supervisor.pid)) == 2)
        roles = read_roles(supervisor.pid)
        for pid in roles.values():
            os.kill(pid, signal.SIGSTOP)
        supervisor.kill()
        supervisor.wait(NET)
        for pid in roles.values():
            if start_time(pid):
                os.kill(pid, signal.SIGCONT)
        assert eventually(lambda: not any(map(start_time, roles.values())))
        world.service.start()
        changes_are_applied(world, made, 31)


def test_a_second_server_is_refused_and_takes_nothing_away(
    fragile_world: World, made: Balanced, tmp_path: Path
) -> None:
    world = fragile_world
    config = tmp_path / "second.conf"
    first, port = world.service.config.read_text(), free_port()
    config.write_text(first.replace(f"bind_port = {world.service.port}", f"bind_port = {port}"))
    assert str(port) in config.read_text()
    second = subprocess.run(
        [COMMAND, "server", "--config-file", str(config)], capture_output=True, text=True, timeout=NET
    )
    assert second.returncode == 1
    assert "another process listens on" in second.stderr
    former = kill_role(world, "agent")  # it has to find the server again
    await_role(world, "agent", former)
    changes_are_applied(world, made, 32)


@pytest.mark.parametrize(("role", "name"), [("server", "server.sock"), ("agent", "agent.sock"), ("agent", "look.sock")])
def test_a_socket_that_is_taken_away_is_made_again(fragile_world: World, made: Balanced, role: str, name: str) -> None:
    world = fragile_world
    path = world.lab.state / "run" / name
    before = path.stat().st_ino
    former = world.service.roles()[role]
    with undisturbed(world, made):
        path.unlink()
        await_role(world, role, former)
        world.wait(lambda: path.exists() and path.stat().st_ino != before, "the socket")
        changes_are_applied(world, made, 33)
    assert "was removed or replaced" in world.service.log.read_text()


def test_a_closed_terminal_ends_all_in_order(fragile_world: World, made: Balanced) -> None:
    world = fragile_world
    roles = world.service.roles()
    with undisturbed(world, made):
        os.kill(world.service.pid, signal.SIGHUP)
        world.wait(lambda: not world.service.running, "the end of the service")
        assert not any(map(start_time, roles.values()))
        assert world.service.stop() == 0
        world.service.start()


def test_the_roles_get_nothing_that_the_supervisor_inherited(fragile_world: World, made: Balanced) -> None:
    world = fragile_world
    assert world.service.stop() == 0
    handed, other = os.pipe()
    process = subprocess.Popen(
        [COMMAND, "--config-file", str(world.service.config)], stderr=subprocess.DEVNULL, pass_fds=[handed]
    )
    try:
        name = os.readlink(f"/proc/self/fd/{handed}")
        assert eventually(lambda: len(read_roles(process.pid)) == 2)
        pids = list(read_roles(process.pid).values())
        open_there = {
            os.readlink(link) for pid in pids for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()
        }
        assert name in {os.readlink(link) for link in Path(f"/proc/{process.pid}/fd").iterdir()}
        assert name not in open_there
    finally:
        os.close(handed)
        os.close(other)
        process.terminate()
        process.wait(NET)
        world.service.start()
