"""Where a new network lies on the wire."""

from collections.abc import Collection

import pytest

from evenload.model.enums import NetworkType
from evenload.model.errors import Conflict, Invalid, Rejected
from evenload.model.network import Segment
from evenload.model.segments import choose_segment

FLAT = Segment(type=NetworkType.FLAT, physical_network="physnet1")


def vlan(number: int, physical_network: str = "physnet1") -> Segment:
    return Segment(type=NetworkType.VLAN, physical_network=physical_network, vlan=number)


def choose(
    type: NetworkType | None = None,
    physical_network: str | None = None,
    number: int | None = None,
    used: Collection[Segment] = (),
    default: str | None = "physnet1",
) -> Segment:
    return choose_segment(
        type=type,
        physical_network=physical_network,
        vlan=number,
        used=used,
        physical_networks=("physnet1", "physnet2"),
        default=default,
        vlan_ranges=(("physnet1", 100, 101), ("physnet2", 200, 200)),
    )


@pytest.mark.parametrize(
    ("used", "expected"),
    [
        ([], FLAT),
        ([FLAT], vlan(100)),
        ([FLAT, vlan(100)], vlan(101)),
        ([FLAT, vlan(100), vlan(101)], vlan(200, "physnet2")),
        ([vlan(100)], FLAT),
    ],
)
def test_without_a_desired_state_the_next_free_segment(used: list[Segment], expected: Segment) -> None:
    assert choose(used=used) == expected


def test_without_a_default_only_vlans_are_left() -> None:
    assert choose(default=None) == vlan(100)


def test_nothing_left_says_what_to_configure() -> None:
    used = [FLAT, vlan(100), vlan(101), vlan(200, "physnet2")]
    with pytest.raises(Conflict, match="vlan_ranges"):
        choose(used=used)
    with pytest.raises(Conflict, match="physnet2"):
        choose(NetworkType.VLAN, "physnet2", used=used)


@pytest.mark.parametrize(
    ("type", "physical_network", "number", "expected"),
    [
        (NetworkType.FLAT, None, None, FLAT),
        (NetworkType.FLAT, "physnet2", None, Segment(type=NetworkType.FLAT, physical_network="physnet2")),
        (NetworkType.VLAN, None, 7, vlan(7)),
        (NetworkType.VLAN, None, None, vlan(100)),
        (NetworkType.VLAN, "physnet2", None, vlan(200, "physnet2")),
        (NetworkType.VLAN, "physnet2", 4094, vlan(4094, "physnet2")),
    ],
)
def test_requests(type: NetworkType, physical_network: str | None, number: int | None, expected: Segment) -> None:
    assert choose(type, physical_network, number) == expected


@pytest.mark.parametrize(
    ("type", "physical_network", "number", "error", "field"),
    [
        (None, "physnet1", None, Invalid, "physical_network"),
        (None, None, 5, Invalid, "vlan"),
        (NetworkType.FLAT, None, 5, Invalid, "vlan"),
        (NetworkType.FLAT, "physnet9", None, Invalid, "physical_network"),
        (NetworkType.VLAN, "physnet9", None, Invalid, "physical_network"),
        (NetworkType.VLAN, None, 0, Invalid, "vlan"),
        (NetworkType.VLAN, None, 4095, Invalid, "vlan"),
        (NetworkType.FLAT, None, None, Conflict, "physical_network"),
        (NetworkType.VLAN, None, 100, Conflict, "vlan"),
    ],
)
def test_requests_that_cannot_be(
    type: NetworkType | None, physical_network: str | None, number: int | None, error: type[Rejected], field: str
) -> None:
    with pytest.raises(error) as caught:
        choose(type, physical_network, number, used=[FLAT, vlan(100)])
    assert caught.value.field == field


def test_without_a_default_a_desired_state_must_name_the_physical_network() -> None:
    with pytest.raises(Invalid) as caught:
        choose(NetworkType.FLAT, default=None)
    assert caught.value.field == "physical_network"
