"""Desired states for the agent's tests: a load balancer with listeners, pools and members, in as few words as possible.

Ids look like UUIDs and say what they are: ``uuid(1)`` is a load balancer's, further ones are numbered by kind.
"""

import json
from dataclasses import replace
from typing import Any

from evenload.model.balancer import HealthMonitor, HttpCheck, Listener, LoadBalancer, Member, Pool, Vip
from evenload.model.desired import Desired, DesiredIp, DesiredPort
from evenload.model.enums import Algorithm, ListenerProtocol, MonitorType, NetworkType, PoolProtocol
from evenload.model.network import Route, Segment
from evenload.model.verdict import CheckKey, Verdict
from evenload.payloads.documents import dump_desired

PHYSICAL = "physnet1"


def uuid(kind: int, number: int = 0) -> str:
    return f"{kind:08x}-0000-4000-8000-{number:012x}"


BALANCER = uuid(1)


def segment(vlan: int | None = None) -> Segment:
    return Segment(type=NetworkType.FLAT if vlan is None else NetworkType.VLAN, physical_network=PHYSICAL, vlan=vlan)


def ip(address: str = "10.0.0.5", gateway: str | None = "10.0.0.1", **more: Any) -> DesiredIp:
    host, _, length = address.partition("/")
    return DesiredIp(address=host, prefix_length=int(length or 24), gateway_ip=gateway, **more)


def port(*ips: DesiredIp, number: int = 0, mtu: int = 1500, vlan: int | None = None) -> DesiredPort:
    return DesiredPort(
        id=uuid(2, number),
        mac_address=f"fa:16:3e:00:00:{number:02x}",
        mtu=mtu,
        segment=segment(vlan),
        ips=ips or (ip(),),
    )


def member(number: int, pool: int = 0, **more: Any) -> Member:
    fields: dict[str, Any] = {"address": f"10.0.1.{number + 1}", "port": 8080}
    return Member(id=uuid(5, number), pool_id=uuid(4, pool), **(fields | more))


def pool(number: int = 0, **more: Any) -> Pool:
    fields: dict[str, Any] = {"protocol": PoolProtocol.HTTP, "algorithm": Algorithm.ROUND_ROBIN}
    return Pool(id=uuid(4, number), load_balancer_id=BALANCER, **(fields | more))


def listener(number: int = 0, pool: int | None = 0, **more: Any) -> Listener:
    fields: dict[str, Any] = {"protocol": ListenerProtocol.HTTP, "port": 80 + number}
    return Listener(
        id=uuid(3, number),
        load_balancer_id=BALANCER,
        default_pool_id=uuid(4, pool) if pool is not None else None,
        **(fields | more),
    )


def monitor(pool: int = 0, kind: MonitorType = MonitorType.HTTP, number: int = 0, **more: Any) -> HealthMonitor:
    """``number``: of several that a pool has."""
    fields: dict[str, Any] = {"delay": 1, "timeout": 1, "rise": 2, "fall": 2}
    if kind in (MonitorType.HTTP, MonitorType.HTTPS):
        fields["http"] = HttpCheck()
    return HealthMonitor(id=uuid(6, 16 * number + pool), pool_id=uuid(4, pool), type=kind, **(fields | more))


def make_desired(generation: int = 1, *, at: DesiredPort | None = None, size: int = 2, **more: Any) -> Desired:
    """One HTTP listener, one pool, so many members, unless ``more`` says otherwise."""
    where = at or port()
    fields: dict[str, Any] = {
        "load_balancer": LoadBalancer(
            id=BALANCER,
            network_id=uuid(7),
            port_id=where.id,
            vips=tuple(Vip(address=each.address, subnet_id=uuid(8)) for each in where.ips),
        ),
        "listeners": (listener(),),
        "pools": (pool(),),
        "members": tuple(member(number) for number in range(size)),
    }
    return Desired(generation=generation, project_id=uuid(9), port=where, **(fields | more))


def document_of_version_1() -> bytes:
    """One with a monitor, as version 1 of the payloads wrote it: with what LBaaS v1 alone knows of its objects."""
    kept: dict[str, Any] = json.loads(dump_desired(make_desired(monitors=(monitor(),))))
    counted = {"bytes_in": 7, "bytes_out": 8, "total_connections": 9}
    kept["listeners"][0]["v1"] = True
    kept["pools"][0]["v1"] = {"subnet_id": uuid(8), "provider": "haproxy", **counted}
    kept["monitors"][0]["template_id"] = uuid(10)
    return json.dumps(kept).encode()


def changed(desired: Desired, **fields: Any) -> Desired:
    """The next generation of it."""
    return replace(desired, generation=desired.generation + 1, **fields)


def with_member(desired: Desired, number: int, **fields: Any) -> Desired:
    """The next generation, in which the member of that place has other fields."""
    members = list(desired.members)
    members[number] = replace(members[number], **fields)
    return changed(desired, members=tuple(members))


def disabled(desired: Desired) -> Desired:
    return changed(desired, load_balancer=replace(desired.load_balancer, admin_state_up=False))


def failed_over(desired: Desired) -> Desired:
    balancer = desired.load_balancer
    return changed(desired, load_balancer=replace(balancer, incarnation=balancer.incarnation + 1))


def verdicts(up: dict[CheckKey, bool]) -> dict[CheckKey, Verdict]:
    """By monitor and member."""
    return {key: Verdict(monitor=key[0], member=key[1], up=value) for key, value in up.items()}


def route(destination: str, nexthop: str) -> Route:
    return Route(destination=destination, nexthop=nexthop)
