"""Ends the process with a thread that could not go on, so that nobody misses it: the supervisor starts both anew.

A thread of Evenload's own ends so only where it is stranded (``threads.Stranded``); one of a library, by any fault.
"""

import contextlib
import os
import threading

import structlog

EXIT_STATUS = 70
"""EX_SOFTWARE of sysexits.h."""

_log = structlog.get_logger(__name__)


def end_the_process() -> None:
    """From now on, where a thread ends by an exception. Data plane and database stay as they are after a kill."""
    threading.excepthook = _end


def _end(lost: threading.ExceptHookArgs) -> None:
    with contextlib.suppress(Exception):
        _log.critical(
            "a thread was lost, and the process ends with it",
            thread=lost.thread.name if lost.thread is not None else None,
            exc_info=(lost.exc_type, lost.exc_value, lost.exc_traceback),
        )
    os._exit(EXIT_STATUS)
