"""A small desired state for the tests of ``render``, with ids that can be read."""

from collections.abc import Sequence
from dataclasses import replace

from evenload.model.balancer import (
    HealthMonitor,
    HttpCheck,
    Listener,
    LoadBalancer,
    Member,
    Pool,
    SessionPersistence,
    Vip,
)
from evenload.model.desired import Desired, DesiredPort
from evenload.model.enums import (
    Algorithm,
    ListenerProtocol,
    MonitorType,
    NetworkType,
    PersistenceType,
    PoolProtocol,
)
from evenload.model.network import Segment
from evenload.render.haproxy import render_haproxy
from evenload.render.options import RenderOptions

OPTIONS = RenderOptions(state_dir="/srv")
MONITOR = HealthMonitor(id="check", pool_id="app", type=MonitorType.TCP, delay=5, timeout=3, rise=2, fall=3)
HTTP_MONITOR = replace(MONITOR, type=MonitorType.HTTP, http=HttpCheck())
FURTHER_MONITOR = replace(MONITOR, id="further", rise=1)
PING_MONITOR = replace(MONITOR, type=MonitorType.PING)


def member(name: str, *, pool_id: str = "app", last: int = 11, **fields: object) -> Member:
    plain = Member(id=name, pool_id=pool_id, address=f"10.0.0.{last}", port=8080)
    return replace(plain, **fields)  # type: ignore[arg-type]


def make_desired(
    *members: Member,
    monitor: HealthMonitor | None = None,
    monitors: tuple[HealthMonitor, ...] = (),
    persistence: SessionPersistence | None = None,
    listeners: Sequence[Listener] = (),
) -> Desired:
    """One HTTP listener ``web`` on one pool ``app``, unless other listeners are given."""
    balancer = LoadBalancer(id="lb", network_id="net", port_id="port", vips=(Vip(address="10.0.0.5", subnet_id="s"),))
    web = Listener(id="web", load_balancer_id="lb", protocol=ListenerProtocol.HTTP, port=80, default_pool_id="app")
    segment = Segment(type=NetworkType.FLAT, physical_network="physnet1")
    return Desired(
        generation=1,
        project_id="project",
        load_balancer=balancer,
        port=DesiredPort(id="port", mac_address="fa:16:3e:00:00:01", mtu=1500, segment=segment, ips=()),
        listeners=tuple(listeners) or (web,),
        pools=(
            Pool(
                id="app",
                load_balancer_id="lb",
                protocol=PoolProtocol.HTTP,
                algorithm=Algorithm.ROUND_ROBIN,
                session_persistence=persistence,
            ),
        ),
        members=members,
        monitors=monitors if monitor is None else (monitor, *monitors),
    )


def app_cookie(name: str) -> SessionPersistence:
    return SessionPersistence(type=PersistenceType.APP_COOKIE, cookie_name=name)


def text_of(desired: Desired, worker: int = 1) -> str:
    return render_haproxy(desired, OPTIONS, worker)
