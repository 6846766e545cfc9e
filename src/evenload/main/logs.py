"""Logging: one line per event, key=value, for people; under journald an entry with fields and a priority.

On standard error a line begins with its moment and level. Under journald both are the entry's own
(``main/journal.py``); where its socket cannot be reached, lines begin with a priority as ``<4>``, which it reads.
"""

import contextlib
import io
import logging
import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TextIO, cast

import structlog

from evenload.main.journal import PRIORITIES, Journal, field_name, is_journal

_IDENTIFIER = "evenload"
_METHODS = ("debug", "info", "warning", "warn", "error", "err", "critical", "fatal", "exception", "failure", "log")


@dataclass(frozen=True, slots=True)
class Line:
    """``text``: what happened, with its fields as key=value; ``fields``: the same one by one."""

    logger: str
    level: str
    moment: str
    text: str
    traceback: str | None
    fields: Mapping[str, str]


Sink = Callable[[Line], None]


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


class _Logger:
    """What structlog calls with a line that is ready."""

    def __init__(self, name: str, sink: Sink) -> None:
        self.name = name
        self._sink = sink

    def msg(self, line: Line) -> None:
        self._sink(line)


for _method in _METHODS:
    setattr(_Logger, _method, _Logger.msg)


class _OfLibraries(logging.Handler):
    """What libraries have to say, by Python's own logging."""

    def __init__(self, sink: Sink) -> None:
        super().__init__()
        self._sink = sink
        self._formatter = logging.Formatter()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            moment = structlog.processors.TimeStamper(fmt="iso", utc=True)(None, "", {})["timestamp"]
            traceback = _set_off(self._formatter.formatException(record.exc_info)) if record.exc_info else None
            text = f"{record.name}: {_printable(record.getMessage())}"
            level = record.levelname.lower()
            self._sink(Line(record.name, level, str(moment), text, traceback, {}))
        except Exception:  # noqa: BLE001 as logging itself does
            self.handleError(record)


def configure(*, debug: bool, environment: Mapping[str, str] = os.environ) -> None:
    """Called once, at the start of a process."""
    sink = choose_sink(environment)
    level = logging.DEBUG if debug else logging.INFO
    logging.basicConfig(level=logging.WARNING, handlers=[_OfLibraries(sink)])
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _line_of,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *names: _Logger(str(names[0]) if names else _IDENTIFIER, sink),
        cache_logger_on_first_use=True,
    )


def choose_sink(environment: Mapping[str, str]) -> Sink:
    stream = cast(TextIO, _Forgiving(sys.stderr))
    if not is_journal(environment, sys.stderr.fileno() if _has_descriptor(sys.stderr) else -1):
        return lambda line: _write(stream, _as_text(line))
    try:
        journal = Journal()
    except OSError:
        return lambda line: _write(stream, _as_prefixed(line))
    return lambda line: _send(journal, stream, line)


def _has_descriptor(stream: TextIO) -> bool:
    try:
        stream.fileno()
    except (OSError, ValueError, AttributeError):
        return False
    return True


def _write(stream: TextIO, text: str) -> None:
    stream.write(text)
    stream.flush()


def _send(journal: Journal, stream: TextIO, line: Line) -> None:
    try:
        journal.send(_as_fields(line).items())
    except OSError:
        _write(stream, _as_prefixed(line))


def _line_of(logger: Any, _method: str, event: Any) -> tuple[tuple[Line], dict[str, Any]]:
    """structlog's last processor."""
    moment, level, said = event.pop("timestamp"), event.pop("level"), _printable(str(event.pop("event")))
    traceback = event.pop("exception", None)
    traceback = None if traceback is None else _set_off(str(traceback))
    text = " ".join([said, *(f"{key}={_quoted(value)}" for key, value in event.items())])
    fields = {key: str(value) for key, value in event.items()}
    return (Line(logger.name, level, moment, text, traceback, fields),), {}


def _as_text(line: Line) -> str:
    """``time level event key=value …``, a traceback below."""
    return f"{line.moment} {line.level} {line.text}\n" + (f"{line.traceback}\n" if line.traceback else "")


def _as_prefixed(line: Line) -> str:
    prefix = f"<{PRIORITIES.get(line.level, 6)}>"
    return "".join(f"{prefix}{each}\n" for each in [line.text, *(line.traceback or "").splitlines()])


def _as_fields(line: Line) -> dict[str, str]:
    return {
        "MESSAGE": f"{line.text}\n{line.traceback}" if line.traceback else line.text,
        "PRIORITY": str(PRIORITIES.get(line.level, 6)),
        "SYSLOG_IDENTIFIER": _IDENTIFIER,
        "LOGGER": line.logger,
        **{field_name(key): value for key, value in line.fields.items()},
    }


def _printable(text: str) -> str:
    return text if text.isprintable() else repr(text)


def _set_off(traceback: str) -> str:
    """Each line behind a margin: what an error says may be anybody's text, and must not pass for a line of the log."""
    return "\n".join(
        "  " + "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in line)
        for line in traceback.splitlines()
    )


_PLAIN = re.compile(r"[^\s\"=]+")


def _quoted(value: object) -> str:
    text = str(value)
    return text if _PLAIN.fullmatch(text) and text.isprintable() else repr(text)
