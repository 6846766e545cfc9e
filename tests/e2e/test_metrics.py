"""Prometheus asks a service with traffic, and is asked with every expression of the board and of the alerts."""

import json
import os
import re
import signal
import urllib.parse
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from demo.lab import Lab, Process
from demo.service import free_port, read_roles
from demo.traffic import Load
from prometheus_client.parser import text_string_to_metric_families
from tests.e2e.building import build_world, make_networks
from tests.e2e.world import Balanced, World
from tests.unit.secrets.authority import make
from tests.waiting import NET, eventually

PACKAGING = Path(__file__).parents[2] / "packaging"
BOARD = json.loads((PACKAGING / "grafana/evenload.json").read_text())
RULES = PACKAGING / "prometheus/evenload.rules.yml"
WORKERS = 2
DEAD = "10.88.0.77"
WINDOW = "30s"
NOTHING_TO_SAY = {
    "evenload_logins_total": "nobody is asked who he is",
    "evenload_change_failures_total": "no change fails",
    "evenload_sweep_failures_total": "the database is there",
}
"""Metrics without series here, and why that is right."""


UNTRUE = {
    "EvenloadDown",
    "EvenloadAgentAway",
    "EvenloadLoadBalancerError",
    "EvenloadPoolDown",
    "EvenloadConnectionsCut",
    "EvenloadHaproxyDies",
    "EvenloadHostFails",
    "EvenloadApiErrors",
    "EvenloadDatabaseErrors",
    "EvenloadFaults",
}
"""Alerts that are not even near here, be the machine as slow as it may."""


def expressions() -> list[str]:
    """Of the board, with what Grafana puts into them."""
    values = {"$__rate_interval": WINDOW, "$job": "evenload", "$instance": ".*", "$load_balancer": ".*"}
    found = [target["expr"] for panel in BOARD["panels"] for target in panel.get("targets", ())]
    for name, value in values.items():
        found = [each.replace(name, value) for each in found]
    return found


class Prometheus:
    def __init__(self, lab: Lab, target: int) -> None:
        self.port = free_port()
        config = yaml.safe_load((PACKAGING / "prometheus/prometheus.yml").read_text())
        config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        config["rule_files"] = [str(RULES)]
        [job] = config["scrape_configs"]
        job["static_configs"] = [{"targets": [f"127.0.0.1:{target}"]}]
        file = lab.directory / "prometheus.yml"
        file.write_text(json.dumps(config))
        self.process: Process = lab.spawn(
            "prometheus",
            [
                "prometheus",
                f"--config.file={file}",
                f"--storage.tsdb.path={lab.directory}/prometheus",
                f"--web.listen-address=127.0.0.1:{self.port}",
            ],
        )

    def ask(self, path: str, **parameters: str) -> Any:
        """None while it starts."""
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=NET) as answer:
                return json.load(answer)["data"]
        except OSError:
            assert self.process.exit_code() is None, self.process.tail()
            return None

    def query(self, expression: str) -> list[Any]:
        data = self.ask("query", query=expression)
        found: list[Any] = [] if data is None else data["result"]
        return found


