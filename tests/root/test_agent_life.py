"""A load balancer's life by an agent on a real host: created, changed, deleted, with packets to tell."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from demo.traffic import Client
from tests.root.agent_stage import VIP, Stage, staged
from tests.root.lab import Lab, make_port, reaches
from tests.root.openvswitch import Openvswitch
from tests.waiting import eventually

from evenload.host import netns
from evenload.model.desired import Change, Desired, Gone, Outcome
from evenload.model.observed import Observed

pytestmark = pytest.mark.root


@pytest.fixture
def stage(lab: Lab) -> Iterator[Stage]:
    with staged(lab) as stage:
        yield stage


@pytest.fixture(params=["linux bridge", "openvswitch"])
def either(request: pytest.FixtureRequest, lab: Lab) -> Iterator[Stage]:
    if request.param == "linux bridge":
        with staged(lab) as stage:
            yield stage
    else:
        daemons: Openvswitch = request.getfixturevalue("private_openvswitch")
        with staged(lab, daemons) as stage:
            yield stage


def test_created_changed_and_deleted(either: Stage) -> None:
    stage = either
    assert stage.apply(stage.put()).change is Change.START
    assert stage.bodies() == {"0", "1"}
    pid = stage.pid()
    assert stage.apply(stage.put(2, members=3)).change is Change.RUNTIME
    assert stage.bodies(12) == {"0", "1", "2"}
    assert stage.apply(stage.put(3, members=(stage.member(2),))).change is Change.RUNTIME
    assert stage.bodies() == {"2"}
    assert stage.pid() == pid
    two = (stage.listener(), stage.listener(1))
    assert stage.apply(stage.put(4, listeners=two)).change is Change.RELOAD
    assert stage.bodies(port=81) == {"0", "1"}
    assert stage.pid() != pid
    stage.apply(Gone(load_balancer_id=stage.id, generation=5))
    assert stage.host.observe(stage.id, stage.port) == Observed(load_balancer_id=stage.id)
    assert stage.host.load_balancer_ids() == []
    assert not stage.answers()


def test_a_weight_of_nought_drains_without_a_reload(stage: Stage) -> None:
    stage.apply(stage.put())
    pid = stage.pid()
    drained = stage.put(2, members=(stage.member(0, weight=0), stage.member(1)))
    assert stage.apply(drained).change is Change.RUNTIME
    assert stage.bodies() == {"1"}
    disabled = stage.put(3, members=(stage.member(0), stage.member(1, admin_state_up=False)))
    assert stage.apply(disabled).change is Change.RUNTIME
    assert stage.bodies() == {"0"}
    assert stage.pid() == pid


def test_a_change_is_made_in_one_round_that_its_hint_began(stage: Stage) -> None:
    """No resync and no second attempt had a part in it. The bench says how long it takes."""
    stage.apply(stage.put())
    resyncs = stage.server.resyncs
    for generation in range(2, 32):
        wanted = stage.put(generation, members=(stage.member(0, weight=2 - generation % 2), stage.member(1)))
        assert stage.apply(wanted).change is Change.RUNTIME
    assert stage.server.resyncs == resyncs
    assert [generation for generation, _ in stage.server.outcomes] == list(range(1, 32))


def test_a_connection_in_use_outlives_a_reload(stage: Stage) -> None:
    stage.apply(stage.put())
    connection = Client(stage.client).open(VIP)
    try:
        assert connection.ask().status == 200
        stage.apply(stage.put(2, listeners=(stage.listener(), stage.listener(1))))
        assert connection.ask().status == 200
    finally:
        connection.close()


def test_without_a_listener_the_address_answers_and_no_process_runs(stage: Stage) -> None:
    stage.apply(stage.put())
    stage.apply(stage.put(2, listeners=()))
    assert stage.host.observe(stage.id, stage.port).haproxy.process is None
    assert not stage.answers()
    assert reaches(stage.client.namespace, VIP)
    assert stage.apply(stage.put(3)).change is Change.START
    assert stage.ask().status == 200


def test_a_disabled_load_balancer_serves_nobody_until_it_is_enabled(stage: Stage) -> None:
    wanted = stage.put()
    stage.apply(wanted)
    down = replace(wanted.load_balancer, admin_state_up=False)
    stage.apply(stage.put(2, load_balancer=down))
    assert not stage.answers()
    stage.apply(stage.put(3))
    assert stage.ask().status == 200


def test_a_failover_builds_everything_anew(stage: Stage) -> None:
    wanted = stage.put()
    stage.apply(wanted)
    path = Path("/run/netns") / f"qlbaas-{stage.id}"
    number, pid = netns.inode(path), stage.pid()
    report = stage.apply(stage.put(2, load_balancer=replace(wanted.load_balancer, incarnation=2)))
    assert report.change is Change.START
    assert netns.inode(path) != number
    assert stage.pid() != pid
    assert stage.bodies() == {"0", "1"}


def many(stage: Stage, lab: Lab, number: int) -> list[Desired]:
    """So many load balancers, each with a VIP of its own."""
    documents = []
    for each in range(number):
        stage.id = lab.load_balancer_id()
        wanted = stage.put()
        port = make_port(f"10.7.0.{10 + each}/24")
        vip = replace(wanted.load_balancer.vips[0], address=port.ips[0].address)
        balancer = replace(wanted.load_balancer, vips=(vip,), port_id=port.id)
        documents.append(replace(wanted, port=port, load_balancer=balancer))
    return documents


def all_reported(stage: Stage, documents: list[Desired]) -> bool:
    done = {each.load_balancer_id for each in stage.server.reports if each.outcome is Outcome.DONE}
    return done == {each.id for each in documents}


def serves(stage: Stage, wanted: Desired) -> bool:
    return Client(stage.client).get(wanted.load_balancer.vips[0].address).status == 200


def test_many_load_balancers_come_and_go_in_parallel(lab: Lab) -> None:
    with staged(lab) as stage:
        documents = many(stage, lab, 12)
        for wanted in documents:
            stage.server.put(wanted)
            stage.agent.hint(wanted.id, 1)
        assert eventually(lambda: all_reported(stage, documents))
        assert all(serves(stage, wanted) for wanted in documents)
        for wanted in documents:
            stage.server.put(Gone(load_balancer_id=wanted.id, generation=2))
            stage.agent.hint(wanted.id, 2)
        assert eventually(lambda: stage.host.load_balancer_ids() == [])


def test_a_server_that_knows_nothing_takes_nothing_from_a_host_that_serves(lab: Lab) -> None:
    with staged(lab) as stage:
        documents = many(stage, lab, 3)
        for wanted in documents:
            stage.server.put(wanted)
            stage.agent.hint(wanted.id, 1)
        assert eventually(lambda: all_reported(stage, documents))
        stage.server.documents.clear()
        asked = stage.server.fetches
        stage.restart_agent()
        assert eventually(lambda: stage.server.fetches >= asked + 3 and stage.agent.settled())
        assert all(serves(stage, wanted) for wanted in documents)
        assert len(stage.host.load_balancer_ids()) == 3
        stage.restart_agent(removal_share=1.0)
        assert eventually(lambda: stage.host.load_balancer_ids() == [])
