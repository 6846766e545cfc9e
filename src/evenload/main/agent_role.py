"""``evenload agent``: brings the host to what the server wants, and tells it what becomes of that.

Root, with the capabilities that namespaces, links and HAProxy need and no others; no database, no listener on a
network. Stopping leaves the data plane as it is: HAProxy and the namespaces serve on, and the next start adopts them.
"""

import os
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from typing import Protocol

import structlog

from evenload.agent.loop import Agent
from evenload.agent.noop import NoopAgent
from evenload.agent.numbers import Sources
from evenload.bus.hints import HintReceiver
from evenload.bus.looking import SightGate
from evenload.bus.socket_client import SocketServer
from evenload.bus.unix_sockets import bind_unix
from evenload.host.linux import LinuxHost
from evenload.host.privileges import keep_capabilities
from evenload.main.accounts import find_account
from evenload.main.agent_numbers import Numbers, open_numbers
from evenload.main.clock import SystemClock
from evenload.main.control import Control
from evenload.main.garbage import GarbageCollection
from evenload.main.registrar import Registrar
from evenload.main.role import Begun, refuse, run_role
from evenload.main.run_path import ensure_run_path, hint_path, look_path, server_path
from evenload.main.settings import Settings, SettingsError, read_settings
from evenload.main.socket_path import SocketGuard, held
from evenload.main.state import StateDirectory
from evenload.model.errors import EvenloadError
from evenload.model.numbers import AgentNumbers
from evenload.model.sight import SeenBalancer, Sight
from evenload.model.snapshot import Snapshot
from evenload.threads import Faults

CAPABILITIES = {
    "CAP_SYS_ADMIN": "making and entering network namespaces, and the mounts that name them",
    "CAP_NET_ADMIN": "links, addresses, routes and settings under net",
    "CAP_NET_BIND_SERVICE": "HAProxy's listeners below port 1024",
    "CAP_NET_RAW": "ICMP echos of PING monitors, announcements of addresses",
    "CAP_SETUID": "HAProxy's change to its own user",
    "CAP_SETGID": "HAProxy's change to its own group",
    "CAP_SYS_CHROOT": "HAProxy's empty root",
    "CAP_KILL": "ending a HAProxy that has changed its user",
    "CAP_SYS_PTRACE": "seeing in which namespace a HAProxy is that has changed its user",
}
"""And what each is for. Open vSwitch, the state directory and the devices are root's own: no right to pass over the
owner of a file is among them."""
_SERVER_PATIENCE = 3.0

_log = structlog.get_logger(__name__)


def run(arguments: Sequence[str]) -> int:
    """Until SIGTERM or SIGINT, or the server refuses this agent at its start. Returns the exit status."""
    return run_role(arguments, lambda: _hold)


def adopt_database(arguments: Sequence[str]) -> int:
    """Notes that the next registration may be with any database. Returns the exit status."""
    try:
        settings = read_settings(arguments)
        if not settings.state_path.is_dir():
            raise EvenloadError(f"there is no state directory {settings.state_path}")
        StateDirectory(settings.state_path).adopt_any_database()
    except (EvenloadError, SettingsError, OSError) as error:
        return refuse(error)
    sys.stdout.write(
        "The next start takes whatever database it finds; load balancers of this host that it does not know are "
        "removed.\n"
    )
    return 0


def _hold(begun: Begun) -> int:
    with StateDirectory(begun.settings.state_path, held=begun.given.get("state")) as state:
        return _serve(begun.settings, state, begun.control, begun.ended)


class _Hinted(Protocol):
    def hint(self, load_balancer_id: str, generation: int, snapshot: Snapshot | None) -> None: ...


class _Registered(Protocol):
    @property
    def database(self) -> str | None: ...


def pass_on(
    agent: _Hinted, server: _Registered, load_balancer_id: str, generation: int, snapshot: Snapshot | None
) -> None:
    """Without a document from another database than the one that was registered with: the fetch will be refused."""
    known = snapshot is not None and snapshot.database == server.database
    agent.hint(load_balancer_id, generation, snapshot if known else None)


class _Works(_Hinted, Protocol):
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def resync(self) -> None: ...
    def sights(self, load_balancer_id: str | None) -> tuple[SeenBalancer, ...]: ...
    def numbers(self, sources: Sources) -> AgentNumbers: ...


