"""Octavia's quotas: shown and set by whom, and enforced whatever makes an object."""

import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.unit.api.conftest import World, make_world
from tests.waiting import NET

from evenload.api.policy import Policy
from evenload.api.settings import PolicySettings

LBAAS = "/v2.0/lbaas"
QUOTAS = f"{LBAAS}/quotas"
NAMES = ("loadbalancer", "listener", "pool", "member", "healthmonitor", "l7policy", "l7rule")
UNLIMITED = dict.fromkeys((*NAMES, "load_balancer", "health_monitor"), -1)
NULL = dict.fromkeys(UNLIMITED)


def limit(world: World, project: str = "blue", /, **limits: Any) -> Any:
    return world.call("PUT", f"{QUOTAS}/{project}", {"quota": limits}, expect=202)["quota"]


def refused(world: World, method: str, path: str, body: Any, kind: str, *, user: str = "blue:member") -> None:
    fault = world.call(method, path, body, user=user, expect=403)["faultstring"]
    assert fault == f"Quota has been met for resources: {kind}"


def test_a_project_has_the_settings_until_something_is_set(world: World) -> None:
    assert world.get(f"{QUOTAS}/blue", user="blue:reader")["quota"] == UNLIMITED
    assert world.get(f"{QUOTAS}/blue/default", user="blue:reader")["quota"] == UNLIMITED
    assert world.get(f"{QUOTAS}/defaults")["quota"] == UNLIMITED
    assert world.get(QUOTAS) == {"quotas": [], "quotas_links": []}
    assert limit(world, load_balancer=3, health_monitor=0) == {
        **UNLIMITED,
        "loadbalancer": 3,
        "load_balancer": 3,
        "healthmonitor": 0,
        "health_monitor": 0,
    }
    limit(world, member=7)
    expected = {"loadbalancer": 3, "load_balancer": 3, "healthmonitor": 0, "health_monitor": 0, "member": 7}
    assert world.get(f"{QUOTAS}/blue", user="blue:reader")["quota"] == {**UNLIMITED, **expected}
    [shown] = world.get(QUOTAS)["quotas"]
    assert shown == {"project_id": "blue", "tenant_id": "blue", **NULL, **expected}


def test_null_and_deletion_are_the_settings_again(world: World) -> None:
    limit(world, member=7, pool=1)
    assert limit(world, member=None)["member"] == -1
    assert world.get(QUOTAS)["quotas"][0]["member"] is None
    world.call("DELETE", f"{QUOTAS}/blue", expect=202)
    assert world.get(QUOTAS)["quotas"] == []
    world.call("DELETE", f"{QUOTAS}/blue", expect=404)


BARE = "/v2.0/quotas/blue"
"""Neutron's path, where gophercloud, and so Terraform, asks for Octavia's."""
OTHERS = dict.fromkeys(("loadbalancer", "listener", "healthmonitor", "l7policy", "l7rule"), -1)
"""What only Octavia's API has there."""


def test_those_of_the_other_api_are_left_alone(world: World) -> None:
    world.call("PUT", BARE, {"quota": {"pool": 4, "member": 5}}, expect=200)
    limit(world, pool=1, member=2)
    v1 = {"vip": 10, "pool": 4, "member": 5, "health_monitor": -1}
    assert world.get(BARE)["quota"] == {**v1, **OTHERS}
    world.call("DELETE", f"{QUOTAS}/blue", expect=202)
    assert world.get(BARE)["quota"] == {**v1, **OTHERS}


def test_both_at_once_where_neither_is_named(world: World) -> None:
    """As Terraform's resource: set, read without a difference, changed; in force for what Octavia's API makes."""
    sent = {
        "loadbalancer": 11,
        "listener": 12,
        "member": 13,
        "pool": 14,
        "healthmonitor": 15,
        "l7policy": 16,
        "l7rule": 0,
    }
    changed = world.call("PUT", BARE, {"quota": sent}, expect=200)["quota"]
    assert changed == {"vip": 10, "health_monitor": 15, **sent}
    assert world.get(BARE)["quota"] == changed
    assert world.get(f"{QUOTAS}/blue")["quota"] == {**sent, "load_balancer": 11, "health_monitor": 15}
    world.call("PUT", BARE, {"quota": {"load_balancer": 0, "pool": -1}}, expect=200)
    sent |= {"loadbalancer": 0, "pool": -1}
    assert world.get(f"{QUOTAS}/blue")["quota"] == {**sent, "load_balancer": 0, "health_monitor": 15}
    body = {"loadbalancer": {"vip_subnet_id": world.shared_subnet()["id"]}}
    refused(world, "POST", f"{LBAAS}/loadbalancers", body, "Load Balancer")
    world.call("DELETE", BARE, expect=204)
    assert world.get(f"{QUOTAS}/blue")["quota"] == UNLIMITED
    assert world.get(BARE, query_string="fields=l7rule")["quota"] == {"l7rule": -1}


