"""What agents say: results, health, signs of life; and what is done when they say nothing. On both stores."""

from dataclasses import replace
from datetime import timedelta
from typing import NoReturn

import pytest
from tests.fakes.memory_store import MemoryStore
from tests.fakes.sample_drafts import a_balancer, a_listener, a_member, a_monitor, a_pool
from tests.fakes.tls import a_certificate, a_tls, some_authorities, some_revocations
from tests.unit.service.conftest import World, make_world

from evenload.interfaces.store import UnitOfWork
from evenload.model.desired import Desired, Gone, Health, Outcome, Statistics
from evenload.model.enums import ListenerProtocol, OperatingStatus, ProvisioningStatus
from evenload.model.errors import ForeignDatabase, NotFound, ServerUnavailable, StoreUnavailable
from evenload.model.placement import Placement, Role, alone_on
from evenload.model.registration import Registration
from evenload.model.tls import ClientAuthentication, PoolTls
from evenload.service.agents import AT_ONCE, AgentGateway
from evenload.service.commands import Changes
from evenload.service.housekeeping import Housekeeping

P = ProvisioningStatus


@pytest.fixture
def lb(world: World) -> str:
    pool = a_pool(members=(a_member(),), monitor=a_monitor())
    identifier = world.load_balancers.create("project", a_balancer(listeners=(a_listener(default_pool=pool),))).id
    world.settle()
    world.hints.sent.clear()
    return identifier


def health(world: World, lb: str, word: str, bytes_in: int = 0) -> Health:
    """All objects seen in that state, each listener with that count."""
    tree = world.load_balancers.tree(lb)
    return Health(
        load_balancer_id=lb,
        statuses={record.id: OperatingStatus(word) for record in tree.records()},
        statistics={key: Statistics(bytes_in=bytes_in) for key in tree.listeners},
    )


def operating(world: World, lb: str) -> set[str]:
    return {record.operating_status.value for record in world.load_balancers.tree(lb).records()}


def test_fetch_is_definite(world: World, lb: str) -> None:
    desired = world.gateway.fetch("host-1", [lb])[lb]
    assert isinstance(desired, Desired)
    assert (desired.generation, desired.project_id, desired.port.id) == (1, "project", "port-1")
    assert world.gateway.fetch("host-2", [lb])[lb] == Gone(load_balancer_id=lb, generation=1)
    assert world.gateway.fetch("host-1", ["none"])["none"] == Gone(load_balancer_id="none")
    assert world.gateway.assignments("host-1") == {lb: 1}
    assert world.gateway.assignments("host-2") == {}


def test_a_document_names_the_certificates_of_its_listeners_each_once(world: World) -> None:
    web, other = a_certificate("web"), a_certificate("other")
    listeners = [
        a_listener(443 + place, ListenerProtocol.TERMINATED_HTTPS, tls=tls)
        for place, tls in enumerate([a_tls(certificate=web, sni=(other,)), a_tls(certificate=other, hsts_max_age=9)])
    ]
    lb = world.load_balancers.create("project", a_balancer(listeners=(*listeners, a_listener(80)))).id
    desired = world.gateway.fetch("host-1", [lb])[lb]
    assert isinstance(desired, Desired)
    assert {listener.port: listener.tls for listener in desired.listeners} == {
        443: a_tls(certificate=web, sni=(other,)),
        444: a_tls(certificate=other, hsts_max_age=9),
        80: None,
    }
    assert desired.secrets == (web.secret, other.secret)
    world.settle()
    first = next(each.id for each in desired.listeners if each.port == 443)
    world.listeners.delete(first)
    desired = world.gateway.fetch("host-1", [lb])[lb]
    assert isinstance(desired, Desired)
    assert desired.secrets == (other.secret,)


