"""A backend with its servers, as lines. Pure.

There is no ``default-server``: HAProxy ignores it for a server that is added at run time, so each server line says
everything itself, and ``add server`` with the words of the line makes the very same server.
"""

from functools import partial

from evenload.model.balancer import HealthMonitor, Member, Pool, SessionPersistence
from evenload.model.desired import Desired
from evenload.model.enums import Algorithm, PersistenceType, PoolProtocol
from evenload.render import quoting
from evenload.render.haproxy_checks import VETOABLE, check_words, observing_words, render_check, timeout_of
from evenload.render.haproxy_groups import Group, choose_groups, listeners_in_service
from evenload.render.haproxy_members import render_member_name, render_member_tls
from evenload.render.haproxy_monitors import Monitors, check_backend, choose_monitors
from evenload.render.haproxy_sections import milliseconds
from evenload.render.haproxy_tls import directory_of
from evenload.render.options import RenderOptions
from evenload.render.server_lines import FROM_BACKUP, ServerLines

PINGED = "    # Its members are pinged by the agent, which sets their health at run time."
"""Tells a pinged backend from one without a monitor, for which HAProxy has the same words."""

_BALANCE = {
    Algorithm.ROUND_ROBIN: ["    balance roundrobin"],
    Algorithm.LEAST_CONNECTIONS: ["    balance leastconn"],
    # Only the consistent kind can gain and lose servers at run time, and it moves few clients when it does.
    Algorithm.SOURCE_IP: ["    balance source", "    hash-type consistent"],
}
_SEND_PROXY = {PoolProtocol.PROXY: ("send-proxy",), PoolProtocol.PROXYV2: ("send-proxy-v2",)}
_REUSED = ["pool-purge-delay", "5s", "pool-max-conn", "-1"]
"""HAProxy's defaults, which 2.6 gives to the servers of a file alone: without these words one that is added at run time
keeps no connection for the next request. What is said here is what such a server would lack (tests/root compares all
that HAProxy tells of both)."""
_TABLE = "size 50k expire 1d peers local"
_COOKIE = "SRV"
_NO_COOKIE = f"'{_COOKIE}=; Max-Age=0; path=/'"


def render_backend(desired: Desired, group: Group, options: RenderOptions, kept: ServerLines) -> list[str]:
    pool = group.pool
    monitors = choose_monitors(desired, pool.id)
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
        lines += render_check(desired.load_balancer, pool, monitors.native, milliseconds(group.connect))
    elif monitors.pinged:
        lines.append(PINGED)
    if pool.tls is not None and group.http:
        lines += render_member_name()
    members = desired.members_of(pool.id)
    words = _spoken(desired, group, directory_of(desired.load_balancer, options))
    render = partial(_server, pool, monitors, words)
    return [*lines, *kept.of(backend_name(group), (pool, monitors, words), members, render)]


def render_check_backend(
    desired: Desired, pool: Pool, monitor: HealthMonitor, options: RenderOptions, kept: ServerLines
) -> list[str]:
    """What checks the members of a pool for a further monitor. No frontend leads here, so nothing of how the pool is
    used matters, but the PROXY protocol and TLS, which HAProxy speaks in the checks of a server's own port too."""
    name, limit = _safe_name(check_backend(monitor)), timeout_of(monitor)
    directory = directory_of(desired.load_balancer, options)
    words = (*_SEND_PROXY.get(pool.protocol, ()), *render_member_tls(pool.tls, directory, http=False))
    render = partial(_check_server, pool, monitor, words)
    return [
        f"backend {name}",
        "    mode tcp",
        f"    timeout connect {limit}s",
        f"    timeout server {limit}s",
        *render_check(desired.load_balancer, pool, monitor, 1000 * limit),
        *kept.of(name, (pool, monitor, words), desired.members_of(pool.id), render),
    ]


def backend_name(group: Group) -> str:
    return _safe_name(group.name)


def backends_by_listener(desired: Desired) -> dict[str, dict[str, str]]:
    """Listener in service to pool to the name of the backend."""
    found: dict[str, dict[str, str]] = {listener.id: {} for listener in listeners_in_service(desired)}
    for group in choose_groups(desired):
        for identifier in group.listener_ids:
            found[identifier][group.pool.id] = backend_name(group)
    return found


def keeps_table(group: Group) -> bool:
    """Whether the backend remembers clients in a stick table. Cookies mean nothing where no HTTP is spoken."""
    kept = group.pool.session_persistence
    if kept is None:
        return False
    return kept.type is PersistenceType.SOURCE_IP or (kept.type is PersistenceType.APP_COOKIE and group.http)


def _spoken(desired: Desired, group: Group, directory: str) -> tuple[str, ...]:
    """What connections to the servers of a group begin with: the PROXY protocol, TLS."""
    before = _SEND_PROXY.get(group.pool.protocol, ())
    if group.pool.protocol is PoolProtocol.PROXYV2 and _heard_in_tls(desired, group):
        before = ("send-proxy-v2-ssl-cn",)
    return (*before, *render_member_tls(group.pool.tls, directory, http=group.http))


def _heard_in_tls(desired: Desired, group: Group) -> bool:
    """Whether some clients speak TLS to us; of those that do not the PROXY protocol says so."""
    return any(each.tls is not None and each.id in group.listener_ids for each in desired.listeners)


def _server(pool: Pool, monitors: Monitors, spoken: tuple[str, ...], member: Member, number: int) -> str:
    words = [*_place(member, number), "weight", str(quoting.number(member.weight, 0, 256, "weight"))]
    words += _state(member)
    words += _REUSED
    if member.backup:
        words.append("backup")
    words += spoken
    if monitors.native is not None:
        words += [*check_words(pool, member, monitors.native), *_checked_by_proxy(pool, member)]
        words += observing_words(monitors.native)
    if monitors.vetoing:
        words += VETOABLE
    return f"    {' '.join(words)}"


def _check_server(pool: Pool, monitor: HealthMonitor, spoken: tuple[str, ...], member: Member, number: int) -> str:
    """Of one weight, so that a change of the member's is none of this server."""
    words = [*_place(member, number), "weight", "1", *_state(member), *spoken]
    words += [*check_words(pool, member, monitor), *_checked_by_proxy(pool, member)]
    return f"    {' '.join(words)}"


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
        f"    http-after-response replace-header Set-Cookie ^{_COOKIE}=.* {_NO_COOKIE} if {{ {FROM_BACKUP} }}",
        f"    http-after-response add-header Set-Cookie {_NO_COOKIE}"
        f" if {{ {FROM_BACKUP} }} {{ var(txn.kept) -m found }} !{{ res.hdr(Set-Cookie) -m beg {_COOKIE}= }}",
    ]


def _table(group: Group) -> list[str]:
    """What a backup member answers is not remembered, for the same reason."""
    kept: SessionPersistence | None = group.pool.session_persistence
    if kept is None or kept.type is PersistenceType.SOURCE_IP:
        return [
            f"    stick-table type ipv6 {_TABLE}",
            "    stick match src",
            f"    stick store-response src if !{{ {FROM_BACKUP} }}",
        ]
    name = kept.cookie_name or ""
    return [
        f"    stick-table type binary len 20 {_TABLE}",
        f"    stick store-response {quoting.cookie_fetch('res', name)} if !{{ {FROM_BACKUP} }}",
        f"    stick match {quoting.cookie_fetch('req', name)}",
    ]
