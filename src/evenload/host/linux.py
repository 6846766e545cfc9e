"""This machine as a ``Host``: its network, its state directory and its HAProxy processes put together.

Decides nothing: every method hands on to the part that knows.
"""

from collections.abc import Callable, Collection, Mapping, Sequence

import structlog

from evenload.host import netns, packet_filter, preflight
from evenload.host.files import StateFiles
from evenload.host.haproxy import Haproxy
from evenload.host.haproxy_answers import Answers
from evenload.host.icmp import Pinger
from evenload.host.network import Networks, furnish
from evenload.host.network_watch import NetworkWatcher
from evenload.host.settings import HostSettings, VifDriver
from evenload.host.vif.driver import Vif, mark_of
from evenload.host.vif.linux_bridge import LinuxBridge
from evenload.host.vif.veth import host_device
from evenload.host.watch import Watcher
from evenload.model.desired import Desired, DesiredPort, PingTarget, ProxyStatistics
from evenload.model.errors import HostError, NotYet
from evenload.model.named_file import NamedFile
from evenload.model.network_steps import NetworkStep
from evenload.model.observed import NetworkObserved, Observed
from evenload.model.slot import SlotChange
from evenload.model.verdict import Verdict
from evenload.payloads.documents import Writer, load_desired
from evenload.tally import UNCOUNTED, Counting
from evenload.threads import Faults

_DESIRED = "desired.json"
_COUNTERS = "counters.json"

_log = structlog.get_logger(__name__)


