"""Conversations with workers that are finishing.

Such a worker takes no new conversation, and does not end while one begun before lasts: its last counters are read
through it.
"""

import threading

from evenload.host.haproxy_runtime import Conversation


class LastWords:
    """By load balancer and worker number. May be used from any thread."""

    def __init__(self) -> None:
        self._conversations: dict[tuple[str, int], Conversation] = {}
        self._lock = threading.Lock()

    def keep(self, load_balancer_id: str, number: int, conversation: Conversation) -> None:
        with self._lock:
            self._conversations[load_balancer_id, number] = conversation

    def get(self, load_balancer_id: str, number: int) -> Conversation | None:
        with self._lock:
            return self._conversations.get((load_balancer_id, number))

    def renumber(self, load_balancer_id: str, number: int, other: int) -> None:
        """The worker has another number now."""
        with self._lock:
            conversation = self._conversations.pop((load_balancer_id, number), None)
            if conversation is not None:
                self._conversations[load_balancer_id, other] = conversation

    def hang_up(self, load_balancer_id: str, number: int, held: Conversation | None = None) -> bool:
        """Lets the worker end; False where there is no conversation, or another one than ``held`` by now."""
        with self._lock:
            conversation = self._conversations.get((load_balancer_id, number))
            if conversation is None or (held is not None and conversation is not held):
                return False
            del self._conversations[load_balancer_id, number]
        conversation.close()
        return True

    def hang_up_all(self, load_balancer_id: str) -> None:
        with self._lock:
            numbers = [number for owner, number in self._conversations if owner == load_balancer_id]
        for number in numbers:
            self.hang_up(load_balancer_id, number)

    def close(self) -> None:
        with self._lock:
            conversations = list(self._conversations.values())
            self._conversations.clear()
        for conversation in conversations:
            conversation.close()
