"""What is shown at one moment: of all processes of the server, of the database, of the agent."""

from dataclasses import dataclass
from datetime import timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs
from tests.fakes.memory_store import MemoryStore
from tests.fakes.sample_drafts import a_balancer, a_listener, a_member, a_pool
from tests.unit.service.conftest import World, make_world

from evenload.main.metrics import catalogue
from evenload.main.metrics.agents import AgentAnswers
from evenload.main.metrics.catalogue import ALL
from evenload.main.metrics.changes import CountedGateway
from evenload.main.metrics.collector import Build, Numbers
from evenload.main.metrics.server import open_tally
from evenload.main.metrics.store import CountedUnitOfWork
from evenload.model.desired import Change, Outcome, Report
from evenload.model.enums import Kind
from evenload.model.errors import StoreUnavailable
from evenload.model.numbers import AgentNumbers, Counted, Row
from evenload.model.registration import COUNTS_NOTHING, Registration
from evenload.service.commands import Changes
from evenload.service.housekeeping import Housekeeping
from evenload.tally import BOUNDS, read_tally, shared_memory

Shown = dict[str, dict[tuple[tuple[str, str], ...], float]]


@dataclass
class Site:
    world: World
    answers: AgentAnswers
    said: AgentNumbers | None = None
    asked: int = 0

    def __post_init__(self) -> None:
        self.tallies = [shared_memory(), shared_memory()]
        self.numbers = Numbers(
            Build("1.2", "sqlite"), self.tallies, self.world.context.uow, self.answers, self.world.clock.monotonic
        )

    def show(self) -> Shown:
        found: Shown = {}
        for family in text_string_to_metric_families("".join(self.numbers.render())):
            for each in family.samples:
                found.setdefault(each.name, {})[tuple(sorted(each.labels.items()))] = each.value
        return found


@pytest.fixture
def site() -> Site:
    made: list[Site] = []

    def ask() -> bool:
        made[0].asked += 1
        if made[0].said is not None:
            made[0].answers.note("host-1", made[0].said)
        return made[0].said is not None

    made.append(Site(make_world(MemoryStore()), AgentAnswers("host-1", ask)))
    return made[0]


def test_the_processes_of_the_server_are_summed(site: Site) -> None:
    for number, memory in enumerate(site.tallies):
        tally = open_tally(memory)
        tally.add("http_requests_total", ("/v2/lbaas/loadbalancers", "GET", "200"), 2.0)
        tally.add("http_requests_total", ("none", "GET", f"40{number}"))
        tally.add("http_requests_waiting", amount=float(number))
        tally.observe("http_request_duration_seconds", ("none", "GET"), 0.003)
        tally.observe("http_request_duration_seconds", ("none", "GET"), 100.0)
    shown = site.show()
    requests = shown["evenload_http_requests_total"]
    assert requests[("method", "GET"), ("route", "/v2/lbaas/loadbalancers"), ("status", "200")] == 4.0
    assert requests[("method", "GET"), ("route", "none"), ("status", "401")] == 1.0
    assert shown["evenload_http_requests_waiting"] == {(): 1.0}
    assert shown["evenload_server_workers"] == {(): 2.0}
    buckets = {
        dict(labels)["le"]: value for labels, value in shown["evenload_http_request_duration_seconds_bucket"].items()
    }
    assert list(buckets) == [*(str(bound) for bound in BOUNDS), "+Inf"]
    assert (buckets["0.0025"], buckets["0.005"], buckets["30.0"], buckets["+Inf"]) == (0.0, 2.0, 2.0, 4.0)
    assert list(shown["evenload_http_request_duration_seconds_sum"].values()) == [200.006]
    assert list(shown["evenload_http_request_duration_seconds_count"].values()) == [4.0]


