"""What every UnitOfWork promises about lists: filters, tags, order, pages, relations."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.contract.samples import a_record, a_tree, moment, new_id, retouched
from tests.fakes.tls import CIPHERS, a_certificate, a_tls, some_authorities

from evenload.interfaces.store import Transaction, UnitOfWork
from evenload.model.balancer import AnyRecord
from evenload.model.enums import Kind, OperatingStatus, ProvisioningStatus
from evenload.model.errors import Invalid
from evenload.model.placement import alone_on
from evenload.model.query import Page, Query, Relations
from evenload.model.tls import ClientAuthentication, PoolTls
from evenload.model.tree import Tree, kind_of


def put(store: UnitOfWork, *trees: Tree) -> None:

    @store.write
    def _(transaction: Transaction) -> None:
        for tree in trees:
            transaction.insert_tree(tree)


def find(store: UnitOfWork, kind: Kind, **query: Any) -> Page[AnyRecord]:
    with store.read() as transaction:
        return transaction.find(kind, Query(**query))


def ids(page: Page[AnyRecord]) -> list[str]:
    return [view.record.id for view in page.views]


def test_records_are_found_whole_with_their_relations(store: UnitOfWork) -> None:
    tree = a_tree(members=3, ports=(80, 443), tags=("x",))
    lonely = Tree(
        load_balancer=a_tree(address="10.0.0.9", created_at=moment(1)).load_balancer,
        generation=1,
        placements=alone_on("a"),
    )
    put(store, tree, lonely)
    pool, monitor = next(iter(tree.pools)), next(iter(tree.monitors))
    expected = {
        Kind.LOAD_BALANCER: Relations(
            load_balancer_id=tree.id, listener_ids=tuple(tree.listeners), pool_ids=tuple(tree.pools)
        ),
        Kind.LISTENER: Relations(load_balancer_id=tree.id, pool_ids=(pool,)),
        Kind.POOL: Relations(
            load_balancer_id=tree.id,
            listener_ids=tuple(tree.listeners),
            member_ids=tuple(tree.members),
            monitor_id=monitor,
        ),
        Kind.MEMBER: Relations(load_balancer_id=tree.id, pool_ids=(pool,)),
        Kind.HEALTH_MONITOR: Relations(load_balancer_id=tree.id, pool_ids=(pool,)),
    }
    for kind, relations in expected.items():
        found = {view.record.id: view for view in find(store, kind).views}
        for record in tree.records():
            if kind_of(record.item) is kind:
                assert found[record.id].record == record
                assert found[record.id].relations == relations
                with store.read() as transaction:
                    assert transaction.view(kind, record.id) == found[record.id]
    assert ids(find(store, Kind.LOAD_BALANCER)) == [tree.id, lonely.id]
    assert find(store, Kind.LOAD_BALANCER).views[1].relations == Relations(load_balancer_id=lonely.id)


def test_policies_and_rules_with_their_relations(store: UnitOfWork) -> None:
    tree = a_tree(policies=3)
    listener, pool = next(iter(tree.listeners)), next(iter(tree.pools))
    put(store, tree)
    rules = {rule.item.policy_id: identifier for identifier, rule in tree.rules.items()}
    by_place = sorted(tree.policies, key=lambda each: tree.policies[each].item.place)
    for view in find(store, Kind.L7_POLICY).views:
        assert view.record == tree.policies[view.record.id]
        assert view.relations == Relations(load_balancer_id=tree.id, rule_ids=(rules[view.record.id],))
    assert find(store, Kind.LISTENER).views[0].relations.policy_ids == tuple(by_place)
    assert ids(find(store, Kind.L7_POLICY, sort=(("place", False),))) == by_place
    assert ids(find(store, Kind.L7_POLICY, filters={"listener_id": (listener,), "place": (2,)})) == [by_place[1]]
    [rule] = find(store, Kind.L7_RULE, filters={"policy_id": (by_place[0],)}).views
    assert (rule.record, rule.relations) == (tree.rules[rules[by_place[0]]], Relations(load_balancer_id=tree.id))
    # Who chooses the pool by a policy in force is shown with it, once.
    first = tree.listeners[listener]
    nobodys = tree.with_record(replace(first, item=replace(first.item, default_pool_id=None)))
    store.write(lambda transaction: transaction.update_tree(tree, nobodys))
    assert find(store, Kind.POOL).views[0].relations.listener_ids == (listener,)
    idle = nobodys.with_records(
        replace(each, item=replace(each.item, admin_state_up=False)) for each in tree.rules.values()
    )
    store.write(lambda transaction: transaction.update_tree(nobodys, idle))
    assert find(store, Kind.POOL).views[0].relations.listener_ids == ()
    with store.read() as transaction:
        assert transaction.tree(tree.id) == idle
    gone = idle.without(*idle.policies, *idle.rules, pool)
    store.write(lambda transaction: transaction.update_tree(idle, gone.without(*gone.members, *gone.monitors)))
    assert ids(find(store, Kind.L7_POLICY)) + ids(find(store, Kind.L7_RULE)) == []


def test_a_new_monitor_counts_while_the_old_one_is_being_deleted(store: UnitOfWork) -> None:
    tree = a_tree()
    old = next(iter(tree.monitors.values()))
    new = a_record(replace(old.item, id=new_id()))
    put(store, tree.with_record(replace(old, deleting=True)).with_record(new))
    assert find(store, Kind.POOL).views[0].relations.monitor_id == new.id


@pytest.mark.parametrize(
    ("kind", "filters", "expected"),
    [
        (Kind.LOAD_BALANCER, {"name": ("one",)}, {"one"}),
        (Kind.LOAD_BALANCER, {"name": ("one", "two")}, {"one", "two"}),
        (Kind.LOAD_BALANCER, {"name": ("one",), "project_id": ("other",)}, set()),
        (Kind.LOAD_BALANCER, {"name": ()}, set()),
        (Kind.LOAD_BALANCER, {"description": ("",)}, {"one", "two", "three"}),
        (Kind.LOAD_BALANCER, {"provisioning_status": ("ERROR",)}, {"two"}),
        (Kind.LOAD_BALANCER, {"provisioning_status": ("DELETED",)}, set()),
        (Kind.LOAD_BALANCER, {"operating_status": ("OFFLINE",)}, {"one", "two", "three"}),
        (Kind.LOAD_BALANCER, {"admin_state_up": (False,)}, {"three"}),
        (Kind.LOAD_BALANCER, {"admin_state_up": ("False",)}, {"three"}),
        (Kind.LOAD_BALANCER, {"vip_address": ("10.0.0.2",)}, {"two"}),
        (Kind.LOAD_BALANCER, {"provider": ("evenload",)}, {"one", "two", "three"}),
        (Kind.LOAD_BALANCER, {"updated_at": (None,)}, {"one", "three"}),
        (Kind.LOAD_BALANCER, {"created_at": ("2026-03-01T12:30:15.123456",)}, {"one"}),
        (Kind.LISTENER, {"port": (1002, 1003)}, {"two", "three"}),
        (Kind.LISTENER, {"port": ("1002",)}, {"two"}),
        (Kind.LISTENER, {"protocol": ("HTTP",)}, {"one", "two", "three"}),
        (Kind.LISTENER, {"default_pool_id": (None,)}, {"three"}),
        (Kind.LISTENER, {"default_pool_id": (None, "nothing")}, {"three"}),
        (Kind.LISTENER, {"certificate": (a_certificate().reference,)}, {"two"}),
        (Kind.LISTENER, {"certificate": (None,)}, {"one", "three"}),
        (Kind.LISTENER, {"ciphers": (CIPHERS,), "hsts_max_age": ("60",)}, {"two"}),
        (Kind.LISTENER, {"hsts_preload": (False,)}, {"one", "three"}),
        (Kind.LISTENER, {"hsts_include_subdomains": ("true",), "hsts_preload": (True,)}, {"two"}),
        (Kind.LISTENER, {"client_authentication": ("NONE",), "client_authorities": (None,)}, {"one", "three"}),
        (Kind.LISTENER, {"client_authentication": ("OPTIONAL",)}, {"two"}),
        (Kind.POOL, {"tls_enabled": ("true",), "authorities": (some_authorities().reference,)}, {"two"}),
        (Kind.POOL, {"tls_enabled": (False,), "certificate": (None,), "revocations": (None,)}, {"one", "three"}),
        (Kind.POOL, {"algorithm": ("LEAST_CONNECTIONS",)}, {"one", "two", "three"}),
        (Kind.POOL, {"monitor_id": ("nothing",)}, set()),
        (Kind.MEMBER, {"weight": (0,), "address": ("10.1.0.1",)}, {"one", "two", "three"}),
        (Kind.MEMBER, {"backup": (True,), "monitor_port": (81,)}, {"one", "two", "three"}),
        (Kind.HEALTH_MONITOR, {"method": ("HEAD",), "rise": (2,)}, {"one", "two", "three"}),
        (Kind.HEALTH_MONITOR, {"url_path": ("/",)}, set()),
        (Kind.HEALTH_MONITOR, {"version": ("1.1",), "domain_name": ("x.org",)}, {"one", "two", "three"}),
        (Kind.HEALTH_MONITOR, {"expected_codes": ("200-204",), "type": ("HTTP",)}, {"one", "two", "three"}),
    ],
)
def test_filters(store: UnitOfWork, kind: Kind, filters: dict[str, Any], expected: set[str]) -> None:
    one = a_tree(name="one", address="10.0.0.1", ports=(1001,))
    two = a_tree(
        name="two",
        address="10.0.0.2",
        ports=(1002,),
        provisioning_status=ProvisioningStatus.ERROR,
        created_at=moment(1),
        updated_at=moment(2),
    )
    hsts = {"hsts_max_age": 60, "hsts_include_subdomains": True, "hsts_preload": True}
    asked = {"client_authentication": ClientAuthentication.OPTIONAL, "client_authorities": some_authorities()}
    two = two.with_record(retouched(next(iter(two.listeners.values())), tls=a_tls(**hsts, **asked)))
    pool_tls = PoolTls(authorities=some_authorities(), ciphers=CIPHERS)
    two = two.with_record(retouched(next(iter(two.pools.values())), tls=pool_tls))
    three = a_tree(name="three", address="10.0.0.3", ports=(1003,), created_at=moment(2))
    three = three.with_record(retouched(three.load_balancer, admin_state_up=False))
    three = three.with_record(retouched(next(iter(three.listeners.values())), default_pool_id=None))
    put(store, one, two, three)
    names = {tree.id: tree.load_balancer.name for tree in (one, two, three)}
    found = find(store, kind, filters=filters)
    assert {names[view.relations.load_balancer_id or ""] for view in found.views} == expected


def test_filters_by_the_ids_around(store: UnitOfWork) -> None:
    tree = a_tree()
    put(store, tree, a_tree(address="10.0.0.6"))
    balancer, pool = tree.load_balancer.item, next(iter(tree.pools))
    monitor, listener = next(iter(tree.monitors)), next(iter(tree.listeners))
    for kind, name, value, expected in [
        (Kind.LOAD_BALANCER, "vip_subnet_id", balancer.vips[0].subnet_id, [tree.id]),
        (Kind.LOAD_BALANCER, "vip_port_id", balancer.port_id, [tree.id]),
        (Kind.LOAD_BALANCER, "port_id", balancer.port_id, [tree.id]),
        (Kind.LOAD_BALANCER, "network_id", balancer.network_id, [tree.id]),
        (Kind.LOAD_BALANCER, "id", tree.id, [tree.id]),
        (Kind.LISTENER, "load_balancer_id", tree.id, [listener]),
        (Kind.LISTENER, "default_pool_id", pool, [listener]),
        (Kind.POOL, "load_balancer_id", tree.id, [pool]),
        (Kind.POOL, "monitor_id", monitor, [pool]),
        (Kind.MEMBER, "pool_id", pool, list(tree.members)),
        (Kind.HEALTH_MONITOR, "pool_id", pool, [monitor]),
        (Kind.HEALTH_MONITOR, "load_balancer_id", tree.id, [monitor]),
    ]:
        assert sorted(ids(find(store, kind, filters={name: (value,)}))) == sorted(expected), (kind, name)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (Kind.LOAD_BALANCER, "nonsense"),
        (Kind.LOAD_BALANCER, "tags"),
        (Kind.LOAD_BALANCER, "vips"),
        (Kind.LOAD_BALANCER, "tree_generation"),
        (Kind.LISTENER, "insert_headers"),
        (Kind.LISTENER, "position"),
        (Kind.POOL, "listener_id"),
        (Kind.POOL, "session_persistence"),
        (Kind.HEALTH_MONITOR, "http"),
    ],
)
def test_unknown_fields_are_named(store: UnitOfWork, kind: Kind, name: str) -> None:
    for query in ({"filters": {name: ("x",)}}, {"sort": ((name, False),)}):
        with pytest.raises(Invalid) as caught:
            find(store, kind, **query)
        assert caught.value.field == name


@pytest.mark.parametrize(
    ("name", "value"),
    [("port", "eighty"), ("port", True), ("admin_state_up", "maybe"), ("created_at", "yesterday"), ("name", 5)],
)
def test_values_that_the_field_cannot_have_are_refused(store: UnitOfWork, name: str, value: str | int) -> None:
    with pytest.raises(Invalid) as caught:
        find(store, Kind.LISTENER, filters={name: (value,)})
    assert caught.value.field == name


def test_tags(store: UnitOfWork) -> None:
    put(store, *(a_tree(name=name, tags=tuple(name)) for name in ("a", "ab", "abc", "c")), a_tree(name="none"))

    def names(**query: tuple[str, ...]) -> set[str]:
        return {view.record.name for view in find(store, Kind.LOAD_BALANCER, **query).views}

    assert names(tags=("a", "b")) == {"ab", "abc"}
    assert names(tags_any=("b", "c")) == {"ab", "abc", "c"}
    assert names(not_tags=("a", "b")) == {"a", "c", "none"}
    assert names(not_tags_any=("b", "c")) == {"a", "none"}
    assert names(tags=("a",), not_tags_any=("c",)) == {"a", "ab"}


def test_a_filter_may_name_thousands_of_tags(store: UnitOfWork) -> None:
    """As many as a query string holds; no database refuses the statement for its depth."""
    put(store, a_tree(name="a", tags=("a", "b")), a_tree(name="none"))
    many = tuple(f"tag-{number}" for number in range(5000))

    def names(**criteria: tuple[str, ...]) -> set[str]:
        return {view.record.name for view in find(store, Kind.LOAD_BALANCER, **criteria).views}

    assert names(tags=many) == set()
    assert names(tags=("a", "b", "a")) == {"a"}
    assert names(tags_any=(*many, "b")) == {"a"}
    assert names(not_tags=many) == {"a", "none"}
    assert names(not_tags=("a", "b", "b")) == {"none"}
    assert names(not_tags_any=(*many, "b")) == {"none"}


def test_changed_tags_are_found_anew(store: UnitOfWork) -> None:
    tree = a_tree(tags=("old", "both"))
    put(store, tree)
    after = tree.with_record(replace(tree.load_balancer, tags=("both", "new")))

    @store.write
    def _(transaction: Transaction) -> None:
        transaction.update_tree(tree, after)

    for tag, expected in [("old", []), ("both", [tree.id]), ("new", [tree.id])]:
        assert ids(find(store, Kind.LOAD_BALANCER, tags=(tag,))) == expected


def test_an_unknown_marker_and_an_empty_page_are_refused(store: UnitOfWork) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [({"marker": new_id()}, "marker"), ({"limit": 0}, "limit")]
    for query, field in wrong:
        with pytest.raises(Invalid) as caught:
            find(store, Kind.LISTENER, **query)
        assert caught.value.field == field


def test_a_marker_of_another_project_or_pool_is_none(store: UnitOfWork) -> None:
    """Or else the place where a page begins would tell how somebody else's object compares."""
    mine, other = a_tree(project_id="mine"), a_tree(project_id="other")
    put(store, mine)
    put(store, other)
    mine_only = {"project_id": ("mine",)}
    assert ids(find(store, Kind.LOAD_BALANCER, filters=mine_only)) == [mine.id]
    pool, member = next(iter(mine.pools)), next(iter(other.members))
    for kind, filters, marker in [
        (Kind.LOAD_BALANCER, mine_only, other.id),
        (Kind.MEMBER, {"pool_id": (pool,)}, member),
    ]:
        with pytest.raises(Invalid) as caught:
            find(store, kind, filters=filters, marker=marker)
        assert caught.value.field == "marker"
    # What a page follows may no longer fit the other filters.
    assert ids(find(store, Kind.LOAD_BALANCER, filters={**mine_only, "name": ("no such",)}, marker=mine.id)) == []


