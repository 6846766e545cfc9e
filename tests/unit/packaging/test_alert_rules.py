"""The alerts that are shipped: each fires at its own trouble, and none where all is well. promtool says so."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from evenload.main.metrics.catalogue import ALL, PREFIX, Kind

DIRECTORY = Path(__file__).parents[3] / "packaging/prometheus"
RULES = DIRECTORY / "evenload.rules.yml"
SUFFIXES = {Kind.HISTOGRAM: ("_bucket", "_sum", "_count")}
LABELS = {
    PREFIX + metric.name + suffix: {*metric.labels, "instance", "job"}
    for metric in ALL
    for suffix in SUFFIXES.get(metric.kind, ("",))
} | {"up": {"instance", "job"}}
SERVER = 'instance="i", job="evenload"'
LISTENER = 'agent="h", project="p", load_balancer="l", load_balancer_name="shop", listener="w", listener_name="web"'
POOL = 'agent="h", project="p", load_balancer="l", load_balancer_name="shop", pool="q", pool_name="app"'

UP = f"up{{{SERVER}}}"
ANSWERS = 'evenload_agent_answers{agent="h"}'
NOTHING = 'evenload_agent_counts_nothing{agent="h"}'
SEEN = 'evenload_agent_last_seen_timestamp_seconds{agent="h"}'
MEMBERS_UP = f'evenload_objects{{kind="member", operating_status="ONLINE", provisioning_status="ACTIVE", {SERVER}}}'
MEMBERS_DOWN = f'evenload_objects{{kind="member", operating_status="ERROR", provisioning_status="ACTIVE", {SERVER}}}'
POOL_UP = f"evenload_pool_up{{{POOL}}}"
MEMBER_UP = f'evenload_member_up{{{POOL}, member="m", member_name="one"}}'
POOL_QUEUE = f"evenload_pool_queue{{{POOL}}}"
CONNECTIONS = f"evenload_listener_connections{{{LISTENER}}}"
LIMIT = f"evenload_listener_connections_limit{{{LISTENER}}}"
GOOD = f'evenload_listener_responses_total{{{LISTENER}, code="2xx"}}'
BAD = f'evenload_listener_responses_total{{{LISTENER}, code="5xx"}}'
CUTS = 'evenload_agent_cut_connections_total{agent="h", why="surplus"}'
RELOADS = 'evenload_agent_haproxy_reloads_total{agent="h", why="configuration"}'
REPLACED = 'evenload_agent_haproxy_reloads_total{agent="h", why="unanswered"}'
FINISHING = 'evenload_agent_haproxy_finishing{agent="h"}'
DEATHS = 'evenload_agent_haproxy_deaths_total{agent="h"}'
GIVEN_UP = 'evenload_agent_rounds_total{agent="h", result="given-up"}'
QUEUED = 'evenload_agent_rounds_queued{agent="h", lane="server"}'
CHANGES = 'evenload_change_duration_seconds_bucket{kind="listener", action="create", le="%s"}'
REQUESTS = f'evenload_http_requests_total{{route="r", method="GET", status="%s", {SERVER}}}'
TOOK = f'evenload_http_request_duration_seconds_bucket{{route="r", method="GET", le="%s", {SERVER}}}'
WAITING = f"evenload_http_requests_waiting{{{SERVER}}}"
LOGINS = f"evenload_logins_waiting{{{SERVER}}}"
DATABASE = f'evenload_database_errors_total{{kind="read", {SERVER}}}'
FAULTS = f"evenload_faults_total{{{SERVER}}}"
AGENT_FAULTS = f'evenload_agent_faults_total{{agent="h", {SERVER}}}'
CERTIFICATE = (
    'evenload_tls_certificate_not_after_seconds{load_balancer="l", load_balancer_name="shop", listener="w", '
    'listener_name="web", pool="", pool_name="", subject="CN=x"}'
)
TROUBLED = (
    'evenload_load_balancer_troubled{load_balancer="l", load_balancer_name="shop", project="p", '
    'provisioning_status="%s", operating_status="%s"}'
)
WELL = {
    UP: "1+0x60",
    ANSWERS: "1+0x60",
    NOTHING: "0+0x60",
    SEEN: "0+60x60",
    MEMBERS_UP: "10+0x60",
    MEMBERS_DOWN: "0+0x60",
    POOL_UP: "1+0x60",
    MEMBER_UP: "1+0x60",
    POOL_QUEUE: "0+0x60",
    CONNECTIONS: "10+0x60",
    LIMIT: "100+0x60",
    GOOD: "0+1000x60",
    BAD: "0+1x60",
    CUTS: "7+0x60",
    RELOADS: "0+6x60",
    REPLACED: "1+0x60",
    FINISHING: "5+0x60",
    DEATHS: "1+0x60",
    GIVEN_UP: "2+0x60",
    QUEUED: "1+0x60",
    CHANGES % "0.1": "0+100x60",
    CHANGES % "+Inf": "0+100x60",
    REQUESTS % 200: "0+1000x60",
    REQUESTS % 503: "0+1x60",
    TOOK % "0.01": "0+1000x60",
    TOOK % "+Inf": "0+1000x60",
    WAITING: "3+0x60",
    LOGINS: "3+0x60",
    DATABASE: "4+0x60",
    FAULTS: "1+0x60",
    AGENT_FAULTS: "1+0x60",
    CERTIFICATE: "2000000+0x60",
}
"""A value for each minute of an hour, in promtool's words."""
TROUBLES: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {
    "the service does not answer": ({UP: "0+0x60"}, ("EvenloadDown",)),
    "the agent does not answer": ({ANSWERS: "0+0x60"}, ("EvenloadAgentAway",)),
    "the agent counts nothing": ({NOTHING: "1+0x60"}, ("EvenloadAgentCountsNothing",)),
    "an agent is silent": ({SEEN: "0+0x60"}, ("EvenloadAgentSilent",)),
    "a change failed": ({TROUBLED % ("ERROR", "ONLINE"): "1+0x60"}, ("EvenloadLoadBalancerError",)),
    "nothing of a load balancer works": ({TROUBLED % ("ACTIVE", "ERROR"): "1+0x60"}, ("EvenloadLoadBalancerError",)),
    "a load balancer lacks a member": ({TROUBLED % ("ACTIVE", "DEGRADED"): "1+0x60"}, ()),
    "a pool has no member": ({POOL_UP: "0+0x60"}, ("EvenloadPoolDown",)),
    "a member is down": ({MEMBER_UP: "0+0x60"}, ("EvenloadMemberDown",)),
    "a member was down for a minute": ({MEMBER_UP: "1+0x58 0+0x1"}, ()),
    "a third of all members is down": ({MEMBERS_DOWN: "5+0x60"}, ("EvenloadMembersDown",)),
    "requests wait in a pool": ({POOL_QUEUE: "4+0x60"}, ("EvenloadPoolQueue",)),
    "a listener is full": ({CONNECTIONS: "95+0x60"}, ("EvenloadListenerFull",)),
    "members answer errors": ({BAD: "0+100x60"}, ("EvenloadServerErrors",)),
    "connections are cut": ({CUTS: "7+0x55 9+0x5"}, ("EvenloadConnectionsCut",)),
    "reloads follow each other": ({RELOADS: "0+100x60"}, ("EvenloadReloadStorm",)),
    "many processes finish": ({FINISHING: "200+0x60"}, ("EvenloadManyProcessesFinish",)),
    "HAProxy dies": ({DEATHS: "0+1x60"}, ("EvenloadHaproxyDies",)),
    "HAProxy hangs": ({REPLACED: "0+1x60"}, ("EvenloadHaproxyReplaced",)),
    "the host takes no change": ({GIVEN_UP: "0+1x60"}, ("EvenloadHostFails",)),
    "rounds wait": ({QUEUED: "50+0x60"}, ("EvenloadQueue",)),
    "changes are slow": ({CHANGES % "0.1": "0+1x60", CHANGES % "30.0": "0+100x60"}, ("EvenloadChangesSlow",)),
    "the API answers errors": ({REQUESTS % 503: "0+100x60"}, ("EvenloadApiErrors",)),
    "the API is slow": ({TOOK % "0.01": "0+1x60", TOOK % "5.0": "0+1000x60"}, ("EvenloadApiSlow",)),
    "requests wait": ({WAITING: "80+0x60"}, ("EvenloadApiQueue",)),
    "logins wait": ({LOGINS: "80+0x60"}, ("EvenloadApiQueue",)),
    "the database is away": ({DATABASE: "0+1x60"}, ("EvenloadDatabaseErrors",)),
    "a fault in the server": ({FAULTS: "0+0x30 1+0x30"}, ("EvenloadFaults",)),
    "a fault in the agent": ({AGENT_FAULTS: "0+0x30 1+0x30"}, ("EvenloadFaults",)),
    "a certificate expires in a week": ({CERTIFICATE: "600000+0x60"}, ("EvenloadCertificateExpires",)),
    "a certificate has expired": (
        {CERTIFICATE: "60+0x60"},
        ("EvenloadCertificateExpired", "EvenloadCertificateExpires"),
    ),
}
"""What is otherwise than well, and which alerts fire; no others do."""


