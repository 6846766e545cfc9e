"""What every UnitOfWork promises about networks, subnets and ports."""

from dataclasses import replace

import pytest
from tests.contract.samples import a_network, a_port, a_subnet, moment, new_id

from evenload.interfaces.store import Transaction, UnitOfWork
from evenload.model.errors import Conflict
from evenload.model.network import FixedIp


def test_networks_come_back_in_the_order_of_creation(store: UnitOfWork) -> None:
    first = a_network(vlan=100, name="n", tags=("b", "a"), shared=True, mtu=9000)
    second = a_network()
    renamed = replace(first, name="other", updated_at=moment(3))

    @store.write
    def _(transaction: Transaction) -> None:
        transaction.insert_network(first)
        transaction.insert_network(second)
        transaction.update_network(renamed)

    with store.read() as transaction:
        assert transaction.networks() == [renamed, second]
        assert transaction.network(second.id) == second
        assert transaction.network(new_id()) is None


@pytest.mark.parametrize("vlan", [None, 100])
def test_a_segment_has_one_network(store: UnitOfWork, vlan: int | None) -> None:

    @store.write
    def _(transaction: Transaction) -> None:
        transaction.insert_network(a_network(vlan=vlan))
        transaction.insert_network(a_network(vlan=vlan, physical_network="physnet2"))
        transaction.insert_network(a_network(vlan=101))

    with pytest.raises(Conflict) as caught:
        store.write(lambda transaction: transaction.insert_network(a_network(vlan=vlan)))
    assert caught.value.field == "segment"


def test_subnets_come_back(store: UnitOfWork) -> None:
    network, other = a_network(), a_network(vlan=1)
    bare = a_subnet(other, gateway_ip=None, host_routes=(), dns_nameservers=(), tags=("t",), enable_dhcp=True)
    subnet = a_subnet(network)
    changed = replace(subnet, gateway_ip=None)

    @store.write
    def _(transaction: Transaction) -> None:
        transaction.insert_network(network)
        transaction.insert_network(other)
        transaction.insert_subnet(subnet)
        transaction.insert_subnet(bare)
        transaction.update_subnet(changed)

    with store.read() as transaction:
        assert transaction.subnets() == [changed, bare]
        assert transaction.subnets(other.id) == [bare]
        assert transaction.subnet(subnet.id) == changed
        assert transaction.subnet(new_id()) is None


def test_ports_come_back_with_their_addresses_in_order(store: UnitOfWork) -> None:
    network = a_network()
    subnet = a_subnet(network)
    ips = [FixedIp(subnet_id=subnet.id, address=f"10.0.0.{number}") for number in (9, 3, 5)]
    port = a_port(network, *ips, device_id="lb", device_owner="Octavia", host="h", active=True, tags=("t",))
    bare = a_port(network, number=2)

    @store.write
    def _(transaction: Transaction) -> None:
        transaction.insert_network(network)
        transaction.insert_subnet(subnet)
        transaction.insert_port(port)
        transaction.insert_port(bare)

    with store.read() as transaction:
        assert transaction.port(port.id) == port
        assert transaction.ports() == [port, bare]
        assert transaction.ports(network_id=network.id) == [port, bare]
        assert transaction.ports(network_id=new_id()) == []
        assert transaction.addresses_taken(subnet.id) == {"10.0.0.9", "10.0.0.3", "10.0.0.5"}
        assert transaction.addresses_taken(new_id()) == set()
    fewer = replace(port, fixed_ips=(ips[2], ips[1]), device_id="")

    @store.write
    def _(transaction: Transaction) -> None:
        transaction.update_port(fewer)

    with store.read() as transaction:
        assert transaction.port(port.id) == fewer
        assert transaction.addresses_taken(subnet.id) == {"10.0.0.5", "10.0.0.3"}


def test_an_address_and_a_mac_have_one_port(store: UnitOfWork) -> None:
    network, other = a_network(), a_network(vlan=1)
    subnet, elsewhere = a_subnet(network), a_subnet(other)
    port = a_port(network, FixedIp(subnet_id=subnet.id, address="10.0.0.9"))
    same_mac = a_port(network)
    same_address = a_port(network, *port.fixed_ips, number=2)

    @store.write
    def _(transaction: Transaction) -> None:
        for value in (network, other):
            transaction.insert_network(value)
        transaction.insert_subnet(subnet)
        transaction.insert_subnet(elsewhere)
        transaction.insert_port(port)
        transaction.insert_port(a_port(other, FixedIp(subnet_id=elsewhere.id, address="10.0.0.9")))
        with pytest.raises(Conflict) as caught:
            transaction.insert_port(same_mac)
        assert caught.value.field == "mac_address"
        with pytest.raises(Conflict) as caught:
            transaction.insert_port(same_address)
        assert caught.value.field == "fixed_ips"
        # Neither was saved, and the transaction goes on.
        transaction.insert_port(a_port(network, FixedIp(subnet_id=subnet.id, address="10.0.0.10"), number=3))

    with store.read() as transaction:
        assert transaction.port(same_mac.id) is None
        assert transaction.port(same_address.id) is None
        assert transaction.addresses_taken(subnet.id) == {"10.0.0.9", "10.0.0.10"}


def test_what_is_removed_is_free_again_and_removing_is_quiet(store: UnitOfWork) -> None:
    network = a_network()
    subnet = a_subnet(network)
    port = a_port(network, FixedIp(subnet_id=subnet.id, address="10.0.0.9"))
    for _ in range(2):

        @store.write
        def _(transaction: Transaction) -> None:
            transaction.insert_network(network)
            transaction.insert_subnet(subnet)
            transaction.insert_port(port)

        @store.write
        def _(transaction: Transaction) -> None:
            for _ in range(2):
                transaction.remove_port(port.id)
                transaction.remove_subnet(subnet.id)
                transaction.remove_network(network.id)

        with store.read() as transaction:
            assert (transaction.networks(), transaction.subnets(), transaction.ports()) == ([], [], [])


def test_what_is_in_use_is_not_removed(store: UnitOfWork) -> None:
    network = a_network()
    subnet = a_subnet(network)

    @store.write
    def _(transaction: Transaction) -> None:
        transaction.insert_network(network)
        transaction.insert_subnet(subnet)
        transaction.insert_port(a_port(network, FixedIp(subnet_id=subnet.id, address="10.0.0.9")))

    with pytest.raises(Conflict):
        store.write(lambda transaction: transaction.remove_subnet(subnet.id))
    with pytest.raises(Conflict):
        store.write(lambda transaction: transaction.remove_network(network.id))
