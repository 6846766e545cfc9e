"""The sections of a HAProxy configuration other than backends, one function each, returning lines. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from evenload.model.balancer import Listener, LoadBalancer
from evenload.model.enums import InsertedHeader, ListenerProtocol
from evenload.model.flavor import MAX_THREADS, PLAIN, FlavorValues
from evenload.render import quoting
from evenload.render.haproxy_clients import render_client_headers, shares_sessions
from evenload.render.haproxy_policies import PolicyLines
from evenload.render.haproxy_room import PIPES_AT_MOST, limit_of
from evenload.render.haproxy_tls import directory_of, render_alternative, render_hsts, render_slots, render_tls
from evenload.render.options import RenderOptions

LOCAL_PEER = "evenload"
LONGEST = 2_073_600_000
"""Milliseconds (24 days) that stand for "no limit": HAProxy warns of a timeout that is missing or 0."""

_EXPORTER = (
    "    http-request deny deny_status 405 unless METH_GET",
    "    http-request use-service prometheus-exporter if { path /metrics }",
    "    http-request return status 404",
)
"""Of this process, hence of this load balancer alone."""
_HEADER = 30_000
"""Milliseconds that a client has for the header of a request at least, where no pause in it is too long."""
_CIDRS_A_LINE = 16
_CONTROLS = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"
"""What no value has (RFC 9110, 5.5). Of CR and LF, with which HAProxy ends each here, it refuses others itself."""
_DIFFIE_HELLMAN = ("    tune.ssl.default-dh-param 2048",)
"""Without it ciphers that begin with DHE are never agreed on."""
_QUIC = (
    # Over a TLS library without an interface for QUIC: Debian's OpenSSL. There is no resumption ahead of the handshake.
    "    limited-quic",
    # Each connection has a socket of its own, at the listener's port, so that it stays with its process at a reload.
    "    setcap cap_net_bind_service",
)
_SESSIONS = 1000
"""Of TLS, kept to be resumed by clients that take no ticket."""


def render_global(
    load_balancer: LoadBalancer,
    options: RenderOptions,
    worker: int,
    connections: int,
    listeners: Sequence[Listener] = (),
) -> list[str]:
    """``listeners``: those in service."""
    flavor = load_balancer.flavor or PLAIN
    directory = directory_of(load_balancer, options)
    return [
        "global",
        f"    user {quoting.account(options.user)}",
        f"    group {quoting.account(options.group)}",
        f"    chroot {quoting.path(options.chroot)}",
        f"    localpeer {LOCAL_PEER}",
        f"    nbthread {quoting.number(flavor.threads, 1, MAX_THREADS, 'threads')}",
        f"    maxconn {connections}",
        f"    maxpipes {min(max(connections // 4, 1), PIPES_AT_MOST)}",
        *_hard_stop(options),
        *_log(flavor, options),
        # Without it HAProxy reads the system's CA certificates at each start, for an HTTP client that is never used.
        "    httpclient.ssl.verify none",
        f"    tune.ssl.cachesize {_SESSIONS if shares_sessions(listeners) else 0}",
        *(_DIFFIE_HELLMAN if any(each.tls is not None for each in listeners) else ()),
        *(_QUIC if any(each.tls is not None and each.tls.speaks_quic for each in listeners) else ()),
        f"    server-state-file {directory}/servers.state",
        render_stats_socket(directory, worker),
    ]


def _log(flavor: FlavorValues, options: RenderOptions) -> list[str]:
    """In the format of RFC 3164, which every syslog reads; the tag is HAProxy's own name."""
    return [f"    log {quoting.path(options.log_socket)} local0"] if flavor.log and options.log_socket else []


def _hard_stop(options: RenderOptions) -> list[str]:
    """By default what is connected stays so, however often the load balancer is changed."""
    seconds = quoting.number(options.hard_stop_after, 0, 2_000_000, "hard-stop-after")
    return [f"    hard-stop-after {seconds}s"] if seconds else []


def render_stats_socket(directory: str, worker: int) -> str:
    """The one line in which the texts of two workers differ (haproxy_text leaves it out when comparing)."""
    number = quoting.number(worker, 0, 10**9, "worker number")  # 0: of a file that none runs by yet
    return (
        f"    stats socket {directory}/haproxy-{number}.sock"
        " user root group root mode 600 level admin expose-fd listeners"
    )


