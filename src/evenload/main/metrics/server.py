"""The server's side of numbers: what counts is put between its parts, and ``/metrics`` serves what was counted."""

import mmap
from collections.abc import Sequence
from importlib.metadata import version

from evenload.bus.hints import HintSender
from evenload.interfaces.bus import Gateway
from evenload.main.metrics.agents import AgentAnswers
from evenload.main.metrics.catalogue import FROM_ZERO, GOING_ON
from evenload.main.metrics.changes import CountedGateway
from evenload.main.metrics.collector import Build, Numbers
from evenload.main.metrics.endpoint import Endpoint
from evenload.service.context import Context
from evenload.tally import Counting, Tally

_VERSION = version("evenload")  # it stands in a file that may be readable to root alone


def open_tally(memory: mmap.mmap) -> Tally:
    """Of a process that begins; what one before it has counted stands."""
    tally = Tally(memory)
    tally.clear(GOING_ON)
    tally.begin(FROM_ZERO)
    return tally


class ServerMetrics:
    """Of the process that keeps house. ``tallies``: of all of them, ``counting`` is its own. Inert until ``start``."""

    def __init__(
        self,
        address: tuple[str, int],
        context: Context,
        hints: HintSender,
        host_name: str,
        database: str,
        tallies: Sequence[mmap.mmap],
        counting: Counting,
    ) -> None:
        self._context = context
        self._counting = counting
        self.answers = AgentAnswers(host_name, hints.ask_for_numbers)
        build = Build(version=_VERSION, database=database)
        numbers = Numbers(build, tallies, context.uow, self.answers, context.clock.monotonic)
        self.endpoint = Endpoint(address, numbers.render)

    def counted(self, gateway: Gateway) -> Gateway:
        context = self._context
        return CountedGateway(gateway, context.uow, context.now, self._counting, self.answers.note_registration)

    def start(self) -> None:
        """Raises OSError where somebody else has the address."""
        self.endpoint.start()

    def stop(self) -> None:
        self.endpoint.stop()
