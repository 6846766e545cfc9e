"""What LBaaS v1 refuses, by type and code: the error table of the reference, who sees whose objects, and who may what.

Where the original answered 500 to a user's error the answer is a 4xx of the same type.
"""

from typing import Any

import pytest
from tests.unit.api.conftest import LB, NOWHERE, World
from tests.unit.api.v1_site import Site

MEMBER = "blue:member"
STRANGER = "red:member"
ADMIN = "admin:admin"


@pytest.fixture
def site(world: World) -> Site:
    return Site(world)


# -------------------------------------------------------------------------------------------------- the error table


def test_refusals_of_a_creation(site: Site) -> None:
    before = site.everything()
    taken = {"pool_id": site.pool["id"], "address": site.member["address"], "protocol_port": 8080}
    cases: list[tuple[str, dict[str, Any], int, str]] = [
        ("vip", {"pool_id": NOWHERE}, 404, "PoolNotFound"),
        ("vip", {"pool_id": site.pool["id"]}, 409, "VipExists"),
        ("vip", {"protocol": "TCP"}, 400, "ProtocolMismatch"),
        ("vip", {"subnet_id": NOWHERE}, 404, "SubnetNotFound"),
        ("vip", {"address": "10.2.0.5"}, 400, "InvalidIpForSubnet"),
        ("vip", {"address": site.vip["address"]}, 409, "IpAddressInUse"),
        ("vip", {"session_persistence": {"type": "APP_COOKIE"}}, 400, "InvalidInput"),
        ("vip", {"session_persistence": {"type": "SOURCE_IP", "cookie_name": "c"}}, 400, "InvalidInput"),
        ("vip", {"session_persistence": {"cookie_name": "c"}}, 400, "InvalidInput"),
        ("pool", {"provider": "cheese"}, 400, "ServiceProviderNotFound"),
        ("pool", {"health_monitors": [NOWHERE]}, 404, "HealthMonitorNotFound"),
        ("member", {"pool_id": NOWHERE}, 404, "PoolNotFound"),
        ("member", taken, 409, "MemberExists"),
        ("health_monitor", {"delay": 2}, 400, "DelayOrTimeoutInvalid"),
    ]
    for word, more, status, kind in cases:
        path, body = site.body(word, **more)
        error, message = site.world.v1_error("POST", path, body, user=MEMBER, expect=status)
        assert error == kind, f"{word} {more}: {message}"
        assert next(iter(more)) in message or status != 400, message
    assert site.everything() == before


def test_refusals_of_a_change(site: Site) -> None:
    other = site.world.v1_pool(protocol="TCP")
    site.world.vip(site.bare, site.subnet)
    twin = site.world.v1_member(site.bare, site.member["address"])
    before = site.everything()
    cases: list[tuple[str, str, dict[str, Any], int, str]] = [
        ("vip", site.vip["id"], {"pool_id": NOWHERE}, 404, "PoolNotFound"),
        ("vip", site.vip["id"], {"pool_id": site.bare["id"]}, 409, "VipExists"),
        ("vip", site.vip["id"], {"pool_id": other["id"]}, 400, "ProtocolMismatch"),
        ("vip", site.vip["id"], {"session_persistence": {"type": "APP_COOKIE"}}, 400, "InvalidInput"),
        ("vip", NOWHERE, {}, 404, "VipNotFound"),
        ("pool", NOWHERE, {}, 404, "PoolNotFound"),
        ("pool", site.pool["id"], {"health_monitors": [NOWHERE]}, 404, "HealthMonitorNotFound"),
        ("member", twin["id"], {"pool_id": NOWHERE}, 404, "PoolNotFound"),
        ("member", twin["id"], {"pool_id": site.pool["id"]}, 409, "MemberExists"),
        ("member", NOWHERE, {}, 404, "MemberNotFound"),
        ("health_monitor", site.monitor["id"], {"delay": 2}, 400, "DelayOrTimeoutInvalid"),
        ("health_monitor", NOWHERE, {}, 404, "HealthMonitorNotFound"),
    ]
    for word, identifier, change, status, kind in cases:
        path = f"{LB}/{word}s/{identifier}"
        error, message = site.world.v1_error("PUT", path, {word: change}, user=MEMBER, expect=status)
        assert error == kind, f"{word} {change}: {message}"
    assert site.everything() == before