def test_a_document_names_what_clients_and_members_are_judged_by(world: World) -> None:
    of_listener = a_tls(
        client_authentication=ClientAuthentication.MANDATORY,
        client_authorities=some_authorities(),
        client_revocations=some_revocations(),
    )
    of_pool = PoolTls(certificate=a_certificate("client"), authorities=some_authorities(b"of members"))
    secure = a_listener(443, ListenerProtocol.TERMINATED_HTTPS, tls=of_listener)
    lb = world.load_balancers.create("project", a_balancer(listeners=(secure,), pools=(a_pool(tls=of_pool),))).id
    desired = world.gateway.fetch("host-1", [lb])[lb]
    assert isinstance(desired, Desired)
    assert [each.tls for each in desired.pools] == [of_pool]
    assert desired.secrets == tuple(each.secret for each in (*of_listener.secrets, *of_pool.secrets))
    world.settle()
    world.pools.delete(desired.pools[0].id)
    desired = world.gateway.fetch("host-1", [lb])[lb]
    assert isinstance(desired, Desired)
    assert desired.secrets == tuple(each.secret for each in of_listener.secrets)


def test_an_agent_that_is_renamed_keeps_what_it_has(world: World, lb: str) -> None:
    leaving = world.load_balancers.create("project", a_balancer()).id
    world.settle()
    world.load_balancers.delete(leaving, cascade=True)
    before = world.load_balancers.tree(lb)
    assert world.gateway.register("host-2", Registration(former="host-1")).moved == 2
    world.gateway.register("host-2", Registration())
    assert world.gateway.assignments("host-1") == {}
    assert world.gateway.assignments("host-2") == {lb: before.generation, leaving: 2}
    assert world.load_balancers.tree(lb) == replace(before, placements=alone_on("host-2", 1))
    assert world.ports.bound[lb] == "host-2"
    with world.context.uow.read() as transaction:
        assert [(agent.name, agent.load) for agent in transaction.agents()] == [("host-2", 2)]
    world.report(leaving, 2, agent="host-2")
    assert list(world.gateway.assignments("host-2")) == [lb]
    assert world.gateway.register("host-2", Registration(former="host-1")).moved == 0


def test_reports_of_others_and_of_the_future_change_nothing(world: World, lb: str) -> None:
    world.load_balancers.update(lb, Changes())
    before = world.load_balancers.tree(lb)
    world.report(lb, 2, agent="host-2")
    world.report(lb, 3)
    world.report("none", 1)
    assert world.load_balancers.tree(lb) == before


def test_stale_reports_leave_newer_changes_pending(world: World, lb: str) -> None:
    pool = next(iter(world.load_balancers.tree(lb).pools))
    world.load_balancers.update(lb, Changes())
    world.pools.update(pool, Changes())
    before = world.load_balancers.tree(lb)
    world.report(lb, 1)
    world.report(lb, 1, Outcome.GIVE_UP, "old")
    assert world.load_balancers.tree(lb) == before
    world.report(lb, 2, Outcome.GIVE_UP, "old")
    assert world.load_balancers.tree(lb) == before, "everything was changed again at generation 3"
    world.report(lb, 3)
    world.report(lb, 3, Outcome.GIVE_UP, "late")
    world.report(lb, 2)
    tree = world.load_balancers.tree(lb)
    assert {record.provisioning_status for record in tree.records()} == {P.ACTIVE}
    assert tree.placements[0].applied_generation == 3


def test_retry_notes_the_reason_and_success_takes_it_away(world: World, lb: str) -> None:
    world.load_balancers.update(lb, Changes())
    world.report(lb, 2, Outcome.RETRY, "no bridge yet")
    record = world.load_balancers.get(lb).record
    assert (record.provisioning_status, record.fault) == (P.PENDING_UPDATE, "no bridge yet")
    world.report(lb, 2, Outcome.GIVE_UP, "no bridge")
    record = world.load_balancers.get(lb).record
    assert (record.provisioning_status, record.fault) == (P.ERROR, "no bridge")
    world.report(lb, 2)
    record = world.load_balancers.get(lb).record
    assert (record.provisioning_status, record.fault) == (P.ACTIVE, None)


def test_failure_spares_what_was_not_changed(world: World, lb: str) -> None:
    listener = world.listeners.create(lb, a_listener(81)).record
    world.report(lb, listener.generation, Outcome.GIVE_UP, "port taken")
    tree = world.load_balancers.tree(lb)
    failed = {record.id for record in tree.records() if record.provisioning_status is P.ERROR}
    assert failed == {lb, listener.id}
    world.settle()
    tree = world.load_balancers.tree(lb)
    assert {record.provisioning_status for record in tree.records()} == {P.ACTIVE}


