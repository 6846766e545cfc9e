"""A document that reaches the agent together with the hint, so that it need not be fetched."""

from dataclasses import dataclass

from evenload.model.desired import Desired


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """``moment``: the document is not older than that, in seconds of the monotonic clock that all processes of a host
    share. ``database``: the identity of the database that it comes from."""

    document: Desired
    moment: float
    database: str
