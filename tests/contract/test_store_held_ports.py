"""VIP ports as they are held at the port provider: what every store promises about their rows."""

from dataclasses import replace

import pytest
from tests.contract.samples import START, a_described_port, a_held_port, moment

from evenload.interfaces.store import UnitOfWork
from evenload.model.errors import Overtaken
from evenload.model.held_port import HeldPort, PortState


def stored(store: UnitOfWork, held: HeldPort) -> HeldPort | None:
    with store.read() as transaction:
        return transaction.held_port(held.id)


def test_what_was_written_is_read(store: UnitOfWork) -> None:
    held = a_held_port()
    store.write(lambda transaction: transaction.insert_held_port(held))
    assert stored(store, held) == held
    given = a_described_port()
    used = replace(
        held, given_port_id=given.id, state=PortState.BINDING, since=moment(5), host="host-1", described=given
    )
    store.write(lambda transaction: transaction.update_held_port(used))
    assert stored(store, held) == used
    with store.read() as transaction:
        assert transaction.held_port_at(given.id) == used
        assert transaction.held_port_at("another") is None
        assert transaction.held_port("another") is None
    for _ in range(2):
        store.write(lambda transaction: transaction.remove_held_port(held.id))
    assert stored(store, held) is None


def test_a_port_is_held_once(store: UnitOfWork) -> None:
    """Of reservations that have no port yet there may be many."""
    described = a_described_port()
    first, second = a_held_port(described=described), a_held_port()
    for held in (first, second, a_held_port()):
        store.write(lambda transaction, held=held: transaction.insert_held_port(held))  # type: ignore[misc]
    with pytest.raises(Overtaken):
        store.write(lambda transaction: transaction.update_held_port(replace(second, described=described)))
    with pytest.raises(Overtaken):
        store.write(lambda transaction: transaction.insert_held_port(a_held_port(described=described)))
    assert stored(store, second) == second


def test_one_that_is_gone_is_not_written_again(store: UnitOfWork) -> None:
    with pytest.raises(Overtaken):
        store.write(lambda transaction: transaction.update_held_port(a_held_port()))


def test_what_is_due(store: UnitOfWork) -> None:
    """The oldest first. A reservation only when it is too old."""
    made = {
        state: a_held_port(state=state, since=moment(number))
        for number, state in enumerate((PortState.RELEASING, PortState.BINDING, PortState.USED, PortState.RESERVED))
    }
    for held in made.values():
        store.write(lambda transaction, held=held: transaction.insert_held_port(held))  # type: ignore[misc]
    with store.read() as transaction:
        due = [made[PortState.RELEASING], made[PortState.BINDING]]
        assert transaction.held_ports_due(START) == due
        assert transaction.held_ports_due(moment(3)) == due
        assert transaction.held_ports_due(moment(4)) == [*due, made[PortState.RESERVED]]
