"""Who is next, who has to give way."""

import random
from collections import Counter

from evenload.main.http.fair_queue import FairQueue, Room


def drain(queue: FairQueue[str]) -> list[str]:
    taken = []
    while (item := queue.take()) is not None:
        taken.append(item)
    return taken


def filled(*items: tuple[str, str, str], room: Room | None = None) -> FairQueue[str]:
    queue = FairQueue[str](room or Room())
    for address, name, item in items:
        assert queue.put(address, name, item) is None
    return queue


def test_nobody_waits() -> None:
    assert FairQueue[str](Room()).take() is None


def test_addresses_take_turns() -> None:
    flood = [("hot", f"n{number}", f"flood {number}") for number in range(8)]
    queue = filled(*flood, ("cold", "ann", "ann"))
    assert drain(queue)[:2] == ["flood 0", "ann"]


def test_names_of_one_address_take_turns() -> None:
    queue = filled(*(("hot", "root", f"flood {number}") for number in range(8)), ("hot", "ann", "ann"))
    assert drain(queue)[:2] == ["flood 0", "ann"]


def test_who_comes_again_is_behind_those_who_wait() -> None:
    queue = filled(("a", "x", "x1"), ("b", "y", "y1"), ("a", "x", "x2"))
    assert queue.take() == "x1"
    assert queue.put("a", "x", "x3") is None
    assert drain(queue) == ["y1", "x2", "x3"]


def test_one_name_has_so_much_room() -> None:
    queue = filled(("a", "x", "x1"), ("a", "x", "x2"), room=Room(name=2))
    assert queue.put("a", "x", "x3") == "x3"
    assert drain(queue) == ["x1", "x2"]


def test_where_an_address_is_full_its_longest_line_gives_way() -> None:
    queue = filled(*(("a", "x", f"x{number}") for number in range(3)), ("a", "y", "y1"), room=Room(address=4))
    assert queue.put("a", "z", "z1") == "x2"
    assert queue.put("a", "y", "y2") == "y2"
    assert drain(queue) == ["x0", "y1", "z1", "x1"]


def test_where_all_is_full_the_fullest_address_gives_way() -> None:
    queue = filled(*(("a", f"n{number}", f"a{number}") for number in range(4)), room=Room(all=4))
    for address in "bcd":
        assert str(queue.put(address, "x", address)).startswith("a")
    assert queue.put("e", "x", "e") == "e"  # nobody has two more than it
    assert len(drain(queue)) == 4


def test_whatever_comes_nothing_is_lost_and_the_room_is_kept() -> None:
    source = random.Random(1)
    room = Room(name=3, address=5, all=9)
    queue = FairQueue[str](room)
    waiting: dict[str, tuple[str, str]] = {}
    for number in range(3000):
        if source.random() < 0.3:
            taken = queue.take()
            assert (taken is None) == (not waiting)
            if taken is not None:
                del waiting[taken]
            continue
        key = source.choice("abc"), source.choice("xyzuv")
        waiting[f"item {number}"] = key
        gone = queue.put(*key, f"item {number}")
        if gone is not None:
            del waiting[gone]
        assert len(waiting) <= room.all
        assert max(Counter(address for address, _ in waiting.values()).values()) <= room.address
        assert max(Counter(waiting.values()).values()) <= room.name
    assert sorted(drain(queue)) == sorted(waiting)


def test_who_gives_up_leaves_his_place() -> None:
    queue: FairQueue[str] = FairQueue(Room(name=2, address=2, all=2))
    for item in ("first", "second"):
        assert queue.put("a", "ann", item) is None
    queue.discard("a", "ann", "first")
    queue.discard("a", "ann", "first")
    queue.discard("b", "nobody", "none")
    assert queue.put("a", "ann", "third") is None
    assert [queue.take(), queue.take(), queue.take()] == ["second", "third", None]
