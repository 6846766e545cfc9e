"""What tests ask of LBaaS v1 over HTTP, in the world of ``world.py``."""

from dataclasses import dataclass
from typing import Any

from tests.e2e.world import BACKEND_PORT, Reply, World

VIP, OTHER = "10.88.0.60", "10.88.0.61"


@dataclass(frozen=True, slots=True)
class V1:
    """Asks of LBaaS v1."""

    world: World

    def ask(self, method: str, path: str, body: Any = None) -> Reply:
        return self.world.ask(method, f"/v2.0/lb/{path}", body)

    def make(self, kind: str, **attributes: Any) -> str:
        reply = self.ask("POST", f"{kind}s", {kind: attributes})
        assert reply.status == 201, reply
        identifier: str = reply.body[kind]["id"]
        return identifier

    def change(self, kind: str, identifier: str, **attributes: Any) -> None:
        reply = self.ask("PUT", f"{kind}s/{identifier}", {kind: attributes})
        assert reply.status == 200, reply

    def show(self, kind: str, identifier: str) -> dict[str, Any]:
        reply = self.ask("GET", f"{kind}s/{identifier}")
        assert reply.status == 200, reply
        shown: dict[str, Any] = reply.body[kind]
        return shown

    def pool(self, *webs: str) -> str:
        pool = self.make("pool", protocol="HTTP", lb_method="ROUND_ROBIN", subnet_id=self.world.subnet_id)
        for web in webs:
            address = f"10.88.0.{10 + int(web[-1])}"
            self.make("member", pool_id=pool, address=address, protocol_port=BACKEND_PORT)
        return pool

    def vip(self, pool: str, address: str = VIP, **attributes: Any) -> str:
        desired = {"protocol": "HTTP", "protocol_port": 80, "subnet_id": self.world.subnet_id, "address": address}
        vip = self.make("vip", pool_id=pool, **desired, **attributes)
        self.active(vip)
        return vip

    def active(self, vip: str) -> None:
        self.world.wait(lambda: self.show("vip", vip)["status"] in ("ACTIVE", "ERROR"), "ACTIVE or ERROR")
        assert self.show("vip", vip)["status"] == "ACTIVE", self.show("vip", vip)

    def clear(self) -> None:
        for kind in ("vip", "pool", "health_monitor"):
            for each in self.ask("GET", f"{kind}s").body[f"{kind}s"]:
                assert self.ask("DELETE", f"{kind}s/{each['id']}").status == 204
