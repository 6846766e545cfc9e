"""Which documents that come with a hint reach the agent."""

import pytest
from tests.fakes.desired import make_desired

from evenload.main.agent_role import pass_on
from evenload.model.snapshot import Snapshot


class _Line:
    """A server that was registered with."""

    def __init__(self, database: str | None) -> None:
        self.database = database


class _Agent:
    def __init__(self) -> None:
        self.hints: list[tuple[str, int, Snapshot | None]] = []

    def hint(self, load_balancer_id: str, generation: int, snapshot: Snapshot | None) -> None:
        self.hints.append((load_balancer_id, generation, snapshot))


@pytest.mark.parametrize(("registered", "taken"), [("d", True), ("another", False), (None, False)])
def test_a_document_is_taken_from_the_registered_database_alone(registered: str | None, taken: bool) -> None:
    snapshot = Snapshot(document=make_desired(), moment=0.0, database="d")
    agent = _Agent()
    pass_on(agent, _Line(registered), "lb", 1, snapshot)
    pass_on(agent, _Line(registered), "lb", 2, None)
    assert agent.hints == [("lb", 1, snapshot if taken else None), ("lb", 2, None)]
