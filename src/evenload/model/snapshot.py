"""A document, what has changed in it, or that there is none any more: what reaches the agent together with the hint
need not be fetched."""

from dataclasses import dataclass

from evenload.model.desired import Desired, Gone
from evenload.model.difference import Difference


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """``moment``: the document is not older than that, in seconds of the monotonic clock that all processes of a host
    share. ``database``: the identity of the database that it comes from."""

    document: Desired | Difference | Gone
    moment: float
    database: str