def test_health_reaches_the_records(world: World, lb: str) -> None:
    tree = world.load_balancers.tree(lb)
    world.gateway.health("host-1", [health(world, lb, "ONLINE", bytes_in=7)])
    assert operating(world, lb) == {"ONLINE"}
    assert world.load_balancers.statistics(lb).bytes_in == 7
    after = world.load_balancers.tree(lb)
    assert after.generation == tree.generation
    assert after.load_balancer.updated_at == tree.load_balancer.updated_at
    world.gateway.health("host-2", [health(world, lb, "ERROR", bytes_in=9)])
    assert operating(world, lb) == {"ONLINE"}
    world.gateway.health("host-1", [health(world, lb, "ERROR", bytes_in=7)])
    assert {record.operating_status.value for record in world.load_balancers.tree(lb).monitors.values()} == {"ONLINE"}
    assert world.load_balancers.get(lb).record.operating_status is OperatingStatus.ERROR


def test_totals_never_fall_when_an_agent_has_lost_its_counters(world: World, lb: str) -> None:
    listener = next(iter(world.load_balancers.tree(lb).listeners))

    def report(epoch: str, bytes_in: int, active: int = 0) -> Statistics:
        counted = {listener: Statistics(bytes_in=bytes_in, active_connections=active)}
        world.gateway.health("host-1", [Health(load_balancer_id=lb, statuses={}, statistics=counted, epoch=epoch)])
        assert world.load_balancers.statistics(lb) == world.listeners.statistics(listener)
        return world.load_balancers.statistics(lb)

    assert report("", 100, 2) == Statistics(bytes_in=100, active_connections=2)
    assert report("", 90, 1) == Statistics(bytes_in=100, active_connections=1)
    assert report("lost", 0) == Statistics(bytes_in=100)
    assert report("lost", 7, 1) == Statistics(bytes_in=107, active_connections=1)
    world.gateway.register("host-9", Registration(former="host-1"))
    assert world.load_balancers.statistics(lb) == Statistics(bytes_in=107, active_connections=1)
    for number in range(20):
        assert report(f"e{number}", 1).bytes_in == 107 + number, "what host-1 says is no longer believed"
        counted = {listener: Statistics(bytes_in=1)}
        health = Health(load_balancer_id=lb, statuses={}, statistics=counted, epoch=f"e{number}")
        world.gateway.health("host-9", [health])
    assert world.load_balancers.statistics(lb).bytes_in == 127
    with world.context.uow.read() as transaction:
        assert len(transaction.counts(lb)[listener]) <= 4


def test_health_of_what_is_not_there_is_passed_over(world: World, lb: str) -> None:
    strange = {"x": Statistics(bytes_in=1)}
    world.gateway.health(
        "host-1",
        [
            Health(load_balancer_id=lb, statuses={"x": OperatingStatus.ONLINE}, statistics=strange),
            Health(load_balancer_id="none", statuses={}, statistics=strange),
        ],
    )
    assert world.load_balancers.statistics(lb) == Statistics()


def test_disabled_stays_offline_whatever_is_seen(world: World, lb: str) -> None:
    tree = world.load_balancers.tree(lb)
    member = next(iter(tree.members.values()))
    world.members.update(member.item.pool_id, member.id, Changes(item={"admin_state_up": False}))
    world.gateway.health("host-1", [health(world, lb, "ONLINE")])
    assert world.load_balancers.tree(lb).members[member.id].operating_status is OperatingStatus.ONLINE
    world.settle()
    assert world.load_balancers.tree(lb).members[member.id].operating_status is OperatingStatus.OFFLINE
    world.gateway.health("host-1", [health(world, lb, "ONLINE")])
    assert world.load_balancers.tree(lb).members[member.id].operating_status is OperatingStatus.OFFLINE


def test_idle_health_writes_nothing() -> None:
    store = MemoryStore()
    world = make_world(store)
    lb = world.load_balancers.create("project", a_balancer(listeners=(a_listener(),))).id
    world.settle()
    world.gateway.health("host-1", [health(world, lb, "ONLINE", bytes_in=7)])
    transactions = store.transactions
    for _ in range(9):
        world.clock.advance(1)
        world.gateway.health("host-1", [health(world, lb, "ONLINE", bytes_in=7)])
        world.gateway.assignments("host-1")
    assert store.transactions == transactions
    world.clock.advance(60)
    world.gateway.health("host-1", [health(world, lb, "ONLINE", bytes_in=7)])
    assert store.transactions == transactions + 1, "the sign of life alone"


