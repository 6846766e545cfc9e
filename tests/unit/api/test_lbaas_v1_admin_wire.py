"""What Neutron serves beside LBaaS v1's objects: agents, service providers, quotas, and the list of extensions."""

from typing import Any

import pytest
from tests.unit.api.conftest import LB, NOWHERE, World

MEMBER = "blue:member"


def agent_of(world: World) -> Any:
    (agent,) = world.get("/v2.0/agents")["agents"]
    return agent


def test_agents(world: World) -> None:
    world.v1_pool()
    agent = agent_of(world)
    assert agent == {
        "id": agent["id"],
        "agent_type": "Loadbalancer agent",
        "binary": "evenload",
        "topic": "n-lbaas_agent",
        "host": "host-1",
        "availability_zone": "nova",
        "admin_state_up": True,
        "created_at": "2026-01-01 00:00:00",
        "started_at": "2026-01-01 00:00:00",
        "heartbeat_timestamp": "2026-01-01 00:00:00",
        "alive": True,
        "configurations": {"device_drivers": ["haproxy_ns"], "instances": 1},
        "description": "",
    }
    path = f"/v2.0/agents/{agent['id']}"
    assert world.get(path) == {"agent": agent}
    assert world.get(path, query_string="fields=host") == {"agent": {"host": "host-1"}}
    body: dict[str, Any] = {"agent": {"admin_state_up": "False", "description": "worn out"}}
    changed = world.call("PUT", path, body, expect=200)["agent"]
    assert changed == {**agent, "admin_state_up": False, "description": "worn out"}
    for query, count in (("host=host-1", 1), ("host=host-2", 0), ("alive=True", 1), ("agent_type=L3 agent", 0)):
        assert len(world.get("/v2/agents", query_string=query)["agents"]) == count
    for wrong in ({"host": "x"}, {"description": None}, {"admin_state_up": "perhaps"}, {"description": "a\x1bb"}):
        kind, message = world.v1_error("PUT", path, {"agent": wrong}, expect=400)
        assert (kind, next(iter(wrong)) in message) == ("InvalidInput", True)


def test_an_agent_that_has_something_to_do_stays(world: World) -> None:
    pool = world.v1_pool()
    path = f"/v2.0/agents/{agent_of(world)['id']}"
    assert "1 load balancers" in world.v1_error("DELETE", path, expect=409)[1]
    world.call("DELETE", f"{LB}/pools/{pool['id']}", expect=204)
    world.call("DELETE", path, expect=204)
    assert world.v1_error("GET", path, expect=404)[0] == "AgentNotFound"


def test_pools_of_an_agent_and_the_agent_of_a_pool(world: World) -> None:
    pool = world.v1_pool()
    agent = agent_of(world)
    path = f"/v2.0/agents/{agent['id']}/loadbalancer-pools"
    assert world.get(path) == {"pools": [pool]}
    assert world.get(path, query_string="fields=id&name=") == {"pools": [{"id": pool["id"]}]}
    assert world.get(f"{LB}/pools/{pool['id']}/loadbalancer-agent") == {"agent": agent}
    assert world.v1_error("GET", f"/v2.0/agents/{NOWHERE}/loadbalancer-pools", expect=404)[0] == "AgentNotFound"
    assert world.v1_error("GET", f"{LB}/pools/{NOWHERE}/loadbalancer-agent", expect=404)[0] == "PoolNotFound"


def test_agents_are_administrators_business(world: World) -> None:
    pool, path = world.v1_pool(), f"/v2.0/agents/{agent_of(world)['id']}"
    for method, where, body in (
        ("GET", "/v2.0/agents", None),
        ("GET", path, None),
        ("PUT", path, {"agent": {}}),
        ("DELETE", path, None),
        ("GET", f"{path}/loadbalancer-pools", None),
        ("GET", f"{LB}/pools/{pool['id']}/loadbalancer-agent", None),
    ):
        assert world.v1_error(method, where, body, user=MEMBER, expect=403)[0] == "PolicyNotAuthorized"


