"""What a load balancer's kernel needs: settings of its namespace, and which local ports are kept for its listeners.

Each function works in the namespace of the calling thread. docs/host.md has the table with the reasons, and what
Octavia sets. A new namespace inherits some of the host's settings, so what matters is set whatever it is there.
"""

import errno
import os
from collections.abc import Collection, Mapping

from evenload.host.links import change_link
from evenload.host.netlink import Netlink
from evenload.host.refusal import refusal
from evenload.host.sysctl import read_sysctl, write_sysctls
from evenload.model.network_steps import FIRST_SOURCE_PORT

_RESERVED = "net/ipv4/ip_local_reserved_ports"
_SOURCE_PORTS = "net/ipv4/ip_local_port_range"
_SOURCE_RANGE = f"{FIRST_SOURCE_PORT}\t65535"
_PAGE = 4096
_WHOLE = 1 << 18
"""Bytes: more than all ports, spelled out."""

_DEVICE = {
    "rp_filter": (8, 0),
    "accept_redirects": (4, 0),
    "arp_ignore": (19, 0),
    "arp_filter": (13, 0),
    "proxy_arp": (3, 0),
    "route_localnet": (26, 0),
    "accept_local": (23, 0),
    "arp_announce": (18, 2),
}
"""Setting of an IPv4 device: (its number in linux/ip.h, value). The kernel combines it with that of ``all``."""

DEVICE_SETTINGS: Mapping[int, int] = dict(_DEVICE.values())
"""For ``change_link``."""

_SYSCTLS: tuple[tuple[str, str | int], ...] = (
    *((f"net/ipv4/conf/all/{name}", value) for name, (_, value) in _DEVICE.items()),
    ("net/ipv4/tcp_tw_reuse", 1),
    ("net/ipv4/tcp_fin_timeout", 5),
    ("net/ipv4/tcp_mtu_probing", 1),
    ("net/ipv4/tcp_synack_retries", 3),
    ("net/ipv4/tcp_max_syn_backlog", 65535),
    ("net/core/somaxconn", 65535),
    # The last: it says that the others are there.
    (_SOURCE_PORTS, _SOURCE_RANGE),
)


def tune(netlink: Netlink, index: int) -> None:
    """The namespace, and its device with that index. May be repeated."""
    change_link(netlink, index, f"set up device {index}", ipv4=DEVICE_SETTINGS)
    write_sysctls(_SYSCTLS)


def is_tuned() -> bool:
    """Whether ``tune`` came to its end here, as this version does it."""
    return read_sysctl(_SOURCE_PORTS) == _SOURCE_RANGE


def reserve_ports(ports: Collection[int]) -> None:
    """No connection gets one of these as its own port from now on, unless it asks for it by number."""
    try:
        descriptor = os.open(f"/proc/sys/{_RESERVED}", os.O_WRONLY | os.O_CLOEXEC)
        try:
            left = (render_ports(ports) + "\n").encode()
            while left:  # the kernel takes a page at a time
                left = left[os.write(descriptor, left) :]
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise refusal("reserve the listeners' ports", error) from error


def read_reserved_ports() -> frozenset[int]:
    for size in (_PAGE, _WHOLE):
        try:
            descriptor = os.open(f"/proc/sys/{_RESERVED}", os.O_RDONLY | os.O_CLOEXEC)
            try:
                content = os.read(descriptor, size)
            finally:
                os.close(descriptor)
        except FileNotFoundError:
            return frozenset()
        except OSError as error:
            raise refusal("read the reserved ports", error) from error
        if len(content) < size // 2:  # what does not fit is left out without a word
            break
    return parse_ports(content.decode())


def render_ports(ports: Collection[int]) -> str:
    """Ascending, separated by commas, as the kernel takes them."""
    return ",".join(str(port) for port in sorted(ports))


def parse_ports(text: str) -> frozenset[int]:
    """The kernel folds neighbours into ranges: ``80,443,8000-8010``."""
    found: set[int] = set()
    for part in text.strip().split(","):
        if part:
            first, _, last = part.partition("-")
            found.update(range(int(first), int(last or first) + 1))
    return frozenset(found)
