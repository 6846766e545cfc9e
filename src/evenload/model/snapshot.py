"""A document, or what has changed in it, that reaches the agent together with the hint: it need not be fetched."""

from dataclasses import dataclass

from evenload.model.desired import Desired
from evenload.model.difference import Difference


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """``moment``: the document is not older than that, in seconds of the monotonic clock that all processes of a host
    share. ``database``: the identity of the database that it comes from."""

    document: Desired | Difference
    moment: float
    database: str