def test_one_transaction_for_what_has_news_but_never_for_too_many() -> None:
    store = MemoryStore()
    world = make_world(store)
    ids = [world.load_balancers.create("project", a_balancer(listeners=(a_listener(),))).id for _ in range(AT_ONCE + 5)]
    world.settle()
    transactions = store.transactions
    world.gateway.health("host-1", [health(world, lb, "ONLINE", bytes_in=7) for lb in ids[:AT_ONCE]])
    assert store.transactions == transactions + 1
    world.gateway.health("host-1", [health(world, lb, "ONLINE", bytes_in=8) for lb in ids])
    assert store.transactions == transactions + 3, "callers who change something come in between"
    assert {world.load_balancers.statistics(lb).bytes_in for lb in ids} == {8}


def test_a_report_makes_health_be_looked_at_again(world: World, lb: str) -> None:
    tree = world.load_balancers.tree(lb)
    seen = health(world, lb, "ONLINE")
    world.gateway.health("host-1", [seen])
    world.monitors.delete(next(iter(tree.monitors)))
    world.settle()
    member = next(iter(tree.members))
    assert world.load_balancers.tree(lb).members[member].operating_status is OperatingStatus.NO_MONITOR
    world.gateway.health("host-1", [seen])
    assert world.load_balancers.tree(lb).members[member].operating_status is OperatingStatus.ONLINE


def test_signs_of_life(world: World, uow: UnitOfWork) -> None:
    def seen_at() -> object:
        with uow.read() as transaction:
            return transaction.agents()[0].seen_at

    world.clock.advance(60)
    world.gateway.assignments("host-1")
    assert seen_at() == world.clock.now()
    world.clock.advance(60)
    world.gateway.health("host-1", [Health(load_balancer_id="none", statuses={}, statistics={})])
    assert seen_at() == world.clock.now()


def test_broken_store_is_an_unavailable_server(world: World) -> None:
    class BrokenStore(MemoryStore):
        def read(self) -> NoReturn:
            raise StoreUnavailable("no disk")

    with pytest.raises(ServerUnavailable):
        AgentGateway(replace(world.context, uow=BrokenStore())).fetch("host-1", "any")


# ----------------------------------------------------------------------------------------------------- housekeeping


@pytest.fixture
def housekeeping(world: World) -> Housekeeping:
    return Housekeeping(world.context, world.hints, pending_timeout=timedelta(seconds=120))


def test_sweep_hints_again(world: World, lb: str, housekeeping: Housekeeping) -> None:
    world.load_balancers.update(lb, Changes())
    world.hints.sent.clear()
    housekeeping.sweep()
    assert world.hints.sent == []
    world.clock.advance(6)
    housekeeping.sweep()
    assert world.hints.sent == [("host-1", lb, 2)]
    world.settle()
    world.hints.sent.clear()
    housekeeping.sweep()
    assert world.hints.sent == []


def test_silent_agent_makes_an_error_and_its_return_repairs_it(
    world: World, lb: str, housekeeping: Housekeeping
) -> None:
    doomed = world.load_balancers.create("project", a_balancer()).id
    world.load_balancers.delete(doomed, cascade=True)
    world.load_balancers.update(lb, Changes())
    world.clock.advance(119)
    housekeeping.sweep()
    assert world.load_balancers.get(lb).record.provisioning_status is P.PENDING_UPDATE
    world.clock.advance(2)
    housekeeping.sweep()
    record = world.load_balancers.get(lb).record
    assert record.provisioning_status is P.ERROR
    assert record.fault is not None
    assert "host-1 has not been heard of since 2026-01-01 00:00:00" in record.fault
    world.settle()
    assert world.load_balancers.get(lb).record.provisioning_status is P.ACTIVE


