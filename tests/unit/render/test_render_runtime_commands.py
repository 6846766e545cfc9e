"""The words for HAProxy's runtime API."""

import pytest
from tests.unit.render.desired_for_render import FURTHER_MONITOR, MONITOR, make_desired, member, text_of

from evenload.model.observed import ServerState
from evenload.render.haproxy_text import AddServer, RemoveServer, SetState, SetWeight, split
from evenload.render.runtime_commands import commands, delete_leftovers, is_refusal, release, set_health, set_veto

CHECKED = split(text_of(make_desired(member("one", weight=3), monitor=MONITOR))).servers["app", "one"]


def test_adding_says_what_the_line_in_the_file_says() -> None:
    line = next(
        line
        for line in text_of(make_desired(member("one", weight=3), monitor=MONITOR)).split("\n")
        if "server one" in line
    )
    add, health, enable = commands(AddServer(CHECKED))
    assert sorted(add.split()[2:]) == sorted(["app/one", *line.split()[2:]])
    assert (health, enable) == ("enable health app/one", "enable server app/one")


def test_a_server_without_a_check_has_none_to_enable() -> None:
    plain = split(text_of(make_desired(member("one")))).servers["app", "one"]
    assert commands(AddServer(plain))[1:] == ("enable server app/one",)


def test_a_disabled_server_stays_in_maintenance_and_is_not_checked_until_that_ends() -> None:
    disabled = split(text_of(make_desired(member("one", admin_state_up=False), monitor=MONITOR))).servers["app", "one"]
    [add] = commands(AddServer(disabled))
    assert "disabled" not in add
    assert commands(SetState("app", "one", False, True)) == ("enable health app/one", "set server app/one state ready")
    assert commands(SetState("app", "one", True, True)) == ("set server app/one state maint",)


def test_the_cookie_is_there_before_the_first_request() -> None:
    sent = commands(AddServer(CHECKED, dynamic_cookie=True))
    assert sent.index("enable dynamic-cookie backend app") < sent.index("enable server app/one")


def test_a_server_is_put_out_of_service_before_it_is_deleted() -> None:
    assert commands(RemoveServer("app", "one")) == ("set server app/one state maint", "del server app/one")


def test_weight_state_and_health() -> None:
    assert commands(SetWeight("app", "one", 0)) == ("set server app/one weight 0",)
    assert commands(SetState("app", "one", True)) == ("set server app/one state maint",)
    assert commands(SetState("app", "one", False)) == ("set server app/one state ready",)
    assert set_health("app", "one", up=False) == "set server app/one health down"
    assert set_health("app", "one", up=True) == "set server app/one health up"


BUSY = "Server still has connections attached to it, cannot remove it."


@pytest.mark.parametrize(
    ("command", "answer", "is_refused"),
    [
        ("set server app/one weight 3", "", False),
        ("add server app/one 10.0.0.1:80", "New server registered.", False),
        ("del server app/one", "Server deleted.", False),
        ("del server app/one", BUSY, False),
        ("add server app/one 10.0.0.1:80", BUSY, True),
        ("set server app/one weight 3", "No such server.", True),
        ("add server app/one 10.0.0.1:80", "Already exists a server with the same name in backend.", True),
    ],
)
def test_what_haproxy_answers(command: str, answer: str, is_refused: bool) -> None:
    assert is_refusal(command, answer) is is_refused


def test_leftovers_are_servers_in_maintenance_that_no_text_names() -> None:
    state = ServerState(address="10.0.0.11", port=80, weight=1, maintenance=True)
    serving = ServerState(address="10.0.0.11", port=80, weight=1, maintenance=False)
    text = text_of(make_desired(member("one")))
    servers = {("app", "one"): state, ("app", "gone"): state, ("app", "odd"): serving}
    assert delete_leftovers(text, servers) == ("del server app/gone",)


def test_a_server_comes_without_a_veto_before_it_serves() -> None:
    wanted = split(text_of(make_desired(member("one"), monitor=MONITOR, monitors=(FURTHER_MONITOR,)))).servers
    _, *sent = commands(AddServer(wanted["app", "one"]))
    assert sent == [
        "enable health app/one",
        "enable agent app/one",
        "set server app/one agent up",
        "enable server app/one",
    ]
    _, *sent = commands(AddServer(wanted["app:check:further", "one"]))
    assert sent == ["enable health app:check:further/one", "enable server app:check:further/one"]


def test_vetoes() -> None:
    assert set_veto("app", "one", vetoed=True) == "set server app/one agent down"
    assert release("app", "one") == ("set server app/one agent down", "set server app/one state ready")
    assert is_refusal("set server app/one agent up", "agent checks are not enabled on this server.")
