"""The use cases with the real store and the real IPAM: what a load balancer takes and gives back."""

import itertools
import random
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import event
from tests.fakes.clock import StillClock
from tests.fakes.hints import NotedHints
from tests.fakes.sample_drafts import a_balancer, a_listener, a_member, a_pool
from tests.own_thread import of_this_thread
from tests.sqlite import newest_sqlite

from evenload.interfaces.ports import VipRequest
from evenload.interfaces.store import Transaction, UnitOfWork
from evenload.model.desired import Change, Desired, Gone, Outcome, Report
from evenload.model.difference import Difference
from evenload.model.enums import NetworkType, ProvisioningStatus
from evenload.model.errors import Conflict, Invalid
from evenload.model.network import Port, Route
from evenload.model.registration import Registration
from evenload.model.tree import Tree
from evenload.ports.ipam import Ipam
from evenload.service.agents import AgentGateway
from evenload.service.commands import Changes
from evenload.service.context import Context
from evenload.service.documents import build_desired
from evenload.service.load_balancers import LoadBalancers
from evenload.service.members import Members
from evenload.service.networks import Networks, NetworkSettings
from evenload.service.pools import Pools
from evenload.service.vip_ports import VipPorts
from evenload.store.engine import StoreSettings, open_engine
from evenload.store.unit_of_work import SqlUnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """``subnet`` belongs to ``project``, ``foreign`` to another one."""

    uow: UnitOfWork
    load_balancers: LoadBalancers
    pools: Pools
    members: Members
    gateway: AgentGateway
    networks: Networks
    hints: NotedHints
    subnet: str
    foreign: str

    def report(self, load_balancer_id: str, generation: int, outcome: Outcome = Outcome.DONE) -> None:
        self.gateway.report(
            "host-1",
            Report(
                load_balancer_id=load_balancer_id,
                generation=generation,
                outcome=outcome,
                change=Change.START,
            ),
        )

    def ports(self) -> list[Port]:
        with self.uow.read() as transaction:
            return transaction.ports()


def test_of_a_large_load_balancer_agents_are_told_what_has_changed(site: Site) -> None:
    """So that nothing is fetched, whatever was reported meanwhile; and each document is what a fetch gives."""
    members = tuple(a_member(address="10.7.0.1", port=number + 1) for number in range(300))
    request = VipRequest(subnet_id=site.subnet)
    tree = site.load_balancers.create("project", a_balancer(vip=request, pools=(a_pool(members=members),)))
    assert site.hints.snapshots == [None]
    document = site.gateway.fetch("host-1", [tree.id])[tree.id]
    pool_id, first, second = *tree.pools, *list(tree.members)[:2]

    def require_told(size: int) -> None:
        nonlocal document
        snapshot = site.hints.snapshots[-1]
        assert snapshot is not None
        assert isinstance(snapshot.document, Difference)
        assert snapshot.document.size == size
        assert isinstance(document, Desired)
        after, fetched = snapshot.document.applied_to(document), site.gateway.fetch("host-1", [tree.id])[tree.id]
        assert isinstance(after, Desired)
        assert isinstance(fetched, Desired)
        assert (after, after.edition) == (fetched, fetched.edition)
        document = after

    for number in range(3):
        site.report(tree.id, number + 1)
        site.members.update(pool_id, first, Changes(item={"weight": 7 + number}))
        require_told(1)
    site.members.update(pool_id, second, Changes(item={"weight": 9}))
    require_told(1)
    site.members.delete(pool_id, second)
    require_told(1)
    site.members.create(pool_id, a_member(address="10.7.0.2", port=1))
    require_told(1)
    site.load_balancers.update(tree.id, Changes(item={"admin_state_up": False}))
    require_told(0)
    many = [a_member(address="10.7.0.3", port=number + 1) for number in range(250)]
    site.members.replace(pool_id, many, additive_only=True)
    assert site.hints.snapshots[-1] is None  # that much is fetched


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    engine = open_engine(StoreSettings(url=newest_sqlite(tmp_path / "evenload.db")))
    clock, source, hints = StillClock(), random.Random(1), NotedHints()

    def describe(transaction: Transaction, tree: Tree) -> Desired:
        return build_desired(tree, ports.described(transaction, tree))

    uow = SqlUnitOfWork(engine, hints, describe=describe)
    numbers = itertools.count(1)

    def new_id() -> str:
        return f"00000000-0000-4000-8000-{next(numbers):012}"

    networks = Networks(
        uow,
        NetworkSettings(physical_networks=("one", "two")),
        clock,
        new_id,
        source,
    )
    subnets = []
    for project, physical, cidr in (("project", "one", "10.0.0.0/24"), ("stranger", "two", "10.9.0.0/24")):
        network = networks.create_network(project, {"type": NetworkType.FLAT, "physical_network": physical}).network
        subnets.append(networks.create_subnet(project, {"network_id": network.id, "cidr": cidr, "ip_version": 4}).id)
    ports = VipPorts(uow, Ipam(uow, clock, new_id, source), clock, new_id)
    context = Context(uow=uow, ports=ports, clock=clock, new_id=new_id)
    gateway = AgentGateway(context)
    gateway.register("host-1", Registration())
    yield Site(
        uow=uow,
        load_balancers=LoadBalancers(context),
        pools=Pools(context),
        members=Members(context),
        gateway=gateway,
        networks=networks,
        hints=hints,
        subnet=subnets[0],
        foreign=subnets[1],
    )
    uow.close()


