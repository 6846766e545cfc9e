"""One load balancer with all its records, and the one table of the kinds of objects in it.

Whatever is done to objects of every kind (reading, writing, deletion with all that goes along, statuses, relations, the
document for the agents) goes by ``KINDS``: a new kind of object has its line there.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

from evenload.model.balancer import (
    AnyRecord,
    HealthMonitor,
    Item,
    Listener,
    LoadBalancer,
    Member,
    Pool,
    Record,
    pools_used_by,
)
from evenload.model.enums import Kind
from evenload.model.l7 import L7Policy, L7Rule
from evenload.model.placement import Placement, in_order


@dataclass(frozen=True, slots=True)
class KindOfObject:
    """One line of the table: the dataclass, and each parent's kind with the field that holds the parent's id.

    An object goes when one of its parents goes. ``carried_as``: the field of ``Desired`` in which the objects travel to
    the agents; None: agents need nothing of them.
    """

    item: type[Any]
    parents: tuple[tuple[Kind, str], ...] = ()
    carried_as: str | None = None


KINDS: dict[Kind, KindOfObject] = {
    Kind.LOAD_BALANCER: KindOfObject(LoadBalancer),
    Kind.POOL: KindOfObject(Pool, ((Kind.LOAD_BALANCER, "load_balancer_id"),), "pools"),
    Kind.LISTENER: KindOfObject(Listener, ((Kind.LOAD_BALANCER, "load_balancer_id"),), "listeners"),
    Kind.MEMBER: KindOfObject(Member, ((Kind.POOL, "pool_id"),), "members"),
    Kind.HEALTH_MONITOR: KindOfObject(HealthMonitor, ((Kind.POOL, "pool_id"),), "monitors"),
    Kind.L7_POLICY: KindOfObject(L7Policy, ((Kind.LISTENER, "listener_id"),), "policies"),
    Kind.L7_RULE: KindOfObject(L7Rule, ((Kind.L7_POLICY, "policy_id"),), "rules"),
}
"""In the order of writing: what others refer to comes first (a listener refers to its default pool, a policy to the one
that it chooses)."""

Children = dict[str, Record[Any]]
Step = Callable[[Record[Any]], Record[Any] | None]


def kind_of(item: Item) -> Kind:
    """Raises KeyError for what belongs in no tree."""
    kind = _BY_CLASS.get(type(item))
    if kind is None:
        kind = next((kind for kind, line in KINDS.items() if line.item is type(item)), None)
    if kind is None:
        raise KeyError(type(item))
    return kind


_BY_CLASS: Mapping[type[Any], Kind] = {line.item: kind for kind, line in KINDS.items()}


def parents_of(item: Item, kind: Kind | None = None) -> tuple[str, ...]:
    """The ids of the objects without which this one cannot be; with ``kind`` just those of that kind."""
    return tuple(getattr(item, name) for parent, name in KINDS[kind_of(item)].parents if kind in (None, parent))


def differing(before: "Tree", after: "Tree") -> Iterator[tuple[AnyRecord | None, AnyRecord | None]]:
    """Each record that is another object in the one than in the other, as it was and as it is; None: not there."""
    for kind in KINDS:
        formers, records = before.of_kind(kind), after.of_kind(kind)
        if formers is records:
            continue
        for identifier, record in records.items():
            former = formers.get(identifier)
            if former is not record:
                yield former, record
        for identifier, former in formers.items():
            if identifier not in records:
                yield former, None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """One load balancer, whole: the unit in which changes are checked, numbered, applied and reported.

    ``hosted`` False: it has no VIP yet and is on no host; it holds a pool of LBaaS v1 that stands alone, and nobody is
    shown the load balancer itself. Whatever is changed in it is in force at once. ``children``: by kind, from id to
    record, in the order of creation. ``placements``: the agents that have it, one each; none only while it is planned.
    ``edition``: of the document that is made of it, 0 where it is not stored; a tree that is made of it has none.
    """

    load_balancer: Record[LoadBalancer]
    generation: int
    placements: tuple[Placement, ...] = ()
    children: Mapping[Kind, Children] = field(default_factory=dict)
    edition: int = field(default=0, init=False, compare=False, repr=False)
    _by_parent: dict[tuple[Kind, str], dict[str, list[Record[Any]]]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        complete = {kind: self.children.get(kind, {}) for kind in KINDS if kind is not Kind.LOAD_BALANCER}
        object.__setattr__(self, "children", complete)
        object.__setattr__(self, "placements", in_order(self.placements))

    @property
    def id(self) -> str:
        return self.load_balancer.item.id

    @property
    def hosted(self) -> bool:
        return self.load_balancer.item.port_id is not None

    @property
    def agents(self) -> tuple[str, ...]:
        """The names of those that have it."""
        return tuple(placement.agent for placement in self.placements)

    @property
    def home(self) -> str:
        """The agent that serves it, for those who are shown one; empty while it is being planned."""
        return next(iter(self.agents), "")

    def placement_of(self, agent: str) -> Placement | None:
        return next((placement for placement in self.placements if placement.agent == agent), None)

    @property
    def listeners(self) -> dict[str, Record[Listener]]:
        return self.children[Kind.LISTENER]

    @property
    def pools(self) -> dict[str, Record[Pool]]:
        return self.children[Kind.POOL]

    @property
    def members(self) -> dict[str, Record[Member]]:
        return self.children[Kind.MEMBER]

    @property
    def monitors(self) -> dict[str, Record[HealthMonitor]]:
        return self.children[Kind.HEALTH_MONITOR]

    @property
    def policies(self) -> dict[str, Record[L7Policy]]:
        return self.children[Kind.L7_POLICY]

    @property
    def rules(self) -> dict[str, Record[L7Rule]]:
        return self.children[Kind.L7_RULE]

    # ------------------------------------------------------------------------------------------------------- looking

    def of_kind(self, kind: Kind) -> Children:
        return {self.id: self.load_balancer} if kind is Kind.LOAD_BALANCER else self.children[kind]

    def records(self) -> list[AnyRecord]:
        """All records, parents before children."""
        return [self.load_balancer, *(record for records in self.children.values() for record in records.values())]

    def get(self, identifier: str) -> AnyRecord | None:
        if identifier == self.id:
            return self.load_balancer
        return next((records[identifier] for records in self.children.values() if identifier in records), None)

    def children_of(self, kind: Kind, parent_id: str) -> list[Record[Any]]:
        """Found by an index that is made once for a tree."""
        return [
            record
            for _, name in KINDS[kind].parents
            for record in self._index(kind, name, _ids_in(name)).get(parent_id, ())
        ]

    def members_of(self, pool_id: str) -> list[Record[Member]]:
        return self.children_of(Kind.MEMBER, pool_id)

    def monitors_of(self, pool_id: str) -> list[Record[HealthMonitor]]:
        return self.children_of(Kind.HEALTH_MONITOR, pool_id)

    def monitor_of(self, pool_id: str) -> Record[HealthMonitor] | None:
        """The one that Octavia's API shows as the pool's: the first that is on, else the first; not one that goes as
        long as another comes."""
        monitors = self.monitors_of(pool_id)
        return min(monitors, key=lambda each: (each.deleting, not each.item.admin_state_up), default=None)

    def listeners_of(self, pool_id: str) -> list[Record[Listener]]:
        """Those whose default pool it is."""
        return list(self._index(Kind.LISTENER, "pools used", pools_used_by).get(pool_id, ()))

    def policies_of(self, listener_id: str) -> list[Record[L7Policy]]:
        """In the order of their places, those that are being deleted last."""
        found = self.children_of(Kind.L7_POLICY, listener_id)
        return sorted(found, key=lambda record: (record.deleting, record.item.place))

    def rules_of(self, policy_id: str) -> list[Record[L7Rule]]:
        return self.children_of(Kind.L7_RULE, policy_id)

    def policies_to(self, pool_id: str) -> list[Record[L7Policy]]:
        """Those that send requests to the pool, or would if they were enabled."""
        return list(self._index(Kind.L7_POLICY, "pools chosen", _pool_chosen_by).get(pool_id, ()))

    def pools_of(self, listener_id: str) -> list[str]:
        """The ids of the pools that the listener uses: its default pool, and those that policies in force choose."""
        policies = self.policies_of(listener_id)
        chosen = (each.item.redirect_pool_id for each in policies if self._is_in_force(each))
        used = (*pools_used_by(self.listeners[listener_id].item), *chosen)
        return list(dict.fromkeys(pool_id for pool_id in used if pool_id is not None))

    def users_of(self, pool_id: str) -> list[Record[Listener]]:
        """The listeners that use the pool, by default or by a policy in force."""
        by_policy = (each.item.listener_id for each in self.policies_to(pool_id) if self._is_in_force(each))
        ids = dict.fromkeys((*(record.id for record in self.listeners_of(pool_id)), *by_policy))
        return [self.listeners[identifier] for identifier in ids]

    def _is_in_force(self, policy: Record[L7Policy]) -> bool:
        return policy.item.admin_state_up and any(rule.item.admin_state_up for rule in self.rules_of(policy.id))

    def descendants_of(self, identifiers: Collection[str]) -> set[str]:
        """The ids of all objects that go when these go, these included."""
        going = set(identifiers)
        if not going:
            return going
        if self.id in going:
            return going | {record.id for record in self.records()}
        for kind, records in self.children.items():
            names = [name for _, name in KINDS[kind].parents]
            going.update(
                key for key, record in records.items() if any(getattr(record.item, name) in going for name in names)
            )
        return going

    def _index(self, kind: Kind, name: str, keys_of: Callable[[Any], Iterable[str]]) -> Mapping[str, list[Record[Any]]]:
        index = self._by_parent.get((kind, name))
        if index is None:
            index = {}
            for record in self.children[kind].values():
                for key in keys_of(record.item):
                    index.setdefault(key, []).append(record)
            self._by_parent[kind, name] = index
        return index

    def note_stored(self, edition: int) -> None:
        """By the store, before anybody else has it; what is made of it differs by no more than that."""
        object.__setattr__(self, "edition", edition)

    def carried(self) -> dict[str, Any]:
        """What travels to the agents, by the fields of ``Desired``: everything but what is being deleted."""
        return {
            line.carried_as: tuple(record.item for record in self.of_kind(kind).values() if not record.deleting)
            for kind, line in KINDS.items()
            if line.carried_as is not None
        }

    # ------------------------------------------------------------------------------------------------------ changing

    def with_records(self, records: Iterable[AnyRecord]) -> "Tree":
        """The same tree with each record put in place of the one with its id, or added; linear in the tree and in the
        records."""
        by_kind: dict[Kind, Children] = {}
        for record in records:
            by_kind.setdefault(kind_of(record.item), {})[record.id] = record
        head = by_kind.pop(Kind.LOAD_BALANCER, {}).get(self.id, self.load_balancer)
        changed = {kind: {**self.children[kind], **put} for kind, put in by_kind.items()}
        return replace(self, load_balancer=cast(Record[LoadBalancer], head), children={**self.children, **changed})

    def with_record(self, record: AnyRecord) -> "Tree":
        return self.with_records((record,))

    def without(self, *identifiers: str) -> "Tree":
        """The same tree without those children; what they are the parents of stays until it is removed itself."""
        leaving = frozenset(identifiers)
        return replace(self, children={kind: _less(records, leaving) for kind, records in self.children.items()})

    def stepped(self, step: Step, records: Iterable[AnyRecord]) -> "Tree":
        """These records of it taken through one step; children for which it gives None are left out. A mapping in which
        nothing has changed is the very same, so that a store need not compare."""
        head = self.load_balancer
        changed: dict[Kind, dict[str, Record[Any] | None]] = {}
        for record in records:
            result = step(record)
            if record.id == self.id:
                head = result or head
            elif result is not record:
                changed.setdefault(kind_of(record.item), {})[record.id] = result
        put = {kind: _with(self.children[kind], results) for kind, results in changed.items()}
        return replace(self, load_balancer=head, children={**self.children, **put})


def _pool_chosen_by(policy: L7Policy) -> tuple[str, ...]:
    return () if policy.redirect_pool_id is None else (policy.redirect_pool_id,)


def _ids_in(name: str) -> Callable[[Any], tuple[str]]:
    return lambda item: (getattr(item, name),)


def _less(records: Children, leaving: frozenset[str]) -> Children:
    if leaving.isdisjoint(records):
        return records
    return {key: record for key, record in records.items() if key not in leaving}


def _with(records: Children, results: Mapping[str, Record[Any] | None]) -> Children:
    """The records with these in their places; what is None goes."""
    found = records.copy()
    for key, result in results.items():
        if result is None:
            del found[key]
        else:
            found[key] = result
    return found
