"""The modules of Ansible's collection ``openstack.cloud`` for load balancers: each creates, finds nothing to do,
changes, removes, and finds nothing to do again. By a caller without Keystone and one with its catalog, at once.

A module that a later collection brings fails here until it has its steps.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from json import dumps
from pathlib import Path
from threading import Thread
from typing import Any

from tests.e2e.commands.access import access_by_keystone, access_without_keystone
from tests.e2e.keystone_site import Site
from tests.e2e.playbook import Step, modules_for_load_balancers, run
from tests.e2e.world import World

LB = {"name": "ans-lb", "vip_subnet": "sub", "vip_address": "10.88.0.170"}
LISTENER = {"name": "ans-l", "load_balancer": "ans-lb", "protocol": "HTTP", "protocol_port": 80}
POOL = {"name": "ans-p", "listener": "ans-l", "protocol": "HTTP"}
MEMBER = {"name": "ans-m", "pool": "ans-p", "address": "10.88.0.11", "protocol_port": 8080, "weight": 5}
MONITOR = {
    "name": "ans-h", "pool": "ans-p", "type": "HTTP", "delay": 5, "health_monitor_timeout": 3, "max_retries": 2,
    "url_path": "/ok",
}  # fmt: skip
ABSENT = {"state": "absent"}
QUOTA = {"name": "blue", "load_balancers": 7, "l7_policies": 3}
STEPS = (
    Step("loadbalancer", True, {**LB, "description": "a"}, "load_balancer", {"provisioning_status": "ACTIVE"}),
    Step("loadbalancer", False, {**LB, "description": "a"}, "load_balancer", {"description": "a"}),
    Step("loadbalancer", True, {**LB, "description": "b"}, "load_balancer", {"description": "b"}),
    Step("loadbalancer", None, {**LB, "vip_address": "10.88.0.171"}, shown="Cannot update parameters ['vip_address']"),
    Step("lb_listener", True, {**LISTENER, "timeout_client_data": 1000}, "listener", {"timeout_client_data": 1000}),
    Step("lb_listener", False, {**LISTENER, "timeout_client_data": 1000}, "listener", {"protocol_port": 80}),
    Step("lb_listener", True, {**LISTENER, "timeout_member_data": 2000}, "listener", {"timeout_member_data": 2000}),
    Step("lb_pool", True, {**POOL, "description": "a"}, "pool", {"lb_algorithm": "ROUND_ROBIN", "description": "a"}),
    Step("lb_pool", False, {**POOL, "description": "a"}, "pool", {"description": "a"}),
    Step("lb_pool", True, {**POOL, "lb_algorithm": "SOURCE_IP"}, "pool", {"lb_algorithm": "SOURCE_IP"}),
    Step("lb_member", True, MEMBER, "member", {"weight": 5, "address": "10.88.0.11"}),
    Step("lb_member", False, MEMBER, "member", {"protocol_port": 8080}),
    Step("lb_member", True, {**MEMBER, "weight": 7, "monitor_port": 81}, "member", {"weight": 7, "monitor_port": 81}),
    Step("lb_health_monitor", True, MONITOR, "health_monitor", {"url_path": "/ok", "provisioning_status": "ACTIVE"}),
    Step("lb_health_monitor", False, MONITOR, "health_monitor", {"delay": 5}),
    Step("lb_health_monitor", True, {**MONITOR, "delay": 6}, "health_monitor", {"delay": 6}),
    Step("quota", True, QUOTA, hosts=("keystone",)),
    Step("quota", False, QUOTA, "quotas", {}, hosts=("keystone",)),
    Step("quota", True, {"name": "blue", **ABSENT}, hosts=("keystone",)),
    Step("lb_member", True, {"name": "ans-m", "pool": "ans-p", **ABSENT}),  # waits until it is gone
    Step("lb_member", False, {"name": "ans-m", "pool": "ans-p", **ABSENT}),
    Step("lb_health_monitor", True, {"name": "ans-h", **ABSENT}),
    Step("lb_pool", True, {"name": "ans-p", **ABSENT}),
    Step("lb_listener", True, {"name": "ans-l", **ABSENT}),
    Step("loadbalancer", True, {"name": "ans-lb", **ABSENT}),  # waits until it is gone, and all that it had
    *(Step(f"lb_{kind}", False, {"name": f"ans-{kind}", **ABSENT}) for kind in ("health_monitor", "pool", "listener")),
    Step("loadbalancer", False, {"name": "ans-lb", **ABSENT}),
)


def test_each_module_changes_what_differs_and_nothing_else(
    session_world: World, keystone_site: Site, tmp_path: Path
) -> None:
    assert {step.module for step in STEPS} == modules_for_load_balancers()
    callers = {"none": access_without_keystone(session_world), "keystone": access_by_keystone(keystone_site)}
    try:
        with compute() as url, keystone_site.keystone.offered("compute", url):
            run(STEPS, callers, tmp_path)
    finally:
        session_world.clear()
        keystone_site.clear()


class _Compute(BaseHTTPRequestHandler):
    """As much of Nova as the module ``quota`` needs, which asks for its limits whatever it is to change."""

    def do_GET(self) -> None:
        link = {"rel": "self", "href": f"http://{self.headers['Host']}/v2.1"}
        version = {"id": "v2.1", "status": "CURRENT", "version": "2.90", "min_version": "2.1", "links": [link]}
        limits: dict[str, Any] = {"quota_set": {"id": "blue", "instances": 10}}
        self._answer(limits if "os-quota-sets" in self.path else {"version": version})

    def do_DELETE(self) -> None:
        self._answer({})

    def _answer(self, body: dict[str, Any]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(dumps(body).encode())

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def compute() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Compute) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v2.1"
        finally:
            server.shutdown()
            thread.join()
