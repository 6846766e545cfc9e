"""``evenload server``: API, service, store and housekeeping, as a user of their own without any privilege.

Owns the order of starting and stopping. Where root starts it, it opens what only root can (listening sockets, its
directory), imports all that it will ever need, and gives its privileges up before it opens the database or reads a byte
from a client: Python and Evenload may lie where only root may look.
"""

import gc
import mmap
import os
import socket
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from evenload.api.app import build_app
from evenload.api.auth.http_basic import HttpBasicIdentity
from evenload.api.auth.none import NoIdentity
from evenload.api.auth.tokens import TokenIdentity, Validator
from evenload.api.policy import Policy
from evenload.bus.frames import bind_unix
from evenload.bus.hints import HintSender
from evenload.bus.socket_server import SocketGateway
from evenload.host.privileges import Account, become
from evenload.interfaces.bus import Gateway
from evenload.main.accounts import find_account
from evenload.main.barbican import open_barbican
from evenload.main.control import Control
from evenload.main.database_place import DIRECTORY, ensure_database_place
from evenload.main.garbage import GarbageCollection
from evenload.main.housekeeping import Sweeper
from evenload.main.http.login_queue import PASSWORDS, LoginQueue, for_tokens
from evenload.main.http.server import HttpServer
from evenload.main.keystone import open_keystone
from evenload.main.listening import listen_tcp
from evenload.main.operator_files import check_readable, show_to_group
from evenload.main.parts import Foundation, build_foundation, build_identity, build_services
from evenload.main.port_keeper import PortKeeper
from evenload.main.preload import preload, preload_metrics, preload_policy_checks
from evenload.main.role import Begun, Serve, refuse, run_role, tied_to
from evenload.main.run_path import SERVER_SOCKET, ensure_run_path, hint_path
from evenload.main.schema_check import Upgrade, choose_upgrade
from evenload.main.settings import Settings
from evenload.main.socket_path import SocketGuard, SocketLost, held
from evenload.main.state import StateDirectory
from evenload.main.workers import END_ALL, Workers
from evenload.model.errors import EvenloadError
from evenload.secrets.keyring import KeyRing, ensure_key_file
from evenload.secrets.resealing import Resealing
from evenload.service.agents import AgentGateway
from evenload.service.housekeeping import Housekeeping
from evenload.service.renewals import Renewals
from evenload.service.roll_call import RollCall
from evenload.store.engine import StoreSettings, preload_driver
from evenload.tally import UNCOUNTED, Counting, shared_memory
from evenload.threads import Faults

if TYPE_CHECKING:
    from evenload.main.metrics.server import ServerMetrics
    from evenload.secrets.barbican import Barbican

