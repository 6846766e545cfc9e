"""Many clients of LBaaS v1 and some of Octavia's API change everything at once, and both roles are killed at random.

No answer is a 5xx, nothing stays PENDING or becomes ERROR, every VIP with members serves, and nothing of the rest
remains (the world looks for that after each test).
"""

from collections import Counter
from typing import Any

from tests.e2e.churning import ChurnClient, churn
from tests.e2e.v1_world import V1
from tests.e2e.world import BACKEND_PORT, WEBS, World

_CLIENTS = 5
_POOLS = 8
_SEED = 20261125
_KINDS = ("vip", "pool", "member", "health_monitor")


class _Client(ChurnClient):
    def step(self) -> None:
        pools = [pool for pool in self._list("pool") if not pool["name"]]  # the steady load balancer's has a name
        if len(pools) < 3 or (len(pools) < _POOLS and self._random.random() < 0.1):
            desired = {"protocol": "HTTP", "lb_method": "ROUND_ROBIN", "subnet_id": self._world.subnet_id}
            self._post("pool", **desired)
            return
        pool, other = self._random.sample(pools, 2)
        actions = (
            (15, self._vip),
            (30, self._member),
            (15, self._monitor),
            (10, self._move),
            (6, self._remove),
            (6, self._by_octavia),
        )
        weights = [weight for weight, _ in actions]
        self._random.choices(actions, weights)[0][1](pool, other)

    def _vip(self, pool: dict[str, Any], other: dict[str, Any]) -> None:
        if pool["vip_id"] is None:
            kept = self._random.choice([None, {}, {"type": "SOURCE_IP"}, {"type": "HTTP_COOKIE"}])
            desired = {"protocol": "HTTP", "protocol_port": 80, "subnet_id": self._world.subnet_id}
            self._post("vip", pool_id=pool["id"], session_persistence=kept, **desired)
            return
        change = self._random.choice(
            [{"pool_id": other["id"]}, {"connection_limit": 50}, {"admin_state_up": self._random.random() < 0.7}]
        )
        self.ask("PUT", f"/v2.0/lb/vips/{pool['vip_id']}", {"vip": change})

    def _member(self, pool: dict[str, Any], other: dict[str, Any]) -> None:
        member = self._world.member(self._random.choice(WEBS), BACKEND_PORT + self._random.randint(0, 2))
        desired = {"address": member["address"], "protocol_port": member["protocol_port"]}
        if not pool["members"] or self._random.random() < 0.5:
            self._post("member", pool_id=pool["id"], **desired)
            return
        target = f"/v2.0/lb/members/{self._random.choice(pool['members'])}"
        if self._random.random() < 0.3:
            self.ask("DELETE", target)
            return
        change = self._random.choice([{"pool_id": other["id"]}, {"weight": self._random.randint(0, 9)}])
        self.ask("PUT", target, {"member": change})

    def _monitor(self, pool: dict[str, Any], other: dict[str, Any]) -> None:
        monitors = self._list("health_monitor")
        if len(monitors) < 3:
            kind = self._random.choice(["HTTP", "TCP", "PING"])
            self._post("health_monitor", type=kind, delay=1, timeout=1, max_retries=3)
            return
        monitor = self._random.choice(monitors)["id"]
        if monitor in pool["health_monitors"]:
            self.ask("DELETE", f"/v2.0/lb/pools/{pool['id']}/health_monitors/{monitor}")
        elif self._random.random() < 0.7:
            body = {"health_monitor": {"id": monitor}}
            self.ask("POST", f"/v2.0/lb/pools/{pool['id']}/health_monitors", body)
        else:
            change = {"health_monitor": {"max_retries": self._random.randint(2, 4)}}
            self.ask("PUT", f"/v2.0/lb/health_monitors/{monitor}", change)

    def _move(self, pool: dict[str, Any], other: dict[str, Any]) -> None:
        if pool["vip_id"] is not None:
            self.ask("PUT", f"/v2.0/lb/vips/{pool['vip_id']}", {"vip": {"pool_id": other["id"]}})

    def _remove(self, pool: dict[str, Any], _: dict[str, Any]) -> None:
        if pool["vip_id"] is not None and self._random.random() < 0.7:
            self.ask("DELETE", f"/v2.0/lb/vips/{pool['vip_id']}")
        else:
            self.ask("DELETE", f"/v2.0/lb/pools/{pool['id']}")

    def _by_octavia(self, pool: dict[str, Any], _: dict[str, Any]) -> None:
        members = [self._world.member(web) for web in WEBS if self._random.random() < 0.6]
        path, body = self._random.choice(
            [
                (f"pools/{pool['id']}/members", {"members": members}),
                (f"pools/{pool['id']}", {"pool": {"lb_algorithm": "LEAST_CONNECTIONS"}}),
                (f"listeners/{pool['vip_id']}", {"listener": {"connection_limit": 99}}),
            ]
        )
        self.ask("PUT", f"/v2.0/lbaas/{path}", body)

    def _list(self, kind: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._world.ask("GET", f"/v2.0/lb/{kind}s").body[f"{kind}s"]
        return found

    def _post(self, kind: str, **attributes: Any) -> None:
        self.ask("POST", f"/v2.0/lb/{kind}s", {kind: attributes})


def test_random_changes_by_both_apis_and_killed_roles(churn_world: World) -> None:
    world, v1 = churn_world, V1(churn_world)
    project = world.ask("GET", "/v2.0/quotas/tenant").body["tenant"]["tenant_id"]
    assert world.ask("PUT", f"/v2.0/quotas/{project}", {"quota": {"vip": -1, "pool": -1}}).status == 200
    try:
        _churn(world, v1)
    finally:
        v1.clear()
        world.ask("DELETE", f"/v2.0/quotas/{project}")


def _churn(world: World, v1: V1) -> None:
    answers: Counter[int] = Counter()
    clients = [_Client(world, _SEED + number, answers) for number in range(_CLIENTS)]
    churn(world, clients, answers, _SEED)
    statuses = world.wait(lambda: _settled(v1), "nothing PENDING any more")
    assert statuses <= {"ACTIVE", "INACTIVE"}, statuses

    vips = {vip["id"]: vip for vip in v1.ask("GET", "vips").body["vips"]}
    pools = {pool["id"]: pool for pool in v1.ask("GET", "pools").body["pools"]}
    assert {vip["pool_id"]: key for key, vip in vips.items()} == {
        key: pool["vip_id"] for key, pool in pools.items() if pool["vip_id"] is not None
    }
    for vip in vips.values():
        if vip["admin_state_up"]:
            assert world.client.get(vip["address"]).status in (200, 503), vip
    held = {record["pool_id"] for record in v1.ask("GET", "members").body["members"]}
    assert held <= set(pools)
    assert "Traceback" not in world.service.log.read_text()


def _settled(v1: V1) -> set[str] | None:
    """Which statuses there are, once none is PENDING."""
    found = {each["status"] for kind in _KINDS[:3] for each in v1.ask("GET", f"{kind}s").body[f"{kind}s"]}
    found |= {
        each["status"] for pool in v1.ask("GET", "pools").body["pools"] for each in pool["health_monitors_status"]
    }
    return None if any(status.startswith("PENDING") for status in found) else found or {"ACTIVE"}
