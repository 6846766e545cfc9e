"""Numbers of the server over HTTP, as Prometheus asks for them."""

import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.fakes.memory_store import MemoryStore
from tests.fakes.sample_drafts import a_balancer, a_listener, a_pool
from tests.fakes.tls import a_certificate, a_tls
from tests.unit.service.conftest import World, make_world

from evenload.main.metrics import certificates
from evenload.main.metrics.agents import AgentAnswers
from evenload.main.metrics.certificates import LOOK_EVERY
from evenload.main.metrics.collector import Build, Numbers
from evenload.main.metrics.endpoint import Endpoint
from evenload.model.enums import ListenerProtocol
from evenload.model.errors import StoreUnavailable
from evenload.model.tls import PoolTls, TlsSecret

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NOT_AFTER, LEFT_OUT = "evenload_tls_certificate_not_after_seconds", "evenload_tls_certificates_left_out"


@pytest.fixture
def world() -> World:
    return make_world(MemoryStore())


@pytest.fixture
def served(world: World) -> Iterator[Endpoint]:
    nobody = AgentAnswers("host-1", lambda: False)
    numbers = Numbers(Build("1", "memory"), [], world.context.uow, nobody, world.clock.monotonic)
    made = Endpoint(("127.0.0.1", 0), numbers.render)
    made.start()
    yield made
    made.stop()


def certificate(name: str, days: int) -> TlsSecret:
    return a_certificate(name, subject=f"CN={name}", not_after=NOW + timedelta(days=days))


def read(served: Endpoint) -> dict[str, list[tuple[dict[str, str], float]]]:
    """Labels and values by the names of the metrics, without labels that are empty."""
    with urllib.request.urlopen(f"http://127.0.0.1:{served.port}/metrics") as answer:
        text = answer.read().decode()
    return {
        family.name: [({k: v for k, v in each.labels.items() if v}, each.value) for each in family.samples]
        for family in text_string_to_metric_families(text)
        if family.name in (NOT_AFTER, LEFT_OUT)
    }


def make(world: World, *sni: TlsSecret, pool: PoolTls | None = None) -> None:
    draft = a_listener(
        443,
        ListenerProtocol.TERMINATED_HTTPS,
        tls=a_tls(certificate=None, sni=sni),
        record={"name": "https"},
    )
    pools = () if pool is None else (a_pool(tls=pool, record={"name": "app"}),)
    world.load_balancers.create("project-1", a_balancer(listeners=(draft,), pools=pools))


def test_it_is_shown_when_certificates_in_use_expire(world: World, served: Endpoint) -> None:
    assert read(served) == {LEFT_OUT: [({}, 0.0)]}
    world.clock.advance(LOOK_EVERY)
    shown = certificate("client", 7)
    unknown = replace(certificate("unknown", 1), subject=None, not_after=None)
    make(world, certificate("www", 90), certificate('shop\n"x"', 30), unknown, pool=PoolTls(certificate=shown))
    found = read(served)[NOT_AFTER]
    assert [(labels["subject"], value) for labels, value in found] == [
        ("CN=client", (NOW + timedelta(days=7)).timestamp()),
        ('CN=shop\n"x"', (NOW + timedelta(days=30)).timestamp()),
        ("CN=www", (NOW + timedelta(days=90)).timestamp()),
    ]
    of_pool, of_listener = found[0][0], found[1][0]
    assert of_pool.keys() - {"load_balancer_name"} == {"load_balancer", "pool", "pool_name", "subject"}
    assert of_listener.keys() - {"load_balancer_name"} == {"load_balancer", "listener", "listener_name", "subject"}
    assert (of_pool["pool_name"], of_listener["listener_name"]) == ("app", "https")
    assert of_pool["load_balancer"] == of_listener["load_balancer"]


def test_the_number_is_bounded_and_the_next_to_expire_are_shown(
    world: World, served: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certificates, "MOST_CERTIFICATES", 3)
    make(world, *(certificate(f"site-{number}", 100 - number) for number in range(10)))
    found = read(served)
    assert [labels["subject"] for labels, _ in found[NOT_AFTER]] == ["CN=site-9", "CN=site-8", "CN=site-7"]
    assert found[LEFT_OUT] == [({}, 7.0)]


def test_a_look_is_made_once_a_minute_and_nothing_is_shown_without_a_store(
    world: World, served: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(world, certificate("www", 90))
    assert len(read(served)[NOT_AFTER]) == 1

    def away(uow: object) -> None:
        raise StoreUnavailable("no route to it")

    monkeypatch.setattr(certificates, "read_expiries", away)
    assert len(read(served)[NOT_AFTER]) == 1
    world.clock.advance(LOOK_EVERY)
    assert read(served) == {}
    monkeypatch.undo()
    assert len(read(served)[NOT_AFTER]) == 1
