"""Notices which agents are away, and which are back. ``main`` calls ``sweep`` every few seconds, from one thread.

What was told of an agent last stands in the database, so that nothing is told twice when the server starts anew.
"""

from datetime import datetime

from evenload.interfaces.store import AgentRecord, Transaction
from evenload.model.event import Event, EventKind, EventQuery
from evenload.service.context import Context
from evenload.service.event_restraint import NOTHING, Sifted
from evenload.service.scheduler import is_alive

BEGAN, _AWAY, _BACK = "began", "away", "back"


class RollCall:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._alive: dict[str, bool] = {}

    def sweep(self) -> None:
        """Raises StoreUnavailable."""
        now = self._context.now()
        agents = self._context.uow.look(lambda reader: reader.agents())
        alive = {each.name: is_alive(each, now=now, alive_for=self._context.agent_down_time) for each in agents}
        for agent in agents:
            if self._alive.get(agent.name) is not alive[agent.name]:
                self._tell(agent, alive=alive[agent.name], now=now)
        self._alive = alive

    def _tell(self, agent: AgentRecord, *, alive: bool, now: datetime) -> None:
        def work(transaction: Transaction) -> Sifted:
            last = transaction.events(EventQuery(limit=1, kinds=(EventKind.AGENT,), named=agent.name))
            told_away = bool(last) and last[0].event.state == _AWAY
            if told_away is not alive:
                return NOTHING
            return self._context.events.enter(transaction, [_back(agent, now) if alive else _away(agent, now)])

        self._context.events.close(self._context.uow.write(work))


def _away(agent: AgentRecord, now: datetime) -> Event:
    reason = f"not heard of since {agent.seen_at:%Y-%m-%d %H:%M:%S} UTC; it has {agent.load} load balancers"
    return Event(kind=EventKind.AGENT, at=now, state=_AWAY, agent=agent.name, reason=reason)


def _back(agent: AgentRecord, now: datetime) -> Event:
    return Event(kind=EventKind.AGENT, at=now, state=_BACK, former=_AWAY, agent=agent.name)