def test_deleting_records_stay_visible(store: UnitOfWork) -> None:
    tree = a_tree(deleting=True, provisioning_status=ProvisioningStatus.PENDING_DELETE)
    put(store, tree)
    assert ids(find(store, Kind.LOAD_BALANCER)) == [tree.id]


def test_long_lists_have_their_relations(store: UnitOfWork) -> None:
    tree = a_tree(members=2500)
    put(store, tree)
    assert find(store, Kind.POOL).views[0].relations.member_ids == tuple(tree.members)
    assert len(find(store, Kind.MEMBER).views) == 2500

    @store.write
    def _(transaction: Transaction) -> None:
        transaction.remove_tree(tree)


_SORTS = st.lists(
    st.tuples(
        st.sampled_from(["name", "updated_at", "fault", "generation", "created_at", "deleting", "id"]), st.booleans()
    ),
    max_size=3,
    unique_by=lambda key: key[0],
)
_RECORDS = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.sampled_from(["", "a", "b"]),
            "updated_at": st.sampled_from([None, moment(1), moment(2)]),
            "fault": st.sampled_from([None, "x", "y"]),
            "generation": st.integers(1, 3),
            "deleting": st.booleans(),
        }
    ),
    max_size=9,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(records=_RECORDS, sort=_SORTS, size=st.integers(1, 4))
