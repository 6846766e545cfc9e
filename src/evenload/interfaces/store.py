"""What the layers above ask of the store: one transaction in parts, and the unit of work that runs it."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from evenload.model.balancer import AnyRecord, MonitorTemplate
from evenload.model.catalogue import AnyEntry, Entry
from evenload.model.enums import Kind, OperatingStatus, ProvisioningStatus
from evenload.model.event import Event, EventQuery, KeptEvent
from evenload.model.held_port import HeldPort
from evenload.model.network import Network, Port, Subnet
from evenload.model.placement import Placement, Placements
from evenload.model.query import Page, Query, View
from evenload.model.registration import DEFAULT_ZONE
from evenload.model.stored_secret import AnyStored, Sealed, Stored, StoredSecret
from evenload.model.totals import Count
from evenload.model.tree import Tree

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentRecord:
    """A host that serves load balancers. ``load``: how many it has. ``admin_state_up`` False: it is given no more.

    ``created_at``: first heard of; ``started_at``: last registered; None where that was before it was written down.
    ``availability_zone``: that of its host, as it last said.
    """

    name: str
    seen_at: datetime
    load: int = 0
    created_at: datetime | None = None
    started_at: datetime | None = None
    admin_state_up: bool = True
    description: str = ""
    availability_zone: str = DEFAULT_ZONE


# A transaction in parts: a function takes the part that it needs. ``insert_*`` makes what was not there, ``update_*``
# changes what is: neither does the other's work, so that nothing comes back that somebody has removed meanwhile. Where
# what is to be changed is gone they raise Overtaken, which ``UnitOfWork.write`` answers by running the work again.


class TreePart(Protocol):
    """Trees are read and written whole."""

    def tree(self, load_balancer_id: str) -> Tree | None:
        """In a writing transaction nobody else changes that tree until it ends."""

    def lock_trees(self, load_balancer_ids: Iterable[str | None]) -> None:
        """Before several trees are read: has them locked in the one order. None and unknown ids are passed over."""

    def owner_of(self, kind: Kind, identifier: str) -> str | None:
        """The id of the tree to which the object belongs, be it hosted or not."""

    def bound_to(self, agent: str) -> list[str]:
        """The ids of all trees that belong to this agent, hosted or not."""

    def insert_tree(self, tree: Tree) -> None: ...

    def update_tree(self, before: Tree, after: Tree) -> None:
        """Writes just the records that differ. ``before`` is what this transaction has read."""

    def remove_tree(self, before: Tree) -> None:
        """With its statistics."""


class ListPart(Protocol):
    """What people are shown."""

    def view(self, kind: Kind, identifier: str) -> View[AnyRecord] | None:
        """None also for a load balancer that is not hosted."""

    def find(self, kind: Kind, query: Query) -> Page[AnyRecord]:
        """Raises Invalid for a field it does not know and for an unknown marker, naming the field. Load balancers that
        are not hosted are left out."""

    def count(self, kind: Kind, query: Query) -> int:
        """How many objects ``find`` would give in all, those that are being deleted left out."""

    def count_statuses(self, kind: Kind) -> dict[tuple[ProvisioningStatus, OperatingStatus], int]:
        """Of all objects that ``find`` would give, those that are being deleted, too."""

    def names(self, kind: Kind, identifiers: Collection[str]) -> dict[str, tuple[str, str]]:
        """Name and project of each of these objects that there is."""


class StatisticsPart(Protocol):
    def counts(self, load_balancer_id: str) -> dict[str, tuple[Count, ...]]:
        """By listener id; listeners for which nothing was reported are missing."""

    def save_counts(self, load_balancer_id: str, by_listener: Mapping[str, tuple[Count, ...]]) -> None:
        """All counts of these listeners; ids of others than the load balancer's own are passed over."""


class AgentPart(Protocol):
    """Agents, and what each has to do."""

    def assignments(self, agent: str) -> dict[str, int]:
        """Load balancer id → generation of all that this agent must have or must still remove: the hosted ones."""

    def placements(self) -> list[tuple[str, int, Placement]]:
        """Of all hosted load balancers: id, incarnation, and where it runs."""

    def placements_of(self, load_balancer_ids: Sequence[str]) -> dict[str, Placements]:
        """Of these, by id; those that are on no host are missing."""

    def pending_since(self, moment: datetime) -> list[str]:
        """Load balancers that have a record PENDING_* since before that moment (updated_at, else created_at)."""

    def with_tls(self) -> list[str]:
        """Load balancers that have a listener or a pool with TLS, sorted."""

    def agents(self) -> list[AgentRecord]: ...

    def held_agent(self, name: str) -> AgentRecord | None:
        """As it is now. Until the transaction ends nobody changes or removes it; any number may hold it at once."""

    def locked_agent(self, name: str) -> AgentRecord | None:
        """As it is now. Nobody else holds it, or gets it by this method, until the transaction ends."""

    def insert_agent(self, name: str, moment: datetime, availability_zone: str = DEFAULT_ZONE) -> None:
        """Heard of for the first time, and started, at that moment."""

    def agent_seen(
        self, name: str, moment: datetime, *, started: bool = False, availability_zone: str | None = None
    ) -> bool:
        """False where there is no such agent. ``availability_zone`` None: as it was."""

    def update_agent(self, name: str, *, admin_state_up: bool, description: str) -> None: ...

    def remove_agent(self, name: str) -> None:
        """Quiet about one that is not there; its load balancers stay as they are."""


