"""The kernel's limits, the clock, and this host's own packet filter."""

from collections.abc import Iterator
from datetime import timedelta

from evenload.host import packet_filter, preflight
from evenload.host.conditions import (
    Use,
    is_clock_synchronised,
    read_namespace_limit,
    read_open_files_of,
    read_process_use,
    read_task_use,
    read_tracked,
)
from evenload.main.doctor.case import Case, Finding, fault, ok, warning

_FULL = 0.8
_OPEN_FILES = 4096
_SPARE_NAMESPACES = 100


def check_limits(case: Case) -> Iterator[Finding]:
    if case.settings.agent_noop:
        return
    found = [*_namespaces(case), *_processes(case), *_open_files(case), *_neighbours(case)]
    yield from found
    if not found:
        yield ok("kernel limits", "namespaces, processes, open files and neighbours have room")


def _namespaces(case: Case) -> Iterator[Finding]:
    limit, needed = read_namespace_limit(), len(case.load_balancers_here())
    if limit is not None and limit < needed + _SPARE_NAMESPACES:
        yield fault(
            "kernel limits",
            f"user.max_net_namespaces is {limit}, and each of {needed} load balancers needs one",
            f"sysctl -w user.max_net_namespaces={2 * (needed + _SPARE_NAMESPACES)}, and the same in /etc/sysctl.d",
        )


def _processes(case: Case) -> Iterator[Finding]:
    machine = read_process_use()
    if _is_full(machine):
        yield warning(
            "kernel limits",
            f"{machine.used} of {machine.limit} processes and threads are in use",
            "sysctl -w kernel.pid_max=4194304 kernel.threads-max=1000000, and the same in /etc/sysctl.d",
        )
    group = read_task_use(case.agent["pid"]) if case.agent["pid"] else None
    if group is not None and _is_full(group):
        yield warning(
            "kernel limits",
            f"the service's control group has {group.used} of {group.limit} tasks",
            "TasksMax=infinity in the unit (systemctl edit evenload)",
        )


def _open_files(case: Case) -> Iterator[Finding]:
    limit = read_open_files_of(case.agent["pid"]) if case.agent["pid"] else None
    if limit is not None and limit < _OPEN_FILES:
        yield warning(
            "kernel limits",
            f"the agent and each HAProxy may open {limit} files: that many connections, and fewer, are served",
            "LimitNOFILE=1048576 in the unit (systemctl edit evenload)",
        )


def _neighbours(case: Case) -> Iterator[Finding]:
    manages = case.settings.host.manage_kernel_limits
    for sentence in preflight.ensure_neighbour_limits(manage=False):
        remedy = "a start of the service raises it" if manages else "sysctl -w, and the same in /etc/sysctl.d"
        yield warning("kernel limits", sentence, remedy)


def check_packet_filter(case: Case) -> Iterator[Finding]:
    if case.settings.agent_noop:
        return
    drops = packet_filter.find_drops()
    for sentence in drops:
        yield fault("packet filter", sentence, "sysctl -w net.bridge.bridge-nf-call-iptables=0, and -ip6tables")
    asked = preflight.read_filter_warning()
    for sentence in asked if not drops else ():
        yield warning("packet filter", sentence)
    tracked = read_tracked()
    if tracked is not None and _is_full(tracked):
        yield warning(
            "packet filter",
            f"this host tracks {tracked.used} of at most {tracked.limit} connections; those of load balancers are "
            "among them where iptables is asked about bridges",
            f"sysctl -w net.netfilter.nf_conntrack_max={4 * (tracked.limit or 1)}",
        )
    if not drops and not asked:
        yield ok("packet filter", "this host's rules leave the bridges alone")


def check_clock(case: Case) -> Iterator[Finding]:
    future = [agent["name"] for agent in (case.stored or {}).get("agents", ()) if agent["last_word"] > _later(case)]
    if future:
        yield warning(
            "clock",
            f"the database heard of host {', '.join(future)} in the future: clocks differ",
            "keep all clocks with chrony or systemd-timesyncd",
        )
    elif is_clock_synchronised() is False:
        yield warning(
            "clock",
            "nothing keeps this clock right: certificates and tokens are judged by it",
            "apt-get install chrony (in a container: on its host)",
        )
    else:
        yield ok("clock", "it is kept right")


def _later(case: Case) -> str:
    return (case.now + timedelta(seconds=5)).isoformat()


def _is_full(use: Use) -> bool:
    return use.limit is not None and use.used > _FULL * use.limit
