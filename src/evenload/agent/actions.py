"""What ``plan`` may ask for and ``apply`` performs: one value per operation of a Host. No behaviour here.

Printed one per line, a plan is the answer of a dry run.
"""

from dataclasses import dataclass
from typing import Generic, TypeVar

from evenload.model.desired import Change, Desired, DesiredPort
from evenload.model.named_file import NamedFile
from evenload.model.network_steps import NetworkStep
from evenload.model.observed import HaproxyObserved, NetworkObserved, Observed
from evenload.model.slot import SlotChange


@dataclass(frozen=True, slots=True)
class EnsureState:
    pass


@dataclass(frozen=True, slots=True)
class EnsureNamespace:
    pass


@dataclass(frozen=True, slots=True)
class Plug:
    port: DesiredPort


@dataclass(frozen=True, slots=True)
class Unplug:
    port_id: str


@dataclass(frozen=True, slots=True)
class RemoveForeignDevice:
    device: str


@dataclass(frozen=True, slots=True)
class Configure:
    port: DesiredPort
    steps: tuple[NetworkStep, ...]


@dataclass(frozen=True, slots=True)
class WriteFiles:
    files: tuple[NamedFile, ...]


@dataclass(frozen=True, slots=True)
class RemoveFiles:
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LinkSlots:
    """What the next process reads: ``links`` are fingerprints by name; ``gone`` are names."""

    links: tuple[tuple[str, str], ...]
    gone: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChangeSlots:
    """In the running process. ``meanwhile``: the text that it is recorded to work by before the first change, so that
    nobody relies on what was begun and not ended."""

    changes: tuple[SlotChange, ...]
    meanwhile: str


@dataclass(frozen=True, slots=True)
class RenewTickets:
    pass


@dataclass(frozen=True, slots=True)
class WriteConfig:
    """The file alone; the process already works by this text, or there is none."""

    text: str


@dataclass(frozen=True, slots=True)
class BeginHaproxy:
    """Loads beside the network's actions; started or reloaded by the same text and worker number."""

    text: str
    worker: int
    takeover: bool


@dataclass(frozen=True, slots=True)
class StartHaproxy:
    text: str
    worker: int


@dataclass(frozen=True, slots=True)
class ReloadHaproxy:
    """The new process starts with what the running one, which works by ``former``, knows of its members' health."""

    text: str
    worker: int
    former: str


@dataclass(frozen=True, slots=True)
class FinishHaproxy:
    """It accepts nothing more, and ends with what it has begun."""


@dataclass(frozen=True, slots=True)
class StopHaproxy:
    pass


@dataclass(frozen=True, slots=True)
class ChangeServers:
    """Runtime commands, then the text that the process amounts to, in its record and in the file."""

    commands: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Remember:
    desired: Desired


@dataclass(frozen=True, slots=True)
class RemoveNamespace:
    pass


@dataclass(frozen=True, slots=True)
class RemoveState:
    pass


Action = (
    EnsureState
    | EnsureNamespace
    | Plug
    | Unplug
    | RemoveForeignDevice
    | Configure
    | WriteFiles
    | RemoveFiles
    | LinkSlots
    | ChangeSlots
    | RenewTickets
    | WriteConfig
    | BeginHaproxy
    | StartHaproxy
    | ReloadHaproxy
    | FinishHaproxy
    | StopHaproxy
    | ChangeServers
    | Remember
    | RemoveNamespace
    | RemoveState
)


State = TypeVar("State", NetworkObserved, HaproxyObserved)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part(Generic[State]):
    """What one engine asks for. ``early``: what goes on beside the other engines' actions, begun before them.

    ``after``: its part of the host when the plan has succeeded. ``files``: what its texts name; ``kept``: names of
    further files that something running still works by.
    """

    actions: tuple[Action, ...]
    change: Change
    after: State
    early: tuple[Action, ...] = ()
    files: tuple[NamedFile, ...] = ()
    kept: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """``actions`` in order. ``after``: the host when they have succeeded; a process that the plan starts has the pid
    NEW there.

    ``tolerant``: a failure does not keep the further actions from being tried.
    """

    load_balancer_id: str
    actions: tuple[Action, ...]
    change: Change
    after: Observed
    tolerant: bool = False


NEW = 0
"""The pid of a process that has not been started yet."""