class Site:
    def __init__(self, world: World, metrics: int, balanced: Balanced) -> None:
        self.world, self.metrics, self.balanced = world, metrics, balanced

    def scrape(self) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics}/metrics", timeout=NET) as answer:
            text = answer.read().decode()
        found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
        for family in text_string_to_metric_families(text):
            for each in family.samples:
                found.setdefault(each.name, {})[tuple(sorted(each.labels.items()))] = each.value
        return found

    def number(self, name: str, **labels: str) -> float:
        """The sum of all series that have these labels."""
        found = self.scrape().get(name, {})
        return sum(value for key, value in found.items() if labels.items() <= dict(key).items())


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Lab() as lab:
        metrics = free_port()
        sections = {
            "server": {"metrics_port": metrics},
            "api": {"workers": WORKERS},
            "agent": {"resync_interval": 2},
        }
        world = build_world(lab, sections, webs=("web1", "web2"))
        make_networks(world)
        balanced = world.balancer("web1", "web2", monitor=True, name="shop")
        body = {"name": "dead", "address": DEAD, "protocol_port": 8080, "subnet_id": world.subnet_id}
        world.create(f"pools/{balanced.pool_id}/members", "member", **body)
        world.wait_active(balanced.id)
        identity = make("www.example.com", names=("www.example.com",), days=7, now=datetime.now(UTC))
        text = (identity.pem + identity.key_pem()).decode()
        secret = world.ask("POST", "/v1/secrets", {"payload": text, "payload_content_type": "text/plain"})
        secure = {
            "protocol": "TERMINATED_HTTPS",
            "protocol_port": 443,
            "loadbalancer_id": balanced.id,
            "name": "secure",
        }
        world.create("listeners", "listener", default_tls_container_ref=secret.body["secret_ref"], **secure)
        world.wait_active(balanced.id)
        yield Site(world, metrics, balanced)
        world.clear()


@pytest.fixture(scope="module")
def prometheus(site: Site) -> Iterator[Prometheus]:
    running = Prometheus(site.world.lab, site.metrics)
    try:
        site.world.wait(lambda: bool(running.query("evenload_build_info")), "Prometheus has numbers")
        yield running
    finally:
        running.process.stop()


def test_every_expression_of_the_board_has_an_answer(site: Site, prometheus: Prometheus) -> None:
    world = site.world
    silent = set(expressions())
    mute = {each for each in silent if any(name in each for name in NOTHING_TO_SAY)}

    def all_answer() -> bool:
        world.lbaas("GET", "loadbalancers")
        world.lbaas("PUT", f"listeners/{site.balanced.listener_id}", {"listener": {"description": "x"}})
        silent.difference_update([each for each in silent if prometheus.query(each)])
        return silent <= mute

    with Load(world.client, site.balanced.vip, pause=0.05):
        assert eventually(all_answer), silent - mute


def test_prometheus_evaluates_every_alert_and_has_each_of_their_metrics(site: Site, prometheus: Prometheus) -> None:
    def evaluated() -> bool:
        [group] = prometheus.ask("rules")["groups"]
        assert [rule["name"] for rule in group["rules"] if rule["health"] == "err"] == []
        return all(rule["health"] == "ok" for rule in group["rules"])

    site.world.wait(evaluated, "the alerts are evaluated")
    names = set(re.findall(r"\bevenload_[a-z_]+", RULES.read_text()))
    missing = {name for name in names if not prometheus.query(name)}
    assert missing <= set(NOTHING_TO_SAY)

    def told() -> set[str]:
        alerts = prometheus.ask("alerts")["alerts"]
        return {
            alert["labels"]["alertname"] for alert in alerts if alert["labels"].get("member_name", "dead") == "dead"
        }

    expected = {"EvenloadMemberDown", "EvenloadCertificateExpires"}
    site.world.wait(lambda: expected <= told(), "the dead member and the certificate are told")
    assert not told() & UNTRUE


def test_what_haproxy_says_is_exact_has_names_and_goes_on_over_a_reload(site: Site) -> None:
    world = site.world
    balanced = world.balancer("web1", "web2", name="counted")

    def answers(kind: str) -> float:
        name = f"evenload_{kind}_responses_total"
        return site.number(name, load_balancer=balanced.id, load_balancer_name="counted", code="2xx")

    assert world.client.spread(balanced.vip, requests=20).keys() == {"web1", "web2"}
    world.wait(lambda: answers("listener") == 20, "20 answers")
    reloads = site.number("evenload_agent_haproxy_reloads_total", why="configuration")
    more = {"name": "more", "protocol": "HTTP", "protocol_port": 81, "loadbalancer_id": balanced.id}
    world.create("listeners", "listener", **more)
    world.wait_active(balanced.id)
    assert site.number("evenload_agent_haproxy_reloads_total", why="configuration") == reloads + 1
    world.client.spread(balanced.vip, requests=10)
    world.wait(lambda: answers("listener") == 30, "30 answers")
    assert answers("pool") == answers("member") == 30
    here = {"listener_name": "listener", "load_balancer": balanced.id}
    assert site.number("evenload_listener_connections_total", **here) == 30
    assert site.number("evenload_listener_sent_bytes_total", **here) > 1000


