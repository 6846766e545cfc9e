"""Orphans: load balancers that this host has and of which the server says that it knows no such thing.

One or two are what a lost message leaves, and go. Many at once are rather the wrong database, or one that was put back
to an earlier state: then none goes, all serve on, and an error says how to confirm the removal. What the server itself
is deleting is no orphan: its answer names the generation of the deletion.
"""

import threading
from collections.abc import Collection, Mapping

import structlog

from evenload.model.desired import Desired, Gone

ADVICE = "check [database] connection; to have them removed, restart with [agent] removal_share = 1"

log = structlog.get_logger(__name__)

_ALWAYS = 2
_NAMED = 5


def find_orphans(
    here: Collection[str], documents: Mapping[str, Desired | Gone | None], assigned: Collection[str]
) -> set[str]:
    """What is here, is not assigned, and is not being removed already."""
    present = {*here, *(key for key, document in documents.items() if document is not None)}
    return {key for key in present if key not in assigned and not isinstance(documents.get(key), Gone)}


def choose_removable(orphans: Collection[str], present: int, share: float) -> frozenset[str]:
    """All of them or none. ``present``: how many load balancers the host has; ``share``: of these that may go."""
    return frozenset(orphans) if len(orphans) <= max(_ALWAYS, int(share * present)) else frozenset()


def warn_of_held_back(held_back: Collection[str], present: int) -> None:
    """``held_back``: the load balancers of which the server has said that it knows them not, and which serve on."""
    if held_back:
        log.error(
            "the server knows too many of this host's load balancers no more: none of them is removed",
            unknown=len(held_back),
            present=present,
            among_them=",".join(sorted(held_back)[:_NAMED]),
            advice=ADVICE,
        )


class Orphans:
    """Which of them may be removed, as the last resync found. May be used from any thread."""

    def __init__(self, share: float) -> None:
        self._share = share
        self._lock = threading.Lock()
        self._removable: frozenset[str] = frozenset()

    def count(
        self, here: Collection[str], documents: Mapping[str, Desired | Gone | None], assigned: Collection[str]
    ) -> None:
        """To be called by a resync before it asks for rounds."""
        orphans = find_orphans(here, documents, assigned)
        removable = choose_removable(orphans, len({*here, *documents}), self._share)
        with self._lock:
            self._removable = removable

    def may_remove(self, load_balancer_id: str) -> bool:
        with self._lock:
            return load_balancer_id in self._removable
