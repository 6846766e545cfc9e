"""``evenload events [NAME] [--follow] [--since WHEN] [--kind KIND] [--last N] [--format text|json]``: what has
happened, the newest last. Changes nothing, and needs no service that runs.

Root becomes the server's user for good before it opens the database: what SQLite makes beside its file must be that
user's. All that is needed is imported before that. Exit status: 0, or 2 where the database cannot be read.
"""

import argparse
import json
import os
import re
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from evenload.host.privileges import become
from evenload.main.accounts import find_account
from evenload.main.existing_database import database_file, open_existing, require_file
from evenload.main.permission import in_words
from evenload.main.settings import Settings, SettingsError, read_settings
from evenload.main.terminal import admitted, paint, read_screen, safe
from evenload.model.errors import EvenloadError
from evenload.model.event import EventKind, EventQuery, KeptEvent, Weight, sentence
from evenload.store.engine import StoreSettings, preload_driver
from evenload.store.events import read_events
from evenload.store.reading import reading
from evenload.store.schema import newest_revision

DONE, CANNOT = 0, 2
_USUAL = 100
_MOST = 1_000_000
_EVERY = 1.0
_OVERLAP = 200
"""Positions that a follower looks at again: a transaction that began earlier may end later."""
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_MARKS = {Weight.NOTE: " ", Weight.WARNING: "!", Weight.ERROR: "!"}


def run(arguments: Sequence[str]) -> int:
    """Returns the exit status."""
    asked = _parser().parse_args(arguments)
    sys.stdout.reconfigure(errors="replace", line_buffering=True)  # type: ignore[union-attr]
    try:
        settings = read_settings(
            [word for name in ("config_file", "config_dir") for value in getattr(asked, name)
             for word in (f"--{name.replace('_', '-')}", value)]
        )  # fmt: skip
        with_database = _Reader(settings)
        return _show(with_database, asked)
    except KeyboardInterrupt:
        return DONE
    except BrokenPipeError:  # whoever read it has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except (EvenloadError, SettingsError, OSError) as error:
        sys.stderr.write(f"evenload events: {in_words(error)}\n")
        return CANNOT


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="evenload events", description="Shows what has happened to load balancers and hosts, the newest last."
    )
    parser.add_argument(
        "name", nargs="?", type=admitted, help="a load balancer's, a part's or an agent's name, or the id of one"
    )
    parser.add_argument("--follow", action="store_true", help="wait for more, until Ctrl-C")
    parser.add_argument(
        "--since", type=read_moment, metavar="WHEN", help="30s, 10m, 2h, 3d ago, or a moment such as 2026-11-29T10:00"
    )
    parser.add_argument(
        "--kind", action="append", choices=[kind.value for kind in EventKind], default=[], help="may be repeated"
    )
    parser.add_argument(
        "--last", type=int, metavar="N", help=f"the last ones (default {_USUAL}; with --since all since then)"
    )
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help="json, one line each, is for programs"
    )
    parser.add_argument("--config-file", action="append", default=[], metavar="FILE")
    parser.add_argument("--config-dir", action="append", default=[], metavar="DIR")
    return parser


def read_moment(text: str, now: datetime | None = None) -> datetime:
    """Raises ArgumentTypeError."""
    found = re.fullmatch(r"([0-9]{1,9})([smhd])", text)
    try:
        if found is not None:
            return (now or datetime.now(UTC)) - timedelta(**{_UNITS[found[2]]: int(found[1])})
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            moment = moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise argparse.ArgumentTypeError(f"{text!r} is neither 30s, 10m, 2h, 3d nor a moment") from error
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


