"""The checks that HAProxy makes for a monitor, as lines of a backend and words of a server. Pure."""

import hashlib

from evenload.model.balancer import HealthMonitor, HttpCheck, LoadBalancer, Member, Pool
from evenload.model.enums import MonitorType
from evenload.model.tls import AlpnProtocol
from evenload.render import quoting

VETOABLE = ("agent-check", "agent-addr", "127.0.0.1", "agent-port", "1", "agent-inter", "1d")
"""Gives a server the bit for vetoes: HAProxy's "agent", from which nobody ever answers. A connection to it that fails
means nothing to HAProxy, and what the runtime API says of it stays. Nothing listens on port 1 of a namespace's
loopback."""

_SUITES = (
    "c02b c02f c02c c030 cca9 cca8 c009 c013 c00a c014 009c 009d 002f 0035 003c 003d 0033 0039 009e 009f 000a 00ff"
)
_EXTENSIONS = (
    "000a 000a 0008 001d 0017 0018 0019"  # groups
    " 000b 0002 0100"  # uncompressed points
    " 000d 0018 0016 0403 0804 0401 0503 0805 0501 0806 0601 0603 0203 0201"  # signatures
    " 0017 0000"
)
"""Of a client that talks TLS 1.2; no server name."""


def _hello() -> str:
    """A ClientHello in hexadecimal (RFC 5246, 7.4.1.2), always the same."""
    suites, extensions = bytes.fromhex(_SUITES), bytes.fromhex(_EXTENSIONS)
    body = b"\x03\x03" + hashlib.sha256(b"evenload").digest() + b"\x00"
    body += len(suites).to_bytes(2) + suites + b"\x01\x00" + len(extensions).to_bytes(2) + extensions
    handshake = b"\x01" + len(body).to_bytes(3) + body
    return (b"\x16\x03\x01" + len(handshake).to_bytes(2) + handshake).hex()


_HELLO = _hello()
"""Any answer in TLS will do, an alert too: a server that wants a certificate of its clients, another version or a
server name is there."""

_IN_TLS = frozenset({MonitorType.HTTPS, MonitorType.TLS_HELLO})
_SHORTEST = 1
"""Seconds between two checks where the desired state says 0: as often as we do it."""


def render_check(load_balancer: LoadBalancer, pool: Pool, monitor: HealthMonitor, connect: int) -> list[str]:
    """Where the pool's members speak TLS a TLS-HELLO monitor makes a handshake, and verifies them as their requests do.
    ``connect``: the backend's connect timeout in milliseconds.

    HAProxy gives a check ``inter`` from its begin to its end where there is no ``timeout check``; with one, the
    shorter of ``inter`` and the connect timeout to connect (TLS included), and that timeout for the answer. So what
    bounds a check is chosen as near above the monitor's timeout as may be, and where it may be above, the check itself
    looks at the clock in the end.
    """
    exact = _inter(monitor) == timeout_of(monitor)
    whole = exact or (connect < 1000 * timeout_of(monitor) < 1000 * monitor_delay(monitor))
    lines = [] if whole else [f"    timeout check {timeout_of(monitor)}s"]
    if monitor.http is not None:
        lines += ["    option httpchk", *_timed("http-check", exact=exact)]
        lines += [
            f"    http-check send {_request(load_balancer, monitor.http)}",
            f"    http-check expect status {quoting.status_codes(monitor.http.expected_codes)}",
        ]
        if not exact:
            lines.append(f"    http-check expect ! hdr name-lf {_if_in_time(monitor, 'in-time')}")
    elif monitor.type is MonitorType.TLS_HELLO and pool.tls is None:
        lines += ["    option tcp-check", *_timed("tcp-check", exact=exact)]
        lines += [
            f"    tcp-check send-binary {_HELLO}",
            "    tcp-check expect rbinary ^1[56]03 min-recv 5 ok-status L6OK error-status L6RSP tout-status L6TOUT",
        ]
        if not exact:
            lines.append(f"    tcp-check expect binary-lf {_if_in_time(monitor, '03')} ok-status L6OK")
    elif not exact:
        lines += ["    option tcp-check", *_timed("tcp-check", exact=False)]
        lines.append(f"    tcp-check send-binary-lf {_unless_in_time(monitor, '0')}")
    return lines


