"""Subnets and the addresses in them."""

from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenload.model.addresses import (
    Cidr,
    choose_address,
    choose_gateway,
    host_range,
    parse_address,
    plan_pools,
    render_mac,
    validate_cidr,
    validate_gateway,
    validate_host_address,
    validate_mac,
    validate_mtu,
    validate_nameservers,
    validate_no_overlap,
    validate_pools,
    validate_routes,
)
from evenload.model.errors import Conflict, Invalid, Rejected
from evenload.model.network import AllocationPool, Route, Subnet


def a_subnet(cidr: str, gateway: str | None = None, *pools: tuple[str, str]) -> Subnet:
    network = ip_network(cidr)
    return Subnet(
        id="subnet-1",
        network_id="network-1",
        project_id="project-1",
        ip_version=network.version,
        cidr=cidr,
        gateway_ip=gateway,
        allocation_pools=tuple(AllocationPool(start=start, end=end) for start, end in pools)
        or plan_pools(network, gateway),
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("text", "version", "expected"),
    [
        ("10.0.0.0/24", 4, "10.0.0.0/24"),
        ("192.0.2.7/32", 4, "192.0.2.7/32"),
        ("2001:DB8:0::/64", 6, "2001:db8::/64"),
        ("2001:db8::1/128", 6, "2001:db8::1/128"),
        ("fd00::/8", 6, "fd00::/8"),
    ],
)
def test_cidrs_are_made_canonical(text: str, version: int, expected: str) -> None:
    assert str(validate_cidr(text, version)) == expected


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("10.0.0.5/24", 4),
        ("10.0.0.0", 4),
        ("10.0.0.0/255.255.255.0", 4),
        ("10.0.0.0/0.0.0.255", 4),
        ("10.0.0.0/33", 4),
        ("10.0.0.0/-1", 4),
        ("010.0.0.0/24", 4),
        ("0.0.0.0/0", 4),
        ("::/0", 6),
        ("127.0.0.0/24", 4),
        ("169.254.169.254/32", 4),
        ("169.254.0.0/15", 4),
        ("224.0.0.0/24", 4),
        ("255.255.255.255/32", 4),
        ("0.0.0.0/8", 4),
        ("::1/128", 6),
        ("fe80::/64", 6),
        ("fe80::%eth0/64", 6),
        ("ff02::/64", 6),
        ("::ffff:10.0.0.0/120", 6),
        ("10.0.0.0/24", 6),
        ("2001:db8::/64", 4),
        ("2001:db8::/64\n", 6),
        ("", 4),
        ("/24", 4),
    ],
)
def test_cidrs_that_are_no_subnet(text: str, version: int) -> None:
    with pytest.raises(Invalid) as caught:
        validate_cidr(text, version)
    assert caught.value.field == "cidr"


def test_host_bits_are_refused_with_the_network_meant() -> None:
    with pytest.raises(Invalid, match=r"'10\.0\.0\.0/24' is recommended"):
        validate_cidr("10.0.0.5/24", 4)


def test_an_unknown_ip_version_is_named() -> None:
    with pytest.raises(Invalid) as caught:
        validate_cidr("10.0.0.0/24", 5)
    assert caught.value.field == "ip_version"


@pytest.mark.parametrize(
    ("cidr", "gateway", "pools"),
    [
        ("10.0.0.0/24", "10.0.0.1", [("10.0.0.2", "10.0.0.254")]),
        ("10.0.0.0/30", "10.0.0.1", [("10.0.0.2", "10.0.0.2")]),
        ("10.0.0.0/31", "10.0.0.0", [("10.0.0.1", "10.0.0.1")]),
        ("10.0.0.9/32", None, [("10.0.0.9", "10.0.0.9")]),
        ("2001:db8::/64", "2001:db8::1", [("2001:db8::2", "2001:db8::ffff:ffff:ffff:ffff")]),
        ("2001:db8::/127", "2001:db8::", [("2001:db8::1", "2001:db8::1")]),
        ("2001:db8::5/128", None, [("2001:db8::5", "2001:db8::5")]),
    ],
)
def test_defaults_of_a_subnet(cidr: str, gateway: str | None, pools: list[tuple[str, str]]) -> None:
    network = ip_network(cidr)
    assert choose_gateway(network) == gateway
    assert [(pool.start, pool.end) for pool in plan_pools(network, gateway)] == pools


