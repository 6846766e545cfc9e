"""All metrics of Evenload: names, kinds, labels, and what they say. docs/metrics.md has a table made of it.

What the processes count by themselves (``evenload.tally``) has the same name here, without ``evenload_``; what the
agent counts is ``evenload_agent_`` and has the agent's name as its first label.
"""

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """``name``: without the prefix."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    help: str


def _counter(name: str, *labels: str, says: str) -> Metric:
    return Metric(name, Kind.COUNTER, labels, says)


def _gauge(name: str, *labels: str, says: str) -> Metric:
    return Metric(name, Kind.GAUGE, labels, says)


def _histogram(name: str, *labels: str, says: str) -> Metric:
    return Metric(name, Kind.HISTOGRAM, labels, says)


SERVER = (
    _gauge("build_info", "version", "python", "database", says="Always 1; what runs here."),
    _gauge("server_workers", says="Processes that answer the API."),
    _counter("http_requests_total", "route", "method", "status",
        says="Requests of the API that were answered. route: as the API has it, “none” where there is no such route."),
    _histogram("http_request_duration_seconds", "route", "method",
        says="From a request's head to its answer, without the time that its body took to arrive."),
    _gauge("http_requests_in_progress", says="Requests of which the head has come, and not all of the answer is sent."),
    _gauge("http_requests_waiting", says="Requests that wait for a thread."),
    _gauge("logins_waiting", says="Requests that wait until somebody has found out who they are from."),
    _counter("logins_total", "result",
        says="Credentials that were checked: accepted, or why not. Those that are still known are not checked again."),
    _gauge("objects", "kind", "provisioning_status", "operating_status", says="Objects of all projects."),
    _gauge("load_balancer_troubled", "load_balancer", "load_balancer_name", "project", "provisioning_status",
        "operating_status",
        says="Always 1; the load balancers that are in ERROR or DEGRADED, 200 of them at most."),
    _histogram("change_duration_seconds", "kind", "action",
        says="From the moment at which a change of an object was accepted until it was ACTIVE, or gone. "
        "What a change locks counts, too: a new listener is an update of its load balancer."),
    _counter("change_failures_total", "kind", "action", says="Changes of objects that ended in ERROR."),
    _histogram("sweep_duration_seconds", "sweep",
        says="Housekeeping: one look at pending changes, secrets at rest, certificates in use."),
    _counter("sweep_failures_total", "sweep", says="Such looks that the database did not allow."),
    _counter("secret_renewals_total", says="Certificates, keys and authorities in use that had another content."),
    _gauge("tls_certificate_not_after_seconds", "load_balancer", "load_balancer_name", "listener", "listener_name",
        "pool", "pool_name", "subject", says="When a certificate in use expires, in seconds since 1970."),
    _gauge("tls_certificates_left_out", says="Certificates in use that expire after all that are shown."),
    _gauge("database_transactions_in_progress", "kind",
        says="Questions (read) and changes (write) that are at the database or, on SQLite, wait for their turn."),
    _histogram("database_write_duration_seconds",
        says="From a change's first word to the database, waiting included, until it is on the disk."),
    _counter("database_errors_total", "kind", says="Questions and changes that the database did not take."),
    _counter("faults_total", says="Faults of the program itself, in the server. Each is in the log, with its place."),
    _gauge("agent_last_seen_timestamp_seconds", "agent", says="When the database last heard of an agent, since 1970."),
    _gauge("agent_enabled", "agent", says="1; 0 for an agent that is given no more load balancers."),
    _gauge("agent_load_balancers", "agent", says="How many load balancers an agent has, as the database says."),
    _gauge("agent_counts_nothing", "agent",
        says="1 where the agent of this host has no numbers to give: its own settings lack metrics_port."),
    _gauge("agent_answers", "agent",
        says="Whether the agent of this host gave its numbers when they were asked for. Missing where it counts "
        "nothing."),
)  # fmt: skip

AGENT = (
    _gauge("agent_info", "agent", "version", says="Always 1; what runs there."),
    _counter("agent_cpu_seconds_total", "agent", says="Processor time of the agent."),
    _gauge("agent_resident_memory_bytes", "agent", says="Memory of the agent."),
    _counter("agent_rounds_total", "agent", "result",
        says="Looks at one load balancer, with all that had to be done: done, retry, given-up; backoff: its HAProxy "
        "died too often of late; nothing: there was nothing to look at."),
    _histogram("agent_round_duration_seconds", "agent", "change",
        says="How long a round took, by what it had to change at most: nothing, file, network, runtime, reload, start, "
        "remove."),
    _gauge("agent_rounds_queued", "agent", "lane",
        says="Rounds that are due and wait for a thread: host (a death), server (news), routine."),
    _gauge("agent_rounds_running", "agent", says="Rounds that run."),
    _gauge("agent_load_balancers_here", "agent", "state",
        says="Load balancers that the agent looks after: served, idle (no listener in service), troubled (the last "
        "round failed, or HAProxy gives no answer), held_back (unknown to the server, not removed)."),
    _counter("agent_haproxy_starts_total", "agent", "why",
        says="HAProxy processes that were started where none ran: first, died (the one before did), again (a listener "
        "is in service again, or the process was lost with its namespace)."),
    _counter("agent_haproxy_reloads_total", "agent", "why",
        says="HAProxy processes that took over from a running one: configuration, refused (a change at run time was), "
        "unanswered (it gave no answer), crowded (more room for connections)."),
    _counter("agent_haproxy_deaths_total", "agent", says="HAProxy processes that ended without being told to."),
    _gauge("agent_haproxy_finishing", "agent", says="HAProxy processes that only finish what clients have begun."),
    _counter("agent_haproxy_launches_total", "agent", "from",
        says="Starts and reloads by where the process came from: spare (begun ahead), new."),
    _gauge("agent_haproxy_spares", "agent", says="HAProxy processes that were begun ahead of the next change."),
    _counter("agent_cut_connections_total", "agent", "why",
        says="Connections of clients that the agent had to cut, or that a process took with it."),
    _counter("agent_resyncs_total", "agent", says="Looks at everything."),
    _gauge("agent_probes", "agent", says="Members that the agent itself pings."),
    _counter("agent_probe_verdicts_total", "agent", "verdict", says="How often a ping's verdict on a member changed."),
    _gauge("agent_server_answer_timestamp_seconds", "agent",
        says="When the server last answered the agent, since 1970."),
    _counter("agent_faults_total", "agent", says="Faults of the program itself, in the agent."),
    _gauge("agent_objects_left_out", "agent", "kind",
        says="Listeners, pools and members of which no numbers are shown, because of [agent] metrics_objects."),
)  # fmt: skip

_BALANCER = ("agent", "project", "load_balancer", "load_balancer_name")
_LISTENER = (*_BALANCER, "listener", "listener_name")
_POOL = (*_BALANCER, "pool", "pool_name")
_MEMBER = (*_POOL, "member", "member_name")

LISTENER_ROWS = {
    "bytes_in": _counter("listener_received_bytes_total", *_LISTENER, says="Bytes from clients."),
    "bytes_out": _counter("listener_sent_bytes_total", *_LISTENER, says="Bytes to clients."),
    "connections_total": _counter("listener_connections_total", *_LISTENER, says="Connections of clients."),
    "connections": _gauge("listener_connections", *_LISTENER, says="Connections that are open."),
    "limit": _gauge("listener_connections_limit", *_LISTENER, says="How many may be open."),
    "rate": _gauge("listener_connection_rate", *_LISTENER, says="Connections within the last second."),
    "requests": _counter("listener_requests_total", *_LISTENER, says="HTTP requests."),
    "request_errors": _counter("listener_request_errors_total", *_LISTENER, says="Requests that could not be read."),
    "denied": _counter("listener_denied_requests_total", *_LISTENER, says="Requests that a rule turned away."),
    "responses": _counter("listener_responses_total", *_LISTENER, "code", says="HTTP responses: 1xx … 5xx, other."),
    "up": _gauge("listener_up", *_LISTENER, says="Whether clients are accepted. None if disabled."),
}
POOL_ROWS = {
    "bytes_in": _counter("pool_received_bytes_total", *_POOL, says="Bytes from clients."),
    "bytes_out": _counter("pool_sent_bytes_total", *_POOL, says="Bytes to clients."),
    "connections_total": _counter("pool_sessions_total", *_POOL, says="Connections, or HTTP requests, for the pool."),
    "connections": _gauge("pool_sessions", *_POOL, says="Those that are going on."),
    "queue": _gauge("pool_queue", *_POOL, says="Those that wait for a member to be free."),
    "connection_errors": _counter(
        "pool_connection_errors_total", *_POOL, says="Connections that members did not take."
    ),
    "response_errors": _counter("pool_response_errors_total", *_POOL, says="Answers of members that broke off."),
    "retries": _counter("pool_retries_total", *_POOL, says="Connections to a member that were tried again."),
    "redispatches": _counter("pool_redispatches_total", *_POOL, says="Requests that were given to another member."),
    "responses": _counter("pool_responses_total", *_POOL, "code", says="HTTP responses: 1xx … 5xx, other."),
    "up": _gauge("pool_up", *_POOL, says="Whether a member takes requests. None where no member is enabled."),
}
MEMBER_ROWS = {
    "bytes_in": _counter("member_received_bytes_total", *_MEMBER, says="Bytes from clients."),
    "bytes_out": _counter("member_sent_bytes_total", *_MEMBER, says="Bytes to clients."),
    "connections_total": _counter("member_sessions_total", *_MEMBER, says="Connections, or HTTP requests, for it."),
    "connections": _gauge("member_sessions", *_MEMBER, says="Those that are going on."),
    "queue": _gauge("member_queue", *_MEMBER, says="Those that wait for this member to be free."),
    "connection_errors": _counter("member_connection_errors_total", *_MEMBER, says="Connections that it did not take."),
    "response_errors": _counter("member_response_errors_total", *_MEMBER, says="Answers of it that broke off."),
    "check_failures": _counter("member_check_failures_total", *_MEMBER, says="Failed checks of a member that was up."),
    "check_seconds": _gauge("member_check_duration_seconds", *_MEMBER, says="How long the last check took."),
    "responses": _counter("member_responses_total", *_MEMBER, "code", says="HTTP responses: 1xx … 5xx, other."),
    "up": _gauge("member_up", *_MEMBER, says="Whether checks find it up, or none is made. None if disabled."),
}
CODES = ("1xx", "2xx", "3xx", "4xx", "5xx", "other")

ALL = (*SERVER, *AGENT, *LISTENER_ROWS.values(), *POOL_ROWS.values(), *MEMBER_ROWS.values())
FROM_ZERO = {
    "database_errors_total": (("read",), ("write",)),
    "database_transactions_in_progress": (("read",), ("write",)),
    "http_requests_in_progress": ((),),
    "http_requests_waiting": ((),),
    "logins_waiting": ((),),
}
"""Of the server, what is there before the first of its kind: the step from nothing to 1 is seen by nobody."""
GOING_ON = tuple(each.name for each in SERVER if each.kind is Kind.GAUGE)
"""What a process that takes another's place begins at nothing."""
PREFIX = "evenload_"
