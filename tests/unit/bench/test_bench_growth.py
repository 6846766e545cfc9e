from bench.parts.growth import BALANCERS, EDGE, LISTENERS, MEMBERS, draft
from bench.room import BACKEND_PORT


def test_the_members_are_as_many_as_it_says_and_all_checked_where_somebody_listens() -> None:
    wanted = draft("subnet", listeners=max(LISTENERS), members=max(MEMBERS))
    [pool] = wanted["pools"]
    places = {(member["address"], member["protocol_port"]) for member in pool["members"]}
    assert len(places) == max(MEMBERS) == 5000
    assert max(port for _, port in places) < 65536
    assert {member["monitor_port"] for member in pool["members"]} == {BACKEND_PORT}
    assert len({listener["protocol_port"] for listener in wanted["listeners"]}) == max(LISTENERS) == 1000
    assert {listener["default_pool"]["name"] for listener in wanted["listeners"]} == {pool["name"]}


def test_the_first_and_the_last_load_balancers_are_others() -> None:
    assert BALANCERS[-1] == 500 >= 2 * EDGE + 1
