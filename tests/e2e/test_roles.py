"""The roles as processes: who may what, what is out of reach for the server, and what happens when one is killed."""

import ctypes
import errno
import json
import os
import pwd
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from demo.lab import NETNS
from demo.traces import read_haproxy_pids, read_spare_pids
from tests.e2e.killing import BURST, await_role, kill_role, undisturbed
from tests.e2e.world import Balanced, World

from evenload.bus.hints import HintSender
from evenload.host.haproxy_process import start_time
from evenload.host.privileges import CAPABILITIES, Account, become
from evenload.main import agent_role
from evenload.threads import Faults

ACCOUNT = Account("evenload", pwd.getpwnam("evenload").pw_uid, pwd.getpwnam("evenload").pw_gid)
HAPROXY = pwd.getpwnam("haproxy").pw_uid
REFUSED = (errno.EACCES, errno.EPERM)
_PTRACE_SEIZE = 0x4206
_libc = ctypes.CDLL(None, use_errno=True)


@pytest.fixture
def balanced(world: World) -> Balanced:
    made = world.balancer("web1", "web2")
    world.wait_answer(made.vip)
    return made


def status_of(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def listens_on_a_network(pid: int) -> bool:
    links = [os.readlink(entry) for entry in Path(f"/proc/{pid}/fd").iterdir() if entry.is_symlink()]
    own = {link.removeprefix("socket:[").rstrip("]") for link in links}
    tables = [Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:] for name in ("tcp", "tcp6", "udp", "udp6")]
    return any(line.split()[9] in own and line.split()[3] in ("0A", "07") for table in tables for line in table)


# ------------------------------------------------------------------------------------------------------- who may what