def test_a_gateway_in_the_middle_splits_the_pool() -> None:
    pools = plan_pools(ip_network("10.0.0.0/24"), "10.0.0.100")
    assert [(pool.start, pool.end) for pool in pools] == [("10.0.0.1", "10.0.0.99"), ("10.0.0.101", "10.0.0.254")]


def test_a_gateway_elsewhere_leaves_all_hosts() -> None:
    pools = plan_pools(ip_network("10.0.0.0/24"), "192.0.2.1")
    assert [(pool.start, pool.end) for pool in pools] == [("10.0.0.1", "10.0.0.254")]


@pytest.mark.parametrize(
    ("cidr", "gateway", "expected"),
    [
        ("10.0.0.0/24", "10.0.0.254", "10.0.0.254"),
        ("10.0.0.0/24", "192.0.2.1", "192.0.2.1"),
        ("10.0.0.0/24", "169.254.1.1", "169.254.1.1"),
        ("2001:db8::/64", "FE80::1", "fe80::1"),
        ("10.0.0.0/31", "10.0.0.1", "10.0.0.1"),
    ],
)
def test_gateways(cidr: str, gateway: str, expected: str) -> None:
    assert validate_gateway(ip_network(cidr), gateway) == expected


@pytest.mark.parametrize(
    ("cidr", "gateway"),
    [
        ("10.0.0.0/24", "10.0.0.0"),
        ("10.0.0.0/24", "10.0.0.255"),
        ("10.0.0.0/24", "2001:db8::1"),
        ("10.0.0.0/24", "224.0.0.1"),
        ("10.0.0.0/24", "0.0.0.0"),
        ("10.0.0.0/24", "127.0.0.1"),
        ("10.0.0.0/24", "255.255.255.255"),
        ("2001:db8::/64", "2001:db8::"),
        ("2001:db8::/64", "::ffff:10.0.0.1"),
        ("2001:db8::/64", "fe80::1%eth0"),
        ("10.0.0.0/24", "gateway"),
    ],
)
def test_addresses_that_are_no_gateway(cidr: str, gateway: str) -> None:
    with pytest.raises(Invalid) as caught:
        validate_gateway(ip_network(cidr), gateway)
    assert caught.value.field == "gateway_ip"


@pytest.mark.parametrize(
    ("pools", "error"),
    [
        ([("10.0.0.20", "10.0.0.10")], Invalid),
        ([("10.0.0.10", "10.0.1.10")], Invalid),
        ([("10.0.0.0", "10.0.0.10")], Invalid),
        ([("10.0.0.10", "10.0.0.255")], Invalid),
        ([("10.0.0.10", "2001:db8::1")], Invalid),
        ([("10.0.0.10", "ten")], Invalid),
        ([("10.0.0.10", "10.0.0.20"), ("10.0.0.20", "10.0.0.30")], Conflict),
        ([("10.0.0.10", "10.0.0.20"), ("10.0.0.5", "10.0.0.30")], Conflict),
        ([("10.0.0.1", "10.0.0.20")], Conflict),
    ],
)
def test_pools_that_cannot_be(pools: list[tuple[str, str]], error: type[Rejected]) -> None:
    given_pools = [AllocationPool(start=start, end=end) for start, end in pools]
    with pytest.raises(error) as caught:
        validate_pools(ip_network("10.0.0.0/24"), "10.0.0.1", given_pools)
    assert caught.value.field == "allocation_pools"


