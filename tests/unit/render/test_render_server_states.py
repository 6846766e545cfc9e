"""Health is carried over a reload; weights and maintenance are not."""

from dataclasses import replace

import pytest
from tests.unit.render.desired_for_render import FURTHER_MONITOR, MONITOR, PING_MONITOR, make_desired, member, text_of

from evenload.model.balancer import HealthMonitor
from evenload.model.desired import Desired
from evenload.model.enums import ListenerProtocol
from evenload.model.tls import PoolTls
from evenload.render.server_states import render_server_states
from evenload.render.state_file import Row, parse_server_states

HEADER = (
    "# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight"
    " srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state"
    " bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr"
    " srv_agent_addr srv_agent_port"
)
UP = "5 app 1 one 10.0.0.11 2 0 9 9 23 15 3 4 6 0 0 1 - 8080 - 0 0 - - 0"
DOWN = "5 app 1 one 10.0.0.11 0 0 9 9 23 9 2 1 6 0 0 1 - 8080 - 0 0 - - 0"
MAINTENANCE = "5 app 1 one 10.0.0.11 0 1 9 9 23 9 2 1 6 0 0 1 - 8080 - 0 0 - - 0"
UNCHECKED = "5 app 1 one 10.0.0.11 2 0 9 9 23 1 0 2 0 0 0 1 - 8080 - 0 0 - - 0"
TOLD_DOWN = "5 app 1 one 10.0.0.11 0 0 9 9 23 1 0 0 0 0 0 1 - 8080 - 0 0 - - 0"
CHECKED = make_desired(member("one", weight=4), monitor=MONITOR)  # rise 2, fall 3


def kept(row: str, wanted: Desired) -> list[Row]:
    answer = render_server_states(f"1\n{HEADER}\n{row}\n", text_of(CHECKED), text_of(wanted)).text
    assert answer.startswith(f"1\n{HEADER}\n")
    return parse_server_states(answer)


def test_a_member_that_is_down_stays_down_with_the_weight_of_the_desired_state() -> None:
    [row] = kept(DOWN, CHECKED)
    assert (row["srv_op_state"], row["srv_check_result"], row["srv_check_health"]) == ("0", "2", "1")
    assert (row["srv_uweight"], row["srv_iweight"], row["srv_admin_state"]) == ("4", "4", "0")


def test_a_member_that_is_up_keeps_its_distance_from_going_down() -> None:
    [row] = kept(UP, CHECKED)
    assert (row["srv_op_state"], row["srv_check_health"]) == ("2", "4")


def test_members_are_spoken_to_as_the_next_text_says_whatever_was_spoken_before() -> None:
    secure = replace(CHECKED, pools=tuple(replace(pool, tls=PoolTls()) for pool in CHECKED.pools))
    for row, running, wanted, state in (
        (UP, CHECKED, secure, "1"),
        (DOWN, CHECKED, secure, "1"),
        (UP, CHECKED, CHECKED, "0"),
        (UP.replace(" - 0 0 - ", " - 1 0 - "), secure, CHECKED, "0"),
    ):
        answer = render_server_states(f"1\n{HEADER}\n{row}\n", text_of(running), text_of(wanted)).text
        assert [each["srv_use_ssl"] for each in parse_server_states(answer)] == [state]


def test_health_fits_the_new_numbers_of_checks() -> None:
    [row] = kept(UP, make_desired(member("one"), monitor=replace(MONITOR, rise=1, fall=1)))
    assert row["srv_check_health"] == "1"
    [row] = kept(DOWN, make_desired(member("one"), monitor=replace(MONITOR, rise=1, fall=1)))
    assert row["srv_check_health"] == "0"


def test_no_health_is_kept_where_it_no_longer_means_anything() -> None:
    assert kept(DOWN, make_desired(member("one"))) == []
    assert kept(TOLD_DOWN, make_desired(member("one"))) == []
    assert kept(UNCHECKED, CHECKED) == []
    assert kept(DOWN, make_desired(member("another"), monitor=MONITOR)) == []


def test_a_member_in_or_out_of_maintenance_starts_as_the_file_says() -> None:
    assert kept(MAINTENANCE, CHECKED) == []
    assert kept(DOWN, make_desired(member("one", admin_state_up=False), monitor=MONITOR)) == []


def test_a_member_that_was_disabled_once_is_like_any_other() -> None:
    [row] = kept(DOWN.replace(" 0 0 9 9 ", " 0 4 9 9 "), CHECKED)
    assert (row["srv_op_state"], row["srv_admin_state"]) == ("0", "0")


def test_what_the_agent_said_of_a_pinged_member_is_kept() -> None:
    [row] = kept(TOLD_DOWN, make_desired(member("one"), monitor=PING_MONITOR))
    assert (row["srv_op_state"], row["srv_check_state"], row["srv_check_result"]) == ("0", "0", "0")
    assert kept(UNCHECKED, make_desired(member("one"), monitor=PING_MONITOR)) == []


