"""Health is carried over a reload; weights and maintenance are not."""

from dataclasses import replace

from tests.unit.render.wishes_for_render import MONITOR, PING_MONITOR, member, text_of, wish

from evenload.model.desired import Desired
from evenload.model.enums import ListenerProtocol
from evenload.render.server_states import Row, parse_server_states, render_server_states

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
CHECKED = wish(member("one", weight=4), monitor=MONITOR)  # rise 2, fall 3


def kept(row: str, wanted: Desired) -> list[Row]:
    answer = render_server_states(f"1\n{HEADER}\n{row}\n", text_of(CHECKED), text_of(wanted)).text
    assert answer.startswith(f"1\n{HEADER}\n")
    return parse_server_states(answer)


def test_a_member_that_is_down_stays_down_with_the_weight_of_the_wish() -> None:
    [row] = kept(DOWN, CHECKED)
    assert (row["srv_op_state"], row["srv_check_result"], row["srv_check_health"]) == ("0", "2", "1")
    assert (row["srv_uweight"], row["srv_iweight"], row["srv_admin_state"]) == ("4", "4", "0")


def test_a_member_that_is_up_keeps_its_distance_from_going_down() -> None:
    [row] = kept(UP, CHECKED)
    assert (row["srv_op_state"], row["srv_check_health"]) == ("2", "4")


def test_health_fits_the_new_numbers_of_checks() -> None:
    [row] = kept(UP, wish(member("one"), monitor=replace(MONITOR, rise=1, fall=1)))
    assert row["srv_check_health"] == "1"
    [row] = kept(DOWN, wish(member("one"), monitor=replace(MONITOR, rise=1, fall=1)))
    assert row["srv_check_health"] == "0"


def test_no_health_is_kept_where_it_no_longer_means_anything() -> None:
    assert kept(DOWN, wish(member("one"))) == []
    assert kept(TOLD_DOWN, wish(member("one"))) == []
    assert kept(UNCHECKED, CHECKED) == []
    assert kept(DOWN, wish(member("another"), monitor=MONITOR)) == []


def test_a_member_in_or_out_of_maintenance_starts_as_the_file_says() -> None:
    assert kept(MAINTENANCE, CHECKED) == []
    assert kept(DOWN, wish(member("one", admin_state_up=False), monitor=MONITOR)) == []


def test_a_member_that_was_disabled_once_is_like_any_other() -> None:
    [row] = kept(DOWN.replace(" 0 0 9 9 ", " 0 4 9 9 "), CHECKED)
    assert (row["srv_op_state"], row["srv_admin_state"]) == ("0", "0")


def test_what_the_agent_said_of_a_pinged_member_is_kept() -> None:
    [row] = kept(TOLD_DOWN, wish(member("one"), monitor=PING_MONITOR))
    assert (row["srv_op_state"], row["srv_check_state"], row["srv_check_result"]) == ("0", "0", "0")
    assert kept(UNCHECKED, wish(member("one"), monitor=PING_MONITOR)) == []


def test_health_follows_a_pool_whose_backend_is_called_otherwise_now() -> None:
    web = CHECKED.listeners[0]
    first = replace(web, id="first", protocol=ListenerProtocol.TCP, port=81)
    wanted = replace(CHECKED, listeners=(first, web))
    rows = kept(DOWN, wanted)
    assert {row["be_name"]: row["srv_op_state"] for row in rows} == {"app": "0", "app:web": "0"}


def test_an_answer_that_is_no_table_keeps_nothing() -> None:
    assert parse_server_states(render_server_states("Unknown command", text_of(CHECKED), text_of(CHECKED)).text) == []
