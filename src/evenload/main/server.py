"""The server: API, bus, housekeeping and numbers, in the order in which they start and stop."""

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import structlog

from evenload.api.app import build_app
from evenload.api.auth.http_basic import HttpBasicIdentity
from evenload.api.auth.none import NoIdentity
from evenload.api.auth.tokens import TokenIdentity
from evenload.api.policy import Policy
from evenload.bus.socket_server import SocketGateway
from evenload.interfaces.bus import Gateway
from evenload.main.housekeeping import Sweeper
from evenload.main.http.login_queue import PASSWORDS, LoginQueue, for_tokens
from evenload.main.http.server import HttpServer
from evenload.main.parts import Foundation, build_identity, build_services
from evenload.main.port_keeper import PortKeeper
from evenload.main.server_opening import Opened
from evenload.main.settings import Settings
from evenload.secrets.resealing import Resealing
from evenload.service.agents import AgentGateway
from evenload.service.housekeeping import Housekeeping
from evenload.service.renewals import Renewals
from evenload.service.roll_call import RollCall
from evenload.tally import Counting
from evenload.threads import Faults

if TYPE_CHECKING:
    from evenload.main.metrics.server import ServerMetrics

_SWEEP_INTERVAL = 5.0
_QUESTIONS_AT_ONCE = 4
_AGENT_PATIENCE = 3.0
_LOOK_EVERY = 0.05

_log = structlog.get_logger(__name__)


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
