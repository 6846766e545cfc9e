"""The VIP ports that load balancers have, from reservation to release.

A port provider may be slow, or fail, and is never asked inside a transaction. What has to happen together with a
change of a load balancer is noted in the row of the held port, in that change's own transaction; ``perform`` tells the
provider afterwards, as often as it takes. A provider whose ports are rows of the same database (``PortProvider.rows``)
has them written right there: it costs no further commit.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

import structlog

from evenload.interfaces.clock import Clock
from evenload.interfaces.ports import PortProvider, VipPort, VipRequest
from evenload.interfaces.store import HeldPortPart, Transaction, UnitOfWork
from evenload.model import status
from evenload.model.desired import DesiredPort
from evenload.model.errors import EvenloadError, NotFound, Rejected, StoreUnavailable
from evenload.model.held_port import HeldPort, PortState
from evenload.model.tree import Tree

log = structlog.get_logger(__name__)

RESERVED_FOR = timedelta(minutes=5)
"""No request takes that long: a reservation that is older belongs to nobody."""


@dataclass(frozen=True, slots=True)
class Reservation:
    id: str
    port: VipPort


Claim = Callable[[Transaction], VipPort]
"""Gives a load balancer its port, in the transaction that inserts it, before that is done. Raises StoreUnavailable."""


class VipPorts:
    """``noted`` is set when the provider has to be told something."""

    def __init__(self, uow: UnitOfWork, provider: PortProvider, clock: Clock, new_id: Callable[[], str]) -> None:
        self._uow = uow
        self._provider = provider
        self._clock = clock
        self._new_id = new_id
        self.noted = threading.Event()

    # ------------------------------------------------------------------------------------------ a new load balancer

    def check_subnets(self, subnet_ids: Iterable[str | None], project_id: str, *, every_project: bool) -> None:
        """Outside of any transaction. Raises Invalid where a member's subnet is unknown to that project.
        ``every_project``: the caller may use every project's."""
        named = dict.fromkeys(subnet_id for subnet_id in subnet_ids if subnet_id is not None)
        if named:
            self._provider.check_subnets([*named], project_id, every_project=every_project)

    @contextmanager
    def claimed(self, load_balancer_id: str, project_id: str, request: VipRequest) -> Iterator[Claim]:
        """Inside the block the load balancer is written, in a transaction that calls ``Claim`` before. Ports that are
        rows of the same database are made right there, which costs no further commit; others are reserved first."""
        rows = self._provider.rows
        if rows is None:
            with self.reserved(load_balancer_id, project_id, request) as reservation:

                def completed(transaction: Transaction) -> VipPort:
                    self.complete(transaction, reservation)
                    return reservation.port

                yield completed
            return

        def made(transaction: Transaction) -> VipPort:
            held = self._held_for(load_balancer_id, request)
            port = rows.reserve(transaction, held, project_id, request)
            transaction.insert_held_port(replace(held, state=PortState.USED, described=port.described))
            return port

        yield made

    @contextmanager
    def reserved(self, load_balancer_id: str, project_id: str, request: VipRequest) -> Iterator[Reservation]:
        """Inside the block the load balancer is written, with ``complete``. An exception gives the port back."""
        held = self._held_for(load_balancer_id, request)
        port = self._reserve(held, project_id, request)
        try:
            yield Reservation(held.id, port)
        except BaseException:
            self._give_back(replace(held, described=port.described))
            raise

    def _held_for(self, load_balancer_id: str, request: VipRequest) -> HeldPort:
        return HeldPort(
            id=self._new_id(),
            load_balancer_id=load_balancer_id,
            given_port_id=request.port_id,
            since=self._clock.now(),
        )

    def _reserve(self, held: HeldPort, project_id: str, request: VipRequest) -> VipPort:
        rows = self._provider.rows
        if rows is not None:

            def work(transaction: Transaction) -> VipPort:
                made = rows.reserve(transaction, held, project_id, request)
                transaction.insert_held_port(replace(held, described=made.described))
                return made

            return self._uow.write(work)
        # Noted first: where this process dies, or is not answered, somebody else has the provider let go of it.
        self._uow.write(lambda transaction: transaction.insert_held_port(held))
        try:
            return self._provider.reserve_vip_port(held, project_id, request)
        except Rejected:
            self._uow.write(lambda transaction: transaction.remove_held_port(held.id))
            raise
        except BaseException:
            self._give_back(held)
            raise

    def complete(self, transaction: HeldPortPart, reservation: Reservation) -> None:
        """In the transaction that inserts the load balancer. Raises StoreUnavailable where it took so long that the
        reservation is gone."""
        held = transaction.held_port(reservation.id)
        if held is None or held.state is not PortState.RESERVED:
            raise StoreUnavailable(f"The reservation of port {reservation.port.port_id} is over.")
        described = held.described or reservation.port.described
        transaction.update_held_port(replace(held, state=PortState.USED, since=self._clock.now(), described=described))

    def _give_back(self, held: HeldPort) -> None:
        """Where that fails the reservation stays, and is released when it has become too old."""

        def work(transaction: Transaction) -> None:
            present = transaction.held_port(held.id)
            if present is None:  # It was released as too old; the provider may have made the port after that.
                transaction.insert_held_port(replace(held, state=PortState.RELEASING))
            elif present.state is PortState.RESERVED:
                self._let_go(transaction, replace(present, described=present.described or held.described))

        try:
            self._uow.write(work)
        except EvenloadError as error:
            log.warning("a reserved port could not be given back yet", reservation=held.id, reason=str(error))
        self.noted.set()

    # ------------------------------------------------------------------------------------- a load balancer that exists

    def described(self, transaction: HeldPortPart, tree: Tree) -> DesiredPort:
        """What was stored. Raises NotFound where nothing was."""
        held = _held_by(transaction, tree)
        if held is None or held.described is None:
            raise NotFound("Port", tree.load_balancer.item.port_id or f"of {tree.id}")
        return held.described

    def bind(self, transaction: Transaction, tree: Tree, agent: str) -> None:
        """That agent has the port plugged in and up. The tree is locked. May be repeated."""
        held = _locked_by(transaction, tree)
        if held is None or not held.in_use or held.host == agent:
            return
        bound = replace(held, host=agent)
        rows = self._provider.rows
        if rows is None:
            transaction.update_held_port(replace(bound, state=PortState.BINDING, since=self._clock.now()))
        else:
            transaction.update_held_port(bound)
            rows.bind(transaction, bound)

    def remove(self, transaction: Transaction, tree: Tree) -> bool:
        """Removes a load balancer that no host has any more, and its port: together, or, where the provider has to be
        asked, as soon as the port is gone. Whether it was removed."""
        held = _locked_by(transaction, tree)
        if held is not None and held.state is not PortState.RELEASING:
            self._let_go(transaction, held)
        if held is not None and self._provider.rows is None:
            return False
        transaction.remove_tree(tree)
        return True

    def _let_go(self, transaction: Transaction, held: HeldPort) -> None:
        rows = self._provider.rows
        if rows is None:
            transaction.update_held_port(replace(held, state=PortState.RELEASING, since=self._clock.now()))
        else:
            rows.release(transaction, held)
            transaction.remove_held_port(held.id)

    # ------------------------------------------------------------------------------------------------ the provider

    def due(self) -> list[HeldPort]:
        """What the provider has yet to be told."""
        with self._uow.read() as transaction:
            return transaction.held_ports_due(self._clock.now() - RESERVED_FOR)

    def wake(self) -> None:
        """After the commit of what may have been noted for the provider."""
        if self._provider.rows is None:
            self.noted.set()

    def perform(self, due: HeldPort) -> bool:
        """Tells the provider. Where that fails (False) it stays due; the reason is kept with the load balancer."""
        held: HeldPort | None = due
        try:
            if due.state is PortState.RESERVED:
                held = self._uow.write(lambda transaction: self._taken_from_nobody(transaction, due.id))
            if held is None:
                return True
            if held.state is PortState.BINDING:
                self._provider.bind_vip_port(held)
            elif held.state is PortState.RELEASING:
                self._provider.release_vip_port(held)
            told = held
            self._uow.write(lambda transaction: _finish(transaction, told))
            return True
        except EvenloadError as error:
            log.warning("the port provider refused", held=due.id, port=due.port_id, reason=str(error))
            if due.state is PortState.RELEASING:
                reason = f"Its port could not be released: {error}"
                self._uow.write(lambda transaction: _delay(transaction, due, reason))
            return False

    def _taken_from_nobody(self, transaction: HeldPortPart, identifier: str) -> HeldPort | None:
        held = transaction.held_port(identifier)
        if held is None or held.state is not PortState.RESERVED:
            return None
        released = replace(held, state=PortState.RELEASING, since=self._clock.now())
        transaction.update_held_port(released)
        return released


