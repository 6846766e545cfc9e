"""``evenload --config-file FILE``: API, service, store and agent in one process.

Owns the order of starting and stopping, and nothing else. Stopping leaves the data plane as it is: HAProxy and the
namespaces serve on, and the next start adopts them.
"""

import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack

import structlog

from evenload.agent.loop import Agent
from evenload.api.app import build_app
from evenload.api.policy import Policy
from evenload.bus.local import LocalServer
from evenload.host.linux import LinuxHost
from evenload.main import logs, lost_threads
from evenload.main.housekeeping import Sweeper
from evenload.main.parts import build_foundation, build_identity, build_services
from evenload.main.serving import HttpServer
from evenload.main.settings import Settings, SettingsError, read_settings
from evenload.main.state import StateDirectory
from evenload.model.errors import EvenloadError
from evenload.model.registration import Registration
from evenload.service.agents import AgentGateway
from evenload.service.housekeeping import Housekeeping

_SWITCH_INTERVAL = 0.0005
"""Seconds a thread keeps the interpreter while another waits. Python's 5 ms would be a fifth of a creation's budget."""
_SWEEP_INTERVAL = 5.0

_log = structlog.get_logger(__name__)


class AllInOne:
    """Opens the database; the rest is inert until ``start``. ``stop`` ends requests and rounds in progress, then
    returns. ``state``: the state directory, which the caller holds."""

    def __init__(self, settings: Settings, state: StateDirectory) -> None:
        self._state = state
        self._settings = settings
        foundation = build_foundation(settings)
        context = foundation.context
        self._engine = foundation.engine
        self._server = LocalServer(AgentGateway(context), settings.host_name)
        self._host = LinuxHost(settings.host)
        self._agent = Agent(self._server, self._host, settings.render, foundation.clock, settings.agent)
        foundation.bus.register(settings.host_name, self._agent.hint)
        application = build_app(
            build_services(settings, foundation),
            build_identity(settings, foundation.clock),
            Policy(settings.policy, monotonic=foundation.clock.monotonic),
            settings.api,
        )
        serving = settings.serving
        self._http = HttpServer(application, host=serving.host, port=serving.port, threads=serving.threads)
        self._sweeper = Sweeper(
            Housekeeping(context, foundation.bus, settings.agent_timeout, settings.pending_timeout),
            interval=_SWEEP_INTERVAL,
        )

    def start(self) -> None:
        """Raises HostError where the host is not fit, OSError where the address cannot be listened on."""
        name = self._settings.host_name
        self._http.bind()  # before the host is touched: a second Evenload ends here
        self._server.register(Registration(former=self._state.read_agent_name()))
        self._state.ensure_agent_name(name)
        self._agent.start()
        self._sweeper.start()
        self._http.start()
        mappings = self._settings.host.bridge_mappings
        _log.info(
            "serving",
            address=self._http.url,
            auth=self._settings.serving.auth_strategy,
            state=str(self._settings.state_path),
            host=name,
            driver=self._settings.host.vif_driver.value,
            bridges=",".join(f"{physical}:{bridge}" for physical, bridge in mappings.items()),
        )

    def stop(self) -> None:
        """May be called after a failed start, too. What fails to stop keeps nothing else from it."""
        with ExitStack() as stack:  # the last one first
            stack.callback(self._engine.dispose)
            stack.callback(self._agent.stop)
            stack.callback(self._sweeper.stop)
            stack.callback(self._http.stop)


def run(arguments: Sequence[str]) -> int:
    """Until SIGTERM or SIGINT. Returns the exit status."""
    try:
        settings = read_settings(arguments)
    except SettingsError as error:
        sys.stderr.write(f"evenload: {error}\n")
        return 2
    logs.configure(debug=settings.debug)
    lost_threads.end_the_process()
    sys.setswitchinterval(_SWITCH_INTERVAL)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    try:
        with StateDirectory(settings.state_path) as state:
            _serve(AllInOne(settings, state), ended)
    except (EvenloadError, OSError, ValueError) as error:
        sys.stderr.write(f"evenload: {error}\n")
        return 1
    return 0


def _serve(service: AllInOne, ended: threading.Event) -> None:
    try:
        service.start()
        ended.wait()
        _log.info("stopping")
    finally:
        service.stop()


def main() -> None:
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
