"""All settings, in oslo.config's format, read once and turned into plain dataclasses.

``main`` alone reads settings; every other package is given the dataclass it needs. The options themselves stand in
``main/options.py``, what files may have is judged in ``main/setting_files.py``.
"""

import os
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from importlib.metadata import version
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from oslo_config import cfg

from evenload.agent.settings import AgentSettings
from evenload.api.settings import ApiSettings, PolicySettings
from evenload.host.preflight import read_open_files_limit
from evenload.host.settings import HaproxySettings, HostSettings, OpenvswitchSettings, VifDriver
from evenload.main.database_place import DATABASE, DIRECTORY
from evenload.main.networking_settings import read_networking
from evenload.main.options import DEFAULT_RUN, DEFAULT_STATE, GROUPS, OCTAVIA_QUOTAS
from evenload.main.setting_files import SERVICE_AUTH, files_of, read_sections, validate_file
from evenload.main.tls_settings import read_allowed, read_tls
from evenload.model.secret_limits import SecretLimits
from evenload.render.options import RenderOptions
from evenload.service.deployment import Allowed
from evenload.service.event_book import EventSettings
from evenload.service.networking import Networking
from evenload.service.networks import NetworkSettings
from evenload.service.quotas import QuotaSettings
from evenload.service.tls_policy import TlsPolicy

_LONGEST_RUN_PATH = 90
_SOCKET = re.compile(r"/[A-Za-z0-9_./\-]{1,90}")
_DEVICE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,14}")
_PROVIDER = re.compile(r"[a-z0-9][a-z0-9_.\-]{0,63}")
_LOCATION = re.compile(r"from LocationInfo\(.*?detail='(.*?)'\)")
"""How oslo.config says in which file a bad value stands."""
_COMMENT = " (a comment has a line of its own: behind a value or a section it is part of it)"


