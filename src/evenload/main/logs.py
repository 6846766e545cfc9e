"""Logging: one line per event on standard error, key=value, for people and journald alike."""

import contextlib
import io
import logging
import sys
from typing import Any, TextIO, cast

import structlog


class _Forgiving(io.TextIOBase):
    """A line that cannot be written (a full disk, a pipe whose reader has gone) is lost, and nothing fails by that."""

    def __init__(self, target: TextIO) -> None:
        self._target = target

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError, ValueError):
            self._target.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._target.flush()


def configure(*, debug: bool) -> None:
    """Called once, at the start of a process."""
    level = logging.DEBUG if debug else logging.INFO
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _one_line,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(file=cast(TextIO, _Forgiving(sys.stderr))),
        cache_logger_on_first_use=True,
    )


def _one_line(_logger: Any, _method: str, event: Any) -> str:
    """``time level event key=value …``, a traceback below."""
    words = [event.pop("timestamp"), event.pop("level"), str(event.pop("event"))]
    traceback = event.pop("exception", None)
    words += [f"{key}={_quoted(value)}" for key, value in event.items()]
    line = " ".join(words)
    return f"{line}\n{traceback}" if traceback else line


def _quoted(value: object) -> str:
    text = str(value)
    return (
        repr(text) if not text or any(not character.isprintable() or character in ' "=' for character in text) else text
    )
