"""Whose word counts, what is wrong, and what comes first."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.unit.main.status.samples import NOW, PROCESS, ago, described, found, host, line, seen_shop, sight

from evenload.main.status.joined import Found, join_one, join_overview
from evenload.main.status.judged import expiry_words
from evenload.model.enums import ProvisioningStatus
from evenload.model.sight import SeenBalancer


def first(found: Found) -> dict[str, Any]:
    shown: dict[str, Any] = join_overview(found)["load_balancers"][0]
    return shown


def test_the_agent_counts_before_what_was_written_down() -> None:
    stale = line("shop", operating_status="ONLINE", members={"ONLINE": 2})
    seen = SeenBalancer(id="id-shop", answers=True, status="ERROR", members={"ERROR": 2})
    shown = first(found(stale, seen=sight(seen)))
    assert (shown["operating_status"], shown["members"]) == ("ERROR", {"up": 0, "down": 2, "off": 0})
    untouched = first(found(stale, seen=sight(SeenBalancer(id="id-shop"))))
    assert (untouched["operating_status"], untouched["members"]["up"]) == ("ONLINE", 2)
    assert (shown["since"], untouched["since"]) == (None, ago(7200))
    assert untouched["connections"] is None


def test_without_a_database_there_is_what_the_agent_sees() -> None:
    seen = SeenBalancer(id="b", answers=True, status="ONLINE", members={"ONLINE": 1})
    without = replace(
        found(seen=sight(seen), database={"state": "unreadable", "schema": None, "reason": "no such file"}), stored=None
    )
    document = join_overview(without)
    assert [each["id"] for each in document["load_balancers"]] == ["b"]
    assert (document["well"], document["totals"]["wrong"]) == (False, 0)
    assert document["service"]["wrong"] == ["the database cannot be read: no such file"]


def test_all_is_well_where_nothing_is_wrong() -> None:
    assert join_overview(found(line("a"), line("b", enabled=False, operating_status="OFFLINE")))["well"]
    assert not join_overview(found(line("a", operating_status="DEGRADED")))["well"]


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"provisioning_status": "ERROR", "fault": "no room"}, "the last change failed: no room"),
        ({"operating_status": "ERROR"}, "ERROR: nobody has said why yet"),
        (
            {"operating_status": "ERROR", "reason": "1 of 1 listeners is not well"},
            "ERROR: 1 of 1 listeners is not well",
        ),
        ({"operating_status": "DEGRADED", "full": "http"}, "listener http has as many connections as it may have"),
        ({"members": {"ERROR": 1}}, "1 of 1 members is down"),
        (
            {"members": {"ERROR": 1}, "down": {"id": "m", "name": "", "address": "2001:db8::1", "port": 80}},
            "member [2001:db8::1]:80 is down",
        ),
        ({"provisioning_status": "PENDING_UPDATE", "changed_at": ago(61)}, "PENDING_UPDATE since 11:59:29"),
        ({"hosts": ["lb2"]}, "its host lb2 is away"),
    ],
)
def test_what_is_wrong_is_said(more: dict[str, Any], reason: str) -> None:
    shown = first(found(line("x", **more), hosts=[host("lb1"), host("lb2", silent=100)]))
    assert (shown["rank"] > 0, shown["reasons"]) == (True, [reason])


def test_a_change_may_take_a_while() -> None:
    assert first(found(line("x", provisioning_status="PENDING_UPDATE", changed_at=ago(59))))["rank"] == 0


def test_a_host_that_is_away_and_has_nothing_is_no_fault() -> None:
    assert join_overview(found(line("x"), hosts=[host("lb1"), host("old", silent=1e6, load=0)]))["well"]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"agent": {"state": "down", "reason": "it does not run"}}, "the agent is down: it does not run"),
        ({"server": {"state": "silent", "reason": "slow"}}, "the server gives no answer: slow"),
        ({"agent": {"connected": False}}, "the agent has no connection with the server"),
        ({"agent": {"version": "0.1.0"}}, "the agent that runs is version 0.1.0, and 0.2.0 is installed"),
    ],
)
def test_what_is_wrong_with_the_service_is_said(more: dict[str, Any], words: str) -> None:
    document = join_overview(found(**more))
    [sentence] = document["service"]["wrong"]
    assert sentence.startswith(words)
    assert not document["well"]


def test_one_load_balancer_has_its_parts_with_what_is_seen_of_them() -> None:
    shown = join_one(found(seen=sight(seen_shop())), described(), PROCESS, ())["load_balancer"]
    down, up = shown["pools"][0]["members"]
    assert (down["operating_status"], down["reason"]) == ("ERROR", "no connection: Connection refused (L4CON)")
    assert down["since"] == (NOW - timedelta(seconds=29)).isoformat()
    assert (up["reason"], up["connections"], up["checks"][0]["latency_seconds"]) == (None, 12, 0.0012)
    assert (up["checks"][0]["type"], shown["listeners"][0]["connections_per_second"]) == ("HTTP", 33.2)
    assert (shown["process"]["pid"], shown["process"]["finishing"]) == (4242, 1)
    assert shown["namespace"] == "qlbaas-shop"


def test_of_one_on_another_host_nothing_is_said_of_this_one() -> None:
    tree = {**described(), "hosts": ["lb2"]}
    shown = join_one(found(hosts=[host("lb1"), host("lb2")]), tree, None, ())["load_balancer"]
    assert (shown["namespace"], shown["process"]) == (None, None)


def test_a_part_that_failed_or_is_about_to_expire_makes_it_wrong() -> None:
    tree = described(provisioning_status=ProvisioningStatus.ERROR, fault="full")
    tree["listeners"][0] |= {"provisioning_status": "ERROR", "fault": "port taken"}
    tree["listeners"][0]["certificates"][0]["not_after"] = (NOW + timedelta(days=3, hours=1)).isoformat()
    document = join_one(found(), tree, PROCESS, ())
    assert document["load_balancer"]["reasons"] == [
        "the last change failed: full",
        "https: port taken",
        "https: certificate CN=shop.example expires 2026-12-02 (in 3 days)",
    ]
    assert not document["well"]


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (timedelta(hours=5), "expires 2026-11-29 (in 0 days)"),
        (-timedelta(hours=1), "expired 2026-11-29 (already)"),
        (-timedelta(days=3), "expired 2026-11-26 (3 days ago)"),
    ],
)
def test_expiries_in_words(after: timedelta, words: str) -> None:
    assert expiry_words((NOW + after).isoformat(), NOW) == words
