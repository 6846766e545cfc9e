"""Every setting as an option of oslo.config, by section, with the text of the sample configuration."""

from oslo_config import cfg

from evenload.api.settings import ApiSettings
from evenload.main.networking_settings import NETWORKING_OPTIONS
from evenload.main.tls_settings import ALLOWING, TLS_OPTIONS
from evenload.model.registration import DEFAULT_ZONE
from evenload.service.event_book import EventSettings
from evenload.service.quotas import RESOURCES, QuotaSettings
from evenload.service.scheduler import AGENT_DOWN_TIME

DEFAULT_STATE = "/var/lib/evenload"
DEFAULT_RUN = "/run/evenload"

_DEFAULT = [
    cfg.StrOpt("state_path", default=DEFAULT_STATE, help="Directory for the database and the load balancers' state."),
    cfg.StrOpt(
        "host",
        default=None,
        help="Name of this host among the agents; its load balancers follow a change. Default: its host name.",
    ),
    cfg.StrOpt(
        "run_path",
        default=None,
        help=f"Directory for the sockets between server and agent. Default: {DEFAULT_RUN}, with another state_path run "
        "under that.",
    ),
    cfg.BoolOpt("debug", default=False, help="Log more, for those who look for a fault."),
]
_SERVER = [
    cfg.StrOpt(
        "user", default="evenload", help="User that the server becomes where root starts it; it must own its database."
    ),
    cfg.IntOpt(
        "agent_down_time",
        default=int(AGENT_DOWN_TIME.total_seconds()),
        min=1,
        help="Seconds of silence after which an agent counts as away: nothing new is given to it, what waits fails.",
    ),
    cfg.IntOpt(
        "events_most",
        default=EventSettings().keep,
        min=100,
        max=10_000_000,
        help="Events that are kept in the database; the oldest go first.",
    ),
    cfg.IntOpt(
        "events_days", default=EventSettings().keep_for.days, min=1, max=3650, help="Days for which events are kept."
    ),
    cfg.HostAddressOpt(
        "metrics_host", default="127.0.0.1", help="Address of /metrics, where everybody may ask who reaches it."
    ),
    cfg.IntOpt(
        "metrics_port",
        default=0,
        min=0,
        max=65535,
        help="Port of /metrics, with the numbers of server and agent for Prometheus; 0: none are served or counted.",
    ),
]
_API = [
    cfg.HostAddressOpt("bind_host", default="127.0.0.1", help="Address on which the API listens."),
    cfg.PortOpt("bind_port", default=9876, help="Port on which the API listens."),
    cfg.IntOpt("workers", default=1, min=1, max=64, help="Processes that answer requests, where one is not enough."),
    cfg.IntOpt("threads", default=8, min=1, max=256, help="Requests that are worked on at the same time."),
    cfg.StrOpt(
        "auth_strategy",
        default="none",
        choices=[
            ("none", "everybody who reaches the API is administrator; for loopback and labs"),
            ("http_basic", "user and password from http_basic_auth_user_file"),
            ("keystone", "Keystone's tokens, see [keystone_authtoken]"),
        ],
        help="How callers are known.",
    ),
    cfg.StrOpt(
        "http_basic_auth_user_file",
        default="/etc/evenload/htpasswd",
        help="Lines of user:bcrypt hash:project:role[,role…], made by evenload-user; readable by root and the server's "
        "group alone.",
    ),
    cfg.StrOpt("default_project", default="default", help="Project of all callers under auth_strategy none."),
    cfg.IntOpt("pagination_max_limit", default=1000, min=1, help="Objects in one answer at the most."),
    cfg.StrOpt("api_base_uri", default=None, help="Base of the links in answers. Default: the request's own."),
    cfg.BoolOpt(
        "trust_forwarded",
        default=False,
        help="Believe X-Forwarded-Proto, -Host (for links) and -For; only behind a proxy that sets all three.",
    ),
    cfg.BoolOpt("healthcheck_enabled", default=True, help="Answer GET /healthcheck without authentication."),
    cfg.BoolOpt("audit", default=True, help="Log who asked for which change, and what became of it."),
    cfg.ListOpt(
        "provider_aliases",
        default=list(ApiSettings().provider_aliases),
        help="Octavia's API: further names of the provider evenload, for files that were written for another one.",
    ),
    cfg.ListOpt(
        "lbaas_v1_providers",
        default=list(ApiSettings().lbaas_v1_providers),
        help="Names under which pools of LBaaS v1 may ask for this provider; the first is the default.",
    ),
    *ALLOWING,
    *TLS_OPTIONS,
]
_POLICY = [
    cfg.StrOpt(
        "policy_file",
        default=None,
        deprecated_group="api",
        help="oslo.policy file that overrides the built-in rules.",
    ),
    cfg.BoolOpt(
        "enforce_new_defaults",
        default=False,
        deprecated_group="api",
        help="Let the older roles load-balancer_* of Octavia count no longer.",
    ),
]
OCTAVIA_QUOTAS = {kind.value.replace("l7_", "l7"): resource for kind, resource in RESOURCES.items()}
"""The words of Octavia's settings for its resources."""
_QUOTAS = [
    cfg.IntOpt(
        f"quota_{resource}",
        default=limit,
        min=-1,
        max=2**31 - 1,
        help=f"LBaaS v1: each project's {resource.replace('_', ' ')}s at the most, unless set for it. -1: no limit.",
    )
    for resource, limit in QuotaSettings().v1.items()
] + [
    cfg.IntOpt(
        f"default_{word}_quota",
        default=-1,
        min=-1,
        max=2_000_000_000,
        help="Octavia's API: each project's objects of this kind at the most, unless set for it. -1: no limit.",
    )
    for word in OCTAVIA_QUOTAS
]
_DATABASE = [
    cfg.StrOpt(
        "connection",
        default=None,
        secret=True,
        help="SQLAlchemy URL. Default: SQLite in server/evenload.sqlite under state_path.",
    ),
]
_NETWORKS = [
    cfg.DictOpt(
        "bridge_mappings",
        default={"physnet1": "br-evenload"},
        help="Physical network to bridge, physnet:bridge[,…]. A bridge that does not exist is made.",
    ),
    cfg.StrOpt("default_physical_network", default=None, help="For networks created without one. Default: the first."),
    cfg.ListOpt(
        "vlan_ranges",
        default=[],
        help="VLANs for networks created without provider attributes: physnet:first:last[,…].",
    ),
    cfg.IntOpt("mtu", default=1500, min=576, max=9216, help="MTU of networks created without one."),
]
_AGENT = [
    cfg.StrOpt(
        "host",
        default="linux",
        choices=[
            ("linux", "load balancers are built on this machine"),
            ("noop", "success is reported and nothing is built, for trying clients; needs no root"),
        ],
        help="What becomes of load balancers.",
    ),
    cfg.StrOpt(
        "interface_driver",
        default="linuxbridge",
        choices=["linuxbridge", "openvswitch"],
        help="What VIP ports are plugged into.",
    ),
    cfg.StrOpt("netns_dir", default="/run/netns", help="Where namespaces are named; ip netns looks in /run/netns."),
    cfg.StrOpt(
        "availability_zone",
        default=DEFAULT_ZONE,
        help="Availability zone of this host; compute_zone in the profile of a zone chooses hosts by it.",
    ),
    cfg.FloatOpt("resync_interval", default=30.0, min=0.2, help="Seconds between looks at the whole host."),
    cfg.FloatOpt(
        "statistics_interval",
        default=1.0,
        min=0.1,
        help="Seconds between looks at statuses and counters. What is at rest is looked at three times as rarely, but "
        "at least once in each delay of its health monitors.",
    ),
    cfg.IntOpt("workers", default=8, min=1, max=64, help="Load balancers that are worked on at the same time."),
    cfg.IntOpt(
        "metrics_objects",
        default=1000,
        min=0,
        max=100_000,
        help="Listeners, pools and members of this host whose numbers /metrics shows: listeners first, members last.",
    ),
    cfg.FloatOpt(
        "removal_share",
        default=0.25,
        min=0.0,
        max=1.0,
        help="Largest share of this host's load balancers that one look removes because the server knows them no more. "
        "Two may always go. Where there are more, none goes and an error is logged; 1 confirms their removal.",
    ),
    cfg.BoolOpt("manage_kernel_limits", default=True, help="Raise neighbour table limits that are too low."),
    cfg.BoolOpt(
        "probe_addresses",
        default=True,
        help="Ask the network whether another machine has a VIP's address before it is taken, by ARP probe and "
        "duplicate address detection; the load balancer is ERROR then.",
    ),
]
_PORTS = [
    cfg.StrOpt(
        "provider",
        default="builtin",
        choices=[
            ("builtin", "the networks that this service itself keeps"),
            ("noop", "those, and any other is taken for one that exists; with [agent] host = noop alone"),
        ],
        help="Where VIP ports come from.",
    ),
]
_OPENVSWITCH = [
    cfg.StrOpt("connection", default="unix:/var/run/openvswitch/db.sock", help="Where ovsdb-server listens."),
    cfg.BoolOpt("use_veth", default=False, help="Plug veth pairs instead of internal ports."),
    cfg.StrOpt("datapath_type", default="system", choices=["system", "netdev"], help="Of bridges the agent makes."),
]
_HAPROXY = [
    cfg.StrOpt("binary", default="/usr/sbin/haproxy", help="HAProxy, 2.6 or newer."),
    cfg.StrOpt("user", default="haproxy", help="User that HAProxy runs as."),
    cfg.StrOpt("group", default="haproxy", help="Group that HAProxy runs as."),
    cfg.IntOpt("maxconn", default=50000, min=1, help="Connections of a listener whose connection_limit is -1."),
    cfg.IntOpt("process_maxconn", default=50000, min=1, help="Connections of one load balancer at the most."),
    cfg.StrOpt(
        "log_socket",
        default=None,
        help="Path of a syslog socket as HAProxy sees it within its chroot (empty under state_path), such as /log, for "
        "flavors that ask for a log. Default: none.",
    ),
    cfg.IntOpt(
        "hard_stop_after",
        default=0,
        min=0,
        help="Seconds that connections may outlive a change of a listener or the end of a member; 0: no limit.",
    ),
    cfg.BoolOpt(
        "ocsp_update",
        default=False,
        help="Ask the responders of certificates, from the load balancer's network, whether these are good, and show "
        "clients the answers (OCSP staples). HAProxy 2.8 or newer.",
    ),
    cfg.BoolOpt(
        "http_3",
        default=False,
        help="Let listeners speak HTTP/3 where callers name h3 among their ALPN protocols. A HAProxy with QUIC, 3.0 or "
        "newer, on every host.",
    ),
    cfg.ListOpt(
        "ocsp_nameservers",
        default=[],
        help="Addresses of name servers for responders, reachable from the load balancers' networks. Default: the "
        "host's.",
    ),
]
_SECRETS = [
    cfg.StrOpt(
        "cert_manager",
        default="builtin",
        choices=[
            ("builtin", "the store of this service itself, which answers at /v1"),
            ("barbican", "Barbican, by the user of [service_auth]; callers have Keystone's tokens"),
        ],
        help="What keeps the secrets that listeners and pools name.",
    ),
    cfg.URIOpt(
        "endpoint",
        default=None,
        schemes=["http", "https"],
        help="Barbican: its address. Default: that of the type key-manager in Keystone's catalog.",
    ),
    cfg.StrOpt("region_name", default=None, help="Barbican: region in the catalog. Default: any."),
    cfg.StrOpt(
        "endpoint_type",
        default="public",
        choices=["public", "internal", "admin"],
        help="Barbican: which of its addresses in the catalog.",
    ),
    cfg.StrOpt(
        "ca_certificates_file",
        default=None,
        help="Barbican: authorities of its and Keystone's certificates. Default: those of the system.",
    ),
    cfg.FloatOpt(
        "timeout", default=5.0, min=0.1, max=60.0, help="Barbican: seconds for which an answer is waited for."
    ),
    cfg.StrOpt(
        "key_file",
        default=None,
        help="Keys by which secrets are encrypted in the database, a line each; made where there is none, readable by "
        "root alone. Default: secrets.key in state_path. Keep a copy: without it the secrets are lost.",
    ),
    cfg.IntOpt("quota_secrets", default=1000, min=-1, help="Secrets of a project; -1: any number."),
    cfg.IntOpt("quota_containers", default=1000, min=-1, help="Containers of secrets of a project; -1: any number."),
    cfg.IntOpt("quota_consumers", default=1000, min=-1, help="Consumers of a container; -1: any number."),
    cfg.IntOpt("max_payload_bytes", default=262144, min=1024, max=1048576, help="Length of a secret's payload."),
]
GROUPS: list[tuple[str | None, list[cfg.Opt]]] = [
    (None, _DEFAULT),
    ("server", _SERVER),
    ("api", _API),
    ("oslo_policy", _POLICY),
    ("quotas", _QUOTAS),
    ("secrets", _SECRETS),
    ("database", _DATABASE),
    ("networks", _NETWORKS),
    ("networking", NETWORKING_OPTIONS),
    ("ports", _PORTS),
    ("agent", _AGENT),
    ("openvswitch", _OPENVSWITCH),
    ("haproxy", _HAPROXY),
]
"""The first is DEFAULT."""
