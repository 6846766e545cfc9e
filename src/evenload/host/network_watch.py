"""Tells when somebody changes a load balancer's network from outside: one thread that hears the kernel's events of all
namespaces and of the host at once.

Part of the Host. It only tells, at most a few times in a row for the same load balancer; what follows is the agent's
business, and what it misses is the resync's. A socket in a namespace keeps that alive, so it goes with the name.
"""

import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import structlog

from evenload.host import netns
from evenload.host.addresses import read_routes, read_usable_addresses
from evenload.host.drift import (
    GROUPS_INSIDE,
    GROUPS_OUTSIDE,
    Inside,
    Outside,
    begins_to_pass,
    contradicts_inside,
    contradicts_outside,
    ended_device,
    is_inside,
    name_of,
)
from evenload.host.links import Link, read_link, read_links
from evenload.host.netlink import Message, Netlink, open_events, read_events
from evenload.host.waiting import News, WaitingThread
from evenload.model.errors import HostError
from evenload.model.observed import NetworkObserved
from evenload.threads import Faults

log = structlog.get_logger(__name__)

OnDrift = Callable[[str], None]
_AT_ONCE = 8
_ROOM_OUTSIDE = 1 << 21
"""Bytes of events of the host, whose devices may come and go by hundreds."""
_IN_A_ROW, _ROW = 3, 10.0
"""Who changes a network again and again is told of so often in so many seconds; then the resync has it."""


@dataclass(slots=True, eq=False)
class _Site:
    """One load balancer. ``network`` None: it is being changed by ourselves, and its events are dropped.

    ``device``, ``outer``: the names of its two ends. ``number``: of the namespace that ``events`` is in.
    """

    load_balancer_id: str
    device: str
    outer: str
    network: NetworkObserved | None = None
    inside: Inside | None = None
    outside: Outside | None = None
    number: int | None = None
    events: socket.socket | None = None
    told: list[float] = field(default_factory=list)