def test_both_at_once_for_those_who_may_see_or_set_one_only(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text('"update_quota": "!"\n"get_quota": "!"\n')
    policy = Policy(PolicySettings(file=tmp_path / "policy.yaml"), monotonic=time.monotonic)
    world = make_world(tmp_path, policy=policy)
    with closing(world.uow):
        world.call("PUT", BARE, {"quota": {"pool": 3, "listener": 4}}, expect=200)
        assert world.get(BARE)["quota"] == {**OTHERS, "member": -1, "pool": 3, "listener": 4}
        for limits in ({"vip": 1}, {"vip": 1, "pool": 9}):
            world.v1_error("PUT", BARE, {"quota": limits}, expect=403)
        assert limit(world, listener=4)["pool"] == 3


def test_both_spellings_the_first_holds(world: World) -> None:
    assert limit(world, loadbalancer=1, load_balancer=2)["load_balancer"] == 1


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"quota": {}}, "quota"),
        ({"quota": {"pool": -2}}, "pool"),
        ({"quota": {"pool": 2_000_000_001}}, "pool"),
        ({"quota": {"pool": "many"}}, "pool"),
        ({"quota": {"vip": 1}}, "vip"),
        ({"quota": None}, "quota"),
        ({}, "quota"),
        ([], "quota"),
    ],
)
def test_what_is_no_quota(world: World, body: Any, named: str) -> None:
    assert named in world.call("PUT", f"{QUOTAS}/blue", raw=body, expect=400)["faultstring"]
    assert world.get(QUOTAS)["quotas"] == []


@pytest.mark.parametrize(
    ("user", "own", "others", "everybody", "write", "defaults"),
    [
        ("blue:reader", 200, 403, ["blue"], 403, 200),
        ("blue:member", 200, 403, ["blue"], 403, 200),
        ("blue:load-balancer_observer", 200, 403, ["blue"], 403, 200),
        ("blue:load-balancer_quota_admin", 200, 200, ["blue", "red"], 202, 200),
        ("blue:load-balancer_global_observer", 200, 200, ["blue", "red"], 403, 200),
        ("blue:load-balancer_admin", 200, 200, ["blue", "red"], 202, 200),
        ("blue:admin", 200, 200, ["blue", "red"], 202, 200),
        ("blue:service", 403, 403, None, 403, 403),
    ],
)
def test_who_may_what(
    world: World, user: str, own: int, others: int, everybody: list[str] | None, write: int, defaults: int
) -> None:
    limit(world, "blue", pool=1)
    limit(world, "red", pool=2)
    world.call("GET", f"{QUOTAS}/blue", user=user, expect=own)
    world.call("GET", f"{QUOTAS}/red", user=user, expect=others)
    world.call("GET", f"{QUOTAS}/blue/default", user=user, expect=defaults)
    world.call("PUT", f"{QUOTAS}/blue", {"quota": {"pool": 3}}, user=user, expect=write)
    if everybody is None:
        world.call("GET", QUOTAS, user=user, expect=403)
    else:
        assert [each["project_id"] for each in world.get(QUOTAS, user=user)["quotas"]] == everybody
    world.call("GET", f"{QUOTAS}?project_id=red", user=user, expect=200 if everybody and len(everybody) > 1 else 403)
    world.call("DELETE", f"{QUOTAS}/blue", user=user, expect=write)


def test_pages(world: World) -> None:
    for name in ("c", "a", "b"):
        limit(world, name, pool=1)
    seen, path = [], f"{QUOTAS}?limit=2"
    while path:
        answer = world.get(path)
        seen.append([each["project_id"] for each in answer["quotas"]])
        following = [each["href"] for each in answer["quotas_links"] if each["rel"] == "next"]
        path = following[0].partition("falconframework.org")[2] if following else ""
    assert seen == [["a", "b"], ["c"]]


# ----------------------------------------------------------------------------------------------------------- enforced