def test_members_that_are_down_are_told_by_name(site: Site) -> None:
    shown = site.scrape()
    labels = {dict(key)["member_name"]: (dict(key), value) for key, value in shown["evenload_member_up"].items()}
    dead, value = labels["dead"]
    assert (value, labels["web1"][1]) == (0.0, 1.0)
    assert dead["load_balancer_name"] == "shop"
    assert (dead["load_balancer"], dead["pool"]) == (site.balanced.id, site.balanced.pool_id)
    [troubled] = [dict(key) for key in shown["evenload_load_balancer_troubled"]]
    assert (troubled["load_balancer_name"], troubled["operating_status"]) == ("shop", "DEGRADED")


def test_the_workers_of_the_api_are_one_and_nothing_falls_when_one_dies(site: Site) -> None:
    world = site.world
    here = {"route": "/v2/lbaas/loadbalancers", "method": "GET", "status": "200"}
    before = site.number("evenload_http_requests_total", **here)
    for _ in range(30):
        world.lbaas("GET", "loadbalancers")
    assert site.number("evenload_http_requests_total", **here) == before + 30
    assert site.number("evenload_server_workers") == WORKERS
    world.wait(lambda: site.number("evenload_http_requests_in_progress") == 0.0, "all have their answers")
    server = read_roles(world.service.pid)["server"]
    children = [int(pid) for pid in Path(f"/proc/{server}/task/{server}/children").read_text().split()]
    os.kill(children[1], signal.SIGKILL)
    for _ in range(10):
        world.lbaas("GET", "loadbalancers")
    assert site.number("evenload_http_requests_total", **here) >= before + 30
    os.kill(children[0], signal.SIGKILL)  # the one that serves the numbers
    world.wait(lambda: answers(site), "another one serves the numbers")
    assert site.number("evenload_http_requests_total", **here) >= before + 30


def answers(site: Site) -> bool:
    try:
        return site.number("evenload_agent_answers") == 1.0
    except OSError:
        return False


def test_a_new_agent_begins_at_nothing_and_counts_exactly(site: Site) -> None:
    world = site.world
    balanced = world.balancer("web1", name="adopted")
    here = {"load_balancer": balanced.id, "code": "2xx"}
    world.client.spread(balanced.vip, requests=10)
    world.wait(lambda: site.number("evenload_listener_responses_total", **here) == 10, "10 answers")
    former = world.service.roles()["agent"]
    os.kill(former, signal.SIGKILL)
    world.wait(lambda: world.service.roles().get("agent") not in (None, former), "another agent")
    world.wait(lambda: site.number("evenload_listener_up", load_balancer=balanced.id) == 1.0, "it looks")
    assert site.number("evenload_listener_responses_total", **here) == 0
    world.client.spread(balanced.vip, requests=7)
    world.wait(lambda: site.number("evenload_listener_responses_total", **here) == 7, "7 answers")


def test_an_agent_that_is_away_shows_and_its_numbers_do_not(site: Site) -> None:
    world = site.world
    agent = world.service.roles()["agent"]
    before = site.scrape()["evenload_agent_answers"]
    os.kill(agent, signal.SIGSTOP)
    try:
        shown = site.scrape()
        assert shown["evenload_agent_answers"] == dict.fromkeys(before, 0.0)
        assert "evenload_member_up" not in shown
        assert shown["evenload_http_requests_total"]
    finally:
        os.kill(agent, signal.SIGCONT)
    world.wait(lambda: site.number("evenload_agent_answers") == 1.0, "it answers again")
