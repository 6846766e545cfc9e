"""Any sequence of LBaaS v1's requests, mixed with those of Octavia's API: pools, members and monitors are where they
were put last, nothing is lost or doubled, and what agents are told is what was asked for."""

import tempfile
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.fakes.hints import NotedHints
from tests.fakes.memory_store import MemoryStore
from tests.fakes.sample_drafts import a_listener, a_member, a_monitor
from tests.fakes.v1_drafts import a_template, a_v1_pool, a_vip
from tests.unit.service.conftest import make_world

from evenload.interfaces.store import UnitOfWork
from evenload.model.balancer import template_of
from evenload.model.desired import Desired, Gone
from evenload.model.enums import MonitorType, PersistenceType, ProvisioningStatus
from evenload.model.errors import Conflict, Invalid, NotFound
from evenload.model.query import Query
from evenload.model.tree import Tree
from evenload.service.commands import Changes
from evenload.service.lbaas_v1.commands import VipChanges
from evenload.store.engine import StoreSettings, open_engine
from evenload.store.tables import METADATA
from evenload.store.unit_of_work import SqlUnitOfWork

T = TypeVar("T")
PICK = st.integers(0, 100)
UNLIMITED = dict.fromkeys(("vip", "pool", "member", "health_monitor"), -1)


def done(action: Callable[[], None]) -> Callable[[], bool]:
    """For what answers nothing when it is granted."""

    def ask() -> bool:
        action()
        return True

    return ask


