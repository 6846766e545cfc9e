"""What the database says of load balancers: lines for all, everything of one. By a child that is the server's user
(``main/as_user.py``), so the answers are what JSON has. Nothing is written, and no schema is changed."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Engine

from evenload.host.privileges import Account
from evenload.interfaces.store import AgentRecord
from evenload.main.as_user import ask_as
from evenload.main.existing_database import open_existing
from evenload.main.settings import Settings
from evenload.main.status.described import describe_event, describe_tree
from evenload.model.event import EventQuery
from evenload.model.snapshot import Snapshot
from evenload.service.expiries import read_expiries
from evenload.store.overview import BalancerLine, find_load_balancers, read_lines
from evenload.store.reading import reading
from evenload.store.schema import newest_revision
from evenload.store.transaction import SqlTransaction
from evenload.store.tree_cache import TreeCache
from evenload.store.unit_of_work import SqlUnitOfWork
from evenload.store.view_cache import ViewCache

_PATIENCE, _PATIENCE_OF_DOCTOR = 30.0, 90.0
"""Seconds; a database that hangs says nothing at all."""
_EVENTS = 8
"""The last ones, beneath a load balancer."""


class StoredState:
    """To be made while the program can be read, with all that the child will need. ``account``: whose the database is,
    None for who asks."""

    def __init__(self, settings: Settings, account: Account | None) -> None:
        self._settings = settings
        self._account = account
        self._newest = newest_revision()

    def overview(self) -> dict[str, Any]:
        """``schema``, ``agents`` and ``load_balancers``. Raises EvenloadError where the database cannot be read."""
        return ask_as(self._account, lambda: self._with_engine(self._overview), _PATIENCE)  # type: ignore[no-any-return]

    def for_doctor(self) -> dict[str, Any]:
        """The same with ``networks`` and ``expiries`` of certificates. Raises EvenloadError."""
        return ask_as(self._account, lambda: self._with_engine(self._for_doctor), _PATIENCE_OF_DOCTOR)  # type: ignore[no-any-return]

    def one(self, word: str) -> dict[str, Any]:
        """``schema``, ``agents``, ``candidates``, and the ``load_balancer`` where there is just one. Raises
        EvenloadError."""
        return ask_as(self._account, lambda: self._with_engine(lambda engine: self._one(engine, word)), _PATIENCE)  # type: ignore[no-any-return]

    def _with_engine(self, work: Any) -> dict[str, Any]:
        engine = open_existing(self._settings, self._newest)
        try:
            return {"schema": self._newest, **work(engine)}
        finally:
            engine.dispose()

    def _overview(self, engine: Engine) -> dict[str, Any]:
        with reading(engine) as connection:
            agents = _transaction(connection).agents()
            return {"agents": _agents(agents), "load_balancers": [_line(line) for line in read_lines(connection)]}

    def _for_doctor(self, engine: Engine) -> dict[str, Any]:
        expiries = read_expiries(SqlUnitOfWork(engine, _Nobody()))
        with reading(engine) as connection:
            networks = _transaction(connection).networks()
        return {
            **self._overview(engine),
            "expiries": [
                {
                    "load_balancer": each.load_balancer_name or each.load_balancer_id,
                    "kind": each.kind.value,
                    "id": each.id,
                    "name": each.name,
                    "subject": each.subject,
                    "not_after": each.not_after.isoformat(),
                }
                for each in expiries
            ],
            "networks": [
                {"name": each.name, "physical_network": each.segment.physical_network, "vlan": each.segment.vlan}
                for each in networks
            ],
        }

    def _one(self, engine: Engine, word: str) -> dict[str, Any]:
        with reading(engine) as connection:
            transaction = _transaction(connection)
            found = find_load_balancers(connection, word)
            answer: dict[str, Any] = {
                "agents": _agents(transaction.agents()),
                "candidates": [
                    {"id": each.id, "name": each.name, "project": each.project_id, "vip": each.vip} for each in found
                ],
            }
            tree = transaction.tree(found[0].id) if len(found) == 1 else None
            if tree is not None:
                network_id = tree.load_balancer.item.network_id
                network = None if network_id is None else transaction.network(network_id)
                answer["load_balancer"] = describe_tree(tree, None if network is None else network.name)
                kept = transaction.events(EventQuery(limit=_EVENTS, load_balancer_id=tree.id))
                answer["events"] = [describe_event(each.event) for each in kept]
            return answer


class _Nobody:
    """Fulfils AgentBus: nothing is written, so there is nothing to hint."""

    def hint(self, agent: str, load_balancer_id: str, generation: int, snapshot: Snapshot | None = None) -> None:
        pass


def _transaction(connection: Any) -> SqlTransaction:
    return SqlTransaction(connection, TreeCache(), ViewCache(), writing=False)


def _agents(agents: Iterable[AgentRecord]) -> list[dict[str, Any]]:
    return [
        {
            "name": agent.name,
            "zone": agent.availability_zone,
            "last_word": agent.seen_at.isoformat(),
            "load_balancers": agent.load,
            "enabled": agent.admin_state_up,
        }
        for agent in agents
    ]


def _line(line: BalancerLine) -> dict[str, Any]:
    down = line.down
    return {
        "id": line.id,
        "name": line.name,
        "project": line.project_id,
        "vip": line.vip,
        "enabled": line.admin_state_up,
        "provisioning_status": line.provisioning_status,
        "operating_status": line.operating_status,
        "reason": line.reason,
        "since": _moment(line.since),
        "fault": line.fault,
        "changed_at": _moment(line.updated_at or line.created_at),
        "hosts": line.agents,
        "members": line.members,
        "down": None
        if down is None
        else {
            "id": down.id,
            "name": down.name,
            "address": down.address,
            "port": down.port,
            "reason": down.reason,
        },
        "full": line.full,
    }


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
