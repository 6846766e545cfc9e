"""Many clients change everything at once and at random, and both roles are killed in between, at random.

No answer is a 5xx, nothing stays PENDING or becomes ERROR, what is left serves, and nothing of the rest remains.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

from tests.e2e.churning import STEADY, ChurnClient, churn
from tests.e2e.world import BACKEND_PORT, WEBS, World

_CLIENTS = 5
_BALANCERS = 6
_SEED = 20261123


class _Client(ChurnClient):
    def step(self) -> None:
        listed = self._world.lbaas("GET", "loadbalancers").body["loadbalancers"]
        balancers = [balancer for balancer in listed if balancer["name"] != STEADY]
        if not balancers or (len(balancers) < _BALANCERS and self._random.random() < 0.1):
            body = {"name": "churn", "vip_subnet_id": self._world.subnet_id}
            self._ask("POST", "loadbalancers", {"loadbalancer": body})
            return
        balancer = self._random.choice(balancers)
        choices: list[tuple[float, Callable[[dict[str, Any]], None]]] = [
            (3, self._remove),
            (3, self._fail_over),
            (15, self._listener),
            (10, self._pool),
            (40, self._members),
            (10, self._monitor),
            (5, self._remove_child),
        ]
        weights, actions = zip(*choices, strict=True)
        self._random.choices(actions, weights)[0](balancer)

    def _remove(self, balancer: dict[str, Any]) -> None:
        self._ask("DELETE", f"loadbalancers/{balancer['id']}?cascade=true")

    def _fail_over(self, balancer: dict[str, Any]) -> None:
        self._ask("PUT", f"loadbalancers/{balancer['id']}/failover")

    def _listener(self, balancer: dict[str, Any]) -> None:
        if balancer["listeners"] and self._random.random() < 0.4:
            change = {
                "connection_limit": self._random.choice([-1, 5, 100]),
                "admin_state_up": self._random.random() < 0.8,
            }
            self._ask("PUT", f"listeners/{self._of(balancer, 'listeners')}", {"listener": change})
            return
        body = {"protocol": self._random.choice(["HTTP", "TCP"]), "protocol_port": self._random.randint(80, 86)}
        self._ask("POST", "listeners", {"listener": {"loadbalancer_id": balancer["id"], **body}})

    def _pool(self, balancer: dict[str, Any]) -> None:
        if balancer["listeners"]:
            body = {
                "listener_id": self._of(balancer, "listeners"),
                "protocol": self._random.choice(["HTTP", "TCP"]),
                "lb_algorithm": self._random.choice(["ROUND_ROBIN", "LEAST_CONNECTIONS", "SOURCE_IP"]),
                "session_persistence": self._random.choice([None, {"type": "SOURCE_IP"}, {"type": "HTTP_COOKIE"}]),
            }
            self._ask("POST", "pools", {"pool": body})

    def _members(self, balancer: dict[str, Any]) -> None:
        if not balancer["pools"]:
            return
        path = f"pools/{self._of(balancer, 'pools')}/members"
        member = self._world.member(
            self._random.choice(WEBS), BACKEND_PORT + self._random.randint(0, 4), weight=self._random.randint(0, 5)
        )
        kind = self._random.random()
        if kind < 0.4:
            self._ask("POST", path, {"member": member})
        elif kind < 0.6:
            members = [self._world.member(web) for web in WEBS if self._random.random() < 0.6]
            self._ask("PUT", path, {"members": members})
        else:
            reply = self._world.lbaas("GET", path)
            if reply.status == 200 and reply.body["members"]:
                target = f"{path}/{self._random.choice(reply.body['members'])['id']}"
                change = {"weight": self._random.randint(0, 9), "admin_state_up": self._random.random() < 0.8}
                if kind < 0.85:
                    self._ask("PUT", target, {"member": change})
                else:
                    self._ask("DELETE", target)

    def _monitor(self, balancer: dict[str, Any]) -> None:
        if balancer["pools"]:
            body = {"type": self._random.choice(["HTTP", "TCP", "PING", "TLS-HELLO"]), "delay": 1, "timeout": 1}
            body.update({"pool_id": self._of(balancer, "pools"), "max_retries": 1})
            self._ask("POST", "healthmonitors", {"healthmonitor": body})

    def _remove_child(self, balancer: dict[str, Any]) -> None:
        kind = self._random.choice(["listeners", "pools"])
        if balancer[kind]:
            self._ask("DELETE", f"{kind}/{self._of(balancer, kind)}")

    def _of(self, balancer: dict[str, Any], kind: str) -> str:
        return str(self._random.choice(balancer[kind])["id"])

    def _ask(self, method: str, path: str, body: Any = None) -> None:
        self.ask(method, f"/v2.0/lbaas/{path}", body)


def test_random_changes_by_many_clients_and_killed_roles(churn_world: World) -> None:
    world = churn_world
    answers: Counter[int] = Counter()
    clients = [_Client(world, _SEED + number, answers) for number in range(_CLIENTS)]
    churn(world, clients, answers, _SEED)
    statuses = world.wait(lambda: _settled(world), "nothing PENDING any more")
    assert set(statuses) <= {"ACTIVE"}, statuses

    for balancer in world.lbaas("GET", "loadbalancers").body["loadbalancers"]:
        for listener in world.lbaas("GET", f"listeners?loadbalancer_id={balancer['id']}").body["listeners"]:
            if listener["admin_state_up"] and listener["protocol"] == "HTTP":
                asked = world.client.get(balancer["vip_address"], listener["protocol_port"])
                assert asked.status in (200, 503), (listener, asked)
    assert "Traceback" not in world.service.log.read_text()


def _settled(world: World) -> Counter[str] | None:
    """How many objects have which provisioning status, once none is PENDING."""
    # A load balancer waits with its parts; while one does, parts may go between two looks.
    balancers = world.lbaas("GET", "loadbalancers").body["loadbalancers"]
    if any(balancer["provisioning_status"].startswith("PENDING") for balancer in balancers):
        return None
    found: Counter[str] = Counter()
    for collection, objects in world.objects().items():
        if collection not in ("networks", "subnets", "ports"):
            found.update(item["provisioning_status"] for item in objects)
    pending = any(status.startswith("PENDING") for status in found)
    return None if pending else found or Counter({"ACTIVE": 0})
