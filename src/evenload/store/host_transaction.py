"""The part of a transaction that is about agents: who they are, what they have, and what they have lost."""

from collections.abc import Sequence
from datetime import datetime

from evenload.interfaces.store import AgentRecord
from evenload.model.placement import Placement, Placements
from evenload.model.registration import DEFAULT_ZONE
from evenload.store import agents, placements, tombstones
from evenload.store.connected import Connected


class HostTransaction(Connected):
    def assignments(self, agent: str) -> dict[str, int]:
        return agents.read_assignments(self._connection, agent)

    def placements(self) -> list[tuple[str, int, Placement]]:
        return placements.read_all_placements(self._connection)

    def placements_of(self, load_balancer_ids: Sequence[str]) -> dict[str, Placements]:
        return placements.read_placements_of(self._connection, load_balancer_ids)

    def agents(self) -> list[AgentRecord]:
        return agents.read_agents(self._connection)

    def held_agent(self, name: str) -> AgentRecord | None:
        return agents.read_agent(self._connection, name, hold=self._lock_rows)

    def locked_agent(self, name: str) -> AgentRecord | None:
        return agents.read_agent(self._connection, name, lock=self._lock_rows)

    def bound_to(self, agent: str) -> list[str]:
        return agents.read_bound_to(self._connection, agent)

    def insert_agent(self, name: str, moment: datetime, availability_zone: str = DEFAULT_ZONE) -> None:
        agents.insert_agent(self._writable(), name, moment, availability_zone)

    def agent_seen(
        self, name: str, moment: datetime, *, started: bool = False, availability_zone: str | None = None
    ) -> bool:
        return agents.write_agent_seen(
            self._writable(), name, moment, started=started, availability_zone=availability_zone
        )

    def update_agent(self, name: str, *, admin_state_up: bool, description: str) -> None:
        agents.update_agent(self._writable(), name, admin_state_up=admin_state_up, description=description)

    def remove_agent(self, name: str) -> None:
        agents.remove_agent(self._writable(), name)

    def tombstone(self, load_balancer_id: str, agent: str) -> int | None:
        return tombstones.read_tombstone(self._connection, load_balancer_id, agent)

    def save_tombstone(self, load_balancer_id: str, agent: str, generation: int, moment: datetime) -> None:
        tombstones.write_tombstone(self._writable(), load_balancer_id, agent, generation, moment)

    def remove_tombstone(self, load_balancer_id: str, agent: str) -> None:
        tombstones.remove_tombstone(self._writable(), load_balancer_id, agent)

    def rename_tombstones(self, former: str, name: str) -> None:
        tombstones.rename_tombstones(self._writable(), former, name)

    def has_tombstones_before(self, moment: datetime) -> bool:
        return tombstones.has_tombstones_before(self._connection, moment)

    def remove_tombstones_before(self, moment: datetime) -> None:
        tombstones.remove_tombstones_before(self._writable(), moment)
