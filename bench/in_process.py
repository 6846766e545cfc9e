"""The real agent on the real host code in this process, with a server that is nothing but a note pad.

For ``parts/create``, which starts its clock at the moment the agent has the desired state.
"""

import logging
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

import structlog

from bench.room import BACKEND_PORT, BACKENDS, GATEWAY, MTU, PREFIX_LENGTH, Room
from evenload.agent.loop import Agent
from evenload.host.linux import LinuxHost
from evenload.host.settings import HaproxySettings, HostSettings
from evenload.model.balancer import Listener, LoadBalancer, Member, Pool, Vip
from evenload.model.desired import Change, Desired, DesiredIp, DesiredPort, Gone, Health, Outcome, Report, Unreadable
from evenload.model.enums import Algorithm, ListenerProtocol, NetworkType, PoolProtocol
from evenload.model.event import HostEvent
from evenload.model.network import Segment
from evenload.model.registration import Registration, Welcome
from evenload.model.secret import SecretBytes, SecretReference
from evenload.render.options import RenderOptions

_PHYSICAL_NETWORK = "bench"
_SWITCH_INTERVAL = 0.0005
"""As the service sets it."""


class NotePad:
    """Fulfils ``interfaces.Server``: answers with the desired state that was put down, notes when, keeps the report."""

    def __init__(self) -> None:
        self._documents: dict[str, Desired | Gone] = {}
        self._fetched: dict[str, int] = {}
        self._reports: dict[str, Report] = {}
        self._reported = threading.Condition()

    def put(self, load_balancer_id: str, desired: Desired | Gone) -> None:
        self._fetched.pop(load_balancer_id, None)
        self._reports.pop(load_balancer_id, None)
        self._documents[load_balancer_id] = desired

    def fetched(self, load_balancer_id: str) -> int:
        """When the agent first had the desired state; CLOCK_MONOTONIC in nanoseconds."""
        return self._fetched[load_balancer_id]

    def await_done(self, load_balancer_id: str, timeout: float = 20.0) -> Report:
        """Raises RuntimeError where the desired state was not fulfilled at the first attempt."""
        with self._reported:
            if not self._reported.wait_for(lambda: load_balancer_id in self._reports, timeout):
                raise RuntimeError(f"no report about {load_balancer_id}")
            report = self._reports[load_balancer_id]
        if report.outcome is not Outcome.DONE:
            raise RuntimeError(f"{load_balancer_id}: {report.outcome.value}: {report.reason}")
        return report

    def secrets(self, load_balancer_id: str, references: Sequence[SecretReference]) -> dict[str, SecretBytes]:
        del load_balancer_id, references  # no document here names one
        return {}

    def register(self, registration: Registration) -> Welcome:
        del registration
        return Welcome()

    def fetch(self, load_balancer_ids: Sequence[str]) -> dict[str, Desired | Gone | Unreadable]:
        for identifier in load_balancer_ids:
            self._fetched.setdefault(identifier, time.monotonic_ns())
        return {identifier: self._documents[identifier] for identifier in load_balancer_ids}

    def assignments(self) -> dict[str, int]:
        return {
            key: desired.generation for key, desired in list(self._documents.items()) if isinstance(desired, Desired)
        }

    def report(self, report: Report) -> None:
        with self._reported:
            self._reports.setdefault(report.load_balancer_id, report)
            self._reported.notify_all()

    def health(self, healths: Sequence[Health]) -> None:
        """Of no interest here."""

    def events(self, events: Sequence[HostEvent]) -> None:
        """Neither."""


class _Clock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


@contextmanager
def working(room: Room, pad: NotePad) -> Iterator[Agent]:
    """An agent with its default settings, but for the kernel's limits; its state is in the lab's directory.

    What goes wrong is logged.
    """
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    state = room.lab.state / "load_balancers"
    chroot = room.lab.state / "empty"
    host = LinuxHost(
        HostSettings(
            state_dir=state,
            bridge_mappings={_PHYSICAL_NETWORK: room.lab.bridge},
            manage_kernel_limits=False,  # they would outlive the run
            haproxy=HaproxySettings(chroot=chroot),
        )
    )
    options = RenderOptions(state_dir=str(state), chroot=str(chroot))
    agent = Agent(pad, host, options, _Clock())
    interval = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_INTERVAL)
    agent.start()
    try:
        yield agent
    finally:
        agent.stop()
        sys.setswitchinterval(interval)


def make_desired(load_balancer_id: str, port_id: str, vip: str, mac_address: str) -> Desired:
    """A HTTP listener on port 80 and a pool with both back ends."""
    pool = Pool(
        id=f"{load_balancer_id[:-1]}a",
        load_balancer_id=load_balancer_id,
        protocol=PoolProtocol.HTTP,
        algorithm=Algorithm.ROUND_ROBIN,
    )
    listener = Listener(
        id=f"{load_balancer_id[:-1]}b",
        load_balancer_id=load_balancer_id,
        protocol=ListenerProtocol.HTTP,
        port=80,
        default_pool_id=pool.id,
    )
    members = tuple(
        Member(id=f"{load_balancer_id[:-2]}{number:02x}", pool_id=pool.id, address=address, port=BACKEND_PORT)
        for number, address in enumerate(BACKENDS)
    )
    return Desired(
        generation=1,
        project_id="bench",
        load_balancer=LoadBalancer(
            id=load_balancer_id,
            network_id="bench",
            port_id=port_id,
            vips=(Vip(address=vip, subnet_id="bench"),),
        ),
        port=DesiredPort(
            id=port_id,
            mac_address=mac_address,
            mtu=MTU,
            segment=Segment(type=NetworkType.FLAT, physical_network=_PHYSICAL_NETWORK),
            ips=(DesiredIp(address=vip, prefix_length=PREFIX_LENGTH, gateway_ip=GATEWAY),),
        ),
        listeners=(listener,),
        pools=(pool,),
        members=members,
    )


def must_have_been(report: Report, change: Change) -> None:
    if report.change is not change:
        raise RuntimeError(f"the agent took {report.change.value} where {change.value} was to be measured")
