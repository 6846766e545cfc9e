"""Clients that change whatever they find, at random, while the roles are killed at random moments.

Moments are counted in answers, so that the same seed gives a like course on machines of any speed. Beside it a load
balancer that nobody touches serves without a single failure.
"""

import http.client
import random
import threading
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from tests.e2e.conformity import await_conformity
from tests.e2e.killing import ROLES, await_role, kill_role, undisturbed
from tests.e2e.world import World

ANSWERS = 300
KILLS = 5
STEADY = "steady"


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


def churn(world: World, clients: Sequence[ChurnClient], answers: Counter[int], seed: int) -> None:
    """Lets the clients go on until all kills and ``ANSWERS`` answers are behind them, and everything has settled."""
    made = world.balancer("web1", "web2", name=STEADY)
    world.wait_answer(made.vip)
    choice = random.Random(seed)
    killed = threading.Event()

    def enough() -> bool:
        return killed.is_set() and answers.total() >= ANSWERS

    threads = [threading.Thread(target=client.run, args=(enough,)) for client in clients]
    with undisturbed(world, made):
        for thread in threads:
            thread.start()
        try:
            for _ in range(KILLS):
                _kill_later(world, answers, choice)
        finally:
            killed.set()
            for thread in threads:
                thread.join()
        await_conformity(world)
    faults = [fault for client in clients for fault in client.faults]
    assert not faults, "\n".join([f"{len(faults)} answers blame the service", *faults[:10]])
    assert answers[201] > ANSWERS / 20, answers


def _kill_later(world: World, answers: Counter[int], choice: random.Random) -> None:
    """After some answers more, and perhaps in the middle of one, one role or both; returns when they are back."""
    moment = answers.total() + choice.randint(1, 40)
    world.wait(lambda: answers.total() >= moment, f"{moment} answers")
    time.sleep(choice.uniform(0.0, 0.02))
    former = {role: kill_role(world, role) for role in choice.choice([*((role,) for role in ROLES), ROLES])}
    for role, pid in former.items():
        await_role(world, role, pid)
