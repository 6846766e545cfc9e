"""``evenload purge``: all that this installation made is gone afterwards, and nothing else."""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from demo.lab import Lab, run_ip
from tests.e2e.building import build_world, make_networks
from tests.e2e.world import World
from tests.root.openvswitch import Openvswitch

import evenload.main.purge

NETNS = Path("/run/netns")
NETS = Path("/sys/class/net")
_SWITCH = "br-purge"
SCRIPT = Path(evenload.main.purge.__file__).with_name("purge.sh")


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with Lab() as lab:
        # The lab's own bridge is somebody else's; the agent makes the two others.
        mappings = f"physnet1:{lab.bridge},two:{lab.bridge}a,three:{lab.bridge}b"
        world = build_world(lab, {"networks": {"bridge_mappings": mappings}}, webs=("web1",))
        make_networks(world)
        try:
            yield world
        finally:
            for bridge in (f"{lab.bridge}a", f"{lab.bridge}b"):
                if (NETS / bridge).exists():
                    run_ip([f"link delete {bridge}"])


def purge(world: World, *words: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("evenload")), "purge", *words]
    command += ["--config-file", str(world.service.config)]
    return subprocess.run(command, capture_output=True, text=True, input=typed)


def haproxies(world: World) -> list[str]:
    needle = f"{world.lab.state}/load_balancers/".encode()
    return [pid for pid in os.listdir("/proc") if pid.isdigit() and needle in _command_line(pid)]


