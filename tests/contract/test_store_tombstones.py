"""What agents that were away have yet to remove: what every store promises about their rows."""

from tests.contract.samples import START, moment

from evenload.interfaces.store import UnitOfWork


def test_tombstones(store: UnitOfWork) -> None:
    def generations() -> list[int | None]:
        with store.read() as transaction:
            return [transaction.tombstone(*key) for key in (("a", "one"), ("a", "two"), ("b", "one"), ("b", "two"))]

    assert generations() == [None] * 4
    for generation in (3, 4):
        store.write(lambda transaction, to=generation: transaction.save_tombstone("a", "one", to, START))  # type: ignore[misc]
    store.write(lambda transaction: transaction.save_tombstone("b", "one", 5, moment(1)))
    store.write(lambda transaction: transaction.save_tombstone("b", "two", 2, START))
    assert generations() == [4, None, 5, 2]
    store.write(lambda transaction: transaction.rename_tombstones("one", "two"))
    assert generations() == [None, 4, None, 5]
    with store.read() as transaction:
        assert not transaction.has_tombstones_before(START)
        assert transaction.has_tombstones_before(moment(1))
    store.write(lambda transaction: transaction.remove_tombstones_before(moment(1)))
    assert generations() == [None, None, None, 5]
    for _ in range(2):
        store.write(lambda transaction: transaction.remove_tombstone("b", "two"))
    assert generations() == [None] * 4
