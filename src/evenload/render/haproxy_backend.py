"""A backend with its servers, as lines. Pure.

There is no ``default-server``: HAProxy ignores it for a server that is added at run time, so each server line says
everything itself, and ``add server`` with the words of the line makes the very same server.
"""

import hashlib

from evenload.model.balancer import HealthMonitor, HttpCheck, LoadBalancer, Member, SessionPersistence
from evenload.model.desired import Desired
from evenload.model.enums import Algorithm, MonitorType, PersistenceType, PoolProtocol
from evenload.render import quoting
from evenload.render.haproxy_groups import Group
from evenload.render.haproxy_sections import milliseconds

PINGED = "    # Its members are pinged by the agent, which sets their health at run time."
"""Tells a pinged backend from one without a monitor, for which HAProxy has the same words."""

_BALANCE = {
    Algorithm.ROUND_ROBIN: ["    balance roundrobin"],
    Algorithm.LEAST_CONNECTIONS: ["    balance leastconn"],
    # Only the consistent kind can gain and lose servers at run time, and it moves few clients when it does.
    Algorithm.SOURCE_IP: ["    balance source", "    hash-type consistent"],
}
_SEND_PROXY = {PoolProtocol.PROXY: ["send-proxy"], PoolProtocol.PROXYV2: ["send-proxy-v2"]}
_TABLE = "size 50k expire 1d peers local"
_IDS = 1 << 20
_SHORTEST = 1
"""Seconds between two checks where the wish says 0: as often as we do it."""


def render_backend(desired: Desired, group: Group) -> list[str]:
    pool = group.pool
    monitor = desired.monitor_of(pool.id)
    if monitor is not None and not monitor.admin_state_up:
        monitor = None
    members = desired.members_of(pool.id)
    numbers = _server_ids(members)
    lines = [
        f"backend {backend_name(group)}",
        f"    mode {'http' if group.http else 'tcp'}",
        *_BALANCE[pool.algorithm],
        "    option allbackups",
        f"    timeout connect {milliseconds(group.connect)}",
        f"    timeout server {milliseconds(group.server)}",
    ]
    if keeps_table(group):
        lines += _table(group)
    elif _cookie(group):
        lines += [
            "    cookie SRV insert indirect nocache dynamic",
            f"    dynamic-cookie-key {quoting.identifier(pool.id)}",
        ]
    if monitor is not None:
        lines += _check(desired.load_balancer, monitor)
    lines += [f"    {render_server(group, member, monitor, numbers[member.id])}" for member in members]
    return lines


def backend_name(group: Group) -> str:
    return ":".join(quoting.identifier(part) for part in group.name.split(":"))


def keeps_table(group: Group) -> bool:
    """Whether the backend remembers clients in a stick table. Cookies mean nothing where no HTTP is spoken."""
    kept = group.pool.session_persistence
    if kept is None:
        return False
    return kept.type is PersistenceType.SOURCE_IP or (kept.type is PersistenceType.APP_COOKIE and group.http)


def render_server(group: Group, member: Member, monitor: HealthMonitor | None, number: int) -> str:
    """``number`` places the server in a consistent hash: it must not depend on when the server came."""
    words = [
        "server",
        quoting.identifier(member.id),
        quoting.address_and_port(member.address, member.port),
        "id",
        str(number),
        "weight",
        str(quoting.number(member.weight, 0, 256, "weight")),
    ]
    if not member.admin_state_up:
        words.append("disabled")
    if member.backup:
        words.append("backup")
    words += _SEND_PROXY.get(group.pool.protocol, [])
    if monitor is not None and monitor.type is not MonitorType.PING:
        words += _check_words(member, monitor)
    return " ".join(words)


def _server_ids(members: tuple[Member, ...]) -> dict[str, int]:
    """1 to 2^20 - 1 (the hash looks at no more bits), by the member's own id alone unless two fall together."""
    taken: dict[int, str] = {}
    for identifier in sorted(member.id for member in members):
        number = int.from_bytes(hashlib.sha256(identifier.encode()).digest()[:4]) % (_IDS - 1) + 1
        while number in taken:
            number = number % (_IDS - 1) + 1
        taken[number] = identifier
    return {identifier: number for number, identifier in taken.items()}


def _cookie(group: Group) -> bool:
    kept = group.pool.session_persistence
    return group.http and kept is not None and kept.type is PersistenceType.HTTP_COOKIE


def _table(group: Group) -> list[str]:
    kept: SessionPersistence | None = group.pool.session_persistence
    if kept is None or kept.type is PersistenceType.SOURCE_IP:
        return [f"    stick-table type ipv6 {_TABLE}", "    stick on src"]
    name = kept.cookie_name or ""
    return [
        f"    stick-table type binary len 20 {_TABLE}",
        f"    stick store-response {quoting.cookie_fetch('res', name)}",
        f"    stick match {quoting.cookie_fetch('req', name)}",
    ]


def _check(load_balancer: LoadBalancer, monitor: HealthMonitor) -> list[str]:
    if monitor.type is MonitorType.PING:
        return [PINGED]
    lines = [f"    timeout check {_seconds(monitor.timeout or monitor.delay)}s"]
    if monitor.http is not None:
        lines += [
            "    option httpchk",
            f"    http-check send {_request(load_balancer, monitor.http)}",
            f"    http-check expect status {quoting.status_codes(monitor.http.expected_codes)}",
        ]
    return lines


def _request(load_balancer: LoadBalancer, check: HttpCheck) -> str:
    words = ["meth", quoting.method(check.method), "uri", quoting.url_path(check.url_path)]
    version = quoting.http_version("1.0" if check.version is None else check.version)
    words += ["ver", version]
    if check.domain_name is not None:
        words += ["hdr", "Host", quoting.host_name(check.domain_name)]
    elif version == "HTTP/1.1":
        # Which demands a host; HAProxy sends none by itself. This is what a client of the VIP would say.
        words += ["hdr", "Host", quoting.bracketed(load_balancer.vips[0].address)]
    return " ".join(words)


def _check_words(member: Member, monitor: HealthMonitor) -> list[str]:
    rise = quoting.number(monitor.rise, 1, 1000, "number of checks")
    fall = quoting.number(monitor.fall, 1, 1000, "number of checks")
    words = ["check", "inter", f"{_seconds(monitor.delay)}s", "rise", str(rise), "fall", str(fall)]
    if member.monitor_address is not None:
        words += ["addr", quoting.bracketed(member.monitor_address)]
    if member.monitor_port is not None:
        words += ["port", str(quoting.number(member.monitor_port, 1, 65535, "port"))]
    if monitor.type in (MonitorType.HTTPS, MonitorType.TLS_HELLO):
        words += ["check-ssl", "verify", "none"]
        if monitor.http is not None and monitor.http.domain_name is not None:
            words += ["check-sni", quoting.host_name(monitor.http.domain_name)]
    return words


def _seconds(value: int) -> int:
    return max(quoting.number(value, 0, 2_000_000, "time of a health monitor"), _SHORTEST)
