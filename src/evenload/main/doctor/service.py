"""The roles, their ports, and the database."""

from collections.abc import Iterator
from datetime import datetime

from evenload.host.conditions import Listener, find_listeners
from evenload.main.doctor.case import Case, Finding, fault, ok, warning
from evenload.main.existing_database import database_file
from evenload.main.status.roles import ask_api
from evenload.main.terminal import duration

_START = "systemctl start evenload"
_LOG = "journalctl -t evenload"
"""Whichever unit it runs in."""
_SILENCE = 45.0
"""Seconds: an agent speaks to the server at each resync, which is every 30 seconds unless a setting says otherwise."""


def check_server(case: Case) -> Iterator[Finding]:
    server = case.server
    if server["state"] == "answers":
        yield ok("server", f"its API answers on port {case.settings.serving.port} (process {server['pid']})")
    elif server["state"] == "silent":
        yield fault("server", f"it runs (process {server['pid']}) and gives no answer: {server['reason']}", _LOG)
    else:
        yield fault("server", server["reason"], f"{_start('server', other_runs=case.agent_runs)}; {_LOG}")


def _start(role: str, *, other_runs: bool) -> str:
    """Where one of them runs alone they are units of their own: a supervisor would have both."""
    return f"{_START}-{role}" if other_runs else _START


def check_agent(case: Case) -> Iterator[Finding]:
    agent = case.agent
    if agent["state"] == "silent":
        yield fault("agent", f"it runs (process {agent['pid']}) and gives no answer: {agent['reason']}", _LOG)
        return
    if agent["state"] == "down":
        yield fault("agent", agent["reason"], f"{_start('agent', other_runs=case.server_runs)}; {_LOG}")
        return
    found = list(_agent_troubles(case))
    yield from found
    if not found:
        yield ok("agent", f"it answers (process {agent['pid']})")


def _agent_troubles(case: Case) -> Iterator[Finding]:
    agent = case.agent
    if case.server_runs and not agent["connected"]:
        yield fault("agent", "it has no connection with the server", f"{_LOG}: it says why the server refuses it")
    heard = [each for each in (case.stored or {}).get("agents", ()) if each["name"] == case.settings.host_name]
    for each in heard if agent["connected"] else ():
        silent = (case.now - datetime.fromisoformat(each["last_word"])).total_seconds()
        if silent > max(_SILENCE, 1.5 * case.settings.agent.resync_interval):
            yield warning("agent", f"the server heard of it {duration(silent)} ago", _LOG)
    if agent["version"] != case.version:
        yield warning(
            "agent",
            f"the one that runs is version {agent['version']}, and {case.version} is installed",
            "systemctl restart evenload (traffic goes on)",
        )
    if agent["faults"]:
        places = ", ".join(f"{number} in {place}" for place, number in sorted(agent["faults"].items()))
        yield warning("agent", f"faults of the program since its start: {places}", f"{_LOG}: look for “internal fault”")


def check_ports(case: Case) -> Iterator[Finding]:
    serving, metrics = case.settings.serving, case.settings.server.metrics
    wanted = [("[api] bind_port", serving.port)] + ([] if metrics is None else [("[server] metrics_port", metrics[1])])
    found = []
    for setting, port in wanted:
        strangers = [each for each in find_listeners(port) if not _is_ours(case, each)]
        if strangers and not (case.server["state"] == "answers" and setting.startswith("[server]")):
            who = ", ".join(sorted({f"{each.name} (process {each.pid})" for each in strangers}))
            found.append(fault("ports", f"{who} listens on port {port}", f"end it, or set {setting} to another one"))
    yield from found
    if not found:
        yield ok("ports", f"nobody else has {' or '.join(str(port) for _, port in wanted)}")


def _is_ours(case: Case, listener: Listener) -> bool:
    """The server, its workers, and the supervisor, which keeps the port while the server is away."""
    return listener.pid in case.own_processes


def check_database(case: Case) -> Iterator[Finding]:
    if case.stored is None:
        yield fault("database", case.reason or "it cannot be read", _database_remedy(case))
    else:
        yield ok("database", f"it can be read, schema {case.stored['schema']}")


def _database_remedy(case: Case) -> str:
    reason = case.reason or ""
    if "may not make" in reason:
        return _make_directory(case)
    if "no database yet" in reason:
        return f"{_START}: the first start makes it"
    if "has schema" in reason:
        return "start the service: it brings the schema to its version; or install the version that made it"
    if "may not use" in reason:
        return "run this as root; else give file and directory to the server's user"
    return "see that it runs and that [database] connection is right; evenload restore brings back a backup"


def _make_directory(case: Case) -> str:
    file = database_file(case.settings)
    assert file is not None  # nobody makes another one
    user = "whoever runs the server" if case.account is None else case.account.name
    return f"mkdir -p {file.parent}; chown {user} {file.parent}"


def check_api_address(case: Case) -> Iterator[Finding]:
    """Whether the API is reached from elsewhere, by callers whom nobody asks who they are."""
    serving = case.settings.serving
    if serving.auth_strategy == "none" and serving.host not in ("127.0.0.1", "::1", "localhost"):
        yield warning(
            "API",
            f"[api] auth_strategy = none, and it listens on {serving.host}: everybody who reaches it is administrator",
            "set auth_strategy to http_basic or keystone, or bind_host to 127.0.0.1",
        )
    elif case.server["state"] == "answers" and (reason := ask_api(serving.host, serving.port)) is not None:
        yield fault("API", reason, _LOG)
    else:
        yield ok("API", f"auth_strategy = {serving.auth_strategy}, on {serving.host}")
