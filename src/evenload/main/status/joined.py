"""What the database says, what the agent sees and what the host shows, as one document. Pure: dictionaries of what JSON
has, in the shape of docs/look.md.

What the agent sees counts before what the server has written down of it, which is a moment older, or much older where
the server is away.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from evenload.host.glimpses import HaproxyGlimpse
from evenload.main.status.judged import Bounds, judge_line, judge_part
from evenload.model.sight import Flow, SeenBalancer, SeenCheck, SeenMember, SeenParts, Sight

Document = dict[str, Any]

FORMAT = 1
UP = ("ONLINE", "NO_MONITOR", "DRAINING")
_NOTHING = SeenParts()


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """``stored``: the database's answer (``stored.py``), None where it could not be read; ``sight``: the agent's."""

    now: datetime
    service: Document
    stored: Document | None
    sight: Sight | None
    bounds: Bounds


def join_overview(found: Found) -> Document:
    """What is wrong comes first, then by name."""
    seen = _seen(found.sight)
    if found.stored is not None:
        stored: Sequence[Document] = found.stored["load_balancers"]
        lines = [_line(each, seen.get(each["id"]), found) for each in stored]
    else:
        lines = [_line(_unknown(each.id, found), each, found) for each in seen.values()]
    lines.sort(key=lambda line: (-line["rank"], line["name"].casefold(), line["id"]))
    wrong = sum(line["rank"] > 0 for line in lines)
    return {
        **_head(found, wrong),
        "totals": {
            "load_balancers": len(lines),
            "wrong": wrong,
            "members_up": sum(line["members"]["up"] for line in lines),
            "members_down": sum(line["members"]["down"] for line in lines),
            "connections": sum(line["connections"] or 0 for line in lines),
            "connections_per_second": _sum(lines, "connections_per_second"),
            "bytes_in_per_second": _sum(lines, "bytes_in_per_second"),
            "bytes_out_per_second": _sum(lines, "bytes_out_per_second"),
        },
        "load_balancers": lines,
    }


def join_one(found: Found, tree: Document, process: HaproxyGlimpse | None, events: Sequence[Document]) -> Document:
    """``tree``: of ``described.py``. ``process``: the one that serves here, None for none. ``events``: the last ones,
    the newest last."""
    seen = _seen(found.sight).get(tree["id"])
    parts = _NOTHING if seen is None or seen.parts is None else seen.parts
    pools = [_pool(each, parts) for each in tree["pools"]]
    listeners = [_listener(each, parts, seen is not None and seen.parts is not None) for each in tree["listeners"]]
    members = [member for pool in pools for member in pool["members"]]
    first = next((member for member in members if member["operating_status"] == "ERROR"), None)
    counted = _counted([member["operating_status"] for member in members])
    known = {
        **{key: value for key, value in tree.items() if key not in ("listeners", "pools")},
        "full": next((each["name"] for each in listeners if each["operating_status"] == "DEGRADED"), None),
        "down": first,
    }
    line = _line({**known, "members": counted}, seen, found)
    here = _is_here(tree, found)
    balancer = {
        **{key: value for key, value in line.items() if key not in ("down", "full")},
        "namespace": f"qlbaas-{tree['id']}" if here else None,
        "process": _process(process, parts) if here else None,
        "listeners": listeners,
        "pools": pools,
        "events": list(events),
    }
    for part in (*listeners, *pools):
        rank, reasons = judge_part(part, line["fault"], found.now)
        balancer["rank"] = max(balancer["rank"], rank)
        balancer["reasons"] = [*balancer["reasons"], *reasons]
    return {**_head(found, int(balancer["rank"] > 0)), "load_balancer": balancer}


def _head(found: Found, wrong: int) -> Document:
    return {
        "format": FORMAT,
        "at": found.now.isoformat(),
        "well": not wrong and not found.service["wrong"],
        "service": found.service,
    }


def _seen(sight: Sight | None) -> Mapping[str, SeenBalancer]:
    return {} if sight is None else {each.id: each for each in sight.balancers}


def _unknown(identifier: str, found: Found) -> Document:
    """Where the database cannot be read: the agent knows no names."""
    return {
        "id": identifier,
        "name": "",
        "project": None,
        "vip": None,
        "enabled": True,
        "provisioning_status": None,
        "operating_status": None,
        "reason": None,
        "since": None,
        "fault": None,
        "changed_at": None,
        "hosts": [] if found.sight is None else [found.sight.name],
        "members": {},
        "down": None,
        "full": None,
    }


def _line(stored: Document, seen: SeenBalancer | None, found: Found) -> Document:
    looked = seen is not None and seen.status is not None
    members = seen.members if seen is not None and looked else stored["members"]
    down = stored["down"]
    if down is not None and seen is not None and seen.down is not None and seen.down[0] == down["id"]:
        down = {**down, "reason": seen.down[1]}
    pending = str(stored["provisioning_status"]).startswith("PENDING")
    line = {
        **{key: value for key, value in stored.items() if key not in ("members", "changed_at")},
        "operating_status": seen.status if seen is not None and looked else stored["operating_status"],
        "reason": seen.why if seen is not None and looked else stored["reason"],
        "since": stored["since"] if not looked or (seen and seen.status == stored["operating_status"]) else None,
        "members": {
            "up": sum(members.get(status, 0) for status in UP),
            "down": members.get("ERROR", 0),
            "off": members.get("OFFLINE", 0),
        },
        "down": down,
        "changed_at": stored["changed_at"],
        "pending_since": stored["changed_at"] if pending else None,
        "attempts_failed": 0 if seen is None else seen.failures,
        "attempt_reason": None if seen is None else seen.reason,
        "answers": None if seen is None else seen.answers,
        **flow_document(seen.flow if seen is not None and looked else None),
    }
    line["rank"], line["reasons"] = judge_line(line, found.service, found.now, found.bounds)
    return line


def flow_document(flow: Flow | None) -> Document:
    """Null: not known."""
    return {
        "connections": None if flow is None else flow.connections,
        "connections_total": None if flow is None else flow.total,
        "connections_per_second": None if flow is None else _rounded(flow.per_second),
        "bytes_in_per_second": None if flow is None else _rounded(flow.bytes_in),
        "bytes_out_per_second": None if flow is None else _rounded(flow.bytes_out),
    }


def _rounded(rate: float | None) -> float | None:
    return None if rate is None else round(rate, 1)


def _sum(lines: Sequence[Document], name: str) -> float | None:
    known = [line[name] for line in lines if line[name] is not None]
    return round(sum(known), 1) if known else None


def _counted(statuses: Sequence[str]) -> dict[str, int]:
    return {status: statuses.count(status) for status in set(statuses)}


def _is_here(tree: Document, found: Found) -> bool:
    return found.service["host"] in tree["hosts"]


def _with_status(part: Document, parts: SeenParts) -> Document:
    if part["id"] not in parts.statuses:
        return part
    status, reason = parts.statuses[part["id"]], parts.reasons.get(part["id"])
    known = {"operating_status": status, "reason": reason}
    # Since when another status is than the one that was written down, nobody has written down yet.
    return {**part, **known} if status == part["operating_status"] else {**part, **known, "since": None}


def _listener(listener: Document, parts: SeenParts, seen: bool) -> Document:
    flow = parts.listeners.get(listener["id"]) if seen else None
    return {**_with_status(listener, parts), **flow_document(flow)}


def _pool(pool: Document, parts: SeenParts) -> Document:
    monitors = {monitor["id"]: monitor for monitor in pool["monitors"]}
    members = [_member(each, parts, monitors) for each in pool["members"]]
    return {**_with_status(pool, parts), "members": members}


def _member(member: Document, parts: SeenParts, monitors: Mapping[str, Document]) -> Document:
    seen: SeenMember | None = parts.members.get(member["id"])
    checks = () if seen is None else seen.checks
    found = _with_status(member, parts)
    since = None if seen is None or found["since"] is not None else seen.since
    return {
        **found,
        "since": found["since"] if since is None else since.isoformat(),
        "checks": [_check(check, monitors.get(check.monitor)) for check in checks],
        **flow_document(None if seen is None else seen.flow),
    }


def _check(check: SeenCheck, monitor: Document | None) -> Document:
    return {
        "monitor": check.monitor,
        "monitor_name": "" if monitor is None else monitor["name"],
        "type": None if monitor is None else monitor["type"],
        "up": check.up,
        "reason": check.reason,
        "latency_seconds": check.latency,
        "since": None if check.when is None else check.when.isoformat(),
    }


def _process(glimpse: HaproxyGlimpse | None, parts: SeenParts) -> Document | None:
    if glimpse is None:
        return None
    return {
        "pid": glimpse.process.pid,
        "worker": glimpse.worker,
        "since": glimpse.process.since.isoformat(),
        "haproxy": glimpse.version,
        "memory_bytes": glimpse.process.memory,
        "connections": glimpse.connections,
        "finishing": parts.finishing,
    }