class Walk(RuleBasedStateMachine):
    """``pools``, ``vips``, ``members``, ``templates``: what was granted, kept apart from the service.

    A pool is (its members by id with their address, its templates in order); a VIP is its pool, None for none.
    """

    def store(self) -> UnitOfWork:
        return MemoryStore()

    @initialize()
    def start(self) -> None:
        self.world = make_world(self.store())
        self.world.quotas.set("project", UNLIMITED)
        self.pools: dict[str, tuple[dict[str, str], list[str]]] = {}
        self.vips: dict[str, str | None] = {}
        self.templates: list[str] = []
        self.came_with: dict[str, str] = {}
        self.balancers: dict[str, str] = {}

    # LBaaS v1

    @rule(address=st.integers(1, 3))
    def create_pool(self, address: int) -> None:
        pool = self.world.v1_pools.create("project", a_v1_pool()).pool.id
        member = self.world.v1_members.create(pool, a_member(f"10.0.1.{address}")).id
        self.pools[pool] = ({member: f"10.0.1.{address}"}, [])

    @rule(pick=PICK, persistent=st.booleans())
    def create_vip(self, pick: int, persistent: bool) -> None:
        pool = self.one(self.pools, pick)
        kept = {"type": PersistenceType.SOURCE_IP} if persistent else None
        taken = pool in self.vips.values() or self.used_by_another(pool)
        made = self.tried(lambda: self.world.vips.create("project", a_vip(pool, session_persistence=kept)))
        assert (made is None) == (taken or pool not in self.pools)
        if made is not None:
            self.vips[made.listener.id] = pool
            self.balancers[made.listener.id] = made.load_balancer.id

    @rule(pick=PICK, other=PICK)
    def move_vip(self, pick: int, other: int) -> None:
        vip, pool = self.one(self.vips, pick), self.one(self.pools, other)
        if vip not in self.vips or pool not in self.pools:
            return
        own = self.vips[vip] == pool
        taken = not own and (pool in self.vips.values() or self.used_by_another(pool))
        moved = self.tried(lambda: self.world.vips.update(vip, VipChanges(pool_id=pool)))
        assert (moved is None) == taken
        if moved is not None:
            self.vips[vip] = pool
            assert moved.load_balancer.id == self.balancers[vip]

    @rule(pick=PICK)
    def delete_vip(self, pick: int) -> None:
        vip = self.one(self.vips, pick)
        if vip in self.vips:
            self.world.vips.delete(vip)
            del self.vips[vip]

    @rule(pick=PICK)
    def delete_pool(self, pick: int) -> None:
        pool = self.one(self.pools, pick)
        if pool not in self.pools:
            return
        used = pool in self.vips.values() or self.used_by_another(pool)
        granted = self.tried(done(lambda: self.world.v1_pools.delete(pool)))
        assert (granted is None) == used
        if granted:
            self.forget([pool])

    @rule(pick=PICK, address=st.integers(1, 3), by_octavia=st.booleans())
    def add_member(self, pick: int, address: int, by_octavia: bool) -> None:
        pool = self.one(self.pools, pick)
        place = f"10.0.1.{address}"

        def create() -> str:
            if by_octavia:
                return self.world.members.create(pool, a_member(place)).record.id
            return self.world.v1_members.create(pool, a_member(place)).id

        made = self.tried(create)
        assert (made is None) == (pool not in self.pools or place in self.pools[pool][0].values())
        if made is not None:
            self.pools[pool][0][made] = place

    @rule(pick=PICK, other=PICK)
    def move_member(self, pick: int, other: int) -> None:
        member, target = self.one(self.homes(), pick), self.one(self.pools, other)
        if target not in self.pools or member not in self.homes():
            return
        home = self.homes()[member]
        place = self.pools[home][0][member]
        moved = self.tried(lambda: self.world.v1_members.update(member, Changes(), target))
        assert (moved is None) == (home != target and place in self.pools[target][0].values())
        if moved is not None:
            del self.pools[home][0][member]
            self.pools[target][0][member] = place

    @rule(pick=PICK)
    def delete_member(self, pick: int) -> None:
        member = self.one(self.homes(), pick)
        if home := self.homes().get(member):
            self.world.v1_members.delete(member)
            del self.pools[home][0][member]

    @rule(kind=st.sampled_from([MonitorType.HTTP, MonitorType.TCP, MonitorType.PING]))
    def create_template(self, kind: MonitorType) -> None:
        self.templates.append(self.world.v1_monitors.create("project", a_template(kind)).template.id)

    @rule(pick=PICK, other=PICK)
    def associate(self, pick: int, other: int) -> None:
        pool, template = self.one(self.pools, pick), self.one(self.templates, other)
        granted = self.tried(done(lambda: self.world.v1_pools.associate(pool, template)))
        unknown = pool not in self.pools or template not in self.templates
        assert (granted is None) == (unknown or template in self.pools[pool][1])
        if granted:
            self.pools[pool][1].append(template)

    @rule(pick=PICK, other=PICK)
    def dissociate(self, pick: int, other: int) -> None:
        pool, template = self.one(self.pools, pick), self.one(self.templates, other)
        granted = self.tried(done(lambda: self.world.v1_pools.dissociate(pool, template)))
        assert (granted is None) == (pool not in self.pools or template not in self.pools[pool][1])
        if granted:
            self.pools[pool][1].remove(template)
            if self.came_with.get(template) == pool:
                del self.came_with[template]

    @rule(pick=PICK, delay=st.integers(5, 9))
    def change_template(self, pick: int, delay: int) -> None:
        template = self.one(self.templates, pick)
        if template in self.templates:
            view = self.world.v1_monitors.update(template, {"delay": delay})
            assert {each.item.delay for each in view.associations} <= {delay}

    # Octavia's API

    @rule(pick=PICK)
    def add_monitor_by_octavia(self, pick: int) -> None:
        pool = self.one(self.pools, pick)
        if pool not in self.pools:
            return
        made = self.tried(lambda: self.world.monitors.create(pool, a_monitor()))
        assert (made is None) == bool(self.pools[pool][1])
        if made is not None:
            self.templates.append(made.record.id)
            self.came_with[made.record.id] = pool
            self.pools[pool][1].append(made.record.id)

    @rule(pick=PICK)
    def delete_pool_by_octavia(self, pick: int) -> None:
        pool = self.one(self.pools, pick)
        if pool in self.pools:
            self.world.pools.delete(pool)
            self.forget([pool])
            self.vips = {vip: None if used == pool else used for vip, used in self.vips.items()}

    @rule(pick=PICK)
    def delete_listener_by_octavia(self, pick: int) -> None:
        vip = self.one(self.vips, pick)
        if vip in self.vips:
            self.world.listeners.delete(vip)
            del self.vips[vip]

    @rule(pick=PICK, port=st.integers(81, 83), with_pool=st.booleans())
    def add_listener_by_octavia(self, pick: int, port: int, with_pool: bool) -> None:
        vip = self.one(self.vips, pick)
        if vip in self.vips:
            pool = self.vips[vip] if with_pool else None
            draft = a_listener(port, default_pool_id=pool)
            self.tried(lambda: self.world.listeners.create(self.balancers[vip], draft))

    @rule(pick=PICK)
    def delete_load_balancer_by_octavia(self, pick: int) -> None:
        vip = self.one(self.vips, pick)
        if vip not in self.vips:
            return
        tree = self.world.load_balancers.tree(self.balancers[vip])
        self.world.load_balancers.delete(tree.id, cascade=True)
        self.forget(tree.pools)
        del self.vips[vip]

    def forget(self, pools: Iterable[str]) -> None:
        """With the templates that came with their monitors, but for those that other pools have by now."""
        going = {pool: self.pools.pop(pool) for pool in pools if pool in self.pools}
        for pool, (_, templates) in going.items():
            for template in templates:
                shared = any(template in kept for _, kept in self.pools.values())
                if self.came_with.get(template) == pool and not shared:
                    self.templates.remove(template)

    # The agent

    @rule()
    def settle(self) -> None:
        self.world.settle()

    # What holds at every moment

    @invariant()
    def all_is_where_it_was_put(self) -> None:
        pools = {view.pool.id: view for view in self.world.v1_pools.list(Query())}
        assert set(pools) == set(self.pools)
        vips = {pool: vip for vip, pool in self.vips.items() if pool is not None}
        for identifier, view in pools.items():
            assert view == self.world.v1_pools.get(identifier), "a list says what a look at the one says"
            members, templates = self.pools[identifier]
            assert view.vip_id == vips.get(identifier)
            assert set(view.member_ids) == set(members)
            assert [template_of(each) for each in view.monitors] == templates
        assert {record.id for record in self.world.v1_members.list(Query())} == set(self.homes())
        assert {view.template.id for view in self.world.v1_monitors.list(None)} == set(self.templates)
        for vip in self.world.vips.list(Query()):
            assert vip == self.world.vips.get(vip.listener.id)

    @invariant()
    def every_vip_has_its_pool_on_its_host_and_nothing_else_is_there(self) -> None:
        for vip, pool in self.vips.items():
            desired = self.world.gateway.fetch("host-1", [self.balancers[vip]])[self.balancers[vip]]
            assert isinstance(desired, Desired)
            [listener] = [each for each in desired.listeners if each.id == vip]
            assert listener.default_pool_id == pool
            if pool is not None:
                members, templates = self.pools[pool]
                assert {each.id for each in desired.members_of(pool)} == set(members)
                monitors = self.world.v1_pools.get(pool).monitors
                assert [each.id for each in desired.monitors_of(pool)] == [each.id for each in monitors]
                assert [template_of(each) for each in monitors] == templates

    @invariant()
    def what_stands_alone_is_one_pool_in_force(self) -> None:
        for tree in self.trees():
            if not tree.hosted:
                assert len(tree.pools) == 1
                assert tree.listeners == {}
                assert {record.provisioning_status for record in tree.records()} == {ProvisioningStatus.ACTIVE}
                assert not any(record.deleting for record in tree.records())
                assert isinstance(self.world.gateway.fetch("host-1", [tree.id])[tree.id], Gone)
            assert all(record.generation <= tree.generation for record in tree.records())

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        self.world.settle()
        self.all_is_where_it_was_put()
        for tree in self.trees():
            assert {record.provisioning_status for record in tree.records()} == {ProvisioningStatus.ACTIVE}
        for vip in list(self.vips):
            self.world.vips.delete(vip)
        self.world.settle()
        assert {vip.listener.id for vip in self.world.vips.list(Query())} == set()

    # Help for the rules

    def trees(self) -> list[Tree]:
        with self.world.context.uow.read() as transaction:
            return [tree for tree in map(transaction.tree, transaction.bound_to("host-1")) if tree is not None]

    def homes(self) -> dict[str, str]:
        return {member: pool for pool, (members, _) in self.pools.items() for member in members}

    def used_by_another(self, pool: str) -> bool:
        """By a listener that Octavia's API made."""
        return any(
            not record.deleting and record.v1 is None for tree in self.trees() for record in tree.listeners_of(pool)
        )

    def one(self, known: Iterable[str], pick: int) -> str:
        keys = list(known)
        return keys[pick % len(keys)] if keys else "00000000-0000-4000-8000-999999999999"

    def tried(self, action: Callable[[], T]) -> T | None:
        """What was refused must have changed nothing."""
        before = self.trees()
        try:
            return action()
        except (Conflict, Invalid, NotFound):
            assert self.trees() == before
            return None


class SqlWalk(Walk):
    def store(self) -> UnitOfWork:
        self.rest = ExitStack()
        directory = self.rest.enter_context(tempfile.TemporaryDirectory())
        engine = open_engine(StoreSettings(url=f"sqlite:///{Path(directory) / 'evenload.db'}"))
        METADATA.create_all(engine)
        store = SqlUnitOfWork(engine, NotedHints())
        self.rest.callback(store.close)
        return store

    def teardown(self) -> None:
        try:
            super().teardown()
        finally:
            self.rest.close()


TestWalk = Walk.TestCase
TestWalk.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)
TestSqlWalk = SqlWalk.TestCase
TestSqlWalk.settings = settings(max_examples=8, stateful_step_count=40, deadline=None)
