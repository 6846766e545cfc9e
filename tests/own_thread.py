"""Listeners that hear one thread, for tests that count what their own calls do: the store has others at work."""

import threading
from collections.abc import Callable
from typing import Any


def of_this_thread(note: Callable[..., Any]) -> Callable[..., None]:
    """``note``, called for what happens in the thread that asked for it, and for nothing else."""
    own = threading.get_ident()

    def noted(*args: Any) -> None:
        if threading.get_ident() == own:
            note(*args)

    return noted