@pytest.fixture(scope="module")
def rules() -> list[dict[str, Any]]:
    [group] = yaml.safe_load(RULES.read_text())["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def promtool(*words: str) -> None:
    done = subprocess.run(["promtool", *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_takes_the_rules_and_the_configuration() -> None:
    promtool("check", "rules", str(RULES))
    promtool("check", "config", "--syntax-only", str(DIRECTORY / "prometheus.yml"))


def test_each_trouble_has_its_alerts_and_no_others(tmp_path: Path) -> None:
    tests = [
        {
            "name": name,
            "interval": "1m",
            "input_series": [{"series": each, "values": values} for each, values in {**WELL, **change}.items()],
            "promql_expr_test": [
                {
                    "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
                    "eval_time": "59m",
                    "exp_samples": [{"labels": f'{{alertname="{alert}"}}', "value": 1} for alert in alerts],
                }
            ],
        }
        for name, (change, alerts) in {"all is well": ({}, ()), **TROUBLES}.items()
    ]
    content = {"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": tests}
    file = tmp_path / "rules.test.yml"  # JSON is YAML
    file.write_text(json.dumps(content))
    promtool("test", "rules", str(file))


def test_each_alert_has_a_trouble(rules: list[dict[str, Any]]) -> None:
    assert {rule["alert"] for rule in rules} == {alert for _, alerts in TROUBLES.values() for alert in alerts}


def test_alerts_speak_of_metrics_and_labels_that_there_are(rules: list[dict[str, Any]]) -> None:
    for rule in rules:
        names = set(re.findall(r"\bevenload_[a-z_]+|\bup\b", rule["expr"]))
        assert names
        assert names <= LABELS.keys(), rule["alert"]
        by = re.search(r"by \(([a-z_, ]+)\)", rule["expr"])
        left = set(by[1].split(", ")) if by else set.intersection(*(LABELS[name] for name in names))
        words = json.dumps(rule["annotations"])
        assert set(re.findall(r"\$labels\.([a-z_]+)", words)) <= left, rule["alert"]
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["description"].endswith(".")
