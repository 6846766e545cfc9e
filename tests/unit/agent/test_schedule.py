"""The queue: order, folding, one round at a time, and routine that never takes all hands."""

from evenload.agent.schedule import Schedule, Task

OBSERVE, FETCH = Task(observe=True), Task(fetch=True)


def test_asks_for_the_same_one_fold() -> None:
    schedule = Schedule(2)
    schedule.add("a", Task(fetch=True, hinted=3), 10.0, urgent=True)
    schedule.add("a", Task(observe=True, hinted=2), 5.0, urgent=True)
    assert schedule.take(5.0) == ("a", Task(fetch=True, observe=True, hinted=3))
    assert schedule.take(99.0) is None


def test_one_at_a_time_and_what_comes_meanwhile_is_another_round() -> None:
    schedule = Schedule(3)
    schedule.add("a", FETCH, 0.0, urgent=True)
    assert schedule.take(0.0) == ("a", FETCH)
    schedule.add("a", OBSERVE, 0.0, urgent=True)
    schedule.add("b", FETCH, 0.0, urgent=True)
    assert schedule.take(0.0) == ("b", FETCH)
    assert schedule.take(0.0) is None
    schedule.done("a")
    assert schedule.take(0.0) == ("a", OBSERVE)


def test_urgent_goes_before_routine_that_waited_longer() -> None:
    schedule = Schedule(3)
    schedule.add("routine", OBSERVE, 0.0, urgent=False)
    schedule.add("urgent", FETCH, 0.0, urgent=True)
    assert schedule.take(0.0) == ("urgent", FETCH)
    assert schedule.take(0.0) == ("routine", OBSERVE)


def test_routine_never_takes_all_hands() -> None:
    schedule = Schedule(3)
    for name in ("a", "b"):
        schedule.add(name, OBSERVE, 0.0, urgent=False)
    assert schedule.take(0.0) == ("a", OBSERVE)
    assert schedule.take(0.0) is None
    assert schedule.next_due() is None  # no use in waking up before the round has ended
    schedule.add("c", FETCH, 7.0, urgent=True)
    assert schedule.next_due() == 7.0
    schedule.done("a")
    assert schedule.take(0.0) == ("b", OBSERVE)


def test_an_urgent_ask_makes_a_waiting_routine_one_urgent() -> None:
    schedule = Schedule(2)
    schedule.add("a", OBSERVE, 30.0, urgent=False)
    schedule.add("a", FETCH, 0.0, urgent=True)
    assert schedule.take(0.0) == ("a", Task(fetch=True, observe=True))
    assert schedule.take(99.0) is None


def test_nothing_is_taken_before_it_is_due() -> None:
    schedule = Schedule(2)
    schedule.add("a", FETCH, 5.0, urgent=True)
    assert schedule.take(4.9) is None
    assert schedule.next_due() == 5.0
    assert not schedule.idle
    assert schedule.take(5.0) is not None
    assert not schedule.idle
    schedule.done("a")
    assert schedule.idle


def test_the_longest_waiting_goes_first_and_what_became_urgent_leaves_its_old_place() -> None:
    schedule = Schedule(32)
    for due, name in enumerate(["c", "a", "b"]):
        schedule.add(name, OBSERVE, float(due), urgent=False)
    schedule.add("b", FETCH, 9.0, urgent=True)
    taken = [schedule.take(9.0) for _ in range(4)]
    assert [each[0] for each in taken if each is not None] == ["b", "c", "a"]
    assert taken[3] is None


def test_an_earlier_moment_replaces_a_later_one_and_not_the_other_way_round() -> None:
    schedule = Schedule(2)
    for due in (5.0, 3.0, 7.0):
        schedule.add("a", FETCH, due, urgent=True)
    assert schedule.next_due() == 3.0
    assert schedule.take(3.0) == ("a", FETCH)
    schedule.done("a")
    assert schedule.idle
    assert schedule.next_due() is None


def test_rounds_that_wait_for_the_server_or_for_a_slow_load_balancer_leave_hands_for_a_death() -> None:
    schedule = Schedule(8)
    for number in range(9):
        schedule.add(f"slow {number}", OBSERVE, 0.0, urgent=False)
        schedule.add(f"hinted {number}", FETCH, 0.0, urgent=True)
    taken = []
    while (each := schedule.take(0.0)) is not None:
        taken.append(each[0])
    assert taken == [f"hinted {number}" for number in range(6)]
    schedule.add("dead", OBSERVE, 0.0, urgent=True)
    assert schedule.take(0.0) == ("dead", OBSERVE)
    for number in range(6):
        schedule.done(f"hinted {number}")
    taken = []
    while (each := schedule.take(0.0)) is not None:
        taken.append(each[0])
    assert taken == ["hinted 6", "hinted 7", "hinted 8", "slow 0", "slow 1", "slow 2"]
    for name in taken:
        schedule.done(name)
    taken = []
    while (each := schedule.take(0.0)) is not None:
        taken.append(each[0])
    assert taken == [f"slow {number}" for number in range(3, 7)]  # half of all


def test_a_hint_moves_a_death_to_the_lane_of_those_that_wait_for_the_server() -> None:
    schedule = Schedule(2)
    schedule.add("other", FETCH, 0.0, urgent=True)
    assert schedule.take(0.0) is not None
    schedule.add("a", OBSERVE, 0.0, urgent=True)
    schedule.add("a", FETCH, 0.0, urgent=True)
    assert schedule.take(0.0) is None
    schedule.done("other")
    assert schedule.take(0.0) == ("a", Task(fetch=True, observe=True))
