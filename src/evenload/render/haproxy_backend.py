"""A backend with its servers, as lines. Pure.

There is no ``default-server``: HAProxy ignores it for a server that is added at run time, so each server line says
everything itself, and ``add server`` with the words of the line makes the very same server.
"""

import hashlib
from functools import lru_cache

from evenload.model.balancer import HealthMonitor, Member, Pool, SessionPersistence
from evenload.model.desired import Desired
from evenload.model.enums import Algorithm, PersistenceType, PoolProtocol
from evenload.render import quoting
from evenload.render.haproxy_checks import VETOABLE, check_words, observing_words, render_check, timeout_of
from evenload.render.haproxy_groups import Group
from evenload.render.haproxy_monitors import Monitors, check_backend, choose_monitors
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
_REUSED = ["pool-purge-delay", "5s", "pool-max-conn", "-1"]
"""HAProxy's defaults, which 2.6 gives to the servers of a file alone: without these words one that is added at run time
keeps no connection for the next request. What is said here is what such a server would lack (tests/root compares all
that HAProxy tells of both)."""
_TABLE = "size 50k expire 1d peers local"
REMEMBERED = 8192
"""Lines of servers: those of a member that stays as it was are not put together anew at every change of another."""
_IDS = 1 << 20
"""A backup member's number is this or more, so that rules can tell who answered; the hash sees no more bits."""
_FROM_BACKUP = f"srv_id ge {_IDS}"
_COOKIE = "SRV"
_NO_COOKIE = f"'{_COOKIE}=; Max-Age=0; path=/'"


def render_backend(desired: Desired, group: Group) -> list[str]:
    pool = group.pool
    monitors = choose_monitors(desired, pool.id)
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
        lines += _kept_by_cookie(pool)
    if monitors.native is not None:
        lines += render_check(desired.load_balancer, monitors.native, milliseconds(group.connect))
    elif monitors.pinged:
        lines.append(PINGED)
    lines += [f"    {_server(pool, member, monitors, numbers[member.id])}" for member in members]
    return lines


def render_check_backend(desired: Desired, pool: Pool, monitor: HealthMonitor) -> list[str]:
    """What checks the members of a pool for a further monitor. No frontend leads here, so nothing of how the pool is
    used matters, but the PROXY protocol, which HAProxy speaks in the checks of a server's own port too."""
    members = desired.members_of(pool.id)
    numbers = _server_ids(members)
    limit = timeout_of(monitor)
    return [
        f"backend {_safe_name(check_backend(monitor))}",
        "    mode tcp",
        f"    timeout connect {limit}s",
        f"    timeout server {limit}s",
        *render_check(desired.load_balancer, monitor, 1000 * limit),
        *(f"    {_check_server(pool, member, monitor, numbers[member.id])}" for member in members),
    ]


def backend_name(group: Group) -> str:
    return _safe_name(group.name)


def keeps_table(group: Group) -> bool:
    """Whether the backend remembers clients in a stick table. Cookies mean nothing where no HTTP is spoken."""
    kept = group.pool.session_persistence
    if kept is None:
        return False
    return kept.type is PersistenceType.SOURCE_IP or (kept.type is PersistenceType.APP_COOKIE and group.http)


@lru_cache(maxsize=REMEMBERED)
def _server(pool: Pool, member: Member, monitors: Monitors, number: int) -> str:
    words = [*_place(member, number), "weight", str(quoting.number(member.weight, 0, 256, "weight"))]
    words += _state(member)
    words += _REUSED
    if member.backup:
        words.append("backup")
    words += _SEND_PROXY.get(pool.protocol, [])
    if monitors.native is not None:
        words += [*check_words(member, monitors.native), *_checked_by_proxy(pool, member)]
        words += observing_words(monitors.native)
    if monitors.vetoing:
        words += VETOABLE
    return " ".join(words)


@lru_cache(maxsize=REMEMBERED)
def _check_server(pool: Pool, member: Member, monitor: HealthMonitor, number: int) -> str:
    """Of one weight, so that a change of the member's is none of this server."""
    words = [*_place(member, number), "weight", "1", *_state(member), *_SEND_PROXY.get(pool.protocol, [])]
    return " ".join([*words, *check_words(member, monitor), *_checked_by_proxy(pool, member)])


def _checked_by_proxy(pool: Pool, member: Member) -> list[str]:
    """By itself HAProxy speaks the PROXY protocol just in checks of the server's own address and port."""
    elsewhere = member.monitor_address is not None or member.monitor_port is not None
    return ["check-send-proxy"] if elsewhere and pool.protocol in _SEND_PROXY else []


def _place(member: Member, number: int) -> list[str]:
    """``number`` places the server in a consistent hash: it must not depend on when the server came."""
    address = quoting.address_and_port(member.address, member.port)
    return ["server", quoting.identifier(member.id), address, "id", str(number)]


def _state(member: Member) -> list[str]:
    return [] if member.admin_state_up else ["disabled"]


def _safe_name(name: str) -> str:
    return ":".join(quoting.identifier(part) for part in name.split(":"))


def _server_ids(members: tuple[Member, ...]) -> dict[str, int]:
    """1 to 2^20 - 1 (the hash looks at no more bits), by the member's own id alone unless two fall together; 2^20 more
    for a backup member."""
    taken: dict[int, str] = {}
    for identifier in sorted(member.id for member in members):
        number = _first_number(identifier)
        while number in taken:
            number = number % (_IDS - 1) + 1
        taken[number] = identifier
    backups = {member.id for member in members if member.backup}
    return {identifier: number + _IDS * (identifier in backups) for number, identifier in taken.items()}


def _cookie(group: Group) -> bool:
    kept = group.pool.session_persistence
    return group.http and kept is not None and kept.type is PersistenceType.HTTP_COOKIE


def _kept_by_cookie(pool: Pool) -> list[str]:
    """Nobody is kept at a backup member, or its clients would stay there when the others are back: its answers take the
    cookie away, HAProxy's own and the one that the client came with."""
    return [
        f"    cookie {_COOKIE} insert indirect nocache dynamic",
        f"    dynamic-cookie-key {quoting.identifier(pool.id)}",
        f"    http-request set-var(txn.kept) req.cook({_COOKIE})",
        f"    http-after-response replace-header Set-Cookie ^{_COOKIE}=.* {_NO_COOKIE} if {{ {_FROM_BACKUP} }}",
        f"    http-after-response add-header Set-Cookie {_NO_COOKIE}"
        f" if {{ {_FROM_BACKUP} }} {{ var(txn.kept) -m found }} !{{ res.hdr(Set-Cookie) -m beg {_COOKIE}= }}",
    ]


def _table(group: Group) -> list[str]:
    """What a backup member answers is not remembered, for the same reason."""
    kept: SessionPersistence | None = group.pool.session_persistence
    if kept is None or kept.type is PersistenceType.SOURCE_IP:
        return [
            f"    stick-table type ipv6 {_TABLE}",
            "    stick match src",
            f"    stick store-response src if !{{ {_FROM_BACKUP} }}",
        ]
    name = kept.cookie_name or ""
    return [
        f"    stick-table type binary len 20 {_TABLE}",
        f"    stick store-response {quoting.cookie_fetch('res', name)} if !{{ {_FROM_BACKUP} }}",
        f"    stick match {quoting.cookie_fetch('req', name)}",
    ]


@lru_cache(maxsize=REMEMBERED)
def _first_number(identifier: str) -> int:
    return int.from_bytes(hashlib.sha256(identifier.encode()).digest()[:4]) % (_IDS - 1) + 1
