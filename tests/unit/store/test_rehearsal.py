"""Work on a large load balancer, on SQLite: before the writer's turn as far as it goes, and right all the same."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from sqlalchemy import Engine, event
from tests.contract.samples import a_network, a_port, a_tree, moment, retouched
from tests.fakes.hints import NotedHints
from tests.own_thread import of_this_thread
from tests.waiting import NET

from evenload.interfaces.store import Transaction
from evenload.model import status
from evenload.model.desired import Health
from evenload.model.enums import OperatingStatus
from evenload.model.errors import Conflict
from evenload.model.tree import Tree
from evenload.store import rehearsal
from evenload.store.transaction import SqlTransaction
from evenload.store.unit_of_work import SqlUnitOfWork

MANY = 600


def stored(store: SqlUnitOfWork, tree: Tree) -> Tree:
    with store.read() as transaction:
        found = transaction.tree(tree.id)
    assert found is not None
    return found


def made(store: SqlUnitOfWork, members: int = MANY) -> Tree:
    tree = a_tree(members=members)
    store.write(lambda transaction: transaction.insert_tree(tree))
    return tree


def beside(act: Callable[[], object]) -> None:
    """In a thread of its own, to its end."""
    thread = threading.Thread(target=act, daemon=True)
    thread.start()
    thread.join(NET)
    assert not thread.is_alive(), "it waited for the other's work"


# --------------------------------------------------------------------------------------------------- what a turn costs


@dataclass
class Turns:
    """Of each writer's turn the statements, with the number of parameter rows of each."""

    all: list[list[tuple[str, int]]] = field(default_factory=list)
    _open: bool = False

    def listen(self, engine: Engine) -> None:
        def note(_connection: object, _cursor: object, statement: str, parameters: Any, _context: object, many: bool):  # type: ignore[no-untyped-def]
            if statement == "BEGIN IMMEDIATE":
                self.all.append([])
                self._open = True
            elif self._open:
                self.all[-1].append((" ".join(statement.split()), len(parameters) if many else 1))

        def end(_connection: object) -> None:
            self._open = False

        event.listen(engine, "before_cursor_execute", of_this_thread(note))
        event.listen(engine, "commit", of_this_thread(end))
        event.listen(engine, "rollback", of_this_thread(end))


Change = Callable[[Tree], Tree | None]


def health_of_all(tree: Tree) -> Tree:
    return status.with_verdicts(
        tree,
        Health(
            load_balancer_id=tree.id,
            epoch="e",
            statuses=dict.fromkeys(tree.members, OperatingStatus.ERROR),
            statistics={},
        ),
    )


def weight_of_one(tree: Tree) -> Tree:
    member = next(iter(tree.members.values()))
    return status.advance(tree.with_record(retouched(member, weight=200)), changed=[member.id], now=moment(9))


