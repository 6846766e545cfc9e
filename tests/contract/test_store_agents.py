"""An agent's row, held by many or locked by one: what each of them reads."""

import pytest
from tests.contract.samples import a_tree, moment

from evenload.interfaces.store import UnitOfWork


@pytest.mark.parametrize("method", ["held_agent", "locked_agent"])
def test_one_agent_is_read_with_its_load(store: UnitOfWork, method: str) -> None:
    tree = a_tree(agent="one")
    store.write(lambda transaction: transaction.insert_agent("one", moment(1)))
    store.write(lambda transaction: transaction.insert_agent("two", moment(1)))
    store.write(lambda transaction: transaction.insert_tree(tree))
    found = store.write(lambda transaction: [getattr(transaction, method)(name) for name in ("one", "two", "none")])
    with store.read() as transaction:
        assert found == [*transaction.agents(), None]
    assert found[0].load == 1
