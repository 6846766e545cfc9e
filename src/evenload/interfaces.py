"""The seams: what the layers above the model ask of each other, as Protocols.

``service`` and ``agent`` are written against these; ``store``, ``bus``, ``ports`` and ``host`` fulfil them; ``main``
puts them together. A fake of one of these passes the same contract suite as the real thing (tests/contract).
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from evenload.model.balancer import AnyRecord, MonitorTemplate, Vip
from evenload.model.catalogue import AnyEntry, Entry
from evenload.model.certificate import Authorities, Bundle, Revocations
from evenload.model.desired import (
    Desired,
    DesiredPort,
    Gone,
    Health,
    PingTarget,
    ProxyStatistics,
    Report,
    Unreadable,
)
from evenload.model.enums import Kind
from evenload.model.errors import UnusableSecret
from evenload.model.held_port import HeldPort
from evenload.model.named_file import NamedFile
from evenload.model.network import Network, Port, Subnet
from evenload.model.network_steps import NetworkStep
from evenload.model.observed import NetworkObserved, Observed
from evenload.model.placement import Placement, Placements
from evenload.model.query import Page, Query, View
from evenload.model.registration import DEFAULT_ZONE, Registration, Welcome
from evenload.model.secret import SecretBytes, SecretReference
from evenload.model.slot import SlotChange
from evenload.model.snapshot import Snapshot
from evenload.model.stored_secret import AnyStored, Sealed, Stored, StoredSecret
from evenload.model.totals import Count
from evenload.model.tree import Tree
from evenload.model.verdict import Verdict

T = TypeVar("T")

# ---------------------------------------------------------------------------------------------------------- the store


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


# -------------------------------------------------------------------------------------------------------------- ports


@dataclass(frozen=True, slots=True, kw_only=True)
class VipRequest:
    """What a caller said about the VIP; at least one of port, network and subnet.

    ``additional``: (subnet id, address or None, port id or None). ``every_project``: the caller is an administrator,
    other projects' networks are not hidden from it. ``port_name`` is that of a port that is made for it.
    """

    port_id: str | None = None
    network_id: str | None = None
    subnet_id: str | None = None
    address: str | None = None
    additional: tuple[tuple[str, str | None, str | None], ...] = ()
    every_project: bool = False
    port_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VipPort:
    """The port that was made or taken, with the VIPs in the order of the request, the primary first. ``described``:
    what its agent is told of it."""

    network_id: str
    vips: tuple[Vip, ...]
    own_port: bool
    described: DesiredPort

    @property
    def port_id(self) -> str:
        return self.described.id


class PortProvider(Protocol):
    """Where VIP ports come from: the built-in IPAM, later Neutron.

    No method is called inside a transaction: each may go over a network, take its time, or fail. What has to be atomic
    is noted in rows (``HeldPort``), and told to the provider after the commit, again and again until it succeeds.
    Raises PortsUnavailable or StoreUnavailable where it may succeed later.
    """

    @property
    def rows(self) -> "PortRows | None":
        """The same as a part of transactions, of a provider whose ports are rows of the same database."""

    def reserve_vip_port(self, held: HeldPort, project_id: str, request: VipRequest) -> VipPort:
        """Raises Invalid or Conflict naming the field of the request; nothing is taken then."""

    def bind_vip_port(self, held: HeldPort) -> None:
        """``held.host`` has the port plugged in and up. May be repeated."""

    def release_vip_port(self, held: HeldPort) -> None:
        """Removes a port that it made, frees a given one. May be repeated, and be asked of a port that was never
        made, or was made by a call that nobody lived to see the end of."""

    def check_subnets(self, subnet_ids: Sequence[str], project_id: str, *, every_project: bool) -> None:
        """Raises Invalid (field ``subnet_id``) where a member's subnet is unknown to that project."""


class PortRows(Protocol):
    """What ``PortProvider`` does, inside a writing transaction. Nothing here goes over a network."""

    def reserve(self, transaction: NetworkPart, held: HeldPort, project_id: str, request: VipRequest) -> VipPort: ...
    def bind(self, transaction: NetworkPart, held: HeldPort) -> None: ...
    def release(self, transaction: NetworkPart, held: HeldPort) -> None: ...


