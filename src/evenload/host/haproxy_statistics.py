"""The numbers of all workers of a load balancer, of those that are finishing too. May be read at any time."""

import structlog

from evenload.host.haproxy_last_words import LastWords
from evenload.host.haproxy_runtime import STATISTICS, Conversation, parse_statistics
from evenload.host.haproxy_workers import Workers
from evenload.host.succession import is_idle
from evenload.model.desired import ProxyStatistics
from evenload.model.errors import HostError

log = structlog.get_logger(__name__)

_TIMEOUT = 1.0


class StatisticsReader:
    def __init__(self, workers: Workers, last_words: LastWords) -> None:
        self._workers = workers
        self._last_words = last_words

    def read(self, load_balancer_id: str) -> dict[int, tuple[ProxyStatistics, ...]]:
        """By worker; those that do not answer are missing. A finishing worker without connections is let go when its
        last numbers have been read."""
        found = {}
        for number in self._workers.sockets(load_balancer_id):
            try:
                found[number] = self._read(load_balancer_id, number)
            except (HostError, ValueError) as error:
                self._last_words.hang_up(load_balancer_id, number)
                log.debug("no statistics", load_balancer=load_balancer_id, worker=number, reason=str(error))
        return found

    def _read(self, load_balancer_id: str, number: int) -> tuple[ProxyStatistics, ...]:
        last_words = self._last_words.get(load_balancer_id, number)
        if last_words is None:
            path = self._workers.file(load_balancer_id, number, "sock")
            with Conversation(path, timeout=_TIMEOUT) as conversation:
                return parse_statistics(conversation.ask(STATISTICS))
        rows = parse_statistics(last_words.ask(STATISTICS))
        if is_idle(rows):
            self._last_words.hang_up(load_balancer_id, number)
        return rows
