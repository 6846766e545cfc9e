"""An agent bus that notes what it was given."""

from dataclasses import dataclass, field

from evenload.model.snapshot import Snapshot


@dataclass(slots=True)
class NotedHints:
    sent: list[tuple[str, str, int]] = field(default_factory=list)
    snapshots: list[Snapshot | None] = field(default_factory=list)

    def hint(self, agent: str, load_balancer_id: str, generation: int, snapshot: Snapshot | None = None) -> None:
        self.sent.append((agent, load_balancer_id, generation))
        self.snapshots.append(snapshot)
