"""What every UnitOfWork promises about transactions, trees, statistics and agents."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.contract.samples import a_count, a_network, a_record, a_tree, moment, new_id, retouched
from tests.fakes.tls import a_certificate, a_tls, some_authorities, some_revocations

from evenload.interfaces.store import AgentRecord, Transaction, UnitOfWork
from evenload.model.enums import Kind, OperatingStatus, ProvisioningStatus
from evenload.model.placement import alone_on
from evenload.model.tls import AlpnProtocol, ClientAuthentication, PoolTls, TlsVersion
from evenload.model.tree import Tree, kind_of


def put(store: UnitOfWork, *trees: Tree) -> None:

    @store.write
    def _(transaction: Transaction) -> None:
        for tree in trees:
            transaction.insert_tree(tree)


def get(store: UnitOfWork, tree: Tree) -> Tree | None:
    with store.read() as transaction:
        return transaction.tree(tree.id)


def test_a_tree_comes_back_as_it_was_saved_in_the_same_order(store: UnitOfWork) -> None:
    tree = a_tree(members=40, ports=(443, 80, 8080), tags=("z", "a"), name="Größe ✓")
    put(store, a_tree(address="10.0.0.6"), tree, a_tree(address="10.0.0.7"))
    found = get(store, tree)
    assert found == tree
    assert found is not None
    assert list(found.listeners) == list(tree.listeners)
    assert list(found.members) == list(tree.members)


def test_an_unknown_tree_is_none(store: UnitOfWork) -> None:
    with store.read() as transaction:
        assert transaction.tree(new_id()) is None


def test_times_come_back_with_their_zone(store: UnitOfWork) -> None:
    tree = a_tree(created_at=moment(0.5), updated_at=moment(1.25))
    put(store, tree)
    found = get(store, tree)
    assert found is not None
    assert found.load_balancer.created_at == moment(0.5)
    assert found.load_balancer.created_at.utcoffset() is not None
    assert found.load_balancer.updated_at == moment(1.25)


def test_changes_of_every_kind_are_saved_in_one_go(store: UnitOfWork) -> None:
    before = a_tree(members=3)
    put(store, before)
    listener = next(iter(before.listeners.values()))
    first, second, third = before.members.values()
    extra = a_record(replace(second.item, id=new_id(), port=99), tags=("new",))
    after = (
        replace(before, generation=8, placements=alone_on("host-2", 7))
        .with_record(replace(before.load_balancer, name="renamed", generation=8, updated_at=moment(1)))
        .with_record(retouched(listener, insert_headers=(), default_pool_id=None))
        .with_record(replace(retouched(first, weight=77), operating_status=OperatingStatus.ERROR, fault="it broke"))
        .with_record(replace(third, deleting=True, provisioning_status=ProvisioningStatus.PENDING_DELETE))
        .with_record(extra)
        .without(second.id)
        .without(next(iter(before.monitors)))
    )

    @store.write
    def _(transaction: Transaction) -> None:
        transaction.update_tree(before, after)

    found = get(store, before)
    assert found == after
    assert found is not None
    assert list(found.members) == [first.id, third.id, extra.id]


def test_numbers_of_the_tree_alone_are_saved(store: UnitOfWork) -> None:
    before = a_tree()
    put(store, before)
    after = replace(before, generation=before.generation + 1)

    @store.write
    def _(transaction: Transaction) -> None:
        transaction.update_tree(before, after)

    assert get(store, before) == after


def test_a_pool_without_persistence_and_a_monitor_without_http_are_saved(store: UnitOfWork) -> None:
    before = a_tree()
    put(store, before)
    pool, monitor = next(iter(before.pools.values())), next(iter(before.monitors.values()))
    after = before.with_record(retouched(pool, session_persistence=None)).with_record(retouched(monitor, http=None))

    @store.write
    def _(transaction: Transaction) -> None:
        transaction.update_tree(before, after)

    assert get(store, before) == after


def test_tls_is_saved_and_taken_away(store: UnitOfWork) -> None:
    plain = a_tree()
    listener, pool = next(iter(plain.listeners.values())), next(iter(plain.pools.values()))
    of_listener = a_tls(
        sni=(a_certificate("sni"),),
        client_authentication=ClientAuthentication.OPTIONAL,
        client_authorities=some_authorities(),
        client_revocations=some_revocations(),
    )
    of_pool = PoolTls(
        certificate=a_certificate("client"),
        authorities=some_authorities(),
        revocations=some_revocations(),
        versions=(TlsVersion.TLS_1_3,),
        alpn=(AlpnProtocol.HTTP_2,),
    )
    secure = plain.with_record(retouched(listener, tls=of_listener)).with_record(retouched(pool, tls=of_pool))
    put(store, plain)
    for before, after in ((plain, secure), (secure, plain)):

        @store.write
        def _(transaction: Transaction, before: Tree = before, after: Tree = after) -> None:
            transaction.update_tree(before, after)

        assert get(store, plain) == after


def test_a_pool_leaves_with_its_members_and_its_listener_stays(store: UnitOfWork) -> None:
    before = a_tree()
    put(store, before)
    pool, listener = next(iter(before.pools)), next(iter(before.listeners.values()))
    after = before.with_record(retouched(listener, default_pool_id=None)).without(pool)
    for identifier in [*before.members, *before.monitors]:
        after = after.without(identifier)

    @store.write
    def _(transaction: Transaction) -> None:
        transaction.update_tree(before, after)

    assert get(store, before) == after


def test_a_removed_tree_leaves_nothing(store: UnitOfWork) -> None:
    tree, other = a_tree(tags=("t",)), a_tree(address="10.0.0.6")
    put(store, tree, other)

    @store.write
    def _(transaction: Transaction) -> None:
        transaction.save_counts(tree.id, {key: (a_count(bytes_in=1),) for key in tree.listeners})
        transaction.remove_tree(tree)

    with store.read() as transaction:
        assert transaction.tree(tree.id) is None
        assert transaction.counts(tree.id) == {}
        for record in tree.records():
            assert transaction.owner_of(kind_of(record.item), record.id) is None
            assert transaction.view(kind_of(record.item), record.id) is None
        assert transaction.tree(other.id) == other


def test_every_object_knows_its_owner(store: UnitOfWork) -> None:
    tree = a_tree()
    put(store, a_tree(address="10.0.0.6"), tree)
    with store.read() as transaction:
        for record in tree.records():
            assert transaction.owner_of(kind_of(record.item), record.id) == tree.id
        assert transaction.owner_of(Kind.LISTENER, next(iter(tree.pools))) is None


def test_an_exception_undoes_everything(store: UnitOfWork) -> None:
    before = a_tree()
    put(store, before)

    def work(transaction: Transaction) -> None:
        transaction.update_tree(before, replace(before, generation=99))
        transaction.insert_agent("host-1", moment(0))
        transaction.insert_network(a_network())
        raise LookupError

    with pytest.raises(LookupError):
        store.write(work)
    with store.read() as transaction:
        assert transaction.tree(before.id) == before
        assert transaction.agents() == []
        assert transaction.networks() == []


def test_a_transaction_sees_what_it_wrote(store: UnitOfWork) -> None:
    tree = a_tree()

    @store.write
    def _(transaction: Transaction) -> None:
        transaction.insert_tree(tree)
        assert transaction.tree(tree.id) == tree


def test_a_reader_keeps_its_snapshot_while_others_write(store: UnitOfWork) -> None:
    before = a_tree()
    put(store, before)
    with store.read() as reader:
        assert reader.tree(before.id) == before

        @store.write
        def _(writer: Transaction) -> None:
            writer.remove_tree(before)

        assert reader.tree(before.id) == before
        assert reader.owner_of(Kind.POOL, next(iter(before.pools))) == before.id
    assert get(store, before) is None


def test_reading_transactions_refuse_to_write(store: UnitOfWork) -> None:
    with store.read() as transaction:
        writes: list[Callable[[], object]] = [
            lambda: transaction.insert_tree(a_tree()),
            lambda: transaction.save_counts(new_id(), {}),
            lambda: transaction.agent_seen("host-1", moment(0)),
            lambda: transaction.insert_network(a_network()),
            lambda: transaction.remove_network(new_id()),
            lambda: transaction.remove_subnet(new_id()),
            lambda: transaction.remove_port(new_id()),
        ]
        for write in writes:
            with pytest.raises(RuntimeError, match="reading only"):
                write()


def test_a_writer_inside_a_writer_is_told_so(store: UnitOfWork) -> None:
    with pytest.raises(RuntimeError, match="wait for itself"):
        store.write(lambda _: store.write(lambda _: None))
    put(store, a_tree())  # the lock is free again


def test_counts_are_kept_for_the_listeners_there_are(store: UnitOfWork) -> None:
    tree = a_tree(ports=(80, 443))
    put(store, tree)
    first, second = tree.listeners
    big = a_count(bytes_in=2**40, bytes_out=2**41, active_connections=3, total_connections=2**33, request_errors=5)
    late = a_count(epoch="e2", place=2)

    @store.write
    def _(transaction: Transaction) -> None:
        transaction.save_counts(tree.id, {first: (a_count(bytes_in=1), late), new_id(): (a_count(bytes_in=2),)})
        transaction.save_counts(tree.id, {second: (a_count(), a_count(agent="b", place=1))})
        transaction.save_counts(tree.id, {first: (replace(big, place=2), replace(late, place=3), a_count(epoch="e"))})
        transaction.save_counts(tree.id, {first: (big, late)})

    with store.read() as transaction:
        assert transaction.counts(tree.id) == {first: (big, late), second: (a_count(), a_count(agent="b"))}

    @store.write
    def _(transaction: Transaction) -> None:
        transaction.update_tree(tree, tree.without(first))

    with store.read() as transaction:
        assert transaction.counts(tree.id) == {second: (a_count(), a_count(agent="b"))}


def test_agents_are_listed_with_their_load(store: UnitOfWork) -> None:

    @store.write
    def _(transaction: Transaction) -> None:
        transaction.insert_agent("b", moment(0))
        transaction.insert_agent("a", moment(1))
        transaction.agent_seen("b", moment(2))
        transaction.insert_tree(a_tree(agent="b"))
        transaction.insert_tree(a_tree(agent="b"))
        transaction.insert_tree(a_tree(agent="c"))

    with store.read() as transaction:
        assert transaction.agents() == [
            AgentRecord(name="a", seen_at=moment(1), load=0, created_at=moment(1), started_at=moment(1)),
            AgentRecord(name="b", seen_at=moment(2), load=2, created_at=moment(0), started_at=moment(0)),
        ]


def test_an_agent_that_is_removed_leaves_its_load_balancers(store: UnitOfWork) -> None:
    put(store, a_tree(agent="a"))

    @store.write
    def _(transaction: Transaction) -> None:
        transaction.insert_agent("a", moment(0))

    @store.write
    def _(transaction: Transaction) -> None:
        transaction.remove_agent("a")
        transaction.remove_agent("nobody")

    with store.read() as transaction:
        assert transaction.agents() == []
        assert len(transaction.assignments("a")) == 1


def test_an_agent_is_assigned_what_it_has_or_must_remove(store: UnitOfWork) -> None:
    served, leaving = a_tree(agent="a"), a_tree(agent="a", deleting=True)
    put(store, served, leaving, a_tree(agent="b"))

    @store.write
    def _(transaction: Transaction) -> None:
        transaction.update_tree(served, replace(served, generation=12))

    with store.read() as transaction:
        assert transaction.assignments("a") == {served.id: 12, leaving.id: 7}
        assert transaction.assignments("nobody") == {}


def test_load_balancers_with_tls_are_told_from_others(store: UnitOfWork) -> None:
    plain, listening, speaking = (a_tree() for _ in range(3))
    listener, pool = next(iter(listening.listeners.values())), next(iter(speaking.pools.values()))
    listening = listening.with_record(replace(listener, item=replace(listener.item, tls=a_tls())))
    speaking = speaking.with_record(replace(pool, item=replace(pool.item, tls=PoolTls())))
    both = a_tree()
    listener, pool = next(iter(both.listeners.values())), next(iter(both.pools.values()))
    both = both.with_record(replace(listener, item=replace(listener.item, tls=a_tls())))
    both = both.with_record(replace(pool, item=replace(pool.item, tls=PoolTls())))
    put(store, plain, listening, speaking, both)
    with store.read() as transaction:
        assert transaction.with_tls() == sorted([listening.id, speaking.id, both.id])


def test_pending_counts_from_the_last_change(store: UnitOfWork) -> None:
    pending = ProvisioningStatus.PENDING_UPDATE
    old = a_tree(provisioning_status=pending)
    touched = a_tree(provisioning_status=pending, updated_at=moment(100))
    settled = a_tree(updated_at=moment(1))
    child = a_tree(updated_at=moment(100))
    member = next(iter(child.members.values()))
    child = child.with_record(replace(member, provisioning_status=ProvisioningStatus.PENDING_DELETE))
    put(store, old, touched, settled, child)
    with store.read() as transaction:
        assert transaction.pending_since(moment(0)) == []
        assert transaction.pending_since(moment(50)) == sorted([old.id, child.id])
        assert transaction.pending_since(moment(101)) == sorted([old.id, child.id, touched.id])