# ------------------------------------------------------------------------------------------------------------ secrets


class SecretStore(Protocol):
    """Where the server keeps secrets."""

    def read(self, identifier: str) -> SecretBytes:
        """Outside of any transaction: it may take its time. Raises SecretUnavailable, naming the secret."""


class Certificates(Protocol):
    """What references of a project stand for, read as what it is wanted for. Outside of any transaction: it may take
    its time.

    A reference is an address in Barbican's shape (model/secret_place.py). Each method raises UnusableSecret, whose
    ``fault`` says why and which ``about`` makes one of a field; also where the project may not read it. Raises
    StoreUnavailable where nobody could look: trying again may help. What is valid no more, or not yet, is given all the
    same: ``Certificate.is_valid_at`` tells. Documents name the content by ``UsedPlace.reference``.
    """

    def bundle(self, reference: str, project_id: str) -> Bundle:
        """A server's certificate: one secret (PKCS12, or PEM with everything), or a container of certificates."""

    def authorities(self, reference: str, project_id: str) -> Authorities:
        """One secret: PEM, DER or PKCS7."""

    def revocations(self, reference: str, project_id: str) -> Revocations:
        """One secret: PEM or DER."""

    def verify(self, revocations: Revocations, authorities: Authorities) -> None:
        """Raises UnusableSecret for a list that none of the authorities has signed."""


class SecretAccess(Protocol):
    """Where secrets are kept by a service that knows callers by their tokens."""

    def admit(self, token: str, references: Sequence[str]) -> dict[str, UnusableSecret]:
        """Whether the caller may read what he names, and the service with his consent. The faults by reference; of what
        is no reference nothing is said. Raises StoreUnavailable where nobody could look."""


# ---------------------------------------------------------------------------------------------------------------- bus


class AgentBus(Protocol):
    """The server's way to its agents. A hint may be lost, doubled or late."""

    def hint(self, agent: str, load_balancer_id: str, generation: int, snapshot: Snapshot | None = None) -> None:
        """``snapshot``: the document of that generation, which saves the agent a fetch; a bus may leave it out. Never
        blocks, never raises."""


class Server(Protocol):
    """The agent's way to its server, which knows who speaks. Every method may raise ServerUnavailable; all may be
    repeated. Until ``register`` has succeeded every other method raises ServerUnavailable."""

    def register(self, registration: Registration) -> Welcome:
        """Raises Unwelcome where this server and this agent must not work together."""

    def fetch(self, load_balancer_ids: Sequence[str]) -> dict[str, Desired | Gone | Unreadable]:
        """An answer for each id."""

    def assignments(self) -> dict[str, int]:
        """Load balancer id → generation. Also the agent's sign of life."""

    def secrets(self, load_balancer_id: str, references: Sequence[SecretReference]) -> dict[str, SecretBytes]:
        """The contents of secrets that the load balancer's document names, by fingerprint. Raises SecretUnavailable
        where one of them cannot be had."""

    def report(self, report: Report) -> None: ...

    def health(self, healths: Sequence[Health]) -> None: ...


class Gateway(Protocol):
    """The server as its agents see it. The transport says which agent speaks; it asked the kernel or the broker.

    Every method may raise ServerUnavailable; all may be repeated.
    """

    def register(self, agent: str, registration: Registration) -> Welcome:
        """Raises Unwelcome."""

    def fetch(self, agent: str, load_balancer_ids: Sequence[str]) -> dict[str, Desired | Gone]: ...
    def assignments(self, agent: str) -> dict[str, int]: ...
    def secrets(
        self, agent: str, load_balancer_id: str, references: Sequence[SecretReference]
    ) -> dict[str, SecretBytes]:
        """Only for what the document names that this agent would be answered now. Raises SecretUnavailable."""

    def report(self, agent: str, report: Report) -> None: ...
    def health(self, agent: str, healths: Sequence[Health]) -> None: ...


# --------------------------------------------------------------------------------------------------------------- host


