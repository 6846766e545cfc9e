"""What ``evenload status`` writes: golden texts, made from what the database, the agent and the host say.

Written anew by ``UPDATE_GOLDEN=1 pytest tests/unit/main/status``; to be read before they are kept.
"""

import os
from pathlib import Path

import pytest
from tests.unit.main.status.samples import NOW, PROCESS, ago, described, found, host, line, seen_shop, sight

from evenload.main.status.joined import Found, join_one, join_overview
from evenload.main.status.overview_text import render_overview
from evenload.main.status.tree_text import render_one
from evenload.main.terminal import Screen
from evenload.model.sight import Flow, SeenBalancer

GOLDEN = Path(__file__).with_name("golden")
WIDE = Screen()
NARROW = Screen(width=80)
EVENTS = ({"at": NOW.isoformat(), "text": "member web1 ERROR: \x1b[31mConnection refused"},)


def many() -> Found:
    quiet = Flow(connections=0, total=3, per_second=0.0, bytes_in=0.0, bytes_out=0.0)
    busy = Flow(connections=1200, total=99, per_second=2500.0, bytes_in=2_500_000.0, bytes_out=1.5e9)
    seen = (
        SeenBalancer(id="id-blog", answers=True, status="ONLINE", flow=quiet, members={"NO_MONITOR": 1}),
        SeenBalancer(id="id-busy", answers=True, status="ONLINE", flow=busy, members={"ONLINE": 2, "DRAINING": 1}),
        SeenBalancer(id="id-dead", answers=False, status="ERROR", members={"ONLINE": 1}),
        SeenBalancer(
            id="id-down",
            answers=True,
            status="ERROR",
            flow=quiet,
            members={"ERROR": 2},
            down=("web1", "wrong HTTP status: Service Unavailable (L7STS/503)"),
        ),
        SeenBalancer(id="id-stuck", failures=3, reason="the bridge br-x does not exist"),
    )
    down = {"id": "web1", "name": "web1", "address": "2001:db8::1", "port": 80}
    return found(
        line("busy"),
        line("blog", operating_status="OFFLINE"),
        line("dead"),
        line("down", members={"ERROR": 1, "ONLINE": 1}, down=down),
        line(
            "stuck", provisioning_status="PENDING_CREATE", operating_status="OFFLINE", members={}, changed_at=ago(200)
        ),
        line("failed", provisioning_status="ERROR", fault="the host\x1b]0;x\x07 is full", members={}),
        line("", id="id-of-one-without-a-name", project="\N{CJK UNIFIED IDEOGRAPH-4E2D}" * 10, members={}),
        line("off", enabled=False, operating_status="OFFLINE", members={"OFFLINE": 2}),
        line("elsewhere", hosts=["lb2"]),
        seen=sight(*seen),
        hosts=[host("lb1"), host("lb2", silent=500)],
    )


def away() -> Found:
    down = {"state": "down", "pid": None, "since": None, "reason": "it does not run"}
    return found(
        line("shop", members={"ERROR": 1, "ONLINE": 1}, operating_status="DEGRADED"),
        server={**down, "state": "silent", "pid": 3, "since": ago(10), "reason": "no answer within 3 s"},
        agent={**down, "version": None, "connected": None},
    )


def one(events: tuple[dict[str, str], ...] = EVENTS) -> dict[str, object]:
    return join_one(found(seen=sight(seen_shop())), described(), PROCESS, events)


CASES = {
    "overview-wide": lambda: render_overview(join_overview(many()), WIDE),
    "overview-narrow": lambda: render_overview(join_overview(many()), NARROW),
    "overview-empty": lambda: render_overview(join_overview(found()), WIDE),
    "overview-away": lambda: render_overview(join_overview(away()), WIDE),
    "one-wide": lambda: render_one(one(), WIDE),
    "one-narrow": lambda: render_one(one(), NARROW),
    "one-unseen": lambda: render_one(join_one(away(), described(), None, ()), WIDE),
}


@pytest.mark.parametrize("name", CASES)
def test_text(name: str) -> None:
    lines = CASES[name]()
    text = "".join(f"{each}\n" for each in lines)
    assert text.isprintable() or all(each.isprintable() for each in lines)
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert text == path.read_text()


@pytest.mark.parametrize("name", [name for name in CASES if name.endswith("narrow")])
def test_narrow_text_is_no_wider(name: str) -> None:
    from evenload.main.terminal import width_of

    assert max(map(width_of, CASES[name]())) <= 80
