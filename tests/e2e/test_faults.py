"""What dies comes back, and what runs is not disturbed: HAProxy killed, the service ended and killed."""

import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time

import pytest
from demo.lab import run_ip
from demo.traces import read_haproxy_pids
from demo.traffic import Load
from tests.e2e.world import Balanced, World
from tests.waiting import NET

from evenload.main.http.connection import FIRST_REQUEST_SECONDS


def test_a_killed_haproxy_is_back(fragile_world: World) -> None:
    world = fragile_world
    balanced = world.balancer("web1")
    world.wait_answer(balanced.vip)
    [pid] = read_haproxy_pids(balanced.id)
    os.kill(pid, signal.SIGKILL)
    world.measure("HAProxy killed to the next 200 (promise: 2 s)", world.wait_answer(balanced.vip))
    assert pid not in read_haproxy_pids(balanced.id)
    world.wait_active(balanced.id)


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_restarted_service_adopts_what_runs(fragile_world: World, end: str) -> None:
    """A connection that was open before stays the same connection, and so does the process behind it."""
    world = fragile_world
    balanced = world.balancer("web1", "web2", monitor=True)
    world.wait_answer(balanced.vip)
    pids = read_haproxy_pids(balanced.id)
    kept = world.client.open(balanced.vip)
    assert kept.ask().status == 200
    own = kept.sock.getsockname()
    with Load(world.client, balanced.vip) as load:
        if end == "stop":
            assert world.service.stop() == 0
        else:
            world.service.kill()
        load.await_more(20)
        assert kept.ask().status == 200, "while the service is down"
        world.measure(f"service ready again after {end}", world.service.start())
        world.wait_status(f"loadbalancers/{balanced.id}", "ONLINE")
        load.await_more(20)
        assert kept.ask().status == 200, "after the restart"
    assert kept.sock.getsockname() == own
    kept.close()
    assert not load.failures, load.failures[:5]
    assert read_haproxy_pids(balanced.id) == pids

    reply = world.lbaas("PUT", f"listeners/{balanced.listener_id}", {"listener": {"timeout_client_data": 45000}})
    assert reply.status == 200, reply
    world.wait_active(balanced.id)
    world.wait_answer(balanced.vip)


def test_an_haproxy_that_died_meanwhile_is_back_after_the_start(fragile_world: World) -> None:
    world = fragile_world
    balanced = world.balancer("web1")
    world.wait_answer(balanced.vip)
    world.service.kill()
    for pid in read_haproxy_pids(balanced.id):
        os.kill(pid, signal.SIGKILL)
    world.service.start()
    world.wait_answer(balanced.vip)


def test_a_change_just_before_a_crash_is_not_lost(fragile_world: World) -> None:
    world = fragile_world
    balanced = world.balancer("web1")
    world.wait_answer(balanced.vip)
    world.create("listeners", "listener", loadbalancer_id=balanced.id, protocol="HTTP", protocol_port=81,
                 default_pool_id=balanced.pool_id)  # fmt: skip
    world.service.kill()
    world.service.start()
    world.wait_answer(balanced.vip, 81)
    world.wait_active(balanced.id)


def test_a_deletion_just_before_a_crash_is_carried_out(fragile_world: World) -> None:
    world = fragile_world
    balanced = world.balancer("web1")
    world.wait_answer(balanced.vip)
    assert world.lbaas("DELETE", f"loadbalancers/{balanced.id}?cascade=true").status == 204
    world.service.kill()
    world.service.start()
    world.wait(lambda: world.lbaas("GET", f"loadbalancers/{balanced.id}").status == 404, "gone")
    world.assert_gone(balanced.id)


def test_an_edited_file_is_put_right_at_the_next_look(fragile_world: World) -> None:
    world = fragile_world
    balanced = world.balancer("web1")
    world.wait_answer(balanced.vip)
    wanted = world.config_of(balanced.id)
    path = world.lab.state / "load_balancers" / balanced.id / "haproxy.cfg"
    path.write_text(wanted + "\n# edited\n")
    world.wait(lambda: world.config_of(balanced.id) == wanted, "the file as it was")
    world.wait_answer(balanced.vip)


@pytest.mark.parametrize(
    "damage",
    [
        "addr flush dev {inside} scope global",
        "link set {inside} down",
        "link del {inside}",
        "link set {inside} mtu 1300",
        "route flush table main",
        "link set lo down",
    ],
)
def test_damage_inside_the_namespace_is_put_right(fragile_world: World, damage: str) -> None:
    world = fragile_world
    balanced = world.balancer("web1")
    world.wait_answer(balanced.vip)
    inside = f"ns-{balanced.port_id[:11]}"
    before = _read_network(balanced, inside)
    with world.service.frozen():
        run_ip([damage.format(inside=inside)], namespace=f"qlbaas-{balanced.id}")
        assert _read_network(balanced, inside) != before, "nothing was damaged"
    world.wait(lambda: _read_network(balanced, inside) == before, f"as before {damage}")
    world.wait_answer(balanced.vip)