def test_each_process_has_its_user_and_only_the_capabilities_it_needs(world: World, balanced: Balanced) -> None:
    roles = world.service.roles()
    assert set(roles) == {"server", "agent"}

    server = status_of(roles["server"])
    assert server["Uid"].split() == [str(ACCOUNT.uid)] * 4
    assert server["Gid"].split() == [str(ACCOUNT.gid)] * 4
    assert server["Groups"] == ""
    assert {int(server[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
    assert server["NoNewPrivs"] == "1"

    agent = status_of(roles["agent"])
    allowed = sum(1 << CAPABILITIES[name] for name in agent_role.CAPABILITIES)
    assert agent["Uid"].split() == ["0"] * 4
    assert [int(agent[name], 16) for name in ("CapPrm", "CapEff", "CapBnd")] == [allowed] * 3
    assert [int(agent[name], 16) for name in ("CapInh", "CapAmb")] == [0, 0]
    assert agent["NoNewPrivs"] == "1"
    assert not listens_on_a_network(roles["agent"])
    assert listens_on_a_network(roles["server"])

    [haproxy] = map(status_of, read_haproxy_pids(balanced.id))
    assert haproxy["Uid"].split() == [str(HAPROXY)] * 4
    assert {int(haproxy[name], 16) for name in ("CapPrm", "CapEff")} == {0}
    assert int(haproxy["CapBnd"], 16) & ~allowed == 0

    # The process of the next change is what HAProxy always is until it has read its configuration.
    [pid] = world.wait(lambda: read_spare_pids(balanced.id), "a spare")
    spare = status_of(pid)
    assert all(int(spare[name], 16) & ~allowed == 0 for name in ("CapPrm", "CapEff", "CapBnd"))
    assert [int(spare[name], 16) for name in ("CapInh", "CapAmb")] == [0, 0]
    assert spare["NoNewPrivs"] == "1"
    assert int(spare["PPid"]) == roles["agent"]
    sockets = [os.readlink(each) for each in Path(f"/proc/{pid}/fd").iterdir()]
    assert not any(link.startswith("socket:") for link in sockets)


def test_threads_have_no_more_than_their_process(world: World) -> None:
    for pid in world.service.roles().values():
        seen = {
            tuple(status_of(int(task.name))[name] for name in ("Uid", "CapPrm", "CapBnd", "NoNewPrivs"))
            for task in Path(f"/proc/{pid}/task").iterdir()
        }
        assert len(seen) == 1


# --------------------------------------------------------------------------------------------- what the server cannot


def as_server(attempt: Callable[[], object]) -> int:
    """Tries it in a child that became what the server is; returns the errno, 0 where it worked."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = -1
        try:
            become(ACCOUNT)
            attempt()
            code = 0
        except OSError as error:
            code = error.errno or -1
        finally:
            os.write(writing, json.dumps(code).encode())
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        told = pipe.read()
    os.waitpid(pid, 0)
    return int(json.loads(told))


def _connect(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.connect(str(path))


def _bind_over(path: Path) -> None:
    path.unlink()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind(str(path))


def _libc_call(result: int) -> None:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _enter(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    _libc_call(_libc.setns(descriptor, 0x40000000))


def _listen_low() -> None:
    with socket.socket() as low:
        low.bind(("127.0.0.1", 81))


def test_what_the_server_must_not_reach_it_does_not_reach(world: World, balanced: Balanced) -> None:
    state = world.lab.state
    own = state / "load_balancers" / balanced.id
    run = state / "run"
    roles = world.service.roles()
    [haproxy] = read_haproxy_pids(balanced.id)
    namespace = NETNS / f"qlbaas-{balanced.id}"
    assert own.joinpath("haproxy.cfg").exists()
    attempts: dict[str, Callable[[], object]] = {
        "list the state directory": lambda: os.listdir(state),
        "list the load balancers": lambda: os.listdir(state / "load_balancers"),
        "read a configuration": lambda: (own / "haproxy.cfg").read_bytes(),
        "read the remembered document": lambda: (own / "desired.json").read_bytes(),
        "connect to HAProxy's socket": lambda: _connect(own / "haproxy.sock"),
        "read the agent's name": lambda: (state / "agent").read_bytes(),
        "make a file beside it": lambda: (state / "agent.new").touch(),
        "take the state directory's lock": lambda: os.open(state / "lock", os.O_RDWR),
        "speak as the agent": lambda: _connect(run / "server.sock"),
        "take the hints' place": lambda: _bind_over(run / "agent.sock"),
        "look at what the agent sees": lambda: _connect(run / "look.sock"),
        "enter a namespace": lambda: _enter(namespace),
        "make a namespace": lambda: _libc_call(_libc.unshare(0x40000000)),
        "trace the agent": lambda: _libc_call(_libc.ptrace(_PTRACE_SEIZE, roles["agent"], 0, 0)),
        "trace HAProxy": lambda: _libc_call(_libc.ptrace(_PTRACE_SEIZE, haproxy, 0, 0)),
        "trace another of its own": lambda: _libc_call(_libc.ptrace(_PTRACE_SEIZE, roles["server"], 0, 0)),
        "read the agent's environment": lambda: Path(f"/proc/{roles['agent']}/environ").read_bytes(),
        "read the memory of another of its own": lambda: os.open(f"/proc/{roles['server']}/mem", os.O_RDONLY),
        "end the agent": lambda: os.kill(roles["agent"], signal.SIGKILL),
        "end the supervisor": lambda: os.kill(world.service.pid, signal.SIGKILL),
        "end HAProxy": lambda: os.kill(haproxy, signal.SIGKILL),
        "send any packet": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
        "listen below 1024": _listen_low,
        "change the host": lambda: Path("/proc/sys/net/ipv4/ip_forward").write_text("1"),
        "become root": lambda: os.setresuid(0, 0, 0),
    }
    outcomes = {what: as_server(attempt) for what, attempt in attempts.items()}
    assert {what: code for what, code in outcomes.items() if code not in REFUSED} == {}


def test_the_same_attempts_succeed_where_they_may(world: World) -> None:
    """Otherwise the test above could pass for a wrong reason."""
    server = world.lab.state / "server"
    sender = HintSender(world.lab.state / "run" / "agent.sock", world.lab.bridge, Faults())
    assert as_server(lambda: os.listdir(server)) == 0
    assert as_server(lambda: (server / "evenload.sqlite").read_bytes()) == 0
    assert as_server(lambda: sender._socket.sendto(b'["none", 1]', sender._path)) == 0
    sender.close()
    assert as_server(lambda: socket.socket().bind(("127.0.0.1", 0))) == 0


# ------------------------------------------------------------------------------------------------------------ kill -9


@pytest.mark.parametrize("role", ["server", "agent"])
def test_a_role_that_is_killed_comes_back_and_nobody_notices(fragile_world: World, role: str) -> None:
    world = fragile_world
    made = world.balancer("web1", "web2", monitor=True)
    world.wait_answer(made.vip)
    supervisor, other = world.service.pid, {"server": "agent", "agent": "server"}[role]
    others_pid = world.service.roles()[other]
    with undisturbed(world, made):
        former = kill_role(world, role)
        # Nothing is lost: what is asked for meanwhile is done, at the latest when the role is back.
        path = f"pools/{made.pool_id}/members/{made.members['web1']}"
        reply = world.lbaas("PUT", path, {"member": {"weight": 77}})  # without another HAProxy
        assert reply.status == 200, reply
        await_role(world, role, former)
        world.wait_active(made.id)
        world.wait(lambda: " weight 77 " in world.config_of(made.id), "the change in force")
        assert world.service.roles()[other] == others_pid
        assert world.service.pid == supervisor
        # Statuses and hints go both ways again.
        world.stop_backend("web2")
        world.wait_status(f"pools/{made.pool_id}/members/{made.members['web2']}", "ERROR")
        world.start_backend("web2")
        world.wait_status(f"pools/{made.pool_id}/members/{made.members['web2']}", "ONLINE")


def test_roles_that_are_killed_again_and_again_lose_nothing(fragile_world: World) -> None:
    world = fragile_world
    made = world.balancer("web1")
    world.wait_answer(made.vip)
    with undisturbed(world, made):
        for number in range(3):
            for role in ("agent", "server"):
                former = kill_role(world, role)
                reply = world.lbaas("PUT", f"loadbalancers/{made.id}", {"loadbalancer": {"name": f"{role}-{number}"}})
                assert reply.status == 200, reply
                await_role(world, role, former)
        world.wait_active(made.id)
    assert world.show("loadbalancers", made.id)["name"] == "server-2"


def test_the_roles_end_with_the_supervisor_and_traffic_goes_on(fragile_world: World) -> None:
    world = fragile_world
    made = world.balancer("web1")
    world.wait_answer(made.vip)
    with undisturbed(world, made) as load:
        roles = world.service.roles()
        world.service.kill()
        world.wait(lambda: not any(map(start_time, roles.values())), "roles ended")
        before = load.requests
        world.wait(lambda: load.requests >= before + BURST, "traffic without Evenload")
        world.service.start()
        world.wait_active(made.id)
