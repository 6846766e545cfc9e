"""What every UnitOfWork promises about flavors, availability zones and their profiles."""

from dataclasses import replace

import pytest
from tests.contract.samples import a_tree, new_id

from evenload.interfaces.store import Transaction, UnitOfWork
from evenload.model.balancer import LoadBalancer
from evenload.model.catalogue import Flavor, FlavorProfile, Zone, ZoneProfile
from evenload.model.enums import Kind
from evenload.model.errors import StoreUnavailable
from evenload.model.flavor import FlavorValues
from evenload.model.query import Query

PROFILE = FlavorProfile(id="profile", name="one", provider="evenload", data='{"threads": 2}')
FLAVOR = Flavor(id="flavor", name="Two", profile_id="profile", description="ü", enabled=False)
ZONE_PROFILE = ZoneProfile(id="profile", name="one", provider="octavia", data="{}")
ZONE = Zone(name="zone a", profile_id="profile")


def test_entries_are_kept_in_their_order_changed_and_removed(store: UnitOfWork) -> None:
    more = replace(FLAVOR, id="another", name="two")  # an upper case letter makes another name

    def insert(transaction: Transaction) -> None:
        for entry in (PROFILE, FLAVOR, more, ZONE_PROFILE, ZONE):
            transaction.insert_entry(entry)

    store.write(insert)
    with store.read() as transaction:
        assert transaction.entries(Flavor) == [FLAVOR, more]
        assert transaction.entries(FlavorProfile) == [PROFILE]
        assert transaction.entries(ZoneProfile) == [ZONE_PROFILE]
        assert transaction.held_entry(Zone, "zone a") == ZONE
        assert transaction.held_entry(Zone, "zone") is None
    changed = replace(FLAVOR, name="three", enabled=True)

    def change(transaction: Transaction) -> None:
        assert transaction.locked_entry(Flavor, "flavor") == FLAVOR
        transaction.update_entry(changed)
        transaction.remove_entry(more)
        transaction.remove_entry(ZONE)
        transaction.remove_entry(ZONE)

    store.write(change)
    with store.read() as transaction:
        assert transaction.entries(Flavor) == [changed]
        assert transaction.entries(Zone) == []


@pytest.mark.parametrize("entry", [replace(FLAVOR, id="other"), replace(FLAVOR, name="other"), ZONE], ids=str)
def test_no_key_and_no_flavors_name_is_there_twice(store: UnitOfWork, entry: Flavor | Zone) -> None:
    def insert(transaction: Transaction) -> None:
        for each in (PROFILE, FLAVOR, ZONE_PROFILE, ZONE):
            transaction.insert_entry(each)

    store.write(insert)
    with pytest.raises(StoreUnavailable):  # tried again in vain
        store.write(lambda transaction: transaction.insert_entry(entry))


def test_what_is_gone_is_not_changed(store: UnitOfWork) -> None:
    with pytest.raises(StoreUnavailable):
        store.write(lambda transaction: transaction.update_entry(PROFILE))


def test_a_load_balancer_keeps_what_was_chosen_and_is_found_by_it(store: UnitOfWork) -> None:
    tree, other = a_tree(), a_tree(address="10.0.0.6")
    head = tree.load_balancer
    item: LoadBalancer = replace(
        head.item,
        flavor_id=new_id(),
        availability_zone="zone a",
        flavor=FlavorValues(threads=3, connection_limit=-1, log=True),
    )
    chosen = tree.with_record(replace(head, item=item))

    def insert(transaction: Transaction) -> None:
        transaction.insert_tree(chosen)
        transaction.insert_tree(other)

    store.write(insert)
    with store.read() as transaction:
        assert transaction.tree(tree.id) == chosen
        for name in ("flavor_id", "availability_zone"):
            query = Query(filters={name: (getattr(item, name),)}, limit=1)
            assert [view.record.id for view in transaction.find(Kind.LOAD_BALANCER, query).views] == [tree.id]


def test_placements_of_all_load_balancers_are_read_at_once(store: UnitOfWork) -> None:
    trees = [a_tree(), a_tree(address="10.0.0.6", agent="host-2")]

    def insert(transaction: Transaction) -> None:
        for tree in trees:
            transaction.insert_tree(tree)

    store.write(insert)
    with store.read() as transaction:
        found = transaction.placements()
        some = transaction.placements_of([trees[1].id, "unknown"])
        assert transaction.placements_of([]) == {}
    assert some == {trees[1].id: trees[1].placements}
    assert found == [
        (tree.id, tree.load_balancer.item.incarnation, placement) for tree in trees for placement in tree.placements
    ]