@pytest.mark.parametrize("damage", ["link set {outside} nomaster", "link set {outside} down", "link del {outside}"])
def test_damage_outside_the_namespace_is_put_right(fragile_world: World, damage: str) -> None:
    world = fragile_world
    balanced = world.balancer("web1")
    world.wait_answer(balanced.vip)
    with world.service.frozen():
        run_ip([damage.format(outside=f"tap{balanced.port_id[:11]}")])
        assert not world.reaches(balanced.vip), "nothing was damaged"
    begun = time.monotonic()
    world.wait_answer(balanced.vip)
    world.measure("damaged link put right (look every 1 s)", time.monotonic() - begun)


def test_a_client_that_vanished_does_not_hold_up_a_deletion(fragile_world: World) -> None:
    """Its connection stays half open in the namespace for a minute and more."""
    world = fragile_world
    balanced = world.balancer("web1")
    world.wait_answer(balanced.vip)
    kept = world.client.open(balanced.vip)
    assert kept.ask().status == 200
    client = world.lab.machines["client"].namespace.name
    run_ip(["link set eth0 down"], namespace=client)
    try:
        begun = time.monotonic()
        world.delete(balanced.id)
        world.measure("deletion with a vanished client", time.monotonic() - begun)
    finally:
        run_ip(["link set eth0 up"], namespace=client)
        kept.close()
    again = world.balancer("web1", vip_address=balanced.vip)
    world.wait_answer(again.vip)


def test_a_namespace_that_was_removed_is_there_again(fragile_world: World) -> None:
    world = fragile_world
    balanced = world.balancer("web1")
    world.wait_answer(balanced.vip)
    pids = read_haproxy_pids(balanced.id)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    run_ip([f"netns del qlbaas-{balanced.id}"])
    world.wait(lambda: read_haproxy_pids(balanced.id) - pids, "a new process in a new namespace")
    world.wait_answer(balanced.vip)
    world.wait_active(balanced.id)


def test_a_state_directory_that_was_removed_is_there_again(fragile_world: World) -> None:
    world = fragile_world
    balanced = world.balancer("web1")
    world.wait_answer(balanced.vip)
    wanted = world.config_of(balanced.id)
    shutil.rmtree(world.lab.state / "load_balancers" / balanced.id)
    directory = world.lab.state / "load_balancers" / balanced.id
    world.wait(lambda: (directory / "haproxy.cfg").exists(), "the file again")
    assert _without_worker(world.config_of(balanced.id)) == _without_worker(wanted)
    world.wait_answer(balanced.vip)
    assert len(world.wait(lambda: read_haproxy_pids(balanced.id), "a process")) == 1


def test_a_stop_during_requests_breaks_no_answer(fragile_world: World) -> None:
    """Every request is answered whole, or refused before it was taken."""
    world = fragile_world
    good: list[http.client.HTTPResponse] = []
    broken: list[str] = []
    ended = threading.Event()

    def ask() -> None:
        while not ended.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", world.service.port, timeout=NET)
            try:
                connection.connect()
                begun = time.monotonic()
                connection.request("GET", "/v2.0/lbaas/loadbalancers")
                late = time.monotonic() - begun >= FIRST_REQUEST_SECONDS / 2
                good.append(connection.getresponse())
                json.loads(good[-1].read())
            except ConnectionRefusedError:
                return
            except http.client.RemoteDisconnected as error:
                if not late:  # the machine has kept this client from asking in time
                    broken.append(f"accepted and not answered: {error!r}")
                return
            except ConnectionResetError:
                return  # it stood in the kernel's queue and was never accepted: safe to repeat
            except (OSError, http.client.HTTPException, ValueError) as error:
                broken.append(repr(error))
                return
            finally:
                connection.close()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    world.wait(lambda: len(good) > 20, "requests under way")
    begun = time.monotonic()
    code = world.service.stop()
    world.measure("clean stop of the service under load", time.monotonic() - begun)
    ended.set()
    for thread in threads:
        thread.join()
    assert code == 0
    assert not broken, broken
    assert {reply.status for reply in good} == {200}
    assert "Traceback" not in world.service.tail(40)


def _read_network(balanced: Balanced, inside: str) -> tuple[str, ...]:
    """What the namespace looks like to ``ip``: the device, its addresses and the routes, without what just counts."""
    namespace = f"qlbaas-{balanced.id}"
    looks = (["-o", "addr", "show", "dev", inside], ["-o", "link", "show", "lo"], ["route"], ["-6", "route"])
    seen = []
    for look in looks:
        done = subprocess.run(["ip", "-n", namespace, *look], capture_output=True, text=True, check=False)
        seen.append("\n".join(sorted(re.sub(r"^\d+: |@if\d+", "", line) for line in done.stdout.splitlines())))
    device = subprocess.run(
        ["ip", "-n", namespace, "-o", "link", "show", inside], capture_output=True, text=True, check=False
    )
    words = re.findall(r"mtu \d+|state \w+|link/ether \S+", device.stdout)
    return (*seen, *words)


def _without_worker(text: str) -> str:
    return re.sub(r"haproxy-\d+\.sock", "haproxy.sock", text)