def test_a_hint_brings_the_document_that_a_fetch_would_answer(site: Site) -> None:
    request = VipRequest(subnet_id=site.subnet)
    tree = site.load_balancers.create("project", a_balancer(vip=request, pools=(a_pool(members=(a_member(),)),)))
    [snapshot] = site.hints.snapshots
    assert snapshot is not None
    assert {tree.id: snapshot.document} == site.gateway.fetch("host-1", [tree.id])
    assert snapshot.database == site.uow.identity()
    site.networks.update_subnet(site.subnet, {"gateway_ip": None})
    touched = site.hints.snapshots[-1]
    assert touched is not None
    assert {tree.id: touched.document} == site.gateway.fetch("host-1", [tree.id])
    assert isinstance(touched.document, Desired)
    assert isinstance(snapshot.document, Desired)
    assert touched.document.port != snapshot.document.port
    assert touched.moment > snapshot.moment


def test_a_hint_of_what_is_removed_says_so(site: Site) -> None:
    request = VipRequest(subnet_id=site.subnet)
    tree = site.load_balancers.create("project", a_balancer(vip=request))
    site.load_balancers.delete(tree.id, cascade=True)
    snapshot = site.hints.snapshots[-1]
    assert snapshot is not None
    assert {tree.id: snapshot.document} == site.gateway.fetch("host-1", [tree.id])
    assert isinstance(snapshot.document, Gone)
    assert snapshot.database == site.uow.identity()


def _abridged(statements: list[str]) -> list[str]:
    """What each does to which table."""
    return [
        f"{each.split()[0]} {re.split('FROM |INTO |UPDATE ', each, maxsplit=1)[1].split()[0]}" for each in statements
    ]


def test_a_deletion_takes_few_statements(site: Site) -> None:
    """Hundreds of load balancers may go at once: what each takes is counted here. The tree is known already."""
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_others: object) -> None:
        if not statement.startswith(("BEGIN", "PRAGMA")):
            statements.append(" ".join(statement.split()))

    request = VipRequest(subnet_id=site.subnet)
    draft = a_balancer(vip=request, listeners=(a_listener(80),), pools=(a_pool(members=(a_member(),)),))
    tree = site.load_balancers.create("project", draft)
    site.report(tree.id, 1)
    event.listen(
        site.uow._engine,  # type: ignore[attr-defined]
        "before_cursor_execute",
        of_this_thread(note),
    )
    site.load_balancers.delete(tree.id, cascade=True)
    assert _abridged(statements) == [
        "SELECT load_balancers",
        *(f"UPDATE {table}" for table in ("load_balancers", "pools", "listeners", "members")),
    ]
    statements.clear()
    site.report(tree.id, 2)
    assert _abridged(statements) == [
        *(f"SELECT {table}" for table in ("load_balancers", "held_ports", "held_ports", "ports", "fixed_ips")),
        *(f"DELETE {table}" for table in ("ports", "held_ports", "members", "listeners", "pools", "load_balancers")),
        "INSERT events",
    ]


def test_a_hint_of_a_large_load_balancer_brings_no_document(site: Site) -> None:
    request = VipRequest(subnet_id=site.subnet)
    members = tuple(a_member(f"10.0.1.{number}") for number in range(200))
    site.load_balancers.create("project", a_balancer(vip=request, pools=(a_pool(members=members),)))
    assert [snapshot is not None for snapshot in site.hints.snapshots] == [False]