_SWEEP_INTERVAL = 5.0
_QUESTIONS_AT_ONCE = 4
_AGENT_PATIENCE = 3.0
_LOOK_EVERY = 0.05

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What was opened before the change of user. ``agents``: the user ids that an agent may have; ``upgrade`` brings
    the database to this version's schema; ``validator``: of tokens, where callers have any; ``ring``: the keys for
    secrets at rest, of a file that only root can read; ``barbican``: where secrets are kept there;
    ``tallies``: where each process counts what it does, none where nobody wants numbers."""

    validator: Validator | None
    listener: socket.socket
    bus: socket.socket
    agents: frozenset[int]
    upgrade: Upgrade
    ring: KeyRing
    barbican: "Barbican | None" = None
    tallies: tuple[mmap.mmap, ...] = ()


class Server:
    """Inert until ``start``. ``keeper``: of several processes the one that answers the agent and keeps house; what it
    keeps in memory of agents' reports must not be spread over several."""

    def __init__(
        self,
        settings: Settings,
        foundation: Foundation,
        opened: Opened,
        faults: Faults,
        counting: Counting,
        metrics: "ServerMetrics | None",
        *,
        keeper: bool,
    ) -> None:
        self._settings = settings
        self._foundation = foundation
        self._gateway = AgentGateway(foundation.context, foundation.secrets)
        self._metrics = metrics
        self._bus = _bus_of(settings, self._gateway, opened, faults, self._metrics) if keeper else None
        identity = build_identity(settings, foundation.clock, opened.validator)
        application = build_app(
            build_services(settings, foundation),
            identity,
            Policy(settings.policy, monotonic=foundation.clock.monotonic),
            settings.api,
            opened.barbican if not settings.agent_noop else None,
        )
        serving = settings.serving
        self._http = HttpServer(
            application,
            host=serving.host,
            port=serving.port,
            threads=serving.threads,
            listener=opened.listener,
            logins=_queue_for(identity, settings.api.trust_forwarded, counting),
            counting=counting,
        )
        housekeeping = Housekeeping(foundation.context, foundation.bus, settings.pending_timeout, counting)
        resealing = Resealing(foundation.context.uow, opened.ring)
        roll_call = RollCall(foundation.context)
        elsewhere = opened.barbican is not None and not settings.agent_noop
        renewals = Renewals(foundation.context, at_once=_QUESTIONS_AT_ONCE if elsewhere else 1, counting=counting)
        own = (housekeeping, roll_call, resealing)
        sweeps = own if elsewhere else (*own, renewals)
        self._sweeper = Sweeper(sweeps, faults, interval=_SWEEP_INTERVAL, counting=counting) if keeper else None
        # Who asks somebody else keeps nobody waiting.
        self._renewer = (
            Sweeper((renewals,), faults, interval=_SWEEP_INTERVAL, counting=counting) if keeper and elsewhere else None
        )
        self._ports = (
            PortKeeper(foundation.context.ports, foundation.clock, faults, interval=_SWEEP_INTERVAL) if keeper else None
        )

    def start(self, *, await_agent: bool) -> None:
        """``await_agent``: where no agent has ever registered, one is about to, and a load balancer that is asked for
        meanwhile would find no host."""
        if self._bus is not None:
            self._bus.start()
        if await_agent:
            self._await_agent()
        if self._sweeper is not None:
            self._sweeper.start()
        if self._renewer is not None:
            self._renewer.start()
        if self._ports is not None:
            self._ports.start()
        self._http.start()
        if self._metrics is not None:
            self._metrics.start()
        _log.info("serving", address=self._http.url, auth=self._settings.serving.auth_strategy, user=os.getuid())

    def stop(self) -> None:
        """Ends requests in progress. May be called after a failed start, too; what fails to stop keeps nothing else
        from it."""
        with ExitStack() as stack:  # the last one first
            stack.callback(self._foundation.engine.dispose)
            if self._bus is not None:
                stack.callback(self._bus.stop)
            if self._sweeper is not None:
                stack.callback(self._sweeper.stop)
            if self._renewer is not None:
                stack.callback(self._renewer.stop)
            if self._ports is not None:
                stack.callback(self._ports.stop)
            stack.callback(self._http.stop)
            if self._metrics is not None:
                stack.callback(self._metrics.stop)

    def _await_agent(self) -> None:
        """It may register with another process than this one."""
        deadline = self._foundation.clock.monotonic() + _AGENT_PATIENCE
        while not self._knows_agents() and self._foundation.clock.monotonic() < deadline:
            self._gateway.registered.wait(_LOOK_EVERY)

    def _knows_agents(self) -> bool:
        with self._foundation.context.uow.read() as transaction:
            return bool(transaction.agents())


def run(arguments: Sequence[str]) -> int:
    """Until SIGTERM or SIGINT. Returns the exit status."""
    return run_role(arguments, _prepare)


def _prepare() -> Serve:
    preload()
    return _serve


def _serve(begun: Begun) -> int:
    settings, control = begun.settings, begun.control
    with ExitStack() as stack:
        preload_policy_checks(external=settings.policy.file is not None)
        preload_driver(StoreSettings(url=settings.database))
        if settings.server.metrics is not None:
            preload_metrics()
        opened = _open(begun, stack)
        if settings.server.metrics is not None:
            opened = replace(opened, tallies=tuple(shared_memory() for _ in range(settings.serving.workers)))
        if settings.serving.workers == 1:
            _work(settings, opened, control, begun.ended, 0)
            return 0
        hints = HintSender(hint_path(settings.run_path), "", Faults())
        build_foundation(settings, hints, opened.upgrade, opened.ring, opened.barbican).engine.dispose()
        gc.freeze()  # what the workers share stays shared

        def work(number: int) -> int:
            return _as_worker(settings, opened, control, begun.ended, number)

        return Workers(settings.serving.workers, work).run(begun.ended.is_set)


