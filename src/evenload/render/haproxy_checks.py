"""The checks that HAProxy makes for a monitor, as lines of a backend and words of a server. Pure."""

from evenload.model.balancer import HealthMonitor, HttpCheck, LoadBalancer, Member
from evenload.model.enums import MonitorType
from evenload.render import quoting

VETOABLE = ("agent-check", "agent-addr", "127.0.0.1", "agent-port", "1", "agent-inter", "1d")
"""Gives a server the bit for vetoes: HAProxy's "agent", from which nobody ever answers. A connection to it that fails
means nothing to HAProxy, and what the runtime API says of it stays. Nothing listens on port 1 of a namespace's
loopback."""

_SHORTEST = 1
"""Seconds between two checks where the desired state says 0: as often as we do it."""


def render_check(load_balancer: LoadBalancer, monitor: HealthMonitor) -> list[str]:
    lines = [f"    timeout check {timeout_of(monitor)}s"]
    if monitor.http is not None:
        lines += [
            "    option httpchk",
            f"    http-check send {_request(load_balancer, monitor.http)}",
            f"    http-check expect status {quoting.status_codes(monitor.http.expected_codes)}",
        ]
    return lines


def check_words(member: Member, monitor: HealthMonitor) -> list[str]:
    rise = quoting.number(monitor.rise, 1, 1000, "number of checks")
    fall = quoting.number(monitor.fall, 1, 1000, "number of checks")
    words = ["check", "inter", f"{_seconds(monitor.delay)}s", "rise", str(rise), "fall", str(fall)]
    if member.monitor_address is not None:
        words += ["addr", quoting.in_brackets(member.monitor_address)]
    if member.monitor_port is not None:
        words += ["port", str(quoting.number(member.monitor_port, 1, 65535, "port"))]
    if monitor.type in (MonitorType.HTTPS, MonitorType.TLS_HELLO):
        words += ["check-ssl", "verify", "none"]
        if monitor.http is not None and monitor.http.domain_name is not None:
            words += ["check-sni", quoting.host_name(monitor.http.domain_name)]
    return words


def timeout_of(monitor: HealthMonitor) -> int:
    """Seconds that a check may take."""
    return _seconds(monitor.timeout or monitor.delay)


def _request(load_balancer: LoadBalancer, check: HttpCheck) -> str:
    words = ["meth", quoting.method(check.method), "uri", quoting.url_path(check.url_path)]
    version = quoting.http_version("1.0" if check.version is None else check.version)
    words += ["ver", version]
    if check.domain_name is not None:
        words += ["hdr", "Host", quoting.host_name(check.domain_name)]
    elif version == "HTTP/1.1":
        # Which demands a host; HAProxy sends none by itself. This is what a client of the VIP would say.
        words += ["hdr", "Host", quoting.in_brackets(load_balancer.vips[0].address)]
    return " ".join(words)


def _seconds(value: int) -> int:
    return max(quoting.number(value, 0, 2_000_000, "time of a health monitor"), _SHORTEST)
