"""What an agent and a server say to each other before they work together."""

from dataclasses import dataclass

PAYLOAD_VERSION = 2
"""Raised when ``Desired``, ``Report`` or ``Health`` lose a field, kind or value: what a sender of an earlier version
still names is passed over then. What they gain is refused by name where it is not known, whatever the number."""

FEATURES: frozenset[str] = frozenset()
"""What the sender can do, or does not do, that no field of a payload tells. A name that the other end does not know
means nothing to it."""

COUNTS_NOTHING = "counts nothing"
"""Feature of an agent that has no numbers to tell, since nobody set ``metrics_port`` in its settings."""


DEFAULT_ZONE = "nova"
"""The availability zone of a host of which nothing else was said, as in Neutron and Nova."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """``former``: the name under which this agent's load balancers were given to it, where that was another one.

    ``database``: the identity of the database that gave them, None where it was never written down; ``adopt``: an
    operator said that it may be any. ``load_balancers``: the ids of those that are on this host. ``started``: the agent
    begins; False where only its connection was lost. ``availability_zone``: that of its host.
    """

    version: int = PAYLOAD_VERSION
    features: frozenset[str] = FEATURES
    former: str | None = None
    database: str | None = None
    adopt: bool = False
    load_balancers: tuple[str, ...] = ()
    started: bool = True
    availability_zone: str = DEFAULT_ZONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Welcome:
    """The server's answer. ``database``: the identity of its database. ``moved``: how many load balancers were taken
    over from the agent's former name."""

    version: int = PAYLOAD_VERSION
    features: frozenset[str] = FEATURES
    database: str = ""
    moved: int = 0


def is_foreign(database: str, registration: Registration, *, known: bool) -> bool:
    """Whether that database must not say what this host is to have: all that it does not know would be removed.

    ``known``: it knows one at least of the load balancers that are on the host.
    """
    if not registration.started and registration.database is not None:
        return registration.database != database  # until it is started anew, an agent stays with the one it began with
    if registration.adopt or not registration.load_balancers:
        return False  # nothing can be lost
    if registration.database is None:  # the host was set up by a version that did not write it down
        return not known
    return registration.database != database
