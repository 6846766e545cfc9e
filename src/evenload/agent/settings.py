"""What an operator may set about the agent's own behaviour; ``main`` fills it in. Plain values."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSettings:
    """Times in seconds.

    ``retry_delays``: before the second, third, … attempt; the last one repeats, none exceeds ``resync_interval``.
    ``give_up_after``: failed attempts after which the server is told that it is hopeless for now.
    ``refresh_interval``: how often everything that is known of health is said again, changed or not.
    ``removal_share``: how many of the host's load balancers, as a share, one resync may remove because the server knows
    them no more; two may always go, and 1.0 lets all go.
    ``shown_objects``: listeners, pools and members of which numbers are shown.
    """

    workers: int = 8
    resync_interval: float = 30.0
    statistics_interval: float = 1.0
    refresh_interval: float = 300.0
    retry_delays: tuple[float, ...] = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0)
    give_up_after: int = 5
    removal_share: float = 0.25
    shown_objects: int = 1000
