"""``evenload status [NAME] [--watch [SECONDS]] [--format text|json]``: one look at all that there is, or at one load
balancer, or looks again and again on the same screen. Changes nothing.

Exit status: 0 all well, 1 something is wrong, 2 wrong words, or nothing could be looked at. Of ``--watch`` that of the
last look.
"""

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from typing import TextIO

from evenload.main.permission import in_words
from evenload.main.settings import SettingsError, read_settings
from evenload.main.status.looks import Look, Looks
from evenload.main.status.overview_text import render_overview
from evenload.main.status.tree_text import render_one
from evenload.main.terminal import Screen, admitted, cut_height, paint, read_screen, safe, use_any_locale
from evenload.model.errors import EvenloadError
from evenload.store.engine import StoreSettings, preload_driver

WELL, WRONG, CANNOT = range(3)
_SHORTEST, _USUAL = 0.5, 2.0
_HOME, _REST_OF_LINE, _REST_OF_SCREEN, _CLEAR = "\x1b[H", "\x1b[K", "\x1b[J", "\x1b[2J"
_HIDE, _SHOW = "\x1b[?25l", "\x1b[?25h"


def run(arguments: Sequence[str]) -> int:
    """Returns the exit status."""
    asked = _parser().parse_args(arguments)
    use_any_locale(sys.stdout)
    try:
        settings = read_settings(settings_words(asked))
        preload_driver(StoreSettings(url=settings.database))
        looks = Looks(settings)
        if asked.watch is None:
            look = _look(looks, asked.name)
            try:
                return _show(look, asked.format, sys.stdout)
            except BrokenPipeError:  # whoever read it has enough
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                return status_of(look)
        return _watch(looks, asked.name, asked.format, max(_SHORTEST, asked.watch))
    except (EvenloadError, SettingsError, OSError) as error:
        said = "\n".join(map(safe, in_words(error).split("\n")))
        sys.stderr.write(f"evenload status: {said}\n")
        return CANNOT


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="evenload status",
        description="Shows all load balancers, what is wrong first, or one of them with all its parts.",
        epilog="Exit status: 0 all well, 1 something is wrong, 2 wrong words, or nothing could be looked at.",
    )
    parser.add_argument(
        "name", nargs="?", type=admitted, help="a load balancer's name, id or VIP address, or the id of a part of it"
    )
    parser.add_argument(
        "--watch",
        nargs="?",
        type=float,
        const=_USUAL,
        metavar="SECONDS",
        help=f"look again and again, until Ctrl-C (every {_USUAL:g} s; not more often than every {_SHORTEST:g} s)",
    )
    parser.add_argument("--format", choices=("text", "json"), default="text", help="json is for programs")
    parser.add_argument("--config-file", action="append", default=[], metavar="FILE")
    parser.add_argument("--config-dir", action="append", default=[], metavar="DIR")
    return parser


def settings_words(asked: argparse.Namespace) -> list[str]:
    """Which files the settings are in, in ``read_settings``' words."""
    files = [word for path in asked.config_file for word in ("--config-file", path)]
    return files + [word for path in asked.config_dir for word in ("--config-dir", path)]


def _look(looks: Looks, name: str | None) -> Look:
    return looks.all() if name is None else looks.one(name)


def _show(look: Look, form: str, stream: TextIO) -> int:
    screen = read_screen(stream)
    if form == "json":
        stream.write(json.dumps(look.document, indent=2 if screen.width else None, ensure_ascii=False) + "\n")
    else:
        stream.write("".join(f"{line}\n" for line in paint(_lines(look, screen), screen)))
    stream.flush()
    return status_of(look)


def status_of(look: Look) -> int:
    return WELL if look.well else WRONG


def _lines(look: Look, screen: Screen) -> list[str]:
    if "load_balancer" in look.document:
        return render_one(look.document, screen)
    return render_overview(look.document, screen)


def _watch(looks: Looks, name: str | None, form: str, seconds: float) -> int:
    """Until Ctrl-C or SIGTERM. A look that fails is said in its place."""
    status, stream = CANNOT, sys.stdout
    terminal = stream.isatty() and form == "text"
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if terminal:
            stream.write(_HIDE + _CLEAR)
        while True:
            begun = time.monotonic()
            try:
                look = _look(looks, name)
            except EvenloadError as error:
                status, failed = CANNOT, [f"! {line}" for line in str(error).splitlines()]
                _redraw(failed, read_screen(stream), stream) if terminal else sys.stderr.write(f"{failed[0]}\n")
            else:
                status = status_of(look)
                if terminal:
                    screen = read_screen(stream)
                    _redraw(_lines(look, screen), screen, stream)
                else:
                    _show(look, form, stream)
            spent = time.monotonic() - begun
            time.sleep(max(seconds - spent, spent))  # never busy for more than half of the time
    except KeyboardInterrupt:
        return status
    except BrokenPipeError:  # whoever read it has enough
        return status
    finally:
        if terminal:
            stream.write(_SHOW + "\n")
            stream.flush()


def _redraw(lines: Sequence[str], screen: Screen, stream: TextIO) -> None:
    shown = paint(cut_height(lines, screen.height), screen)
    stream.write(_HOME + "".join(f"{line}{_REST_OF_LINE}\n" for line in shown) + _REST_OF_SCREEN)
    stream.flush()
