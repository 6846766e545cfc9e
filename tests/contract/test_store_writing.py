"""What every UnitOfWork promises about writing: work that is run again, insertions that are none, hints afterwards."""

import uuid
from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.contract.samples import a_network, a_port, a_subnet, a_tree, moment, new_id, retouched
from tests.contract.test_store_lbaas_v1 import a_template, alone
from tests.fakes.hints import NotedHints

from evenload.interfaces.store import Transaction, UnitOfWork
from evenload.model.errors import Overtaken, StoreUnavailable
from evenload.model.placement import Placement, Role, alone_on
from evenload.model.snapshot import Snapshot


def test_what_the_work_returns_is_the_answer(store: UnitOfWork) -> None:
    assert store.write(lambda _: 7) == 7


def test_a_database_has_a_name_of_its_own(store: UnitOfWork) -> None:
    first = store.identity()
    assert str(uuid.UUID(first)) == first
    store.write(lambda transaction: transaction.insert_agent("a", moment(0)))
    assert store.identity() == first


def test_overtaken_work_is_run_again_from_the_beginning(store: UnitOfWork) -> None:
    tries = []

    def work(transaction: Transaction) -> str:
        tries.append(len(transaction.networks()))
        transaction.insert_network(a_network())
        if len(tries) == 1:
            raise Overtaken("somebody was quicker")
        return "done"

    assert store.write(work) == "done"
    assert tries == [0, 0], "the first attempt left nothing"
    with store.read() as transaction:
        assert len(transaction.networks()) == 1


def test_work_that_is_always_overtaken_ends(store: UnitOfWork, hints: NotedHints) -> None:
    tries = []

    def work(transaction: Transaction) -> None:
        tries.append(1)
        transaction.insert_tree(a_tree())
        raise Overtaken("somebody was quicker")

    with pytest.raises(StoreUnavailable, match="quicker"):
        store.write(work)
    assert 2 <= len(tries) <= 20, "twice for each try, where it is found to be too large for a turn"
    assert hints.sent == []


NETWORK = a_network()
TREE = a_tree()
UPDATES: dict[str, Callable[[Transaction], None]] = {
    "tree": lambda transaction: transaction.update_tree(TREE, replace(TREE, generation=99)),
    "a tree's member": lambda transaction: transaction.update_tree(
        TREE, TREE.with_record(retouched(next(iter(TREE.members.values())), weight=9))
    ),
    "a tree to be removed": lambda transaction: transaction.remove_tree(TREE),
    "network": lambda transaction: transaction.update_network(NETWORK),
    "subnet": lambda transaction: transaction.update_subnet(a_subnet(NETWORK)),
    "port": lambda transaction: transaction.update_port(a_port(NETWORK)),
    "template": lambda transaction: transaction.update_template(a_template()),
    "agent": lambda transaction: transaction.update_agent("nobody", admin_state_up=True, description=""),
}


@pytest.mark.parametrize("update", UPDATES.values(), ids=UPDATES)
def test_a_change_brings_nothing_back_that_is_gone(store: UnitOfWork, update: Callable[[Transaction], None]) -> None:
    store.write(lambda transaction: transaction.insert_network(NETWORK) if update is not UPDATES["network"] else None)
    with pytest.raises(Overtaken):
        store.write(update)
    with store.read() as transaction:
        assert transaction.tree(TREE.id) is None
        assert (transaction.subnets(), transaction.ports(), transaction.agents()) == ([], [], [])
        assert transaction.templates() == []
        assert len(transaction.networks()) == (update is not UPDATES["network"])


def test_an_agent_that_is_gone_is_not_heard(store: UnitOfWork) -> None:
    assert store.write(lambda transaction: transaction.agent_seen("a", moment(0))) is False
    store.write(lambda transaction: transaction.insert_agent("a", moment(0)))
    assert store.write(lambda transaction: transaction.agent_seen("a", moment(1))) is True


INSERTIONS: dict[str, Callable[[Transaction], None]] = {
    "tree": lambda transaction: transaction.insert_tree(TREE),
    "template": lambda transaction: transaction.insert_template(a_template(id="00000000-0000-4000-8000-000000000001")),
    "agent": lambda transaction: transaction.insert_agent("a", moment(0)),
}
ORPHANS: dict[str, Callable[[Transaction], None]] = {
    "a subnet of no network": lambda transaction: transaction.insert_subnet(a_subnet(a_network())),
    "a port of no network": lambda transaction: transaction.insert_port(a_port(a_network())),
}