def _held_by(transaction: HeldPortPart, tree: Tree) -> HeldPort | None:
    port_id = tree.load_balancer.item.port_id
    return None if port_id is None else transaction.held_port_at(port_id)


def _locked_by(transaction: HeldPortPart, tree: Tree) -> HeldPort | None:
    held = _held_by(transaction, tree)
    return None if held is None else transaction.held_port(held.id)


def _finish(transaction: Transaction, told: HeldPort) -> None:
    """Nothing where the row says something else by now: the provider will be told that, too."""
    tree = transaction.tree(told.load_balancer_id)
    held = transaction.held_port(told.id)
    if held != told:
        return
    if held.state is PortState.BINDING:
        transaction.update_held_port(replace(held, state=PortState.USED))
        return
    transaction.remove_held_port(held.id)
    if tree is not None and tree.load_balancer.deleting and tree.load_balancer.item.port_id == held.port_id:
        transaction.remove_tree(tree)


def _delay(transaction: Transaction, held: HeldPort, reason: str) -> None:
    tree = transaction.tree(held.load_balancer_id)
    if tree is None or not tree.load_balancer.deleting or tree.load_balancer.item.port_id != held.port_id:
        return
    after = status.delayed(tree, tree.generation, reason)
    if after != tree:
        transaction.update_tree(tree, after)