def _open(begun: Begun, stack: ExitStack) -> Opened:
    """What only root can, and then the change of user. Sockets and locks are the stack's."""
    settings, serving, given = begun.settings, begun.settings.serving, begun.given
    account = find_account(settings.server.user)
    validator, read_later = None, _operator_files(settings)
    if serving.auth_strategy == "keystone":
        validator, named = open_keystone(settings.files)
        read_later += named
    barbican = None
    if settings.secrets.barbican is not None:
        barbican, named = open_barbican(settings.secrets.barbican, settings.files)
        read_later += named
    listener = socket.socket(fileno=given["http"]) if "http" in given else listen_tcp(serving.host, serving.port)
    stack.enter_context(listener)
    ensure_run_path(settings.run_path, account)
    path = settings.run_path / SERVER_SOCKET
    stack.enter_context(held(path))
    bus = stack.enter_context(bind_unix(path, socket.SOCK_STREAM, 0o600))
    ensure_database_place(settings.state_path, account, locked=begun.control.supervised)
    if account is not None and serving.auth_strategy == "http_basic":
        show_to_group(serving.user_file, account)
    upgrade = choose_upgrade(settings, account)
    ring = ensure_key_file(settings.secrets.key_file)
    _drop(account, begun.control)
    if account is not None:
        check_readable([settings.state_path / DIRECTORY, *read_later], account)
    stack.enter_context(StateDirectory(settings.state_path / DIRECTORY, mode=0o700))
    agents = frozenset({0} if account is not None else {0, os.getuid()})
    return Opened(
        validator=validator,
        listener=listener,
        bus=bus,
        agents=agents,
        upgrade=upgrade,
        ring=ring,
        barbican=barbican,
    )


def _work(
    settings: Settings,
    opened: Opened,
    control: Control,
    ended: threading.Event,
    number: int,
) -> None:
    """Serves until ``ended``. The first of several processes keeps house."""
    keeper = number == 0
    with ExitStack() as stack:
        counting = _counting_of(opened, number)
        faults = Faults(counting)
        hints = HintSender(hint_path(settings.run_path), settings.host_name, faults)
        foundation = build_foundation(settings, hints, opened.upgrade, opened.ring, opened.barbican, counting)
        stack.callback(foundation.engine.dispose)
        metrics = _metrics_of(settings, foundation, opened, hints, counting) if keeper else None
        server = Server(settings, foundation, opened, faults, counting, metrics, keeper=keeper)
        stack.callback(server.stop)
        server.start(await_agent=control.supervised)
        garbage = GarbageCollection(faults)
        stack.callback(garbage.stop)
        garbage.start()
        guard = SocketGuard(settings.run_path / SERVER_SOCKET, ended.set, faults)
        if keeper:
            stack.callback(guard.stop)
            guard.start()
            control.ready()
            control.serve_until(ended)
        ended.wait()
        guard.check()
        _log.info("stopping")


def _as_worker(
    settings: Settings,
    opened: Opened,
    control: Control,
    ended: threading.Event,
    number: int,
) -> int:
    try:
        _work(settings, opened, control, ended, number)
    except SocketLost as error:
        refuse(error)
        return END_ALL
    except (EvenloadError, OSError, ValueError) as error:
        return refuse(error)
    return 0


def _operator_files(settings: Settings) -> list[Path]:
    files = [settings.policy.file] if settings.policy.file is not None else []
    return [*files, settings.serving.user_file] if settings.serving.auth_strategy == "http_basic" else files


def _drop(account: Account | None, control: Control) -> None:
    if account is not None:
        become(account)  # which undoes the tie
    if not tied_to(control):
        raise EvenloadError("the supervisor is gone")


def _counting_of(opened: Opened, number: int) -> Counting:
    if not opened.tallies:
        return UNCOUNTED
    from evenload.main.metrics.server import open_tally

    return open_tally(opened.tallies[number])


def _metrics_of(
    settings: Settings, foundation: Foundation, opened: Opened, hints: HintSender, counting: Counting
) -> "ServerMetrics | None":
    if settings.server.metrics is None:
        return None
    from evenload.main.metrics.server import ServerMetrics

    dialect = foundation.engine.dialect.name
    return ServerMetrics(
        settings.server.metrics, foundation.context, hints, settings.host_name, dialect, opened.tallies, counting
    )


def _bus_of(
    settings: Settings, gateway: Gateway, opened: Opened, faults: Faults, metrics: "ServerMetrics | None"
) -> SocketGateway:
    name, users = settings.host_name, opened.agents
    if metrics is None:
        return SocketGateway(gateway, opened.bus, name, users, faults)
    return SocketGateway(metrics.counted(gateway), opened.bus, name, users, faults, metrics.answers.note)


def _queue_for(
    identity: NoIdentity | HttpBasicIdentity | TokenIdentity, trust_forwarded: bool, counting: Counting
) -> LoginQueue[Any] | None:
    match identity:
        case HttpBasicIdentity():
            return LoginQueue(identity, PASSWORDS, trust_forwarded=trust_forwarded, counting=counting)
        case TokenIdentity():
            checks = for_tokens(identity.patience)
            return LoginQueue(identity, checks, trust_forwarded=trust_forwarded, counting=counting)
        case _:
            return None
