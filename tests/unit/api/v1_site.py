"""Objects of LBaaS v1 that belong together, and good bodies to spoil."""

from typing import Any

from tests.unit.api.conftest import LB, NOWHERE, World


class Site:
    """A VIP with its pool, member and monitor, and a pool without anything."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.subnet = world.shared_subnet()
        self.pool = world.v1_pool(name="pool")
        self.bare = world.v1_pool(name="bare")
        self.monitor = world.v1_monitor()
        world.associate(self.pool, self.monitor)
        self.member = world.v1_member(self.pool)
        self.vip = world.vip(self.pool, self.subnet)
        world.settle()

    def body(self, word: str, **more: Any) -> tuple[str, dict[str, Any]]:
        """A request that would be granted but for ``more``."""
        good: dict[str, dict[str, Any]] = {
            "vip": {
                "pool_id": self.bare["id"],
                "subnet_id": self.subnet["id"],
                "protocol": "HTTP",
                "protocol_port": 80,
            },
            "pool": {"subnet_id": NOWHERE, "protocol": "HTTP", "lb_method": "ROUND_ROBIN"},
            "member": {"pool_id": self.bare["id"], "address": "10.9.0.9", "protocol_port": 80},
            "health_monitor": {"type": "HTTP", "delay": 5, "timeout": 3, "max_retries": 3},
        }
        return f"{LB}/{word}s", {word: {**good[word], **more}}

    def paths(self) -> dict[str, str]:
        objects = {"vip": self.vip, "pool": self.pool, "member": self.member, "health_monitor": self.monitor}
        return {word: f"{LB}/{word}s/{each['id']}" for word, each in objects.items()}

    def everything(self) -> Any:
        lists = [self.world.get(f"{LB}/{word}s") for word in self.paths()]
        return lists, self.world.get("/v2.0/ports"), len(self.world.hints.sent)
