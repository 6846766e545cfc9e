"""Use cases of administrators about the agents: who is there, who gets no more load balancers, who is forgotten."""

import uuid
from dataclasses import dataclass, replace

from evenload.interfaces.store import AgentPart, AgentRecord, Transaction
from evenload.model.errors import Conflict, NotFound
from evenload.service.context import Context
from evenload.service.scheduler import is_alive

_NAMES = uuid.UUID("7b1d8a5e-4f0e-5d3c-9c7e-0d6f5f1c2b4a")


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentView:
    """``id`` follows from the name. ``alive``: heard of lately, so that it may be given something."""

    id: str
    record: AgentRecord
    alive: bool


class AgentRegistry:
    def __init__(self, context: Context) -> None:
        self._context = context

    def list(self) -> list[AgentView]:
        with self._context.uow.read() as transaction:
            return [self._view(record) for record in transaction.agents()]

    def get(self, identifier: str) -> AgentView:
        with self._context.uow.read() as transaction:
            return self._view(_find(transaction, identifier))

    def named(self, name: str) -> AgentView | None:
        with self._context.uow.read() as transaction:
            return next((self._view(record) for record in transaction.agents() if record.name == name), None)

    def update(
        self, identifier: str, *, admin_state_up: bool | None = None, description: str | None = None
    ) -> AgentView:
        """None: as it is. One that is switched off goes on serving what it has, and is given no more."""

        def work(transaction: Transaction) -> AgentView:
            present = _find(transaction, identifier)
            record = replace(
                present,
                admin_state_up=present.admin_state_up if admin_state_up is None else admin_state_up,
                description=present.description if description is None else description,
            )
            transaction.update_agent(record.name, admin_state_up=record.admin_state_up, description=record.description)
            return self._view(record)

        return self._context.uow.write(work)

    def delete(self, identifier: str) -> None:
        """Refused while anything belongs to it: that would be lost. One that is alive comes back by itself."""

        def work(transaction: Transaction) -> None:
            record = transaction.locked_agent(_find(transaction, identifier).name)
            if record is None:
                raise NotFound("Agent", identifier)
            if record.load:
                raise Conflict(f"Agent {identifier} still has {record.load} load balancers or pools.")
            transaction.remove_agent(record.name)

        self._context.uow.write(work)

    def _view(self, record: AgentRecord) -> AgentView:
        alive = is_alive(record, now=self._context.now(), alive_for=self._context.agent_down_time)
        return AgentView(id=agent_id(record.name), record=record, alive=alive)


def agent_id(name: str) -> str:
    return str(uuid.uuid5(_NAMES, name))


def _find(transaction: AgentPart, identifier: str) -> AgentRecord:
    for record in transaction.agents():
        if agent_id(record.name) == identifier:
            return record
    raise NotFound("Agent", identifier)
