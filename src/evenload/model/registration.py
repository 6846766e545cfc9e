"""What an agent and a server say to each other before they work together."""

from dataclasses import dataclass

PAYLOAD_VERSION = 1
"""Raised with every field, kind or value that ``Desired``, ``Report`` or ``Health`` gains or loses."""

FEATURES: frozenset[str] = frozenset()
"""What this version can do beyond its payloads; none yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """``former``: the name under which this agent's load balancers were given to it, where that was another one.

    ``started``: the agent begins; False where only its connection was lost.
    """

    version: int = PAYLOAD_VERSION
    features: frozenset[str] = FEATURES
    former: str | None = None
    started: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Welcome:
    """The server's answer. ``moved``: how many load balancers were taken over from the agent's former name."""

    version: int = PAYLOAD_VERSION
    features: frozenset[str] = FEATURES
    moved: int = 0
