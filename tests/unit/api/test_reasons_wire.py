"""Why something is not well, and since when, wherever Octavia's API shows the operating status."""

from typing import Any

from tests.unit.api.conftest import LBAAS, World

from evenload.model.desired import Health
from evenload.model.enums import OperatingStatus

WHY = "wrong HTTP status: Service Unavailable (L7STS/503)"
USER = "blue:member"


def reason_of(shown: Any) -> tuple[Any, Any, Any]:
    return shown["operating_status"], shown["operating_status_reason"], shown["operating_status_since"]


def test_a_member_that_is_down_says_why_and_since_when(world: World) -> None:
    balancer = world.balancer(world.shared_subnet())
    pool = world.pool(balancer)
    world.listener(balancer, default_pool_id=pool["id"])
    member = world.member(pool)
    world.monitor(pool)
    world.settle()
    url = f"{LBAAS}/pools/{pool['id']}/members/{member['id']}"
    whole = f"{LBAAS}/loadbalancers/{balancer['id']}/status"
    world.clock.advance(60)

    def see(word: OperatingStatus, **reasons: str) -> None:
        told = {member["id"]: reasons["why"]} if reasons else {}
        statuses = {member["id"]: word}
        health = Health(load_balancer_id=balancer["id"], statuses=statuses, statistics={}, reasons=told)
        world.gateway.health("host-1", [health])

    see(OperatingStatus.ERROR, why=WHY)
    since = world.clock.now().replace(tzinfo=None).isoformat()
    world.clock.advance(60)
    shown = world.get(url, user=USER)["member"]
    assert reason_of(shown) == ("ERROR", WHY, since)
    assert world.get(f"{LBAAS}/pools/{pool['id']}/members", user=USER)["members"] == [shown]
    wanted = world.get(f"{url}?fields=operating_status_reason", user=USER)
    assert wanted == {"member": {"operating_status_reason": WHY}}
    [listener] = world.get(whole, user=USER)["statuses"]["loadbalancer"]["listeners"]
    [in_tree] = listener["pools"][0]["members"]
    assert reason_of(in_tree) == ("ERROR", WHY, since)
    see(OperatingStatus.ONLINE)
    now = world.clock.now().replace(tzinfo=None).isoformat()
    assert reason_of(world.get(url, user=USER)["member"]) == ("ONLINE", None, now)


def test_nobody_sets_them(world: World) -> None:
    balancer = world.balancer(world.shared_subnet())
    for name in ("operating_status_reason", "operating_status_since"):
        body = {"loadbalancer": {name: "x"}}
        world.call("PUT", f"{LBAAS}/loadbalancers/{balancer['id']}", body, user=USER, expect=400)