def _command_line(pid: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_all_that_was_made_goes_and_nothing_else(world: World) -> None:
    lab, state = world.lab, world.lab.state
    others, foreign = f"{lab.bridge}-uplink", NETNS / f"qlbaas-{uuid.uuid4()}"
    made = [world.balancer("web1", name=name) for name in ("one", "two")]
    for each in made:
        world.wait_answer(each.vip)
    run_ip([f"link add {others} type veth peer name {others[:-6]}-up", f"link set {others} master {lab.bridge}b"])
    run_ip([f"netns add {foreign.name}"])  # Neutron's agents name theirs in the same way
    # A load balancer that lost its directory is known by its process.
    os.rename(state / "load_balancers" / made[1].id, lab.directory / "lost")
    try:
        refused = purge(world, "--yes")
        assert (refused.returncode, refused.stdout) == (1, "")
        assert "is in use by process" in refused.stderr
        world.service.stop()

        asked = purge(world, typed="no\n")
        assert asked.returncode == 1
        for each in made:
            assert f"load balancer {each.id}: HAProxy processes: 1, namespace qlbaas-{each.id}" in asked.stdout
            assert world.client.get(each.vip).status == 200
        assert f"  bridge {lab.bridge}a\n" in asked.stdout
        assert f"(not the bridge {lab.bridge}b, where others are: {others})" in asked.stdout
        assert f"what Evenload keeps in {state}" in asked.stdout

        done = purge(world, "--yes")
        assert (done.returncode, done.stderr) == (0, "")
        assert f"The bridge {lab.bridge}b stays: others are on it." in done.stdout
        assert haproxies(world) == []
        assert [name for name in os.listdir(NETNS) if name.startswith("qlbaas-")] == [foreign.name]
        assert [name for name in os.listdir(NETS) if name.startswith("tap")] == []
        assert (NETS / lab.bridge).exists()
        assert not (NETS / f"{lab.bridge}a").exists()
        assert (NETS / f"{lab.bridge}b").exists()
        assert not state.exists()

        again = purge(world, "--yes")
        assert again.stdout.splitlines() == [
            "There is nothing to take away.",
            f"(not the bridge {lab.bridge}b, where others are: {others})",
        ]
    finally:
        run_ip([f"netns delete {foreign.name}", f"link delete {others}"])


def test_a_bridge_of_an_installation_with_a_similar_path_is_anothers() -> None:
    made = {"br-purge1": "/srv/a.b", "br-purge2": "/srv/a-b", "br-purge3": "/srv/a[b", "br-purge4": "/else/srv/a.b"}
    for bridge, path in made.items():
        run_ip([f"link add {bridge} type bridge"])
        subprocess.run(["ip", "link", "set", bridge, "alias", f"evenload {path}"], check=True)
    try:
        for bridge, path in made.items():
            command = ["/bin/sh", "-euc", '. "$0"; purge_db=; purge_bridges "$@"', str(SCRIPT), path, "/none", "/none"]
            done = subprocess.run(command, capture_output=True, text=True)
            assert (done.stdout, done.stderr) == (f"linux {bridge}\n", "")
    finally:
        run_ip([f"link delete {bridge}" for bridge in made])


@pytest.mark.parametrize("another", [True, False])
def test_what_another_installation_serves_stays(tmp_path: Path, another: bool) -> None:
    """As where a backup is tried beside the service that it is of: the same ids, ports and names."""
    identifier, port = str(uuid.uuid4()), str(uuid.uuid4())
    name, tap, state = f"qlbaas-{identifier}", f"tap{port[:11]}", tmp_path / "state"
    directory = state / "load_balancers" / identifier
    directory.mkdir(parents=True)
    (directory / "desired.json").write_text(f'{{"port":{{"id":"{port}"}}}}')
    run_ip([f"netns add {name}", f"link add {tap} type veth peer name {tap}x netns {name}"])
    owner = tmp_path / "other" if another else state
    words = ["-D", "-f", "x", "-p", f"{owner}/load_balancers/{identifier}/haproxy-1.pid", ""]
    process = subprocess.Popen(
        ["ip", "netns", "exec", name, "sh", "-c", "echo; read never; :", "haproxy", *words],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.readline()
    try:
        said = {}
        for function in ("purge_list", "purge_all"):
            command = ["/bin/sh", "-euc", f'. "$0"; purge_db=; {function} "$@"', str(SCRIPT)]
            done = subprocess.run([*command, str(state), "/none", str(NETNS)], capture_output=True, text=True)
            assert (done.returncode, done.stderr) == (0, "")
            said[function] = done.stdout
        assert (f"(not the namespace {name}, which another installation uses)" in said["purge_list"]) is another
        assert (NETNS / name).exists() is another
        assert (NETS / tap).exists() is another
        assert not state.exists()
    finally:
        process.kill()
        process.communicate()
        if (NETNS / name).exists():
            run_ip([f"netns delete {name}"])


def test_the_database_may_stay_and_all_is_built_anew_from_it(world: World) -> None:
    world.service.start()
    make_networks(world)
    made = world.balancer("web1", name="three")
    world.wait_answer(made.vip)
    world.service.stop()
    done = purge(world, "--yes", "--keep-database")
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(entry.name for entry in world.lab.state.iterdir()) == ["secrets.key", "server"]
    assert haproxies(world) == []
    world.service.start()
    world.wait_answer(made.vip)
    world.service.stop()
    assert purge(world, "--yes").returncode == 0
    assert not world.lab.state.exists()


def test_ports_and_bridges_of_open_vswitch_go_too() -> None:
    switch = Openvswitch()
    switch.start()
    try:
        with Lab() as lab:
            sections = {
                "agent": {"interface_driver": "openvswitch"},
                "networks": {"bridge_mappings": f"physnet1:{_SWITCH}"},
                "openvswitch": {"connection": switch.connection, "datapath_type": "netdev", "use_veth": "true"},
            }
            world = build_world(lab, sections, webs=())
            make_networks(world)
            made = world.balancer(name="switched")
            world.wait_active(made.id)
            world.service.stop()
            done = purge(world, "--yes")
            assert (done.returncode, done.stderr) == (0, "")
            assert f"  bridge {_SWITCH}\n" in done.stdout
            assert switch.vsctl("list-br") == ""
            assert not lab.state.exists()
            assert haproxies(world) == []
    finally:
        switch.stop()