def test_health_follows_a_pool_whose_backend_is_called_otherwise_now() -> None:
    web = CHECKED.listeners[0]
    first = replace(web, id="first", protocol=ListenerProtocol.TCP, port=81)
    wanted = replace(CHECKED, listeners=(first, web))
    rows = kept(DOWN, wanted)
    assert {row["be_name"]: row["srv_op_state"] for row in rows} == {"app": "0", "app:web": "0"}


def test_an_answer_that_is_no_table_keeps_nothing() -> None:
    assert parse_server_states(render_server_states("Unknown command", text_of(CHECKED), text_of(CHECKED)).text) == []


SEVERAL = make_desired(member("one"), monitor=MONITOR, monitors=(FURTHER_MONITOR,))
VETOED = "5 app 1 one 10.0.0.11 0 0 1 1 23 15 3 4 6 22 0 1 - 8080 - 0 0 - 127.0.0.1 1"
FAILING = VETOED.replace(" 3 4 6 22 ", " 2 0 6 22 ")
FURTHER_DOWN = "6 app:check:further 1 one 10.0.0.11 0 0 1 1 23 9 2 0 6 0 0 1 - 8080 - 0 0 - - 0"
RELEASE = ("set server app/one agent down", "set server app/one state ready")


def carried(wanted: Desired, *rows: str, former: Desired = SEVERAL) -> tuple[dict[str, Row], tuple[str, ...]]:
    """By backend, and what the new process is told."""
    kept = render_server_states("\n".join(["1", HEADER, *rows]), text_of(former), text_of(wanted))
    return {row["be_name"]: row for row in parse_server_states(kept.text)}, kept.commands


def test_a_member_that_only_a_veto_keeps_down_starts_in_maintenance_and_is_released_with_it() -> None:
    rows, told = carried(SEVERAL, VETOED, FURTHER_DOWN)
    assert rows["app"]["srv_admin_state"] == "1"
    assert told == RELEASE
    assert (rows["app:check:further"]["srv_op_state"], rows["app:check:further"]["srv_admin_state"]) == ("0", "0")


def test_one_that_its_own_checks_keep_down_starts_so() -> None:
    rows, told = carried(SEVERAL, FAILING, FURTHER_DOWN)
    assert (rows["app"]["srv_op_state"], rows["app"]["srv_admin_state"], told) == ("0", "0", ())


def test_with_the_further_monitor_goes_its_veto() -> None:
    rows, told = carried(make_desired(member("one"), monitor=MONITOR), VETOED, FURTHER_DOWN)
    assert (rows["app"]["srv_op_state"], rows["app"]["srv_admin_state"], told) == ("2", "0", ())
    assert rows.keys() == {"app"}


@pytest.mark.parametrize("first", [FURTHER_MONITOR, replace(MONITOR, type=PING_MONITOR.type)], ids=["other", "ping"])
def test_where_another_check_takes_the_place_of_the_first_nobody_is_up_by_the_word_of_that(
    first: HealthMonitor,
) -> None:
    rows, told = carried(make_desired(member("one"), monitors=(first,)), VETOED, FURTHER_DOWN)
    assert (rows["app"]["srv_op_state"], told) == ("0", ())
    last = replace(FURTHER_MONITOR, id="last")
    rows, told = carried(make_desired(member("one"), monitors=(first, FURTHER_MONITOR, last)), VETOED, FURTHER_DOWN)
    down = "set server app/one health down"
    assert (rows["app"]["srv_admin_state"], told) == ("1", (*RELEASE, down))


def test_what_a_backend_that_only_checks_says_is_not_taken_for_another_backends_word() -> None:
    rows, told = carried(SEVERAL, FURTHER_DOWN)
    assert (set(rows), told) == ({"app:check:further"}, ())
    rows, _ = carried(SEVERAL, VETOED)
    assert rows.keys() == {"app"}


def test_a_veto_follows_a_pool_whose_backend_is_called_otherwise_now() -> None:
    web = SEVERAL.listeners[0]
    first = replace(web, id="first", protocol=ListenerProtocol.TCP, port=81)
    rows, told = carried(replace(SEVERAL, listeners=(first, web)), VETOED, FURTHER_DOWN)
    assert {row["srv_admin_state"] for name, row in rows.items() if name != "app:check:further"} == {"1"}
    assert told == (*RELEASE, *(command.replace("app/", "app:web/") for command in RELEASE))


def test_a_running_text_that_is_not_ours_keeps_no_veto() -> None:
    kept = render_server_states(f"1\n{HEADER}\n{VETOED}\n", "backend x\n    server broken\n", text_of(SEVERAL))
    [row] = parse_server_states(kept.text)
    assert (row["srv_op_state"], kept.commands) == ("0", ())
