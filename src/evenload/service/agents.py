"""The server as its agents see it: fulfils ``interfaces.Gateway``.

Many threads may use it. The name of the agent that speaks comes from the transport, never from a message. What it keeps
in memory only saves work: the time an agent was last written down, and each load balancer's last reported health.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from evenload.interfaces.secrets import SecretStore
from evenload.interfaces.store import Transaction
from evenload.model import placement
from evenload.model.desired import Desired, Gone, Health, Report
from evenload.model.errors import ForeignDatabase, Overtaken, ServerUnavailable, StoreUnavailable
from evenload.model.event import Event, EventKind, HostEvent
from evenload.model.registration import DEFAULT_ZONE, Registration, Welcome, is_foreign
from evenload.model.secret import SecretBytes, SecretReference
from evenload.model.totals import renamed
from evenload.model.tree import Tree
from evenload.service import reports
from evenload.service.context import Context
from evenload.service.documents import build_desired
from evenload.service.event_restraint import Sifted
from evenload.service.roll_call import BEGAN
from evenload.service.secrets import NoSecretStore, References, read_named, references_of

log = structlog.get_logger(__name__)

SIGN_OF_LIFE_EVERY = timedelta(seconds=10)
"""An agent that speaks every second is not written down every second."""

TRUST_MEMORY_FOR = 30.0
"""Seconds for which health that was reported before is not compared with the store again: another process may write."""


AT_ONCE = 20
"""Load balancers whose health is written in one transaction: callers who change something wait for no more."""


class AgentGateway:
    """``references``: what documents name of ``secrets``."""

    def __init__(
        self, context: Context, secrets: SecretStore | None = None, references: References = references_of
    ) -> None:
        self._context = context
        self._secrets = secrets or NoSecretStore()
        self._references = references
        self._lock = threading.Lock()
        self.registered = threading.Event()
        """Set once an agent has registered with this process."""
        self._written: dict[str, datetime] = {}
        self._databases: dict[str, str] = {}
        self._reported: dict[tuple[str, str], tuple[Health, float]] = {}
        self._reports = 0

    def register(self, agent: str, registration: Registration) -> Welcome:
        """From now on load balancers may be given to that agent. It gets what belonged to it under its former name.
        Nothing is written where the database is foreign to the agent's host."""
        with _translated():
            database = self._context.uow.identity()
            if is_foreign(database, registration, known=self._knows_one(registration.load_balancers)):
                raise ForeignDatabase(_foreign(database, registration))
            with self._lock:
                self._databases[agent] = database
            former = registration.former
            moved = self._rename(former, agent) if former is not None and former != agent else 0
            self._note_life(agent, started=registration.started, zone=registration.availability_zone)
        self.registered.set()
        return Welcome(database=database, moved=moved)

    def _rename(self, former: str, name: str) -> int:
        """With all that the agent has and has to remove. Returns how many load balancers that are."""

        def work(transaction: Transaction) -> int:
            moved = sorted(transaction.bound_to(former))
            trees = [tree for tree in map(transaction.tree, moved) if tree is not None]
            # Whoever had chosen it before has written its load balancer by now, and nobody chooses it any more.
            transaction.locked_agent(former)
            if sorted(transaction.bound_to(former)) != moved:
                raise Overtaken(f"Agent {former} was given something meanwhile.")
            for tree in trees:
                transaction.update_tree(
                    tree, replace(tree, placements=placement.renamed(tree.placements, former, name))
                )
                counts = transaction.counts(tree.id)
                transaction.save_counts(tree.id, {key: renamed(each, former, name) for key, each in counts.items()})
                if tree.hosted and reports.has_port(tree.placement_of(former)):
                    self._context.ports.bind(transaction, tree, name)
            transaction.rename_tombstones(former, name)
            transaction.remove_agent(former)
            return len(moved)

        moved = self._context.uow.write(work)
        self._context.ports.wake()
        if moved:
            log.info("the agent has another name", former=former, name=name, load_balancers=moved)
        return moved

    def fetch(self, agent: str, load_balancer_ids: Sequence[str]) -> dict[str, Desired | Gone]:
        """All from one snapshot."""
        with _translated():
            with self._context.uow.read() as transaction:
                found = {each: self._desired(transaction, agent, each) for each in load_balancer_ids}
            if any(isinstance(answer, Gone) for answer in found.values()):
                self._check_database(agent)
            return found

    def _desired(self, transaction: Transaction, agent: str, load_balancer_id: str) -> Desired | Gone:
        tree = transaction.tree(load_balancer_id)
        if tree is None:
            return Gone(load_balancer_id=load_balancer_id, generation=transaction.tombstone(load_balancer_id, agent))
        if not _has_document(tree, agent):
            return Gone(load_balancer_id=load_balancer_id, generation=tree.generation)
        port = self._context.ports.described(transaction, tree)
        return build_desired(tree, port, self._references(tree))

    def secrets(
        self, agent: str, load_balancer_id: str, references: Sequence[SecretReference]
    ) -> dict[str, SecretBytes]:
        with _translated(), self._context.uow.read() as transaction:
            tree = transaction.tree(load_balancer_id)
        named = self._references(tree) if tree is not None and _has_document(tree, agent) else ()
        return read_named(self._secrets, named, references)

    def assignments(self, agent: str) -> dict[str, int]:
        with _translated():
            self._check_database(agent)
            self._note_life(agent)
            with self._context.uow.read() as transaction:
                return transaction.assignments(agent)

    def report(self, agent: str, report: Report) -> None:
        with _translated():
            reception, entry = self._context.uow.write(
                lambda transaction: reports.apply_report(self._context, transaction, agent, report)
            )
            self._context.events.close(entry)
            self._context.ports.wake()
            reports.log_reception(reception, agent, report)
            with self._lock:  # objects have come, gone or changed their state
                self._reports += 1
                self._reported.pop((agent, report.load_balancer_id), None)

    def health(self, agent: str, healths: Sequence[Health]) -> None:
        """A writing transaction for up to ``AT_ONCE`` load balancers that have news, none where none has."""
        with _translated():
            self._note_life(agent)
            fresh, reports_before = self._unreported(agent, healths)
            if not fresh:
                return
            for first in range(0, len(fresh), AT_ONCE):
                self._write_news(agent, fresh[first : first + AT_ONCE])
            self._remember(agent, fresh, reports_before)

    def _write_news(self, agent: str, healths: Sequence[Health]) -> None:
        with self._context.uow.read() as transaction:
            news = [health for health in healths if reports.differs(self._context, transaction, agent, health)]
        news.sort(key=lambda health: health.load_balancer_id)  # the order of locks

        def work(transaction: Transaction) -> Sifted:
            told = [reports.apply_health(self._context, transaction, agent, health) for health in news]
            return self._context.events.enter(transaction, [event for events in told for event in events])

        if news:
            self._context.events.close(self._context.uow.write(work))

    def events(self, agent: str, events: Sequence[HostEvent]) -> None:
        """Of load balancers that the agent has; of others nobody would ask."""

        def work(transaction: Transaction) -> Sifted:
            trees = {each: transaction.tree(each) for each in {event.load_balancer_id for event in events}}
            return self._context.events.enter(
                transaction,
                [
                    event.told_by(agent, tree)
                    for event in events
                    if (tree := trees[event.load_balancer_id]) is not None and reports.concerns(tree, agent)
                ],
            )

        with _translated():
            self._context.events.close(self._context.uow.write(work))

    def _knows_one(self, load_balancer_ids: Sequence[str]) -> bool:
        with self._context.uow.read() as transaction:
            return any(transaction.tree(identifier) is not None for identifier in load_balancer_ids)

    def _check_database(self, agent: str) -> None:
        """Another one may have been put in its place since the agent registered: it would have everything removed."""
        with self._lock:
            registered = self._databases.get(agent)
        if registered is not None and self._context.uow.identity() != registered:
            raise ServerUnavailable("The server's database is another one than the agent registered with.")

    def _note_life(self, agent: str, *, started: bool = False, zone: str | None = None) -> None:
        """``zone``: it says in which availability zone it is."""
        now = self._context.now()
        with self._lock:
            last = self._written.get(agent)
        if zone is None and not started and last is not None and now - last < SIGN_OF_LIFE_EVERY:
            return

        def work(transaction: Transaction) -> Sifted:
            if not transaction.agent_seen(agent, now, started=started, availability_zone=zone):
                transaction.insert_agent(agent, now, zone or DEFAULT_ZONE)
            began = [Event(kind=EventKind.AGENT, at=now, state=BEGAN, agent=agent)] if started else []
            return self._context.events.enter(transaction, began)

        self._context.events.close(self._context.uow.write(work))
        with self._lock:
            self._written[agent] = now

    def _unreported(self, agent: str, healths: Sequence[Health]) -> tuple[list[Health], int]:
        moment = self._context.clock.monotonic()
        fresh = []
        with self._lock:
            for health in healths:
                last, reported_at = self._reported.get((agent, health.load_balancer_id), (None, moment))
                if last != health or moment - reported_at >= TRUST_MEMORY_FOR:
                    fresh.append(health)
            return fresh, self._reports

    def _remember(self, agent: str, healths: Sequence[Health], reports_before: int) -> None:
        moment = self._context.clock.monotonic()
        with self._lock:
            if self._reports != reports_before:
                return  # one of the trees may have changed between the look at it and now
            # What is not reported any more is forgotten.
            self._reported = {
                key: value for key, value in self._reported.items() if moment - value[1] < TRUST_MEMORY_FOR
            }
            self._reported.update({(agent, health.load_balancer_id): (health, moment) for health in healths})


def _has_document(tree: Tree, agent: str) -> bool:
    """Whether that agent is to have the load balancer, and not to remove it."""
    return tree.hosted and reports.concerns(tree, agent) and not tree.load_balancer.deleting


def _foreign(database: str, registration: Registration) -> str:
    held = len(registration.load_balancers)
    there = "the load balancer" if held == 1 else f"the {held} load balancers"
    return (
        f"The database {database} is not the one that gave this host {there} on it"
        f"{f' ({registration.database})' if registration.database else ''}; see [database] connection and state_path. "
        "Nothing was changed. If what this database does not know shall be removed from this host, say so by "
        "“evenload agent --adopt-database” with the same --config-file, and start again."
    )


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except StoreUnavailable as error:
        raise ServerUnavailable("The server cannot reach its database.") from error
