"""L7 policies from the API to the packets: the whole way, with the program as it runs."""

from typing import Any

from tests.e2e.world import BACKEND_PORT, World


def test_policies_lead_requests_where_they_say(world: World) -> None:
    def pool(web: str) -> dict[str, Any]:
        members = [world.member(web, BACKEND_PORT)]
        return {"name": web, "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN", "members": members}

    begins = {"type": "PATH", "compare_type": "STARTS_WITH"}
    made = world.create(
        "loadbalancers",
        "loadbalancer",
        vip_subnet_id=world.subnet_id,
        listeners=[
            {
                "protocol": "HTTP",
                "protocol_port": 80,
                "default_pool": pool("web1"),
                "l7policies": [
                    {
                        "action": "REDIRECT_TO_POOL",
                        "redirect_pool": pool("web2"),
                        "rules": [{**begins, "value": "/two"}],
                    },
                    {"action": "REJECT", "rules": [{**begins, "value": "/two/no"}]},
                ],
            }
        ],
    )
    world.wait_active(made["id"])
    [listener] = made["listeners"]
    chosen, rejected = listener["l7policies"]
    vip = made["vip_address"]

    def answer(path: str) -> tuple[int, str | None]:
        found = world.client.get(vip, 80, path)
        return found.status, found.backend

    world.wait_answer(vip, backend="web1")
    assert answer("/two") == (200, "web2")
    assert answer("/two/no")[0] == 403

    # A value, an action and a deletion, each in force when it is ACTIVE.
    rule = f"l7policies/{chosen['id']}/rules/{chosen['rules'][0]['id']}"
    assert world.lbaas("PUT", rule, {"rule": {"value": '"/t$HOME\'%"', "compare_type": "CONTAINS"}}).status == 200
    world.wait_active(made["id"])
    assert answer("/two") == (200, "web1")
    assert answer("/t$HOME'%") == (200, "web2")
    url = "https://else.example/?a=%20b"
    changes = {"l7policy": {"redirect_url": url, "redirect_http_code": 307}}
    assert world.lbaas("PUT", f"l7policies/{rejected['id']}", changes).status == 200
    world.wait_active(made["id"])
    assert answer("/two/no")[0] == 307
    assert world.lbaas("DELETE", f"l7policies/{rejected['id']}").status == 204
    world.wait_active(made["id"])
    assert answer("/two/no") == (200, "web1")
    world.delete(made["id"])