def test_pools_are_made_canonical() -> None:
    pools = [
        AllocationPool(start="2001:DB8::20", end="2001:db8::2F"),
        AllocationPool(start="2001:db8::10", end="2001:db8:0::1f"),
    ]
    assert validate_pools(ip_network("2001:db8::/64"), "2001:db8::1", pools) == (
        AllocationPool(start="2001:db8::20", end="2001:db8::2f"),
        AllocationPool(start="2001:db8::10", end="2001:db8::1f"),
    )


def test_routes_are_made_canonical() -> None:
    routes = [
        Route(destination="2001:DB8:1::/48", nexthop="2001:db8::00FE"),
        Route(destination="::/0", nexthop="fe80::1"),
    ]
    assert validate_routes(6, routes) == (
        Route(destination="2001:db8:1::/48", nexthop="2001:db8::fe"),
        Route(destination="::/0", nexthop="fe80::1"),
    )


@pytest.mark.parametrize(
    "routes",
    [
        [("10.1.0.0/16", "2001:db8::1")],
        [("2001:db8::/64", "10.0.0.1")],
        [("10.1.0.1/16", "10.0.0.1")],
        [("10.1.0.0", "10.0.0.1")],
        [("10.1.0.0/16", "224.0.0.1")],
        [("10.1.0.0/16", "0.0.0.0")],
        [("10.1.0.0/16", "10.0.0.1"), ("10.1.0.0/16", "10.0.0.2")],
        [(f"10.{number}.0.0/16", "10.0.0.1") for number in range(21)],
    ],
)
def test_routes_that_cannot_be(routes: list[tuple[str, str]]) -> None:
    with pytest.raises(Invalid) as caught:
        validate_routes(4, [Route(destination=destination, nexthop=nexthop) for destination, nexthop in routes])
    assert caught.value.field == "host_routes"


def test_nameservers() -> None:
    assert validate_nameservers(["10.0.0.53", "2001:DB8::35"]) == ("10.0.0.53", "2001:DB8::35")
    for wrong in (["dns.example.org"], ["10.0.0.53", "10.0.0.53"], [f"10.0.0.{number}" for number in range(6)]):
        with pytest.raises(Invalid) as caught:
            validate_nameservers(wrong)
        assert caught.value.field == "dns_nameservers"


@pytest.mark.parametrize(
    ("mtu", "versions", "fits"),
    [
        (576, [], True),
        (575, [], False),
        (9216, [4], True),
        (9217, [4], False),
        (1280, [6], True),
        (1279, [4, 6], False),
    ],
)
def test_mtus(mtu: int, versions: list[int], fits: bool) -> None:
    if fits:
        assert validate_mtu(mtu, versions) == mtu
        return
    with pytest.raises(Invalid) as caught:
        validate_mtu(mtu, versions)
    assert caught.value.field == "mtu"


@pytest.mark.parametrize(("cidr", "overlaps"), [("10.0.1.0/24", False), ("10.0.0.128/25", True), ("10.0.0.0/8", True)])
def test_overlaps(cidr: str, overlaps: bool) -> None:
    others = [a_subnet("2001:db8::/64"), a_subnet("10.0.0.0/24")]
    if not overlaps:
        validate_no_overlap(ip_network(cidr), others)
        return
    with pytest.raises(Invalid, match="overlaps") as caught:
        validate_no_overlap(ip_network(cidr), others)
    assert caught.value.field == "cidr"


@pytest.mark.parametrize("address", ["10.0.0.0", "10.0.0.255", "10.0.0.1", "10.0.1.5", "2001:db8::5"])
def test_addresses_that_no_port_can_have(address: str) -> None:
    subnet = a_subnet("10.0.0.0/24", "10.0.0.1")
    with pytest.raises(Invalid) as caught:
        validate_host_address(ip_address(address), subnet, field="vip_address")
    assert caught.value.field == "vip_address"


def test_the_subnet_router_address_is_no_ports() -> None:
    with pytest.raises(Invalid, match="reserved"):
        validate_host_address(IPv6Address("2001:db8::"), a_subnet("2001:db8::/64"), field="vip_address")


