"""All workers of a load balancer at present: which live, which one serves, what it answers. What dead ones left is
removed, and room is made for a new one."""

import time
from collections.abc import Sequence
from dataclasses import replace

import structlog

from evenload.host import process_sockets
from evenload.host.haproxy_cuts import Cut, Cuts
from evenload.host.haproxy_last_words import LastWords
from evenload.host.haproxy_launch import Launcher
from evenload.host.haproxy_runtime import Conversation, Finishing, Unreachable
from evenload.host.haproxy_workers import Workers
from evenload.host.succession import Answer, Worker, are_many, choose_dead, choose_serving, choose_surplus
from evenload.model.errors import HostError

PATIENCE = 2.0
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.005, 0.2
_JUST_NOW = 1.0
"""Seconds for which nobody waits for an answer again that a process has just failed to give."""

log = structlog.get_logger(__name__)

Greeting = tuple[Answer, Conversation | None, str]
"""The answer; the conversation where it was given, which the receiver closes; for people, why there is none."""


class Crew:
    def __init__(self, workers: Workers, launcher: Launcher, last_words: LastWords, cuts: Cuts) -> None:
        self._workers = workers
        self._launcher = launcher
        self._last_words = last_words
        self._cuts = cuts
        self._silent: dict[str, tuple[Worker, float, str]] = {}

    def serving(self, load_balancer_id: str) -> Worker | None:
        return self.serving_of(load_balancer_id, self._workers.living(load_balancer_id))

    def serving_of(self, load_balancer_id: str, living: Sequence[Worker]) -> Worker | None:
        """The same, where ``living`` has just been found: every look reads four files a worker."""
        return choose_serving(living, self._workers.namespace(load_balancer_id))

    def sweep(self, load_balancer_id: str) -> list[Worker]:
        """The living, the newest last, after what dead ones left was removed. In this order, so that a worker that is
        being started meanwhile loses nothing: whoever had files is starting or living when it is asked for that."""
        numbers = self._workers.numbers(load_balancer_id)
        starting = self._launcher.starting().get(load_balancer_id)
        living = self._workers.living(load_balancer_id)
        dead = choose_dead(numbers, starting, living)
        self._workers.sweep(load_balancer_id, dead)
        for number in dead:
            self._last_words.hang_up(load_balancer_id, number)
        return living

    def make_room(self, load_balancer_id: str, number: int) -> list[Worker]:
        """An agent that lost count may ask for a number that an older worker has; and there may be too many. Returns
        those that are left, the newest last."""
        living = self._await_ends(load_balancer_id)
        sockets = {worker.pid: process_sockets.count_sockets(worker.pid) for worker in living if are_many(living)}
        surplus = choose_surplus(living, sockets)
        for worker in surplus:
            self.end(load_balancer_id, worker, Cut.SURPLUS)
        left = [worker for worker in living if worker not in surplus]
        if any(worker.number == number for worker in left):
            other = self._workers.move_aside(load_balancer_id, number)
            self._last_words.renumber(load_balancer_id, number, other)
            left = [replace(worker, number=other) if worker.number == number else worker for worker in left]
        return left

    def end(self, load_balancer_id: str, worker: Worker, reason: Cut) -> None:
        """Kills it; nobody waits for its last numbers any more."""
        self._last_words.hang_up(load_balancer_id, worker.number)
        self._cuts.end(load_balancer_id, worker.pid, reason)

    def _await_ends(self, load_balancer_id: str) -> list[Worker]:
        """The living, the newest last. Where they are many, those that lose their connections have a moment to end."""
        deadline, pause = time.monotonic() + PATIENCE, _SHORTEST_PAUSE
        while are_many(living := self.sweep(load_balancer_id)) and time.monotonic() < deadline:
            self._last_words.let_idle_go(load_balancer_id)
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
        return living

    def converse(self, load_balancer_id: str, worker: Worker) -> Conversation:
        return Conversation(self._workers.file(load_balancer_id, worker.number, "sock"))

    def greet(self, load_balancer_id: str, worker: Worker) -> Greeting:
        """One that was stopped is let go on, and asked once more."""
        silent, moment, reason = self._silent.pop(load_balancer_id, (None, 0.0, ""))
        if silent == worker and time.monotonic() - moment < _JUST_NOW:
            return Answer.SILENT, None, reason
        greeting = self._greet(load_balancer_id, worker)
        if greeting[0] is Answer.SILENT and self._workers.resume_stopped(load_balancer_id, worker.number):
            greeting = self._greet(load_balancer_id, worker)
        if greeting[0] is Answer.SILENT:
            self._silent[load_balancer_id] = worker, time.monotonic(), greeting[2]
        return greeting

    def _greet(self, load_balancer_id: str, worker: Worker) -> Greeting:
        try:
            return Answer.GIVEN, self.converse(load_balancer_id, worker), ""
        except Finishing as error:
            return Answer.REFUSED, None, str(error)
        except Unreachable as error:
            return Answer.NO_SOCKET, None, str(error)
        except HostError as error:
            return Answer.SILENT, None, str(error)

    def answer_of(self, load_balancer_id: str, worker: Worker) -> Answer:
        answer, conversation, _ = self.greet(load_balancer_id, worker)
        if conversation is not None:
            conversation.close()
        return answer