def test_refusals_of_a_deletion(site: Site) -> None:
    paths = site.paths()
    assert site.world.v1_error("DELETE", paths["pool"], user=MEMBER, expect=409)[0] == "PoolInUse"
    assert site.world.get(paths["pool"])["pool"]["status"] == "ACTIVE"
    assert site.world.v1_error("DELETE", paths["health_monitor"], user=MEMBER, expect=409)[0] == "HealthMonitorInUse"
    for word, kind in (("vip", "Vip"), ("pool", "Pool"), ("member", "Member"), ("health_monitor", "HealthMonitor")):
        for method in ("GET", "DELETE"):
            for identifier in (NOWHERE, "foo", "10.0.0.11"):
                error = site.world.v1_error(method, f"{LB}/{word}s/{identifier}", user=MEMBER, expect=404)
                assert error == (f"{kind}NotFound", f"{kind.replace('hM', 'h M')} {identifier} not found.")


def test_refusals_of_an_association(site: Site) -> None:
    path = f"{LB}/pools/{site.pool['id']}/health_monitors"
    for where, body, status, kind in (
        (path, {"id": site.monitor["id"]}, 409, "PoolMonitorAssociationExists"),
        (path, {"id": NOWHERE}, 404, "HealthMonitorNotFound"),
        (path, {"id": "foo"}, 404, "HealthMonitorNotFound"),
        (path, {}, 400, "InvalidInput"),
        (path, {"id": 5}, 400, "InvalidInput"),
        (path, {"id": site.monitor["id"], "delay": 5}, 400, "InvalidInput"),
        (f"{LB}/pools/{NOWHERE}/health_monitors", {"id": site.monitor["id"]}, 404, "PoolNotFound"),
    ):
        error, message = site.world.v1_error("POST", where, {"health_monitor": body}, user=MEMBER, expect=status)
        assert error == kind, message
    assert site.world.v1_error("GET", f"{path}/{NOWHERE}", expect=404)[0] == "PoolMonitorAssociationNotFound"
    assert site.world.v1_error("GET", f"{LB}/pools/{NOWHERE}/health_monitors", expect=404)[0] == "PoolNotFound"


def test_a_subnet_without_addresses(world: World) -> None:
    subnet = world.subnet(world.network(shared=True), "10.5.0.0/30")
    world.vip(world.v1_pool(), subnet)
    body = {"pool_id": world.v1_pool()["id"], "subnet_id": subnet["id"], "protocol": "HTTP", "protocol_port": 80}
    error, _ = world.v1_error("POST", f"{LB}/vips", {"vip": body}, user=MEMBER, expect=409)
    assert error == "IpAddressGenerationFailure"


def test_a_pool_that_no_agent_could_serve_leaves_nothing_behind(site: Site) -> None:
    (agent,) = site.world.get("/v2.0/agents")["agents"]
    path = f"/v2.0/agents/{agent['id']}"
    site.world.call("PUT", path, {"agent": {"admin_state_up": False}}, expect=200)
    before = site.everything()
    where, body = site.body("pool")
    assert site.world.v1_error("POST", where, body, user=MEMBER, expect=404)[0] == "NoEligibleBackend"
    assert site.everything() == before


def test_cookies_where_there_are_none_to_see(world: World) -> None:
    pool = world.v1_pool(protocol="TCP")
    body = {
        "pool_id": pool["id"],
        "subnet_id": world.shared_subnet()["id"],
        "protocol": "TCP",
        "protocol_port": 80,
        "session_persistence": {"type": "HTTP_COOKIE"},
    }
    error, message = world.v1_error("POST", f"{LB}/vips", {"vip": body}, user=MEMBER, expect=400)
    assert error == "InvalidInput"
    assert message.startswith("session_persistence: Session persistence HTTP_COOKIE needs protocol HTTP")


def test_quotas_are_kept(world: World) -> None:
    limits = {"vip": 1, "pool": 2, "member": 1, "health_monitor": 1}
    world.call("PUT", "/v2.0/quotas/blue", {"quota": limits}, expect=200)
    site = Site(world)
    for word in limits:
        path, body = site.body(word)
        error, message = world.v1_error("POST", path, body, user=MEMBER, expect=409)
        assert (error, message) == ("OverQuota", f"Quota exceeded for resources: ['{word}'].")


# --------------------------------------------------------------------------------------------------- whose objects


