"""Whether this machine can serve load balancers: looked at once, before the first one, with clear words if not.

Raises Hopeless for what makes everything fail, warns of what will hurt later, and puts
right what may be put right: directories, the limit of open files, the kernel's neighbour tables.
"""

import grp
import os
import pwd
import resource
from pathlib import Path

from evenload.host import netns
from evenload.host.refusal import refusal
from evenload.host.settings import HaproxySettings, HostSettings
from evenload.host.sysctl import read_sysctl, write_sysctl
from evenload.model.errors import Hopeless
from evenload.render.haproxy_room import choose_connections

# Numbers of linux/capability.h, and what fails without.
_CAPABILITIES = {
    21: "CAP_SYS_ADMIN",  # namespaces and their mounts
    12: "CAP_NET_ADMIN",  # devices, addresses, routes
    13: "CAP_NET_RAW",  # announcements, pings
    10: "CAP_NET_BIND_SERVICE",  # listeners below port 1024
    6: "CAP_SETGID",  # HAProxy's own group
    7: "CAP_SETUID",  # HAProxy's own user
    18: "CAP_SYS_CHROOT",  # HAProxy's empty root
    5: "CAP_KILL",  # ending HAProxy after it changed its user
    19: "CAP_SYS_PTRACE",  # seeing which processes are in a namespace
}
# All namespaces share the table of neighbours: a gateway and the members of each load balancer, twice over.
_NEIGHBOURS = {"gc_thresh1": 8192, "gc_thresh2": 16384, "gc_thresh3": 32768}
_OPEN_FILES = 4096


def check_capabilities() -> None:
    missing = choose_missing(_effective_capabilities())
    if missing:
        raise Hopeless(f"the agent lacks {', '.join(missing)}; start it as root or give its unit these capabilities")


def choose_missing(effective: int) -> list[str]:
    """``effective`` is the bit mask of /proc/self/status."""
    return [name for bit, name in _CAPABILITIES.items() if not effective >> bit & 1]


def check_haproxy(settings: HaproxySettings) -> None:
    if not os.access(settings.binary, os.X_OK) or not os.path.isfile(settings.binary):
        raise Hopeless(
            f"HAProxy is not installed at {settings.binary}; install it (Debian: apt install haproxy) "
            f"or set the path of its binary"
        )
    try:
        pwd.getpwnam(settings.user)
    except KeyError as error:
        raise Hopeless(f"the user {settings.user!r} that HAProxy is to run as does not exist") from error
    try:
        grp.getgrnam(settings.group)
    except KeyError as error:
        raise Hopeless(f"the group {settings.group!r} that HAProxy is to run as does not exist") from error


def ensure_directories(settings: HostSettings) -> None:
    netns.ensure_shared(settings.netns_dir)
    _ensure_directory(settings.state_dir, 0o700)
    _ensure_directory(settings.haproxy.chroot, 0o555)
    expected = (settings.haproxy.log_socket or "").strip("/").partition("/")[0]
    if any(entry.name != expected for entry in os.scandir(settings.haproxy.chroot)):
        raise Hopeless(f"{settings.haproxy.chroot}, which HAProxy is to be locked into, is not empty")


def ensure_nothing_inherited() -> None:
    """Files that this process got from its parent, a shell's or a supervisor's, are not for HAProxy: closed at exec, as
    Python's own are."""
    for name in os.listdir("/proc/self/fd"):
        try:
            if int(name) > 2:
                os.set_inheritable(int(name), False)
        except OSError:  # the one that listed them
            continue


def ensure_open_files() -> list[str]:
    """The agent and every HAProxy that it starts may open as many files as the machine's owner allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard != unlimited and hard < _OPEN_FILES:
        connections = choose_connections(hard)
        return [
            f"only {hard} open files are allowed: a load balancer serves at most {connections} connections at a time, "
            f"and fewer with many listeners and members; raise the limit (LimitNOFILE)"
        ]
    return []


def read_open_files_limit() -> int | None:
    """What this process and those that it starts may have open at most; None for no limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if hard == resource.RLIM_INFINITY else hard


def ensure_neighbour_limits(*, manage: bool) -> list[str]:
    warnings = []
    for family in ("ipv4", "ipv6"):
        # The hard limit first: the kernel wants no order, but nobody shall see the soft one above it.
        for name, wanted in sorted(_NEIGHBOURS.items(), reverse=True):
            sysctl = f"net/{family}/neigh/default/{name}"
            present = read_sysctl(sysctl)
            if present is None or int(present) >= wanted:
                continue
            if manage:
                write_sysctl(sysctl, wanted)
            else:
                warnings.append(
                    f"{sysctl.replace('/', '.')} is {present}, which all load balancers share; set it to {wanted}"
                )
    return warnings


def read_filter_warning() -> list[str]:
    """The host's own packet filter may stand in the way of frames between two ports of one bridge."""
    if read_sysctl("net/bridge/bridge-nf-call-iptables") == "1":
        return [
            "net.bridge.bridge-nf-call-iptables is 1: this host's iptables rules apply to the load balancers' traffic, "
            "and one that drops forwarded packets (Docker's does) stops it; set it to 0 where nothing needs it"
        ]
    return []


def _ensure_directory(path: Path, mode: int) -> None:
    try:
        if not path.is_dir():
            path.mkdir(parents=True)
            path.chmod(mode)
    except OSError as error:
        raise refusal(f"make the directory {path}", error) from error


def _effective_capabilities() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return 0