class LinuxHost:
    """Fulfils ``interfaces.Host``. Inert until ``prepare``. ``faults``: counts those of its threads; ``counting``: what
    it does. ``answers``: who keeps what HAProxy says of itself."""

    def __init__(
        self,
        settings: HostSettings,
        faults: Faults | None = None,
        *,
        counting: Counting = UNCOUNTED,
        answers: Answers | None = None,
    ) -> None:
        faults = faults or Faults()
        self._settings = settings
        self._files = StateFiles(settings.state_dir)
        self._writers: dict[str, Writer] = {}
        self._vif = choose_vif(settings)
        self._watcher = Watcher(faults)
        self._networks = Networks(
            settings.netns_dir,
            self._vif,
            faults,
            probe_addresses=settings.probe_addresses,
            settled=self._watcher.living,  # each was started in its own load balancer's, and cannot leave it
        )
        self._haproxy = Haproxy(settings, self._files, furnish, counting=counting, answers=answers)
        self._pinger = Pinger(self._networks.namespace, faults)
        self._network_watcher = NetworkWatcher(
            self._networks.namespace, faults, on_bridges=isinstance(self._vif, LinuxBridge)
        )

    def prepare(self) -> list[str]:
        preflight.check_capabilities()
        preflight.check_haproxy(self._settings.haproxy)
        preflight.ensure_directories(self._settings)
        preflight.ensure_nothing_inherited()
        warnings = self._haproxy.prepare()
        warnings += preflight.ensure_open_files()
        warnings += self._sweep()
        warnings += preflight.ensure_neighbour_limits(manage=self._settings.manage_kernel_limits)
        warnings += preflight.read_filter_warning()
        return warnings + self._vif.prepare(self._port_ids)

    def _sweep(self) -> list[str]:
        try:
            self._files.sweep()
        except HostError as error:  # a full or read-only disk must not keep the load balancers from being served
            return [str(error)]
        return []

    def findings(self) -> list[str]:
        return packet_filter.find_drops()

    def _port_ids(self) -> list[str]:
        applied = map(self._read_applied, self._files.load_balancer_ids())
        return [document.port.id for document in applied if document is not None]

    def load_balancer_ids(self) -> list[str]:
        return sorted({*self._files.load_balancer_ids(), *self._haproxy.find_orphans()})

    def observe(self, load_balancer_id: str, port: DesiredPort | None) -> Observed:
        applied = self._read_applied(load_balancer_id)
        if port is None and applied is not None:
            port = applied.port
        return Observed(
            load_balancer_id=load_balancer_id,
            state_directory=self._files.exists(load_balancer_id),
            applied=applied,
            files=self._files.names(load_balancer_id),
            network=self._networks.observe(load_balancer_id, port),
            haproxy=self._haproxy.observe(load_balancer_id),
        )

    def glance(self, load_balancer_id: str) -> object | None:
        if not self._network_watcher.hears(load_balancer_id):
            return None
        try:
            number = netns.inode(self._networks.namespace(load_balancer_id))
        except HostError:
            return None
        files = self._files.glance(load_balancer_id, but=_COUNTERS)
        return (number, files, self._haproxy.has_orphan(load_balancer_id))

    # State directory

    def ensure_state(self, load_balancer_id: str) -> None:
        self._files.ensure(load_balancer_id)

    def remember(self, desired: Desired) -> None:
        writer = self._writers.setdefault(desired.id, Writer())
        self._files.write(desired.id, _DESIRED, writer.dump(desired))

    def write_files(self, load_balancer_id: str, files: Sequence[NamedFile]) -> None:
        for file in files:
            self._files.write_named(load_balancer_id, file)

    def remove_files(self, load_balancer_id: str, names: Sequence[str]) -> None:
        for name in names:
            self._files.remove_named(load_balancer_id, name)

    def link_slots(self, load_balancer_id: str, links: Mapping[str, str], gone: Collection[str]) -> None:
        for name, fingerprint in links.items():
            self._files.link(load_balancer_id, name, fingerprint)
        for name in gone:
            self._files.unlink_slot(load_balancer_id, name)

    def change_slots(self, load_balancer_id: str, changes: Sequence[SlotChange]) -> None:
        self._haproxy.change_slots(load_balancer_id, changes)

    def renew_tickets(self, load_balancer_id: str) -> None:
        self._haproxy.renew_tickets(load_balancer_id)

    def write_config(self, load_balancer_id: str, text: str) -> None:
        self._haproxy.write_config(load_balancer_id, text)

    def remove_state(self, load_balancer_id: str) -> None:
        self._writers.pop(load_balancer_id, None)
        self._files.remove_all(load_balancer_id)

    def load_counters(self, load_balancer_id: str) -> str | None:
        return self._files.read(load_balancer_id, _COUNTERS)

    def save_counters(self, load_balancer_id: str, content: str) -> None:
        self._files.write(load_balancer_id, _COUNTERS, content)

    # Network

    def ensure_namespace(self, load_balancer_id: str) -> None:
        self._network_watcher.pause(load_balancer_id)
        if not self._haproxy.give_next(load_balancer_id):
            self._networks.ensure_namespace(load_balancer_id)

    def remove_namespace(self, load_balancer_id: str) -> None:
        self._watcher.unwatch(load_balancer_id)  # what dies with the namespace is no news
        self._network_watcher.pause(load_balancer_id)
        self._networks.remove_namespace(load_balancer_id, self._let_go)

    def plug(self, load_balancer_id: str, port: DesiredPort) -> None:
        self._network_watcher.pause(load_balancer_id)
        self._networks.plug(load_balancer_id, port)

    def unplug(self, load_balancer_id: str, port_id: str) -> None:
        self._network_watcher.pause(load_balancer_id)
        self._networks.unplug(load_balancer_id, port_id)

    def remove_foreign_device(self, load_balancer_id: str, device: str) -> None:
        self._network_watcher.pause(load_balancer_id)
        self._networks.remove_foreign_device(load_balancer_id, device)

    def configure(self, load_balancer_id: str, port: DesiredPort, steps: Sequence[NetworkStep]) -> None:
        self._network_watcher.pause(load_balancer_id)
        try:
            self._networks.configure(load_balancer_id, port, steps)
        except NotYet:
            self._network_watcher.await_passing(load_balancer_id, host_device(port.id))
            raise

    # HAProxy

    def begin_haproxy(self, load_balancer_id: str, text: str, worker: int, *, takeover: bool) -> None:
        self._haproxy.begin_haproxy(load_balancer_id, text, worker, takeover=takeover)

    def abandon_haproxy(self, load_balancer_id: str) -> None:
        self._haproxy.abandon_haproxy(load_balancer_id)

    def begin_spare(self, load_balancer_id: str, worker: int, *, takeover: bool) -> None:
        self._haproxy.begin_spare(load_balancer_id, worker, takeover=takeover)

    def end_spare(self, load_balancer_id: str) -> None:
        self._haproxy.end_spare(load_balancer_id)

    def spares(self) -> dict[str, int]:
        return self._haproxy.spares()

    def ensure_next(self) -> None:
        self._haproxy.ensure_next()

    def end_next(self) -> None:
        self._haproxy.end_next()

    def start_haproxy(self, load_balancer_id: str, text: str, worker: int) -> int:
        return self._haproxy.start_haproxy(load_balancer_id, text, worker)

    def reload_haproxy(self, load_balancer_id: str, text: str, worker: int, server_states: str | None) -> int:
        return self._haproxy.reload_haproxy(load_balancer_id, text, worker, server_states)

    def finish_haproxy(self, load_balancer_id: str) -> None:
        self._watcher.unwatch(load_balancer_id)
        self._haproxy.finish_haproxy(load_balancer_id)

    def stop_haproxy(self, load_balancer_id: str) -> None:
        self._watcher.unwatch(load_balancer_id)
        self._haproxy.stop_haproxy(load_balancer_id)

    def runtime(self, load_balancer_id: str, commands: Sequence[str]) -> list[str]:
        return self._haproxy.runtime(load_balancer_id, commands)

    def record_running(self, load_balancer_id: str, text: str) -> None:
        self._haproxy.record_running(load_balancer_id, text)

    def read_statistics(self, load_balancer_id: str) -> dict[int, tuple[ProxyStatistics, ...]]:
        return self._haproxy.read_statistics(load_balancer_id)

    def ask_statistics(self, load_balancer_ids: Sequence[str]) -> None:
        self._haproxy.ask_statistics(load_balancer_ids)

    def read_servers(self, load_balancer_id: str) -> tuple[ProxyStatistics, ...]:
        return self._haproxy.read_servers(load_balancer_id)

    # Watching

    def watch(self, load_balancer_id: str, on_exit: Callable[[str], None]) -> None:
        pid = self._haproxy.current_pid(load_balancer_id)
        if pid is None:
            on_exit(load_balancer_id)
            return
        self._watcher.watch(load_balancer_id, pid, on_exit)

    def watch_networks(self, on_drift: Callable[[str], None]) -> None:
        self._network_watcher.start(on_drift)
        self._vif.watch(self._network_watcher.hint)

    def expect_network(self, load_balancer_id: str, port: DesiredPort, network: NetworkObserved) -> None:
        self._network_watcher.expect(load_balancer_id, self._vif.device(port.id), host_device(port.id), network)

    def ping(
        self,
        load_balancer_id: str,
        targets: Sequence[PingTarget],
        on_verdict: Callable[[str, Verdict], None],
    ) -> None:
        self._pinger.ping(load_balancer_id, targets, on_verdict)

    def close(self) -> None:
        self._watcher.close()
        self._network_watcher.close()
        self._pinger.close()
        self._haproxy.close()
        self._networks.close()

    def _let_go(self, load_balancer_id: str) -> None:
        self._pinger.let_go(load_balancer_id)
        self._network_watcher.let_go(load_balancer_id)

    def _read_applied(self, load_balancer_id: str) -> Desired | None:
        content = self._files.read_bytes(load_balancer_id, _DESIRED)
        if content is None:
            return None
        try:
            return load_desired(content)
        except ValueError as error:
            # Edited, damaged or of another version: the server has the document, nothing is lost.
            _log.warning("remembered document ignored", load_balancer=load_balancer_id, reason=type(error).__name__)
            return None


def choose_vif(settings: HostSettings) -> Vif:
    if settings.vif_driver is VifDriver.LINUX_BRIDGE:
        return LinuxBridge(settings.bridge_mappings, mark_of(settings.state_dir))
    # Only here: the OVSDB library costs 15 MiB that hosts with Linux bridges need not pay.
    from evenload.host.vif.openvswitch import Openvswitch

    return Openvswitch(settings.bridge_mappings, settings.openvswitch, mark_of(settings.state_dir))
