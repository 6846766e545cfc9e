"""http_basic with two projects and an administrator: nobody sees or touches what is not theirs."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import bcrypt
import pytest
from demo.lab import Lab
from demo.service import Service
from demo.traffic import Client
from tests.e2e.building import connect, make_networks
from tests.e2e.world import Reply, World

_PASSWORDS = {"ada": "ada's word", "bea": "bea:word", "root": "all mine", "eve": "only looking"}
_LINES = {"ada": "project-a:member", "bea": "project-b:member", "root": "ops:admin", "eve": "project-a:reader"}


@dataclass(slots=True)
class Projects:
    world: World
    balancers: dict[str, dict[str, Any]]
    """User → load balancer, listener, pool, member and private subnet, as ids."""

    def ask(self, user: str, method: str, path: str, body: Any = None) -> Reply:
        word = base64.b64encode(f"{user}:{_PASSWORDS[user]}".encode()).decode()
        return self.world.ask(method, path, body, headers={"Authorization": f"Basic {word}"})

    def lbaas(self, user: str, method: str, path: str, body: Any = None) -> Reply:
        return self.ask(user, method, f"/v2.0/lbaas/{path}", body)


@pytest.fixture(scope="module")
def projects() -> Iterator[Projects]:
    with Lab() as lab:
        users = lab.directory / "htpasswd"
        users.touch(mode=0o600)
        users.write_text(
            "".join(
                f"{user}:{bcrypt.hashpw(word.encode(), bcrypt.gensalt(4)).decode()}:{_LINES[user]}\n"
                for user, word in _PASSWORDS.items()
            )
        )
        machine = lab.machine("client", "10.88.0.250/24")
        service = Service(
            lab, sections={"api": {"auth_strategy": "http_basic", "http_basic_auth_user_file": str(users)}}
        )
        service.start()
        cloud = connect(service.url, username="root", password=_PASSWORDS["root"])
        world = World(lab, service, Client(machine), cloud, "", "", "", {})
        make_networks(world)
        projects = Projects(world, {})
        for user in ("ada", "bea"):
            projects.balancers[user] = _make(projects, user)
        yield projects


def _make(projects: Projects, user: str) -> dict[str, Any]:
    """A whole tree for that user, on the shared network, and a network that is only theirs."""

    def create(path: str, wrapper: str, **body: Any) -> dict[str, Any]:
        reply = projects.ask(who, "POST", path, {wrapper: body})
        assert reply.status == 201, reply
        made: dict[str, Any] = reply.body[wrapper]
        return made

    who = "root"
    project = _LINES[user].partition(":")[0]
    number = 1 + list(_LINES).index(user)
    segment = {
        "provider:network_type": "vlan",
        "provider:physical_network": "physnet1",
        "provider:segmentation_id": 100 + number,
    }
    network = create("/v2.0/networks", "network", name=f"private-{user}", project_id=project, **segment)
    cidr = f"10.{number}.0.0/24"
    subnet = create("/v2.0/subnets", "subnet", network_id=network["id"], ip_version=4, cidr=cidr, project_id=project)
    who = user
    prefix = "/v2.0/lbaas/"
    balancer = create(
        f"{prefix}loadbalancers", "loadbalancer", name=f"lb-{user}", vip_subnet_id=projects.world.subnet_id
    )
    listener = create(
        f"{prefix}listeners", "listener", loadbalancer_id=balancer["id"], protocol="HTTP", protocol_port=80
    )
    pool = create(f"{prefix}pools", "pool", loadbalancer_id=balancer["id"], protocol="HTTP", lb_algorithm="ROUND_ROBIN")
    member = create(f"{prefix}pools/{pool['id']}/members", "member", address="10.88.0.11", protocol_port=8080)
    assert balancer["project_id"] == project
    return {
        "lb": balancer["id"],
        "listener": listener["id"],
        "pool": pool["id"],
        "member": member["id"],
        "network": network["id"],
        "subnet": subnet["id"],
        "port": balancer["vip_port_id"],
        "vip": balancer["vip_address"],
    }


@pytest.mark.parametrize("user", ["ada", "bea"])
@pytest.mark.parametrize("collection", ["loadbalancers", "listeners", "pools"])
def test_lists_show_only_ones_own(projects: Projects, user: str, collection: str) -> None:
    listed = projects.lbaas(user, "GET", collection).body[collection]
    assert {item["project_id"] for item in listed} == {_LINES[user].partition(":")[0]}
    assert len(listed) == 1
    assert len(projects.lbaas("root", "GET", collection).body[collection]) == 2


def test_networks_of_others_are_not_shown(projects: Projects) -> None:
    for user, other in (("ada", "bea"), ("bea", "ada")):
        networks = {item["id"] for item in projects.ask(user, "GET", "/v2.0/networks").body["networks"]}
        assert networks == {projects.world.network_id, projects.balancers[user]["network"]}
        ports = {item["id"] for item in projects.ask(user, "GET", "/v2.0/ports").body["ports"]}
        assert projects.balancers[other]["port"] not in ports
        subnet = projects.balancers[other]["subnet"]
        assert projects.ask(user, "GET", f"/v2.0/subnets/{subnet}").status == 404
        assert projects.ask(user, "GET", f"/v2.0/subnets?id={subnet}").body["subnets"] == []


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "loadbalancers/{lb}", None),
        ("GET", "loadbalancers/{lb}/status", None),
        ("GET", "loadbalancers/{lb}/stats", None),
        ("PUT", "loadbalancers/{lb}", {"loadbalancer": {"name": "mine"}}),
        ("DELETE", "loadbalancers/{lb}?cascade=true", None),
        ("PUT", "loadbalancers/{lb}/failover", None),
        ("GET", "listeners/{listener}", None),
        ("GET", "listeners/{listener}/stats", None),
        ("PUT", "listeners/{listener}", {"listener": {"name": "mine"}}),
        ("DELETE", "listeners/{listener}", None),
        ("GET", "pools/{pool}", None),
        ("PUT", "pools/{pool}", {"pool": {"name": "mine"}}),
        ("DELETE", "pools/{pool}", None),
        ("GET", "pools/{pool}/members", None),
        ("GET", "pools/{pool}/members/{member}", None),
        ("POST", "pools/{pool}/members", {"member": {"address": "10.88.0.12", "protocol_port": 80}}),
        ("PUT", "pools/{pool}/members", {"members": []}),
        ("PUT", "pools/{pool}/members/{member}", {"member": {"weight": 9}}),
        ("DELETE", "pools/{pool}/members/{member}", None),
        ("POST", "listeners", {"listener": {"loadbalancer_id": "{lb}", "protocol": "HTTP", "protocol_port": 99}}),
        ("POST", "pools", {"pool": {"loadbalancer_id": "{lb}", "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"}}),
        (
            "POST",
            "pools",
            {"pool": {"listener_id": "{listener}", "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"}},
        ),
        (
            "POST",
            "healthmonitors",
            {"healthmonitor": {"pool_id": "{pool}", "type": "TCP", "delay": 1, "timeout": 1, "max_retries": 1}},
        ),
        ("POST", "loadbalancers", {"loadbalancer": {"vip_subnet_id": "{subnet}"}}),
        ("POST", "loadbalancers", {"loadbalancer": {"vip_network_id": "{network}"}}),
        ("POST", "loadbalancers", {"loadbalancer": {"vip_port_id": "{port}"}}),
        ("PUT", "listeners/{own listener}", {"listener": {"default_pool_id": "{pool}"}}),
        (
            "POST",
            "pools/{own pool}/members",
            {"member": {"address": "10.88.0.13", "protocol_port": 80, "subnet_id": "{subnet}"}},
        ),
        ("PUT", "pools/{own pool}/members/{member}", {"member": {"weight": 9}}),
        ("GET", "pools/{own pool}/members/{member}", None),
        ("POST", "loadbalancers", {"loadbalancer": {"vip_subnet_id": "{shared}", "project_id": "project-b"}}),
        ("GET", "loadbalancers?project_id=project-b", None),
    ],
)
def test_what_is_anothers_is_out_of_reach(projects: Projects, method: str, path: str, body: Any) -> None:
    own, other = projects.balancers["ada"], projects.balancers["bea"]
    places = {f"{{{key}}}": value for key, value in other.items()}
    places.update({f"{{own {key}}}": value for key, value in own.items()})
    places["{shared}"] = projects.world.subnet_id
    before = _everything(projects)
    reply = projects.lbaas("ada", method, _fill(path, places), _fill(body, places))
    assert reply.status in (400, 403, 404), reply
    assert reply.fault
    assert _everything(projects) == before


@pytest.mark.parametrize("user", ["ada", "eve"])
def test_networks_are_made_by_administrators_only(projects: Projects, user: str) -> None:
    assert projects.ask(user, "POST", "/v2.0/networks", {"network": {"name": "n"}}).status == 403
    own = projects.balancers["ada"]["subnet"]
    assert projects.ask(user, "DELETE", f"/v2.0/subnets/{own}").status == 403


def test_a_reader_reads_and_changes_nothing(projects: Projects) -> None:
    own = projects.balancers["ada"]
    assert projects.lbaas("eve", "GET", f"loadbalancers/{own['lb']}").status == 200
    before = _everything(projects)
    for method, path, body in (
        ("PUT", f"loadbalancers/{own['lb']}", {"loadbalancer": {"name": "x"}}),
        ("DELETE", f"loadbalancers/{own['lb']}?cascade=true", None),
        ("POST", "loadbalancers", {"loadbalancer": {"vip_subnet_id": projects.world.subnet_id}}),
    ):
        assert projects.lbaas("eve", method, path, body).status == 403
    assert _everything(projects) == before


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Basic !!!"},
        {"Authorization": "Basic YWRhOndyb25n"},
        {"Authorization": "Bearer abc"},
        {"X-Auth-Token": "notused"},
        {"X-Project-Id": "project-a"},
    ],
)
def test_without_the_right_word_there_is_no_entry(projects: Projects, headers: dict[str, str]) -> None:
    for path in ("/v2.0/lbaas/loadbalancers", "/v2.0/networks"):
        reply = projects.world.ask("GET", path, headers=headers)
        assert reply.status == 401, reply
        assert reply.headers["www-authenticate"].startswith("Basic")
    assert projects.world.ask("GET", "/", headers=headers).status == 200


def test_the_clients_work_with_user_and_password(projects: Projects) -> None:
    url = projects.world.service.url
    cloud = connect(url, username="ada", password=_PASSWORDS["ada"])
    assert [balancer.name for balancer in cloud.load_balancer.load_balancers()] == ["lb-ada"]
    environment = {
        "OS_AUTH_TYPE": "http_basic",
        "OS_ENDPOINT": url,
        "OS_USERNAME": "bea",
        "OS_PASSWORD": _PASSWORDS["bea"],
    }
    command = projects.world.command
    made = command(
        "loadbalancer", "create", "--name", "by-command", "--vip-subnet-id", "sub", "--wait", "-f", "value",
        "-c", "provisioning_status", environment=environment,
    )  # fmt: skip
    assert made.strip() == "ACTIVE"
    listed = command("loadbalancer", "list", "-f", "value", "-c", "name", environment=environment)
    assert set(listed.split()) == {"lb-bea", "by-command"}
    command("loadbalancer", "delete", "--cascade", "by-command", "--wait", environment=environment)


def _everything(projects: Projects) -> dict[str, Any]:
    """All there is, seen by the administrator, without what moves by itself."""
    found: dict[str, Any] = {}
    for collection in ("loadbalancers", "listeners", "pools", "healthmonitors"):
        listed = projects.lbaas("root", "GET", collection).body[collection]
        found[collection] = [{key: item[key] for key in item if not key.startswith(_MOVING)} for item in listed]
    for pool in found["pools"]:
        listed = projects.lbaas("root", "GET", f"pools/{pool['id']}/members").body["members"]
        found[pool["id"]] = [{key: item[key] for key in item if not key.startswith(_MOVING)} for item in listed]
    return found


_MOVING = ("operating_status", "provisioning_status")


def _fill(value: Any, places: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _fill(item, places) for key, item in value.items()}
    if isinstance(value, list):
        return [_fill(item, places) for item in value]
    for name, place in places.items():
        value = value.replace(name, place) if isinstance(value, str) else value
    return value
