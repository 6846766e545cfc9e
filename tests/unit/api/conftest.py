"""The whole API over the real use cases, the real store on SQLite and the built-in networks; only the host is played.

``World`` speaks HTTP through Falcon's test client, as one user or another.
"""

import functools
import itertools
import json
import os
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import falcon.testing
import pytest
from tests.fakes.clock import StillClock
from tests.fakes.hints import NotedHints
from tests.sqlite import newest_sqlite

from evenload.api.app import build_app
from evenload.api.auth.identity import Caller, Unauthenticated, with_implied
from evenload.api.policy import Policy
from evenload.api.services import Services, V1Services
from evenload.api.settings import ApiSettings, PolicySettings
from evenload.host.pcre import find_fault_finder
from evenload.model.desired import Change, Gone, Outcome, Report
from evenload.model.registration import Registration
from evenload.model.secret_limits import SecretLimits
from evenload.ports.ipam import Ipam
from evenload.secrets.keyring import KeyRing, new_key
from evenload.secrets.reading import StoredCertificates
from evenload.secrets.vault import Vault
from evenload.service.agent_registry import AgentRegistry
from evenload.service.agents import AgentGateway
from evenload.service.amphorae import Amphorae
from evenload.service.catalogue import FLAVORS, ZONES, Catalogue
from evenload.service.context import Context
from evenload.service.health_monitors import HealthMonitors
from evenload.service.l7_policies import L7Policies, L7Rules
from evenload.service.lbaas_v1.members import V1Members
from evenload.service.lbaas_v1.monitors import V1Monitors
from evenload.service.lbaas_v1.pools import V1Pools
from evenload.service.lbaas_v1.vip_creation import VipCreation
from evenload.service.lbaas_v1.vips import Vips
from evenload.service.listeners import Listeners
from evenload.service.load_balancers import LoadBalancers
from evenload.service.members import Members
from evenload.service.networks import Networks, NetworkSettings
from evenload.service.pools import Pools
from evenload.service.quotas import Quotas, QuotaSettings, v1_limits
from evenload.service.vip_ports import VipPorts
from evenload.store.engine import StoreSettings, open_engine
from evenload.store.unit_of_work import SqlUnitOfWork
from evenload.store.write_ahead_log import Sync

LBAAS = "/v2.0/lbaas"
LB = "/v2.0/lb"
NOWHERE = "11111111-2222-4333-8444-555555555555"


class HeaderIdentity:
    """``X-Test-User: project:role,role`` says who is calling; nothing is the administrator of the project admin."""

    def authenticate(self, environ: Mapping[str, Any]) -> Caller:
        text: str = environ.get("HTTP_X_TEST_USER", "admin:admin")
        if text == "nobody":
            raise Unauthenticated("Who are you?", 'Basic realm="test"')
        project, _, roles = text.partition(":")
        return Caller(project or "none", project or None, with_implied([role for role in roles.split(",") if role]))

    def projects(self, caller: Caller) -> list[str]:
        return ["admin", "blue", "red"]


@dataclass
class Pauses:
    """Nobody sleeps in these tests: what would be waited for is noted, and may be made to happen."""

    seconds: list[float] = field(default_factory=list)
    meanwhile: Callable[[], None] = lambda: None

    def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        self.meanwhile()


