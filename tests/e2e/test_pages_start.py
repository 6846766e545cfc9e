"""What docs/start.md and the pages that go on from it say to type, typed as it stands, with the service that they start."""

from collections.abc import Iterator

import pytest
from tests.pages.rooms import Room, open_room
from tests.pages.walking import Walk


@pytest.fixture(scope="module")
def room() -> Iterator[Room]:
    with open_room() as room:
        yield room


def test_by_hand_with_tls_and_away_with_it(room: Room) -> None:
    with room.shell() as shell:
        walk = Walk(
            room,
            shell,
            shown={
                "curl http://10.78.0.100/": "Directory listing",
                "openstack loadbalancer status show lb": '"operating_status": "ONLINE"',
            },
        )
        walk.page("docs/start.md", "By hand")
        walk.page("docs/start.md", "Away with it")
        walk.finish()
        assert walk.terminals
        assert "qlbaas" not in room.say("ip netns list")
