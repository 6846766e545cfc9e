"""What a flavor says about the process of a load balancer, in plain values."""

from dataclasses import dataclass

MAX_THREADS = 64
"""What HAProxy 2.6 has at the most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlavorValues:
    """``threads``: of HAProxy. ``connection_limit``: connections that the load balancer has at the most, -1: as many as
    its host gives every load balancer. ``log``: its host's syslog gets a line for each request or connection."""

    threads: int = 1
    connection_limit: int = -1
    log: bool = False


PLAIN = FlavorValues()
"""Of a load balancer without a flavor."""
