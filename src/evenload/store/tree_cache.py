"""Load balancers as they were read or written last, so that a small change of one need not read all of it again.

Every change of a load balancer's rows gives it another random revision, in the same transaction; so whoever has read
the revision in a transaction may take the tree that goes with it. What another process writes, or a transaction that is
undone, has another revision and is never found. Trees are never changed, so all threads may use one.
"""

import secrets
import threading
from collections import OrderedDict

from evenload.model.tree import Tree

_ROOM = 20_000
"""Records in all, of a kilobyte or two."""


def count_children(tree: Tree) -> int:
    return sum(len(children) for children in tree.children.values())


def new_edition() -> int:
    """For a tree that was read or written: nothing else that is made of this load balancer has it."""
    return secrets.randbits(62) | 1


class TreeCache:
    """The least recently used go first where there is no more room."""

    def __init__(self, *, room: int = _ROOM) -> None:
        self._room = room
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[int, Tree]] = OrderedDict()
        self._records = 0

    def holds(self, load_balancer_id: str) -> bool:
        """Whether it is worth asking for its revision."""
        return load_balancer_id in self._kept

    def get(self, load_balancer_id: str, revision: int) -> Tree | None:
        with self._lock:
            kept = self._kept.get(load_balancer_id)
            if kept is None or kept[0] != revision:
                return None
            self._kept.move_to_end(load_balancer_id)
            return kept[1]

    def keep(self, tree: Tree, revision: int) -> None:
        with self._lock:
            self._drop(tree.id)
            size = 1 + count_children(tree)
            if size > self._room:
                return
            self._kept[tree.id] = revision, tree
            self._records += size
            while self._records > self._room:
                self._drop(next(iter(self._kept)))

    def renew(self, load_balancer_id: str, former: int | None, revision: int) -> None:
        """What went with the former revision goes with this one."""
        with self._lock:
            kept = self._kept.get(load_balancer_id)
            if kept is not None and kept[0] == former:
                self._kept[load_balancer_id] = revision, kept[1]

    def _drop(self, load_balancer_id: str) -> None:
        kept = self._kept.pop(load_balancer_id, None)
        if kept is not None:
            self._records -= 1 + count_children(kept[1])
