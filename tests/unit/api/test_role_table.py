"""Each row of the role table is asked of the whole API: the policy's defaults, and where each call asks for what."""

import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.unit.api.conftest import LBAAS, World, make_world
from tests.unit.api.role_table import CALLS, NOTHING, OLDER, ROLES, Call, R

from evenload.api.policy import Policy, default_rules
from evenload.api.settings import PolicySettings

PREFIX = "os_load-balancer_api:"


class Site:
    """What the project blue has; what calls name in braces, made by the administrator."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._numbers = itertools.count(1)
        subnet = world.shared_subnet()
        balancer = world.balancer(subnet)
        listener, pool = world.listener(balancer), world.pool(balancer)
        member, monitor = world.member(pool), world.monitor(pool)
        policy = self._policy(listener)
        profile, zone_profile = self._profile("flavor"), self._profile("availability_zone")
        objects = {"subnet": subnet, "loadbalancer": balancer, "listener": listener, "pool": pool, "member": member}
        objects |= {"healthmonitor": monitor, "flavorprofile": profile, "flavor": self._flavor(profile)}
        objects |= {"availability_zone_profile": zone_profile, "l7policy": policy, "l7rule": self._rule(policy)}
        self._ids: dict[str, Any] = {name: made["id"] for name, made in objects.items()} | {"project": "blue"}
        self._ids["availability_zone"] = self._zone(zone_profile)
        self._new: dict[str, Callable[[], Any]] = {
            "loadbalancer": lambda: world.balancer(subnet)["id"],
            "listener": lambda: world.listener(balancer, self._number())["id"],
            "pool": lambda: world.pool(balancer)["id"],
            "member": lambda: world.member(pool, protocol_port=self._number())["id"],
            "healthmonitor": lambda: world.monitor(world.pool(balancer))["id"],
            "l7policy": lambda: self._policy(listener)["id"],
            "l7rule": lambda: self._rule(policy)["id"],
            "amphora": lambda: self._amphora(balancer),
            "flavor": lambda: self._flavor(profile)["id"],
            "flavorprofile": lambda: self._profile("flavor")["id"],
            "availability_zone": lambda: self._zone(zone_profile),
            "availability_zone_profile": lambda: self._profile("availability_zone")["id"],
            "project": self._project,
            "port": self._number,
            "name": lambda: f"name {self._number()}",
        }

    def ask(self, call: Call, user: str) -> int:
        path = f"{self._named(call.path)}{'?project_id=blue' if call.filtered else ''}"
        path = path if path.startswith("/") else f"{LBAAS}/{path}"
        body = self._named(call.body) if call.body else None
        return int(self.world.call(call.method, path, body, user=user).status_code)

    def _named(self, value: Any) -> Any:
        match value:
            case dict():
                return {name: self._named(item) for name, item in value.items()}
            case list():
                return [self._named(item) for item in value]
            case str() if value.startswith("{new_") and value.endswith("}"):
                return self._new[value[5:-1]]()
            case str():
                wanted = {name: f"{{new_{name}}}" for name in self._new if f"{{new_{name}}}" in value}
                return value.format(**self._ids, **{f"new_{name}": self._new[name]() for name in wanted})
            case _:
                return value

    def _number(self) -> int:
        return 1000 + next(self._numbers)

    def _project(self) -> str:
        name = f"project{self._number()}"
        self.world.call("PUT", f"{LBAAS}/quotas/{name}", {"quota": {"pool": 1}}, expect=202)
        return name

    def _policy(self, listener: Any) -> Any:
        return self.world.post(f"{LBAAS}/l7policies", {"l7policy": {"listener_id": listener["id"], "action": "REJECT"}})

    def _rule(self, policy: Any) -> Any:
        rule = {"type": "PATH", "compare_type": "EQUAL_TO", "value": f"/{self._number()}"}
        return self.world.post(f"{LBAAS}/l7policies/{policy['id']}/rules", {"rule": rule})

    def _amphora(self, balancer: Any) -> str:
        """As it is now: a failover makes another."""
        self.world.settle()
        [found] = self.world.get(f"/v2.0/octavia/amphorae?loadbalancer_id={balancer['id']}")["amphorae"]
        return str(found["id"])

    def _profile(self, kind: str) -> Any:
        body = {"name": f"p{self._number()}", "provider_name": "evenload", f"{kind}_data": "{}"}
        wrapper = "flavorprofile" if kind == "flavor" else f"{kind}_profile"
        return self.world.post(f"{LBAAS}/{kind.replace('_', '')}profiles", {wrapper: body})

    def _zone(self, profile: Any) -> str:
        """Its name: a zone has no other key."""
        body = {"name": f"z{self._number()}", "availability_zone_profile_id": profile["id"]}
        return str(self.world.post(f"{LBAAS}/availabilityzones", {"availability_zone": body})["name"])

    def _flavor(self, profile: Any) -> Any:
        body = {"name": f"f{self._number()}", "flavor_profile_id": profile["id"]}
        return self.world.post(f"{LBAAS}/flavors", {"flavor": body})


@pytest.fixture(scope="module", params=["older roles too", "new defaults"])
def asked(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, bool]]:
    enforced = request.param == "new defaults"
    policy = Policy(PolicySettings(enforce_new_defaults=enforced), monotonic=time.monotonic)
    world = make_world(tmp_path_factory.mktemp("roles"), policy=policy)
    yield Site(world), enforced
    world.uow.close()


@pytest.mark.parametrize("project", ["blue", "red"])
@pytest.mark.parametrize("role", ROLES)
def test_each_call_by_each_role(asked: tuple[Site, bool], role: str, project: str) -> None:
    """Of an object of the project blue."""
    site, enforced = asked
    own, foreign = ROLES[role]
    rights = NOTHING if enforced and role in OLDER else own if project == "blue" else foreign
    expected = {f"{call.rule} {call.path}": call.status if call.right in rights else 403 for call in CALLS}
    found = {f"{call.rule} {call.path}": site.ask(call, f"{project}:{role}") for call in CALLS}
    assert found == expected


def test_a_caller_without_a_project_has_what_holds_everywhere(asked: tuple[Site, bool]) -> None:
    """As with a token of the whole system: an administrator's is good, a reader's owns nothing."""
    site, _ = asked
    reads = [call for call in CALLS if call.method == "GET"]
    assert [site.ask(call, ":admin") for call in reads] == [call.status for call in reads]
    assert {site.ask(call, ":member") for call in CALLS} == {403}


def test_there_is_a_row_for_each_rule() -> None:
    rules = {rule.name.removeprefix(PREFIX) for rule in default_rules() if rule.name.startswith(PREFIX)}
    rows = {call.rule for call in CALLS} | {f"{call.rule}-global" for call in CALLS if call.filtered}
    assert rules == rows, "a row for each, in tests/unit/api/role_table.py"


@pytest.mark.parametrize("sent", [[], None])
def test_security_groups_have_rules_of_their_own(tmp_path: Path, sent: Any) -> None:
    """Also for saying that there are none."""
    refused = "".join(f'"{PREFIX}loadbalancer:{action}:vip_sg_ids": "!"\n' for action in ("post", "put"))
    (tmp_path / "policy.yaml").write_text(refused)
    policy = Policy(PolicySettings(file=tmp_path / "policy.yaml"), monotonic=time.monotonic)
    world = make_world(tmp_path, policy=policy)
    site = Site(world)
    for method, path, fields in (
        ("POST", "loadbalancers", {"vip_subnet_id": "{subnet}", "project_id": "{project}"}),
        ("PUT", "loadbalancers/{loadbalancer}", {"name": "x"}),
    ):
        call = Call(rule="", method=method, path=path, right=R.WRITE, status=0, body={"loadbalancer": fields})
        named = replace(call, body={"loadbalancer": {**fields, "vip_sg_ids": sent}})
        assert (site.ask(call, "blue:member") < 300, site.ask(named, "blue:member")) == (True, 403)
    world.uow.close()
