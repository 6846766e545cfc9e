"""A host in memory that prints itself: for tests of everything above ``host`` and for dry thought.

Passes the contract suite of the real one. ``str(host)`` is canonical: two hosts that were brought to the same state by
different ways print the same. Operations can be made to fail (``fail``); damage from outside is a module of its own
(``host_damage``).
"""

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from tests.fakes.haproxy import FakeHaproxy, find_fault

from evenload.model.desired import Desired, DesiredPort, PingTarget, ProxyStatistics
from evenload.model.errors import Hopeless, HostError, InvalidConfiguration
from evenload.model.named_file import NamedFile
from evenload.model.network import Segment
from evenload.model.network_steps import (
    AddAddress,
    AddRoute,
    Announce,
    BringUp,
    NetworkStep,
    ProbeAddresses,
    RemoveAddress,
    RemoveRoute,
    ReservePorts,
    Tune,
)
from evenload.model.observed import HaproxyObserved, HaproxyProcess, HostRoute, NetworkObserved, Observed, VifState
from evenload.model.slot import SlotChange, SlotKind, slots_in
from evenload.model.tickets import needs_tickets
from evenload.model.verdict import Verdict
from evenload.render.haproxy_text import without_worker


@dataclass(slots=True)
class Device:
    mac_address: str
    mtu: int
    segment: Segment | None
    up: bool = False
    addresses: list[str] = field(default_factory=list)
    routes: dict[tuple[str | None, str], HostRoute] = field(default_factory=dict)


@dataclass(slots=True)
class Directory:
    config: str | None = None
    running: str | None = None
    applied: Desired | None = None
    counters: str | None = None
    files: set[str] = field(default_factory=set)
    links: dict[str, str] = field(default_factory=dict)
    tickets: bool = False


@dataclass(slots=True)
class Place:
    """What the host has of one load balancer. ``devices``: by port id, foreign ones by name; None without a namespace.

    ``outside``: ports whose devices are in a namespace without a name, which lives as long as a process does in it.
    """

    directory: Directory | None = None
    devices: dict[str, Device] | None = None
    outside: set[str] = field(default_factory=set)
    tuned: bool = False
    reserved: frozenset[int] = frozenset()
    process: FakeHaproxy | None = None
    finishing: list[FakeHaproxy] = field(default_factory=list)
    begun: tuple[str, int] | None = None
    watcher: Callable[[str], None] | None = None
    targets: tuple[PingTarget, ...] = ()
    on_verdict: Callable[[str, Verdict], None] | None = None

    def end(self) -> None:
        """Of all processes, and of what only they kept alive."""
        self.process, self.watcher, self.begun = None, None, None
        self.finishing.clear()
        self.outside.clear()

    @property
    def orphan(self) -> bool:
        return self.process is not None and (self.directory is None or self.directory.running is None)

    @property
    def nothing(self) -> bool:
        return self.directory is None and self.devices is None and not self.outside and self.process is None


@dataclass(slots=True)
class _Failure:
    """``after``: operations that still succeed. ``effect``: the operation does its work and fails then."""

    after: int
    error: HostError
    effect: bool


