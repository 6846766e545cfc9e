"""Clients that change whatever they find, at random, while the service may be killed. Used by the tests of churn."""

import http.client
import random
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from typing import Any

from tests.e2e.world import World


class ChurnClient(ABC):
    """Sends random requests, most of them sensible when it read what there is, some not any more when they arrive.

    ``answers`` counts statuses over all clients; ``faults`` are answers that blame the service.
    """

    def __init__(self, world: World, seed: int, answers: Counter[int]) -> None:
        self._world = world
        self._random = random.Random(seed)
        self._answers = answers
        self.faults: list[str] = []

    def run(self, enough: Callable[[], bool]) -> None:
        while not enough():
            try:
                self.step()
            except (OSError, http.client.HTTPException):
                time.sleep(0.02)  # the service is being killed

    @abstractmethod
    def step(self) -> None:
        """One change."""

    def ask(self, method: str, path: str, body: Any = None) -> None:
        reply = self._world.ask(method, path, body)
        self._answers[reply.status] += 1
        if reply.status >= 500:
            self.faults.append(f"{method} {path} {body}: {reply}")
