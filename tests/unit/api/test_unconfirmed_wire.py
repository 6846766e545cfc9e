"""What is answered where the disk fails after a change was committed: in each API, and to the change after it."""

from pathlib import Path

from tests.unit.api.conftest import LBAAS, make_world

NETWORKS = "/v2.0/networks"


def test_a_change_that_the_disk_did_not_confirm_is_no_success_and_no_invitation_to_repeat_it(tmp_path: Path) -> None:
    failures: list[OSError] = []

    def sync(_descriptor: int) -> None:
        if failures:
            raise failures.pop()

    world = make_world(tmp_path, sync=sync)
    balancer = world.balancer(world.shared_subnet())
    path = f"{LBAAS}/loadbalancers/{balancer['id']}"
    hints = len(world.hints.sent)
    failures.append(OSError(5, "Input/output error"))
    answer = world.call("PUT", path, {"loadbalancer": {"admin_state_up": False}}, user="blue:member", expect=500)
    assert "look before you try again" in answer["faultstring"]
    assert len(world.hints.sent) == hints
    assert world.get(path)["loadbalancer"]["admin_state_up"] is False

    failures.append(OSError(28, "No space left on device"))
    answer = world.call("PUT", path, {"loadbalancer": {"name": "x"}}, user="blue:member", expect=503)
    assert "try again" in answer["faultstring"]
    assert world.get(path)["loadbalancer"]["name"] == ""

    world.call("PUT", path, {"loadbalancer": {"name": "x"}}, user="blue:member", expect=200)
    assert world.get(path)["loadbalancer"]["name"] == "x"

    failures.append(OSError(5, "Input/output error"))
    assert world.v1_error("POST", NETWORKS, {"network": {"name": "n"}}, expect=500)[0] == "Unconfirmed"


def test_a_load_balancer_whose_commit_the_disk_did_not_confirm_is_there_with_its_port(tmp_path: Path) -> None:
    failures: list[OSError] = []

    def sync(_descriptor: int) -> None:
        if failures:
            raise failures.pop()

    world = make_world(tmp_path, sync=sync)
    subnet = world.shared_subnet()
    failures.append(OSError(5, "Input/output error"))
    body = {"loadbalancer": {"vip_subnet_id": subnet["id"], "vip_address": "10.1.0.77"}}
    world.call("POST", f"{LBAAS}/loadbalancers", body, user="blue:member", expect=500)
    (balancer,) = world.get(f"{LBAAS}/loadbalancers")["loadbalancers"]
    assert [port["id"] for port in world.get("/v2.0/ports")["ports"]] == [balancer["vip_port_id"]]
    world.settle()
    shown = world.get(f"{LBAAS}/loadbalancers/{balancer['id']}")["loadbalancer"]
    assert shown["provisioning_status"] == "ACTIVE"
