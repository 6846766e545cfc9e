from ipaddress import IPv4Address, IPv6Address

from evenload.host.addresses import gratuitous_arp, unsolicited_advertisement

MAC = "fa:16:3e:01:02:03"


def test_a_gratuitous_arp_asks_for_its_own_address() -> None:
    assert gratuitous_arp(MAC, IPv4Address("10.0.0.5")).hex() == (
        "0001" "0800" "06" "04" "0001" "fa163e010203" "0a000005" "000000000000" "0a000005"
    )  # fmt: skip


def test_an_unsolicited_advertisement_overrides() -> None:
    assert unsolicited_advertisement(MAC, IPv6Address("2001:db8::5")).hex() == (
        "88" "00" "0000" "20000000" "20010db8000000000000000000000005" "02" "01" "fa163e010203"
    )  # fmt: skip
