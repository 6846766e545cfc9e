"""What ``plan`` may ask for and ``apply`` performs: one value per operation of a Host. No behaviour here.

Printed one per line, a plan is the answer of a dry run.
"""

from dataclasses import dataclass

from evenload.model.desired import Change, Desired, DesiredPort, NetworkStep


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
class RemoveStranger:
    device: str


@dataclass(frozen=True, slots=True)
class Configure:
    port: DesiredPort
    steps: tuple[NetworkStep, ...]


@dataclass(frozen=True, slots=True)
class WriteConfig:
    """The file alone; the process already works by this text, or there is none."""

    text: str


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
    | RemoveStranger
    | Configure
    | WriteConfig
    | StartHaproxy
    | ReloadHaproxy
    | FinishHaproxy
    | StopHaproxy
    | ChangeServers
    | Remember
    | RemoveNamespace
    | RemoveState
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """The HAProxy that runs when a plan has succeeded."""

    worker: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """``actions`` in order. ``config`` and ``process``: the file's text and the process afterwards, None for none.

    ``tolerant``: a failure does not keep the further actions from being tried.
    """

    load_balancer_id: str
    actions: tuple[Action, ...]
    change: Change
    tolerant: bool = False
    config: str | None = None
    process: Process | None = None
