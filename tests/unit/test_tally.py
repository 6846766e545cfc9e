"""Numbers that several processes count, each for itself."""

import os
import threading

from tests.waiting import NET

from evenload.tally import BOUNDS, UNCOUNTED, Sample, Tally, read_tally, shared_memory


def test_what_is_counted_is_read_by_name_and_labels() -> None:
    tally = Tally()
    tally.add("requests_total", ("/v2/lb", "GET"))
    tally.add("requests_total", ("/v2/lb", "GET"), 2.0)
    tally.add("requests_total", ("/v2/lb", "PUT"))
    tally.add("waiting", amount=-1.0)
    assert tally.read() == [
        Sample("requests_total", ("/v2/lb", "GET"), (3.0,)),
        Sample("requests_total", ("/v2/lb", "PUT"), (1.0,)),
        Sample("waiting", (), (-1.0,)),
    ]


def test_a_histogram_has_a_bucket_for_each_bound_and_one_beyond() -> None:
    tally = Tally()
    for seconds in (0.0, 0.001, 0.002, 0.5, 29.0, 31.0):
        tally.observe("took_seconds", ("a",), seconds)
    [sample] = tally.read()
    *buckets, total = sample.values
    assert len(buckets) == len(BOUNDS) + 1
    assert {bound: number for bound, number in zip((*BOUNDS, "more"), buckets, strict=True) if number} == {
        0.001: 2.0, 0.0025: 1.0, 0.5: 1.0, 30.0: 1.0, "more": 1.0,
    }  # fmt: skip
    assert total == 60.503


def test_who_takes_another_ones_place_goes_on_with_what_it_counted() -> None:
    memory = shared_memory()
    former = Tally(memory)
    former.add("requests_total", ("/ö",))
    former.add("in_progress")
    former.observe("took_seconds", (), 1.0)
    successor = Tally(memory)
    successor.clear(["in_progress"])
    successor.add("requests_total", ("/ö",))
    successor.add("faults_total", ("x",))
    found = {each.name: each.values for each in read_tally(memory)}
    assert (found["requests_total"], found["in_progress"], found["faults_total"]) == ((2.0,), (0.0,), (1.0,))
    assert sum(found["took_seconds"][:-1]) == 1.0


def test_a_child_counts_and_its_parent_reads() -> None:
    memory = shared_memory()
    child = os.fork()
    if child == 0:
        try:
            Tally(memory).add("requests_total", ("child",), 5.0)
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert read_tally(memory) == [Sample("requests_total", ("child",), (5.0,))]


def test_nothing_is_lost_between_threads() -> None:
    tally = Tally()

    def count() -> None:
        for number in range(2000):
            tally.add("requests_total", (str(number % 7),))

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(NET)
    assert sum(each.values[0] for each in tally.read()) == 8000


def test_what_finds_no_room_is_not_counted_and_breaks_nothing() -> None:
    tally = Tally()
    for number in range(20_000):
        tally.observe("took_seconds", (f"label-{number}",), 1.0)
    found = tally.read()
    assert 1000 < len(found) < 20_000
    assert all(each.values[-1] == 1.0 for each in found)
    tally.observe("took_seconds", ("label-0",), 1.0)
    assert tally.read()[0].values[-1] == 2.0


def test_where_nobody_wants_numbers_nothing_is_counted() -> None:
    UNCOUNTED.add("requests_total", ("x",))
    UNCOUNTED.observe("took_seconds", (), 1.0)
