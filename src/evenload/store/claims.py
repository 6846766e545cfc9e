"""Whose turn it is to work on a large load balancer: one piece of work at a time, in this process.

Work that is rehearsed takes long. Two pieces on the same load balancer would overtake each other, and the later one
would do all of it again. Each claims one load balancer at most, so that no two wait for each other.
"""

import threading
import time


class Taken(Exception):
    """Somebody works on that load balancer: what was read so far will be out of date when they have done."""


class Claims:
    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._taken: set[str] = set()

    def take(self, load_balancer_id: str, patience: float) -> bool:
        """Whether it was free, or became it within so many seconds; ``give_back`` is due then."""
        deadline = time.monotonic() + patience
        with self._changed:
            while load_balancer_id in self._taken:
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(left)
            self._taken.add(load_balancer_id)
            return True

    def give_back(self, load_balancer_id: str) -> None:
        with self._changed:
            self._taken.remove(load_balancer_id)
            self._changed.notify_all()


class Claim:
    """Of one piece of work. Used in a ``with`` statement, which gives back what was claimed.

    ``patience``: seconds to wait for others, after which it works beside them.
    """

    def __init__(self, claims: Claims, patience: float) -> None:
        self._claims = claims
        self._patience = patience
        self._asked = False
        self._held: str | None = None

    def __enter__(self) -> "Claim":
        return self

    def __exit__(self, *_: object) -> None:
        if self._held is not None:
            self._claims.give_back(self._held)

    def require(self, load_balancer_id: str) -> None:
        """The first one is claimed, further ones are not. Raises Taken where it had to wait, and has it now."""
        if self._asked:
            return
        self._asked = True
        if self._claims.take(load_balancer_id, 0):
            self._held = load_balancer_id
            return
        if self._claims.take(load_balancer_id, self._patience):
            self._held = load_balancer_id
        raise Taken
