"""A mapping that is changed while load balancers run: a bridge is left only for one that is there already."""

import os
from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.root.agent_stage import Stage, staged
from tests.root.lab import PHYSICAL_NETWORK, Lab, run_ip
from tests.waiting import eventually

from evenload.model.desired import Outcome

pytestmark = pytest.mark.root


@pytest.fixture(params=["linux bridge", "openvswitch"])
def stage(request: pytest.FixtureRequest, lab: Lab) -> Iterator[Stage]:
    daemons = request.getfixturevalue("private_openvswitch") if request.param == "openvswitch" else None
    with staged(lab, daemons, resync_interval=0.5) as stage:
        yield stage


def remap(stage: Stage, **mappings: str) -> None:
    stage.settings = replace(stage.settings, bridge_mappings=mappings)
    stage.restart_agent()


def ends(stage: Stage, word: str) -> bool:
    last = stage.server.reports[-1]
    return last.outcome is Outcome.GIVE_UP and word in (last.reason or "")


def test_a_mistyped_bridge_is_not_made_and_traffic_goes_on(stage: Stage) -> None:
    bridge, mistyped = stage.bridge, f"{stage.lab.bridge}x"
    stage.apply(stage.put())
    for _ in range(2):  # nor by the next start
        remap(stage, **{PHYSICAL_NETWORK: mistyped})
        assert eventually(lambda: ends(stage, f"the bridge {mistyped} of the network physnet1 does not exist"))
        assert not os.path.exists(f"/sys/class/net/{mistyped}")
        assert stage.answers()
    reports = len(stage.server.reports)
    remap(stage, **{PHYSICAL_NETWORK: bridge})
    assert stage.report(1, after=reports).outcome is Outcome.DONE
    assert stage.answers()


def test_a_mapping_that_was_taken_out_is_told_and_traffic_goes_on(stage: Stage) -> None:
    stage.apply(stage.put())
    remap(stage)
    assert eventually(lambda: ends(stage, "this host has no bridge for the physical network 'physnet1'"))
    assert stage.answers()


def test_a_bridge_that_is_there_already_is_moved_to(lab: Lab) -> None:
    with staged(lab, resync_interval=0.5) as stage:
        stage.apply(stage.put())
        other = f"{lab.bridge}x"
        run_ip([f"link add {other} type bridge", f"link set {other} up"])
        try:
            reports = len(stage.server.reports)
            remap(stage, **{PHYSICAL_NETWORK: other})
            assert stage.report(1, after=reports).outcome is Outcome.DONE
            assert os.path.exists(f"/sys/class/net/{other}/brif/tap{stage.port.id[:11]}")
        finally:
            run_ip([f"link del {other}"])
