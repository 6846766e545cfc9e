"""A change of one member costs what it changes: the lines of the others are neither put together nor taken apart."""

import random
from dataclasses import replace

import pytest
from tests.counting import steps
from tests.fakes.desired import make_desired, member, monitor

from evenload.model.balancer import Member
from evenload.model.desired import Desired
from evenload.render import haproxy_text
from evenload.render.haproxy import render_haproxy
from evenload.render.haproxy_text import (
    AddServer,
    Reload,
    RemoveServer,
    Runtime,
    SetState,
    SetWeight,
    plan_difference,
)
from evenload.render.options import RenderOptions
from evenload.render.server_lines import ServerLines

OPTIONS = RenderOptions(state_dir="/run/evenload")
SIZE = 200


def with_weight(desired: Desired, place: int, weight: int) -> Desired:
    members = list(desired.members)
    members[place] = replace(members[place], weight=weight)
    return replace(desired, members=tuple(members))


@pytest.mark.parametrize("size", [SIZE, 10 * SIZE])
def test_the_line_of_the_one_is_all_that_is_made_anew(size: int) -> None:
    made: list[tuple[Member, int]] = []

    def render(member: Member, number: int) -> str:
        made.append((member, number))
        return f"{member.id} {member.weight} {number}"

    kept, desired = ServerLines(), make_desired(size=size)
    first = kept.of("backend", "terms", desired.members, render)
    assert len(made) == size
    changed = with_weight(desired, 7, 9)
    lines = kept.of("backend", "terms", changed.members, render)
    assert [member for member, _ in made[size:]] == [changed.members[7]]
    assert [line for line, former in zip(lines, first, strict=True) if line != former] == [lines[7]]
    kept.of("backend", "terms", changed.members[1:], render)
    taken_over = len(made)
    assert taken_over < size + size // 10  # those alone whose number was another because of the first
    kept.of("backend", "other terms", changed.members, render)
    assert len(made) == taken_over + size


def test_what_is_kept_never_changes_a_text() -> None:
    dice, kept = random.Random(7), ServerLines()
    spare = [member(number, backup=number % 7 == 0) for number in range(80)]
    desired = make_desired(size=0, monitors=(monitor(),))
    for _ in range(150):
        members = list(desired.members)
        match dice.randrange(6):
            case 0:
                members = dice.sample(spare, dice.randrange(len(spare)))
            case 1 if members:
                members.pop(dice.randrange(len(members)))
            case 2:
                members += [each for each in spare[:30] if each not in members]
            case 3 if members:
                place = dice.randrange(len(members))
                members[place] = replace(members[place], backup=not members[place].backup)
            case 4:
                desired = replace(desired, monitors=(monitor(delay=dice.randrange(1, 9)),) * dice.randrange(2))
            case _ if members:
                place = dice.randrange(len(members))
                members[place] = replace(members[place], weight=dice.randrange(9))
        members = list({each.id: each for each in members}.values())
        before, desired = desired, replace(desired, members=tuple(members))
        text = render_haproxy(desired, OPTIONS, 1, kept=kept)
        assert text == render_haproxy(desired, OPTIONS, 1)
        require_difference(render_haproxy(before, OPTIONS, 1), text)


def require_difference(running: str, wanted: str) -> None:
    """Whatever the texts have in common, the changes lead from the servers of the one to those of the other."""
    now, then = haproxy_text.split(running), haproxy_text.split(wanted)
    servers = dict(now.servers)
    difference = plan_difference(running, wanted)
    if isinstance(difference, Reload):
        beyond = [replace(line, weight=0, disabled=False) for line in then.servers.values()]
        kept = {replace(line, weight=0, disabled=False) for key, line in now.servers.items() if key in then.servers}
        assert now.skeleton != then.skeleton or not kept.issubset(beyond)
        return
    for change in difference.changes if isinstance(difference, Runtime) else ():
        match change:
            case AddServer(server):
                servers[server.backend, server.name] = server
            case RemoveServer():
                del servers[change.backend, change.name]
            case SetWeight():
                key = change.backend, change.name
                servers[key] = replace(servers[key], weight=change.weight)
            case SetState():
                key = change.backend, change.name
                servers[key] = replace(servers[key], disabled=change.maintenance)
    assert (servers, now.skeleton) == (then.servers, then.skeleton)


def test_the_lines_of_the_others_are_not_read() -> None:
    before = render_haproxy(make_desired(size=SIZE), OPTIONS, 1)
    name = make_desired(size=SIZE).members[7].id
    line = next(line for line in before.split("\n") if f" {name} " in line)
    after = before.replace(line, line.replace("weight 1", "weight 9"))
    difference = plan_difference(before, after)
    assert isinstance(difference, Runtime)
    [change] = difference.changes
    assert isinstance(change, SetWeight)
    assert (change.name, change.weight) == (name, 9)
    assert steps(lambda: plan_difference(before, after)) < steps(lambda: haproxy_text.split(before)) / 2


def test_a_line_that_is_not_ours_needs_a_reload_where_it_differs() -> None:
    text = render_haproxy(make_desired(), OPTIONS, 1)
    assert isinstance(plan_difference(text + "    server x\n", text), Reload)
    assert isinstance(plan_difference(text.replace(" weight 1", "", 1), text), Reload)
