"""VIP ports that are nowhere."""

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.fakes.memory_store import MemoryStore

from evenload.interfaces.ports import VipPort, VipRequest
from evenload.interfaces.store import Transaction
from evenload.model.errors import Invalid
from evenload.model.held_port import HeldPort, PortState
from evenload.ports.noop import NoopPorts

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


def held(load_balancer_id: str = "lb", **more: Any) -> HeldPort:
    return HeldPort(id=f"held {load_balancer_id}", load_balancer_id=load_balancer_id, since=MOMENT, **more)


def reserve(load_balancer_id: str = "lb", **request: Any) -> VipPort:
    return NoopPorts().reserve_vip_port(held(load_balancer_id), "project", VipRequest(**request))


def test_what_was_said_holds_and_the_rest_is_the_same_each_time() -> None:
    more = (("six", "2001:DB8::5", None), ("four", None, None))
    port = reserve(network_id="net", subnet_id="sub", address="192.0.2.7", additional=more)
    assert (port.network_id, port.own_port) == ("net", True)
    assert [(vip.address, vip.subnet_id) for vip in port.vips[:2]] == [("192.0.2.7", "sub"), ("2001:db8::5", "six")]
    assert port.vips[2].address.startswith(("198.18.", "198.19."))
    assert port == reserve(network_id="net", subnet_id="sub", address="192.0.2.7", additional=more)
    assert reserve(subnet_id="sub").network_id == reserve("other", subnet_id="sub").network_id
    assert reserve(subnet_id="sub").vips != reserve("other", subnet_id="sub").vips
    given = reserve(port_id="port")
    assert (given.port_id, given.own_port) == ("port", False)


def test_no_address_no_port() -> None:
    with pytest.raises(Invalid):
        reserve(address="nonsense")


def test_a_port_that_was_named_is_had_by_one_load_balancer() -> None:
    store, ports, request = MemoryStore(), NoopPorts(), VipRequest(port_id="port")

    def take(transaction: Transaction) -> None:
        own = held(given_port_id="port", state=PortState.USED)
        port = ports.reserve(transaction, own, "project", request)
        transaction.insert_held_port(held(given_port_id="port", state=PortState.USED, described=port.described))

    store.write(take)
    with pytest.raises(Invalid, match="already used"):
        store.write(lambda transaction: ports.reserve(transaction, held("other"), "project", request))