CHANGES: dict[str, tuple[Change, int]] = {
    "name": (lambda tree: status.advance(tree, changed=[tree.id], now=moment(9)), 2),
    "weight of one": (weight_of_one, 5),
    "status of all": (lambda tree: status.advance(tree, changed=[*tree.members, *tree.listeners], now=moment(9)), 8),
    "health of all": (health_of_all, 3),
    "deletion of all": (lambda tree: status.removed(tree, tree.id, now=moment(9)), 8),
    "members gone": (lambda tree: tree.without(*tree.members), 3),
    "removal": (lambda _: None, 7),
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_turns_of_a_large_load_balancer_are_as_short_as_those_of_a_small_one(
    store: SqlUnitOfWork, engine: Engine, change: str
) -> None:
    turns = Turns()
    turns.listen(engine)
    change_of, most = CHANGES[change]
    costs = []
    for members in (MANY, 2 * MANY):
        tree = made(store, members)

        def work(transaction: Transaction, tree: Tree = tree) -> None:
            before = transaction.tree(tree.id)
            assert before is not None
            after = change_of(before)
            if after is None:
                transaction.remove_tree(before)
            else:
                transaction.update_tree(before, after)

        turns.all.clear()
        store.write(work)
        assert len(turns.all) == 2, "one that finds the load balancer too large, one that writes"
        assert sum(rows for _, rows in turns.all[0]) <= 6
        costs.append(turns.all[1])
        wanted = change_of(tree)
        with store.read() as transaction:
            assert transaction.tree(tree.id) == wanted
    assert costs[0] == costs[1], "statements, and rows of parameters"
    assert sum(rows for _, rows in costs[0]) <= most, costs[0]


@pytest.mark.parametrize("grown", [False, True])
@pytest.mark.parametrize("members", [MANY, MANY + 1, MANY + 99])
def test_a_large_load_balancer_is_made_ready_before_the_turn(
    store: SqlUnitOfWork, engine: Engine, members: int, grown: bool
) -> None:
    """At once, or by members that are added to a small one: nothing is encoded while others wait, and the rows come in
    few statements, in their order."""
    tree = a_tree(members=members)
    small = tree.without(*tree.members)
    if grown:
        store.write(lambda transaction: transaction.insert_tree(small))
    turns = Turns()
    turns.listen(engine)
    in_turn: list[bool] = []

    def work(transaction: Transaction) -> None:
        in_turn.append(isinstance(transaction, SqlTransaction))
        before = transaction.tree(tree.id)
        if before is None:
            transaction.insert_tree(tree)
        else:
            transaction.update_tree(before, tree)

    store.write(work)
    assert in_turn == [True, False]
    too_large, writing = turns.all
    assert not any(statement.startswith("INSERT") for statement, _ in too_large)
    assert sum(rows for statement, rows in writing if statement.startswith("INSERT INTO members")) <= 7
    found = stored(store, tree)
    assert found == tree
    assert list(found.members) == list(tree.members)


def test_no_other_writer_waits_for_the_work_on_a_large_load_balancer(store: SqlUnitOfWork) -> None:
    large, small = made(store), made(store, 1)

    def rename_small() -> None:
        store.write(lambda transaction: transaction.update_tree(small, renamed(small, "small")))

    def work(transaction: Transaction) -> None:
        before = transaction.tree(large.id)
        assert before is not None
        if stored(store, small).load_balancer.name != "small":
            beside(rename_small)
        transaction.update_tree(before, renamed(before, "large"))

    store.write(work)
    assert stored(store, large).load_balancer.name == "large"
    assert stored(store, small).load_balancer.name == "small"


def test_several_load_balancers_count_together(store: SqlUnitOfWork) -> None:
    """As many as one turn may read are written without a rehearsal, more are rehearsed."""
    trees = [made(store, 80) for _ in range(3)]
    for number, rehearsed in ((2, False), (3, True)):
        tried: list[bool] = []

        def work(transaction: Transaction, number: int = number, tried: list[bool] = tried) -> None:
            befores = [transaction.tree(tree.id) for tree in trees[:number]]
            tried.append(not isinstance(transaction, SqlTransaction))
            for before in filter(None, befores):
                transaction.update_tree(before, renamed(before, f"one of {number}"))

        store.write(work)
        assert tried == [rehearsed]
        assert {stored(store, tree).load_balancer.name for tree in trees[:number]} == {f"one of {number}"}


# ------------------------------------------------------------------------------------------------- others in between


def renamed(tree: Tree, name: str) -> Tree:
    return replace(tree, load_balancer=replace(tree.load_balancer, name=name))


@pytest.mark.parametrize("times", [1, 4, 6])
def test_what_others_change_between_rehearsal_and_turn_is_kept(
    store: SqlUnitOfWork, engine: Engine, times: int
) -> None:
    """Each rehearsal is overtaken by another process's change of one member. Where that goes on, the work is done in
    the turn."""
    tree = made(store)
    other_process = SqlUnitOfWork(engine, NotedHints())
    members = list(tree.members.values())
    overtaken: list[str] = []

    def overtake(number: int) -> None:
        def work(transaction: Transaction) -> None:
            before = transaction.tree(tree.id)
            assert before is not None
            transaction.update_tree(before, before.with_record(retouched(members[number], port=9)))

        other_process.write(work)
        overtaken.append(members[number].id)

    in_turn: list[bool] = []

    def work(transaction: Transaction) -> None:
        before = transaction.tree(tree.id)
        assert before is not None
        in_turn.append(isinstance(transaction, SqlTransaction))
        if not in_turn[-1] and len(overtaken) < times:
            beside(lambda: overtake(len(overtaken)))
        transaction.update_tree(before, renamed(before, "mine"))

    store.write(work)
    assert in_turn == ([False] * (times + 1) if times < 4 else [False] * 4 + [True])
    found = stored(store, tree)
    assert found.load_balancer.name == "mine"
    assert [key for key, record in found.members.items() if record.item.port == 9] == overtaken
    assert len(overtaken) == min(times, 4)


def test_two_who_work_on_a_large_load_balancer_do_not_overtake_each_other(store: SqlUnitOfWork) -> None:
    """The second begins in the middle of the first one's rehearsal, and reads what the first has made of it."""
    tree = made(store)
    begun = threading.Event()
    seen: list[list[str]] = [[], []]

    def work(number: int, meanwhile: Callable[[], object]) -> Callable[[Transaction], None]:
        def run(transaction: Transaction) -> None:
            begun.set()
            before = transaction.tree(tree.id)
            assert before is not None
            seen[number].append(before.load_balancer.name)
            meanwhile()
            transaction.update_tree(before, renamed(before, f"{before.load_balancer.name} {number}"))

        return run

    second = threading.Thread(target=lambda: store.write(work(1, bool)), daemon=True)

    def let_the_second_begin() -> None:
        if not second.is_alive():
            begun.clear()
            second.start()
            assert begun.wait(NET)

    store.write(work(0, let_the_second_begin))
    second.join(NET)
    assert not second.is_alive()
    assert seen == [[""], [" 0"]]
    assert stored(store, tree).load_balancer.name == " 0 1"


def test_who_waits_too_long_for_others_works_beside_them(engine: Engine) -> None:
    store = SqlUnitOfWork(engine, NotedHints(), busy_timeout=0.05)
    tree = made(store)

    def rename(name: str, meanwhile: Callable[[], object] = bool) -> None:
        def work(transaction: Transaction) -> None:
            before = transaction.tree(tree.id)
            assert before is not None
            if not before.load_balancer.name:
                meanwhile()
            transaction.update_tree(before, renamed(before, f"{before.load_balancer.name} {name}"))

        store.write(work)

    rename("slow", lambda: beside(lambda: rename("impatient")))
    assert stored(store, tree).load_balancer.name == " impatient slow"


def test_what_was_read_beside_trees_is_compared(store: SqlUnitOfWork) -> None:
    tree = made(store)
    store.write(lambda transaction: transaction.insert_agent("a", moment(1)))
    seen: list[int] = []

    def work(transaction: Transaction) -> int:
        before = transaction.tree(tree.id)
        assert before is not None
        seen.append(len(transaction.agents()))
        if len(seen) == 1:
            beside(lambda: store.write(lambda other: other.insert_agent("b", moment(2))))
        transaction.update_tree(before, renamed(before, f"{seen[-1]} agents"))
        return seen[-1]

    assert store.write(work) == 2
    assert seen == [1, 2]
    assert stored(store, tree).load_balancer.name == "2 agents"


def test_a_load_balancer_that_has_gone_meanwhile_is_not_written(store: SqlUnitOfWork) -> None:
    tree = made(store)
    found: list[bool] = []

    def work(transaction: Transaction) -> None:
        before = transaction.tree(tree.id)
        found.append(before is not None)
        if before is not None:
            beside(lambda: store.write(lambda other: other.remove_tree(tree)))
            transaction.update_tree(before, renamed(before, "late"))

    store.write(work)
    assert found == [True, False]


def test_an_exception_of_the_work_writes_nothing_and_nobody_is_told(store: SqlUnitOfWork, hints: NotedHints) -> None:
    tree = made(store)
    hints.sent.clear()

    def work(transaction: Transaction) -> None:
        before = transaction.tree(tree.id)
        assert before is not None
        transaction.update_tree(before, status.advance(before, changed=[tree.id], now=moment(9)))
        raise Conflict("no")

    with pytest.raises(Conflict):
        store.write(work)
    assert stored(store, tree) == tree
    assert hints.sent == []


def test_agents_are_told_once_however_often_the_work_was_run(store: SqlUnitOfWork, hints: NotedHints) -> None:
    tree = made(store)
    hints.sent.clear()

    def work(transaction: Transaction) -> None:
        before = transaction.tree(tree.id)
        assert before is not None
        transaction.update_tree(before, status.advance(before, changed=[tree.id], now=moment(9)))

    store.write(work)
    assert hints.sent == [("host-1", tree.id, tree.generation + 1)]


# ------------------------------------------------------------------------------------- what only shows in the turn


def test_work_that_needs_an_answer_of_what_it_writes_is_done_in_the_turn(store: SqlUnitOfWork) -> None:
    tree = made(store)

    def work(transaction: Transaction) -> bool:
        before = transaction.tree(tree.id)
        assert before is not None
        transaction.update_tree(before, renamed(before, "x"))
        after = transaction.tree(tree.id)
        assert after is not None
        return after.load_balancer.name == "x" and not transaction.agent_seen("nobody", moment(3))

    assert store.write(work)


def test_work_hears_what_the_database_refuses(store: SqlUnitOfWork) -> None:
    tree, network = made(store), a_network()
    first, second = a_port(network, number=1), a_port(network, number=2)

    @store.write
    def _(transaction: Transaction) -> None:
        transaction.insert_network(network)
        transaction.insert_port(first)
        transaction.insert_port(second)

    def work(transaction: Transaction) -> str:
        before = transaction.tree(tree.id)
        assert before is not None
        try:
            transaction.update_port(replace(second, mac_address=first.mac_address))
        except Conflict:
            transaction.update_tree(before, renamed(before, "refused"))
            return "refused"
        return "written"

    assert store.write(work) == "refused"
    assert stored(store, tree).load_balancer.name == "refused"


def test_a_writing_transaction_inside_a_rehearsal_is_refused(store: SqlUnitOfWork) -> None:
    tree = made(store)

    def work(transaction: Transaction) -> None:
        transaction.tree(tree.id)
        store.write(lambda other: other.remove_tree(tree))

    with pytest.raises(RuntimeError, match="inside a writing transaction"):
        store.write(work)
    assert stored(store, tree) == tree


def test_what_a_rehearsal_repeats_is_what_transactions_can_do() -> None:
    """A method that is named nowhere is not repeated: work that calls it is done in the turn."""
    methods = {name for name in dir(Transaction) if not name.startswith("_")}
    named = rehearsal._COMPARED | rehearsal._DEFERRED | rehearsal._LOCKS
    own = {"tree", "counts", "insert_tree", "update_tree", "remove_tree", "save_counts"}
    assert named <= methods
    assert own <= methods
    assert methods - named - own == {
        "agent_seen",
        "count_statuses",
        "events",
        "insert_agent",
        "insert_network",
        "insert_subnet",
        "names",
        "placements",
        "placements_of",
        "remove_events",
        "remove_network",
        "remove_quotas",
        "remove_subnet",
        "remove_tombstones_before",
        "save_quotas",
        "update_agent",
        "with_tls",
    }