@pytest.mark.parametrize("forgotten", [False, True])
def test_a_deletion_does_not_wait_for_an_agent_that_never_comes_back(
    world: World, lb: str, housekeeping: Housekeeping, forgotten: bool
) -> None:
    world.load_balancers.delete(lb, cascade=True)
    if forgotten:
        world.context.uow.write(lambda transaction: transaction.remove_agent("host-1"))
    world.clock.advance(119)
    housekeeping.sweep()
    assert world.load_balancers.get(lb).record.provisioning_status is P.PENDING_DELETE
    assert world.ports.released == []
    world.clock.advance(2)
    housekeeping.sweep()
    with pytest.raises(NotFound):
        world.load_balancers.get(lb)
    assert world.ports.released == [lb]
    assert world.gateway.fetch("host-1", [lb])[lb] == Gone(load_balancer_id=lb, generation=2)
    world.report(lb, 2)
    assert world.gateway.fetch("host-1", [lb])[lb] == Gone(load_balancer_id=lb)


def test_a_deletion_waits_for_an_agent_that_is_alive(world: World, lb: str, housekeeping: Housekeeping) -> None:
    world.load_balancers.delete(lb, cascade=True)
    world.report(lb, 2, Outcome.RETRY, "busy")
    world.clock.advance(121)
    world.gateway.assignments("host-1")
    housekeeping.sweep()
    assert world.load_balancers.get(lb).record.provisioning_status is P.ERROR
    assert world.ports.released == []


@pytest.mark.parametrize(("away", "other", "moves"), [(True, True, True), (True, False, False), (False, True, False)])
def test_a_failover_leaves_a_host_whose_agent_is_away(
    world: World, lb: str, away: bool, other: bool, moves: bool
) -> None:
    before = world.load_balancers.tree(lb)
    world.clock.advance(80)
    if not away:
        world.gateway.register("host-1", Registration())
    if other:
        world.gateway.register("host-2", Registration())
    world.hints.sent.clear()
    world.load_balancers.failover(lb)
    after = world.load_balancers.tree(lb)
    assert after.load_balancer.item.incarnation == before.load_balancer.item.incarnation + 1
    assert after.generation == before.generation + 1
    home = "host-2" if moves else "host-1"
    assert after.agents == (home,)
    assert {hint[0] for hint in world.hints.sent} == {"host-1", home}
    assert world.gateway.assignments(home) == {lb: after.generation}
    if moves:
        assert world.gateway.fetch("host-1", [lb])[lb] == Gone(load_balancer_id=lb, generation=after.generation)
        world.report(lb, after.generation)  # the former host has removed it
        assert world.load_balancers.get(lb).record.provisioning_status is P.PENDING_UPDATE
    world.report(lb, after.generation, agent=home)
    assert world.load_balancers.get(lb).record.provisioning_status is P.ACTIVE
    assert world.ports.bound[lb] == home


def test_living_agent_that_cannot_get_on_leaves_its_reason(world: World, lb: str, housekeeping: Housekeeping) -> None:
    world.load_balancers.update(lb, Changes())
    world.report(lb, 2, Outcome.RETRY, "the bridge is missing")
    world.clock.advance(121)
    world.gateway.assignments("host-1")
    housekeeping.sweep()
    record = world.load_balancers.get(lb).record
    assert (record.provisioning_status, record.fault) == (P.ERROR, "the bridge is missing")


def test_what_waits_for_a_busy_agent_stays_pending(world: World, lb: str, housekeeping: Housekeeping) -> None:
    """In a burst a change may wait for minutes; clients give up at ERROR."""
    world.load_balancers.update(lb, Changes())
    world.hints.sent.clear()
    for _ in range(20):
        world.clock.advance(30)
        world.gateway.assignments("host-1")
        housekeeping.sweep()
        record = world.load_balancers.get(lb).record
        assert (record.provisioning_status, record.fault) == (P.PENDING_UPDATE, None)
    assert world.hints.sent == [("host-1", lb, 2)] * 20
    world.settle()
    assert world.load_balancers.get(lb).record.provisioning_status is P.ACTIVE


def test_a_host_of_another_database_is_refused_and_nothing_is_written(world: World, lb: str) -> None:
    before = world.load_balancers.tree(lb)
    foreign = Registration(former="host-1", database="another", load_balancers=("one", "two"))
    with pytest.raises(ForeignDatabase, match=r"2 load balancers on it \(another\).*agent --adopt-database"):
        world.gateway.register("host-2", foreign)
    assert world.load_balancers.tree(lb) == before
    with world.context.uow.read() as transaction:
        assert [agent.name for agent in transaction.agents()] == ["host-1"]
    assert world.gateway.register("host-2", replace(foreign, adopt=True)).database == world.context.uow.identity()