class FakeHost:
    """Fulfils Host. ``lingering``: a reloaded process goes on finishing until ``finish``.

    ``operations``: the names of all that changed something, in order. ``announced``: what ``Announce`` announced.
    ``begun_ahead``: worker and takeover of the spares, by load balancer; no start uses them up. ``has_next``: whether
    something stands ready for the next new load balancer.
    ``asked_ahead``: what each ``ask_statistics`` named.
    ``neighbours``: address in interface notation → MAC of another machine that has it.
    """

    def __init__(self, *, lingering: bool = False) -> None:
        self.lock = threading.RLock()
        self.places: dict[str, Place] = {}
        self.operations: list[str] = []
        self.announced: list[str] = []
        self.found: list[str] = []
        self.asked_ahead: list[tuple[str, ...]] = []
        self.neighbours: dict[str, str] = {}
        self._taken: dict[str, str] = {}
        self.on_drift: Callable[[str], None] | None = None
        self.expected: dict[str, NetworkObserved] = {}
        self.lingering = lingering
        self.begun_ahead: dict[str, tuple[int, bool]] = {}
        self.has_next = False
        self._failures: list[_Failure] = []
        self._next_pid = 1000

    def fail(self, *, after: int = 0, error: HostError | None = None, effect: bool = False) -> None:
        """Lets the operation after that many further ones fail, once."""
        self._failures.append(_Failure(after, error or HostError("the fake was told to fail"), effect))

    def heal(self) -> None:
        """Nothing that was told to fail later will."""
        self._failures.clear()

    def __str__(self) -> str:
        with self.lock:
            return "".join(_print(key, place) for key, place in sorted(self.places.items()) if not place.nothing)

    # Whole

    def prepare(self) -> list[str]:
        return []

    def findings(self) -> list[str]:
        return list(self.found)

    def load_balancer_ids(self) -> list[str]:
        with self.lock:
            return sorted(key for key, place in self.places.items() if place.directory is not None or place.orphan)

    def observe(self, load_balancer_id: str, port: DesiredPort | None) -> Observed:
        with self.lock:
            place = self._place(load_balancer_id)
            directory = place.directory or Directory()
            wanted = port or (directory.applied.port if directory.applied is not None else None)
            key = wanted.id if wanted is not None else ""
            devices = place.devices or {}
            device = devices.get(key)
            vif = None
            if device is not None:
                vif = VifState(mac_address=device.mac_address, mtu=device.mtu, up=device.up, segment=device.segment)
            elif key in place.outside:
                vif = VifState(mac_address="", mtu=0, up=False, segment=None)
            running = None
            if place.process is not None and directory.running is not None and place.devices is not None:
                process = place.process
                states = None if process.deaf else process.states()
                running = HaproxyProcess(pid=process.pid, worker=process.worker, text=directory.running, servers=states)
            routes = [route for each in devices.values() if each.up for route in each.routes.values()]
            return Observed(
                load_balancer_id=load_balancer_id,
                state_directory=place.directory is not None,
                applied=directory.applied,
                files=frozenset(directory.files),
                network=NetworkObserved(
                    namespace=place.devices is not None,
                    vif=vif,
                    foreign_devices=tuple(sorted(name for name in devices if name != key)),
                    addresses=frozenset(device.addresses if device is not None else ()),
                    routes=frozenset(routes),
                    tuned=place.devices is not None and place.tuned,
                    reserved=place.reserved if place.devices is not None else frozenset(),
                ),
                haproxy=HaproxyObserved(
                    config=directory.config,
                    process=running,
                    orphan=place.orphan,
                    slots=dict(directory.links),
                    tickets_due=not directory.tickets,
                ),
            )

    def glance(self, load_balancer_id: str) -> object | None:
        """All that the look at all shows; what a process says of its servers is no file."""
        found = self.observe(load_balancer_id, None)
        process = found.haproxy.process
        if process is not None:
            found = replace(found, haproxy=replace(found.haproxy, process=replace(process, servers=None)))
        return found

    # State directory

    def ensure_state(self, load_balancer_id: str) -> None:
        with self._operation("ensure_state"):
            place = self._place(load_balancer_id)
            place.directory = place.directory or Directory()

    def remember(self, desired: Desired) -> None:
        with self._operation("remember"):
            self._directory(desired.id).applied = desired

    def write_files(self, load_balancer_id: str, files: Sequence[NamedFile]) -> None:
        with self._operation("write_files"):
            self._directory(load_balancer_id).files |= {file.name for file in files}

    def remove_files(self, load_balancer_id: str, names: Sequence[str]) -> None:
        with self._operation("remove_files"):
            self._directory(load_balancer_id).files -= set(names)

    def link_slots(self, load_balancer_id: str, links: Mapping[str, str], gone: Collection[str]) -> None:
        with self._operation("link_slots"):
            standing = self._directory(load_balancer_id).links
            standing.update(links)
            for name in gone:
                standing.pop(name, None)

    def change_slots(self, load_balancer_id: str, changes: Sequence[SlotChange]) -> None:
        for change in changes:
            with self._operation(f"change_slots {change.slot.name}"):
                process = self._place(load_balancer_id).process
                if process is None or process.deaf:
                    raise HostError("HAProxy does not answer")
                process.change_slot(change, self._directory(load_balancer_id).files)

    def renew_tickets(self, load_balancer_id: str) -> None:
        with self._operation("renew_tickets"):
            self._directory(load_balancer_id).tickets = True

    def write_config(self, load_balancer_id: str, text: str) -> None:
        with self._operation("write_config"):
            self._directory(load_balancer_id).config = text

    def remove_state(self, load_balancer_id: str) -> None:
        with self._operation("remove_state"):
            self._place(load_balancer_id).directory = None

    # Network

    def ensure_namespace(self, load_balancer_id: str) -> None:
        with self._operation("ensure_namespace"):
            place = self._place(load_balancer_id)
            if place.devices is None:
                place.devices, place.tuned, place.reserved = {}, False, frozenset()

    def remove_namespace(self, load_balancer_id: str) -> None:
        with self._operation("remove_namespace"):
            place = self._place(load_balancer_id)
            if place.devices is not None:
                place.process, place.finishing, place.devices = None, [], None

    def plug(self, load_balancer_id: str, port: DesiredPort) -> None:
        with self._operation("plug"):
            devices = self._devices(load_balancer_id)
            self._place(load_balancer_id).outside.discard(port.id)
            device = devices.get(port.id)
            if device is None:
                devices[port.id] = Device(port.mac_address, port.mtu, port.segment)
            else:
                device.mac_address, device.mtu, device.segment = port.mac_address, port.mtu, port.segment

    def unplug(self, load_balancer_id: str, port_id: str) -> None:
        with self._operation("unplug"):
            place = self._place(load_balancer_id)
            place.outside.discard(port_id)
            if place.devices is not None:
                place.devices.pop(port_id, None)

    def remove_foreign_device(self, load_balancer_id: str, device: str) -> None:
        with self._operation("remove_foreign_device"):
            devices = self._place(load_balancer_id).devices
            if devices is not None:
                devices.pop(device, None)

    def configure(self, load_balancer_id: str, port: DesiredPort, steps: Sequence[NetworkStep]) -> None:
        device = self._devices(load_balancer_id).get(port.id)
        if device is None:
            raise HostError(f"there is no device of port {port.id}")
        self._taken = {}
        for step in steps:
            with self._operation(f"configure {type(step).__name__}"):
                self._take(self._place(load_balancer_id), device, step)
        if self._taken:
            raise Hopeless(f"another machine has the address: {self._taken}")

    # HAProxy

    def begin_haproxy(self, load_balancer_id: str, text: str, worker: int, *, takeover: bool) -> None:
        with self._operation("begin_haproxy"):
            place = self._place(load_balancer_id)
            self._directory(load_balancer_id)
            self._devices(load_balancer_id)
            if takeover and place.process is None:
                raise HostError("there is no process to take over from")
            if not takeover:
                place.end()  # one that nobody knew of
            place.begun = (text, worker)

    def abandon_haproxy(self, load_balancer_id: str) -> None:
        with self.lock:
            self._place(load_balancer_id).begun = None

    def begin_spare(self, load_balancer_id: str, worker: int, *, takeover: bool) -> None:
        with self.lock:
            place = self._place(load_balancer_id)
            self._directory(load_balancer_id)
            self._devices(load_balancer_id)
            if takeover and place.process is None:
                raise HostError("there is no process to take over from")
            self.begun_ahead[load_balancer_id] = (worker, takeover)

    def end_spare(self, load_balancer_id: str) -> None:
        with self.lock:
            self.begun_ahead.pop(load_balancer_id, None)

    def spares(self) -> dict[str, int]:
        with self.lock:
            return {key: worker for key, (worker, _) in self.begun_ahead.items()}

    def ensure_next(self) -> None:
        self.has_next = True

    def end_next(self) -> None:
        self.has_next = False

    def start_haproxy(self, load_balancer_id: str, text: str, worker: int) -> int:
        with self._operation("start_haproxy"):
            self._place(load_balancer_id).end()  # one that nobody knew of
            return self._start(load_balancer_id, text, worker, None)

    def reload_haproxy(self, load_balancer_id: str, text: str, worker: int, server_states: str | None) -> int:
        with self._operation("reload_haproxy"):
            place = self._place(load_balancer_id)
            if place.process is None:
                raise HostError("there is no process to take over from")
            former = place.process
            pid = self._start(load_balancer_id, text, worker, server_states)
            if self.lingering and not former.deaf:
                place.finishing.append(former)
            return pid

    def finish_haproxy(self, load_balancer_id: str) -> None:
        with self._operation("finish_haproxy"):
            place = self._place(load_balancer_id)
            if self.lingering and place.process is not None and not place.process.deaf:
                place.finishing.append(place.process)
            place.process, place.watcher = None, None
            if place.directory is not None:
                place.directory.running = None

    def stop_haproxy(self, load_balancer_id: str) -> None:
        with self._operation("stop_haproxy"):
            place = self._place(load_balancer_id)
            place.end()
            self.begun_ahead.pop(load_balancer_id, None)
            if place.directory is not None:
                place.directory.running = None

    def runtime(self, load_balancer_id: str, commands: Sequence[str]) -> list[str]:
        answers = []
        for command in commands:
            with self._operation(command):
                process = self._place(load_balancer_id).process
                if process is None or process.deaf:
                    raise HostError("HAProxy does not answer")
                answers.append(process.run(command))
        return answers

    def record_running(self, load_balancer_id: str, text: str) -> None:
        with self._operation("record_running"):
            directory = self._directory(load_balancer_id)
            if directory.running is None:
                raise HostError("no process is recorded")
            directory.running = text

    def read_statistics(self, load_balancer_id: str) -> dict[int, tuple[ProxyStatistics, ...]]:
        with self.lock:
            place = self._place(load_balancer_id)
            processes = [*place.finishing, *([place.process] if place.process is not None else [])]
            return {process.worker: process.statistics() for process in processes if not process.deaf}

    def ask_statistics(self, load_balancer_ids: Sequence[str]) -> None:
        self.asked_ahead.append(tuple(load_balancer_ids))

    def read_servers(self, load_balancer_id: str) -> tuple[ProxyStatistics, ...]:
        with self._operation("read_servers"):
            process = self._place(load_balancer_id).process
            if process is None or process.deaf:
                raise HostError("HAProxy does not answer")
            return tuple(row for row in process.statistics() if row.server not in ("FRONTEND", "BACKEND"))

    def load_counters(self, load_balancer_id: str) -> str | None:
        with self.lock:
            directory = self._place(load_balancer_id).directory
            return directory.counters if directory is not None else None

    def save_counters(self, load_balancer_id: str, content: str) -> None:
        with self._operation("save_counters"):
            self._directory(load_balancer_id).counters = content

    # Watching

    def watch(self, load_balancer_id: str, on_exit: Callable[[str], None]) -> None:
        with self._operation("watch"):
            self._place(load_balancer_id).watcher = on_exit

    def watch_networks(self, on_drift: Callable[[str], None]) -> None:
        self.on_drift = on_drift

    def expect_network(self, load_balancer_id: str, port: DesiredPort, network: NetworkObserved) -> None:
        with self.lock:
            self.expected[load_balancer_id] = network

    def ping(
        self,
        load_balancer_id: str,
        targets: Sequence[PingTarget],
        on_verdict: Callable[[str, Verdict], None],
    ) -> None:
        with self._operation("ping"):
            place = self._place(load_balancer_id)
            place.targets, place.on_verdict = tuple(targets), on_verdict

    def close(self) -> None:
        with self.lock:
            for place in self.places.values():
                place.watcher, place.on_verdict, place.targets = None, None, ()

    # What happens inside

    def _start(self, load_balancer_id: str, text: str, worker: int, server_states: str | None) -> int:
        place, directory = self._place(load_balancer_id), self._directory(load_balancer_id)
        self._devices(load_balancer_id)
        place.begun = None
        fault = find_fault(text)
        if fault is not None:
            raise InvalidConfiguration(f"HAProxy refuses the configuration: {fault}")
        if needs_tickets(text) and not directory.tickets:
            raise InvalidConfiguration("HAProxy refuses the configuration: unable to load TLS ticket keys file")
        named = slots_in(text)
        slots = {name: directory.links.get(name, "") for name in named}
        for name, fingerprint in slots.items():
            if fingerprint not in directory.files:
                raise InvalidConfiguration(f"HAProxy refuses the configuration: unable to stat slot {name}")
        self._next_pid += 1
        place.process = FakeHaproxy.start(self._next_pid, worker, text, server_states)
        read_once = SlotKind.CERTIFICATE_LIST
        place.process.slots = {each.name: slots[each.name] for each in named.values() if each.kind is not read_once}
        place.watcher = None
        directory.config = directory.running = text
        return self._next_pid

    def _take(self, place: Place, device: Device, step: NetworkStep) -> None:
        match step:
            case Tune():
                place.tuned = True
            case ReservePorts(ports):
                place.reserved = frozenset(ports)
            case ProbeAddresses(addresses):
                self._taken = {each: mac for each in addresses if (mac := self.neighbours.get(each)) is not None}
            case AddAddress(address):
                if address not in self._taken and address not in device.addresses:
                    device.addresses.append(address)
            case RemoveAddress(address):
                if address in device.addresses:
                    device.addresses.remove(address)
            case AddRoute(route):
                if not device.up:
                    raise HostError("the network is down")
                device.routes[route.source, route.destination] = route
            case RemoveRoute(route):
                if device.routes.get((route.source, route.destination)) == route:
                    del device.routes[route.source, route.destination]
            case BringUp():
                device.up = True
            case Announce(address):
                if address not in {each.partition("/")[0] for each in self._taken}:
                    self.announced.append(address)

    def _place(self, load_balancer_id: str) -> Place:
        return self.places.setdefault(load_balancer_id, Place())

    def _directory(self, load_balancer_id: str) -> Directory:
        directory = self._place(load_balancer_id).directory
        if directory is None:
            raise HostError(f"there is no state directory of {load_balancer_id}")
        return directory

    def _devices(self, load_balancer_id: str) -> dict[str, Device]:
        devices = self._place(load_balancer_id).devices
        if devices is None:
            raise HostError(f"there is no namespace of {load_balancer_id}")
        return devices

    @contextmanager
    def _operation(self, name: str) -> Iterator[None]:
        with self.lock:
            self.operations.append(name)
            due = [failure for failure in self._failures if failure.after <= 0]
            for failure in self._failures:
                failure.after -= 1
            self._failures = [failure for failure in self._failures if failure not in due]
            for failure in due:
                if not failure.effect:
                    raise failure.error
            yield
            for failure in due:
                raise failure.error