class _Reader:
    """The database, of which this process is a mere reader."""

    def __init__(self, settings: Settings) -> None:
        preload_driver(StoreSettings(url=settings.database))
        account, newest = find_account(settings.server.user), newest_revision()
        if account is not None:
            become(account)
        self._path = database_file(settings)
        try:
            require_file(settings)
            self._file = self._which_file()
            self._engine: Engine = open_existing(settings, newest)
        except SQLAlchemyError as error:
            raise EvenloadError(f"the database cannot be read: {getattr(error, 'orig', None) or error}") from error

    def events(self, query: EventQuery) -> list[KeptEvent]:
        """Raises EvenloadError."""
        try:
            self._leave_former_file()
            with reading(self._engine) as connection:
                return read_events(connection, query)
        except (SQLAlchemyError, OSError) as error:
            raise EvenloadError(f"the database cannot be read: {getattr(error, 'orig', None) or error}") from error

    def _leave_former_file(self) -> None:
        """A connection of SQLite's goes on reading the file that it has opened, when another has taken its place."""
        found = self._which_file()
        if found != self._file:
            self._engine.dispose()
            self._file = found

    def _which_file(self) -> tuple[int, int] | None:
        if self._path is None:
            return None
        status = self._path.stat()
        return status.st_dev, status.st_ino


def _show(reader: _Reader, asked: argparse.Namespace) -> int:
    most = asked.last if asked.last is not None else _MOST if asked.since is not None else _USUAL
    kinds = tuple(EventKind(word) for word in asked.kind)
    query = EventQuery(limit=max(1, min(most, _MOST)), since=asked.since, kinds=kinds, named=asked.name)
    if not asked.follow:
        found = reader.events(query)
        for kept in found:
            _write(kept, asked.format)
        if not found:  # a name may be mistyped, or be that of something of long ago
            sys.stderr.write("evenload events: nothing that has happened fits\n")
        return DONE
    for kept in _follow(reader, query):
        _write(kept, asked.format)
    return DONE


def _follow(reader: _Reader, query: EventQuery) -> Iterator[KeptEvent]:
    """What is there, then what comes, for ever. A database that is away for a while is waited for; of one that was put
    back to an earlier state what comes from then on is told."""
    last, seen = _end_of(reader)
    first = reader.events(query)
    seen |= {kept.position for kept in first}
    yield from first
    away = False
    while True:
        time.sleep(_EVERY)
        try:
            if _newest(reader) < last:
                last, seen = _end_of(reader)
            found = reader.events(replace(query, limit=_MOST, since=None, after=last - _OVERLAP))
            away = False
        except EvenloadError as error:
            if not away:
                sys.stderr.write(f"evenload events: {error}\n")
            away = True
            continue
        fresh = [kept for kept in found if kept.position not in seen]
        yield from fresh
        last = max([last, *(kept.position for kept in fresh)])
        seen = {position for position in seen if position > last - _OVERLAP} | {kept.position for kept in fresh}


def _newest(reader: _Reader) -> int:
    return next((kept.position for kept in reader.events(EventQuery(limit=1))), 0)


def _end_of(reader: _Reader) -> tuple[int, set[int]]:
    """The last position, and those before it that are there."""
    last = _newest(reader)
    return last, {kept.position for kept in reader.events(EventQuery(limit=_OVERLAP, after=last - _OVERLAP))}


def _write(kept: KeptEvent, form: str) -> None:
    if form == "json":
        sys.stdout.write(json.dumps(described(kept), ensure_ascii=False) + "\n")
        return
    event = kept.event
    line = f"{event.at:%Y-%m-%dT%H:%M:%SZ} {_MARKS[event.weight]} {safe(sentence(event))}"
    sys.stdout.write("".join(f"{each}\n" for each in paint([line], read_screen(sys.stdout))))


def described(kept: KeptEvent) -> dict[str, Any]:
    """For programs."""
    event = kept.event
    return {
        "position": kept.position,
        "at": event.at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "kind": event.kind.value,
        "weight": event.weight.value,
        "state": event.state,
        "former": event.former,
        "reason": event.reason,
        "times": event.times,
        "project_id": event.project_id,
        "load_balancer": {"id": event.load_balancer_id, "name": event.load_balancer_name},
        "object": None
        if event.object_kind is None
        else {"kind": event.object_kind.value, "id": event.object_id, "name": event.object_name},
        "agent": event.agent,
        "text": sentence(event),
    }