def _timed(word: str, *, exact: bool) -> list[str]:
    begin = [] if exact else [f"    {word} set-var(check.begun) date(0,ms)"]
    return [*begin, f"    {word} connect default"]


def _if_in_time(monitor: HealthMonitor, text: str) -> str:
    """``text``, or nothing where the monitor's timeout has passed: HAProxy fails a check whose pattern is empty. In
    time the patterns are met always: no answer has such a header, and 03 is the second byte of every answer in TLS."""
    return f"'%[{_periods(monitor)},iif(,{text})]'"


def _unless_in_time(monitor: HealthMonitor, text: str) -> str:
    """Nothing, and nothing is sent, or ``text`` where the monitor's timeout has passed: 0 is no whole byte in
    hexadecimal, which fails the check."""
    return f"'%[{_periods(monitor)},iif({text},)]'"


def _periods(monitor: HealthMonitor) -> str:
    """How many of the monitor's timeouts the check has taken, as HAProxy's own expression: 0 is in time."""
    return f"date(0,ms),sub(check.begun),div({1000 * timeout_of(monitor) + 1})"


def check_words(pool: Pool, member: Member, monitor: HealthMonitor) -> list[str]:
    """HAProxy makes a check in TLS where the server speaks it, unless the check goes to another address or port: there
    HTTP and TCP monitors are as they are called."""
    rise = quoting.number(monitor.rise, 1, 1000, "number of checks")
    fall = quoting.number(monitor.fall, 1, 1000, "number of checks")
    words = ["check", "inter", f"{_inter(monitor)}s", *_sooner(monitor), "rise", str(rise), "fall", str(fall)]
    if member.monitor_address is not None:
        words += ["addr", quoting.in_brackets(member.monitor_address)]
    if member.monitor_port is not None:
        words += ["port", str(quoting.number(member.monitor_port, 1, 65535, "port"))]
    if monitor.type in _IN_TLS and pool.tls is not None:
        words.append("check-ssl")
    elif monitor.type is MonitorType.HTTPS:
        words += ["check-ssl", "verify", "none"]
    if pool.tls is not None and monitor.http is not None and AlpnProtocol.HTTP_2 in pool.tls.alpn:
        # HAProxy makes no check in HTTP/2: its own fail where a member chooses that.
        words += ["check-alpn", AlpnProtocol.HTTP_1_1.value]
    in_tls = pool.tls is not None or monitor.type is MonitorType.HTTPS
    if in_tls and monitor.http is not None and monitor.http.domain_name is not None:
        words += ["check-sni", quoting.host_name(monitor.http.domain_name)]
    return words


def _inter(monitor: HealthMonitor) -> int:
    """Seconds between two checks of a member that is up, and the most that HAProxy lets a check connect for: a timeout
    that is longer than the delay is not had otherwise."""
    return max(monitor_delay(monitor), timeout_of(monitor))


def _sooner(monitor: HealthMonitor) -> list[str]:
    """The delay where ``inter`` is longer: it counts once a member has failed a check."""
    delay = f"{monitor_delay(monitor)}s"
    return [] if monitor_delay(monitor) == _inter(monitor) else ["fastinter", delay, "downinter", delay]


def observing_words(monitor: HealthMonitor) -> list[str]:
    """For a server that connections come to: where ``inter`` is longer than the delay, a connection that fails asks for
    a check after the delay."""
    if monitor_delay(monitor) == _inter(monitor):
        return []
    return ["observe", "layer4", "error-limit", "1", "on-error", "fastinter"]


def monitor_delay(monitor: HealthMonitor) -> int:
    """Seconds between two checks, as desired."""
    return _seconds(monitor.delay)


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