def render_defaults(load_balancer: LoadBalancer, options: RenderOptions) -> list[str]:
    flavor = load_balancer.flavor or PLAIN
    return [
        "defaults",
        *(["    log global"] if flavor.log and options.log_socket else []),
        "    retries 3",
        # At once to another member: one that has died refuses requests until its monitor has noticed.
        "    option redispatch 1",
        "    option splice-response",
        "    load-server-state-from-file global",
        # Any address of the host, as without it; but sockets that are made by it leave their ports to listeners.
        "    source 0.0.0.0",
    ]


def render_resolvers(options: RenderOptions) -> list[str]:
    """By which HAProxy finds the responders of OCSP; it makes a section of this name itself else, of the host's."""
    lines = [
        f"    nameserver server{number} {quoting.address_and_port(address, 53)}"
        for number, address in enumerate(options.nameservers)
    ]
    return ["resolvers default", *lines]


def render_peers() -> list[str]:
    """Stick tables outlive a reload by being taught to the new process, through the loopback of the namespace.

    HAProxy lets a process teach only when it has been taught itself or has waited five seconds for that: what is
    learnt in the first five seconds after a start (not after a reload) is lost by a reload within them.
    """
    return ["peers local", f"    peer {LOCAL_PEER} 127.0.0.1:1024"]


def render_frontend(
    load_balancer: LoadBalancer,
    listener: Listener,
    options: RenderOptions,
    backends: Mapping[str, str],
    policies: PolicyLines,
) -> list[str]:
    """``backends``: names of the listener's, by pool. Where its default pool has none the listener answers 503, or
    closes connections where it speaks no HTTP."""
    exports = listener.protocol is ListenerProtocol.PROMETHEUS
    http = listener.protocol.speaks_http or exports
    lines = [f"frontend {quoting.identifier(listener.id)}", f"    mode {'http' if http else 'tcp'}"]
    directory = directory_of(load_balancer, options)
    tls = render_tls(listener, directory)
    lines += [f"    {_bind(vip.address, listener.port)}{tls}" for vip in load_balancer.vips]
    if listener.tls is not None and listener.tls.speaks_quic:
        quic = render_tls(listener, directory, quic=True)
        lines += [f"    {_bind_quic(vip.address, listener.port)}{quic}" for vip in load_balancer.vips]
    lines += [*render_slots(listener, directory, options), *(slot.line for slot in policies.slots)]
    lines.append(f"    maxconn {limit_of(listener, load_balancer, options)}")
    if (load_balancer.flavor or PLAIN).log and options.log_socket:
        lines.append(f"    option {'httplog' if http else 'tcplog'}")
    lines.append(f"    timeout client {milliseconds(listener.timeout_client_data)}")
    if listener.protocol.speaks_http:
        # Of bodies alone that are longer than a few KiB. Where HAProxy knows no bodies each short message would pay for
        # it, as it does for the other direction, in which more is sent at once.
        lines.append("    option splice-request")
    if http:
        # Before its first request and between two requests a client may be silent for as long as within one; the
        # header of a request may take that long as a whole, and half a minute however slowly it comes.
        lines.append(f"    timeout http-keep-alive {milliseconds(listener.timeout_client_data)}")
        lines.append(f"    timeout http-request {max(_HEADER, milliseconds(listener.timeout_client_data))}")
        # A connection that is closed unused is no failed request.
        lines.append("    option http-ignore-probes")
        # An old process lets its idle clients finish by themselves instead of cutting them at a reload.
        lines.append("    option idle-close-on-response")
    lines += _admission(listener)
    if listener.timeout_tcp_inspect:
        lines.append(f"    tcp-request inspect-delay {milliseconds(listener.timeout_tcp_inspect)}")
    if exports:
        return [*lines, *_EXPORTER]
    if http:
        lines += _refusals(listener, policies)
        # Before any rule looks at them: nobody has a use for what a client says of its own certificate.
        lines += render_client_headers(listener)
    lines += policies.requests
    if http:
        lines += _inserted_headers(listener)
        lines += [*render_hsts(listener), *render_alternative(listener)]
    lines += policies.choices
    backend = backends.get(listener.default_pool_id or "")
    if backend is not None:
        lines.append(f"    default_backend {backend}")
    return lines


