"""The rules across fields and objects of one load balancer, as functions from a tree to what it violates.

The tree is as it would be saved; nothing has been saved yet. Types, ranges and characters of
single fields are the facades' business; what could reach a configuration file is looked at here once more. Pure: raises
nothing, returns ``Violation``s, each naming the model's field.

Objects that are being deleted bind nobody: their ports, addresses and places may be used again at once.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeVar

from evenload.model.balancer import HealthMonitor, Item, Listener, Member, MonitorTemplate, Pool, Record, pools_used_by
from evenload.model.enums import ListenerProtocol, MonitorType, PersistenceType, PoolProtocol
from evenload.model.errors import (
    Conflict,
    DelayOrTimeoutInvalid,
    Invalid,
    MemberExists,
    ProtocolMismatch,
    Rejected,
)
from evenload.model.reach import family_of
from evenload.model.tls_faults import find_pool_tls_faults, find_tls_faults
from evenload.model.tree import Tree

R = TypeVar("R", bound=Item)


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """``error``: what it is raised as; a Conflict is one with the state of things, rather than wrong in itself."""

    detail: str
    field: str | None
    error: type[Rejected] = Invalid


PORT_SPACES = {
    ListenerProtocol.HTTP: "tcp",
    ListenerProtocol.HTTPS: "tcp",
    ListenerProtocol.TCP: "tcp",
    ListenerProtocol.TERMINATED_HTTPS: "tcp",
    ListenerProtocol.PROMETHEUS: "tcp",
}
"""Listeners of one load balancer may share a port only across these."""

COMPATIBLE = {
    ListenerProtocol.TCP: frozenset(
        {PoolProtocol.HTTP, PoolProtocol.HTTPS, PoolProtocol.PROXY, PoolProtocol.PROXYV2, PoolProtocol.TCP}
    ),
    ListenerProtocol.HTTP: frozenset({PoolProtocol.HTTP, PoolProtocol.PROXY, PoolProtocol.PROXYV2}),
    ListenerProtocol.HTTPS: frozenset({PoolProtocol.HTTPS, PoolProtocol.PROXY, PoolProtocol.PROXYV2, PoolProtocol.TCP}),
    ListenerProtocol.TERMINATED_HTTPS: frozenset({PoolProtocol.HTTP, PoolProtocol.PROXY, PoolProtocol.PROXYV2}),
    ListenerProtocol.PROMETHEUS: frozenset(),
}
"""Which pool may stand under which listener (Octavia v2, user guide, "Protocol combinations")."""

CHILDLESS = "Protocol PROMETHEUS listeners cannot have child objects."
HTTP_CHECKS = frozenset({MonitorType.HTTP, MonitorType.HTTPS})
HTTP_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "TRACE", "OPTIONS", "CONNECT", "PATCH"})

# RFC 2616 calls this a token: printable, no separators.
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_CODES = re.compile(r"[0-9]{3}(?:-[0-9]{3}|(?: *, *[0-9]{3})*)")
_PATH = re.compile(r"/[!-~]*")
_HOST_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?\.?")

_FORBIDDEN_V4 = (
    (IPv4Network("0.0.0.0/8"), "an unspecified address"),
    (IPv4Network("127.0.0.0/8"), "a loopback address"),
    (IPv4Network("169.254.0.0/16"), "a link-local address"),
    (IPv4Network("224.0.0.0/4"), "a multicast address"),
    (IPv4Network("255.255.255.255/32"), "the broadcast address"),
)
_FORBIDDEN_V6 = (
    (IPv6Network("::/128"), "the unspecified address"),
    (IPv6Network("::1/128"), "the loopback address"),
    (IPv6Network("fe80::/10"), "a link-local address"),
    (IPv6Network("ff00::/8"), "a multicast address"),
)
# How far the IPv4 address inside has to be shifted down, by the prefix that says there is one: IPv4-compatible,
# IPv4-mapped, IPv4-translated (RFC 2765), both NAT64 prefixes (RFC 6052, RFC 8215), 6to4, the server of Teredo.
_EMBEDDED = (
    (IPv6Network("::/96"), 0),
    (IPv6Network("::ffff:0:0/96"), 0),
    (IPv6Network("::ffff:0:0:0/96"), 0),
    (IPv6Network("64:ff9b::/96"), 0),
    (IPv6Network("64:ff9b:1::/48"), 0),
    (IPv6Network("2002::/16"), 80),
    (IPv6Network("2001::/32"), 64),
)
_ISATAP = frozenset({0x0000_5EFE, 0x0200_5EFE})
_TEREDO = IPv6Network("2001::/32")


# ------------------------------------------------------------------------------------------------------- addresses


def validate_backend_address(address: str, field: str) -> list[Violation]:
    """An address that a host may send a member's traffic or checks to: nothing that means the host itself, its
    neighbourhood or many hosts at once, however it is spelt."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return [Violation(detail=f"'{address}' is not an IP address.", field=field)]
    if isinstance(parsed, IPv6Address) and parsed.scope_id is not None:
        return [Violation(detail=f"The address {address} must not have a zone.", field=field)]
    reason = _why_forbidden(parsed)
    return [Violation(detail=f"The address {address} {reason}.", field=field)] if reason else []


