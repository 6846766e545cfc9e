"""The OpenAPI document, and the service held against it: no answer breaks its schema, and nothing answers 500."""

import json
from collections.abc import Callable
from typing import Any

import falcon.inspect
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.unit.api.conftest import LBAAS, Furnished, World

from evenload.api.octavia_v2 import openapi as octavia
from evenload.api.openapi import document

PATHS = octavia.paths()
OPERATIONS = [(method, path, each) for path, operations in PATHS.items() for method, each in operations.items()]
CASES = [(method, path, GenerationMode.POSITIVE) for method, path, _ in OPERATIONS] + [
    (method, path, GenerationMode.NEGATIVE) for method, path, each in OPERATIONS if each.body or each.query
]
EXAMPLES = 8
_CHECKS = [status_code_conformance, content_type_conformance, response_schema_conformance]


def test_the_document_is_there_for_everybody(world: World) -> None:
    result = world.call("GET", "/openapi.json", user="nobody")
    assert (result.status_code, result.content_type) == (200, "application/json")
    assert result.json == json.loads(json.dumps(document(**described())))
    assert world.call("GET", "/openapi.json", user="nobody").content == result.content


def described() -> dict[str, Any]:
    return {
        "title": "Evenload: load balancing, API v2",
        "version": "v2.12",
        "paths": PATHS,
        "components": octavia.components(),
    }


def test_every_path_of_the_service_is_described_with_its_methods(world: World) -> None:
    routes = {
        route.path: {each.method for each in route.methods if not each.internal}
        for route in falcon.inspect.inspect_routes(world.client.app)
        if route.path.startswith(f"{LBAAS}/") and not refuses_all(world, route.path)
    }
    described = {path: set(operations) for path, operations in PATHS.items()}
    assert set(routes) == set(described)
    for path, methods in described.items():
        surplus = routes[path] - methods
        assert methods <= routes[path], path
        assert surplus <= {"PUT", "DELETE"}, f"{path}: only what an object alone can do is refused at its collection"
        for method in surplus:
            assert world.call(method, path).status_code == 400


def refuses_all(world: World, path: str) -> bool:
    """Whether it is there to be refused by name, or to be empty."""
    return "flavor" in path or "availabilityzone" in path or "l7policies" in path or "provider" in path


class Filling:
    """Puts ids of what there is where a case has some text, since no text that is made up is ever one of them."""

    def __init__(self, furnished: Furnished, draw: Callable[[Any], Any]) -> None:
        self._draw = draw
        world = furnished.world
        self._ids: dict[str, list[str]] = {
            "loadbalancer_id": world_ids(world, "loadbalancers"),
            "listener_id": world_ids(world, "listeners"),
            "pool_id": world_ids(world, "pools"),
            "healthmonitor_id": world_ids(world, "healthmonitors"),
            "member_id": world_ids(world, f"pools/{furnished.pool['id']}/members"),
            "project_id": ["blue"],
            "vip_subnet_id": [each["id"] for each in world.get("/v2.0/subnets")["subnets"]],
        }
        self._ids["default_pool_id"] = self._ids["pool_id"]
        self._pool_with_members = furnished.pool["id"]

    def fill(self, case: Any) -> None:
        kind = case.path.removeprefix(f"{LBAAS}/").split("/")[0]
        for name in case.path_parameters:
            known = self._ids.get(f"{kind.removesuffix('s')}_id" if name == "id" else name, [])
            if "members" in case.path and name == "id":
                known = [self._pool_with_members]
            if known and self._draw(st.integers(0, 5)):
                case.path_parameters[name] = self._draw(st.sampled_from(known))
        if isinstance(case.body, dict):
            self._fill_body(case.body)

    def _fill_body(self, body: dict[str, Any]) -> None:
        for name, value in body.items():
            if isinstance(value, dict):
                self._fill_body(value)
            elif isinstance(value, str) and self._ids.get(name):
                body[name] = self._draw(st.sampled_from(self._ids[name]))


def world_ids(world: World, plural: str) -> list[str]:
    found = world.get(f"{LBAAS}/{plural}")
    return [each["id"] for each in found[plural.rsplit("/", 1)[-1]]]


@pytest.mark.parametrize(("method", "path", "mode"), CASES)
def test_answers_are_as_described(furnished: Furnished, method: str, path: str, mode: GenerationMode) -> None:
    operation = schemathesis.openapi.from_wsgi("/openapi.json", furnished.world.client.app)[path][method]
    furnished.world.settle()
    furnished.world.call("PUT", f"{LBAAS}/quotas/blue", {"quota": {"listener": 50}}, expect=202)
    answered: set[int] = set()

    @settings(
        derandomize=True,
        database=None,
        deadline=None,
        max_examples=EXAMPLES,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), data=st.data())
    def holds(case: Any, data: st.DataObject) -> None:
        Filling(furnished, data.draw).fill(case)
        response = case.call()
        answered.add(response.status_code)
        assert response.status_code != 500, response.text
        case.validate_response(response, checks=_CHECKS)

    holds()
    assert mode is GenerationMode.NEGATIVE or method in ("POST", "PUT") or PATHS[path][method].status in answered