def test_a_process_in_the_place_of_another_begins_with_nothing_going_on(site: Site) -> None:
    former = open_tally(site.tallies[1])
    former.add("http_requests_in_progress", amount=3.0)
    former.add("http_requests_total", ("none", "GET", "200"))
    open_tally(site.tallies[1])
    shown = site.show()
    assert shown["evenload_http_requests_in_progress"] == {(): 0.0}
    assert sum(shown["evenload_http_requests_total"].values()) == 1.0


def test_objects_and_agents_are_those_of_the_database(site: Site) -> None:
    world = site.world
    world.load_balancers.create("project-1", a_balancer(listeners=(a_listener(80),), pools=(a_pool(),)))
    objects = site.show()["evenload_objects"]

    def number(kind: str, provisioning: str, operating: str) -> float | None:
        return objects.get((("kind", kind), ("operating_status", operating), ("provisioning_status", provisioning)))

    assert number("load_balancer", "PENDING_CREATE", "OFFLINE") == 1.0
    assert number("listener", "PENDING_CREATE", "OFFLINE") == 1.0
    assert number("member", "ERROR", "ERROR") == 0.0  # an alert has something to compare with
    shown, here = site.show(), (("agent", "host-1"),)
    assert shown["evenload_agent_enabled"] == {here: 1.0}
    assert shown["evenload_agent_load_balancers"] == {here: 1.0}
    assert shown["evenload_agent_last_seen_timestamp_seconds"] == {here: world.clock.now().timestamp()}


def test_load_balancers_in_trouble_are_named(site: Site) -> None:
    world = site.world
    world.load_balancers.create("project-1", a_balancer(record={"name": "good"}))
    world.settle()
    bad = world.load_balancers.create("project-2", a_balancer(record={"name": "bad"}))
    world.report(bad.id, bad.generation, Outcome.GIVE_UP, "no room")
    [labels] = site.show()["evenload_load_balancer_troubled"]
    assert dict(labels) == {
        "load_balancer": bad.id,
        "load_balancer_name": "bad",
        "project": "project-2",
        "provisioning_status": "ERROR",
        "operating_status": "OFFLINE",
    }


def test_changes_are_timed_from_their_acceptance_to_the_report(site: Site) -> None:
    world, tally = site.world, open_tally(site.tallies[0])
    gateway = CountedGateway(world.gateway, world.context.uow, world.context.now, tally)

    def report(identifier: str, generation: int, outcome: Outcome = Outcome.DONE) -> None:
        gateway.report(
            "host-1", Report(load_balancer_id=identifier, generation=generation, outcome=outcome, change=Change.START)
        )

    tree = world.load_balancers.create("project-1", a_balancer(listeners=(a_listener(80),)))
    world.clock.advance(0.2)
    report(tree.id, tree.generation, Outcome.RETRY)
    world.clock.advance(0.2)
    report(tree.id, tree.generation)
    report(tree.id, tree.generation)  # once more: there is nothing to settle
    report(tree.id, tree.generation + 1)  # never given
    report("unknown", 1)
    listener = next(iter(tree.listeners))
    world.listeners.update(listener, Changes(record={"name": "other"}))
    world.clock.advance(3.0)
    report(tree.id, tree.generation + 1, Outcome.GIVE_UP)
    world.load_balancers.delete(tree.id, cascade=True)
    world.clock.advance(20.0)
    report(tree.id, tree.generation + 2)
    shown = site.show()
    took = {
        (dict(key)["kind"], dict(key)["action"]): value
        for key, value in shown["evenload_change_duration_seconds_sum"].items()
    }
    assert {key: round(value, 3) for key, value in took.items()} == {
        ("load_balancer", "create"): 0.4,
        ("listener", "create"): 0.4,
        ("load_balancer", "delete"): 20.0,
        ("listener", "delete"): 20.0,
    }
    assert set(shown["evenload_change_duration_seconds_count"].values()) == {1.0}
    failed = {dict(key)["kind"]: value for key, value in shown["evenload_change_failures_total"].items()}
    assert failed == {"load_balancer": 1.0, "listener": 1.0}