class NetworkWatcher:
    """``namespace_path`` says where a load balancer's namespace is; ``on_bridges``: outer ends are ports of a Linux
    bridge. Inert until ``start``."""

    def __init__(
        self, namespace_path: Callable[[str], Path], faults: Faults | None = None, *, on_bridges: bool = False
    ) -> None:
        self._namespace_path = namespace_path
        self._on_bridges = on_bridges
        self._faults = faults or Faults()
        self._thread = WaitingThread("network-watch", self._collect, self._faults)
        self._sites: dict[str, _Site] = {}
        self._outer: dict[str, str] = {}
        self._hinted: list[str] = []
        self._masters: set[int] = set()
        self._fresh: set[str] = set()
        self._blocked: dict[str, str] = {}
        self._outside: socket.socket | None = None
        self._on_drift: OnDrift | None = None

    def start(self, on_drift: OnDrift) -> None:
        """``on_drift`` is called from the watching thread. In the host's own namespace."""
        with self._thread.lock:
            self._on_drift = on_drift
            self._thread.start()
            if self._thread.running and self._outside is None:
                self._outside = open_events(GROUPS_OUTSIDE, _ROOM_OUTSIDE)
                self._thread.register(self._outside, self._outside)

    def expect(self, load_balancer_id: str, device: str, outer: str, network: NetworkObserved) -> None:
        """From now on events that contradict this are told of; what contradicts it already is found by a look, as soon
        as events are heard."""
        with self._thread.lock:
            if not self._thread.running:
                return
            site = self._sites.get(load_balancer_id)
            if site is not None and site.network == network and (site.device, site.outer) == (device, outer):
                return
            if site is None or (site.device, site.outer) != (device, outer):
                self._drop(load_balancer_id)
                site = self._sites[load_balancer_id] = _Site(load_balancer_id, device, outer)
                self._outer[outer] = load_balancer_id
            site.network = network
            self._fresh.add(load_balancer_id)
            self._thread.rouse()

    def hears(self, load_balancer_id: str) -> bool:
        """Whether everything that contradicts what is expected there is told of, or will be by the look that is to
        come. Does not wait for the lock, under which that look goes on just after a round; what it opens stays
        ``_fresh`` until it is heard."""
        if load_balancer_id in self._fresh:
            return True
        site = self._sites.get(load_balancer_id)
        return site is not None and site.inside is not None and site.events is not None

    def pause(self, load_balancer_id: str) -> None:
        """Until the next ``expect``: the changes that come are our own."""
        with self._thread.lock:
            self._blocked = {name: each for name, each in self._blocked.items() if each != load_balancer_id}
            self._fresh.discard(load_balancer_id)
            site = self._sites.get(load_balancer_id)
            if site is not None:
                site.network = site.inside = site.outside = None
                if site.number is not None and netns.inode(self._namespace_path(load_balancer_id)) != site.number:
                    self._drop(load_balancer_id)

    def await_passing(self, load_balancer_id: str, outer: str) -> None:
        """Tells once when the bridge lets packets of that device pass."""
        with self._thread.lock:
            if self._thread.running:
                self._blocked[outer] = load_balancer_id

    def hint(self, outer: str) -> None:
        """Somebody else than the kernel says that something has happened to that device."""
        with self._thread.lock:
            load_balancer_id = self._outer.get(outer)
            if load_balancer_id is not None and self._sites[load_balancer_id].inside is not None:
                self._hinted.append(load_balancer_id)
                self._thread.rouse()

    def let_go(self, load_balancer_id: str) -> None:
        """Its namespace has just lost its name."""
        with self._thread.lock:
            self._drop(load_balancer_id)

    def close(self) -> None:
        self._thread.close(self._drop_all)

    def _collect(self, found: "list[_Site | socket.socket]") -> list[News]:
        drifted = [each for source in found for each in self._hear(source)]
        drifted += [*self._hinted, *self._open_fresh()]
        self._hinted = []
        return [
            News("drift", each, partial(self._tell, each)) for each in dict.fromkeys(drifted) if self._may_tell(each)
        ]

    def _tell(self, load_balancer_id: str) -> None:
        if self._on_drift is not None:
            self._on_drift(load_balancer_id)

    def _hear(self, source: "_Site | socket.socket") -> list[str]:
        if isinstance(source, socket.socket):
            return self._hear_outside(source)
        if source.events is None or source.events.fileno() < 0:  # closed since the event
            return []
        messages = read_events(source.events)
        wanted = source.inside
        if wanted is None:
            return []
        # None: there were more than the kernel keeps, and some are lost.
        if messages is None or any(self._judge(contradicts_inside, each, wanted) for each in messages):
            return [source.load_balancer_id]
        return []

    def _hear_outside(self, source: socket.socket) -> list[str]:
        messages = read_events(source)
        return [*self._sites, *self._blocked.values()] if messages is None else self._judge_outside(messages)

    def _judge_outside(self, messages: Sequence[Message]) -> list[str]:
        """The load balancers whose network they contradict, or whose bridge begins to let packets pass."""
        found = []
        for message in messages:
            name = name_of(message)
            if name in self._blocked and begins_to_pass(message):
                found.append(self._blocked.pop(name))
            concerned = self._concerned(message, name)
            found += [site.load_balancer_id for site in concerned if self._is_drift(message, site)]
        return found

    def _concerned(self, message: Message, name: str) -> list[_Site]:
        """Most events are of devices that are none of ours, and no look at each of ours shall they cost. ``name``: of
        the event's device."""
        if name in self._outer:
            return [self._sites[self._outer[name]]]
        return list(self._sites.values()) if ended_device(message) in self._masters else []

    def _is_drift(self, message: Message, site: _Site) -> bool:
        return site.outside is not None and self._judge(contradicts_outside, message, site.outside)

    def _judge(self, contradicts: Callable[..., bool], message: Message, wanted: Inside | Outside) -> bool:
        try:
            return contradicts(message, wanted)
        except Exception:  # noqa: BLE001 it is noted; a look at all will tell
            self._faults.note("drift")
            return True

    def _open_fresh(self) -> list[str]:
        """The load balancers where something has changed since it was last looked at."""
        drifted = []
        for load_balancer_id in list(self._fresh)[:_AT_ONCE]:
            site = self._sites.get(load_balancer_id)
            try:
                if site is not None and site.network is not None and not self._open(site, site.network):
                    drifted.append(load_balancer_id)
            except HostError as error:
                log.debug("network not watched", load_balancer=load_balancer_id, reason=str(error))
                self._drop(load_balancer_id)
            finally:
                self._fresh.discard(load_balancer_id)
        if self._fresh:
            self._thread.rouse()  # in between others get the lock, and events are read
        return drifted

    def _open(self, site: _Site, network: NetworkObserved) -> bool:
        """False where what is there is something else already."""
        path = self._namespace_path(site.load_balancer_id)
        found = netns.inode(path)
        if site.events is None or found != site.number:
            self._close_events(site)
            with netns.visit(path):
                site.events = open_events(GROUPS_INSIDE)
            site.number = found
            self._thread.register(site.events, site)
        read_events(site.events)  # our own, up to here
        with netns.visit(path), Netlink() as netlink:
            links = read_links(netlink)
            index = next((link.index for link in links if link.name == site.device), 0)
            addresses, routes = read_usable_addresses(netlink, index), read_routes(netlink)
        with Netlink() as netlink:
            outer = read_link(netlink, site.outer)
        site.inside = Inside(index=index, network=network)
        site.outside = Outside(
            name=site.outer,
            there=outer is not None,
            master=0 if outer is None else outer.master,
            mtu=0 if outer is None else outer.mtu,
        )
        if site.outside.master:
            self._masters.add(site.outside.master)
        return is_inside(links, addresses, routes, site.inside) and (outer is None or self._fits(outer, network))

    def _fits(self, outer: Link, network: NetworkObserved) -> bool:
        plugged = outer.master != 0 or not self._on_bridges
        return outer.up and plugged and network.vif is not None and outer.mtu == network.vif.mtu

    def _may_tell(self, load_balancer_id: str) -> bool:
        site = self._sites.get(load_balancer_id)
        if site is None:
            return True
        site.network = site.inside = site.outside = None  # the look that follows takes in whatever else comes till then
        now = time.monotonic()
        site.told = [each for each in site.told if now - each < _ROW]
        if len(site.told) >= _IN_A_ROW:
            return False
        site.told.append(now)
        return True

    def _drop(self, load_balancer_id: str) -> None:
        self._fresh.discard(load_balancer_id)
        site = self._sites.pop(load_balancer_id, None)
        if site is not None:
            self._outer.pop(site.outer, None)
            self._close_events(site)

    def _close_events(self, site: _Site) -> None:
        if site.events is not None:
            self._thread.unregister(site.events)
            site.events.close()
            site.events = None

    def _drop_all(self) -> None:
        for load_balancer_id in list(self._sites):
            self._drop(load_balancer_id)
        if self._outside is not None:
            self._thread.unregister(self._outside)
            self._outside.close()
            self._outside = None
