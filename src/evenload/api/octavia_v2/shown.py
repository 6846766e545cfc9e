"""What lists showed last, as JSON text: of the very same view it need not be made anew.

The store gives the same view as long as nothing of the load balancer has changed.
"""

import threading
from collections import OrderedDict

from evenload.api.encoding import Encoded, encode
from evenload.api.octavia_v2.present import AnyView, present

_ROOM = 2000


class Shown:
    """What was made first goes first where there is no more room. Looking takes no lock: threads that show lists would
    wait for each other at every object."""

    def __init__(self, *, room: int = _ROOM) -> None:
        self._room = room
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[AnyView, Encoded]] = OrderedDict()

    def text(self, view: AnyView) -> Encoded:
        """The whole object."""
        identifier = view.record.item.id
        kept = self._kept.get(identifier)
        if kept is not None and kept[0] is view:
            return kept[1]
        made = Encoded(encode(present(view)))
        with self._lock:
            self._kept[identifier] = view, made
            self._kept.move_to_end(identifier)
            if len(self._kept) > self._room:
                self._kept.popitem(last=False)
        return made