def test_a_host_that_remembers_no_database_follows_the_one_that_knows_its_load_balancers(world: World, lb: str) -> None:
    world.gateway.register("host-1", Registration(load_balancers=("gone", lb)))
    with pytest.raises(ForeignDatabase, match="the load balancer on it;"):
        world.gateway.register("host-1", Registration(load_balancers=("gone",)))


def test_a_database_that_was_exchanged_meanwhile_says_nothing(
    world: World, lb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.gateway.register("host-1", Registration())
    assert world.gateway.fetch("host-1", ["none"])["none"] == Gone(load_balancer_id="none")
    monkeypatch.setattr(type(world.context.uow), "identity", lambda _: "another")
    with pytest.raises(ServerUnavailable, match="another one than the agent registered with"):
        world.gateway.fetch("host-1", ["none"])
    with pytest.raises(ServerUnavailable, match="another one than the agent registered with"):
        world.gateway.assignments("host-1")
    assert isinstance(world.gateway.fetch("host-1", [lb])[lb], Desired)


# ------------------------------------------------------------------------------------------------------------- pairs


@pytest.fixture
def pair(world: World, lb: str) -> str:
    """The load balancer, served by host-1, with host-2 standing by; both have applied what there is."""
    world.gateway.register("host-2", Registration())
    before = world.load_balancers.tree(lb)
    applied = before.placements[0].applied_generation
    both = (Placement("host-1", Role.MASTER, applied), Placement("host-2", Role.BACKUP, applied))
    world.context.uow.write(lambda transaction: transaction.update_tree(before, replace(before, placements=both)))
    return lb


def test_a_pair_waits_for_both_while_both_are_alive(world: World, pair: str) -> None:
    world.load_balancers.update(pair, Changes())
    world.report(pair, 2)
    assert world.load_balancers.get(pair).record.provisioning_status is P.PENDING_UPDATE
    world.report(pair, 2, agent="host-2")
    assert world.load_balancers.get(pair).record.provisioning_status is P.ACTIVE


def test_a_pair_does_not_wait_for_an_agent_that_is_away(world: World, pair: str, housekeeping: Housekeeping) -> None:
    world.load_balancers.update(pair, Changes())
    world.report(pair, 2, agent="host-2")
    world.clock.advance(121)
    world.gateway.assignments("host-2")
    housekeeping.sweep()
    assert world.load_balancers.get(pair).record.provisioning_status is P.ACTIVE
    world.load_balancers.update(pair, Changes())
    world.report(pair, 3, agent="host-2")
    assert world.load_balancers.get(pair).record.provisioning_status is P.ACTIVE
    world.load_balancers.delete(pair, cascade=True)
    world.report(pair, 4, agent="host-2")
    assert world.ports.released == [pair]


def test_the_health_of_a_pair_is_that_of_who_serves_it(world: World, pair: str) -> None:
    def tell(agent: str, status: OperatingStatus) -> OperatingStatus:
        world.gateway.health(agent, [Health(load_balancer_id=pair, epoch="e", statuses={pair: status}, statistics={})])
        return world.load_balancers.get(pair).record.operating_status

    assert tell("host-1", OperatingStatus.ONLINE) is OperatingStatus.ONLINE
    assert tell("host-2", OperatingStatus.ERROR) is OperatingStatus.ONLINE
    world.clock.advance(80)
    assert tell("host-2", OperatingStatus.ERROR) is OperatingStatus.ERROR


def test_the_lost_half_of_a_pair_finds_a_host_that_has_not_got_it(world: World, pair: str) -> None:
    world.clock.advance(80)
    for agent in ("host-2", "host-3"):
        world.gateway.register(agent, Registration())
    world.load_balancers.failover(pair)
    after = world.load_balancers.tree(pair)
    assert [(each.agent, each.role) for each in after.placements] == [("host-3", Role.MASTER), ("host-2", Role.BACKUP)]
    assert after.placements[0].applied_generation == 0