def _build(
    settings: Settings, state: StateDirectory, server: SocketServer, faults: Faults, numbers: Numbers
) -> tuple[_Works, Callable[[], Sequence[str]]]:
    """The agent, and what says which load balancers are on this host."""
    if settings.agent_noop:
        return NoopAgent(server, SystemClock(), settings.agent.resync_interval, faults), tuple
    counting = numbers.counting
    host = LinuxHost(settings.host, faults, counting=counting, answers=numbers.answers)
    confirmed = state.adopts_any_database()  # whoever says so means what the new one does not know, too
    behaviour = replace(settings.agent, removal_share=1.0) if confirmed else settings.agent
    agent = Agent(server, host, settings.render, SystemClock(), behaviour, faults, counting)
    return agent, host.load_balancer_ids


def _serve(settings: Settings, state: StateDirectory, control: Control, ended: threading.Event) -> int:
    """Raises EvenloadError where the host is not fit or the server refuses this agent."""
    with ExitStack() as stack:  # the last one first
        account = find_account(settings.server.user)
        ensure_run_path(settings.run_path, account)
        users = frozenset({os.getuid() if account is None else account.uid})
        path = hint_path(settings.run_path)
        stack.enter_context(held(path))
        bound = bind_unix(path, socket.SOCK_DGRAM, 0o620, -1 if account is None else account.gid)
        stack.enter_context(bound)
        if not settings.agent_noop:
            keep_capabilities(CAPABILITIES)
        server = SocketServer(server_path(settings.run_path), settings.host_name, users)
        stack.callback(server.close)
        numbers = open_numbers(settings, server)
        faults = Faults(numbers.counting)
        agent, held_here = _build(settings, state, server, faults, numbers)
        registrar = Registrar(
            server,
            state,
            settings.host_name,
            settings.availability_zone,
            numbers.features,
            held_here,
            agent.resync,
            ended.set,
            faults,
        )
        stack.callback(registrar.stop)
        registrar.start()
        registrar.wait(_SERVER_PATIENCE)  # both roles start at the same time; without it, what is remembered is enough
        stack.callback(agent.stop)
        agent.start()
        teller = numbers.teller(agent.numbers, server, faults)
        hinted = partial(pass_on, agent, server)
        if teller is None:
            receiver = HintReceiver(bound, users, hinted, faults)
        else:
            stack.callback(teller.stop)
            teller.start()
            receiver = HintReceiver(bound, users, hinted, faults, teller.ask)
        stack.callback(receiver.stop)
        receiver.start()
        gate = _open_gate(settings, stack, agent, registrar, faults)
        stack.callback(gate.stop)
        gate.start()
        mappings = settings.host.bridge_mappings
        _log.info(
            "working",
            host=settings.host_name,
            state=str(settings.state_path),
            driver=settings.host.vif_driver.value,
            bridges=",".join(f"{physical}:{bridge}" for physical, bridge in mappings.items()),
        )
        garbage = GarbageCollection(faults)
        stack.callback(garbage.stop)
        garbage.start()
        guards = [SocketGuard(each, ended.set, faults) for each in (path, look_path(settings.run_path))]
        for guard in guards:
            stack.callback(guard.stop)
            guard.start()
        if not control.supervised:
            control.ready("at work by what is remembered; no server has answered yet")
        registrar.working(partial(control.ready, "at work with the server"))
        control.serve_until(ended)
        for guard in guards:
            guard.check()
        if registrar.refusal is not None:
            raise registrar.refusal
        _log.info("stopping")
    return 0


def _open_gate(settings: Settings, stack: ExitStack, agent: _Works, registrar: Registrar, faults: Faults) -> SightGate:
    """For who looks at this agent: root, and its own user."""
    begun, release = datetime.now(UTC), version("evenload")

    def sight(load_balancer_id: str | None) -> Sight:
        return Sight(
            name=settings.host_name,
            version=release,
            started_at=begun,
            connected=registrar.connected,
            faults=faults.counts,
            balancers=agent.sights(load_balancer_id),
        )

    listener = stack.enter_context(bind_unix(look_path(settings.run_path), socket.SOCK_STREAM, 0o600))
    return SightGate(listener, {0, os.getuid()}, sight, faults)
