"""``evenload --config-file FILE``: API, service, store and agent in one process.

Owns the order of starting and stopping, and nothing else. Stopping leaves the data plane as it is: HAProxy and the
namespaces serve on, and the next start adopts them.
"""

import signal
import sys
import threading
from collections.abc import Sequence

import structlog

from evenload.agent.loop import Agent
from evenload.api.app import build_app
from evenload.api.policy import Policy
from evenload.host.linux import LinuxHost
from evenload.main import logs
from evenload.main.housekeeping import Sweeper
from evenload.main.parts import build_foundation, build_identity, build_services
from evenload.main.serving import HttpServer
from evenload.main.settings import Settings, SettingsError, read_settings
from evenload.model.errors import EvenloadError
from evenload.service.agents import AgentGateway
from evenload.service.housekeeping import Housekeeping

_SWITCH_INTERVAL = 0.0005
"""Seconds a thread keeps the interpreter while another waits. Python's 5 ms would be a fifth of a creation's budget."""
_SWEEP_INTERVAL = 5.0

_log = structlog.get_logger(__name__)


class AllInOne:
    """Inert until ``start``; ``stop`` ends requests and rounds in progress, then returns."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        foundation = build_foundation(settings)
        context = foundation.context
        self._engine = foundation.engine
        self._gateway = AgentGateway(context)
        self._host = LinuxHost(settings.host)
        self._agent = Agent(
            settings.host_name, self._gateway, self._host, settings.render, foundation.clock, settings.agent
        )
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
            Housekeeping(context, settings.agent_timeout, settings.pending_timeout), interval=_SWEEP_INTERVAL
        )

    def start(self) -> None:
        """Raises HostError where the host is not fit, OSError where the address cannot be listened on."""
        self._agent.start()
        self._gateway.register(self._settings.host_name)
        self._sweeper.start()
        self._http.start()
        _log.info(
            "serving",
            address=f"http://{self._settings.serving.host}:{self._http.port}",
            host=self._settings.host_name,
            state=str(self._settings.state_path),
        )

    def stop(self) -> None:
        """May be called after a failed start, too."""
        self._http.stop()
        self._sweeper.stop()
        self._agent.stop()
        self._engine.dispose()


def run(arguments: Sequence[str]) -> int:
    """Until SIGTERM or SIGINT. Returns the exit status."""
    try:
        settings = read_settings(arguments)
    except SettingsError as error:
        sys.stderr.write(f"evenload: {error}\n")
        return 2
    logs.configure(debug=settings.debug)
    sys.setswitchinterval(_SWITCH_INTERVAL)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    try:
        service = AllInOne(settings)
    except (EvenloadError, ValueError) as error:
        sys.stderr.write(f"evenload: {error}\n")
        return 1
    try:
        service.start()
        ended.wait()
        _log.info("stopping")
        return 0
    except (EvenloadError, OSError) as error:
        sys.stderr.write(f"evenload: {error}\n")
        return 1
    finally:
        service.stop()


def main() -> None:
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