def test_service_providers(world: World) -> None:
    expected = [
        {"service_type": "LOADBALANCER", "name": "haproxy", "default": True},
        {"service_type": "LOADBALANCER", "name": "evenload", "default": False},
    ]
    path = "/v2.0/service-providers"
    assert world.get(path, user=MEMBER) == {"service_providers": expected}
    assert world.get(path, query_string="default=False&fields=name") == {"service_providers": [{"name": "evenload"}]}
    assert world.get(path, query_string="service_type=VPN") == {"service_providers": []}


def test_providers_are_those_of_the_settings(make_world_with: Any) -> None:
    world = make_world_with(lbaas_v1_providers=("lb", "other"))
    assert world.v1_pool()["provider"] == "lb"
    assert world.v1_pool(provider="OTHER")["provider"] == "other"
    body = {"subnet_id": NOWHERE, "protocol": "HTTP", "lb_method": "ROUND_ROBIN", "provider": "haproxy"}
    kind, message = world.v1_error("POST", f"{LB}/pools", {"pool": body}, expect=400)
    assert kind == "ServiceProviderNotFound"
    assert message == "Service provider 'haproxy' could not be found for service type LOADBALANCER."
    assert world.get("/v2.0/service-providers")["service_providers"][0]["name"] == "lb"


def test_quotas(world: World) -> None:
    path, v1 = "/v2.0/quotas/blue", {"vip": 10, "pool": 10, "member": -1, "health_monitor": -1}
    defaults = {**v1, **dict.fromkeys(("loadbalancer", "listener", "healthmonitor", "l7policy", "l7rule"), -1)}
    assert world.get("/v2.0/quotas") == {"quotas": []}
    assert world.get(path, user=MEMBER) == {"quota": defaults}
    changed = {**defaults, "pool": 3}
    assert world.call("PUT", path, {"quota": {"pool": "3"}}, expect=200) == {"quota": changed}
    assert world.get(path, user=MEMBER) == {"quota": changed}
    assert world.get("/v2.0/quotas") == {"quotas": [{**v1, "pool": 3, "tenant_id": "blue"}]}
    assert world.get(path, query_string="fields=pool") == {"quota": {"pool": 3}}
    for _ in range(2):
        world.call("DELETE", path, expect=204)
    assert world.get(path) == {"quota": defaults}
    assert world.get("/v2.0/quotas/tenant", user=MEMBER) == {"tenant": {"tenant_id": "blue"}}
    assert world.v1_error("POST", "/v2.0/quotas", {"quota": {}}, expect=501)[0] == "HTTPNotImplemented"


@pytest.mark.parametrize("limits", [{"pool": -2}, {"pool": 2**31}, {"pool": "x"}, {"pool": None}, {"network": 1}, []])
def test_limits_that_are_none(world: World, limits: Any) -> None:
    kind, message = world.v1_error("PUT", "/v2.0/quotas/blue", {"quota": limits}, expect=400)
    assert kind == "InvalidInput"
    assert next(iter(limits), "quota") in message
    assert world.get("/v2.0/quotas") == {"quotas": []}


def test_whose_quotas(world: World) -> None:
    for method, path, body in (
        ("GET", "/v2.0/quotas", None),
        ("GET", "/v2.0/quotas/red", None),
        ("PUT", "/v2.0/quotas/blue", {"quota": {"pool": 99}}),
        ("DELETE", "/v2.0/quotas/blue", None),
    ):
        assert world.v1_error(method, path, body, user=MEMBER, expect=403)[0] == "PolicyNotAuthorized"
    officer = "other:load-balancer_quota_admin"
    world.call("PUT", "/v2.0/quotas/blue", {"quota": {"pool": 99}}, user=officer, expect=200)
    assert world.get("/v2.0/quotas", user=officer)["quotas"][0]["pool"] == 99
    assert world.v1_error("GET", "/v2.0/quotas/a%20b", expect=400)[0] == "InvalidInput"


def test_extensions(world: World) -> None:
    aliases = {each["alias"] for each in world.get("/v2.0/extensions")["extensions"]}
    wanted = {"lbaas", "lbaas_agent_scheduler", "service-type", "agent", "quotas"}
    assert wanted <= aliases
    for alias in wanted:
        assert world.get(f"/v2.0/extensions/{alias}")["extension"]["alias"] == alias
