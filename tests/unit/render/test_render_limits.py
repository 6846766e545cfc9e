"""What a load balancer may open: connections and the pipes that splice them."""

import pytest
from tests.unit.render.desired_for_render import make_desired, text_of

from evenload.model.balancer import Listener
from evenload.model.enums import ListenerProtocol
from evenload.render.haproxy_sections import choose_connections
from evenload.render.options import RenderOptions


def listeners(count: int) -> tuple[Listener, ...]:
    return tuple(
        Listener(id=f"web{port}", load_balancer_id="lb", protocol=ListenerProtocol.HTTP, port=port)
        for port in range(80, 80 + count)
    )


def limits(count: int) -> tuple[int, int]:
    lines = text_of(make_desired(listeners=listeners(count))).splitlines()
    section = lines[: lines.index("defaults")]
    found = dict(line.split() for line in section if line.startswith(("    maxconn ", "    maxpipes ")))
    return int(found["maxconn"]), int(found["maxpipes"])


@pytest.mark.parametrize("count", [1, 4, 50])
def test_many_listeners_fit_into_the_files_that_one_process_may_open(count: int) -> None:
    """20,000 is the hard limit of many machines; members need a file each for their checks."""
    connections, pipes = limits(count)
    assert 2 * connections + 2 * pipes <= 17_500


def test_pipes_stay_a_quarter_of_the_connections_while_those_are_few() -> None:
    assert limits(1) == (2000, 500)


@pytest.mark.parametrize("open_files", [256, 512, 1024, 4096, 20_000, 1_048_576])
@pytest.mark.parametrize("other", [0, 50, 1000])
def test_few_open_files_mean_few_connections(open_files: int, other: int) -> None:
    connections = choose_connections(open_files, other)
    pipes = min(max(connections // 4, 1), 500)
    assert connections == 10 or 2 * connections + 2 * pipes + other + 60 <= open_files


def test_a_limit_of_open_files_that_suffices_changes_nothing() -> None:
    assert choose_connections(20_000, 200) > RenderOptions(state_dir="/x").process_maxconn


def test_a_member_more_does_not_change_the_number_of_connections() -> None:
    assert choose_connections(1024, 3) == choose_connections(1024, 4)
