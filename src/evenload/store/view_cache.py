"""Load balancers as a list showed them last: most have not changed when it is asked for again.

Told by their revision, as in ``tree_cache``: every change of a load balancer's rows gives it another one. A view that
is found is the very same object as before, so that what was made of it need not be made anew.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterable

from evenload.model.balancer import AnyRecord
from evenload.model.query import View

_ROOM = 2000


class ViewCache:
    """The least recently used go first where there is no more room."""

    def __init__(self, *, room: int = _ROOM) -> None:
        self._room = room
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[int, View[AnyRecord]]] = OrderedDict()

    def get_all(self, chosen: Iterable[tuple[str, int]]) -> dict[str, View[AnyRecord] | None]:
        """``chosen``: ids and revisions. By id, in that order; None for what is not here. One turn of the lock for all:
        lists of many threads would wait for each other at every load balancer."""
        found: dict[str, View[AnyRecord] | None] = {}
        with self._lock:
            for identifier, revision in chosen:
                kept = self._kept.get(identifier)
                if kept is None or kept[0] != revision:
                    found[identifier] = None
                else:
                    self._kept.move_to_end(identifier)
                    found[identifier] = kept[1]
        return found

    def keep(self, view: View[AnyRecord], revision: int) -> None:
        with self._lock:
            self._kept[view.record.id] = revision, view
            self._kept.move_to_end(view.record.id)
            if len(self._kept) > self._room:
                self._kept.popitem(last=False)