def test_the_database_s_work_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    memory, store = shared_memory(), MemoryStore()
    uow = CountedUnitOfWork(store, open_tally(memory))
    assert uow.write(lambda transaction: transaction.agents()) == []
    assert uow.look(lambda transaction: transaction.agents()) == []
    with uow.read() as transaction:
        assert transaction.agents() == []
        going_on = {(each.name, *each.labels): each.values for each in read_tally(memory)}
        assert going_on["database_transactions_in_progress", "read"] == (1.0,)
    assert uow.identity() == store.identity()

    def away(self: MemoryStore, question: object) -> None:
        raise StoreUnavailable("no route to it")

    monkeypatch.setattr(MemoryStore, "look", away)
    with pytest.raises(StoreUnavailable):
        uow.look(lambda transaction: transaction.agents())
    with pytest.raises(KeyError), uow.read() as transaction:
        raise KeyError("of whoever asks")
    numbers = {(each.name, *each.labels): each.values for each in read_tally(memory)}
    assert numbers["database_errors_total", "read"] == (1.0,)
    assert numbers["database_transactions_in_progress", "read"] == (0.0,)
    assert numbers["database_transactions_in_progress", "write"] == (0.0,)
    assert sum(numbers["database_write_duration_seconds",][:-1]) == 1.0


def test_an_agent_that_does_not_answer_shows_as_that(site: Site) -> None:
    shown = site.show()
    assert shown["evenload_agent_answers"] == {(("agent", "host-1"),): 0.0}
    assert not [name for name in shown if name.startswith("evenload_agent_rounds")]


def test_an_agent_that_counts_nothing_is_not_waited_for(site: Site) -> None:
    """Whose settings lack the port that the server's have."""
    world = site.world

    def register(features: frozenset[str]) -> None:
        tally = open_tally(site.tallies[0])
        noted = CountedGateway(
            world.gateway, world.context.uow, world.context.now, tally, site.answers.note_registration
        )
        noted.register("host-1", Registration(features=features))

    here = {(("agent", "host-1"),): 1.0}
    site.said = AgentNumbers(version="1.1")
    with capture_logs() as logs:
        register(frozenset({COUNTS_NOTHING}))
        register(frozenset({COUNTS_NOTHING}))
    assert len([each for each in logs if "[server] metrics_port" in each["event"]]) == 1
    shown = site.show()
    assert not site.asked
    assert shown["evenload_agent_counts_nothing"] == here
    assert "evenload_agent_answers" not in shown  # nobody has to look after it
    assert shown["evenload_server_workers"]
    register(frozenset())
    shown = site.show()
    assert shown["evenload_agent_counts_nothing"] == {(("agent", "host-1"),): 0.0}
    assert shown["evenload_agent_answers"] == here


