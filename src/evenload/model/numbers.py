"""What an agent says of itself and of the HAProxies of its host when it is asked for numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from evenload.model.enums import Kind

CODES = 6
"""Of HTTP responses: 1xx, 2xx, 3xx, 4xx, 5xx, and others."""


@dataclass(frozen=True, slots=True)
class Row:
    """What HAProxy says of a listener, a pool or a member (``kind``, ``id``); ``pool_id``: of a member. ``values`` by
    name; what HAProxy does not say is missing. ``responses``: by class of code, none where there is no HTTP.

    Totals are over all processes since the agent began, and fall only when the agent begins anew.
    """

    load_balancer_id: str
    kind: Kind
    id: str
    values: Mapping[str, float]
    responses: tuple[float, ...] = ()
    pool_id: str = ""


@dataclass(frozen=True, slots=True)
class Counted:
    """As ``evenload.tally.Sample``."""

    name: str
    labels: tuple[str, ...]
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentNumbers:
    """``left_out``: how many rows of each kind are not among ``rows``, which were too many."""

    version: str
    counted: tuple[Counted, ...] = ()
    rows: tuple[Row, ...] = ()
    left_out: Mapping[Kind, int] = field(default_factory=dict)