@dataclass
class World:
    client: falcon.testing.TestClient
    gateway: AgentGateway
    hints: NotedHints
    clock: StillClock
    uow: SqlUnitOfWork
    pauses: Pauses
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        user: str = "admin:admin",
        expect: int | None = None,
        **more: Any,
    ) -> Any:
        """The answer's JSON, or its result where no status is expected."""
        headers = {"X-Test-User": user, **more.pop("headers", {})}
        content: bytes | None = more.pop("content", None)
        if "raw" in more:  # what Falcon's client would refuse to send
            content = json.dumps(more.pop("raw")).encode("ascii")
            headers["Content-Type"] = "application/json"
        if content is not None:
            more["body"] = content
        elif body is not None:
            more["json"] = body
        result = self.client.simulate_request(method, path, headers=headers, **more)
        if expect is None:
            return result
        assert result.status_code == expect, f"{method} {path}: {result.status} {result.text}"
        return result.json if result.content and result.content_type == "application/json" else None

    def post(self, path: str, body: Any, **more: Any) -> Any:
        wrapper = next(iter(body))
        return self.call("POST", path, body, expect=201, **more)[wrapper]

    def get(self, path: str, **more: Any) -> Any:
        return self.call("GET", path, expect=200, **more)

    def network(self, *, user: str = "admin:admin", **more: Any) -> Any:
        segment = {"provider:network_type": "vlan", "provider:physical_network": "physnet1"}
        number = next(self.numbers)
        body = {"name": f"net{number}", "provider:segmentation_id": 100 + number, **segment, **more}
        return self.post("/v2.0/networks", {"network": body}, user=user)

    def subnet(self, network: Any, cidr: str = "10.1.0.0/24", **more: Any) -> Any:
        version = 6 if ":" in cidr else 4
        body = {"name": "subnet", "network_id": network["id"], "cidr": cidr, "ip_version": version, **more}
        return self.post("/v2.0/subnets", {"subnet": body})

    def shared_subnet(self) -> Any:
        return self.shared_subnet_at("10.1.0.0/24")

    def shared_subnet_at(self, cidr: str) -> Any:
        return self.subnet(self.network(shared=True), cidr)

    def balancer(self, subnet: Any, *, user: str = "blue:member", **more: Any) -> Any:
        body = {"vip_subnet_id": subnet["id"], **more}
        return self.post(f"{LBAAS}/loadbalancers", {"loadbalancer": body}, user=user)

    def listener(self, balancer: Any, port: int = 80, *, user: str = "blue:member", **more: Any) -> Any:
        body = {"loadbalancer_id": balancer["id"], "protocol": "HTTP", "protocol_port": port, **more}
        return self.post(f"{LBAAS}/listeners", {"listener": body}, user=user)

    def pool(self, balancer: Any, *, user: str = "blue:member", **more: Any) -> Any:
        body = {"loadbalancer_id": balancer["id"], "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN", **more}
        return self.post(f"{LBAAS}/pools", {"pool": body}, user=user)

    def member(self, pool: Any, address: str = "10.9.0.1", *, user: str = "blue:member", **more: Any) -> Any:
        body = {"address": address, "protocol_port": 8080, **more}
        return self.post(f"{LBAAS}/pools/{pool['id']}/members", {"member": body}, user=user)

    def monitor(self, pool: Any, *, user: str = "blue:member", **more: Any) -> Any:
        body = {"pool_id": pool["id"], "type": "HTTP", "delay": 5, "timeout": 3, "max_retries": 2, **more}
        return self.post(f"{LBAAS}/healthmonitors", {"healthmonitor": body}, user=user)

    def v1_pool(self, *, user: str = "blue:member", **more: Any) -> Any:
        body = {"subnet_id": NOWHERE, "protocol": "HTTP", "lb_method": "ROUND_ROBIN", **more}
        return self.post(f"{LB}/pools", {"pool": body}, user=user)

    def vip(self, pool: Any, subnet: Any, *, user: str = "blue:member", **more: Any) -> Any:
        body = {"pool_id": pool["id"], "subnet_id": subnet["id"], "protocol": "HTTP", "protocol_port": 80, **more}
        return self.post(f"{LB}/vips", {"vip": body}, user=user)

    def v1_member(self, pool: Any, address: str = "10.9.0.1", *, user: str = "blue:member", **more: Any) -> Any:
        body = {"pool_id": pool["id"], "address": address, "protocol_port": 8080, **more}
        return self.post(f"{LB}/members", {"member": body}, user=user)

    def v1_monitor(self, *, user: str = "blue:member", **more: Any) -> Any:
        body = {"type": "HTTP", "delay": 5, "timeout": 3, "max_retries": 3, **more}
        return self.post(f"{LB}/health_monitors", {"health_monitor": body}, user=user)

    def associate(self, pool: Any, monitor: Any, *, user: str = "blue:member") -> Any:
        body = {"health_monitor": {"id": monitor["id"]}}
        return self.call("POST", f"{LB}/pools/{pool['id']}/health_monitors", body, user=user, expect=201)

    def v1_error(self, method: str, path: str, body: Any = None, **more: Any) -> tuple[str, str]:
        """Type and message of a refusal of Neutron's shape."""
        error = self.call(method, path, body, **more)["NeutronError"]
        assert set(error) == {"type", "message", "detail"}
        assert error["detail"] == ""
        return error["type"], error["message"]

    def refuse(self, load_balancer_id: str, reason: str) -> None:
        """The agent gives up on the load balancer as it is desired now."""
        generation = self.gateway.assignments("host-1")[load_balancer_id]
        report = Report(
            load_balancer_id=load_balancer_id,
            generation=generation,
            outcome=Outcome.GIVE_UP,
            change=Change.NOTHING,
            reason=reason,
        )
        self.gateway.report("host-1", report)

    def settle(self) -> None:
        """The agent does all its work."""
        for identifier in self.gateway.assignments("host-1"):
            desired = self.gateway.fetch("host-1", [identifier])[identifier]
            assert desired.generation is not None
            self.gateway.report(
                "host-1",
                Report(
                    load_balancer_id=desired.load_balancer_id if isinstance(desired, Gone) else desired.id,
                    generation=desired.generation,
                    outcome=Outcome.DONE,
                    change=Change.RELOAD,
                ),
            )


@functools.cache
def default_policy() -> Policy:
    return Policy(PolicySettings(), monotonic=time.monotonic)


