"""What counts as wrong, and in which words. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

Document = dict[str, Any]

_UNKNOWN_THEN = {
    "server": "; nothing can be changed meanwhile",
    "agent": "; statuses are those that it told last, rates and last checks are not known",
}
WELL, WATCH, BAD, WORSE, WORST = range(5)
"""Ranks: what is higher is shown first; everything but the first is wrong."""
SOON = timedelta(days=14)
"""Before a certificate expires."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """``pending``: how long a change may take; ``silence``: of a host, until it counts as away."""

    pending: timedelta
    silence: timedelta


def judge_service(service: Document) -> list[str]:
    """Sentences, none where all is well."""
    wrong = []
    for role in ("server", "agent"):
        found = service[role]
        if found["state"] != "answers":
            word = "is down" if found["state"] == "down" else "gives no answer"
            wrong.append(f"the {role} {word}: {found['reason']}{_UNKNOWN_THEN[role]}")
    if service["database"]["state"] != "readable":
        wrong.append(f"the database cannot be read: {service['database']['reason']}")
    if service["agent"]["state"] == "answers" and service["server"]["state"] == "answers":
        if not service["agent"]["connected"]:
            wrong.append("the agent has no connection with the server: its log has the reason")
        if service["agent"]["version"] != service["version"]:
            wrong.append(
                f"the agent that runs is version {service['agent']['version']}, and {service['version']} is installed:"
                " restart the service"
            )
    wrong += [
        f"host {host['name']} has not been heard of since {host['last_word'][:19].replace('T', ' ')} UTC"
        for host in service["hosts"]
        if host["away"] and host["name"] != service["host"] and host["load_balancers"]
    ]
    return wrong


def judge_line(line: Document, service: Document, now: datetime, bounds: Bounds) -> tuple[int, list[str]]:
    """The rank, and the reasons with the worst first."""
    found: list[tuple[int, str]] = []
    if line["provisioning_status"] == "ERROR":
        found.append((WORST, f"the last change failed: {line['fault'] or line['attempt_reason'] or 'see the log'}"))
    elif line["attempts_failed"]:
        found.append((WATCH, f"attempt {line['attempts_failed']} failed: {line['attempt_reason'] or 'see the log'}"))
    if line["answers"] is False:
        found.append((WORST, "HAProxy does not run, or gives no answer"))
    if line["pending_since"] is not None and now - datetime.fromisoformat(line["pending_since"]) > bounds.pending:
        found.append((BAD, f"{line['provisioning_status']} since {clock(line['pending_since'], now)}"))
    away = {host["name"] for host in service["hosts"] if host["away"]} - {service["host"]}
    found += [(WORSE, f"its host {name} is away") for name in line["hosts"] if name in away]
    rank = {"ERROR": WORSE, "DEGRADED": BAD}.get(line["operating_status"] or "", WELL)
    if line["members"]["down"]:
        found.append((max(rank, WATCH), _members(line)))
    if line["full"]:
        found.append((max(rank, WATCH), f"listener {line['full']} has as many connections as it may have"))
    if rank and not found:
        found.append((rank, f"{line['operating_status']}: {line['reason'] or 'nobody has said why yet'}"))
    found.sort(key=lambda each: -each[0])
    return max((each for each, _ in found), default=WELL), [words for _, words in found]


def judge_part(part: Document, told: str | None, now: datetime) -> tuple[int, list[str]]:
    """Of a listener or pool: the rank, and what is to be said of it alone. ``told``: the reason that stands in the load
    balancer's line already."""
    rank = {"ERROR": WORSE, "DEGRADED": BAD}.get(part["operating_status"], WELL)
    found = []
    name = part["name"] or part["id"]
    if part["provisioning_status"] == "ERROR":
        rank = WORST
        if part["fault"] and part["fault"] != told:
            found.append(f"{name}: {part['fault']}")
    for certificate in part["certificates"]:
        if certificate["not_after"] and expires_soon(certificate["not_after"], now):
            rank = max(rank, BAD)
            subject = certificate["subject"] or certificate["reference"]
            found.append(f"{name}: certificate {subject} {expiry_words(certificate['not_after'], now)}")
    return rank, found


def expiry_words(not_after: str, now: datetime) -> str:
    """``expires 2027-01-31 (in 63 days)``."""
    when = datetime.fromisoformat(not_after)
    days = (when - now).days
    ago = f"{-days} days ago" if days < -1 else "already" if days < 0 else f"in {days} days"
    return f"{'expired' if days < 0 else 'expires'} {when:%Y-%m-%d} ({ago})"


def expires_soon(not_after: str, now: datetime) -> bool:
    return datetime.fromisoformat(not_after) - now < SOON


def clock(moment: str, now: datetime) -> str:
    """``12:03:01``, with the date where that is not today's; UTC."""
    when = datetime.fromisoformat(moment)
    return f"{when:%H:%M:%S}" if when.date() == now.date() else f"{when:%Y-%m-%d %H:%M:%S}"


def short_clock(moment: str, now: datetime) -> str:
    """``12:03:01``, or of another day ``11-27 12:03``; UTC."""
    when = datetime.fromisoformat(moment)
    return f"{when:%H:%M:%S}" if when.date() == now.date() else f"{when:%m-%d %H:%M}"


def _members(line: Document) -> str:
    count, down = line["members"]["down"], line["down"]
    total = sum(line["members"].values())
    words = f"{count} of {total} members {'is' if count == 1 else 'are'} down"
    if down is None:
        return words
    place = f"[{down['address']}]" if ":" in down["address"] else down["address"]
    reason = f": {down['reason']}" if down.get("reason") else ""
    more = "" if count == 1 else f"{words}; "
    place = f"{place}:{down['port']}"
    name = f"{down['name']} ({place})" if down["name"] else place
    return f"{more}member {name} is down{reason}"
