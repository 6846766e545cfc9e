"""What an agent asks of its host."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

from evenload.model.desired import Desired, DesiredPort, PingTarget, ProxyStatistics
from evenload.model.named_file import NamedFile
from evenload.model.network_steps import NetworkStep
from evenload.model.observed import NetworkObserved, Observed
from evenload.model.slot import SlotChange
from evenload.model.verdict import Verdict


class Host(Protocol):
    """One machine, as far as load balancers go: the only thing in Evenload that needs root.

    Every operation either takes effect or raises HostError (Hopeless where trying again cannot help). ``ensure_*`` and
    ``remove_*`` may be repeated. Different load balancers may be worked on in parallel, one of them never.
    A namespace is named after its load balancer: ``qlbaas-<id>``.
    """

    def prepare(self) -> list[str]:
        """Before the first load balancer: checks what is needed (Hopeless says what is missing), makes what may be
        made (bridges of the mapping, kernel limits); returns warnings for people."""

    def findings(self) -> list[str]:
        """What stands in the way of all load balancers just now, for people. A look, for each resync."""

    def load_balancer_ids(self) -> list[str]:
        """The load balancers that have a state directory here, or a HAProxy of which nothing is recorded any more
        (HaproxyObserved.orphan tells of those that were found here)."""

    def observe(self, load_balancer_id: str, port: DesiredPort | None) -> Observed:
        """``port``: the one to look for; None: the one of the remembered document."""

    def glance(self, load_balancer_id: str) -> object | None:
        """In a few system calls, what is another value where somebody has changed what no event tells of: the files,
        the name of the namespace. None where the events are not heard, so that nothing follows from it. Never raises
        HostError."""

    # State directory

    def ensure_state(self, load_balancer_id: str) -> None: ...

    def remember(self, desired: Desired) -> None:
        """Keeps the document as the last one applied (Observed.applied)."""

    def write_files(self, load_balancer_id: str, files: Sequence[NamedFile]) -> None:
        """Beside the texts, in ``files/<fingerprint>`` of the state directory. May be repeated."""

    def remove_files(self, load_balancer_id: str, names: Sequence[str]) -> None:
        """May be repeated."""

    def link_slots(self, load_balancer_id: str, links: Mapping[str, str], gone: Collection[str]) -> None:
        """What the next process reads in the slots ``slots/<name>``: the file of each fingerprint. May be repeated."""

    def change_slots(self, load_balancer_id: str, changes: Sequence[SlotChange]) -> None:
        """Of the running process, in order; the content is in the files already. May be repeated. Raises HostError
        where HAProxy refuses; the changes before that one are made then."""

    def renew_tickets(self, load_balancer_id: str) -> None:
        """A new key for TLS session tickets, on disk and in the running process, if there is one; where there is no
        file with them it is made."""

    def write_config(self, load_balancer_id: str, text: str) -> None:
        """Brings the configuration file on disk to this text; the running process is not touched."""

    def remove_state(self, load_balancer_id: str) -> None: ...

    # Network

    def ensure_namespace(self, load_balancer_id: str) -> None: ...

    def remove_namespace(self, load_balancer_id: str) -> None:
        """Ends what still runs inside, removes the name; returns when the devices of the namespace are gone."""

    def plug(self, load_balancer_id: str, port: DesiredPort) -> None:
        """The port's device in the namespace, with MAC and MTU, its other end on the segment's bridge and up; an
        existing one is brought to that. The device itself stays down until BringUp."""

    def unplug(self, load_balancer_id: str, port_id: str) -> None: ...

    def remove_foreign_device(self, load_balancer_id: str, device: str) -> None: ...

    def configure(self, load_balancer_id: str, port: DesiredPort, steps: Sequence[NetworkStep]) -> None:
        """The steps in order, in one visit to the namespace, on that port's device."""

    # HAProxy

    def begin_haproxy(self, load_balancer_id: str, text: str, worker: int, *, takeover: bool) -> None:
        """Begins a process that loads, reads the text and waits: it binds nothing, and where it is to take over, the
        running one serves on. ``start_haproxy`` (``takeover``: ``reload_haproxy``) with the same text and number lets
        it go on, and begins one itself where this was not done."""

    def abandon_haproxy(self, load_balancer_id: str) -> None:
        """Ends a process that was begun and not let go on; quiet where there is none."""

    def begin_spare(self, load_balancer_id: str, worker: int, *, takeover: bool) -> None:
        """Begins a process ahead of any text, for the start (``takeover``: reload) of worker number ``worker``, which
        is quicker then; it reads nothing until that comes. Replaces an earlier one. One that does not serve when it is
        needed is ended, and the start goes its usual way. As all that changes a load balancer, it is alone with it."""

    def end_spare(self, load_balancer_id: str) -> None:
        """Quiet where there is none."""

    def spares(self) -> Mapping[str, int]:
        """The load balancers that have one, with the worker's number."""

    def ensure_next(self) -> None:
        """Keeps a namespace with a spare in it for the next load balancer that has none yet; ``ensure_namespace`` gives
        it away."""

    def end_next(self) -> None:
        """Quiet where there is none."""

    def start_haproxy(self, load_balancer_id: str, text: str, worker: int) -> int:
        """Starts a process by the text, which becomes the live file; returns its pid once it listens. Raises
        InvalidConfiguration where HAProxy refuses the text; after any failure the former live file is there."""

    def reload_haproxy(self, load_balancer_id: str, text: str, worker: int, server_states: str | None) -> int:
        """Starts worker number ``worker`` by the text, which takes over the listening sockets of the running one and
        lets it finish; one that hangs is ended. ``server_states``: content of the state file the new process starts
        from. Raises InvalidConfiguration where HAProxy refuses the text; after any failure the old process serves on
        and the former live file is there."""

    def finish_haproxy(self, load_balancer_id: str) -> None:
        """The running worker listens no more and ends with its last connection, bounded in time as after a reload;
        returns when nobody listens. One that does not answer is ended."""

    def stop_haproxy(self, load_balancer_id: str) -> None:
        """Ends every worker of this load balancer, old ones too."""

    def runtime(self, load_balancer_id: str, commands: Sequence[str]) -> list[str]:
        """Sends commands to the running process one by one; returns its answers, stripped."""

    def record_running(self, load_balancer_id: str, text: str) -> None:
        """After runtime changes: the text that the running process now amounts to (HaproxyProcess.text)."""

    def read_statistics(self, load_balancer_id: str) -> dict[int, tuple[ProxyStatistics, ...]]:
        """By worker, the ones that are finishing included; those that do not answer are missing. A finishing one that
        is idle is let go then, so that its last numbers are read but once. The servers' rows of a large
        one may be some seconds old, where nothing tells of a change in their health."""

    def ask_statistics(self, load_balancer_ids: Sequence[str]) -> None:
        """Says whose ``read_statistics`` come next: it answers by what was so then, or later. May be left out."""

    def read_servers(self, load_balancer_id: str) -> tuple[ProxyStatistics, ...]:
        """The servers' rows of the worker that serves. Raises HostError where it does not answer."""

    def load_counters(self, load_balancer_id: str) -> str | None:
        """What save_counters kept, for the agent to read."""

    def save_counters(self, load_balancer_id: str, content: str) -> None: ...

    # Watching

    def watch(self, load_balancer_id: str, on_exit: Callable[[str], None]) -> None:
        """Calls ``on_exit(load_balancer_id)`` once when the current worker dies; also one that this agent did not
        start itself. Replaces an earlier watch of this load balancer."""

    def watch_networks(self, on_drift: Callable[[str], None]) -> None:
        """From now on calls ``on_drift(load_balancer_id)`` where somebody else changes a network otherwise than
        ``expect_network`` said, as far as the kernel tells of it, and where a bridge lets packets pass at last. A look
        at all at times stays necessary."""

    def expect_network(self, load_balancer_id: str, port: DesiredPort, network: NetworkObserved) -> None:
        """After changes of our own: this is what should be."""

    def ping(
        self,
        load_balancer_id: str,
        targets: Sequence[PingTarget],
        on_verdict: Callable[[str, Verdict], None],
    ) -> None:
        """Sends ICMP echos from the namespace to the targets, instead of those given before; calls ``on_verdict`` with
        the load balancer's id when ``rise`` or ``fall`` is reached. A target kept from before keeps its count. An empty
        sequence stops it."""

    def close(self) -> None:
        """Stops watching and pinging; what runs runs on."""
