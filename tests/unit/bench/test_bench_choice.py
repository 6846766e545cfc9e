from bench.__main__ import PARTS, choose_parts


def test_a_whole_run_measures_create_once() -> None:
    assert choose_parts(None) == [name for name in PARTS if name != "create"]


def test_a_part_is_chosen_by_its_name_or_by_that_of_a_row() -> None:
    assert choose_parts("create") == ["create"]
    assert choose_parts("member-add") == ["member"]
    assert choose_parts("reloads-new-connections") == ["reloads"]
    assert choose_parts("speed") == []
