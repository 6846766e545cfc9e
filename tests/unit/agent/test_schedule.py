"""The queue: order, folding, one round at a time, and routine that never takes all hands."""

from evenload.agent.schedule import Ask, Schedule

LOOK, FETCH = Ask(look=True), Ask(fetch=True)


def test_asks_for_the_same_one_fold() -> None:
    schedule = Schedule(routine_limit=1)
    schedule.ask("a", Ask(fetch=True, hinted=3), 10.0, urgent=True)
    schedule.ask("a", Ask(look=True, hinted=2), 5.0, urgent=True)
    assert schedule.take(5.0) == ("a", Ask(fetch=True, look=True, hinted=3))
    assert schedule.take(99.0) is None


def test_one_at_a_time_and_what_comes_meanwhile_is_another_round() -> None:
    schedule = Schedule(routine_limit=1)
    schedule.ask("a", FETCH, 0.0, urgent=True)
    assert schedule.take(0.0) == ("a", FETCH)
    schedule.ask("a", LOOK, 0.0, urgent=True)
    schedule.ask("b", FETCH, 0.0, urgent=True)
    assert schedule.take(0.0) == ("b", FETCH)
    assert schedule.take(0.0) is None
    schedule.finished("a")
    assert schedule.take(0.0) == ("a", LOOK)


def test_urgent_goes_before_routine_that_waited_longer() -> None:
    schedule = Schedule(routine_limit=1)
    schedule.ask("routine", LOOK, 0.0, urgent=False)
    schedule.ask("urgent", FETCH, 0.0, urgent=True)
    assert schedule.take(0.0) == ("urgent", FETCH)
    assert schedule.take(0.0) == ("routine", LOOK)


def test_routine_never_takes_all_hands() -> None:
    schedule = Schedule(routine_limit=1)
    for name in ("a", "b"):
        schedule.ask(name, LOOK, 0.0, urgent=False)
    assert schedule.take(0.0) == ("a", LOOK)
    assert schedule.take(0.0) is None
    assert schedule.next_due() is None  # no use in waking up before the round has ended
    schedule.ask("c", FETCH, 7.0, urgent=True)
    assert schedule.next_due() == 7.0
    schedule.finished("a")
    assert schedule.take(0.0) == ("b", LOOK)


def test_an_urgent_ask_makes_a_waiting_routine_one_urgent() -> None:
    schedule = Schedule(routine_limit=1)
    schedule.ask("a", LOOK, 30.0, urgent=False)
    schedule.ask("a", FETCH, 0.0, urgent=True)
    assert schedule.take(0.0) == ("a", Ask(fetch=True, look=True))
    assert schedule.take(99.0) is None


def test_nothing_is_taken_before_it_is_due() -> None:
    schedule = Schedule(routine_limit=1)
    schedule.ask("a", FETCH, 5.0, urgent=True)
    assert schedule.take(4.9) is None
    assert schedule.next_due() == 5.0
    assert not schedule.idle
    assert schedule.take(5.0) is not None
    assert not schedule.idle
    schedule.finished("a")
    assert schedule.idle