def test_pages_in_both_directions_make_up_the_list(
    store: UnitOfWork, records: list[dict[str, Any]], sort: list[tuple[str, bool]], size: int
) -> None:
    trees = [
        Tree(load_balancer=a_tree(**fields).load_balancer, generation=1, placements=alone_on("a")) for fields in records
    ]
    put(store, *trees)
    try:
        whole = find(store, Kind.LOAD_BALANCER, sort=tuple(sort))
        assert sorted(ids(whole)) == sorted(tree.id for tree in trees)
        assert not whole.more
        for first, second in pairwise(view.record for view in whole.views):
            assert _in_order(first, second, sort)
        forward: list[str] = []
        marker = None
        while True:
            page = find(store, Kind.LOAD_BALANCER, sort=tuple(sort), limit=size, marker=marker)
            forward += ids(page)
            assert page.more == (len(forward) < len(trees))
            if not page.more:
                break
            marker = forward[-1]
        assert forward == ids(whole)
        for index, identifier in enumerate(forward):
            page = find(store, Kind.LOAD_BALANCER, sort=tuple(sort), limit=size, marker=identifier, reverse=True)
            assert ids(page) == forward[max(0, index - size) : index]
            assert page.more == (index > size)
    finally:

        @store.write
        def _(transaction: Transaction) -> None:
            for tree in trees:
                transaction.remove_tree(tree)