def test_another_project_sees_nothing(site: Site) -> None:
    before = site.everything()
    for word, path in site.paths().items():
        assert site.world.get(f"{LB}/{word}s", user=STRANGER) == {f"{word}s": []}
        for method, body in (("GET", None), ("PUT", {word: {}}), ("DELETE", None)):
            error, _ = site.world.v1_error(method, path, body, user=STRANGER, expect=404)
            assert error == f"{word.title().replace('_', '')}NotFound"
    pool = f"{LB}/pools/{site.pool['id']}"
    for method, path in (
        ("GET", f"{pool}/stats"),
        ("GET", f"{pool}/loadbalancer-agent"),
        ("GET", f"{pool}/health_monitors"),
        ("POST", f"{pool}/health_monitors"),
        ("GET", f"{pool}/health_monitors/{site.monitor['id']}"),
        ("DELETE", f"{pool}/health_monitors/{site.monitor['id']}"),
    ):
        wanted = {"health_monitor": {"id": site.monitor["id"]}} if method == "POST" else None
        assert site.world.v1_error(method, path, wanted, user=STRANGER, expect=404)[0] == "PoolNotFound"
    assert site.everything() == before


def test_another_projects_objects_in_a_body_are_not_there_either(site: Site) -> None:
    world = site.world
    own, member, monitor = world.v1_pool(user=STRANGER), None, world.v1_monitor(user=STRANGER)
    member = world.v1_member(own, user=STRANGER)
    vip = world.vip(own, site.subnet, user=STRANGER)
    before = site.everything()
    foreign = {"pool_id": site.bare["id"]}
    cases: list[tuple[str, str, dict[str, Any], str]] = [
        ("POST", *site.body("vip"), "PoolNotFound"),
        ("POST", *site.body("member"), "PoolNotFound"),
        ("POST", *site.body("pool", health_monitors=[site.monitor["id"]]), "HealthMonitorNotFound"),
        ("PUT", f"{LB}/vips/{vip['id']}", {"vip": foreign}, "PoolNotFound"),
        ("PUT", f"{LB}/members/{member['id']}", {"member": foreign}, "PoolNotFound"),
        (
            "PUT",
            f"{LB}/pools/{own['id']}",
            {"pool": {"health_monitors": [site.monitor["id"]]}},
            "HealthMonitorNotFound",
        ),
        (
            "POST",
            f"{LB}/pools/{own['id']}/health_monitors",
            {"health_monitor": {"id": site.monitor["id"]}},
            "HealthMonitorNotFound",
        ),
    ]
    for method, path, body, kind in cases:
        assert world.v1_error(method, path, body, user=STRANGER, expect=404)[0] == kind
    # An administrator sees them, and must not mix them.
    crossed = [
        ("POST", *site.body("vip")),
        ("POST", *site.body("member", tenant_id="red")),
        ("POST", *site.body("pool", health_monitors=[site.monitor["id"]])),
        *((method, path, body) for method, path, body, _ in cases[3:]),
        (
            "POST",
            f"{LB}/pools/{own['id']}/health_monitors",
            {"health_monitor": {"id": monitor["id"], "tenant_id": "blue"}},
        ),
    ]
    for method, path, body in crossed:
        error, message = world.v1_error(method, path, body, user=ADMIN, expect=403)
        assert error == "NotAuthorized", message
        assert message.endswith("belongs to another project.")
    assert site.everything() == before


def test_the_project_of_a_new_object(site: Site) -> None:
    world = site.world
    for name in ("tenant_id", "project_id"):
        for word in site.paths():
            path, body = site.body(word, **{name: "blue"})
            made = world.call("POST", path, body, user=ADMIN, expect=201)[word]
            assert made["tenant_id"] == "blue"
            assert "project_id" not in made
            world.call("DELETE", f"{path}/{made['id']}", expect=204)
            world.settle()
            path, body = site.body(word, **{name: "red"})
            error, message = world.v1_error("POST", path, body, user=MEMBER, expect=400)
            assert (error, "tenant_id" in message) == ("InvalidInput", True)
    path, body = site.body("pool", tenant_id="blue", project_id="red")
    world.v1_error("POST", path, body, expect=400)
    path, body = site.body("member")
    assert world.call("POST", path, body, user=ADMIN, expect=201)["member"]["tenant_id"] == "blue"
    path, body = site.body("pool")
    assert world.call("POST", path, body, user=ADMIN, expect=201)["pool"]["tenant_id"] == "admin"


