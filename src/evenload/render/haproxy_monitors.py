"""Which monitor of a pool is checked where, and which backend of HAProxy does it. Pure.

A pool may have several monitors, and a member is up when all that are enabled agree. HAProxy makes one check of a
server: the first monitor it can check is that of the pool's own servers. Each further one is checked in a backend that
serves nobody, and PING monitors are checked by the agent. What these say becomes a veto: a second bit of health that
HAProxy has for every server, which the agent sets (ADR 0012).
"""

from dataclasses import dataclass

from evenload.model.balancer import HealthMonitor
from evenload.model.desired import Desired
from evenload.model.enums import MonitorType

_CHECK = "check"


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitors:
    """Those of one pool that are enabled. ``native``: checked on its own servers; ``further``: in backends of theirs;
    ``pinged``: by the agent."""

    native: HealthMonitor | None
    further: tuple[HealthMonitor, ...]
    pinged: tuple[HealthMonitor, ...]

    @property
    def any(self) -> bool:
        return self.native is not None or bool(self.pinged)

    @property
    def enabled(self) -> tuple[HealthMonitor, ...]:
        return (*(() if self.native is None else (self.native,)), *self.further, *self.pinged)

    @property
    def vetoing(self) -> tuple[HealthMonitor, ...]:
        """Those whose word reaches the pool's servers as a veto. Where only PING monitors are, nothing else is said
        of a server's health, so that theirs is it."""
        return () if self.native is None else (*self.further, *self.pinged)


def choose_monitors(desired: Desired, pool_id: str) -> Monitors:
    enabled = [monitor for monitor in desired.monitors_of(pool_id) if monitor.admin_state_up]
    checked = [monitor for monitor in enabled if monitor.type is not MonitorType.PING]
    return Monitors(
        native=checked[0] if checked else None,
        further=tuple(checked[1:]),
        pinged=tuple(monitor for monitor in enabled if monitor.type is MonitorType.PING),
    )


def check_backend(monitor: HealthMonitor) -> str:
    """The name of the backend in which a further monitor is checked. Backends that serve have one colon at most."""
    return f"{monitor.pool_id}:{_CHECK}:{monitor.id}"


def serves(backend: str) -> bool:
    """Whether a backend of that name is one that connections come to."""
    return backend.count(":") < 2