def test_refused_creation_takes_no_address(site: Site) -> None:
    request = VipRequest(subnet_id=site.subnet)
    with pytest.raises(Conflict):
        site.load_balancers.create("project", a_balancer(vip=request, listeners=(a_listener(80), a_listener(80))))
    assert site.ports() == []
    for draft, field in [
        (a_balancer(vip=VipRequest(subnet_id=site.foreign)), "vip_subnet_id"),
        (a_balancer(vip=request, pools=(a_pool(members=(a_member(subnet_id=site.foreign),)),)), "subnet_id"),
    ]:
        with pytest.raises(Invalid) as caught:
            site.load_balancers.create("project", draft)
        assert caught.value.field == field
    assert site.ports() == []


def test_the_address_is_free_when_the_host_has_let_go(site: Site) -> None:
    request = VipRequest(subnet_id=site.subnet, address="10.0.0.50")
    tree = site.load_balancers.create("project", a_balancer(vip=request))
    desired = site.gateway.fetch("host-1", [tree.id])[tree.id]
    assert isinstance(desired, Desired)
    assert [(ip.address, ip.prefix_length, ip.gateway_ip) for ip in desired.port.ips] == [("10.0.0.50", 24, "10.0.0.1")]
    assert desired.port.segment.physical_network == "one"
    site.report(tree.id, 1, Outcome.RETRY)
    assert [(port.host, port.active) for port in site.ports()] == [("", False)]
    site.report(tree.id, 1)
    assert [(port.host, port.active) for port in site.ports()] == [("host-1", True)]
    site.load_balancers.delete(tree.id, cascade=True)
    with pytest.raises(Conflict):
        site.load_balancers.create("project", a_balancer(vip=request))
    gone = site.gateway.fetch("host-1", [tree.id])[tree.id]
    assert isinstance(gone, Gone)
    assert gone.generation is not None
    site.report(tree.id, gone.generation)
    assert site.ports() == []
    site.load_balancers.create("project", a_balancer(vip=request))


def test_a_change_of_the_network_reaches_the_host_of_each_load_balancer_on_it(site: Site) -> None:
    tree = site.load_balancers.create("project", a_balancer(vip=VipRequest(subnet_id=site.subnet)))
    site.report(tree.id, tree.generation)
    network_id = tree.load_balancer.item.network_id
    assert network_id is not None

    site.networks.update_network(network_id, {"name": "renamed"})
    assert site.hints.sent[-1][2] == 1, "a name is nothing to the host"

    site.networks.update_network(network_id, {"mtu": 1400})
    site.networks.update_subnet(site.subnet, {"gateway_ip": None})
    site.networks.update_subnet(site.subnet, {"host_routes": [Route(destination="192.0.2.0/24", nexthop="10.0.0.9")]})
    site.networks.update_subnet(site.foreign, {"gateway_ip": None})
    assert site.hints.sent[-3:] == [("host-1", tree.id, 2), ("host-1", tree.id, 3), ("host-1", tree.id, 4)]
    desired = site.gateway.fetch("host-1", [tree.id])[tree.id]
    assert isinstance(desired, Desired)
    assert desired.generation == 4
    assert desired.port.mtu == 1400
    assert desired.port.ips[0].gateway_ip is None
    assert desired.port.ips[0].host_routes == (Route(destination="192.0.2.0/24", nexthop="10.0.0.9"),)


def test_no_change_is_lost_between_many_callers(site: Site) -> None:
    draft = a_balancer(vip=VipRequest(subnet_id=site.subnet), pools=(a_pool(members=(a_member("10.0.1.1"),)),))
    tree = site.load_balancers.create("project", draft)
    pool, member = next(iter(tree.pools)), next(iter(tree.members))

    def work(number: int) -> None:
        site.members.create(pool, a_member(f"10.0.2.{number + 1}"))
        site.members.update(pool, member, Changes(item={"weight": number}))
        site.report(tree.id, number)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(24)))
    after = site.load_balancers.tree(tree.id)
    assert after.generation == 1 + 2 * 24
    assert len(after.members) == 1 + 24
    pending = {record.generation for record in after.records() if record.provisioning_status.value.startswith("PEND")}
    assert max(pending) == after.generation
    assert after.load_balancer.provisioning_status is not ProvisioningStatus.ACTIVE