class SettingsError(Exception):
    """A setting that cannot be used; names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingSettings:
    """Where the API listens and how callers are known. ``threads``: requests worked on at the same time."""

    host: str
    port: int
    workers: int
    threads: int
    auth_strategy: str
    user_file: Path
    default_project: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """``user``: what the server becomes where root starts it. ``agent_down_time``: silence after which an agent counts
    as away. ``events``: how many, and for how long. ``metrics``: host and port, None for none."""

    user: str
    agent_down_time: timedelta
    events: EventSettings
    metrics: tuple[str, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BarbicanSettings:
    """``endpoint`` None: the catalog's. ``authorities`` None: the system's. ``timeout``: seconds."""

    endpoint: str | None
    region_name: str | None
    interface: str
    authorities: Path | None
    timeout: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretSettings:
    """``key_file``: the keys of secrets at rest. ``barbican`` None: secrets are kept here."""

    key_file: Path
    limits: SecretLimits
    barbican: BarbicanSettings | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """``database`` is SQLAlchemy's URL. It may hold a password: never log it. ``host_name``: this agent's name.
    ``run_path``: where server and agent meet. ``files``: where all this was read.
    ``availability_zone``: that of this host. ``agent_noop``, ``ports_noop``: the agent, the provider of ports touches
    nothing."""

    files: tuple[Path, ...]
    state_path: Path
    run_path: Path
    debug: bool
    database: str = field(repr=False)
    host_name: str
    server: ServerSettings
    serving: ServingSettings
    api: ApiSettings
    policy: PolicySettings
    tls: TlsPolicy
    allowed: Allowed
    networking: Networking
    quotas: QuotaSettings
    secrets: SecretSettings
    networks: NetworkSettings
    agent: AgentSettings
    availability_zone: str
    agent_noop: bool
    ports_noop: bool
    host: HostSettings
    render: RenderOptions
    pending_timeout: timedelta = timedelta(seconds=60)


def read_settings(arguments: Sequence[str]) -> Settings:
    """Reads ``--config-file`` and ``--config-dir`` from the arguments and the files. Raises SettingsError, also for a
    setting that does not exist: oslo.config itself would pass over a slip of the pen."""
    conf = cfg.ConfigOpts()
    for group, opts in GROUPS:
        conf.register_opts(opts, group=group)
    try:
        conf(
            args=list(arguments),
            project="evenload",
            version=version("evenload"),
            description="Settings and their defaults are described in /etc/evenload/evenload.conf, of a clone in "
            "packaging/evenload.conf.",
            default_config_files=None,
        )
        files = files_of(conf)
        for path in files:
            validate_file(path)
        return _settings(conf, files)
    except cfg.ConfigFilesPermissionDeniedError as error:
        named = ", ".join(dict.fromkeys(error.config_files))
        raise SettingsError(f"{named} may be read by root alone: run this as root, or with sudo") from error
    except (cfg.Error, ValueError) as error:
        hint = _COMMENT if " #" in str(error) else ""
        raise SettingsError(_LOCATION.sub(r"in \1", str(error)) + hint) from error


def _settings(conf: Any, files: list[Path]) -> Settings:
    state_path = Path(conf.state_path).absolute()
    mappings: dict[str, str] = dict(conf.networks.bridge_mappings)
    if not mappings:
        raise SettingsError("[networks] bridge_mappings: at least one physical network is needed, as physnet1:bridge")
    for bridge in mappings.values():
        if not _DEVICE.fullmatch(bridge):
            raise SettingsError(f"[networks] bridge_mappings: '{bridge}' is no device name of at most 15 characters")
    default_network = conf.networks.default_physical_network or next(iter(mappings))
    if default_network not in mappings:
        raise SettingsError(f"[networks] default_physical_network: {default_network} is not in bridge_mappings")
    if conf.agent.resync_interval >= conf.server.agent_down_time:
        raise SettingsError("[agent] resync_interval: must be shorter than [server] agent_down_time")
    if conf.ports.provider == "noop" and conf.agent.host != "noop":
        raise SettingsError(
            "[ports] provider: noop goes with [agent] host = noop alone, nobody could build such a port"
        )
    chroot = state_path / "empty"
    balancers = state_path / "load_balancers"
    return Settings(
        files=tuple(files),
        state_path=state_path,
        run_path=_run_path(conf.run_path, state_path),
        debug=conf.debug,
        database=conf.database.connection or f"sqlite:///{state_path / DIRECTORY / DATABASE}",
        host_name=conf.host or socket.gethostname(),
        server=ServerSettings(
            user=conf.server.user,
            agent_down_time=timedelta(seconds=conf.server.agent_down_time),
            events=EventSettings(keep=conf.server.events_most, keep_for=timedelta(days=conf.server.events_days)),
            metrics=(str(conf.server.metrics_host), conf.server.metrics_port) if conf.server.metrics_port else None,
        ),
        serving=ServingSettings(
            host=str(conf.api.bind_host),
            port=conf.api.bind_port,
            workers=conf.api.workers,
            threads=conf.api.threads,
            auth_strategy=conf.api.auth_strategy,
            user_file=Path(conf.api.http_basic_auth_user_file),
            default_project=conf.api.default_project,
        ),
        api=ApiSettings(
            page_limit=conf.api.pagination_max_limit,
            base_uri=conf.api.api_base_uri,
            trust_forwarded=conf.api.trust_forwarded,
            healthcheck=conf.api.healthcheck_enabled,
            audit=conf.api.audit,
            provider_aliases=tuple(
                name
                for name in _provider_names("provider_aliases", conf.api.provider_aliases)
                if name != ApiSettings().provider
            ),
            lbaas_v1_providers=_providers(conf.api.lbaas_v1_providers),
        ),
        policy=PolicySettings(
            file=Path(conf.oslo_policy.policy_file) if conf.oslo_policy.policy_file else None,
            enforce_new_defaults=conf.oslo_policy.enforce_new_defaults,
        ),
        tls=read_tls(conf.api, http_3=conf.haproxy.http_3),
        allowed=read_allowed(conf.api),
        networking=read_networking(conf.networking),
        quotas=QuotaSettings(
            v1={resource: conf.quotas[f"quota_{resource}"] for resource in QuotaSettings().v1},
            octavia={name: conf.quotas[f"default_{word}_quota"] for word, name in OCTAVIA_QUOTAS.items()},
        ),
        secrets=SecretSettings(
            key_file=Path(conf.secrets.key_file or state_path / "secrets.key").absolute(),
            limits=SecretLimits(
                secrets=conf.secrets.quota_secrets,
                containers=conf.secrets.quota_containers,
                consumers=conf.secrets.quota_consumers,
                payload_bytes=conf.secrets.max_payload_bytes,
            ),
            barbican=_barbican(conf, files),
        ),
        networks=NetworkSettings(
            default_physical_network=default_network,
            physical_networks=tuple(mappings),
            vlan_ranges=tuple(_vlan_range(text, mappings) for text in conf.networks.vlan_ranges),
            default_mtu=conf.networks.mtu,
        ),
        agent=AgentSettings(
            workers=conf.agent.workers,
            resync_interval=conf.agent.resync_interval,
            statistics_interval=conf.agent.statistics_interval,
            removal_share=conf.agent.removal_share,
            shown_objects=conf.agent.metrics_objects,
        ),
        availability_zone=_zone(conf.agent.availability_zone),
        agent_noop=conf.agent.host == "noop",
        ports_noop=conf.ports.provider == "noop",
        host=HostSettings(
            state_dir=balancers,
            netns_dir=Path(conf.agent.netns_dir),
            vif_driver=VifDriver(conf.agent.interface_driver),
            bridge_mappings=mappings,
            manage_kernel_limits=conf.agent.manage_kernel_limits,
            probe_addresses=conf.agent.probe_addresses,
            haproxy=HaproxySettings(
                binary=conf.haproxy.binary,
                user=conf.haproxy.user,
                group=conf.haproxy.group,
                chroot=chroot,
                log_socket=_log_socket(conf.haproxy.log_socket),
                ocsp_update=conf.haproxy.ocsp_update,
                http_3=conf.haproxy.http_3,
            ),
            openvswitch=OpenvswitchSettings(
                connection=conf.openvswitch.connection,
                use_veth=conf.openvswitch.use_veth,
                datapath_type=conf.openvswitch.datapath_type,
            ),
        ),
        render=RenderOptions(
            state_dir=str(balancers),
            user=conf.haproxy.user,
            group=conf.haproxy.group,
            chroot=str(chroot),
            maxconn=conf.haproxy.maxconn,
            process_maxconn=conf.haproxy.process_maxconn,
            open_files=read_open_files_limit(),
            hard_stop_after=conf.haproxy.hard_stop_after,
            log_socket=_log_socket(conf.haproxy.log_socket),
            ocsp_update=conf.haproxy.ocsp_update,
            nameservers=_nameservers(conf.haproxy.ocsp_nameservers),
        ),
    )


def _nameservers(addresses: Sequence[str]) -> tuple[str, ...]:
    try:
        return tuple(str(ip_address(each)) for each in addresses)
    except ValueError as error:
        raise SettingsError(f"[haproxy] ocsp_nameservers: {error}") from error


_OF_BARBICAN = ("endpoint", "region_name", "endpoint_type", "ca_certificates_file", "timeout")


def _barbican(conf: Any, files: Sequence[Path]) -> BarbicanSettings | None:
    own = conf.secrets
    if own.cert_manager != "barbican":
        for section, values in ((section, values) for path in files for section, values in read_sections(path).items()):
            names = [name for name in _OF_BARBICAN if section == "secrets" and name in values]
            if names or (section == SERVICE_AUTH and values):
                place = f"[{section}] {names[0]}" if names else f"[{section}]"
                raise SettingsError(f"{place}: goes with [secrets] cert_manager = barbican alone")
        return None
    if conf.api.auth_strategy != "keystone":
        raise SettingsError(
            "[secrets] cert_manager: barbican goes with [api] auth_strategy = keystone alone; whether a caller may read"
            " what he names, Barbican says by his token"
        )
    return BarbicanSettings(
        endpoint=own.endpoint,
        region_name=own.region_name,
        interface=own.endpoint_type,
        authorities=Path(own.ca_certificates_file) if own.ca_certificates_file else None,
        timeout=own.timeout,
    )


def _zone(name: str) -> str:
    if not 1 <= len(name) <= 255 or not name.isprintable():
        raise SettingsError("[agent] availability_zone: a name of at most 255 characters is needed")
    return name


def _log_socket(path: str | None) -> str | None:
    if not path:
        return None
    if _SOCKET.fullmatch(path) is None:
        raise SettingsError(f"[haproxy] log_socket: '{path}' is no absolute path of plain characters")
    return path


def _run_path(wanted: str | None, state_path: Path) -> Path:
    path = Path(wanted).absolute() if wanted else state_path / "run" if state_path != Path(DEFAULT_STATE) else None
    path = path or Path(DEFAULT_RUN)
    if len(os.fsencode(path)) > _LONGEST_RUN_PATH:
        raise SettingsError(
            f"[DEFAULT] run_path: {path} is longer than {_LONGEST_RUN_PATH} bytes, too long for the sockets in it"
        )
    return path


def _providers(names: Sequence[str]) -> tuple[str, ...]:
    if not names:
        raise SettingsError("[api] lbaas_v1_providers: at least one name is needed")
    return _provider_names("lbaas_v1_providers", names)


def _provider_names(setting: str, names: Sequence[str]) -> tuple[str, ...]:
    """In lower case, each once."""
    lowered = tuple(dict.fromkeys(name.lower() for name in names))
    for name in lowered:
        if not _PROVIDER.fullmatch(name):
            raise SettingsError(f"[api] {setting}: '{name}' can be no provider's name")
    return lowered


def _vlan_range(text: str, mappings: dict[str, str]) -> tuple[str, int, int]:
    parts = text.split(":")
    if len(parts) != 3 or not all(part.isdecimal() for part in parts[1:]):
        raise SettingsError(f"[networks] vlan_ranges: '{text}' is not physnet:first:last")
    physical_network, first, last = parts[0], int(parts[1]), int(parts[2])
    if physical_network not in mappings:
        raise SettingsError(f"[networks] vlan_ranges: {physical_network} is not in bridge_mappings")
    if not 1 <= first <= last <= 4094:
        raise SettingsError(f"[networks] vlan_ranges: '{text}' is not within 1 to 4094")
    return physical_network, first, last
