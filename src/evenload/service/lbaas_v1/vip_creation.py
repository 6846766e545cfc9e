"""The creation of a VIP of LBaaS v1: reserves its port, then writes it, and waits where the address is just let go."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from evenload.interfaces.ports import VipRequest
from evenload.interfaces.store import Transaction
from evenload.model.enums import Kind
from evenload.model.errors import AddressLetGo, AddressTaken, StoreUnavailable
from evenload.model.query import Query, Value
from evenload.model.rules import canonical_address
from evenload.service import quotas
from evenload.service.context import Context
from evenload.service.homes import take_agent_for
from evenload.service.lbaas_v1 import views, vip_rules
from evenload.service.lbaas_v1.commands import VipDraft, VipView
from evenload.service.lbaas_v1.pools import read_pool
from evenload.service.lbaas_v1.vip_plans import NewVip, plan_creation, write_steps
from evenload.service.patience import until_let_go
from evenload.service.quotas import Limits
from evenload.service.scheduler import choose_agent_for
from evenload.service.vip_ports import Reservation

_TRIES = 8
"""Against others who move the same pool."""


class _Moved(StoreUnavailable):
    """The pool is at another place than when the port was reserved for it."""


class VipCreation:
    """``pause`` lets some seconds go by (patience.py)."""

    def __init__(self, context: Context, limits: Limits, pause: Callable[[float], None] = time.sleep) -> None:
        self._context = context
        self._limits = limits
        self._pause = pause

    def create(self, project_id: str, draft: VipDraft) -> VipView:
        return until_let_go(lambda: self._create_at_its_place(project_id, draft), self._pause)

    def _create_at_its_place(self, project_id: str, draft: VipDraft) -> VipView:
        for _ in range(_TRIES - 1):
            try:
                return self._create(project_id, draft)
            except _Moved:
                pass  # the other one's change is through: begin with what is there now
        return self._create(project_id, draft)

    def _create(self, project_id: str, draft: VipDraft) -> VipView:
        context = self._context
        protocol = draft.item["protocol"]
        with context.uow.read() as reader:
            held = read_pool(reader, draft.pool_id)
            vip_rules.require_fit(held, draft.pool_id, protocol, project_id)
            choose_agent_for(reader.agents(), held.home, now=context.now(), alive_for=context.agent_down_time)
        place = context.new_id() if held.hosted else held.id
        identifier = context.new_id()

        def work(transaction: Transaction, reservation: Reservation) -> VipView:
            held = read_pool(transaction, draft.pool_id)
            vip_rules.require_fit(held, draft.pool_id, protocol, project_id)
            if not held.hosted and held.id != place:
                raise _Moved(f"Pool {draft.pool_id} has changed its place meanwhile.")
            self._limits.require_room(transaction, project_id, {quotas.VIP: 1})
            agent = take_agent_for(context, transaction, held.home).name
            new = NewVip(id=identifier, project_id=project_id, place=place, port=reservation.port, agent=agent)
            counts = transaction.counts(held.id) if held.hosted else {}
            plan = plan_creation(held, draft, new, counts, context.now())
            context.ports.complete(transaction, reservation)
            write_steps(transaction, plan.steps)
            return views.vip_view(plan.tree, identifier)

        with self._reserved(place, project_id, draft, f"vip-{identifier}") as reservation:
            return context.uow.write(lambda transaction: work(transaction, reservation))

    @contextmanager
    def _reserved(self, load_balancer_id: str, project_id: str, draft: VipDraft, name: str) -> Iterator[Reservation]:
        request = VipRequest(
            subnet_id=draft.subnet_id, address=draft.address, every_project=draft.every_project, port_name=name
        )
        try:
            with self._context.ports.reserved(load_balancer_id, project_id, request) as reservation:
                self._context.networking.require_network(reservation.port.network_id)
                yield reservation
        except AddressTaken as taken:
            address = canonical_address(draft.address or "")
            place: dict[str, tuple[Value, ...]] = {"vip_subnet_id": (draft.subnet_id,), "vip_address": (address,)}
            with self._context.uow.read() as reader:
                owners = reader.find(Kind.LOAD_BALANCER, Query(filters=place)).views
                taken_now = address in reader.addresses_taken(draft.subnet_id)
            if not taken_now or any(view.record.deleting for view in owners):
                raise AddressLetGo(taken.detail, field=taken.field) from taken
            raise
