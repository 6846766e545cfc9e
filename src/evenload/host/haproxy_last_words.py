"""Conversations with workers that are finishing.

Such a worker takes no new conversation, and does not end while one begun before lasts: its last counters are read
through it. Where changes follow each other faster than the looks at the counters, those without a connection are let go
ahead of the next look, which then gets what they said.
"""

import threading

from evenload.host.haproxy_answers import Answers
from evenload.host.haproxy_runtime import STATISTICS, Conversation
from evenload.host.haproxy_table import Rows, parse_statistics
from evenload.host.succession import connections_of
from evenload.model.errors import HostError


class LastWords:
    """By load balancer and worker number. May be used from any thread. ``answers``: who keeps what workers say."""

    def __init__(self, answers: Answers | None = None) -> None:
        self._answers = answers
        self._conversations: dict[tuple[str, int], Conversation] = {}
        self._said: dict[tuple[str, int], Rows] = {}
        self._lock = threading.Lock()

    def keep(self, load_balancer_id: str, number: int, conversation: Conversation) -> None:
        with self._lock:
            self._conversations[load_balancer_id, number] = conversation

    def get(self, load_balancer_id: str, number: int) -> Conversation | None:
        with self._lock:
            return self._conversations.get((load_balancer_id, number))

    def count(self, load_balancer_id: str) -> int:
        """How many of its workers are held by a conversation."""
        with self._lock:
            return sum(owner == load_balancer_id for owner, _ in self._conversations)

    def let_idle_go(self, load_balancer_id: str) -> None:
        """Reads the last numbers of the workers that have no connection left, for ``said``, and lets them end."""
        with self._lock:
            held = [(key, each) for key, each in self._conversations.items() if key[0] == load_balancer_id]
        for key, conversation in held:
            try:
                text = conversation.ask(STATISTICS)
                rows = parse_statistics(text)
            except (HostError, ValueError):  # the next look shows it again, and says what to think of it
                return
            if connections_of(rows):
                continue
            with self._lock:
                if self._conversations.get(key) is not conversation:
                    continue
                self._said[key] = rows
            if self._answers is not None:
                self._answers.note_last_words(*key, text)
            self.hang_up(*key, conversation)

    def said(self, load_balancer_id: str) -> dict[int, Rows]:
        """The numbers of those that were let go since this was asked last, by worker."""
        with self._lock:
            keys = [key for key in self._said if key[0] == load_balancer_id]
            return {key[1]: self._said.pop(key) for key in keys}

    def renumber(self, load_balancer_id: str, number: int, other: int) -> None:
        """The worker has another number now."""
        if self._answers is not None:
            self._answers.renumber(load_balancer_id, number, other)
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
            self._said = {key: rows for key, rows in self._said.items() if key[0] != load_balancer_id}
        for number in numbers:
            self.hang_up(load_balancer_id, number)

    def close(self) -> None:
        with self._lock:
            conversations = list(self._conversations.values())
            self._conversations.clear()
        for conversation in conversations:
            conversation.close()
