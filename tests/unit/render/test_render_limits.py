"""What a load balancer may open: connections and the pipes that splice them."""

from dataclasses import replace

import pytest
from tests.unit.render.desired_for_render import make_desired, text_of

from evenload.api.reasons import reason_for_owner
from evenload.model.balancer import Listener, LoadBalancer
from evenload.model.desired import Desired
from evenload.model.enums import ListenerProtocol
from evenload.model.flavor import FlavorValues
from evenload.render.haproxy import render_haproxy
from evenload.render.haproxy_room import choose_connections, find_shortage, is_crowded, limit_of, room_of
from evenload.render.options import RenderOptions


def listeners(count: int) -> tuple[Listener, ...]:
    return tuple(
        Listener(id=f"web{port}", load_balancer_id="lb", protocol=ListenerProtocol.HTTP, port=port)
        for port in range(80, 80 + count)
    )


def limits(count: int) -> tuple[int, int]:
    return limits_in(text_of(make_desired(listeners=listeners(count))))


def limits_in(text: str) -> tuple[int, int]:
    lines = text.splitlines()
    section = lines[: lines.index("defaults")]
    found = dict(line.split() for line in section if line.startswith(("    maxconn ", "    maxpipes ")))
    return int(found["maxconn"]), int(found["maxpipes"])


def limited(*numbers: int) -> Desired:
    made = listeners(len(numbers))
    return make_desired(
        listeners=tuple(replace(each, connection_limit=number) for each, number in zip(made, numbers, strict=True))
    )


@pytest.mark.parametrize(
    ("numbers", "room", "open_files", "connections"),
    [
        ((-1,), 0, 20_000, 2000),
        ((-1,) * 50, 0, 20_000, 2000),
        ((-1,), 8000, 20_000, 8000),
        ((-1,), 32_000, 20_000, 9350),
        ((-1,), 128_000, 1_048_576, 50_000),
        ((-1,), 128_000, None, 50_000),
        ((300,), 0, 20_000, 300),
        ((300,), 8000, 20_000, 300),
        ((3000, 4000, -1), 0, 20_000, 7000),
        ((50_000,), 0, None, 50_000),
        ((0,), 0, 20_000, 100),
    ],
)
def test_a_process_has_room_for_what_is_asked_and_for_more_where_it_is_needed(
    numbers: tuple[int, ...], room: int, open_files: int | None, connections: int
) -> None:
    options = RenderOptions(state_dir="/x", open_files=open_files)
    text = render_haproxy(limited(*numbers), options, 1, room=room)
    assert limits_in(text)[0] == connections
    assert room_of(text) == connections


def test_a_listener_without_a_limit_has_fifty_thousand() -> None:
    assert limit_of(listeners(1)[0], LoadBalancer(id="lb"), RenderOptions(state_dir="/x")) == 50_000


@pytest.mark.parametrize(
    ("numbers", "open_files", "named"),
    [
        ((-1, 9000), 20_000, None),
        ((-1, 9500), 20_000, "web81"),
        ((50_000,), None, None),
        ((50_001,), None, "web80"),
    ],
)
def test_a_limit_that_cannot_be_had_is_named(
    numbers: tuple[int, ...], open_files: int | None, named: str | None
) -> None:
    shortage = find_shortage(limited(*numbers), RenderOptions(state_dir="/x", open_files=open_files), 0)
    assert (shortage is None) if named is None else (shortage is not None and named in shortage)


@pytest.mark.parametrize(
    ("flavor", "numbers", "open_files", "connections", "named"),
    [
        (FlavorValues(connection_limit=500), (-1,), 20_000, 500, None),
        (FlavorValues(connection_limit=500), (-1, 9000), 20_000, 500, None),
        (FlavorValues(connection_limit=50_000), (-1,), 20_000, 2000, "its flavor: a connection_limit of 50000"),
        (FlavorValues(connection_limit=60_000), (-1,), None, 2000, "its flavor: a connection_limit of 60000"),
        (FlavorValues(log=True), (-1,), 20_000, 2000, "its flavor: a log"),
        (FlavorValues(threads=64), (9200, *(0,) * 11), 20_000, 9211, None),
        (FlavorValues(threads=64), (9300, *(0,) * 11), 20_000, 9250, "listener web80"),
    ],
)
def test_a_flavor_limits_the_whole_load_balancer_and_says_what_its_host_has_not(
    flavor: FlavorValues, numbers: tuple[int, ...], open_files: int | None, connections: int, named: str | None
) -> None:
    plain = limited(*numbers)
    desired = replace(plain, load_balancer=replace(plain.load_balancer, flavor=flavor))
    options = RenderOptions(state_dir="/x", open_files=open_files)
    text = render_haproxy(desired, options, 1)
    assert limits_in(text)[0] == connections
    shortage = find_shortage(desired, options, 0)
    assert shortage == named if named is None else named in str(shortage)
    assert shortage is None or reason_for_owner(shortage.replace("web80", "0a")) == shortage.replace("web80", "0a")


@pytest.mark.parametrize(("connections", "room", "crowded"), [(999, 2000, False), (1000, 2000, True), (9000, 0, False)])
def test_a_process_is_crowded_when_half_of_its_room_is_taken(connections: int, room: int, crowded: bool) -> None:
    assert is_crowded(connections, room) is crowded


def test_pipes_stay_a_quarter_of_the_connections_while_those_are_few() -> None:
    assert limits(1) == (2000, 500)


@pytest.mark.parametrize("open_files", [256, 512, 1024, 4096, 20_000, 1_048_576])
@pytest.mark.parametrize("other", [0, 50, 1000])
def test_few_open_files_mean_few_connections(open_files: int, other: int) -> None:
    connections = choose_connections(open_files, other)
    pipes = min(max(connections // 4, 1), 500)
    assert connections == 10 or 2 * connections + 2 * pipes + other + 60 <= open_files


def test_a_limit_of_open_files_that_suffices_changes_nothing() -> None:
    assert choose_connections(120_000, 200) > RenderOptions(state_dir="/x").process_maxconn


def test_a_member_more_does_not_change_the_number_of_connections() -> None:
    assert choose_connections(1024, 3) == choose_connections(1024, 4)
