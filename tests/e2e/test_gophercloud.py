"""What Terraform's OpenStack provider and Kubernetes' cloud provider ask, with gophercloud, which both are made of."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.gophercloud import (
    CLIENT,
    FOREIGN,
    Cloud,
    Run,
    build_program,
    keystone_cloud,
    node_ports,
    open_cloud,
    running,
)
from tests.e2e.world import World

WEB, SECOND, GUEST = (f"kube_service_kubernetes_default_{name}" for name in ("web", "second", "guest"))


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_program(tmp_path_factory.mktemp("gophercloud"))


@pytest.fixture(scope="module", params=["none", "keystone"])
def cloud(request: pytest.FixtureRequest) -> Iterator[Cloud]:
    if request.param == "none":
        yield open_cloud(request.getfixturevalue("session_world"))
    else:
        with keystone_cloud(request.getfixturevalue("keystone")) as cloud:
            yield cloud


def test_services_of_kubernetes(cloud: Cloud, program: Path) -> None:
    world = cloud.world
    with node_ports(world) as servers, running(program, "kubernetes", cloud, cloud.user, servers) as run:
        begin = run.next()
        assert (begin["step"], begin["version"], begin["cidr"]) == ("start", "v2.30", "10.88.0.0/24")
        assert begin["extensions"]
        assert world.subnet_id in begin["subnets"]
        kubernetes = Kubernetes(world, run)
        kubernetes.creates()
        kubernetes.changes()
        kubernetes.shares()
        kubernetes.adopts()
        assert run.all()[-1]["step"] == "leave"
    for step in run.steps:
        if "id" in step:
            world.assert_gone(step["id"])


class Kubernetes:
    """The steps of the sequence, each with what has to be there after it."""

    def __init__(self, world: World, run: Run) -> None:
        self._world = world
        self._run = run

    def step(self, name: str, writes: list[str]) -> dict[str, Any]:
        """The next one, with what had to be changed for it."""
        step = self._run.next()
        assert (step["step"], step["writes"], step["status"]) == (name, writes, "ACTIVE"), step
        assert (step.get("floating_ips", 0), step.get("security_groups", 0)) == (0, 0)
        return step

    def answered(self, step: dict[str, Any], port: int) -> set[str]:
        """By whom; the affinity to the client's address makes it one where there are several."""
        answers = self._world.client.spread(step["vip"], port, requests=4)
        return set(answers)

    def creates(self) -> None:
        step = self.step("create", ["create load balancer"])
        assert step["tags"] == [WEB]
        for listener, (port, node_port) in zip(step["listeners"], ((80, 8080), (443, 8081)), strict=True):
            assert listener == {
                "port": port,
                "protocol": "TCP",
                "tags": [WEB],
                "allowed_cidrs": [CLIENT],
                "headers": {},
                "connection_limit": -1,
                "timeouts": [50000, 5000, 50000, 0],
                "pool": "TCP",
                "algorithm": "ROUND_ROBIN",
                "persistence": "SOURCE_IP",
                "members": [f"node1 10.88.0.11:{node_port}/0", f"node2 10.88.0.12:{node_port}/0"],
                "monitor": "TCP 5 3 1 3",
            }
            assert self.answered(step, port) <= {"web1", "web2"}
        self._run.go_on()

    def changes(self) -> None:
        self.step("unchanged", [])
        self._run.go_on()
        step = self.step("node added and removed", ["update members 80", "update members 443"])
        assert [listener["members"] for listener in step["listeners"]] == [
            [f"node2 10.88.0.12:{port}/0", f"node3 10.88.0.13:{port}/0"] for port in (8080, 8081)
        ]
        assert self.answered(step, 80) <= {"web2", "web3"}
        self._run.go_on()
        new = ["create listener 8080", "create pool 8080", "update members 8080", f"create monitor monitor_2_{WEB}"]
        step = self.step("port added", new)
        assert self.answered(step, 8080) <= {"web2", "web3"}
        self._run.go_on()
        all_listeners = [f"update listener {port}" for port in (80, 443, 8080)]
        step = self.step("sources changed", all_listeners)
        assert not self._world.reaches(step["vip"], 80)
        self._run.go_on()
        step = self.step("sources changed back", all_listeners)
        assert [listener["allowed_cidrs"] for listener in step["listeners"]] == [[CLIENT, FOREIGN]] * 3
        assert self.answered(step, 443) <= {"web2", "web3"}
        self._run.go_on()
        step = self.step("timeouts and limit changed", all_listeners)
        for listener in step["listeners"]:
            assert (listener["timeouts"], listener["connection_limit"]) == ([60000, 4000, 70000, 10], 5000)
        self._run.go_on()
        monitors = [f"monitor_{number}_{WEB}" for number in range(3)]
        step = self.step("monitor changed", [f"update monitor {name}" for name in monitors])
        assert {listener["monitor"] for listener in step["listeners"]} == {"TCP 7 4 2 2"}
        self._run.go_on()
        local = []
        for port, name in zip((80, 443, 8080), monitors, strict=True):
            local += [f"update members {port}", f"delete monitor {name}", f"create monitor {name}"]
        step = self.step("traffic policy local", local)
        assert {listener["monitor"] for listener in step["listeners"]} == {"HTTP 7 4 2 2"}
        assert step["listeners"][1]["members"] == ["node2 10.88.0.12:8081/8080", "node3 10.88.0.13:8081/8080"]
        self._run.go_on()
        step = self.step("port removed", ["delete monitor 8080", "delete pool 8080", "delete listener 8080"])
        assert [listener["port"] for listener in step["listeners"]] == [80, 443]
        assert not self._world.reaches(step["vip"], 8080)
        self._run.go_on()
        self.step("still unchanged", [])
        self._run.go_on()

    def shares(self) -> None:
        step = self.step(
            "share",
            [
                *("create listener 8081", "create pool 8081", "update members 8081"),
                *(f"create monitor monitor_0_{SECOND}", "update tags"),
            ],
        )
        assert set(step["tags"]) == {WEB, SECOND}
        assert [listener["tags"] for listener in step["listeners"]] == [[WEB], [WEB], [SECOND]]
        assert self.answered(step, 8081) == {"web1"}
        self._run.go_on()
        self.step("first beside second", [])
        self._run.go_on()
        step = self.step(
            "delete second",
            ["delete monitor 8081", "delete pool 8081", "delete listener 8081", "update tags"],
        )
        assert (step["tags"], len(step["listeners"])) == ([WEB], 2)
        assert self.answered(step, 80) <= {"web2", "web3"}
        self._run.go_on()
        assert self._run.next()["step"] == "delete"

    def adopts(self) -> None:
        step = self.step(
            "adopt",
            [
                *("create listener 80", "create pool 80", "update members 80"),
                *(f"create monitor monitor_0_{GUEST}", "update tags"),
            ],
        )
        [listener] = step["listeners"]
        assert (listener["protocol"], listener["headers"]) == ("HTTP", {"X-Forwarded-For": "true"})
        assert listener["allowed_cidrs"] in ([], None)
        assert self.answered(step, 80) == {"web1"}
        self._run.go_on()
        leaving = ["delete monitor 80", "delete pool 80", "delete listener 80", "update tags"]
        step = self.step("leave", leaving)
        assert (step["tags"], step["listeners"]) == ([""], [])
        self._run.go_on()


