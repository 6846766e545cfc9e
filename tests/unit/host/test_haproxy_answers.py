"""All that HAProxy says of itself: totals over its processes, and what is of the moment."""

from evenload.host.haproxy_answers import Answers, read_tables

HEAD = (
    "# pxname,svname,qcur,scur,slim,stot,bin,bout,dreq,ereq,econ,eresp,wretr,wredis,status,chkfail,rate,check_duration,"
    "hrsp_1xx,hrsp_2xx,hrsp_3xx,hrsp_4xx,hrsp_5xx,hrsp_other,req_tot,last_chk,"
)
LB = "8a1c2a10-0000-4000-8000-000000000001"


def answer(total: int, active: int = 1, *, status: str = "UP", duration: str = "12") -> str:
    front = f"f,FRONTEND,,{active},100,{total},{10 * total},{20 * total},0,0,,,,,OPEN,,3,,0,{total},0,0,0,0,{total},,"
    server = f'b,s,2,{active},,{total},1,2,0,,5,6,7,8,{status},4,1,{duration},,,,,,,,"HTTP status, 200",'
    return "\n".join([HEAD, front, server])


def test_a_row_has_what_haproxy_says_and_nothing_that_it_does_not_say() -> None:
    found = read_tables((answer(7),))
    front, server = found["f", "FRONTEND"], found["b", "s"]
    assert front.status == "OPEN"
    assert front.moment == {"connections": 1.0, "limit": 100.0, "rate": 3.0}
    assert front.totals["2xx"] == front.totals["requests"] == front.totals["connections_total"] == 7.0
    assert (front.totals["bytes_in"], front.totals["bytes_out"]) == (70.0, 140.0)
    assert "connection_errors" not in front.totals
    assert server.moment == {"connections": 1.0, "queue": 2.0, "rate": 1.0, "check_seconds": 0.012}
    assert (server.totals["connection_errors"], server.totals["response_errors"]) == (5.0, 6.0)
    assert (server.totals["retries"], server.totals["redispatches"], server.totals["check_failures"]) == (7.0, 8.0, 4.0)
    assert "2xx" not in server.totals
    assert read_tables(("no table", "")) == {}


def total(answers: Answers, first_own: int | None = 1) -> float:
    return answers.read(LB, first_own)["f", "FRONTEND"].totals["connections_total"]


def test_what_a_process_counted_stays_after_its_end() -> None:
    answers = Answers()
    answers.note(LB, {1: (answer(10),)}, [1])
    answers.note(LB, {1: (answer(15, active=4),), 2: (answer(2, active=3),)}, [1, 2])
    assert total(answers) == 17.0
    assert answers.read(LB, 1)["f", "FRONTEND"].moment["connections"] == 7.0
    answers.note(LB, {1: (answer(16),), 2: (answer(3),)}, [2])  # the first one's last words
    assert total(answers) == 19.0
    answers.note(LB, {2: (answer(5),)}, [2])
    assert total(answers) == 21.0
    answers.note_last_words(LB, 2, answer(6))
    answers.note(LB, {3: (answer(1),)}, [3])
    assert total(answers) == 23.0


def test_one_that_does_not_answer_for_once_has_lost_nothing() -> None:
    answers = Answers()
    answers.note(LB, {1: (answer(10),)}, [1])
    answers.note(LB, {}, [1])
    assert total(answers) == 10.0
    answers.note(LB, {1: (answer(12),)}, [1])
    assert total(answers) == 12.0


def test_what_was_counted_before_this_agent_is_left_out() -> None:
    answers = Answers()
    answers.note(LB, {4: (answer(1000),)}, [4])
    assert total(answers, first_own=None) == 0.0
    answers.note(LB, {4: (answer(1005),), 5: (answer(3),)}, [4, 5])
    assert total(answers, first_own=5) == 8.0
    answers.note(LB, {4: (answer(1006),), 5: (answer(4),)}, [5])
    assert total(answers, first_own=5) == 10.0
    assert total(answers, first_own=4) == 1010.0  # had it been this agent's, nothing would be left out


def test_a_worker_that_is_given_another_number_is_not_counted_twice() -> None:
    answers = Answers()
    answers.note(LB, {1: (answer(10),)}, [1])
    answers.renumber(LB, 1, 9)
    answers.note(LB, {1: (answer(2),), 9: (answer(11),)}, [1, 9])
    assert total(answers) == 13.0


def test_what_is_gone_is_forgotten() -> None:
    answers = Answers()
    answers.note(LB, {1: (answer(10),)}, [1])
    answers.keep({"another"})
    assert answers.read(LB, 1) == {}
    answers.note(LB, {1: (HEAD + "\nold,FRONTEND,,1,100,5,1,1,0,0,,,,,OPEN,,3,,,,,,,,5,,",)}, [1])
    answers.note(LB, {2: (answer(1),)}, [2])
    assert set(answers.read(LB, 1)) == {("f", "FRONTEND"), ("b", "s")}


def test_a_quoted_cell_may_stand_anywhere() -> None:
    head = "# pxname,svname,last_chk,status,stot,"
    [(place, numbers)] = read_tables((f'{head}\nb,s,"refused, ""so"" it was",DOWN,7,',)).items()
    assert (place, numbers.status, numbers.totals) == (("b", "s"), "DOWN", {"connections_total": 7.0})
