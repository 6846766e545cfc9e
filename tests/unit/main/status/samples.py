"""What the three sources of ``evenload status`` say, in as few words as possible."""

from datetime import UTC, datetime, timedelta
from typing import Any

from evenload.host.glimpses import HaproxyGlimpse, ProcessGlimpse
from evenload.main.status.described import describe_tree
from evenload.main.status.joined import Found
from evenload.main.status.judged import Bounds, judge_service
from evenload.model.balancer import (
    HealthMonitor,
    HttpCheck,
    Listener,
    LoadBalancer,
    Member,
    Pool,
    Record,
    Vip,
)
from evenload.model.enums import (
    Algorithm,
    Comparison,
    Kind,
    ListenerProtocol,
    MonitorType,
    OperatingStatus,
    PolicyAction,
    PoolProtocol,
    ProvisioningStatus,
    RuleType,
)
from evenload.model.l7 import L7Policy, L7Rule
from evenload.model.placement import Placement, Role
from evenload.model.sight import Flow, SeenBalancer, SeenCheck, SeenMember, SeenParts, Sight
from evenload.model.tls import ListenerTls, TlsSecret
from evenload.model.tree import Tree

NOW = datetime(2026, 11, 29, 12, 0, 30, tzinfo=UTC)
HOST = "lb1"
BOUNDS = Bounds(pending=timedelta(seconds=60), silence=timedelta(seconds=75))
PROCESS = HaproxyGlimpse(
    process=ProcessGlimpse(pid=4242, since=NOW - timedelta(hours=3, minutes=5), memory=5_200_000),
    worker=3,
    version="2.6.12",
    connections=12,
)


def ago(seconds: float) -> str:
    return (NOW - timedelta(seconds=seconds)).isoformat()


def service(**more: Any) -> dict[str, Any]:
    role = {"state": "answers", "pid": 7, "since": ago(90_000), "memory_bytes": 1, "reason": None}
    found: dict[str, Any] = {
        "version": "0.2.0",
        "host": HOST,
        "server": dict(role),
        "agent": {**role, "version": "0.2.0", "connected": True, "faults": {}, "last_word": ago(4)},
        "database": {"state": "readable", "kind": "sqlite", "schema": "0021", "reason": None},
        "hosts": [host(HOST)],
    }
    for key, value in more.items():
        found[key] = {**found[key], **value} if isinstance(value, dict) else value
    return {**found, "wrong": judge_service(found)}


def host(name: str, *, silent: float = 4.0, load: int = 2) -> dict[str, Any]:
    return {
        "name": name,
        "zone": "nova",
        "last_word": ago(silent),
        "load_balancers": load,
        "enabled": True,
        "away": silent > 75,
    }


def line(name: str, **more: Any) -> dict[str, Any]:
    return {
        "id": f"id-{name}",
        "name": name,
        "project": "p1",
        "vip": "10.0.0.5",
        "enabled": True,
        "provisioning_status": "ACTIVE",
        "operating_status": "ONLINE",
        "reason": None,
        "since": ago(7200),
        "fault": None,
        "changed_at": ago(3600),
        "hosts": [HOST],
        "members": {"ONLINE": 2},
        "down": None,
        "full": None,
        **more,
    }


def sight(*balancers: SeenBalancer) -> Sight:
    return Sight(name=HOST, version="0.2.0", started_at=NOW, connected=True, balancers=balancers)


def found(*lines: dict[str, Any], seen: Sight | None = None, **more: Any) -> Found:
    stored = {"schema": "0021", "agents": [], "load_balancers": list(lines)}
    return Found(now=NOW, service=service(**more), stored=stored, sight=seen, bounds=BOUNDS)


FLOW = Flow(connections=12, total=900, per_second=33.25, bytes_in=1234.0, bytes_out=98_765.0)
REFUSED = SeenCheck(
    monitor="check",
    up=False,
    reason="no connection: Connection refused (L4CON)",
    latency=0.0004,
    when=NOW - timedelta(seconds=29),
)
PASSED = SeenCheck(monitor="check", up=True, reason="Layer7 check passed: OK (L7OK/200)", latency=0.0012)