@pytest.mark.parametrize("insertion", INSERTIONS.values(), ids=INSERTIONS)
def test_what_is_there_is_not_inserted_again(store: UnitOfWork, insertion: Callable[[Transaction], None]) -> None:
    store.write(insertion)
    with pytest.raises(Overtaken):
        store.write(insertion)


@pytest.mark.parametrize("insertion", ORPHANS.values(), ids=ORPHANS)
def test_nothing_is_put_where_the_network_is_gone(store: UnitOfWork, insertion: Callable[[Transaction], None]) -> None:
    with pytest.raises(Overtaken):
        store.write(insertion)


# ------------------------------------------------------------------------------------------------------------- hints


def test_agents_are_told_after_the_commit(store: UnitOfWork, hints: NotedHints) -> None:
    tree, other = a_tree(agent="a"), a_tree(agent="b")

    def work(transaction: Transaction) -> None:
        transaction.insert_tree(tree)
        transaction.insert_tree(other)
        assert hints.sent == []

    store.write(work)
    assert hints.sent == [("a", tree.id, 7), ("b", other.id, 7)]


def test_an_agent_that_asks_at_once_sees_the_change(store: UnitOfWork, hints: NotedHints) -> None:
    """The hint comes when others can read what was written, and when they can write themselves."""
    tree = a_tree()
    found: list[object] = []

    class Quick(NotedHints):
        def hint(self, agent: str, load_balancer_id: str, generation: int, snapshot: Snapshot | None = None) -> None:
            with store.read() as transaction:
                found.append(transaction.tree(load_balancer_id))
            store.write(lambda transaction: transaction.insert_agent(agent, moment(0)))

    store._bus = Quick()  # type: ignore[attr-defined]
    store.write(lambda transaction: transaction.insert_tree(tree))
    assert found == [tree]


def test_only_what_concerns_an_agent_is_told(store: UnitOfWork, hints: NotedHints) -> None:
    tree = a_tree(agent="a")
    held = alone(a_tree())
    store.write(lambda transaction: transaction.insert_tree(tree))
    store.write(lambda transaction: transaction.insert_tree(held))
    hints.sent.clear()
    applied = replace(tree, placements=alone_on("a", 7))
    store.write(lambda transaction: transaction.update_tree(tree, applied))
    store.write(lambda transaction: transaction.update_tree(held, replace(held, generation=9)))
    assert hints.sent == [], "a report is no news for an agent, and what stands alone is on no host"
    changed = replace(applied, generation=8)
    store.write(lambda transaction: transaction.update_tree(applied, changed))
    assert hints.sent == [("a", tree.id, 8)]
    hints.sent.clear()
    store.write(lambda transaction: transaction.update_tree(changed, replace(changed, placements=alone_on("b"))))
    assert sorted(hints.sent) == [("a", tree.id, 8), ("b", tree.id, 8)], "who has it and who had it"
    hints.sent.clear()
    store.write(lambda transaction: transaction.remove_tree(changed))
    assert hints.sent == []


def test_nothing_is_told_of_what_was_undone(store: UnitOfWork, hints: NotedHints) -> None:
    def work(transaction: Transaction) -> None:
        transaction.insert_tree(a_tree())
        raise LookupError

    with pytest.raises(LookupError):
        store.write(work)
    assert hints.sent == []
    assert store.write(lambda _: new_id())


def test_every_placement_is_kept_found_and_told(store: UnitOfWork, hints: NotedHints) -> None:
    pair = (Placement("b", Role.MASTER, 6), Placement("a", Role.BACKUP, 5))
    tree = replace(a_tree(), placements=pair)
    store.write(lambda transaction: transaction.insert_tree(tree))
    assert hints.sent == [("b", tree.id, 7), ("a", tree.id, 7)]
    with store.read() as transaction:
        assert transaction.tree(tree.id) == tree
        assert transaction.assignments("a") == transaction.assignments("b") == {tree.id: 7}
        assert transaction.bound_to("a") == [tree.id]
    hints.sent.clear()
    changed = replace(tree, placements=(Placement("c", Role.MASTER), Placement("a", Role.BACKUP, 7)))
    store.write(lambda transaction: transaction.update_tree(tree, changed))
    assert hints.sent == [(agent, tree.id, 7) for agent in ("c", "a", "b")]
    with store.read() as transaction:
        assert transaction.tree(tree.id) == changed
        assert transaction.bound_to("b") == []
    store.write(lambda transaction: transaction.remove_tree(changed))
    with store.read() as transaction:
        assert transaction.bound_to("a") == transaction.bound_to("c") == []
