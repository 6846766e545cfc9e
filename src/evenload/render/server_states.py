"""The health of members carried over a reload: what the old process says becomes the file the new one starts from.

Pure. Health is all that is kept. Weights and maintenance come from the next text: HAProxy would otherwise restore a
weight that was set at run time over the one in its configuration, whenever the configured one did not change. How a
server starts is decided in ``server_start``, the file's form is in ``state_file``.
"""

import re
from dataclasses import dataclass

from evenload.render.haproxy_backend import PINGED
from evenload.render.haproxy_checks import VETOABLE
from evenload.render.haproxy_groups import pool_of
from evenload.render.haproxy_monitors import serves
from evenload.render.haproxy_text import ServerLine, split
from evenload.render.runtime_commands import release, set_health
from evenload.render.server_start import Facts, Start, choose_start
from evenload.render.state_file import (
    Row,
    in_maintenance,
    is_checked,
    is_stopped,
    parse_server_states,
    passes_own_check,
    render_row,
    render_state_file,
)

_CHECK = re.compile(r"    (timeout check|option httpchk|http-check|option tcp-check|tcp-check) ?")
_VETOED = (Start.VETOED, Start.VETOED_AND_DOWN)

ServerKey = tuple[str, str]
"""Backend and server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptStates:
    """``text`` of the file; ``commands`` that the new process has to be told at once."""

    text: str
    commands: tuple[str, ...]


def render_server_states(answer: str, running: str, desired: str) -> KeptStates:
    """``answer``: of the running process to ``show servers state``; ``running``: the text it works by; ``desired``: the
    text the next one works by.

    The file has no place for a veto, and a server without one that passes its first check is up at once. So a member
    that only a veto keeps down starts in maintenance, in which the veto is put, and is let out of it.
    """
    rows = _Rows(parse_server_states(answer))
    former, following = _Text(running), _Text(desired)
    lines: list[str] = []
    commands: list[str] = []
    for key, server in following.servers.items():
        row = rows.of_member(*key)
        if row is None:
            continue
        start = choose_start(_facts(row, former, server, following))
        if start is not Start.PLAIN:
            lines.append(render_row(row, server, stopped=start is Start.DOWN, maintenance=start in _VETOED))
        if start in _VETOED:
            commands += release(*key)
        if start is Start.VETOED_AND_DOWN:
            commands.append(set_health(*key, up=False))
    return KeptStates(text=render_state_file(lines), commands=tuple(commands))


class _Rows:
    """Rows of the running process, found by the names that the next text has for its servers."""

    def __init__(self, rows: list[Row]) -> None:
        self._exact = {(row["be_name"], row["srv_name"]): row for row in rows}
        # A backend's name may change with the listeners of its pool; the member is the same.
        self._by_pool = {(pool_of(row["be_name"]), row["srv_name"]): row for row in rows if serves(row["be_name"])}

    def of_member(self, backend: str, name: str) -> Row | None:
        row = self._exact.get((backend, name))
        if row is None and serves(backend):
            row = self._by_pool.get((pool_of(backend), name))
        return row


class _Text:
    """A configuration text: its servers, and by backend the lines that say how they are checked."""

    def __init__(self, text: str) -> None:
        self.servers = _servers(text)
        self.checks = _checks(text)


def _facts(row: Row, former: _Text, server: ServerLine, following: _Text) -> Facts:
    before = former.servers.get((row["be_name"], server.name))
    checks = following.checks.get(server.backend, [])
    return Facts(
        maintenance=in_maintenance(row),
        stopped=is_stopped(row),
        was_checked=is_checked(row),
        only_vetoed=before is not None and before.vetoable and is_stopped(row) and passes_own_check(row, before),
        disabled=server.disabled,
        checked=server.checked,
        pinged=PINGED in checks,
        vetoable=server.vetoable,
        same_check=before is not None
        and _check_words(before) == _check_words(server)
        and former.checks.get(before.backend, []) == checks,
    )


def _servers(text: str) -> dict[ServerKey, ServerLine]:
    try:
        return split(text).servers
    except ValueError:  # it is not one of ours
        return {}


def _check_words(server: ServerLine) -> list[str]:
    """Of its own check and of the TLS that it is made in, without the bit for vetoes."""
    words = list(server.words)
    end = words.index(VETOABLE[0]) if server.vetoable else len(words)
    return words[words.index("ssl" if server.speaks_tls else "check") : end] if server.checked else []


def _checks(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.split("\n"):
        if line and not line[0].isspace():
            lines = found.setdefault(line.removeprefix("backend "), [])
        elif line == PINGED or _CHECK.match(line):
            lines.append(line)
    return found