def _in_order(first: AnyRecord, second: AnyRecord, sort: list[tuple[str, bool]]) -> bool:
    for name, descending in [*sort, ("id", False)]:
        one, other = getattr(first, name), getattr(second, name)
        if one == other:
            continue
        ascending = one is None or (other is not None and one < other)
        return ascending is not descending
    return True


def test_equal_is_what_has_the_same_bytes_and_they_sort_by_them(store: UnitOfWork) -> None:
    """Whatever language a database is set up for."""
    names = ["a", "B", "b", "Ä", "a ", "A", "ä", "é", "e", "_", "Z"]
    for name in names:
        put(store, a_tree(name=name, tags=(name, "x", "X", "x ")))
    order = sorted(names, key=lambda name: name.encode())
    for reverse in (False, True):
        query = Query(sort=(("name", reverse),))
        with store.read() as transaction:
            found = [view.record.name for view in transaction.find(Kind.LOAD_BALANCER, query).views]
            assert found == (order[::-1] if reverse else order)
            marker = transaction.find(Kind.LOAD_BALANCER, Query(filters={"name": ("b",)})).views[0].record.id
            after = transaction.find(Kind.LOAD_BALANCER, Query(sort=(("name", reverse),), marker=marker)).views
            assert [view.record.name for view in after] == found[found.index("b") + 1 :]
    with store.read() as transaction:
        for name in names:
            for query in (Query(filters={"name": (name,)}), Query(tags=(name,)), Query(tags_any=(name,))):
                views = transaction.find(Kind.LOAD_BALANCER, query).views
                assert [view.record.name for view in views] == [name]


def test_objects_are_counted_by_status_and_called_by_their_names(store: UnitOfWork) -> None:
    hosted = a_tree(members=3, ports=(80, 443))
    virtual = replace(a_tree(address="10.0.0.9"), placements=())
    put(store, hosted, *([] if virtual.hosted else [virtual]))
    with store.read() as transaction:
        for kind in (Kind.LOAD_BALANCER, Kind.LISTENER, Kind.POOL, Kind.MEMBER):
            found = [view.record for view in transaction.find(kind, Query()).views]
            counted: dict[tuple[ProvisioningStatus, OperatingStatus], int] = {}
            for each in found:
                key = each.provisioning_status, each.operating_status
                counted[key] = counted.get(key, 0) + 1
            assert found
            assert transaction.count_statuses(kind) == counted
            wanted = [*(each.id for each in found), new_id()]
            named = {each.id: (each.name, each.project_id) for each in found}
            assert transaction.names(kind, wanted) == named
            assert transaction.names(kind, wanted * 1000) == named
            assert transaction.names(kind, []) == {}