def _print(load_balancer_id: str, place: Place) -> str:
    lines = [f"load balancer {load_balancer_id}"]
    if place.directory is not None:
        directory = place.directory
        applied = directory.applied
        lines.append(f"  directory, applied generation {applied.generation if applied is not None else 'none'}")
        lines += ["  file", *(f"    {line}" for line in without_worker(directory.config or "").splitlines())]
        lines += [f"  file {name}" for name in sorted(directory.files)]
        lines += ["  tickets"] if directory.tickets else []
        lines += [f"  slot {name} {target}" for name, target in sorted(directory.links.items())]
        if place.process is not None and directory.running != directory.config:
            lines += ["  record", *(f"    {line}" for line in without_worker(directory.running or "").splitlines())]
    if place.devices is not None:
        ports = f", ports {','.join(map(str, sorted(place.reserved)))}" if place.reserved else ""
        lines.append(f"  namespace{' tuned' if place.tuned else ''}{ports}")
        for name, device in sorted(place.devices.items()):
            state = "up" if device.up else "down"
            lines.append(f"    device {name} {device.mac_address} mtu {device.mtu} {state} on {device.segment}")
            lines += [f"      address {address}" for address in sorted(device.addresses)]
            for route in sorted(device.routes.values(), key=lambda route: (route.source or "", route.destination)):
                onlink = (" onlink" if route.onlink else "") + (f" from {route.source}" if route.source else "")
                lines.append(f"      route {route.destination} via {route.nexthop}{onlink}")
    lines += ["  begun process"] if place.begun is not None else []
    lines += [f"  outside {port}" for port in sorted(place.outside)]
    if place.process is not None:
        lines.append(f"  process{', watched' if place.watcher is not None else ''}")
        lines += [f"    slot {name} {content}" for name, content in sorted(place.process.slots.items())]
        for (backend, name), server in sorted(place.process.servers.items()):
            state = "maintenance" if server.maintenance else "ready"
            health = "up" if server.up else "down"
            # One that is disabled when it comes gets its check when it is enabled; until then none is made either way.
            checking = " checked" if server.checking and not server.maintenance else ""
            checking += "" if server.vetoed is None else " vetoed" if server.vetoed else " vetoable"
            words = f"{server.line.address} weight {server.weight} {state} {health}{checking}"
            lines.append(f"    server {backend}/{name} {words}")
    lines += [f"  ping {target.member} {target.address} for {target.monitor}" for target in place.targets]
    return "\n".join(lines) + "\n"
