"""Requests that hold as much as they may: refused before they cost much, answered without doing anything twice.

Work is counted, never timed.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from tests.unit.api.conftest import LBAAS, World

from evenload.api import attributes
from evenload.api.octavia_v2 import present

JSON = {"Content-Type": "application/json"}


def refusal(world: World, text: str) -> str:
    result = world.call("POST", f"{LBAAS}/loadbalancers", content=text.encode(), headers=JSON)
    assert result.status_code == 400
    fault: str = result.json["faultstring"]
    return fault


def test_more_values_than_the_parser_may_read_at_once(world: World) -> None:
    assert "200000 values" in refusal(world, f'{{"loadbalancer": {{"tags": [{"1," * 200_000}1]}}}}')


def test_more_attributes_than_any_object_has(world: World) -> None:
    many = ",".join(f'"a{number}": 1' for number in range(101))
    assert "more than 100 attributes" in refusal(world, f'{{"loadbalancer": {{{many}}}}}')
    assert "Unknown attribute" in refusal(world, f'{{"loadbalancer": {{{many.rpartition(",")[0]}}}}}')


def test_of_many_faults_only_the_first_ones_are_found(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[int] = []
    refuse = attributes.refusal

    def count(error: Any, wrapper: str) -> Any:
        found.append(error.error_count())
        return refuse(error, wrapper)

    monkeypatch.setattr(attributes, "refusal", count)
    pools: list[Any] = [{"members": [{}] * 500}] * 100
    text = json.dumps({"loadbalancer": {"listeners": [{}] * 1000, "pools": pools}})
    assert refusal(world, text) == (
        "Invalid input for field/attribute listeners[0].protocol. Value: 'None'. Mandatory field missing."
    )
    assert len(found) == 1
    assert found[0] < 20


# ----------------------------------------------------------------------------------------------- the status tree


def shared_pool(world: World, listeners: int, members: int) -> Any:
    """A load balancer whose listeners all have the same pool."""
    body: dict[str, Any] = {
        "listeners": [
            {"protocol": "TCP", "protocol_port": 1000 + number, "default_pool": {"name": "pool"}}
            for number in range(listeners)
        ],
        "pools": [
            {
                "name": "pool",
                "protocol": "TCP",
                "lb_algorithm": "ROUND_ROBIN",
                "members": [
                    {"address": f"10.9.{number // 250}.{number % 250 + 1}", "protocol_port": 80}
                    for number in range(members)
                ],
            }
        ],
    }
    return world.balancer(world.shared_subnet_at("10.1.0.0/24"), **body)


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> Iterator[list[Any]]:
    calls: list[Any] = []
    real: Callable[..., Any] = getattr(module, name)

    def call(*arguments: Any, **more: Any) -> Any:
        calls.append(arguments)
        return real(*arguments, **more)

    with monkeypatch.context() as patch:
        patch.setattr(module, name, call)
        yield calls


def test_a_pool_under_many_listeners_is_put_into_words_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    balancer = shared_pool(world, listeners=20, members=30)
    with counted(monkeypatch, present, "_status") as calls:
        tree = world.get(f"{LBAAS}/loadbalancers/{balancer['id']}/status")["statuses"]["loadbalancer"]
    assert len(calls) == 1 + 20 + 1 + 30
    assert len(tree["listeners"]) == 20
    assert all(listener["pools"] == tree["listeners"][0]["pools"] for listener in tree["listeners"])
    assert len(tree["listeners"][0]["pools"][0]["members"]) == 30


def test_a_status_tree_of_more_members_than_are_shown(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    balancer = shared_pool(world, listeners=4, members=5)
    path = f"{LBAAS}/loadbalancers/{balancer['id']}/status"
    monkeypatch.setattr(present, "_MAX_STATUSES", 20)
    world.call("GET", path, expect=200)
    monkeypatch.setattr(present, "_MAX_STATUSES", 19)
    fault = world.call("GET", path, expect=409)["faultstring"]
    assert "20 members" in fault
    assert "ask for the pools" in fault


def test_a_status_tree_is_asked_for_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one transaction at the most, which is where one statement does not say all."""
    balancer = shared_pool(world, listeners=1, members=2)
    path = f"{LBAAS}/loadbalancers/{balancer['id']}/status"
    with counted(monkeypatch, world.uow, "look") as looks, counted(monkeypatch, world.uow, "read") as transactions:
        world.call("GET", path, expect=200)
        assert (len(looks), len(transactions)) in ((1, 0), (1, 1))
        world.call("GET", path, user="red:member", expect=403)
