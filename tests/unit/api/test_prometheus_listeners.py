"""Listeners of the protocol PROMETHEUS through Octavia's API: made like others, without anything below them."""

from typing import Any

import pytest
from tests.unit.api.conftest import LBAAS, Furnished

POLICY = {"action": "REDIRECT_TO_URL", "redirect_url": "http://b.example/"}


def body(furnished: Furnished, **more: Any) -> dict[str, Any]:
    fields = {"loadbalancer_id": furnished.balancer["id"], "protocol": "PROMETHEUS", "protocol_port": 9100}
    return {"listener": fields | more}


def test_it_has_no_children(furnished: Furnished) -> None:
    call = furnished.world.call
    made = call("POST", f"{LBAAS}/listeners", body(furnished), expect=201)["listener"]
    assert made["protocol"] == "PROMETHEUS"
    pool = {"listener_id": made["id"], "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"}
    before = furnished.everything()
    for method, path, sent in [
        ("POST", "listeners", body(furnished, protocol_port=9101, default_pool_id=furnished.bare["id"])),
        ("PUT", f"listeners/{made['id']}", {"listener": {"default_pool_id": furnished.bare["id"]}}),
        ("POST", "pools", {"pool": pool}),
        ("POST", "l7policies", {"l7policy": POLICY | {"listener_id": made["id"]}}),
    ]:
        fault = call(method, f"{LBAAS}/{path}", sent, expect=400)
        assert "cannot have child objects" in fault["faultstring"], (method, path)
    assert furnished.everything() == before
    call("PUT", f"{LBAAS}/listeners/{made['id']}", {"listener": {"allowed_cidrs": ["10.0.0.0/8"]}}, expect=200)
    call("DELETE", f"{LBAAS}/listeners/{made['id']}", expect=204)


@pytest.mark.parametrize("more", [{"insert_headers": {"X-Forwarded-For": "true"}}, {"protocol_port": 80}])
def test_what_else_is_refused(furnished: Furnished, more: dict[str, Any]) -> None:
    status = 409 if "protocol_port" in more else 400
    furnished.world.call("POST", f"{LBAAS}/listeners", body(furnished, **more), expect=status)
