"""The document of one load balancer as a tree of lines. Pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from evenload.main.status.judged import clock, expiry_words, short_clock
from evenload.main.status.overview_text import render_service
from evenload.main.terminal import Column, Screen, amount, duration, fit, render_table, safe, wrap

Document = dict[str, Any]

_MEMBERS = (
    Column("", 9),
    Column("MEMBER", 9, shrinks=True),
    Column("ADDRESS", 8),
    Column("WEIGHT", 2, right=True),
    Column("PROVISIONING", 5),
    Column("STATUS", 9),
    Column("SINCE", 7),
    Column("LAST CHECK", 6, shrinks=True),
    Column("TOOK", 2, right=True),
    Column("OPEN", 4, right=True),
    Column("NEW/S", 3, right=True),
    Column("IN/S", 1, right=True),
    Column("OUT/S", 1, right=True),
)


def render_one(document: Document, screen: Screen) -> list[str]:
    now = datetime.fromisoformat(document["at"])
    balancer = document["load_balancer"]
    lines = [*render_service(document["service"], now, screen), ""]
    lines += _head(balancer, now, screen)
    branches = [_listener(each, now) for each in balancer["listeners"]]
    branches += [_pool(each, now, screen) for each in balancer["pools"]]
    for number, branch in enumerate(branches):
        last = number == len(branches) - 1
        first, *rest = branch
        lines.append(fit(f"{'└─ ' if last else '├─ '}{first}", screen.width))
        lines += [fit(f"{'   ' if last else '│  '}{line}", screen.width) for line in rest]
    if balancer["events"]:
        lines += ["", "Last events:"]
        lines += [fit(f"  {clock(each['at'], now)}  {safe(each['text'])}", screen.width) for each in balancer["events"]]
    return [line.rstrip() for line in lines]


def _head(balancer: Document, now: datetime, screen: Screen) -> list[str]:
    name = safe(balancer["name"] or balancer["id"])
    head = [f"{name}  {_statuses(balancer)}{_flow(balancer)}"]
    for reason in balancer["reasons"]:
        head += wrap(safe(reason), screen.width, first="! ", rest="  ")
    lines = []
    lines.append(f"│ id {balancer['id']}, project {safe(balancer['project'] or '')}")
    lines.append(f"│ VIP {', '.join(balancer['vips'])} on network {safe(balancer['network'] or '?')}")
    if balancer["pending_since"] is not None:
        tries = balancer["attempts_failed"]
        failed = (
            "" if not tries else f", {tries} attempt{'' if tries == 1 else 's'} failed: {balancer['attempt_reason']}"
        )
        lines.append(f"│ changing since {clock(balancer['pending_since'], now)}{safe(failed)}")
    lines.append(f"│ host {safe(', '.join(balancer['hosts']))}{_namespace(balancer)}")
    if balancer["namespace"] is not None:
        lines.append(f"│ {_process(balancer['process'], now)}")
    return [fit(line, screen.width) for line in (*head, *lines)]


def _namespace(balancer: Document) -> str:
    return "" if balancer["namespace"] is None else f", namespace {balancer['namespace']}"


def _process(process: Document | None, now: datetime) -> str:
    if process is None:
        return "no HAProxy runs"
    since = datetime.fromisoformat(process["since"])
    words = [
        f"HAProxy {process['haproxy'] or '(no answer)'}",
        f"pid {process['pid']}",
        f"since {clock(process['since'], now)} ({duration((now - since).total_seconds())})",
        f"{amount(process['memory_bytes'], 'B')} of memory",
    ]
    if process["finishing"]:
        count = process["finishing"]
        words.append(f"{count} former {'one finishes its' if count == 1 else 'ones finish their'} connections")
    return ", ".join(words)


def _statuses(part: Document) -> str:
    words = [part["provisioning_status"] or "?", part["operating_status"] or "?"]
    return " ".join(words) + ("" if part["enabled"] else " (disabled)")


def _flow(part: Document, limit: int | None = None) -> str:
    if part["connections"] is None:
        return ""
    words = [f"{amount(part['connections'])} open{'' if limit is None else f' of at most {limit}'}"]
    if part["connections_per_second"] is not None:
        words += [
            f"{amount(part['connections_per_second'])} new/s",
            f"in {amount(part['bytes_in_per_second'], 'B')}/s",
            f"out {amount(part['bytes_out_per_second'], 'B')}/s",
        ]
    return "  " + ", ".join(words)


def _name(part: Document) -> str:
    return safe(part["name"] or part["id"])


def _listener(listener: Document, now: datetime) -> list[str]:
    place = f"{listener['protocol']} :{listener['port']}"
    lines = [
        f"listener {_name(listener)}  {place}  {_statuses(listener)}{_flow(listener, listener['connection_limit'])}"
    ]
    inner = []
    if listener["default_pool"] is not None:
        inner.append(f"default pool {_name(listener['default_pool'])}")
    if listener["allowed_cidrs"]:
        inner.append(f"for {', '.join(listener['allowed_cidrs'])} alone")
    inner += _certificates(listener, now)
    for policy in listener["policies"]:
        inner.append(f"policy {policy['place']} {_name(policy)}  {_statuses(policy)}: {_action(policy)}")
        inner += [f"   where {_rule(rule)}" for rule in policy["rules"]]
    return [*lines, *(f"   {line}" for line in inner)]


def _action(policy: Document) -> str:
    target = policy["url"] or (policy["pool"] and _name(policy["pool"])) or ""
    return safe(f"{policy['action']} {target}".rstrip())


def _rule(rule: Document) -> str:
    key = f" {rule['key']}" if rule["key"] else ""
    off = "" if rule["enabled"] else " (disabled)"
    return safe(f"{'not ' if rule['invert'] else ''}{rule['type']}{key} {rule['compare_type']} {rule['value']}{off}")


def _certificates(part: Document, now: datetime) -> list[str]:
    return [
        f"certificate {safe(each['subject'] or each['reference'])}"
        + ("" if each["not_after"] is None else f", {expiry_words(each['not_after'], now)}")
        for each in part["certificates"]
    ]


def _pool(pool: Document, now: datetime, screen: Screen) -> list[str]:
    unused = "" if pool["used"] else "  used by no listener"
    lines = [f"pool {_name(pool)}  {pool['protocol']} {pool['algorithm']}  {_statuses(pool)}{unused}"]
    inner = _certificates(pool, now)
    inner += [_monitor(each) for each in pool["monitors"]]
    if pool["members"]:
        width = None if screen.width is None else screen.width - 6
        head, *rows = render_table(_MEMBERS, [_member(each, now) for each in pool["members"]], width)
        inner.append(head)
        for row, member in zip(rows, pool["members"], strict=True):
            inner.append(row)
            reason = safe(member["reason"] or member["fault"] or "")
            if reason and reason not in row:  # there was no room for it, or the last change failed
                inner += wrap(reason, width, first="     ", rest="     ")
    else:
        inner.append("no members")
    return [*lines, *(f"   {line}" for line in inner)]


def _monitor(monitor: Document) -> str:
    asks = (
        f": {monitor['method']} {monitor['url_path']} expects {monitor['expected_codes']}" if monitor["method"] else ""
    )
    times = f"every {monitor['delay']} s, within {monitor['timeout']} s"
    named = f" {safe(monitor['name'])}" if monitor["name"] else ""
    return f"monitor{named} {monitor['type']} {times}{safe(asks)}  {_statuses(monitor)}"


def _member(member: Document, now: datetime) -> list[str]:
    address = f"[{member['address']}]" if ":" in member["address"] else member["address"]
    checks: Sequence[Document] = member["checks"]
    shown = next((check for check in checks if not check["up"]), checks[0] if checks else None)
    latency = None if shown is None else shown["latency_seconds"]
    return [
        "!" if member["operating_status"] == "ERROR" or member["provisioning_status"] == "ERROR" else " ",
        _name(member) + (" (backup)" if member["backup"] else ""),
        f"{address}:{member['port']}",
        str(member["weight"]),
        "" if member["provisioning_status"] == "ACTIVE" else member["provisioning_status"],
        member["operating_status"] + ("" if member["enabled"] else " (disabled)"),
        "" if member["since"] is None else short_clock(member["since"], now),
        safe(member["reason"] or ("" if shown is None else shown["reason"] or "")),
        "" if latency is None else f"{latency * 1000:.0f} ms",
        amount(member["connections"]),
        amount(member["connections_per_second"]),
        amount(member["bytes_in_per_second"], "B"),
        amount(member["bytes_out_per_second"], "B"),
    ]
