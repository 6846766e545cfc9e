"""``evenload server``: API, service, store and housekeeping, as a user of their own without any privilege.

Owns the life of its processes. All that they will ever need is imported, and their privileges are given up
(``server_opening``), before one opens the database or reads a byte from a client: Python and Evenload may lie where
only root may look. Then each starts its parts (``server``).
"""

import gc
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from evenload.bus.hints import HintSender
from evenload.main.control import Control
from evenload.main.garbage import GarbageCollection
from evenload.main.parts import Foundation, build_foundation
from evenload.main.preload import preload, preload_metrics, preload_policy_checks
from evenload.main.role import Begun, Serve, refuse, run_role
from evenload.main.run_path import SERVER_SOCKET, hint_path
from evenload.main.server import Server
from evenload.main.server_opening import Opened, open_server
from evenload.main.settings import Settings
from evenload.main.socket_path import SocketGuard, SocketLost
from evenload.main.workers import END_ALL, Workers
from evenload.model.errors import EvenloadError
from evenload.store.engine import StoreSettings, preload_driver
from evenload.tally import UNCOUNTED, Counting, shared_memory
from evenload.threads import Faults

if TYPE_CHECKING:
    from evenload.main.metrics.server import ServerMetrics

_log = structlog.get_logger(__name__)


def run(arguments: Sequence[str]) -> int:
    """Until SIGTERM or SIGINT. Returns the exit status."""
    return run_role(arguments, _prepare)


def _prepare() -> Serve:
    preload()
    return _serve


def _serve(begun: Begun) -> int:
    settings, control = begun.settings, begun.control
    with ExitStack() as stack:
        preload_policy_checks(external=settings.policy.file is not None)
        preload_driver(StoreSettings(url=settings.database))
        if settings.server.metrics is not None:
            preload_metrics()
        opened = open_server(begun, stack)
        if settings.server.metrics is not None:
            opened = replace(opened, tallies=tuple(shared_memory() for _ in range(settings.serving.workers)))
        if settings.serving.workers == 1:
            _work(settings, opened, control, begun.ended, 0)
            return 0
        hints = HintSender(hint_path(settings.run_path), "", Faults())
        build_foundation(settings, hints, opened.upgrade, opened.ring, opened.barbican).engine.dispose()
        gc.freeze()  # what the workers share stays shared

        def work(number: int) -> int:
            return _as_worker(settings, opened, control, begun.ended, number)

        return Workers(settings.serving.workers, work).run(begun.ended.is_set)


def _work(
    settings: Settings,
    opened: Opened,
    control: Control,
    ended: threading.Event,
    number: int,
) -> None:
    """Serves until ``ended``. The first of several processes keeps house."""
    keeper = number == 0
    with ExitStack() as stack:
        counting = _counting_of(opened, number)
        faults = Faults(counting)
        hints = HintSender(hint_path(settings.run_path), settings.host_name, faults)
        foundation = build_foundation(settings, hints, opened.upgrade, opened.ring, opened.barbican, counting)
        stack.callback(foundation.engine.dispose)
        metrics = _metrics_of(settings, foundation, opened, hints, counting) if keeper else None
        server = Server(settings, foundation, opened, faults, counting, metrics, keeper=keeper)
        stack.callback(server.stop)
        server.start(await_agent=control.supervised)
        garbage = GarbageCollection(faults)
        stack.callback(garbage.stop)
        garbage.start()
        guard = SocketGuard(settings.run_path / SERVER_SOCKET, ended.set, faults)
        if keeper:
            stack.callback(guard.stop)
            guard.start()
            control.ready()
            control.serve_until(ended)
        ended.wait()
        guard.check()
        _log.info("stopping")


def _as_worker(
    settings: Settings,
    opened: Opened,
    control: Control,
    ended: threading.Event,
    number: int,
) -> int:
    try:
        _work(settings, opened, control, ended, number)
    except SocketLost as error:
        refuse(error)
        return END_ALL
    except (EvenloadError, OSError, ValueError) as error:
        return refuse(error)
    return 0


def _counting_of(opened: Opened, number: int) -> Counting:
    if not opened.tallies:
        return UNCOUNTED
    from evenload.main.metrics.server import open_tally

    return open_tally(opened.tallies[number])


def _metrics_of(
    settings: Settings, foundation: Foundation, opened: Opened, hints: HintSender, counting: Counting
) -> "ServerMetrics | None":
    if settings.server.metrics is None:
        return None
    from evenload.main.metrics.server import ServerMetrics

    dialect = foundation.engine.dialect.name
    return ServerMetrics(
        settings.server.metrics, foundation.context, hints, settings.host_name, dialect, opened.tallies, counting
    )