def _refusals(listener: Listener, policies: PolicyLines) -> list[str]:
    """What HAProxy 2.6 hands to members though they may read it in another way: control characters in a field, zero
    bytes among them, a body in chunks in a version of HTTP that has none, and a host with the beginning of a path in
    it, which HTTP/2 and later can have. Where requests are judged or told of their client, more is refused that rules
    would not see as members do: in any version a host that is none, and a target without a path, or with a host that
    stands nowhere else; and no member is asked to change to what passes by all that: HTTP/2, or a tunnel behind
    CONNECT."""
    # What is cheap to ask, and mostly not so, first: every request pays for it.
    chunks = "{ req.fhdr(transfer-encoding) -m found } { req.ver -m beg 0. 1.0 }"
    if not (policies.requests or policies.choices or listener.insert_headers):
        controls = f"{{ req.hdrs -m reg '{_CONTROLS}' }}"
        host = "{ fc_http_major ge 2 } { req.hdr(host) -m reg '[/?#@]' }"
        return [f"    http-request deny deny_status 400 if {controls} || {chunks} || {host}"]
    controls_or_host = rf"{{ req.hdrs -m reg '{_CONTROLS}|(^|\n)host: [^\r\n]*[/?#@,]' }}"
    target = "!{ url_beg / } !{ base -m reg '^[^/]+/' }"
    return [
        f"    http-request deny deny_status 400 if {controls_or_host} || {chunks} || {target}",
        "    http-request deny deny_status 405 if METH_CONNECT",
        "    http-request del-header Upgrade if { req.hdr(upgrade) -i -m beg h2 }",
    ]


def _bind(address: str, port: int) -> str:
    """A reloaded process takes over just the sockets that are as its own bind lines want them. The kernel's IPv6
    sockets are for that family alone here; a line that does not say so gets a socket of its own, and whoever waits at
    the former one is reset."""
    place = quoting.address_and_port(address, port)
    return f"bind {place} v6only" if place.startswith("[") else f"bind {place}"


def _bind_quic(address: str, port: int) -> str:
    place = quoting.address_and_port(address, port)
    return f"bind quic6@{place}" if place.startswith("[") else f"bind quic4@{place}"


def milliseconds(value: int) -> int:
    return quoting.number(value, 0, LONGEST, "timeout") or LONGEST


def _admission(listener: Listener) -> list[str]:
    if listener.connection_limit == 0:
        return ["    tcp-request connection reject"]
    if not listener.allowed_cidrs:
        return []
    cidrs = [quoting.network(cidr) for cidr in listener.allowed_cidrs]
    parts = [cidrs[place : place + _CIDRS_A_LINE] for place in range(0, len(cidrs), _CIDRS_A_LINE)]
    return [
        *(f"    acl allowed src {' '.join(part)}" for part in parts),
        "    tcp-request connection reject if !allowed",
    ]


def _inserted_headers(listener: Listener) -> list[str]:
    """X-Forwarded-For is added behind what the client sent, as proxies in a row do: the last one is ours. The others
    replace what the client sent. Members that are programs behind a gateway (RFC 3875) cannot tell a hyphen from an
    underscore, so names that differ from ours in these alone go."""
    scheme = "http" if listener.tls is None else "https"
    lines = {
        InsertedHeader.X_FORWARDED_FOR: "    option forwardfor",
        InsertedHeader.X_FORWARDED_PORT: f"    http-request set-header X-Forwarded-Port {listener.port}",
        InsertedHeader.X_FORWARDED_PROTO: f"    http-request set-header X-Forwarded-Proto {scheme}",
        **{
            header: f"    http-request set-header {header.value} %[src]"
            for header in (InsertedHeader.X_FORWARDED_IP, InsertedHeader.X_CLIENT_IP, InsertedHeader.X_REAL_IP)
        },
    }
    inserted = [header for header in lines if header in listener.insert_headers]
    if not inserted:
        return []
    alike = "|".join(name for header in inserted for name in _alike(header))
    return [f"    http-request del-header '^({alike})$' -m reg", *(lines[header] for header in inserted)]


def _alike(header: InsertedHeader) -> Iterator[str]:
    """Patterns of its names with an underscore or more in place of hyphens."""
    words = header.value.lower().split("-")
    for number in range(1, len(words)):
        yield f"{'-'.join(words[:number])}_{'[-_]'.join(words[number:])}"
