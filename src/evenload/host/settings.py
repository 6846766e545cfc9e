"""The settings of one host, as plain values; ``main/settings.py`` fills them from oslo.config."""

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path


class VifDriver(Enum):
    LINUX_BRIDGE = "linuxbridge"
    OPENVSWITCH = "openvswitch"


@dataclass(frozen=True, slots=True, kw_only=True)
class HaproxySettings:
    """``user`` and ``group`` are what the process drops to; ``chroot`` an empty directory, made if missing.
    ``log_socket``: the path within it at which something else may have put a socket of syslog. ``ocsp_update``: the
    binary has to be able to renew OCSP staples; ``http_3``: it has to have QUIC."""

    binary: str = "/usr/sbin/haproxy"
    user: str = "haproxy"
    group: str = "haproxy"
    chroot: Path = Path("/var/lib/evenload/empty")
    start_timeout: float = 10.0
    log_socket: str | None = None
    ocsp_update: bool = False
    http_3: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenvswitchSettings:
    """``connection``: where ovsdb-server listens. ``use_veth``: a veth pair instead of an internal port.

    ``datapath_type`` is set on bridges that the agent makes itself; "system" is the kernel's, "netdev" userspace.
    """

    connection: str = "unix:/var/run/openvswitch/db.sock"
    use_veth: bool = False
    datapath_type: str = "system"
    timeout: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSettings:
    """``bridge_mappings``: physical network → bridge. ``state_dir`` holds one directory per load balancer, 0700.

    ``manage_kernel_limits``: raise neighbour table limits that are too low, instead of only warning.
    ``probe_addresses``: ask the wire whether somebody has an address before it is taken.
    """

    state_dir: Path = Path("/var/lib/evenload/load_balancers")
    netns_dir: Path = Path("/run/netns")
    vif_driver: VifDriver = VifDriver.LINUX_BRIDGE
    bridge_mappings: dict[str, str] = field(default_factory=dict)
    manage_kernel_limits: bool = True
    probe_addresses: bool = True
    haproxy: HaproxySettings = HaproxySettings()
    openvswitch: OpenvswitchSettings = OpenvswitchSettings()