class TombstonePart(Protocol):
    """What agents that were away have yet to remove: by load balancer and agent, the generation of the deletion, or of
    the change that gave it elsewhere."""

    def tombstone(self, load_balancer_id: str, agent: str) -> int | None: ...

    def save_tombstone(self, load_balancer_id: str, agent: str, generation: int, moment: datetime) -> None:
        """In place of the one that is there. The load balancer is locked."""

    def remove_tombstone(self, load_balancer_id: str, agent: str) -> None: ...
    def rename_tombstones(self, former: str, name: str) -> None: ...
    def has_tombstones_before(self, moment: datetime) -> bool: ...
    def remove_tombstones_before(self, moment: datetime) -> None: ...


class EventPart(Protocol):
    """What happened. Events outlive what they tell of."""

    def insert_events(self, events: Sequence[Event]) -> None: ...
    def events(self, query: EventQuery) -> list[KeptEvent]:
        """In the order in which they were written."""

    def remove_events(self, *, before: datetime, keep: int, most: int) -> int:
        """How many of the oldest are gone now, ``most`` at once: those before that moment, and those beyond the newest
        ``keep``."""


class TemplatePart(Protocol):
    """Health monitors of LBaaS v1."""

    def template(self, identifier: str) -> MonitorTemplate | None:
        """In a writing transaction nobody else changes it until that ends."""

    def lock_templates_of(self, load_balancer_id: str) -> None:
        """Before the tree is read: has the templates locked that came with its monitors."""

    def templates(self, project_id: str | None = None) -> list[MonitorTemplate]:
        """In the order of creation."""

    def insert_template(self, template: MonitorTemplate) -> None: ...
    def update_template(self, template: MonitorTemplate) -> None: ...
    def remove_template(self, identifier: str) -> None: ...


class CataloguePart(Protocol):
    """Flavors, availability zones and their profiles; ``kind`` is the entry's class, its key the id or, of a zone, the
    name. There are few of each."""

    def entries(self, kind: type[AnyEntry]) -> list[AnyEntry]:
        """In the order of creation."""

    def held_entry(self, kind: type[AnyEntry], key: str) -> AnyEntry | None:
        """As it is now. In a writing transaction nobody changes or removes it until that ends; any number may hold it
        at once."""

    def locked_entry(self, kind: type[AnyEntry], key: str) -> AnyEntry | None:
        """As it is now. Nobody else holds it, or gets it by this method, until the writing transaction ends."""

    def insert_entry(self, entry: Entry) -> None:
        """Raises Overtaken where the key, or a flavor's name, is taken."""

    def update_entry(self, entry: Entry) -> None:
        """Raises Overtaken as ``insert_entry`` does."""

    def remove_entry(self, entry: Entry) -> None:
        """Quiet about one that is not there."""


class SecretPart(Protocol):
    """Secrets and containers of them; ``kind`` is the class. Payloads are sealed: whoever has the database has none."""

    def stored(self, kind: type[AnyStored], identifier: str) -> AnyStored | None: ...
    def locked_stored(self, kind: type[AnyStored], identifier: str) -> AnyStored | None:
        """As it is now; nobody else changes it, or gets it by this method, until the transaction ends."""

    def all_stored(self, kind: type[AnyStored], project_id: str | None = None) -> list[AnyStored]:
        """In the order of creation; of all projects where none is named."""

    def count_stored(self, kind: type[AnyStored], project_id: str) -> int: ...
    def past_secrets(self, project_id: str, now: datetime) -> list[StoredSecret]:
        """Those whose expiration is not after ``now``."""

    def insert_stored(self, stored: Stored) -> None:
        """Raises Overtaken where the id is taken."""

    def update_stored(self, stored: Stored) -> None: ...
    def remove_stored(self, stored: Stored) -> None:
        """With the payload. Quiet about one that is not there."""

    def sealed(self, identifier: str) -> Sealed | None:
        """A secret's payload."""

    def save_sealed(self, identifier: str, sealed: Sealed) -> None:
        """In place of the one that is there."""

    def sealed_otherwise(self, key_ids: Collection[str], most: int) -> list[str]:
        """The ids of so many secrets whose payload was sealed by none of these keys."""

    def sealing_keys(self) -> dict[str, int]:
        """By how many payloads each key is needed."""


