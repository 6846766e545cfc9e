"""What administrators see and decide about agents; and quotas."""

from datetime import timedelta

import pytest
from tests.fakes.sample_drafts import a_balancer
from tests.fakes.v1_drafts import a_v1_pool
from tests.unit.service.conftest import World

from evenload.model.errors import Conflict, NoHost, NotFound
from evenload.model.registration import Registration


def test_agents_are_known_by_an_id_that_stays(world: World) -> None:
    [agent] = world.registry.list()
    assert (agent.record.name, agent.alive) == ("host-1", True)
    assert world.registry.get(agent.id) == agent
    assert world.registry.named("host-1") == agent
    assert world.registry.named("nobody") is None
    world.clock.advance(91)
    assert not world.registry.get(agent.id).alive
    world.gateway.register("host-1", Registration())
    started = world.registry.get(agent.id).record
    assert started.created_at == agent.record.created_at
    assert started.started_at == agent.record.started_at + timedelta(seconds=91)  # type: ignore[operator]


def test_an_agent_that_is_off_gets_nothing_new_and_keeps_what_it_has(world: World) -> None:
    lb = world.load_balancers.create("project", a_balancer()).id
    [agent] = world.registry.list()
    changed = world.registry.update(agent.id, admin_state_up=False, description="being moved")
    assert (changed.record.admin_state_up, changed.record.description) == (False, "being moved")
    with pytest.raises(NoHost):
        world.load_balancers.create("project", a_balancer())
    with pytest.raises(NoHost):
        world.v1_pools.create("project", a_v1_pool())
    assert lb in world.gateway.assignments("host-1")
    world.gateway.register("host-1", Registration())
    assert not world.registry.get(agent.id).record.admin_state_up


def test_an_agent_is_forgotten_only_when_nothing_belongs_to_it(world: World) -> None:
    [agent] = world.registry.list()
    pool = world.v1_pools.create("project", a_v1_pool()).pool.id
    with pytest.raises(Conflict):
        world.registry.delete(agent.id)
    world.v1_pools.delete(pool)
    world.registry.delete(agent.id)
    with pytest.raises(NotFound):
        world.registry.get(agent.id)
    with pytest.raises(NotFound):
        world.registry.update(agent.id, description="x")


def test_quotas_are_the_defaults_until_they_are_set(world: World) -> None:
    defaults = {"vip": 10, "pool": 10, "member": -1, "health_monitor": -1}
    assert world.quotas.of("project") == defaults
    assert world.quotas.all() == {}
    world.quotas.set("project", {"vip": 3})
    assert world.quotas.set("project", {"pool": -1}) == {**defaults, "vip": 3, "pool": -1}
    assert world.quotas.all() == {"project": {"vip": 3, "pool": -1}}  # what was set
    assert world.quotas.of("other") == defaults
    for _ in range(2):
        world.quotas.reset("project")
    assert world.quotas.of("project") == defaults
