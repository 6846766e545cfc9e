"""HAProxy's table of servers, which it prints and starts from: rows parsed, judged and written. Pure.

``show servers state`` answers with it, and a state file holds it (``load-server-state-from-file``).
"""

from evenload.render.haproxy_text import ServerLine

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
_NEVER_CHECKED = "1"
_FORCED_MAINTENANCE = 0x01
_DISABLED_IN_CONFIGURATION = 0x04
"""Of the administrative state: says how the server began, not how it is."""

Row = dict[str, str]


def parse_server_states(answer: str) -> list[Row]:
    """The rows by field name. Lines that do not fit the header are left out."""
    rows: list[Row] = []
    fields: list[str] = []
    for line in answer.splitlines():
        words = line.split()
        if line.startswith("#"):
            fields = words[1:]
        elif fields and len(words) == len(fields):
            rows.append(dict(zip(fields, words, strict=True)))
    return rows


def in_maintenance(row: Row) -> bool:
    return bool(int(row["srv_admin_state"]) & ~_DISABLED_IN_CONFIGURATION)


def is_stopped(row: Row) -> bool:
    return int(row["srv_op_state"]) == _STOPPED


def is_checked(row: Row) -> bool:
    return bool(int(row["srv_check_state"]) & _CONFIGURED)


def passes_own_check(row: Row, server: ServerLine) -> bool:
    """``server``: the line that the row's process works by. Its health counts up to ``rise`` and beyond."""
    return int(row["srv_check_health"]) >= _count_after(server, "rise")


def render_state_file(lines: list[str]) -> str:
    return "\n".join(["1", f"# {_HEADER}", *lines]) + "\n"


def render_row(row: Row, server: ServerLine, *, stopped: bool, maintenance: bool) -> str:
    """The line for a server of the next text. ``row``: of the same member in the running process; its health is made to
    fit the next text's numbers of checks."""
    rise, fall = _count_after(server, "rise"), _count_after(server, "fall")
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
        "srv_check_status": row["srv_check_status"] if server.checked and is_checked(row) else _NEVER_CHECKED,
        "srv_check_result": str((_FAILED if stopped else _PASSED) if server.checked else 0),
        "srv_check_health": str(_clamp(health, 0, rise - 1) if stopped else _clamp(health, rise, rise + fall - 1)),
        "srv_check_state": str(_CONFIGURED_AND_ENABLED if server.checked else 0),
        "srv_f_forced_id": "1",
        "srv_fqdn": "-",
        "srv_port": port,
        "srvrecord": "-",
        # HAProxy takes its word for it, and would speak in clear to members whose pool has come to speak TLS.
        "srv_use_ssl": str(int(server.speaks_tls)),
        "srv_check_addr": "-",
        "srv_agent_addr": "-",
    }
    return " ".join(new[field] for field in _FIELDS)


def _count_after(server: ServerLine, word: str) -> int:
    return int(server.word_after(word) or 1)


def _clamp(value: int, lowest: int, highest: int) -> int:
    return max(lowest, min(value, highest))