def test_what_the_agent_says_has_its_name_and_those_of_the_objects(site: Site) -> None:
    draft = a_balancer(
        record={"name": "shop"},
        listeners=(a_listener(80, record={"name": "web"}),),
        pools=(a_pool(record={"name": "app"}, members=(a_member("10.0.0.1", record={"name": "one"}),)),),
    )
    tree = site.world.load_balancers.create("project-1", draft)
    balancer = tree.id
    [listener], [pool], [member] = tree.listeners, tree.pools, tree.members
    site.said = AgentNumbers(
        version="1.1",
        counted=(
            Counted("rounds_total", ("done",), (7.0,)),
            Counted("round_duration_seconds", ("reload",), (*([1.0] * (len(BOUNDS) + 1)), 2.5)),
            Counted("of_another_version_total", (), (1.0,)),
            Counted("rounds_total", ("too", "many", "labels"), (1.0,)),
            Counted("round_duration_seconds", ("start",), (1.0,)),
        ),
        rows=(
            Row(balancer, Kind.LISTENER, listener, {"bytes_in": 5.0, "up": 1.0}, (0.0, 3.0, 0.0, 0.0, 2.0, 0.0)),
            Row(balancer, Kind.POOL, pool, {"queue": 4.0, "up": 1.0}),
            Row(balancer, Kind.MEMBER, member, {"check_seconds": 0.25, "up": 0.0}, (), pool),
            Row(balancer, Kind.MEMBER, "gone", {"up": 1.0}, (), pool),
            Row("gone", Kind.LISTENER, "gone", {"up": 1.0}),
        ),
        left_out={Kind.LISTENER: 0, Kind.POOL: 0, Kind.MEMBER: 12},
    )
    shown = site.show()
    assert shown["evenload_agent_answers"] == {(("agent", "host-1"),): 1.0}
    assert shown["evenload_agent_rounds_total"] == {(("agent", "host-1"), ("result", "done")): 7.0}
    assert shown["evenload_agent_round_duration_seconds_count"] == {
        (("agent", "host-1"), ("change", "reload")): len(BOUNDS) + 1.0
    }
    assert shown["evenload_agent_haproxy_deaths_total"] == {(("agent", "host-1"),): 0.0}
    assert shown["evenload_agent_objects_left_out"][(("agent", "host-1"), ("kind", "member"))] == 12.0
    own = [("agent", "host-1"), ("load_balancer", balancer), ("load_balancer_name", "shop"), ("project", "project-1")]

    def labels(**more: str) -> tuple[tuple[str, str], ...]:
        return tuple(sorted([*own, *more.items()]))

    of_listener = labels(listener=listener, listener_name="web")
    assert shown["evenload_listener_received_bytes_total"] == {of_listener: 5.0}
    assert shown["evenload_listener_up"] == {of_listener: 1.0}
    codes = {dict(key)["code"]: value for key, value in shown["evenload_listener_responses_total"].items()}
    assert codes == {"1xx": 0.0, "2xx": 3.0, "3xx": 0.0, "4xx": 0.0, "5xx": 2.0, "other": 0.0}
    assert shown["evenload_pool_queue"] == {labels(pool=pool, pool_name="app"): 4.0}
    of_member = labels(pool=pool, pool_name="app", member=member, member_name="one")
    assert shown["evenload_member_check_duration_seconds"] == {of_member: 0.25}
    assert shown["evenload_member_up"] == {of_member: 0.0}


def test_without_the_database_what_was_counted_is_shown_and_nothing_of_the_database(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(self: MemoryStore) -> None:
        raise StoreUnavailable("no route to it")

    open_tally(site.tallies[0]).add("database_errors_total", ("read",), 3.0)
    site.said = AgentNumbers(version="1.1", rows=(Row("lb", Kind.LISTENER, "x", {"up": 1.0}),))
    monkeypatch.setattr(MemoryStore, "read", away)
    shown = site.show()
    assert shown["evenload_database_errors_total"] == {(("kind", "read"),): 3.0, (("kind", "write"),): 0.0}
    assert shown["evenload_agent_info"]
    assert not [name for name in shown if name.startswith(("evenload_objects", "evenload_listener", "evenload_tls"))]


def test_names_follow_prometheus() -> None:
    names = [metric.name for metric in ALL]
    assert len(set(names)) == len(names)
    for metric in ALL:
        assert (metric.kind is catalogue.Kind.COUNTER) is metric.name.endswith("_total"), metric.name
        assert metric.help.endswith(".")
        if metric.kind is catalogue.Kind.HISTOGRAM:
            assert metric.name.endswith("_seconds")


def test_a_change_that_waited_too_long_has_failed(site: Site) -> None:
    world, tally = site.world, open_tally(site.tallies[0])
    world.load_balancers.create("project-1", a_balancer(listeners=(a_listener(80),)))
    housekeeping = Housekeeping(world.context, world.hints, timedelta(seconds=60), tally)
    world.clock.advance(3600.0)
    housekeeping.sweep()
    housekeeping.sweep()
    failed = {
        (dict(key)["kind"], dict(key)["action"]): value
        for key, value in site.show()["evenload_change_failures_total"].items()
    }
    assert failed == {("load_balancer", "create"): 1.0, ("listener", "create"): 1.0}
