"""The rules, each on the smallest tree that can break it."""

from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.tls import a_tls

from evenload.model import rules
from evenload.model.balancer import (
    AnyRecord,
    HealthMonitor,
    HttpCheck,
    Item,
    Listener,
    LoadBalancer,
    Member,
    Pool,
    Record,
    SessionPersistence,
    Vip,
)
from evenload.model.enums import (
    Algorithm,
    InsertedHeader,
    ListenerProtocol,
    MonitorType,
    PersistenceType,
    PoolProtocol,
    ProvisioningStatus,
)
from evenload.model.errors import Conflict
from evenload.model.placement import alone_on
from evenload.model.tree import Tree

L: TypeAlias = ListenerProtocol
Q: TypeAlias = PoolProtocol


def record(item: Any, *, deleting: bool = False) -> Any:
    return Record(
        item=item,
        project_id="project",
        provisioning_status=ProvisioningStatus.ACTIVE,
        generation=1,
        deleting=deleting,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


def tree_of(*items: Item, vips: tuple[str, ...] = ("10.0.0.5",), going: tuple[str, ...] = ()) -> Tree:
    load_balancer = LoadBalancer(
        id="lb", network_id="n", port_id="p", vips=tuple(Vip(address=vip, subnet_id="s") for vip in vips)
    )
    tree = Tree(load_balancer=record(load_balancer), generation=1, placements=alone_on("a"))
    records: list[AnyRecord] = [record(item, deleting=item.id in going) for item in items]
    for each in records:
        tree = tree.with_record(each)
    return tree


def listener(identifier: str = "l1", protocol: L = L.HTTP, port: int = 80, **fields: Any) -> Listener:
    tls = a_tls() if protocol is L.TERMINATED_HTTPS else None
    return Listener(id=identifier, load_balancer_id="lb", protocol=protocol, port=port, **{"tls": tls, **fields})


def pool(identifier: str = "p1", protocol: Q = Q.HTTP, **fields: Any) -> Pool:
    return Pool(id=identifier, load_balancer_id="lb", protocol=protocol, algorithm=Algorithm.ROUND_ROBIN, **fields)


def member(identifier: str = "m1", address: str = "10.0.1.1", port: int = 80, **fields: Any) -> Member:
    return Member(id=identifier, pool_id="p1", address=address, port=port, **fields)


def monitor(identifier: str = "h1", kind: MonitorType = MonitorType.HTTP, **fields: Any) -> HealthMonitor:
    return HealthMonitor(id=identifier, pool_id="p1", type=kind, delay=5, timeout=3, rise=2, **fields)


def found(violations: list[rules.Violation]) -> list[tuple[str | None, bool]]:
    return [(violation.field, issubclass(violation.error, Conflict)) for violation in violations]


# -------------------------------------------------------------------------------------------------------- addresses

FORBIDDEN = [
    *("0.0.0.0", "0.1.2.3", "127.0.0.1", "127.255.255.254", "169.254.0.1", "169.254.169.254"),
    *("224.0.0.1", "239.255.255.255", "255.255.255.255"),
    *("::", "::1", "fe80::1", "febf::1", "ff02::1", "ff0e::1"),
]


@pytest.mark.parametrize("address", FORBIDDEN)
@pytest.mark.parametrize("field", ["address", "monitor_address"])
def test_forbidden_addresses(address: str, field: str) -> None:
    assert found(rules.validate_backend_address(address, field)) == [(field, False)]


SPELLINGS = {
    "mapped": "::ffff:0:0",
    "compatible": "::",
    "translated": "::ffff:0:0:0",
    "NAT64": "64:ff9b::",
    "local NAT64": "64:ff9b:1::",
    "ISATAP": "2001:db8::5efe:0:0",
    "public ISATAP": "2001:db8::200:5efe:0:0",
}


def spellings(address: IPv4Address) -> dict[str, IPv6Address]:
    number, inverted = int(address), 0xFFFF_FFFF ^ int(address)
    harmless = int(IPv4Address("8.8.8.8"))
    teredo = 0x2001_0000 << 96
    plain = {name: IPv6Address(int(IPv6Address(prefix)) | number) for name, prefix in SPELLINGS.items()}
    return {
        **plain,
        "6to4": IPv6Address((0x2002 << 112) | (number << 80) | 1),
        "Teredo server": IPv6Address(teredo | (number << 64) | (0xFFFF_FFFF ^ harmless)),
        "Teredo client": IPv6Address(teredo | (harmless << 64) | inverted),
    }


@pytest.mark.parametrize("address", [address for address in FORBIDDEN if "." in address])
def test_forbidden_in_every_spelling(address: str) -> None:
    for name, spelt in spellings(IPv4Address(address)).items():
        for text in (str(spelt), spelt.exploded, str(spelt).upper()):
            assert rules.validate_backend_address(text, "address"), (name, text)


@given(st.ip_addresses(v=4))
def test_a_spelling_is_as_good_as_what_it_spells(address: IPv4Address) -> None:
    plain = bool(rules.validate_backend_address(str(address), "address"))
    for name, spelt in spellings(address).items():
        assert bool(rules.validate_backend_address(str(spelt), "address")) == plain, (name, spelt)


@pytest.mark.parametrize(
    "text",
    [
        *("", "localhost", "127.1", "2130706433", "0177.0.0.1", "0x7f.0.0.1", "10.0.0.1/32", "10.0.0.1\n"),
        *(" 10.0.0.1", "2001:db8::1%eth0", "[2001:db8::1]", "１０.0.0.1", "10.0.0.1 ", "10.0.0.01"),
    ],
)
def test_what_is_no_plain_address(text: str) -> None:
    assert found(rules.validate_backend_address(text, "address")) == [("address", False)]


@pytest.mark.parametrize("address", ["10.0.0.1", "192.0.2.1", "1.0.0.1", "2001:db8::1", "fd00::1", "::ffff:10.0.0.1"])
def test_ordinary_addresses(address: str) -> None:
    assert rules.validate_backend_address(address, "address") == []


@given(st.text())
def test_canonical_address_is_stable(text: str) -> None:
    once = rules.canonical_address(text)
    assert rules.canonical_address(once) == once
    if not rules.validate_backend_address(text, "address"):
        assert ip_address(once) == ip_address(text)


# -------------------------------------------------------------------------------------------------------- listeners


@pytest.mark.parametrize("first", list(L))
@pytest.mark.parametrize("second", list(L))
def test_all_tcp_protocols_share_their_ports(first: L, second: L) -> None:
    new = listener("l2", second)
    assert found(rules.validate_listener(tree_of(listener("l1", first), new), new)) == [("port", True)]
    assert rules.validate_listener(tree_of(listener("l1", first), new, going=("l1",)), new) == []
    assert rules.validate_listener(tree_of(listener("l1", first, port=81), new), new) == []


@pytest.mark.parametrize("header", list(InsertedHeader))
def test_headers_that_tell_of_tls_only_where_it_ends_here(header: InsertedHeader) -> None:
    new = listener(protocol=L.HTTP, insert_headers=(header,))
    assert found(rules.validate_listener(tree_of(new), new)) == [("insert_headers", False)] * ("SSL" in header.value)
    new = replace(new, protocol=L.TERMINATED_HTTPS, tls=a_tls())
    assert rules.validate_listener(tree_of(new), new) == []


@pytest.mark.parametrize("protocol", list(L))
def test_headers_only_where_there_are_headers(protocol: L) -> None:
    new = listener(protocol=protocol, insert_headers=(InsertedHeader.X_FORWARDED_FOR,))
    expected = [("insert_headers", False)] * (protocol not in (L.HTTP, L.TERMINATED_HTTPS))
    assert found(rules.validate_listener(tree_of(new), new)) == expected


@pytest.mark.parametrize(
    ("vips", "cidrs", "wrong"),
    [
        (("10.0.0.5",), ("10.0.0.0/8", "0.0.0.0/0"), 0),
        (("10.0.0.5",), ("2001:db8::/32",), 1),
        (("2001:db8::5",), ("10.0.0.0/8",), 1),
        (("10.0.0.5", "2001:db8::5"), ("10.0.0.0/8", "2001:db8::/32"), 0),
        (("10.0.0.5",), ("10.0.0.1/8",), 1),
        (("10.0.0.5",), ("everyone",), 1),
    ],
)
def test_allowed_cidrs(vips: tuple[str, ...], cidrs: tuple[str, ...], wrong: int) -> None:
    new = listener(allowed_cidrs=cidrs)
    assert found(rules.validate_listener(tree_of(new, vips=vips), new)) == [("allowed_cidrs", False)] * wrong


COMPATIBLE = {
    L.TCP: {Q.HTTP, Q.HTTPS, Q.PROXY, Q.PROXYV2, Q.TCP},
    L.HTTP: {Q.HTTP, Q.PROXY, Q.PROXYV2},
    L.TERMINATED_HTTPS: {Q.HTTP, Q.PROXY, Q.PROXYV2},
    L.HTTPS: {Q.HTTPS, Q.PROXY, Q.PROXYV2, Q.TCP},
    L.PROMETHEUS: set(),
}


@pytest.mark.parametrize("outer", list(L))
@pytest.mark.parametrize("inner", list(Q))
def test_which_pool_under_which_listener(outer: L, inner: Q) -> None:
    upper, lower = listener(protocol=outer, default_pool_id="p1"), pool(protocol=inner)
    tree = tree_of(upper, lower)
    fits = inner in COMPATIBLE[outer]
    assert found(rules.validate_listener(tree, upper)) == ([] if fits else [("default_pool_id", False)])
    assert found(rules.validate_pool(tree, lower)) == ([] if fits else [("protocol", False)])


def test_loop_is_seen_from_both_sides() -> None:
    own = member(address="10.0.0.5", port=80)
    tree = tree_of(listener(), pool(), own)
    assert found(rules.validate_members(tree, [own])) == [("address", False)]
    assert found(rules.validate_listener(tree, listener())) == [("port", False)]
    mapped = member(address="::ffff:10.0.0.5", port=80)
    assert found(rules.validate_members(tree_of(listener(), pool(), mapped), [mapped])) == [("address", False)]
    elsewhere = member(address="10.0.0.5", port=81)
    assert rules.validate_members(tree_of(listener(), pool(), elsewhere), [elsewhere]) == []
    assert rules.validate_members(tree_of(listener(), pool(), own, going=("l1",)), [own]) == []


# ------------------------------------------------------------------------------------------------- pools and members


@pytest.mark.parametrize(
    ("kind", "name", "right"),
    [
        (PersistenceType.APP_COOKIE, "JSESSIONID", True),
        (PersistenceType.APP_COOKIE, "a" * 255, True),
        (PersistenceType.APP_COOKIE, "a" * 256, False),
        (PersistenceType.APP_COOKIE, None, False),
        (PersistenceType.APP_COOKIE, "", False),
        *((PersistenceType.APP_COOKIE, f"a{bad}b", False) for bad in ' ,;\\\n\r\t\0\x7f"()<>@:/[]?={}é'),
        (PersistenceType.APP_COOKIE, "a\n", False),
        (PersistenceType.HTTP_COOKIE, None, True),
        (PersistenceType.HTTP_COOKIE, "a", False),
        (PersistenceType.SOURCE_IP, None, True),
        (PersistenceType.SOURCE_IP, "a", False),
    ],
)
def test_cookie_names(kind: PersistenceType, name: str | None, right: bool) -> None:
    new = pool(session_persistence=SessionPersistence(type=kind, cookie_name=name))
    assert found(rules.validate_pool(tree_of(new), new)) == ([] if right else [("cookie_name", False)])


def test_members_are_unique_in_their_pool() -> None:
    one, two = member("m1"), member("m2")
    tree = tree_of(pool(), one, two)
    assert found(rules.validate_members(tree, [two])) == [("address", True)]
    assert rules.validate_members(tree_of(pool(), one, two, going=("m1",)), [two]) == []
    other_port = member("m2", port=81)
    assert rules.validate_members(tree_of(pool(), one, other_port), [other_port]) == []
    other_pool = replace(two, pool_id="p2")
    assert rules.validate_members(tree_of(pool(), pool("p2"), one, other_pool), [other_pool]) == []
    mapped = member("m2", address=f"::ffff:{one.address}")
    assert found(rules.validate_members(tree_of(pool(), one, mapped), [mapped])) == [("address", True)]


# --------------------------------------------------------------------------------------------------------- monitors


def test_one_monitor_per_pool() -> None:
    new = monitor("h2", http=HttpCheck())
    assert found(rules.validate_only_monitor(tree_of(pool(), monitor("h1"), new), new)) == [("pool_id", True)]
    assert rules.validate_only_monitor(tree_of(pool(), monitor("h1"), new, going=("h1",)), new) == []


@pytest.mark.parametrize(
    ("http", "field"),
    [
        (HttpCheck(), None),
        (HttpCheck(method="get"), "method"),
        (HttpCheck(url_path="up"), "url_path"),
        (HttpCheck(url_path="/a b"), "url_path"),
        (HttpCheck(url_path="/a\n"), "url_path"),
        (HttpCheck(url_path="/a?b=c&d"), None),
        (HttpCheck(expected_codes="200,204"), None),
        (HttpCheck(expected_codes="200, 204"), None),
        (HttpCheck(expected_codes="200-299"), None),
        (HttpCheck(expected_codes="200-299,301"), "expected_codes"),
        (HttpCheck(expected_codes="2xx"), "expected_codes"),
        (HttpCheck(expected_codes="200\n"), "expected_codes"),
        (HttpCheck(expected_codes="٢٠٠"), "expected_codes"),
        (HttpCheck(version="1.0"), None),
        (HttpCheck(version="2.0"), "version"),
        (HttpCheck(domain_name="a.example"), "domain_name"),
        (HttpCheck(version="1.0", domain_name="a.example"), "domain_name"),
        (HttpCheck(version="1.1", domain_name="a.example"), None),
        (HttpCheck(version="1.1", domain_name="a example"), "domain_name"),
        (HttpCheck(version="1.1", domain_name="a" * 256), "domain_name"),
    ],
)
def test_http_checks(http: HttpCheck, field: str | None) -> None:
    new = monitor(http=http)
    assert found(rules.validate_monitor(new)) == ([(field, False)] if field else [])


@pytest.mark.parametrize("kind", list(MonitorType))
def test_http_options_only_where_http_is_spoken(kind: MonitorType) -> None:
    new = monitor(kind=kind, http=HttpCheck())
    expected = [] if kind in (MonitorType.HTTP, MonitorType.HTTPS) else [("http", False)]
    assert found(rules.validate_monitor(new)) == expected


# ------------------------------------------------------------------------------------------------------------- trees


def test_a_tree_is_checked_whole() -> None:
    good = tree_of(listener(default_pool_id="p1"), pool(), member(), monitor(http=HttpCheck()))
    assert rules.validate_tree(good) == []
    bad = tree_of(
        listener(protocol=L.HTTPS, default_pool_id="p1"),
        pool(),
        member(address="127.0.0.1"),
        monitor(http=HttpCheck(url_path="x")),
    )
    assert [violation.field for violation in rules.validate_tree(bad)] == [
        "default_pool_id",
        "protocol",
        "address",
        "url_path",
    ]


def test_removal_without_cascade() -> None:
    assert rules.validate_removal(tree_of()) == []
    assert found(rules.validate_removal(tree_of(listener()))) == [(None, False)]
    assert found(rules.validate_removal(tree_of(pool()))) == [(None, False)]
    assert rules.validate_removal(tree_of(listener(), pool(), going=("l1", "p1"))) == []


def test_tags() -> None:
    assert rules.validate_tags(("a", "b")) == []
    assert found(rules.validate_tags(("a", "b", "a"))) == [("tags", True)]
