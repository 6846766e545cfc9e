"""Every call that openstacksdk has for load balancers, each against the running service; none may be left out."""

import inspect
from typing import Any

from openstack.load_balancer.v2._proxy import Proxy
from tests.e2e.world import World

CALLS = {name for name, each in vars(Proxy).items() if inspect.isfunction(each) and not name.startswith("_")}
MANY: dict[str, str] = {"l7_policy": "l7_policies", "health_monitor": "health_monitors"}


class Noting:
    """The proxy, which notes what it was asked for."""

    def __init__(self, proxy: Any, called: set[str]) -> None:
        self._proxy = proxy
        self._called = called

    def __getattr__(self, name: str) -> Any:
        self._called.add(name)
        return getattr(self._proxy, name)

    def call(self, name: str, /, *args: Any, **attributes: Any) -> Any:
        return getattr(self, name)(*args, **attributes)


def made(api: Noting, kind: str, /, *parents: Any, changed: dict[str, Any], **attributes: Any) -> Any:
    """The object, after every call that creates, shows, finds, lists and changes."""
    after = [parent.id for parent in parents]
    created = api.call(f"create_{kind}", *after, **attributes)
    key = created.id
    assert api.call(f"get_{kind}", key, *after).id == key
    if kind != "l7_rule":  # it has no name
        assert api.call(f"find_{kind}", created.name, *after).id == key
    assert api.call(f"find_{kind}", key, *after).id == key
    assert key in {each.id for each in api.call(MANY.get(kind, f"{kind}s"), *after)}
    if kind == "member":
        updated = api.update_member(key, *after, **changed)
    elif kind == "l7_rule":
        updated = api.update_l7_rule(key, *after, **changed)
    else:
        updated = api.call(f"update_{kind}", key, **changed)
    for name, value in changed.items():
        assert getattr(updated, name) == value
    return created


def load_balancers_and_all_that_hangs_on_them(world: World, api: Noting) -> None:
    balancer = made(api, "load_balancer", changed={"description": "b"}, name="sdk", vip_subnet_id=world.subnet_id)
    assert api.wait_for_load_balancer(balancer.id, wait=60, interval=0.1).provisioning_status == "ACTIVE"
    shown = api.get_load_balancer(balancer.id)
    assert api.wait_for_status(shown, "ACTIVE", [], 0.1, 60, "provisioning_status").id == balancer.id
    assert api.get_load_balancer_statistics(balancer.id).total_connections == 0
    api.failover_load_balancer(balancer.id)
    pool = made(
        api,
        "pool",
        changed={"lb_algorithm": "LEAST_CONNECTIONS"},
        name="pool",
        loadbalancer_id=balancer.id,
        protocol="HTTP",
        lb_algorithm="ROUND_ROBIN",
    )
    listener = made(
        api,
        "listener",
        changed={"connection_limit": 100},
        name="web",
        load_balancer_id=balancer.id,
        protocol="HTTP",
        protocol_port=80,
        default_pool_id=pool.id,
    )
    assert api.get_listener_statistics(listener.id).request_errors == 0
    member = made(api, "member", pool, changed={"weight": 7}, **world.member("web1"))
    monitor = made(
        api,
        "health_monitor",
        changed={"delay": 9},
        name="check",
        pool_id=pool.id,
        type="TCP",
        delay=5,
        timeout=3,
        max_retries=2,
    )
    policy = made(
        api,
        "l7_policy",
        changed={"description": "no admins"},
        name="policy",
        listener_id=listener.id,
        action="REJECT",
    )
    rule = made(
        api, "l7_rule", policy, changed={"rule_value": "/b"}, type="PATH", compare_type="STARTS_WITH", value="/admin"
    )
    api.wait_for_load_balancer(balancer.id, wait=60, interval=0.1)
    instances_of(api, balancer.id)
    api.delete_l7_rule(rule.id, policy.id)
    api.delete_l7_policy(policy.id)
    api.delete_health_monitor(monitor.id)
    api.delete_member(member.id, pool.id)
    api.delete_listener(listener.id)
    api.delete_pool(pool.id)
    api.delete_load_balancer(balancer.id, cascade=True)
    api.wait_for_delete(shown, 0.1, 60)
    assert api.find_load_balancer(balancer.id) is None


def instances_of(api: Noting, load_balancer_id: str) -> None:
    (instance,) = api.amphorae(loadbalancer_id=load_balancer_id)
    assert api.get_amphora(instance.id).loadbalancer_id == load_balancer_id
    assert api.find_amphora(instance.id).status == "ALLOCATED"
    api.configure_amphora(instance.id)
    api.failover_amphora(instance.id)
    api.wait_for_load_balancer(load_balancer_id, wait=60, interval=0.1)


def quotas_and_providers(world: World, api: Noting) -> None:
    project = world.cloud.current_project_id or "admin"
    assert api.update_quota(project, load_balancer=5).load_balancers == 5
    assert api.get_quota(project).load_balancers == 5
    assert 5 in [each.load_balancers for each in api.quotas()]
    assert api.get_quota_default().load_balancers == -1
    api.delete_quota(project)
    assert {each.name for each in api.providers()} == {"evenload", "octavia", "amphora"}
    assert {each.name for each in api.provider_flavor_capabilities("evenload")} >= {"threads"}


def flavors_and_availability_zones(api: Noting) -> None:
    profile = made(
        api,
        "flavor_profile",
        changed={"name": "two"},
        name="one",
        provider_name="evenload",
        flavor_data='{"threads": 2}',
    )
    flavor = made(api, "flavor", changed={"is_enabled": False}, name="large", flavor_profile_id=profile.id)
    api.delete_flavor(flavor.id)
    api.delete_flavor_profile(profile.id)
    zones = made(
        api,
        "availability_zone_profile",
        changed={"name": "b"},
        name="a",
        provider_name="evenload",
        availability_zone_data='{"compute_zone": "east"}',
    )
    api.create_availability_zone(name="east", availability_zone_profile_id=zones.id)
    assert api.get_availability_zone("east").name == "east"
    assert api.find_availability_zone("east").name == "east"
    assert [each.name for each in api.availability_zones()] == ["east"]
    assert api.update_availability_zone("east", description="b").description == "b"
    api.delete_availability_zone("east")
    api.delete_availability_zone_profile(zones.id)


def test_every_call(world: World) -> None:
    called: set[str] = set()
    api = Noting(world.cloud.load_balancer, called)
    load_balancers_and_all_that_hangs_on_them(world, api)
    quotas_and_providers(world, api)
    flavors_and_availability_zones(api)
    assert sorted(CALLS - called) == []