def addresses_in(address: IPv4Address | IPv6Address) -> list[IPv4Address | IPv6Address]:
    """The address itself and every IPv4 address that it is another form of."""
    return [address] if isinstance(address, IPv4Address) else [address, *_embedded(address)]


def canonical_address(address: str) -> str:
    """The one text form of an address; what is none stays as it is, for the rules to refuse."""
    try:
        return str(ip_address(address))
    except ValueError:
        return address


def _why_forbidden(address: IPv4Address | IPv6Address) -> str | None:
    if isinstance(address, IPv4Address):
        return next((f"is {what}" for network, what in _FORBIDDEN_V4 if address in network), None)
    for network, what in _FORBIDDEN_V6:
        if address in network:
            return f"is {what}"
    for inner in _embedded(address):
        reason = _why_forbidden(inner)
        if reason:
            return f"contains {inner}, which {reason}"
    return None


def _embedded(address: IPv6Address) -> Iterator[IPv4Address]:
    number = int(address)
    for network, shift in _EMBEDDED:
        if address in network:
            yield IPv4Address((number >> shift) & 0xFFFF_FFFF)
    if address in _TEREDO:  # the client's address is in there inverted
        yield IPv4Address(~number & 0xFFFF_FFFF)
    if (number >> 32) & 0xFFFF_FFFF in _ISATAP:
        yield IPv4Address(number & 0xFFFF_FFFF)


def _as_connected(address: str) -> str:
    """The address, canonical, that a connection would really go to: IPv4-mapped ones are IPv4 to the kernel."""
    if not address.startswith("::ffff:"):
        return address
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    return str(getattr(parsed, "ipv4_mapped", None) or parsed)


# ------------------------------------------------------------------------------------------------- objects in a tree


def validate_listener(tree: Tree, listener: Listener) -> list[Violation]:
    """``listener`` stands in ``tree`` already."""
    return validate_listeners(tree, [listener])


def validate_listeners(tree: Tree, listeners: Sequence[Listener]) -> list[Violation]:
    """``listeners`` stand in ``tree`` already; many at once, since a load balancer may have a thousand."""
    found: list[Violation] = []
    places: dict[tuple[str, int], list[Listener]] = {}
    for listener in _living(tree.listeners.values()):
        places.setdefault((PORT_SPACES[listener.protocol], listener.port), []).append(listener)
    for listener in listeners:
        sharing = places.get((PORT_SPACES[listener.protocol], listener.port), ())
        other = next((other for other in sharing if other.id != listener.id), None)
        if other is not None:
            found.append(
                Violation(
                    detail=f"Another Listener on this Load Balancer is already using protocol "
                    f"{other.protocol.value} and protocol_port {listener.port}",
                    field="port",
                    error=Conflict,
                )
            )
        if listener.insert_headers and not listener.protocol.speaks_http:
            found.append(
                Violation(
                    detail=f"Headers cannot be inserted on a {listener.protocol.value} listener.",
                    field="insert_headers",
                )
            )
        found += [
            Violation(
                detail=f"{header.value} cannot be inserted on a {listener.protocol.value} listener.",
                field="insert_headers",
            )
            for header in listener.insert_headers
            if header.of_tls and listener.protocol is ListenerProtocol.HTTP
        ]
        found += _validate_allowed_cidrs(tree, listener)
        found += [
            Violation(detail=fault.detail, field=fault.field, error=fault.error)
            for fault in find_tls_faults(listener.protocol, listener.tls)
        ]
        for pool in filter(None, map(tree.pools.get, pools_used_by(listener))):
            if pool.item.protocol not in COMPATIBLE[listener.protocol]:
                found.append(_mismatch(listener, pool.item, "default_pool_id"))
    return found + _validate_loops(tree, listeners)


