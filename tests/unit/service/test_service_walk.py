"""Any sequence of changes, with an agent whose reports are lost, doubled, late and out of order: what holds throughout,
and that everything ends as was asked for last."""

from collections.abc import Callable

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.fakes.memory_store import MemoryStore
from tests.fakes.sample_drafts import a_balancer, a_listener, a_member, a_monitor, a_pool
from tests.unit.service.conftest import make_world

from evenload.model.balancer import AnyRecord
from evenload.model.desired import Change, Desired, Gone, Outcome, Report
from evenload.model.enums import ListenerProtocol, ProvisioningStatus
from evenload.model.errors import Conflict, Immutable, Invalid, NotFound
from evenload.model.query import Query
from evenload.model.status import is_pending
from evenload.model.tree import Tree
from evenload.service.commands import Changes

P = ProvisioningStatus
PORTS = st.integers(80, 83)
PICK = st.integers(0, 100)


class Walk(RuleBasedStateMachine):
    """``granted`` is what the caller asked for and was granted, kept apart from the service: id → one telling value."""

    @initialize()
    def start(self) -> None:
        self.world = make_world(MemoryStore())
        pool = a_pool(members=(a_member("10.0.1.1"), a_member("10.0.1.2")), monitor=a_monitor())
        tree = self.world.load_balancers.create("project", a_balancer(listeners=(a_listener(80, default_pool=pool),)))
        self.lb = tree.id
        self.granted: dict[str, object] = {
            **{key: (80, record.item.default_pool_id) for key, record in tree.listeners.items()},
            **dict.fromkeys(tree.pools, "pool"),
            **dict.fromkeys(tree.members, 1),
            **dict.fromkeys(tree.monitors, 5),
        }
        self.deleted = False
        self.deleted_at = 0
        self.reports: list[Report] = []
        self.delivered: list[Report] = []
        self.done_at = 0

    # What callers do

    @rule(port=PORTS, protocol=st.sampled_from(ListenerProtocol), pick=st.none() | PICK)
    def add_listener(self, port: int, protocol: ListenerProtocol, pick: int | None) -> None:
        pool = self.one("pools", pick) if pick is not None else None
        draft = a_listener(port, protocol, default_pool_id=pool)
        self.put(lambda: self.world.listeners.create(self.lb, draft).record, lambda record: (port, pool))

    @rule(pick=PICK, limit=st.integers(1, 9))
    def change_listener(self, pick: int, limit: int) -> None:
        if listener := self.one("listeners", pick):
            self.put(lambda: self.world.listeners.update(listener, Changes(item={"connection_limit": limit})).record)

    @rule(pick=st.none() | PICK)
    def add_pool(self, pick: int | None) -> None:
        listener = self.one("listeners", pick) if pick is not None else None
        if self.put(
            lambda: self.world.pools.create(load_balancer_id=self.lb, listener_id=listener, draft=a_pool()).record,
            lambda record: "pool",
        ):
            newest = list(self.granted)[-1]
            if listener:
                self.granted[listener] = (self.tree().listeners[listener].item.port, newest)

    @rule(pick=PICK, host=st.integers(1, 3))
    def add_member(self, pick: int, host: int) -> None:
        if pool := self.one("pools", pick):
            draft = a_member(f"10.0.1.{host}")
            self.put(lambda: self.world.members.create(pool, draft).record, lambda record: 1)

    @rule(pick=PICK, weight=st.integers(0, 256))
    def change_weight(self, pick: int, weight: int) -> None:
        if member := self.one("members", pick):
            pool = self.tree().members[member].item.pool_id
            changes = Changes(item={"weight": weight})
            self.put(lambda: self.world.members.update(pool, member, changes).record, lambda record: weight)

    @rule(pick=PICK, hosts=st.sets(st.integers(1, 3)), additive=st.booleans(), weight=st.integers(0, 256))
    def replace_members(self, pick: int, hosts: set[int], additive: bool, weight: int) -> None:
        pool = self.one("pools", pick)
        if pool is None:
            return
        drafts = [a_member(f"10.0.1.{host}", weight=weight) for host in sorted(hosts)]
        try:
            self.world.members.replace(pool, drafts, additive_only=additive)
        except Immutable:
            return
        present = {view.record.id: view.record for view in self.world.members.list(pool, Query()).views}
        for identifier in present:
            self.granted.pop(identifier, None)
        living = {key: record for key, record in present.items() if not record.deleting}
        named = {f"10.0.1.{host}" for host in hosts}
        found = {record.item.address for record in living.values()}
        assert found >= named if additive else found == named
        for key, record in living.items():
            assert record.item.address not in named or record.item.weight == weight
            self.granted[key] = record.item.weight

    @rule(pick=PICK)
    def add_monitor(self, pick: int) -> None:
        if pool := self.one("pools", pick):
            self.put(lambda: self.world.monitors.create(pool, a_monitor()).record, lambda record: 5)

    @rule(kind=st.sampled_from(["listeners", "pools", "members", "monitors"]), pick=PICK)
    def delete_something(self, kind: str, pick: int) -> None:
        identifier = self.one(kind, pick)
        if identifier is None:
            return
        tree = self.tree()
        match kind:
            case "listeners":
                self.world.listeners.delete(identifier)
            case "pools":
                self.world.pools.delete(identifier)
                for child in tree.members_of(identifier):
                    self.granted.pop(child.id, None)
                for monitor in tree.monitors.values():
                    if monitor.item.pool_id == identifier:
                        self.granted.pop(monitor.id, None)
                for key, value in self.granted.items():
                    if isinstance(value, tuple) and value[1] == identifier:
                        self.granted[key] = (value[0], None)
            case "members":
                self.world.members.delete(tree.members[identifier].item.pool_id, identifier)
            case "monitors":
                self.world.monitors.delete(identifier)
        self.granted.pop(identifier, None)

    @rule()
    def rename_or_fail_over(self) -> None:
        try:
            self.world.load_balancers.update(self.lb, Changes(record={"name": "x"}))
            self.world.load_balancers.failover(self.lb)
        except (Immutable, NotFound):
            assert self.deleted

    @rule(sure=st.lists(st.booleans(), min_size=3, max_size=3))
    def delete_all(self, sure: list[bool]) -> None:
        if all(sure) and self.exists():
            self.world.load_balancers.delete(self.lb, cascade=True)
            self.deleted = True
            self.deleted_at = self.deleted_at or self.tree().generation
            self.granted.clear()

    # What the agent does

    @rule(outcomes=st.lists(st.sampled_from(Outcome), min_size=1, max_size=3))
    def attempt(self, outcomes: list[Outcome]) -> None:
        """The agent looks at the present state and tries, perhaps more than once; its reports are on their way."""
        for outcome in outcomes:
            self.attempt_once(outcome)

    def attempt_once(self, outcome: Outcome) -> None:
        desired = self.world.gateway.fetch("host-1", [self.lb])[self.lb]
        if desired.generation is None:
            assert not self.exists()
            return
        assert isinstance(desired, Gone) == self.deleted
        self.reports.append(
            Report(
                load_balancer_id=self.lb,
                generation=desired.generation,
                outcome=outcome,
                change=Change.RELOAD,
                reason=None if outcome is Outcome.DONE else outcome.value,
            )
        )

    @precondition(lambda self: bool(self.reports))
    @rule(picks=st.lists(PICK, min_size=1, max_size=4), again=st.booleans())
    def deliver(self, picks: list[int], again: bool) -> None:
        """Some of the reports on their way, in any order; with ``again`` they come once more. The others are lost."""
        for pick in picks:
            if not self.reports:
                return
            index = pick % len(self.reports)
            report = self.reports[index] if again else self.reports.pop(index)
            if self.exists() and report.outcome is Outcome.DONE:
                self.done_at = max(self.done_at, report.generation)
            self.world.gateway.report("host-1", report)
            self.delivered.append(report)

    # What holds at every moment

    @invariant()
    def nothing_is_answered_by_an_older_report(self) -> None:
        if not self.exists():
            return
        tree = self.tree()
        answered = max(
            (report.generation for report in self.delivered if report.outcome is not Outcome.RETRY), default=0
        )
        assert tree.placements[0].applied_generation == self.done_at
        for record in tree.records():
            if not is_pending(record):
                assert record.generation <= answered
            if record.provisioning_status is P.ACTIVE:
                assert record.generation <= self.done_at
                assert record.fault is None
            if record.provisioning_status is P.ERROR:
                assert record.fault
            assert record.generation <= tree.generation

    @invariant()
    def a_pending_child_keeps_its_load_balancer_pending(self) -> None:
        if self.exists() and not self.deleted:
            tree = self.tree()
            children = [record for record in tree.records() if record.id != self.lb]
            assert not any(map(is_pending, children)) or is_pending(tree.load_balancer)

    @invariant()
    def the_port_goes_with_the_load_balancer_and_never_before(self) -> None:
        assert self.world.ports.released == ([] if self.exists() else [self.lb])
        if not self.exists():
            assert self.deleted
            assert self.done_at >= self.deleted_at

    @invariant()
    def the_agent_is_told_what_was_asked_for(self) -> None:
        desired = self.world.gateway.fetch("host-1", [self.lb])[self.lb]
        assert isinstance(desired, Gone) == self.deleted
        if isinstance(desired, Desired):
            assert desired.generation == self.tree().generation
            told: dict[str, object] = {item.id: (item.port, item.default_pool_id) for item in desired.listeners}
            told |= {item.id: "pool" for item in desired.pools}
            told |= {item.id: item.weight for item in desired.members}
            told |= {item.id: item.delay for item in desired.monitors}
            assert told == self.granted
            pools = {item.id for item in desired.pools}
            assert {member.pool_id for member in desired.members} <= pools
            assert {monitor.pool_id for monitor in desired.monitors} <= pools
            assert {item.default_pool_id for item in desired.listeners} <= {None, *pools}

    def teardown(self) -> None:
        """Once the agent gets through, all is as desired last and nothing is pending."""
        if not hasattr(self, "world"):
            return
        self.world.settle()
        assert self.exists() != self.deleted
        if self.deleted:
            assert self.world.ports.released == [self.lb]
            return
        records = self.tree().records()
        assert {record.provisioning_status for record in records} == {P.ACTIVE}
        assert {record.id for record in records} == {self.lb, *self.granted}
        for report in self.delivered:
            # Who gives up on what it has applied has lost something since: that is news, whenever it was sent.
            if report.outcome is not Outcome.GIVE_UP or report.generation < self.tree().generation:
                self.world.gateway.report("host-1", report)
        assert self.tree().records() == records, "old reports come too late for anything"

    # Help for the rules

    def tree(self) -> Tree:
        return self.world.load_balancers.tree(self.lb)

    def exists(self) -> bool:
        try:
            self.tree()
        except NotFound:
            return False
        return True

    def one(self, kind: str, pick: int) -> str | None:
        """One of that kind, those on the way out included."""
        keys: list[str] = list(getattr(self.tree(), kind)) if self.exists() else []
        return keys[pick % len(keys)] if keys else None

    def put(self, ask: Callable[[], AnyRecord], note: Callable[[AnyRecord], object] | None = None) -> bool:
        """Asks; what is granted is noted, what is refused must have changed nothing."""
        before = self.tree() if self.exists() else None
        try:
            record = ask()
        except (Conflict, Invalid, NotFound):
            assert (self.tree() if self.exists() else None) == before
            return False
        assert before is not None
        assert not self.deleted
        assert record.generation == self.tree().generation == before.generation + 1
        assert is_pending(record)
        if note is not None:
            self.granted[record.id] = note(record)
        return True


TestWalk = Walk.TestCase
TestWalk.settings = settings(max_examples=120, stateful_step_count=60, deadline=None)
