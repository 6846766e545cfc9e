"""A port can always be listened on, whatever connections to members there are or have been."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.root.haproxy_stage import VIP, Stage, desired, member
from tests.root.lab import run
from tests.waiting import Repeating, eventually

from evenload.host import netns
from evenload.host.tuning import read_reserved_ports, reserve_ports
from evenload.model.balancer import Listener
from evenload.model.desired import Desired
from evenload.model.enums import ListenerProtocol
from evenload.model.errors import HostError

pytestmark = pytest.mark.root

WEB = Listener(id="web", load_balancer_id="lb", protocol=ListenerProtocol.HTTP, port=80, default_pool_id="app")


@pytest.fixture
def stage() -> Iterator[Stage]:
    with Stage() as stage:
        yield stage


def with_listener_on(port: int) -> Desired:
    """And the one on port 80. The member is at the VIP's address, as which a connection to it comes then."""
    return desired(member(1, address=VIP), listeners=[WEB, replace(WEB, id="more", port=port)])


def source_ports(stage: Stage, state: str) -> list[int]:
    """Of the connections to the member."""
    lines = run("ss", "-Htn", "state", state, "dst", f"{VIP}:8080", namespace=stage.namespace.name).splitlines()
    return [int(line.split()[-2].rpartition(":")[2]) for line in lines]


def test_where_a_connection_to_a_member_has_the_port(stage: Stage) -> None:
    backend = stage.backend(1, address=VIP)
    stage.start(desired(member(1, address=VIP)))
    backend.gate.clear()
    client = stage.client()
    client.request("GET", "/")
    assert eventually(lambda: backend.hits)
    [port] = source_ports(stage, "established")
    stage.reload(with_listener_on(port))
    backend.gate.set()
    assert client.getresponse().read() == b"backend 1"
    assert stage.get(port=port) == "backend 1"
    client.close()


def test_where_a_connection_to_a_member_had_the_port_a_moment_ago(stage: Stage) -> None:
    """HAProxy closes first what a client has closed."""
    stage.backend(1, address=VIP)
    stage.start(desired(member(1, address=VIP), listeners=[replace(WEB, protocol=ListenerProtocol.TCP)]))
    stage.connect().close()
    assert eventually(lambda: source_ports(stage, "time-wait"))
    stage.reload(with_listener_on(source_ports(stage, "time-wait")[0]))


def test_a_takeover_that_cannot_listen_keeps_nobody_from_accepting(stage: Stage) -> None:
    """Another program of that namespace has the port, and does not share it."""
    stage.backend(1, address=VIP)
    pid = stage.start(desired(member(1, address=VIP)))

    def request() -> str | None:
        try:
            return None if stage.get() == "backend 1" else "another answer"
        except OSError as error:
            return repr(error)

    with stage.open(VIP) as taken, Repeating(request) as requests:
        taken.bind((VIP, 35357))
        with pytest.raises(HostError, match=r"listen on port 35357 of 10\.77\.0\.5"):
            stage.reload(with_listener_on(35357))
        assert eventually(lambda: requests.good > 20)
    assert requests.bad == []
    process = stage.haproxy.observe(stage.id).process
    assert process is not None
    assert process.pid == pid
    stage.reload(with_listener_on(35357))
    assert stage.get(port=35357) == "backend 1"


def test_no_connection_gets_a_reserved_port(stage: Stage) -> None:
    ports = range(1026, 65536, 2)
    with netns.visit(stage.namespace):
        reserve_ports(ports)  # 32 pages of text
        assert read_reserved_ports() == frozenset(ports)
        reserve_ports([])
        assert read_reserved_ports() == frozenset()
