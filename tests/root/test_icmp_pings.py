"""Pings in namespaces of their own: answers, losses, and a namespace that is made anew."""

import queue
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.waiting import NET

from evenload.host import netns
from evenload.host.icmp import Pinger
from evenload.model.desired import PingTarget
from evenload.model.verdict import Verdict

pytestmark = pytest.mark.root

DIRECTORY = Path("/run/netns")
HERE, HERE6, NOWHERE = "10.77.2.1", "2001:db8:77:2::1", "192.0.2.1"
LATER = "later"
Judged = tuple[str, str, bool]


class Site:
    """A namespace with addresses on its loopback."""

    def __init__(self) -> None:
        self.id = str(uuid.uuid4())
        self.path = DIRECTORY / f"qlbaas-{self.id}"
        self.make()

    def make(self) -> None:
        netns.ensure(self.path)
        self.ip("link", "set", "lo", "up")
        self.ip("addr", "add", f"{HERE6}/128", "dev", "lo", "nodad")
        self.ip("addr", "add", f"{HERE}/32", "dev", "lo")

    def ip(self, *words: str) -> None:
        subprocess.run(["ip", "-n", self.path.name, *words], check=True)


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    try:
        yield site
    finally:
        netns.remove(site.path)


@pytest.fixture
def pinger() -> Iterator[Pinger]:
    pinger = Pinger(lambda load_balancer_id: DIRECTORY / f"qlbaas-{load_balancer_id}")
    yield pinger
    pinger.close()


class News:
    def __init__(self) -> None:
        self._verdicts: queue.Queue[Judged] = queue.Queue()

    def __call__(self, load_balancer_id: str, verdict: Verdict) -> None:
        assert verdict.monitor == "ping"
        assert verdict.when is not None
        if verdict.up:
            assert verdict.reason is None
            assert verdict.latency is not None
        else:
            assert verdict.member in (verdict.reason or "")
            assert verdict.latency is None
        self._verdicts.put((load_balancer_id, verdict.member, verdict.up))

    def next(self) -> Judged:
        return self._verdicts.get(timeout=NET)


def target(address: str, *, rise: int = 1, fall: int = 1) -> PingTarget:
    return PingTarget(monitor="ping", member=address, address=address, delay=1, timeout=1, rise=rise, fall=fall)


def later(rounds: int, address: str = HERE) -> PingTarget:
    """A target that has news, under the name LATER, when it has answered in so many rounds."""
    return PingTarget(monitor="ping", member=LATER, address=address, delay=1, timeout=1, rise=rounds, fall=9)


def test_answers_and_losses_of_both_families(site: Site, pinger: Pinger) -> None:
    news = News()
    targets = [target(HERE), target(HERE6), target(NOWHERE), target("2001:db8:ffff::1")]
    pinger.ping(site.id, [*targets, later(4)], news)
    said = {news.next() for _ in targets}
    assert said == {
        (site.id, HERE, True),
        (site.id, HERE6, True),
        (site.id, NOWHERE, False),
        (site.id, "2001:db8:ffff::1", False),
    }
    assert news.next() == (site.id, LATER, True)  # nothing changed in the rounds between


def test_a_member_that_goes_and_comes_back(site: Site, pinger: Pinger) -> None:
    news = News()
    pinger.ping(site.id, [target(HERE, fall=2)], news)
    assert news.next() == (site.id, HERE, True)
    site.ip("addr", "del", f"{HERE}/32", "dev", "lo")
    assert news.next() == (site.id, HERE, False)
    site.ip("addr", "add", f"{HERE}/32", "dev", "lo")
    assert news.next() == (site.id, HERE, True)


def test_rise_is_counted_and_kept_when_the_targets_change(site: Site, pinger: Pinger) -> None:
    news = News()
    pinger.ping(site.id, [later(2), target(HERE, rise=4)], news)
    assert news.next() == (site.id, LATER, True)
    # Four answers more would be too late: those that begin only now have had them before.
    pinger.ping(site.id, [target(HERE6, rise=4), target(HERE, rise=4)], news)
    assert [news.next(), news.next()] == [(site.id, HERE, True), (site.id, HERE6, True)]


@pytest.mark.parametrize("left", [[], [later(1)]], ids=["all of them", "one of two"])
def test_nothing_is_said_of_targets_that_were_taken_away(site: Site, pinger: Pinger, left: list[PingTarget]) -> None:
    news = News()

    def take_away(load_balancer_id: str, verdict: Verdict) -> None:
        """In the pinging thread, so that no loss can come before."""
        pinger.ping(site.id, left, news)
        news(load_balancer_id, verdict)

    pinger.ping(site.id, [later(1), target(NOWHERE, fall=2)], take_away)
    assert news.next() == (site.id, LATER, True)
    pinger.ping(site.id, [*left, later(4, HERE6)], news)
    assert news.next() == (site.id, LATER, True)


def test_a_namespace_that_was_made_anew_is_found(site: Site, pinger: Pinger) -> None:
    news = News()
    pinger.ping(site.id, [target(HERE)], news)
    assert news.next() == (site.id, HERE, True)
    netns.remove(site.path)
    assert news.next() == (site.id, HERE, False)
    site.make()
    assert news.next() == (site.id, HERE, True)


def test_load_balancers_do_not_disturb_each_other(site: Site, pinger: Pinger) -> None:
    """The same addresses in two namespaces, in one of which nobody has them."""
    other = Site()
    try:
        other.ip("addr", "del", f"{HERE}/32", "dev", "lo")
        news = News()
        pinger.ping(site.id, [target(HERE)], news)
        pinger.ping(other.id, [target(HERE)], news)
        assert {news.next(), news.next()} == {(site.id, HERE, True), (other.id, HERE, False)}
        pinger.ping(other.id, [], news)
        pinger.ping(site.id, [target(HERE), later(4)], news)
        assert news.next() == (site.id, LATER, True)
    finally:
        netns.remove(other.path)


def test_a_listener_that_fails_does_not_stop_the_pings(site: Site, pinger: Pinger) -> None:
    def fail(load_balancer_id: str, verdict: Verdict) -> None:
        raise RuntimeError("not now")

    news = News()
    pinger.ping(site.id, [target(HERE)], fail)
    other = Site()
    try:
        pinger.ping(other.id, [target(HERE)], news)
        assert news.next() == (other.id, HERE, True)
    finally:
        netns.remove(other.path)