def seen_shop() -> SeenBalancer:
    return SeenBalancer(
        id="shop",
        generation=4,
        pid=4242,
        worker=3,
        answers=True,
        status="DEGRADED",
        why="1 of 1 pools is not well",
        flow=FLOW,
        members={"ERROR": 1, "ONLINE": 1},
        down=("web1", REFUSED.reason),
        parts=SeenParts(
            statuses={"shop": "DEGRADED", "https": "ONLINE", "pool": "DEGRADED", "web1": "ERROR", "web2": "ONLINE"},
            reasons={
                "shop": "1 of 1 pools is not well",
                "pool": "1 of 2 members is down",
                "web1": "no connection: Connection refused (L4CON)",
            },
            listeners={"https": FLOW},
            members={
                "web1": SeenMember(words="DOWN", since=NOW - timedelta(seconds=29), checks=(REFUSED,)),
                "web2": SeenMember(words="UP", since=NOW - timedelta(days=2), flow=FLOW, checks=(PASSED,)),
            },
            finishing=1,
        ),
    )


def record(item: Any, name: str, **more: Any) -> Record[Any]:
    fields: dict[str, Any] = {
        "project_id": "p1",
        "name": name,
        "provisioning_status": ProvisioningStatus.ACTIVE,
        "operating_status": OperatingStatus.ONLINE,
        "generation": 4,
        "created_at": NOW - timedelta(days=3),
        "updated_at": NOW - timedelta(hours=1),
    }
    return Record(item=item, **(fields | more))


def shop(**more: Any) -> Tree:
    """A listener with TLS and a policy, a pool with two members."""
    certificate = TlsSecret(
        reference="http://lb/v1/containers/1",
        id="c",
        fingerprint="f",
        subject="CN=shop.example",
        not_after=NOW + timedelta(days=33, hours=1),
    )
    listener = Listener(
        id="https",
        load_balancer_id="shop",
        protocol=ListenerProtocol.TERMINATED_HTTPS,
        port=443,
        default_pool_id="pool",
        connection_limit=100,
        tls=ListenerTls(certificate=certificate, ciphers="HIGH"),
    )
    policy = L7Policy(
        id="policy",
        listener_id="https",
        action=PolicyAction.REDIRECT_TO_URL,
        place=1,
        redirect_url="https://new.example/",
    )
    rule = L7Rule(id="rule", policy_id="policy", type=RuleType.PATH, compare_type=Comparison.STARTS_WITH, value="/old")
    pool = Pool(id="pool", load_balancer_id="shop", protocol=PoolProtocol.HTTP, algorithm=Algorithm.ROUND_ROBIN)
    check = HealthMonitor(
        id="check", pool_id="pool", type=MonitorType.HTTP, delay=5, timeout=2, rise=2, http=HttpCheck(url_path="/up")
    )
    members = [Member(id=f"web{n}", pool_id="pool", address=f"10.0.1.{n}", port=8080) for n in (1, 2)]
    vip = Vip(address="10.0.0.5", subnet_id="s")
    balancer = LoadBalancer(id="shop", network_id="n", port_id="p", vips=(vip,))
    return Tree(
        load_balancer=record(balancer, "shop", **more),
        generation=4,
        placements=(Placement(HOST, Role.STANDALONE, 4),),
        children={
            Kind.LISTENER: {"https": record(listener, "https")},
            Kind.L7_POLICY: {"policy": record(policy, "old pages")},
            Kind.L7_RULE: {"rule": record(rule, "")},
            Kind.POOL: {"pool": record(pool, "web")},
            Kind.HEALTH_MONITOR: {"check": record(check, "")},
            Kind.MEMBER: {each.id: record(each, each.id) for each in members},
        },
    )


def described(**more: Any) -> dict[str, Any]:
    return describe_tree(shop(**more), "front")
