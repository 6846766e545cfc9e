"""The health of members carried over a reload: what the old process says becomes the file the new one starts from.

Pure; called by the agent before a reload. Health is all that is kept. Weights and maintenance come from the wanted
text: HAProxy would otherwise restore a weight that was set at run time over the one in its configuration, whenever
the configured one did not change. A server without a row starts as HAProxy starts it: up, or in maintenance.
"""

import re
from dataclasses import dataclass

from evenload.render.haproxy_backend import PINGED
from evenload.render.haproxy_checks import VETOABLE
from evenload.render.haproxy_groups import pool_of
from evenload.render.haproxy_monitors import serves
from evenload.render.haproxy_text import ServerLine, split
from evenload.render.runtime_commands import release, set_health

_HEADER = (
    "be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight"
    " srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state"
    " bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr"
    " srv_agent_addr srv_agent_port"
)
_FIELDS = _HEADER.split()
_STOPPED, _RUNNING = 0, 2
_CONFIGURED, _CONFIGURED_AND_ENABLED = 2, 6
_FAILED, _PASSED = 2, 3
_CHECK = re.compile(r"    (timeout check|option httpchk|http-check) ?")
_FORCED_MAINTENANCE = 0x01
_DISABLED_IN_CONFIGURATION = 0x04
"""Of the administrative state: says how the server began, not how it is."""

Row = dict[str, str]


def parse_server_states(answer: str) -> list[Row]:
    """The rows of ``show servers state`` by field name. Lines that do not fit the header are left out."""
    rows: list[Row] = []
    fields: list[str] = []
    for line in answer.splitlines():
        words = line.split()
        if line.startswith("#"):
            fields = words[1:]
        elif fields and len(words) == len(fields):
            rows.append(dict(zip(fields, words, strict=True)))
    return rows


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptStates:
    """``text`` of the file; ``commands`` that the new process has to be told at once."""

    text: str
    commands: tuple[str, ...]


def render_server_states(answer: str, running: str, wanted: str) -> KeptStates:
    """``answer``: of the running process to ``show servers state``; ``running``: the text it works by; ``wanted``: the
    text the next one works by.

    The file has no place for a veto, and a server without one that passes its first check is up at once. So a member
    that only a veto keeps down starts in maintenance, in which the veto is put, and is let out of it.
    """
    rows = parse_server_states(answer)
    exact = {(row["be_name"], row["srv_name"]): row for row in rows}
    # A backend's name may change with the listeners of its pool; the member is the same.
    by_pool = {(pool_of(row["be_name"]), row["srv_name"]): row for row in rows if serves(row["be_name"])}
    former, former_checks = _servers(running), _checks(running)
    checks = _checks(wanted)
    lines = ["1", f"# {_HEADER}"]
    told: list[str] = []
    for (backend, name), server in split(wanted).servers.items():
        row = exact.get((backend, name))
        if row is None and serves(backend):
            row = by_pool.get((pool_of(backend), name))
        if row is None or server.disabled or not _kept(row, server, pinged=PINGED in checks.get(backend, ())):
            continue
        before = former.get((row["be_name"], name))
        vetoed = before is not None and _only_vetoed(row, before)
        # That a check passes says nothing of another one, which may be the very one that vetoed until now.
        same = before is not None and _check_words(before) == _check_words(server)
        passes = vetoed and same and former_checks.get(row["be_name"]) == checks.get(backend)
        if vetoed and server.vetoable:
            told += release(backend, name)
            if not passes:
                told.append(set_health(backend, name, up=False))
            lines.append(_line(row, server, stopped=False, maintenance=True))
        else:
            lines.append(_line(row, server, stopped=_stopped(row) and not passes))
    return KeptStates(text="\n".join(lines) + "\n", commands=tuple(told))


def _kept(row: Row, server: ServerLine, *, pinged: bool) -> bool:
    if int(row["srv_admin_state"]) & ~_DISABLED_IN_CONFIGURATION or not (server.checked or pinged):
        return False
    # Otherwise nothing is known of it that the new process would not assume.
    return _stopped(row) or (server.checked and _was_checked(row))


def _only_vetoed(row: Row, before: ServerLine) -> bool:
    """Whether a server is down although its own checks pass."""
    return before.vetoable and _stopped(row) and int(row["srv_check_health"]) >= int(before.word_after("rise") or 1)


def _stopped(row: Row) -> bool:
    return int(row["srv_op_state"]) == _STOPPED


def _was_checked(row: Row) -> bool:
    return bool(int(row["srv_check_state"]) & _CONFIGURED)


def _line(row: Row, server: ServerLine, *, stopped: bool, maintenance: bool = False) -> str:
    rise = int(server.word_after("rise") or 1)
    fall = int(server.word_after("fall") or 1)
    health = int(row["srv_check_health"])
    address, _, port = server.address.rpartition(":")
    new = dict.fromkeys(_FIELDS, "0") | {
        "be_id": row["be_id"],
        "be_name": server.backend,
        "srv_id": server.word_after("id") or row["srv_id"],
        "srv_name": server.name,
        "srv_addr": address.strip("[]"),
        "srv_op_state": str(_STOPPED if stopped else _RUNNING),
        "srv_admin_state": str(_FORCED_MAINTENANCE if maintenance else 0),
        "srv_uweight": str(server.weight),
        "srv_iweight": str(server.weight),
        "srv_time_since_last_change": row["srv_time_since_last_change"],
        "srv_check_status": row["srv_check_status"] if server.checked and _was_checked(row) else "1",
        "srv_check_result": str((_FAILED if stopped else _PASSED) if server.checked else 0),
        "srv_check_health": str(_clamp(health, 0, rise - 1) if stopped else _clamp(health, rise, rise + fall - 1)),
        "srv_check_state": str(_CONFIGURED_AND_ENABLED if server.checked else 0),
        "srv_f_forced_id": "1",
        "srv_fqdn": "-",
        "srv_port": port,
        "srvrecord": "-",
        "srv_check_addr": "-",
        "srv_agent_addr": "-",
    }
    return " ".join(new[field] for field in _FIELDS)


def _clamp(value: int, lowest: int, highest: int) -> int:
    return max(lowest, min(value, highest))


def _servers(text: str) -> dict[tuple[str, str], ServerLine]:
    try:
        return split(text).servers
    except ValueError:  # it is not one of ours
        return {}


def _check_words(server: ServerLine) -> list[str]:
    """Of its own check, without the bit for vetoes."""
    words = list(server.words)
    end = words.index(VETOABLE[0]) if server.vetoable else len(words)
    return words[words.index("check") : end] if server.checked else []


def _checks(text: str) -> dict[str, list[str]]:
    """By backend, its lines that say how its servers are checked."""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.split("\n"):
        if line and not line[0].isspace():
            lines = found.setdefault(line.removeprefix("backend "), [])
        elif line == PINGED or _CHECK.match(line):
            lines.append(line)
    return found