def _validate_loops(tree: Tree, listeners: Sequence[Listener]) -> list[Violation]:
    looping = {member.port: member for member in _looping(tree, _living(tree.members.values()))}
    members = [(listener, looping[listener.port]) for listener in listeners if listener.port in looping]
    return [
        Violation(
            detail=f"Member {member.id} at {member.address} port {listener.port} would make this listener "
            "send traffic to itself.",
            field="port",
        )
        for listener, member in members
    ]


def validate_pool(tree: Tree, pool: Pool) -> list[Violation]:
    """``pool`` and the listeners that use it stand in ``tree`` already."""
    found = [
        _mismatch(listener, pool, "protocol")
        for listener in _living(tree.listeners_of(pool.id))
        if pool.protocol not in COMPATIBLE[listener.protocol]
    ]
    found += [
        Violation(detail=fault.detail, field=fault.field, error=fault.error) for fault in find_pool_tls_faults(pool.tls)
    ]
    persistence = pool.session_persistence
    if persistence is None:
        return found
    name = persistence.cookie_name
    if persistence.type is not PersistenceType.APP_COOKIE:
        if name is not None:
            found.append(
                Violation(
                    detail=f"A cookie name is not allowed with session persistence {persistence.type.value}.",
                    field="cookie_name",
                )
            )
    elif not name:
        found.append(
            Violation(detail="Session persistence APP_COOKIE needs a cookie name.", field="cookie_name"),
        )
    elif len(name) > 255 or not _TOKEN.fullmatch(name):
        found.append(
            Violation(
                detail="A cookie name has at most 255 characters and no blank, control character or separator.",
                field="cookie_name",
            )
        )
    return found


def validate_members(tree: Tree, members: Sequence[Member]) -> list[Violation]:
    """``members`` stand in ``tree`` already; many at once, since a pool may have thousands."""
    found: list[Violation] = []
    for member in members:
        found += validate_backend_address(member.address, "address")
        if member.monitor_address is not None:
            found += validate_backend_address(member.monitor_address, "monitor_address")
    ports = {listener.port for listener in _living(tree.listeners.values())}
    for member in _looping(tree, members):
        if member.port in ports:
            found.append(
                Violation(
                    detail=f"A member at {member.address} port {member.port} would be this load balancer's own "
                    "listener.",
                    field="address",
                )
            )
    found += _validate_families(tree, members)
    places = Counter(map(_place, _neighbours(tree, members)))
    for member in members:
        if places[_place(member)] > 1:
            found.append(
                Violation(
                    detail=f"Another member of this pool is already using ip {member.address} and protocol_port "
                    f"{member.port}",
                    field="address",
                    error=MemberExists,
                )
            )
    return found


def validate_only_monitor(tree: Tree, monitor: HealthMonitor) -> list[Violation]:
    """``monitor`` stands in ``tree`` already. By Octavia's API a pool gets one; LBaaS v1 may have given it several."""
    if any(other.id != monitor.id for other in _living(tree.monitors_of(monitor.pool_id))):
        return [Violation(detail="This pool already has a health monitor", field="pool_id", error=Conflict)]
    return []


def validate_template(template: MonitorTemplate) -> list[Violation]:
    """Of LBaaS v1, which lets no check begin before the one before has ended."""
    found = validate_monitor(template)
    if template.delay < template.timeout:
        found.append(
            Violation(
                detail="delay must be greater than or equal to timeout.", field="delay", error=DelayOrTimeoutInvalid
            )
        )
    return found


def validate_monitor(monitor: HealthMonitor | MonitorTemplate) -> list[Violation]:
    found: list[Violation] = []
    http = monitor.http
    if http is None:
        return found
    if monitor.type not in HTTP_CHECKS:
        found.append(
            Violation(detail=f"HTTP options are not allowed with a {monitor.type.value} monitor.", field="http")
        )
    if http.method not in HTTP_METHODS:
        found.append(Violation(detail=f"'{http.method}' is not a HTTP method.", field="method"))
    if not _PATH.fullmatch(http.url_path):
        found.append(
            Violation(detail="The URL path must begin with / and have no blank or control character.", field="url_path")
        )
    if not _CODES.fullmatch(http.expected_codes):
        found.append(
            Violation(detail="Expected codes are one code, a list or one range of codes.", field="expected_codes")
        )
    if http.version not in (None, "1.0", "1.1"):
        found.append(Violation(detail="The HTTP version must be 1.0 or 1.1.", field="version"))
    if http.domain_name is not None:
        if http.version != "1.1":
            found.append(Violation(detail="A domain name needs HTTP version 1.1.", field="domain_name"))
        if len(http.domain_name) > 255 or not _HOST_NAME.fullmatch(http.domain_name):
            found.append(Violation(detail=f"'{http.domain_name}' is not a host name.", field="domain_name"))
    return found