def make_world(
    directory: Path,
    settings: ApiSettings | None = None,
    sync: Sync = os.fdatasync,
    policy: Policy | None = None,
    **more: Any,
) -> World:
    """``more``: of the context of the use cases."""
    url = newest_sqlite(directory / "api.sqlite")
    clock, hints = StillClock(), NotedHints()
    uow = SqlUnitOfWork(open_engine(StoreSettings(url=url)), hints, sync=sync)
    # Ids that sort in the order of creation would let a wrong order pass.
    source = random.Random(7)

    def new_id() -> str:
        text = f"{source.getrandbits(128):032x}"
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-8{text[17:20]}-{text[20:]}"

    ports = VipPorts(uow, Ipam(uow, clock, new_id, source), clock, new_id)
    vault = Vault(uow, KeyRing([new_key()]), clock, new_id, SecretLimits())
    stored = StoredCertificates(vault)
    context = Context(
        uow=uow,
        ports=ports,
        clock=clock,
        new_id=new_id,
        find_regex_fault=find_fault_finder(),
        **{"certificates": stored, **more},
    )
    gateway = AgentGateway(context, stored)
    gateway.register("host-1", Registration())
    networks = NetworkSettings(
        default_physical_network="physnet1", physical_networks=("physnet1",), vlan_ranges=(("physnet1", 1000, 1100),)
    )
    pauses = Pauses()
    limits = v1_limits(QuotaSettings().v1)
    balancers = LoadBalancers(context)
    services = Services(
        load_balancers=balancers,
        listeners=Listeners(context),
        pools=Pools(context),
        members=Members(context),
        health_monitors=HealthMonitors(context),
        l7_policies=L7Policies(context),
        l7_rules=L7Rules(context),
        quotas=Quotas(uow, context.limits),
        flavors=Catalogue(context, FLAVORS),
        zones=Catalogue(context, ZONES),
        amphorae=Amphorae(context, balancers),
        networks=Networks(uow, networks, clock, new_id, source, pauses),
        vault=vault,
        v1=V1Services(
            vips=Vips(context, VipCreation(context, limits, pauses)),
            pools=V1Pools(context, limits, "evenload"),
            members=V1Members(context, limits),
            monitors=V1Monitors(context, limits),
            quotas=Quotas(uow, limits),
            octavia_quotas=Quotas(uow, context.limits),
            agents=AgentRegistry(context),
        ),
    )
    app = build_app(services, HeaderIdentity(), policy or default_policy(), settings or ApiSettings())
    return World(falcon.testing.TestClient(app), gateway, hints, clock, uow, pauses)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = make_world(tmp_path)
    yield made
    made.uow.close()


@pytest.fixture
def make_world_with(tmp_path: Path) -> Iterator[Callable[..., World]]:
    """A world with other settings of the API."""
    opened: list[World] = []

    def make(**more: Any) -> World:
        opened.append(make_world(tmp_path, ApiSettings(**more)))
        return opened[-1]

    yield make
    for world in opened:
        world.uow.close()


class Furnished:
    """A load balancer with all its parts, and good bodies to spoil."""

    def __init__(self, world: World) -> None:
        self.world = world
        subnet = world.shared_subnet()
        self.balancer = world.balancer(subnet, name="lb")
        self.listener = world.listener(self.balancer, name="listener")
        self.pool = world.pool(self.balancer, name="pool")
        self.bare = world.pool(self.balancer, name="bare")
        self.member = world.member(self.pool, name="member")
        self.monitor = world.monitor(self.pool, name="monitor")
        members = f"pools/{self.pool['id']}/members"
        listener = {"loadbalancer_id": self.balancer["id"], "protocol": "HTTP", "protocol_port": 8080}
        pool = {"loadbalancer_id": self.balancer["id"], "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"}
        monitor = {"pool_id": self.bare["id"], "type": "HTTP", "delay": 5, "timeout": 3, "max_retries": 2}
        monitor |= {"http_version": 1.1}
        self.good: dict[str, tuple[str, dict[str, Any], str]] = {
            "loadbalancer": ("loadbalancers", {"vip_subnet_id": subnet["id"]}, f"loadbalancers/{self.balancer['id']}"),
            "listener": ("listeners", listener, f"listeners/{self.listener['id']}"),
            "pool": ("pools", pool, f"pools/{self.pool['id']}"),
            "member": (members, {"address": "10.9.9.9", "protocol_port": 1}, f"{members}/{self.member['id']}"),
            "healthmonitor": ("healthmonitors", monitor, f"healthmonitors/{self.monitor['id']}"),
        }

    def everything(self) -> Any:
        kinds = ("loadbalancers", "listeners", "pools", f"pools/{self.pool['id']}/members", "healthmonitors")
        found = [self.world.get(f"{LBAAS}/{kind}") for kind in kinds]
        return found, self.world.get("/v2.0/ports"), len(self.world.hints.sent)


@pytest.fixture
def furnished(world: World) -> Furnished:
    return Furnished(world)
