"""What may befall a host from outside, done to a fake one: dead processes, lost devices, edited files. For tests."""

from collections.abc import Callable

from tests.fakes.host import Device, Directory, FakeHost, Place

from evenload.model.observed import HostRoute

_UUID = 36
"""Characters; other devices are foreign devices."""


def kill_haproxy(host: FakeHost, load_balancer_id: str) -> bool:
    """The current process dies, and whoever watches it is told. False where there is none."""
    with host.lock:
        place = host.places.get(load_balancer_id, Place())
        if place.process is None:
            return False
        watcher = place.watcher
        place.end()
    if watcher is not None:
        watcher(load_balancer_id)
    return True


def finish(host: FakeHost, load_balancer_id: str) -> None:
    """Processes that were reloaded away end."""
    with host.lock:
        host.places[load_balancer_id].finishing.clear()


def lose_namespace(host: FakeHost, load_balancer_id: str) -> None:
    """Somebody deletes the name. What runs inside runs on, and holds the devices."""
    with host.lock:
        place = host.places[load_balancer_id]
        if place.process is not None and place.devices is not None:
            place.outside |= {name for name in place.devices if len(name) == _UUID}
        place.devices = None


def lose_device(host: FakeHost, load_balancer_id: str) -> None:
    with host.lock:
        place = host.places[load_balancer_id]
        for name in _own_ports(place):
            (place.devices or {}).pop(name, None)


def take_down(host: FakeHost, load_balancer_id: str) -> None:
    """The device is set down; the kernel forgets its routes."""

    def down(device: Device) -> None:
        device.up = False
        device.routes.clear()

    _each_device(host, load_balancer_id, down)


def unplug_from_bridge(host: FakeHost, load_balancer_id: str) -> None:
    def loose(device: Device) -> None:
        device.segment = None

    _each_device(host, load_balancer_id, loose)


def change_mac(host: FakeHost, load_balancer_id: str) -> None:
    def other(device: Device) -> None:
        device.mac_address = "02:00:00:00:00:01"

    _each_device(host, load_balancer_id, other)


def lose_addresses(host: FakeHost, load_balancer_id: str) -> None:
    """With the last address of a subnet its routes go too."""

    def bare(device: Device) -> None:
        device.addresses.clear()
        device.routes.clear()

    _each_device(host, load_balancer_id, bare)


def add_address(host: FakeHost, load_balancer_id: str, address: str) -> None:
    def more(device: Device) -> None:
        if address not in device.addresses:
            device.addresses.append(address)

    _each_device(host, load_balancer_id, more)


def add_route(host: FakeHost, load_balancer_id: str, route: HostRoute) -> None:
    def routed(device: Device) -> None:
        device.routes[route.source, route.destination] = route

    _each_device(host, load_balancer_id, routed)


def add_foreign_device(host: FakeHost, load_balancer_id: str, name: str) -> None:
    with host.lock:
        devices = host.places[load_balancer_id].devices
        if devices is not None:
            devices[name] = Device("02:00:00:00:00:02", 1500, None, up=True)


def edit_config(host: FakeHost, load_balancer_id: str) -> None:
    def edit(directory: Directory) -> None:
        directory.config = (directory.config or "") + "# somebody was here\n"

    _directory(host, load_balancer_id, edit)


def lose_config(host: FakeHost, load_balancer_id: str) -> None:
    def lose(directory: Directory) -> None:
        directory.config = None

    _directory(host, load_balancer_id, lose)


def lose_memory(host: FakeHost, load_balancer_id: str) -> None:
    """The remembered document is gone or unreadable."""

    def lose(directory: Directory) -> None:
        directory.applied = None

    _directory(host, load_balancer_id, lose)


def lose_directory(host: FakeHost, load_balancer_id: str) -> None:
    with host.lock:
        host.places[load_balancer_id].directory = None


def change_servers(host: FakeHost, load_balancer_id: str, weight: int) -> None:
    """Somebody gives all servers a weight through the socket and takes every second one out of service."""
    with host.lock:
        process = host.places[load_balancer_id].process
        for number, server in enumerate((process.servers if process is not None else {}).values()):
            server.weight = weight
            server.maintenance = bool(number % 2)


def change_vetoes(host: FakeHost, load_balancer_id: str) -> None:
    """Somebody vetoes some servers through the socket and lets no vetoes count for others."""
    with host.lock:
        process = host.places[load_balancer_id].process
        for number, server in enumerate((process.servers if process is not None else {}).values()):
            if server.vetoed is not None and number % 2:
                server.vetoed = None
            elif server.vetoed is not None:
                server.veto(not server.vetoed)


def drop_servers(host: FakeHost, load_balancer_id: str) -> None:
    """Somebody deletes the first server of the table through the socket."""
    with host.lock:
        process = host.places[load_balancer_id].process
        if process is not None and process.servers:
            del process.servers[next(iter(process.servers))]


def _own_ports(place: Place) -> set[str]:
    applied = place.directory.applied if place.directory is not None else None
    return {applied.port.id} if applied is not None else set()


def _each_device(host: FakeHost, load_balancer_id: str, change: Callable[[Device], None]) -> None:
    with host.lock:
        place = host.places[load_balancer_id]
        for name, device in (place.devices or {}).items():
            if name in _own_ports(place):
                change(device)


def _directory(host: FakeHost, load_balancer_id: str, change: Callable[[Directory], None]) -> None:
    with host.lock:
        directory = host.places[load_balancer_id].directory
        if directory is not None:
            change(directory)
