"""``evenload doctor``: looks at everything that a start or a load balancer needs, and says what to do. Works without
the service, asks nobody for anything that costs, and changes nothing.

Exit status: 0 no fault (there may be warnings), 1 a fault, 2 wrong words.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from evenload.main.accounts import find_account
from evenload.main.doctor import balancers, installation, machine, neighbours, networks, service
from evenload.main.doctor.case import Case, Check, Finding, Level, Present, fault, warning
from evenload.main.doctor.text import render
from evenload.main.settings import Settings, SettingsError, read_settings
from evenload.main.state import read_holder
from evenload.main.status.command import settings_words
from evenload.main.status.roles import look_at_agent, look_at_server
from evenload.main.status.stored import StoredState
from evenload.main.terminal import paint, read_screen, use_any_locale
from evenload.model.errors import EvenloadError
from evenload.store.engine import StoreSettings, preload_driver

FORMAT = 1

CHECKS: tuple[tuple[str, Check], ...] = (
    ("settings", installation.check_settings),
    ("users", installation.check_user),
    ("directories", installation.check_directories),
    ("files", installation.check_readable),
    ("keys of secrets", installation.check_keys),
    ("disk", installation.check_disk),
    ("haproxy", installation.check_haproxy),
    ("server", service.check_server),
    ("agent", service.check_agent),
    ("API", service.check_api_address),
    ("ports", service.check_ports),
    ("database", service.check_database),
    ("kernel limits", machine.check_limits),
    ("packet filter", machine.check_packet_filter),
    ("clock", machine.check_clock),
    ("bridges", networks.check_bridges),
    ("Keystone", neighbours.check_keystone),
    ("Barbican", neighbours.check_barbican),
    ("load balancers", balancers.check_load_balancers),
    ("certificates", balancers.check_certificates),
    ("leftovers", balancers.check_leftovers),
)


def run(arguments: Sequence[str]) -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="evenload doctor",
        description="Looks at this host and this installation, and says what is wrong and what to do.",
        epilog="Exit status: 0 no fault (there may be warnings), 1 a fault, 2 wrong words.",
    )
    parser.add_argument("--format", choices=("text", "json"), default="text", help="json is for programs")
    parser.add_argument("--config-file", action="append", default=[], metavar="FILE")
    parser.add_argument("--config-dir", action="append", default=[], metavar="DIR")
    asked = parser.parse_args(arguments)
    use_any_locale(sys.stdout)
    now = datetime.now(UTC)
    findings = examine(settings_words(asked), now)
    well = all(each.level is not Level.FAULT for each in findings)
    try:
        if asked.format == "json":
            sys.stdout.write(json.dumps(document(findings, now, well=well), ensure_ascii=False) + "\n")
        else:
            screen = read_screen(sys.stdout)
            sys.stdout.write("".join(f"{line}\n" for line in paint(render(findings, screen), screen)))
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):  # whoever read it has enough
            sys.stderr.write(f"evenload doctor: {error}\n")
    return 0 if well else 1


def examine(arguments: Sequence[str], now: datetime) -> list[Finding]:
    """What is wrong first, in the order of the checks."""
    try:
        settings = read_settings(arguments)
    except SettingsError as error:
        return [fault("settings", str(error), "correct it; nothing else can be looked at before")]
    findings: list[Finding] = []
    try:
        case = _gather(settings, now)
    except (EvenloadError, OSError) as error:  # the server's user is missing, which the message knows how to mend
        return [fault("users", *_split_remedy(str(error)))]
    for about, check in CHECKS:
        try:
            findings += check(case)
        except (EvenloadError, OSError, ValueError) as error:
            findings.append(warning(about, f"it could not be looked at: {error}"))
    order = list(Level)
    return sorted(findings, key=lambda each: order.index(each.level))


def document(findings: Sequence[Finding], now: datetime, *, well: bool) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "at": now.isoformat(),
        "well": well,
        "counts": {level.value: sum(each.level is level for each in findings) for level in Level},
        "findings": [
            {"level": each.level.value, "about": each.about, "text": each.text, "remedy": each.remedy}
            for each in findings
        ],
    }


def _gather(settings: Settings, now: datetime) -> Case:
    """Raises EvenloadError where the server's user does not exist."""
    preload_driver(StoreSettings(url=settings.database))
    account = find_account(settings.server.user)
    state = StoredState(settings, account)
    stored, reason = None, None
    present = Present() if settings.agent_noop else _find_present(settings)
    agent, sight = look_at_agent(settings, account, None)
    try:
        stored = state.for_doctor()
    except EvenloadError as error:
        reason = str(error)
    server = look_at_server(settings)
    return Case(
        settings=settings,
        account=account,
        now=now,
        version=version("evenload"),
        server=server,
        agent=agent,
        sight=sight,
        stored=stored,
        reason=reason,
        present=present,
        own_processes=_own_processes(settings, server),
    )


def _find_present(settings: Settings) -> Present:
    """What cannot be looked at is said by the check of what is left over, which looks again."""
    try:
        return balancers.find_present(settings.host)
    except (EvenloadError, OSError):
        return Present()


def _own_processes(settings: Settings, server: dict[str, Any]) -> frozenset[int]:
    """The server, its workers, and who holds the state directory: the supervisor."""
    holder = read_holder(settings.state_path)
    found = {pid for pid in (server["pid"], holder) if pid}
    return frozenset(found | {child for pid in found for child in children_of(pid)})


def children_of(pid: int) -> list[int]:
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return []


def _split_remedy(words: str) -> tuple[str, str | None]:
    text, colon, remedy = words.rpartition(": ")
    return (text, remedy) if colon else (words, None)
