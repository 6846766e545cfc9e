import re

import pytest
from bench.memory import field
from bench.parts.member import _server
from bench.parts.memory import Reading, machine_shares
from bench.wrk import Count, read_count

WRK = """Running 1s test @ http://10.77.4.1/
  1 threads and 16 connections
  Socket errors: connect 1, read 2, write 3, timeout 5
{"requests": 11744, "connect": 1, "read": 2, "write": 3, "status": 4, "timeout": 5}
"""

MEMINFO = "MemTotal:       24600000 kB\nMemFree:         1234 kB\nMemAvailable:   20000001 kB\n"

SERVERS = """1
# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight
4 pool 1 one 10.77.1.1 2 0 5 5 2 15 3 4 6 0 0 0 - 80 - 0 0 - - 0
4 pool 2 two 10.77.1.2 2 1 7 7 2 1 0 2 0 0 0 0 - 80 - 0 0 - - 0
4 pool 3 three 10.77.1.12 0 0 7 7 2 1 0 2 0 0 0 0 - 80 - 0 0 - - 0
"""


def test_every_kind_of_failure_counts() -> None:
    assert read_count(WRK) == Count(requests=11744, failed=15)


def test_a_run_without_a_count_is_no_success() -> None:
    with pytest.raises(ValueError, match="no count"):
        read_count("unable to connect")


def test_memory_is_read_by_the_whole_name() -> None:
    assert field(MEMINFO, "MemAvailable") == 20000001
    with pytest.raises(ValueError, match="MemAvail"):
        field(MEMINFO, "MemAvail")


def test_the_machine_tells_what_it_lost_and_what_it_got_back() -> None:
    """Load balancers of 3 MiB; in the last step somebody else takes 100 MiB."""
    available = [10_000, 9_700, 10_000, 9_700, 9_900]
    readings = [Reading(available=mib * 1024, kernel=0, service=0) for mib in available]

    assert machine_shares(readings) == pytest.approx([3.0, 3.0, 3.0, 2.0])


@pytest.mark.parametrize(
    ("address", "weight", "in_force"),
    [
        ("10.77.1.1", 5, True),
        ("10.77.1.1", 4, False),
        ("10.77.1.1", 55, False),
        ("10.77.1.2", 7, False),  # in maintenance
        ("10.77.1.12", 7, False),  # down
    ],
)
def test_a_member_is_in_force_when_it_is_up_with_that_weight(address: str, weight: int, in_force: bool) -> None:
    assert bool(re.search(_server(address, weight=weight), SERVERS, re.MULTILINE)) is in_force
