"""Load balancers in trouble, certificates, what is left over; and how findings are written."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.unit.main.doctor.cases import levels, make_case, told
from tests.unit.main.status.samples import NOW, line

from evenload.main.doctor import balancers
from evenload.main.doctor.case import Level, Present, fault, ok, warning
from evenload.main.doctor.command import document, examine, run
from evenload.main.doctor.text import render
from evenload.main.terminal import Screen

KNOWN, GONE = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"


@pytest.mark.parametrize(
    ("more", "level"),
    [
        ({}, Level.OK),
        ({"provisioning_status": "ERROR", "fault": "full"}, Level.FAULT),
        ({"members": {"ERROR": 2}, "operating_status": "ERROR"}, Level.FAULT),
        ({"members": {"ERROR": 1, "ONLINE": 1}, "operating_status": "DEGRADED"}, Level.WARNING),
    ],
)
def test_load_balancers(tmp_path: Path, more: dict[str, Any], level: Level) -> None:
    case = make_case(tmp_path, stored={"load_balancers": [line("shop", **more)]})
    [found] = balancers.check_load_balancers(case)
    assert found.level is level
    assert (found.remedy == "evenload status id-shop") is (level is not Level.OK)


def test_many_in_trouble_are_counted(tmp_path: Path) -> None:
    lines = [line(str(number), operating_status="ERROR") for number in range(12)]
    found = told(balancers.check_load_balancers(make_case(tmp_path, stored={"load_balancers": lines})))
    assert (len(found), found[-1][1]) == (11, "2 more need a look")


@pytest.mark.parametrize(("days", "level"), [(30, Level.OK), (13, Level.WARNING), (-1, Level.FAULT)])
def test_certificates(tmp_path: Path, days: int, level: Level) -> None:
    expiry = {
        "load_balancer": "shop",
        "kind": "listener",
        "id": "l",
        "name": "https",
        "subject": "CN=a",
        "not_after": (NOW + timedelta(days=days)).isoformat(),
    }
    assert levels(balancers.check_certificates(make_case(tmp_path, stored={"expiries": [expiry]}))) == {level}


def put(directory: Path, identifier: str) -> None:
    (directory / "netns").mkdir(exist_ok=True)
    (directory / "netns" / f"qlbaas-{identifier}").touch()
    (directory / "state" / "load_balancers" / identifier).mkdir(parents=True)


def test_what_is_left_over_and_what_is_missing(tmp_path: Path) -> None:
    text = f"[agent]\nnetns_dir = {tmp_path}/netns\n"
    stored = {"load_balancers": [line("shop", id=KNOWN, hosts=["lb1"])]}
    put(tmp_path, KNOWN)
    assert levels(balancers.check_leftovers(make_case(tmp_path, text, stored=stored))) == {Level.OK}
    put(tmp_path, GONE)
    both = Present(frozenset({KNOWN, GONE}), frozenset({KNOWN, GONE}))
    [found] = balancers.check_leftovers(make_case(tmp_path, text, stored=stored, present=both))
    assert (found.level, found.text) == (
        Level.WARNING,
        f"a namespace and a directory of load balancer {GONE}, which is unknown",
    )
    (tmp_path / "netns" / f"qlbaas-{KNOWN}").unlink()
    [found] = balancers.check_leftovers(make_case(tmp_path, text, stored=stored))
    assert (found.level, found.text) == (Level.FAULT, "shop is ACTIVE, and has no namespace")
    pending = {"load_balancers": [line("shop", id=KNOWN, hosts=["lb1"], provisioning_status="PENDING_CREATE")]}
    assert levels(balancers.check_leftovers(make_case(tmp_path, text, stored=pending))) == {Level.OK}


def test_what_came_or_went_meanwhile_is_no_finding(tmp_path: Path) -> None:
    text = f"[agent]\nnetns_dir = {tmp_path}/netns\n"
    gone_since = Present(frozenset({GONE}), frozenset({GONE}))
    assert levels(balancers.check_leftovers(make_case(tmp_path, text, present=gone_since))) == {Level.OK}
    put(tmp_path, KNOWN)  # after the database was read
    assert levels(balancers.check_leftovers(make_case(tmp_path, text))) == {Level.OK}


def test_what_the_agent_is_to_remove_has_to_run_for_it(tmp_path: Path) -> None:
    put(tmp_path, GONE)
    text = f"[agent]\nnetns_dir = {tmp_path}/netns\n"
    down = {"state": "down", "reason": "x", "pid": None}
    here = Present(frozenset({GONE}))
    [found] = balancers.check_leftovers(make_case(tmp_path, text, present=here, agent=down))
    assert (found.remedy or "").startswith("start the agent")


FINDINGS = [
    fault("bridge br-x", "it is down, and so nothing can be plugged into it at all\x1b[2J", "ip link set br-x up"),
    warning("clock", "nothing keeps it right"),
    ok("disk", "there is room"),
]


def test_findings_as_text() -> None:
    assert render(FINDINGS, Screen(width=50)) == [
        "fault    bridge br-x  it is down, and so nothing",
        "                      can be plugged into it at",
        "                      all�[2J",
        "                      → ip link set br-x up",
        "warning  clock        nothing keeps it right",
        "ok       disk         there is room",
        "",
        "1 fault and 1 warning.",
    ]
    assert render([ok("disk", "there is room")], Screen())[-1] == "Nothing is wrong."


def test_findings_for_programs() -> None:
    shown = document(FINDINGS, NOW, well=False)
    assert (shown["format"], shown["well"], shown["counts"]) == (1, False, {"fault": 1, "warning": 1, "ok": 1})
    assert shown["findings"][1] == {
        "level": "warning", "about": "clock", "text": "nothing keeps it right", "remedy": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[api]\nbind_prot = 1\n", "[api] bind_prot: there is no such setting"),
        ("[api]\nbind_port = many\n", "bind_port"),
        ("nonsense\n", "evenload.conf"),
    ],
)
def test_settings_that_cannot_be_used_are_all_there_is_to_say(tmp_path: Path, text: str, words: str) -> None:
    config = tmp_path / "evenload.conf"
    config.write_text(text)
    [found] = examine(["--config-file", str(config)], NOW)
    assert (found.level, words in found.text) == (Level.FAULT, True), found
    assert run(["--config-file", str(config), "--format", "json"]) == 1
