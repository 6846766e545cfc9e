"""The document of all load balancers as lines. Pure."""

from datetime import datetime
from typing import Any

from evenload.main.terminal import Column, Screen, amount, duration, render_table, safe, wrap

_COLUMNS = (
    Column("", 9),
    Column("NAME", 9, shrinks=True),
    Column("PROJECT", 2, shrinks=True),
    Column("VIP", 7),
    Column("PROVISIONING", 6),
    Column("OPERATING", 8),
    Column("MEMBERS UP", 5, right=True),
    Column("OPEN", 4, right=True),
    Column("NEW/S", 4, right=True),
    Column("IN/S", 3, right=True),
    Column("OUT/S", 3, right=True),
    Column("HOST", 1, shrinks=True),
)
_MOST_REASONS = 3
_INDENT = "     "


def render_overview(document: dict[str, Any], screen: Screen) -> list[str]:
    now = datetime.fromisoformat(document["at"])
    lines = [*render_service(document["service"], now, screen), *wrap(_totals(document["totals"]), screen.width)]
    balancers = document["load_balancers"]
    if not balancers:
        return lines
    head, *rows = render_table(_COLUMNS, [_row(each) for each in balancers], screen.width)
    lines += ["", head]
    for row, balancer in zip(rows, balancers, strict=True):
        lines.append(row)
        reasons = balancer["reasons"][:_MOST_REASONS]
        for reason in reasons:
            lines += wrap(safe(reason), screen.width, first=_INDENT, rest=_INDENT)
    return [line.rstrip() for line in lines]


def render_service(service: dict[str, Any], now: datetime, screen: Screen) -> list[str]:
    """What runs, and what is wrong with it."""
    database = service["database"]
    words = [f"Evenload {service['version']} on {safe(service['host'])}"]
    words += [_role(role, service[role], now) for role in ("server", "agent")]
    schema = f", schema {database['schema']}" if database["schema"] else ""
    words.append(f"{database['kind']}{schema}")
    lines = wrap(" · ".join(words), screen.width)
    for sentence in service["wrong"]:
        lines += wrap(safe(sentence), screen.width, first="! ", rest="  ")
    return lines


def _role(name: str, role: dict[str, Any], now: datetime) -> str:
    if role["state"] == "down":
        return f"{name} down"
    since = "" if role["since"] is None else f" for {_since(role['since'], now)}"
    if role["state"] == "silent":
        return f"{name} silent{since}"
    heard = f", heard {_since(role['last_word'], now)} ago" if role.get("last_word") else ""
    return f"{name} up{since}{heard}"


def _since(moment: str, now: datetime) -> str:
    return duration((now - datetime.fromisoformat(moment)).total_seconds())


def _totals(totals: dict[str, Any]) -> str:
    count, wrong = totals["load_balancers"], totals["wrong"]
    if not count:
        return "There is no load balancer."
    state = "all well" if not wrong else f"{wrong} {'needs' if wrong == 1 else 'need'} a look"
    members = totals["members_up"] + totals["members_down"]
    rates = ""
    if totals["connections_per_second"] is not None:
        rates = (
            f" · {amount(totals['connections'])} open, {amount(totals['connections_per_second'])} new/s,"
            f" in {amount(totals['bytes_in_per_second'], 'B')}/s, out {amount(totals['bytes_out_per_second'], 'B')}/s"
        )
    balancers = f"{count} load balancer{'' if count == 1 else 's'}"
    return f"{balancers}, {state} · {totals['members_up']} of {members} members up{rates}"


def _row(balancer: dict[str, Any]) -> list[str]:
    members = balancer["members"]
    total = members["up"] + members["down"] + members["off"]
    return [
        "!" if balancer["rank"] else " ",
        safe(balancer["name"] or balancer["id"]),
        safe(balancer["project"] or ""),
        balancer["vip"] or "",
        balancer["provisioning_status"] or "?",
        (balancer["operating_status"] or "?") + ("" if balancer["enabled"] else " (disabled)"),
        f"{members['up']}/{total}" if total else "–",
        amount(balancer["connections"]),
        amount(balancer["connections_per_second"]),
        amount(balancer["bytes_in_per_second"], "B"),
        amount(balancer["bytes_out_per_second"], "B"),
        safe(",".join(balancer["hosts"])),
    ]