def validate_tree(tree: Tree) -> list[Violation]:
    """Everything at once, for a load balancer that is made with all its parts. Where it has no VIP yet ``validate_vip``
    says the rest."""
    found = validate_listeners(tree, [record.item for record in tree.listeners.values()])
    for pool in tree.pools.values():
        found += validate_pool(tree, pool.item)
    found += validate_members(tree, [record.item for record in tree.members.values()])
    for monitor in tree.monitors.values():
        found += validate_only_monitor(tree, monitor.item) + validate_monitor(monitor.item)
    return found


def validate_vip(tree: Tree) -> list[Violation]:
    """Of a load balancer that has passed ``validate_tree``, once its addresses are chosen."""
    listeners = [record.item for record in tree.listeners.values()]
    cidrs = [violation for listener in listeners for violation in _validate_allowed_cidrs(tree, listener)]
    members = [record.item for record in tree.members.values()]
    return cidrs + _validate_loops(tree, listeners) + _validate_families(tree, members)


def validate_removal(tree: Tree) -> list[Violation]:
    """Of a load balancer without its children."""
    if not (any(_living(tree.listeners.values())) or any(_living(tree.pools.values()))):
        return []
    return [Violation(detail=f"Load balancer {tree.id} has listeners or pools: delete with cascade.", field=None)]


def validate_tags(tags: Sequence[str]) -> list[Violation]:
    if len(set(tags)) == len(tags):
        return []
    return [
        Violation(
            detail="Already an entity with that specified id: a tag is given twice.", field="tags", error=Conflict
        )
    ]


def _validate_allowed_cidrs(tree: Tree, listener: Listener) -> list[Violation]:
    families = {ip_address(vip.address).version for vip in tree.load_balancer.item.vips}
    found = []
    for cidr in listener.allowed_cidrs:
        try:
            version = ip_network(cidr).version
        except ValueError:
            found.append(Violation(detail=f"'{cidr}' is not a network.", field="allowed_cidrs"))
            continue
        if families and version not in families:
            found.append(
                Violation(
                    detail=f"The CIDR {cidr} is of IP version {version}, and no VIP of the load balancer is.",
                    field="allowed_cidrs",
                )
            )
    return found


def _validate_families(tree: Tree, members: Iterable[Member]) -> list[Violation]:
    """What is sent to members leaves from the VIP port, which has addresses of the VIPs' families alone."""
    families = {family_of(vip.address) for vip in tree.load_balancer.item.vips}
    found = []
    for member in members:
        for field, address in (("address", member.address), ("monitor_address", member.monitor_address)):
            if families and address is not None and _is_of_another(address, families):
                found.append(
                    Violation(
                        detail=f"The address {address} is of IP version {family_of(address)}, and no VIP of the load "
                        "balancer is: it cannot be reached from there.",
                        field=field,
                    )
                )
    return found


def _is_of_another(address: str, families: Collection[int]) -> bool:
    """False for what is no address at all. Most are of the right family, which costs a look at their text."""
    if ":" not in address:
        return 4 not in families and _is_address(address)
    return _is_address(address) and family_of(address) not in families


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _mismatch(listener: Listener, pool: Pool, field: str) -> Violation:
    if listener.protocol is ListenerProtocol.PROMETHEUS:
        return Violation(detail=CHILDLESS, field=field)
    return Violation(
        detail=f"A listener with protocol {listener.protocol.value} cannot have a pool with protocol "
        f"{pool.protocol.value}.",
        field=field,
        error=ProtocolMismatch,
    )


def _place(member: Member) -> tuple[str, str, int]:
    """Two members of one pool must not be the same server, however its address is spelt."""
    return member.pool_id, _as_connected(member.address), member.port


def _neighbours(tree: Tree, members: Collection[Member]) -> Iterator[Member]:
    """The members of their pools that may be the same servers, these themselves among them; an IPv4 address has one
    spelling."""
    ports = {member.port for member in members}
    addresses = {_as_connected(member.address) for member in members}
    for pool_id in {member.pool_id for member in members}:
        for member in _living(tree.members_of(pool_id)):
            if member.port in ports and (member.address in addresses or ":" in member.address):
                yield member


def _looping(tree: Tree, members: Iterable[Member]) -> Iterator[Member]:
    vips = {_as_connected(vip.address) for vip in tree.load_balancer.item.vips}
    return (member for member in members if _as_connected(member.address) in vips)


def _living(records: Iterable[Record[R]]) -> Iterator[R]:
    return (record.item for record in records if not record.deleting)