def test_an_address_outside_the_pools_may_be_asked_for() -> None:
    subnet = a_subnet("10.0.0.0/24", "10.0.0.1", ("10.0.0.100", "10.0.0.110"))
    validate_host_address(ip_address("10.0.0.5"), subnet, field="vip_address")


@pytest.mark.parametrize(
    "text", ["", "10.0.0", "10.0.0.256", "010.0.0.1", "10.0.0.1/24", "fe80::1%lo", "1", "10.0.0.1\n"]
)
def test_texts_that_are_no_address(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_address(text, field="here")
    assert caught.value.field == "here"


@pytest.mark.parametrize(
    ("text", "expected"), [("FA-16-3E-00-00-01", "fa:16:3e:00:00:01"), ("02:00:00:00:00:01", "02:00:00:00:00:01")]
)
def test_macs(text: str, expected: str) -> None:
    assert validate_mac(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "fa:16:3e:00:00",
        "01:00:5e:00:00:01",
        "ff:ff:ff:ff:ff:ff",
        "00:00:00:00:00:00",
        "fa:16:3e:00:00:0g",
        "fa:16:3e:00:00:01\n",
    ],
)
def test_texts_that_are_no_mac(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        validate_mac(text)
    assert caught.value.field == "mac_address"


@given(st.integers(0, 2**24 - 1))
def test_made_macs_are_valid(number: int) -> None:
    assert validate_mac(render_mac(number)) == render_mac(number)


@st.composite
def small_subnets(draw: st.DrawFn) -> Subnet:
    """Any family, up to 64 addresses, pools and gateway as the rules admit them."""
    cidr: Cidr
    if draw(st.booleans()):
        cidr = ip_network(("10.0.0.0", draw(st.integers(26, 32))))
    else:
        cidr = ip_network(("2001:db8::", draw(st.integers(122, 128))))
    first, last = host_range(cidr)
    hosts = st.integers(first, last).map(lambda number: str(ip_address(number)))
    gateway = draw(st.none() | hosts | st.just("192.0.2.1" if cidr.version == 4 else "fe80::1"))
    pools = plan_pools(cidr, gateway)
    if draw(st.booleans()) and pools:
        kept = draw(st.sampled_from(pools))
        ends = sorted(
            draw(st.lists(st.integers(int(ip_address(kept.start)), int(ip_address(kept.end))), min_size=2, max_size=2))
        )
        pools = validate_pools(
            cidr, gateway, [AllocationPool(start=str(ip_address(ends[0])), end=str(ip_address(ends[1])))]
        )
    return replace(a_subnet(str(cidr), gateway), allocation_pools=pools)


@given(subnet=small_subnets(), taken=st.sets(st.integers(0, 63), max_size=20))
def test_every_pool_address_is_handed_out_once_and_nothing_else(subnet: Subnet, taken: set[int]) -> None:
    cidr = ip_network(subnet.cidr)
    gone = {str(cidr[number]) for number in taken if number < cidr.num_addresses}
    chosen: list[str] = []
    while (address := choose_address(subnet, gone)) is not None:
        validate_host_address(ip_address(address), subnet, field="address")
        assert address not in gone
        gone.add(address)
        chosen.append(address)
    pooled = {
        str(ip_address(number))
        for pool in subnet.allocation_pools
        for number in range(int(ip_address(pool.start)), int(ip_address(pool.end)) + 1)
    }
    assert len(chosen) == len(set(chosen))
    assert set(chosen) == pooled - {str(cidr[number]) for number in taken if number < cidr.num_addresses}


@given(small_subnets())
def test_a_released_address_is_the_next_one(subnet: Subnet) -> None:
    first = choose_address(subnet, ())
    if first is not None:
        assert choose_address(subnet, {first}) != first
        assert choose_address(subnet, ()) == first


def test_a_huge_subnet_takes_no_longer_than_a_small_one() -> None:
    subnet = a_subnet("2001:db8::/32", "2001:db8::1")
    assert choose_address(subnet, {"2001:db8::2", "2001:db8::3"}) == "2001:db8::4"
