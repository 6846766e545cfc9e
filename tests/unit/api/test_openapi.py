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

from evenload.api.app import Router
from evenload.api.octavia_v2 import openapi as octavia
from evenload.api.openapi import document
from evenload.model.desired import Health, Statistics

falcon.inspect.register_router(Router)(falcon.inspect.inspect_compiled_router)
PATHS = octavia.paths()
AMPHORAE = "/v2.0/octavia/amphorae"
CONFLICTING = ("DELETE", f"{AMPHORAE}/{{id}}")
"""Always refused here: no amphora is in ERROR."""
OPERATIONS = [
    (method, path, each)
    for path, operations in PATHS.items()
    for method, each in operations.items()
    if "availabilityzones" not in path and "availabilityzoneprofiles" not in path  # the same code as flavors
]
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
        "version": "v2.30",
        "paths": PATHS,
        "components": octavia.components(),
    }


def test_every_path_of_the_service_is_described_with_its_methods(world: World) -> None:
    routes = {
        route.path.replace("/v2/", "/v2.0/", 1): {each.method for each in route.methods if not each.internal}
        for route in falcon.inspect.inspect_routes(world.client.app)
        if route.path.replace("/v2/", "/v2.0/", 1).startswith((f"{LBAAS}/", AMPHORAE))
    }
    described = {path: set(operations) for path, operations in PATHS.items()}
    assert {path for path, methods in routes.items() if methods} == set(described)
    for path, methods in described.items():
        surplus = routes[path] - methods
        assert methods <= routes[path], path
        known = {"POST"} if path.endswith("/failover") else {"PUT", "DELETE"}
        assert surplus <= known, f"{path}: only what an object alone can do is refused at its collection"
        for method in surplus:
            assert world.call(method, path).status_code == 400


class Filling:
    """Puts names of what there is where a case has some text, since no text that is made up is ever one of them."""

    def __init__(self, furnished: Furnished, draw: Callable[[Any], Any]) -> None:
        self._draw = draw
        world = furnished.world
        pools = world_ids(world, "pools")
        policies = world_ids(world, "l7policies")
        flavors, profiles = world_ids(world, "flavors"), world_ids(world, "flavorprofiles")
        self._of_bodies = {
            "loadbalancer_id": world_ids(world, "loadbalancers"),
            "listener_id": world_ids(world, "listeners"),
            "pool_id": pools,
            "default_pool_id": pools,
            "redirect_pool_id": pools,
            "vip_subnet_id": [each["id"] for each in world.get("/v2.0/subnets")["subnets"]],
            "flavor_id": flavors,
            "flavor_profile_id": profiles,
            "provider_name": ["evenload"],
            "provider": ["evenload"],
        }
        self._of_paths = {
            "loadbalancers/{id}": self._of_bodies["loadbalancer_id"],
            "listeners/{id}": self._of_bodies["listener_id"],
            "pools/{id}/members": [furnished.pool["id"]],
            "pools/{id}": pools,
            "members/{member_id}": world_ids(world, f"pools/{furnished.pool['id']}/members"),
            "healthmonitors/{id}": world_ids(world, "healthmonitors"),
            "l7policies/{id}": policies,
            "rules/{rule_id}": [rule for policy in policies for rule in world_ids(world, f"l7policies/{policy}/rules")],
            "quotas/{project_id}": ["blue"],
            "flavors/{key}": flavors,
            "flavorprofiles/{key}": profiles,
            "providers/{name}": ["evenload", "octavia"],
            "amphorae/{id}": [each["id"] for each in world.get(AMPHORAE)["amphorae"]],
        }

    def fill(self, case: Any) -> None:
        for name in case.path_parameters:
            place = next(place for place in self._of_paths if place in case.path and f"{{{name}}}" in place)
            if self._of_paths[place] and self._draw(st.integers(0, 5)):
                case.path_parameters[name] = self._draw(st.sampled_from(self._of_paths[place]))
        if isinstance(case.body, dict):
            self._fill_body(case.body)

    def _fill_body(self, body: dict[str, Any]) -> None:
        for name, value in body.items():
            if isinstance(value, dict):
                self._fill_body(value)
            elif isinstance(value, str) and self._of_bodies.get(name):
                body[name] = self._draw(st.sampled_from(self._of_bodies[name]))


def furnish_further(furnished: Furnished) -> None:
    world = furnished.world
    counted = {furnished.listener["id"]: Statistics(bytes_in=1)}
    world.gateway.health("host-1", [Health(load_balancer_id=furnished.balancer["id"], statuses={}, statistics=counted)])
    rule = {"type": "HEADER", "compare_type": "EQUAL_TO", "key": "X-Test", "value": "x"}
    policy = {"listener_id": furnished.listener["id"], "action": "REJECT", "rules": [rule]}
    world.post(f"{LBAAS}/l7policies", {"l7policy": policy})
    world.call("PUT", f"{LBAAS}/quotas/blue", {"quota": {"listener": 50}}, expect=202)
    for name in ("used", "unused"):
        profile = {"name": name, "provider_name": "evenload", "flavor_data": "{}"}
        made = world.post(f"{LBAAS}/flavorprofiles", {"flavorprofile": profile})
        if name == "used":
            world.post(f"{LBAAS}/flavors", {"flavor": {"name": name, "flavor_profile_id": made["id"]}})


def world_ids(world: World, plural: str) -> list[str]:
    found = world.get(f"{LBAAS}/{plural}")
    return [each["id"] for each in found[plural.rsplit("/", 1)[-1]]]


@pytest.mark.parametrize(("method", "path", "mode"), CASES)
def test_answers_are_as_described(furnished: Furnished, method: str, path: str, mode: GenerationMode) -> None:
    operation = schemathesis.openapi.from_wsgi("/openapi.json", furnished.world.client.app)[path][method]
    furnished.world.settle()
    furnish_further(furnished)
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
    seldom = mode is GenerationMode.NEGATIVE or method in ("POST", "PUT") or (method, path) == CONFLICTING
    assert seldom or PATHS[path][method].status in answered