def test_another_projects_subnet_is_an_administrators_to_use(site: Site) -> None:
    subnet = site.world.subnet(site.world.network(), "10.6.0.0/24")
    path, body = site.body("vip", subnet_id=subnet["id"])
    assert site.world.v1_error("POST", path, body, user=MEMBER, expect=404)[0] == "SubnetNotFound"
    path, body = site.body("vip", subnet_id=subnet["id"], tenant_id="blue")
    assert site.world.call("POST", path, body, user=ADMIN, expect=201)["vip"]["tenant_id"] == "blue"


def test_who_may_only_look(site: Site) -> None:
    reader = "blue:reader"
    before = site.everything()
    for word, path in site.paths().items():
        assert site.world.get(path, user=reader)[word]["tenant_id"] == "blue"
        where, body = site.body(word)
        for method, at, content in (("POST", where, body), ("PUT", path, {word: {}}), ("DELETE", path, None)):
            error, _ = site.world.v1_error(method, at, content, user=reader, expect=403)
            assert error == "PolicyNotAuthorized"
    pool = f"{LB}/pools/{site.pool['id']}/health_monitors"
    assert site.world.get(pool, user=reader)["health_monitors"]
    body = {"health_monitor": {"id": site.monitor["id"]}}
    site.world.v1_error("POST", pool, body, user=reader, expect=403)
    site.world.v1_error("DELETE", f"{pool}/{site.monitor['id']}", user=reader, expect=403)
    for word in site.paths():
        assert site.world.v1_error("GET", f"{LB}/{word}s", user="blue:", expect=403)[0] == "PolicyNotAuthorized"
    assert site.everything() == before


def test_who_may_see_everything(site: Site) -> None:
    for user in (ADMIN, "other:load-balancer_global_observer"):
        for word, path in site.paths().items():
            assert site.world.get(path, user=user)[word]["tenant_id"] == "blue"
            assert site.world.get(f"{LB}/{word}s", user=user)[f"{word}s"]
    result = site.world.call("GET", f"{LB}/vips", user="nobody")
    assert (result.status_code, result.json["NeutronError"]["type"]) == (401, "Unauthorized")


# --------------------------------------------------------------------------------------------------- being deleted


def test_what_is_being_deleted_is_gone_but_a_change_is_told_why(site: Site) -> None:
    """The host takes its time; members and pools of a VIP that is there wait for it."""
    world = site.world
    world.call("DELETE", f"{LB}/members/{site.member['id']}", user=MEMBER, expect=204)
    world.call("DELETE", f"{LB}/vips/{site.vip['id']}", user=MEMBER, expect=204)
    world.call("DELETE", f"{LB}/pools/{site.bare['id']}", user=MEMBER, expect=204)
    path = f"{LB}/vips/{site.vip['id']}"
    for method in ("GET", "DELETE"):
        assert world.v1_error(method, path, user=MEMBER, expect=404)[0] == "VipNotFound"
    error, message = world.v1_error("PUT", path, {"vip": {"name": "x"}}, user=MEMBER, expect=409)
    assert (error, message) == ("StateInvalid", f"Vip {site.vip['id']} is being deleted, which is final.")
    assert world.v1_error("PUT", path, {"vip": {"cheese": 1}}, user=MEMBER, expect=400)[0] == "InvalidInput"
    assert world.v1_error("PUT", path, {"vip": {}}, user=STRANGER, expect=404)[0] == "VipNotFound"
    assert world.get(f"{LB}/vips") == {"vips": []}


def test_a_member_that_waits_for_its_host_to_let_go(site: Site) -> None:
    world, path = site.world, f"{LB}/members/{site.member['id']}"
    world.call("DELETE", path, user=MEMBER, expect=204)
    for method in ("GET", "DELETE"):
        assert world.v1_error(method, path, user=MEMBER, expect=404)[0] == "MemberNotFound"
    assert world.v1_error("PUT", path, {"member": {"weight": 5}}, user=MEMBER, expect=409)[0] == "StateInvalid"
    assert world.get(f"{LB}/members") == {"members": []}
    assert world.get(f"{LB}/pools/{site.pool['id']}")["pool"]["members"] == []
    assert world.v1_member(site.pool, site.member["address"])["id"] != site.member["id"]