class Host(Protocol):
    """One machine, as far as load balancers go: the only thing in Evenload that needs root.

    Every operation either takes effect or raises HostError (Hopeless where trying again cannot help). ``ensure_*`` and
    ``remove_*`` may be repeated. Different load balancers may be worked on in parallel, one of them never.
    A namespace is named after its load balancer: ``qlbaas-<id>``.
    """

    def prepare(self) -> list[str]:
        """Before the first load balancer: checks what is needed (Hopeless says what is missing), makes what may be
        made (bridges of the mapping, kernel limits); returns warnings for people."""

    def findings(self) -> list[str]:
        """What stands in the way of all load balancers just now, for people. A look, for each resync."""

    def load_balancer_ids(self) -> list[str]:
        """The load balancers that have a state directory here, or a HAProxy of which nothing is recorded any more
        (HaproxyObserved.orphan tells of those that were found here)."""

    def observe(self, load_balancer_id: str, port: DesiredPort | None) -> Observed:
        """``port``: the one to look for; None: the one of the remembered document."""

    def glance(self, load_balancer_id: str) -> object | None:
        """In a few system calls, what is another value where somebody has changed what no event tells of: the files,
        the name of the namespace. None where the events are not heard, so that nothing follows from it. Never raises
        HostError."""

    # State directory

    def ensure_state(self, load_balancer_id: str) -> None: ...

    def remember(self, desired: Desired) -> None:
        """Keeps the document as the last one applied (Observed.applied)."""

    def write_files(self, load_balancer_id: str, files: Sequence[NamedFile]) -> None:
        """Beside the texts, in ``files/<fingerprint>`` of the state directory. May be repeated."""

    def remove_files(self, load_balancer_id: str, names: Sequence[str]) -> None:
        """May be repeated."""

    def link_slots(self, load_balancer_id: str, links: Mapping[str, str], gone: Collection[str]) -> None:
        """What the next process reads in the slots ``slots/<name>``: the file of each fingerprint. May be repeated."""

    def change_slots(self, load_balancer_id: str, changes: Sequence[SlotChange]) -> None:
        """Of the running process, in order; the content is in the files already. May be repeated. Raises HostError
        where HAProxy refuses; the changes before that one are made then."""

    def renew_tickets(self, load_balancer_id: str) -> None:
        """A new key for TLS session tickets, on disk and in the running process, if there is one; where there is no
        file with them it is made."""

    def write_config(self, load_balancer_id: str, text: str) -> None:
        """Brings the configuration file on disk to this text; the running process is not touched."""

    def remove_state(self, load_balancer_id: str) -> None: ...

    # Network

    def ensure_namespace(self, load_balancer_id: str) -> None: ...

    def remove_namespace(self, load_balancer_id: str) -> None:
        """Ends what still runs inside, removes the name; returns when the devices of the namespace are gone."""

    def plug(self, load_balancer_id: str, port: DesiredPort) -> None:
        """The port's device in the namespace, with MAC and MTU, its other end on the segment's bridge and up; an
        existing one is brought to that. The device itself stays down until BringUp."""

    def unplug(self, load_balancer_id: str, port_id: str) -> None: ...

    def remove_foreign_device(self, load_balancer_id: str, device: str) -> None: ...

    def configure(self, load_balancer_id: str, port: DesiredPort, steps: Sequence[NetworkStep]) -> None:
        """The steps in order, in one visit to the namespace, on that port's device."""

    # HAProxy

    def begin_haproxy(self, load_balancer_id: str, text: str, worker: int, *, takeover: bool) -> None:
        """Begins a process that loads, reads the text and waits: it binds nothing, and where it is to take over, the
        running one serves on. ``start_haproxy`` (``takeover``: ``reload_haproxy``) with the same text and number lets
        it go on, and begins one itself where this was not done."""

    def abandon_haproxy(self, load_balancer_id: str) -> None:
        """Ends a process that was begun and not let go on; quiet where there is none."""

    def begin_spare(self, load_balancer_id: str, worker: int, *, takeover: bool) -> None:
        """Begins a process ahead of any text, for the start (``takeover``: reload) of worker number ``worker``, which
        is quicker then; it reads nothing until that comes. Replaces an earlier one. One that does not serve when it is
        needed is ended, and the start goes its usual way. As all that changes a load balancer, it is alone with it."""

    def end_spare(self, load_balancer_id: str) -> None:
        """Quiet where there is none."""

    def spares(self) -> Mapping[str, int]:
        """The load balancers that have one, with the worker's number."""

    def ensure_next(self) -> None:
        """Keeps a namespace with a spare in it for the next load balancer that has none yet; ``ensure_namespace`` gives
        it away."""

    def end_next(self) -> None:
        """Quiet where there is none."""

    def start_haproxy(self, load_balancer_id: str, text: str, worker: int) -> int:
        """Starts a process by the text, which becomes the live file; returns its pid once it listens. Raises
        InvalidConfiguration where HAProxy refuses the text; after any failure the former live file is there."""

    def reload_haproxy(self, load_balancer_id: str, text: str, worker: int, server_states: str | None) -> int:
        """Starts worker number ``worker`` by the text, which takes over the listening sockets of the running one and
        lets it finish; one that hangs is ended. ``server_states``: content of the state file the new process starts
        from. Raises InvalidConfiguration where HAProxy refuses the text; after any failure the old process serves on
        and the former live file is there."""

    def finish_haproxy(self, load_balancer_id: str) -> None:
        """The running worker listens no more and ends with its last connection, bounded in time as after a reload;
        returns when nobody listens. One that does not answer is ended."""

    def stop_haproxy(self, load_balancer_id: str) -> None:
        """Ends every worker of this load balancer, old ones too."""

    def runtime(self, load_balancer_id: str, commands: Sequence[str]) -> list[str]:
        """Sends commands to the running process one by one; returns its answers, stripped."""

    def record_running(self, load_balancer_id: str, text: str) -> None:
        """After runtime changes: the text that the running process now amounts to (HaproxyProcess.text)."""

    def read_statistics(self, load_balancer_id: str) -> dict[int, tuple[ProxyStatistics, ...]]:
        """By worker, the ones that are finishing included; those that do not answer are missing. A finishing one that
        is idle is let go then, so that its last numbers are read but once. The servers' rows of a large
        one may be some seconds old, where nothing tells of a change in their health."""

    def ask_statistics(self, load_balancer_ids: Sequence[str]) -> None:
        """Says whose ``read_statistics`` come next: it answers by what was so then, or later. May be left out."""

    def read_servers(self, load_balancer_id: str) -> tuple[ProxyStatistics, ...]:
        """The servers' rows of the worker that serves. Raises HostError where it does not answer."""

    def load_counters(self, load_balancer_id: str) -> str | None:
        """What save_counters kept, for the agent to read."""

    def save_counters(self, load_balancer_id: str, content: str) -> None: ...

    # Watching

    def watch(self, load_balancer_id: str, on_exit: Callable[[str], None]) -> None:
        """Calls ``on_exit(load_balancer_id)`` once when the current worker dies; also one that this agent did not
        start itself. Replaces an earlier watch of this load balancer."""

    def watch_networks(self, on_drift: Callable[[str], None]) -> None:
        """From now on calls ``on_drift(load_balancer_id)`` where somebody else changes a network otherwise than
        ``expect_network`` said, as far as the kernel tells of it, and where a bridge lets packets pass at last. A look
        at all at times stays necessary."""

    def expect_network(self, load_balancer_id: str, port: DesiredPort, network: NetworkObserved) -> None:
        """After changes of our own: this is what should be."""

    def ping(
        self,
        load_balancer_id: str,
        targets: Sequence[PingTarget],
        on_verdict: Callable[[str, Verdict], None],
    ) -> None:
        """Sends ICMP echos from the namespace to the targets, instead of those given before; calls ``on_verdict`` with
        the load balancer's id when ``rise`` or ``fall`` is reached. A target kept from before keeps its count. An empty
        sequence stops it."""

    def close(self) -> None:
        """Stops watching and pinging; what runs runs on."""


# --------------------------------------------------------------------------------------------------------------- clock


class Clock(Protocol):
    def now(self) -> datetime:
        """UTC, with zone."""

    def monotonic(self) -> float: ...
