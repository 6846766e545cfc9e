"""The health of members carried over a reload: what the old process says becomes the file the new one starts from.

Pure; called by the agent before a reload. Health is all that is kept. Weights and maintenance come from the wanted
text: HAProxy would otherwise restore a weight that was set at run time over the one in its configuration, whenever
the configured one did not change. A server without a row starts as HAProxy starts it: up, or in maintenance.
"""

from collections.abc import Iterable

from evenload.render.haproxy_backend import PINGED
from evenload.render.haproxy_groups import pool_of
from evenload.render.haproxy_text import ServerLine, split

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


def render_server_states(answer: str, wanted: str) -> str:
    """``answer``: of the running process to ``show servers state``; ``wanted``: the text the next one works by."""
    rows = parse_server_states(answer)
    exact = {(row["be_name"], row["srv_name"]): row for row in rows}
    # A backend's name may change with the listeners of its pool; the member is the same.
    by_pool = {(pool_of(row["be_name"]), row["srv_name"]): row for row in rows}
    pinged = _pinged_backends(wanted)
    lines = ["1", f"# {_HEADER}"]
    for (backend, name), server in split(wanted).servers.items():
        row = exact.get((backend, name)) or by_pool.get((pool_of(backend), name))
        if row is not None and not server.disabled:
            lines += _kept(row, server, pinged=backend in pinged)
    return "\n".join(lines) + "\n"


def _kept(row: Row, server: ServerLine, *, pinged: bool) -> Iterable[str]:
    if int(row["srv_admin_state"]) & ~_DISABLED_IN_CONFIGURATION or not (server.checked or pinged):
        return []
    stopped = int(row["srv_op_state"]) == _STOPPED
    was_checked = bool(int(row["srv_check_state"]) & _CONFIGURED)
    if not stopped and not (server.checked and was_checked):
        return []  # nothing is known of it that the new process would not assume
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
        "srv_uweight": str(server.weight),
        "srv_iweight": str(server.weight),
        "srv_time_since_last_change": row["srv_time_since_last_change"],
        "srv_check_status": row["srv_check_status"] if server.checked and was_checked else "1",
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
    return [" ".join(new[field] for field in _FIELDS)]


def _clamp(value: int, lowest: int, highest: int) -> int:
    return max(lowest, min(value, highest))


def _pinged_backends(text: str) -> set[str]:
    found = set()
    section = ""
    for line in text.split("\n"):
        if line and not line[0].isspace():
            section = line.removeprefix("backend ")
        elif line == PINGED:
            found.add(section)
    return found