class QuotaPart(Protocol):
    def lock_project(self, project_id: str) -> None:
        """Others who ask the same wait until this transaction ends, so that what is counted here stays true."""

    def quotas(self, project_id: str | None = None) -> dict[str, dict[str, int]]:
        """Project → resource → limit, of what was set; all projects where none is named."""

    def save_quotas(self, project_id: str, limits: Mapping[str, int]) -> None:
        """Those of other resources stay."""

    def remove_quotas(self, project_id: str, resources: Collection[str]) -> None:
        """Quiet about what was not set."""


class NetworkPart(Protocol):
    """Networks, subnets, ports and addresses. Each remove_* is quiet about what is not there.

    Who changes a network, its subnets or which addresses are taken there has the network locked.
    """

    def locked_network(self, identifier: str) -> Network | None:
        """As it is now; nobody else changes it, or gets it by this method, until the transaction ends."""

    def network(self, identifier: str) -> Network | None: ...
    def networks(self) -> list[Network]: ...
    def insert_network(self, network: Network) -> None:
        """Raises Conflict where another network lies on that segment."""

    def update_network(self, network: Network) -> None: ...
    def remove_network(self, identifier: str) -> None: ...
    def subnet(self, identifier: str) -> Subnet | None: ...
    def subnets(self, network_id: str | None = None) -> list[Subnet]: ...
    def insert_subnet(self, subnet: Subnet) -> None: ...
    def update_subnet(self, subnet: Subnet) -> None: ...
    def remove_subnet(self, identifier: str) -> None: ...
    def locked_port(self, identifier: str) -> Port | None:
        """As ``locked_network``."""

    def port(self, identifier: str) -> Port | None: ...
    def ports(self, network_id: str | None = None) -> list[Port]: ...
    def insert_port(self, port: Port) -> None:
        """Raises Conflict where another port has one of its addresses or its MAC in the same network."""

    def update_port(self, port: Port) -> None:
        """Raises Conflict as ``insert_port`` does."""

    def remove_port(self, identifier: str) -> None: ...
    def addresses_taken(self, subnet_id: str) -> set[str]: ...


class HeldPortPart(Protocol):
    """VIP ports as they are held at the port provider."""

    def insert_held_port(self, held: HeldPort) -> None: ...
    def update_held_port(self, held: HeldPort) -> None: ...

    def remove_held_port(self, identifier: str) -> None:
        """Quiet about one that is not there."""

    def held_port(self, identifier: str) -> HeldPort | None:
        """In a writing transaction nobody else changes it until that ends."""

    def held_port_at(self, port_id: str) -> HeldPort | None:
        """By the id of the port itself, unlocked."""

    def held_ports_due(self, reserved_before: datetime) -> list[HeldPort]:
        """Those whose provider has yet to be told something, and those reserved before that moment."""


class Transaction(
    TreePart,
    ListPart,
    StatisticsPart,
    AgentPart,
    TemplatePart,
    CataloguePart,
    SecretPart,
    QuotaPart,
    NetworkPart,
    HeldPortPart,
    TombstonePart,
    EventPart,
    Protocol,
):
    """One transaction: all of it or nothing. Methods raise nothing of the database's own words.

    Locks are taken in one order by everybody: profiles, flavors, zones, networks, templates, trees by id, the project,
    secrets, containers, agents by name, held ports, ports by id.
    Whoever needs an earlier one after a later one may meet another who waits the other way round; the database ends one
    of the two then, and the work is run again.
    """


class UnitOfWork(Protocol):
    def identity(self) -> str:
        """The UUID of the database, made once, together with it. Asks the database: another one may lie in its place
        by now."""

    def read(self) -> AbstractContextManager[Transaction]:
        """A consistent snapshot; writing through it is an error."""

    def look(self, question: Callable[[Transaction], T]) -> T:
        """What ``question`` returns of a consistent snapshot; writing is an error. Cheaper than ``read`` where the
        database has one thing to say. It may be asked twice, the second time of a later snapshot."""

    def write(self, work: Callable[[Transaction], T]) -> T:
        """What ``work`` returns, once all that it wrote is committed and on the disk; an exception undoes everything.

        Where another change came in between, ``work`` is run again in a new transaction, a bounded number of times:
        it has no effects but those on its transaction. After the commit the agents of every tree that was inserted,
        or saved with a raised generation or for another agent, get a hint. Raises StoreUnavailable, and Unconfirmed
        where all is committed but may not be on the disk; then there are no hints.
        """