def test_resources_of_terraform(cloud: Cloud, program: Path) -> None:
    with running(program, "terraform", cloud, cloud.user) as run:
        steps = run.all()
    assert steps[0] == {"step": "port", "groups": [], "is_vip": True}
    assert steps[1:4] == [
        {"step": step, "resources": 18, "differences": [], "retries": 0} for step in ("apply", "change", "take away")
    ]
    assert steps[4] == {"step": "destroy", "id": steps[4]["id"], "left": 0, "retries": 0}
    cloud.world.assert_gone(steps[4]["id"])


def test_what_an_administrator_has_in_terraform(cloud: Cloud, program: Path) -> None:
    with running(program, "terraform-offers", cloud, cloud.administrator) as run:
        steps = run.all()
    kept = [
        *("create flavorprofile", "create flavor", "update flavor", "update flavorprofile", "create quota"),
        *("update quota", "delete flavor", "update flavorprofile", "delete flavorprofile"),
    ]
    assert [step["step"] for step in steps] == kept
    for step in steps:
        assert (step.get("differences", []), step.get("gone", True)) == ([], True), step
    # Terraform leaves quotas behind; the tests that come after have none.
    cloud.world.cloud.network.delete_quota(cloud.project_id)
    assert list(cloud.world.cloud.load_balancer.quotas()) == []