def test_load_balancers(world: World) -> None:
    subnet = world.shared_subnet()
    limit(world, loadbalancer=1)
    made = world.balancer(subnet)
    body = {"loadbalancer": {"vip_subnet_id": subnet["id"]}}
    refused(world, "POST", f"{LBAAS}/loadbalancers", body, "Load Balancer")
    world.balancer(subnet, user="red:member")  # another project
    assert len(world.get("/v2.0/ports")["ports"]) == 2  # nothing is left of the one that was refused
    world.call("DELETE", f"{LBAAS}/loadbalancers/{made['id']}", user="blue:member", expect=204)
    world.balancer(subnet)  # what is being deleted does not count


def test_everything_in_one_call_counts_and_nothing_is_made(world: World) -> None:
    subnet = world.shared_subnet()
    member = {"address": "10.1.0.9", "protocol_port": 80}
    monitor = {"type": "TCP", "delay": 5, "timeout": 5, "max_retries": 3}

    def pool(members: int) -> dict[str, Any]:
        each = [{**member, "protocol_port": 80 + number} for number in range(members)]
        return {"protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN", "members": each, "healthmonitor": monitor}

    body = {
        "loadbalancer": {
            "vip_subnet_id": subnet["id"],
            "listeners": [{"protocol": "HTTP", "protocol_port": port, "default_pool": pool(2)} for port in (80, 81)],
        }
    }
    fitting = {"loadbalancer": 1, "listener": 2, "pool": 2, "member": 4, "healthmonitor": 2}
    words = {
        "listener": "Listener", "pool": "Pool", "member": "Member", "healthmonitor": "Health Monitor",
        "loadbalancer": "Load Balancer",
    }  # fmt: skip
    for name, number in fitting.items():
        limit(world, **{**fitting, name: number - 1})
        refused(world, "POST", f"{LBAAS}/loadbalancers", body, words[name])
        assert world.get(f"{LBAAS}/loadbalancers")["loadbalancers"] == []
    limit(world, **fitting)
    world.call("POST", f"{LBAAS}/loadbalancers", body, user="blue:member", expect=201)


def test_what_is_added_later(world: World) -> None:
    balancer = world.balancer(world.shared_subnet())
    base = {"loadbalancer_id": balancer["id"], "protocol": "HTTP"}
    pool = world.post(f"{LBAAS}/pools", {"pool": {**base, "lb_algorithm": "ROUND_ROBIN"}}, user="blue:member")
    members = f"{LBAAS}/pools/{pool['id']}/members"
    limit(world, listener=0, pool=1, member=2, healthmonitor=0)
    refused(world, "POST", f"{LBAAS}/listeners", {"listener": {**base, "protocol_port": 80}}, "Listener")
    refused(world, "POST", f"{LBAAS}/pools", {"pool": {**base, "lb_algorithm": "ROUND_ROBIN"}}, "Pool")
    monitor = {"pool_id": pool["id"], "type": "TCP", "delay": 5, "timeout": 5, "max_retries": 3}
    refused(world, "POST", f"{LBAAS}/healthmonitors", {"healthmonitor": monitor}, "Health Monitor")
    each = [{"address": "10.1.0.9", "protocol_port": 80 + number} for number in range(4)]
    world.call("POST", members, {"member": each[0]}, user="blue:member", expect=201)
    refused(world, "PUT", members, {"members": each[:3]}, "Member")
    world.call("PUT", members, {"members": each[:2]}, user="blue:member", expect=202)
    refused(world, "POST", members, {"member": each[2]}, "Member")
    refused(world, "PUT", f"{members}?additive_only=true", {"members": each[2:3]}, "Member")
    world.call("PUT", members, {"members": each[2:]}, user="blue:member", expect=202)  # two come, two go


def test_a_lower_limit_takes_nothing_away(world: World) -> None:
    subnet = world.shared_subnet()
    first, second = world.balancer(subnet), world.balancer(subnet)
    limit(world, loadbalancer=1)
    path = f"{LBAAS}/loadbalancers"
    assert {each["id"] for each in world.get(path)["loadbalancers"]} == {first["id"], second["id"]}
    world.call("PUT", f"{path}/{first['id']}", {"loadbalancer": {"name": "x"}}, user="blue:member", expect=200)


def test_the_last_place_is_taken_once(world: World) -> None:
    subnet = world.shared_subnet()
    limit(world, loadbalancer=3)
    statuses: list[int] = []

    def create() -> None:
        body = {"loadbalancer": {"vip_subnet_id": subnet["id"]}}
        statuses.append(world.call("POST", f"{LBAAS}/loadbalancers", body, user="blue:member").status_code)

    threads = [threading.Thread(target=create) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(NET)
    assert sorted(statuses) == [201] * 3 + [403] * 5
