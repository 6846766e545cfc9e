"""What a load balancer can reach from its VIP port."""

import pytest

from evenload.model.desired import DesiredIp, DesiredPort
from evenload.model.enums import NetworkType
from evenload.model.network import Route, Segment
from evenload.model.reach import family_of, ways_from


def port(*ips: DesiredIp) -> DesiredPort:
    segment = Segment(type=NetworkType.FLAT, physical_network="physnet1")
    return DesiredPort(id="port", mac_address="fa:16:3e:00:00:01", mtu=1500, segment=segment, ips=ips)


def four(gateway: str | None = None, *routes: Route) -> DesiredIp:
    return DesiredIp(address="10.0.0.5", prefix_length=24, gateway_ip=gateway, host_routes=routes)


SIX = DesiredIp(address="2001:db8::5", prefix_length=64, gateway_ip="2001:db8::1")
ROUTE = Route(destination="192.0.2.0/24", nexthop="10.0.0.9")


@pytest.mark.parametrize(
    ("ips", "address", "leads"),
    [
        ((four(),), "10.0.0.77", True),
        ((four(),), "10.0.1.77", False),
        ((four("10.0.0.1"),), "10.0.1.77", True),
        ((four(None, ROUTE),), "192.0.2.7", True),
        ((four(None, ROUTE),), "::ffff:192.0.2.7", True),
        ((four(None, ROUTE),), "192.0.3.7", False),
        ((SIX,), "10.0.0.77", False),
        ((SIX,), "::ffff:10.0.0.77", False),
        ((SIX,), "2001:db8:1::7", True),
        ((four("10.0.0.1"),), "2001:db8::7", False),
        ((four("10.0.0.1"), SIX), "2001:DB8:7::7", True),
        ((four(), SIX), "10.0.1.77", False),
    ],
)
def test_what_leads_to_an_address(ips: tuple[DesiredIp, ...], address: str, leads: bool) -> None:
    assert ways_from(port(*ips))(address) is leads


@pytest.mark.parametrize(
    ("address", "family"),
    [("10.0.0.1", 4), ("::FFFF:10.0.0.1", 4), ("0:0:0:0:0:ffff:a00:1", 4), ("2001:db8::1", 6), ("::1:0:0", 6)],
)
def test_the_family_of_an_address(address: str, family: int) -> None:
    assert family_of(address) == family
