"""An agent that comes back hears definitely what it has lost while it was away."""

from datetime import timedelta

import pytest
from tests.fakes.sample_drafts import a_balancer
from tests.unit.service.conftest import World

from evenload.model.desired import Desired, Gone, Outcome
from evenload.model.registration import Registration
from evenload.service.housekeeping import BURIED_FOR, Housekeeping


def fetched(world: World, identifier: str, agent: str = "host-1") -> Desired | Gone:
    return world.gateway.fetch(agent, [identifier])[identifier]


def sweep(world: World) -> None:
    Housekeeping(world.context, world.hints, timedelta(seconds=120)).sweep()


def deleted_while_away(world: World) -> str:
    identifier = world.load_balancers.create("project", a_balancer()).id
    world.settle()
    world.load_balancers.delete(identifier, cascade=True)
    world.clock.advance(1000)
    sweep(world)
    return identifier


def test_one_that_was_deleted_meanwhile(world: World) -> None:
    identifier = deleted_while_away(world)
    world.gateway.register("host-1", Registration())
    for _ in range(2):  # killed in between, it asks again
        assert fetched(world, identifier) == Gone(load_balancer_id=identifier, generation=2)
    assert fetched(world, identifier, "host-2").generation is None
    world.report(identifier, 1)
    world.report(identifier, 2, Outcome.RETRY, "busy")
    assert fetched(world, identifier).generation == 2, "it is not removed yet"
    world.report(identifier, 2)
    assert fetched(world, identifier) == Gone(load_balancer_id=identifier)


@pytest.mark.parametrize("renamed", [False, True])
def test_one_that_was_moved_and_then_deleted(world: World, renamed: bool) -> None:
    identifier = world.load_balancers.create("project", a_balancer()).id
    world.settle()
    world.clock.advance(1000)
    world.gateway.register("host-2", Registration())
    world.load_balancers.failover(identifier)
    world.report(identifier, 2, agent="host-2")
    world.load_balancers.delete(identifier, cascade=True)
    world.report(identifier, 3, agent="host-2")
    name = "host-1b" if renamed else "host-1"
    world.gateway.register(name, Registration(former="host-1"))
    assert fetched(world, identifier, name) == Gone(load_balancer_id=identifier, generation=2)
    assert fetched(world, identifier, "host-2") == Gone(load_balancer_id=identifier)
    world.report(identifier, 2, agent=name)
    assert fetched(world, identifier, name) == Gone(load_balancer_id=identifier)


def test_one_that_came_back_to_the_agent(world: World) -> None:
    identifier = world.load_balancers.create("project", a_balancer()).id
    world.settle()
    world.clock.advance(1000)
    world.gateway.register("host-2", Registration())
    world.load_balancers.failover(identifier)
    world.clock.advance(1000)
    world.gateway.register("host-1", Registration())
    world.load_balancers.failover(identifier)
    assert isinstance(fetched(world, identifier), Desired)
    with world.context.uow.read() as transaction:
        assert transaction.tombstone(identifier, "host-1") is None
        assert transaction.tombstone(identifier, "host-2") == 3


def test_it_is_forgotten_in_the_end(world: World) -> None:
    identifier = deleted_while_away(world)
    sweep(world)
    assert fetched(world, identifier).generation == 2
    world.clock.advance(BURIED_FOR.total_seconds() + 1)
    sweep(world)
    assert fetched(world, identifier).generation is None
