"""docs/walkthrough-lbaas-v1.md and docs/lbaas-v1.md, typed as they stand, with the last client that has them."""

from pathlib import Path

from tests.pages.reading import ROOT, read_blocks
from tests.pages.rooms import Room, Shell, open_room
from tests.pages.walking import Told, Walk

WALKTHROUGH, PAGE = "docs/walkthrough-lbaas-v1.md", "docs/lbaas-v1.md"
TOLD = (
    Told("curl http://10.78.0.100/", r"This is web[12]\."),
    Told("curl http://10.78.0.100/", r"This is web[12]\."),
    Told("neutron lb-pool-stats mypool", r"total_connections +\| 2 ", later=True),
    Told("neutron lb-pool-show mypool", "mypool"),
    Told("neutron lb-member-list", "ACTIVE", later=True),
    Told("neutron lb-agent-hosting-pool mypool"),
    Told("neutron lb-member-list", "INACTIVE", later=True),
    Told("curl http://10.78.0.100/", r"This is web1\."),
    Told("curl -i http://10.78.0.100/", "(?i)set-cookie"),
)
PREPARED = """
openstack network create web && openstack subnet create web --network web --subnet-range 10.79.0.0/24 --gateway none
neutron lb-pool-create --name other --lb-method ROUND_ROBIN --protocol HTTP --subnet-id web
"""
SLEEP = "sleep() { until neutron lb-member-list | grep -q INACTIVE; do command sleep 0.2; done; }"
"""The page's reader cannot wait for the event itself."""
KNOWN = """
MEMBER=$(neutron lb-member-list -f value -c id)
AGENT=$(neutron agent-list -f value -c id)
"""


def test_the_walkthrough_and_the_page() -> None:
    with open_room() as room:
        room.import_client("neutron", ROOT / ".clients/neutronclient-9/bin/python", "neutronclient.shell")
        with room.shell() as shell:
            type_all(room, shell)


def type_all(room: Room, shell: Shell) -> None:
    walk = Walk(room, shell, TOLD)
    walk.command(SLEEP)
    walk.page(WALKTHROUGH, "The machine", "A load balancer", "Looking and changing")
    first, _ = (block.text for block in read_blocks(WALKTHROUGH) if block.language == "python")
    program = Path(room.home) / "program.py"
    program.write_text(first)
    walk.command(f"{ROOT}/.clients/neutronclient-14/bin/python {program} | grep mypool")
    walk.page(WALKTHROUGH, "Away with it")

    walk.command(PREPARED)
    blocks = [block for block in read_blocks(PAGE) if block.language == "sh"]
    walk.block(blocks[0])
    walk.command(KNOWN)
    for block in blocks[1:]:
        walk.block(block)
    walk.finish()


def test_the_program_with_a_password_is_python() -> None:
    programs = [block.text for block in read_blocks(WALKTHROUGH) if block.language == "python"]
    assert len(programs) == 2
    compile(programs[1], WALKTHROUGH, "exec")  # e2e/test_lbaas_v1_bindings.py asks so
