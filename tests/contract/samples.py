"""Load balancers and networks to fill a store with, for the contract suite and the store's own tests."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from evenload.model.balancer import (
    HealthMonitor,
    HttpCheck,
    Listener,
    LoadBalancer,
    Member,
    Pool,
    Record,
    SessionPersistence,
    T,
    Vip,
)
from evenload.model.desired import DesiredIp, DesiredPort, Statistics
from evenload.model.enums import (
    Algorithm,
    Comparison,
    InsertedHeader,
    ListenerProtocol,
    MonitorType,
    NetworkType,
    PersistenceType,
    PolicyAction,
    PoolProtocol,
    ProvisioningStatus,
    RuleType,
)
from evenload.model.held_port import HeldPort
from evenload.model.l7 import L7Policy, L7Rule
from evenload.model.network import AllocationPool, FixedIp, Network, Port, Route, Segment, Subnet
from evenload.model.placement import alone_on
from evenload.model.totals import Count
from evenload.model.tree import Tree

START = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)


def moment(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def new_id() -> str:
    return str(uuid.uuid4())


def a_record(item: T, **fields: Any) -> Record[T]:
    given = {"project_id": "project-1", "provisioning_status": ProvisioningStatus.ACTIVE, "generation": 1}
    return Record(item=item, **{**given, "created_at": START, **fields})


def a_tree(
    *,
    members: int = 2,
    address: str = "10.0.0.5",
    agent: str = "host-1",
    ports: tuple[int, ...] = (80,),
    policies: int = 0,
    **fields: Any,
) -> Tree:
    """One pool with ``members`` members and an HTTP monitor, and a listener for each of ``ports`` in front of it. The
    first listener has ``policies`` L7 policies with a rule each, in the order of their places upside down."""
    balancer = LoadBalancer(
        id=new_id(),
        network_id=new_id(),
        port_id=new_id(),
        vips=(Vip(address=address, subnet_id=new_id()), Vip(address="2001:db8::5", subnet_id=new_id())),
        incarnation=3,
        own_port=False,
    )
    pool = Pool(
        id=new_id(),
        load_balancer_id=balancer.id,
        protocol=PoolProtocol.PROXYV2,
        algorithm=Algorithm.LEAST_CONNECTIONS,
        session_persistence=SessionPersistence(type=PersistenceType.APP_COOKIE, cookie_name="JSESSIONID"),
    )
    listeners = [
        Listener(
            id=new_id(),
            load_balancer_id=balancer.id,
            protocol=ListenerProtocol.HTTP,
            port=port,
            default_pool_id=pool.id,
            insert_headers=(InsertedHeader.X_FORWARDED_FOR, InsertedHeader.X_FORWARDED_PROTO),
            allowed_cidrs=("10.0.0.0/8", "2001:db8::/32"),
            timeout_client_data=2_073_600_000,
        )
        for port in ports
    ]
    servers = [
        Member(
            id=new_id(),
            pool_id=pool.id,
            address=f"10.1.{number // 250}.{number % 250 + 1}",
            port=8080,
            weight=number % 257,
            backup=number % 2 == 1,
            subnet_id=new_id(),
            monitor_address="10.9.9.9" if number == 1 else None,
            monitor_port=81 if number == 1 else None,
        )
        for number in range(members)
    ]
    monitor = HealthMonitor(
        id=new_id(),
        pool_id=pool.id,
        type=MonitorType.HTTP,
        delay=5,
        timeout=3,
        rise=2,
        http=HttpCheck(method="HEAD", url_path="/ok?a=ü", expected_codes="200-204", version="1.1", domain_name="x.org"),
    )
    empty = Tree(load_balancer=a_record(balancer, **fields), generation=7, placements=alone_on(agent, 6))
    return empty.with_records(
        [
            *(a_record(item) for item in listeners),
            a_record(pool, description="the pool", tags=("b", "a")),
            *(a_record(item, name=f"m{item.weight}") for item in servers),
            a_record(monitor),
            *(
                a_record(item)
                for number in range(policies)
                for item in _a_policy(listeners[0], policies - number, pool)
            ),
        ]
    )


def _a_policy(listener: Listener, place: int, pool: Pool) -> tuple[L7Policy, L7Rule]:
    policy = L7Policy(
        id=new_id(),
        listener_id=listener.id,
        action=PolicyAction.REDIRECT_TO_POOL,
        place=place,
        redirect_pool_id=pool.id,
    )
    rule = L7Rule(
        id=new_id(),
        policy_id=policy.id,
        type=RuleType.HEADER,
        compare_type=Comparison.REGEX,
        key="X-Test",
        value='"^ü $"',
        invert=True,
    )
    return policy, rule


def an_empty_tree(agent: str = "a", **fields: Any) -> Tree:
    """Just the load balancer, on one agent."""
    return Tree(load_balancer=a_tree(**fields).load_balancer, generation=1, placements=alone_on(agent))


def retouched(record: Record[T], **fields: Any) -> Record[T]:
    """The record with fields of its item changed."""
    return replace(record, item=replace(record.item, **fields))


def a_count(agent: str = "a", epoch: str = "e1", place: int = 1, **totals: int) -> Count:
    return Count(agent=agent, epoch=epoch, place=place, statistics=Statistics(**totals))


def a_network(*, vlan: int | None = None, physical_network: str = "physnet1", **fields: Any) -> Network:
    segment = Segment(
        type=NetworkType.FLAT if vlan is None else NetworkType.VLAN, physical_network=physical_network, vlan=vlan
    )
    return Network(**{"id": new_id(), "project_id": "project-1", "segment": segment, "created_at": START, **fields})


def a_subnet(network: Network, cidr: str = "10.0.0.0/24", **fields: Any) -> Subnet:
    return Subnet(
        **{
            "id": new_id(),
            "network_id": network.id,
            "project_id": network.project_id,
            "ip_version": 4,
            "cidr": cidr,
            "gateway_ip": "10.0.0.1",
            "host_routes": (Route(destination="192.0.2.0/24", nexthop="10.0.0.254"),),
            "dns_nameservers": ("10.0.0.53",),
            "allocation_pools": (AllocationPool(start="10.0.0.2", end="10.0.0.254"),),
            "created_at": START,
            **fields,
        }
    )


def a_port(network: Network, *ips: FixedIp, number: int = 1, **fields: Any) -> Port:
    return Port(
        **{
            "id": new_id(),
            "network_id": network.id,
            "project_id": "project-1",
            "mac_address": f"fa:16:3e:00:00:{number:02x}",
            "fixed_ips": ips,
            "created_at": START,
            **fields,
        }
    )


def a_described_port(**fields: Any) -> DesiredPort:
    """With everything that is not told by its absence."""
    route = Route(destination="192.0.2.0/24", nexthop="10.0.0.9")
    ips = (
        DesiredIp(address="10.0.0.5", prefix_length=24, gateway_ip="10.0.0.1", host_routes=(route,)),
        DesiredIp(address="2001:db8::5", prefix_length=64, gateway_ip=None),
    )
    segment = Segment(type=NetworkType.VLAN, physical_network="physnet1", vlan=7)
    given: dict[str, Any] = {"mac_address": "fa:16:3e:00:00:01", "mtu": 1450, "segment": segment, "ips": ips}
    return DesiredPort(**{"id": new_id(), **given, **fields})


def a_held_port(**fields: Any) -> HeldPort:
    return HeldPort(**{"id": new_id(), "load_balancer_id": new_id(), "since": START, **fields})
