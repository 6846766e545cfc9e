"""The words in which the kernel takes and shows reserved ports, and which places a text listens on."""

from evenload.host.listening import places_of
from evenload.host.tuning import parse_ports, render_ports

_TEXT = """
defaults
    source 0.0.0.0

frontend a
    mode http
    bind 10.0.0.5:80
    bind [2001:db8::5]:443 v6only
"""


def test_the_kernel_folds_neighbours() -> None:
    assert parse_ports("80,443,8000-8003\n") == {80, 443, 8000, 8001, 8002, 8003}
    assert parse_ports("\n") == frozenset()


def test_ports_are_written_in_order() -> None:
    assert render_ports({8001, 443, 8000}) == "443,8000,8001"
    assert parse_ports(render_ports(range(1026, 65536, 2))) == frozenset(range(1026, 65536, 2))


def test_the_places_of_a_text_are_those_of_its_bind_lines() -> None:
    assert places_of(_TEXT) == {("10.0.0.5", 80), ("2001:db8::5", 443)}
