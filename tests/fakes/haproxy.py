"""A HAProxy that exists in memory alone: a table of servers and the runtime commands that change it.

Part of the fake host. It understands what ``render`` writes and answers in HAProxy's own words; that it does so like
the real one is for the contract suite to show. It serves nobody.
"""

from collections.abc import Collection
from dataclasses import dataclass, field, replace

from evenload.model.desired import ProxyStatistics, Statistics
from evenload.model.errors import HostError
from evenload.model.observed import ServerState
from evenload.model.slot import ClearSlot, FillSlot, SlotChange, SlotKind
from evenload.render.haproxy_text import ServerLine, split
from evenload.render.state_file import parse_server_states

Key = tuple[str, str]

_SECTIONS = frozenset({"global", "defaults", "peers", "frontend", "backend"})
_CERTIFICATES = frozenset({SlotKind.CERTIFICATE, SlotKind.LISTED_CERTIFICATE})
_EXCHANGED = frozenset({SlotKind.MAP, SlotKind.AUTHORITIES, SlotKind.REVOCATIONS})
_STATE_FIELDS = (
    "be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight"
    " srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state"
    " bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr"
    " srv_agent_addr srv_agent_port"
)


@dataclass(slots=True)
class FakeServer:
    """``busy``: something is open that keeps it from being deleted. ``passing``: what its own checks come to.

    ``vetoed``: the second bit of its health, None while that does not count.
    """

    line: ServerLine
    weight: int
    maintenance: bool
    up: bool = True
    reason: str | None = None
    checking: bool = False
    busy: bool = False
    passing: bool = True
    vetoed: bool | None = None

    def judge(self, passing: bool) -> None:
        """Its own checks come to an end, one way or the other."""
        if self.checking and not self.maintenance:
            self.passing = passing
            self.up = passing and not self.vetoed

    def veto(self, vetoed: bool) -> None:
        """HAProxy does what it is told at once, whatever the server's own checks say."""
        self.vetoed = vetoed
        if not self.maintenance:
            self.up = not vetoed

    def leave_maintenance(self) -> None:
        if self.maintenance:
            self.maintenance, self.passing, self.up = False, True, not self.vetoed


@dataclass(slots=True)
class FakeHaproxy:
    """``traffic``: what its frontends have counted, by listener. ``deaf``: it lives, and answers nothing.
    ``slots``: fingerprints by name, of the certificates that it works by."""

    pid: int
    worker: int
    text: str
    servers: dict[Key, FakeServer] = field(default_factory=dict)
    traffic: dict[str, Statistics] = field(default_factory=dict)
    finishing: bool = False
    deaf: bool = False
    slots: dict[str, str] = field(default_factory=dict)

    @classmethod
    def start(cls, pid: int, worker: int, text: str, server_states: str | None) -> "FakeHaproxy":
        """Servers start up or in maintenance, or as the state file has them."""
        process = cls(pid, worker, text)
        for key, line in split(text).servers.items():
            vetoed = False if line.vetoable else None
            process.servers[key] = FakeServer(line, line.weight, line.disabled, checking=line.checked, vetoed=vetoed)
        for row in parse_server_states(server_states or ""):
            server = process.servers.get((row["be_name"], row["srv_name"]))
            if server is not None:
                server.up = server.passing = row["srv_op_state"] != "0"
                server.maintenance = server.maintenance or row["srv_admin_state"] == "1"
        return process

    def run(self, command: str) -> str:
        match command.split():
            case ["show", "servers", "state"]:
                return self._states()
            case ["add", "server", place, address, *words]:
                return self._add(_key(place), address, words)
            case ["del", "server", place]:
                return self._delete(_key(place))
            case ["enable", "dynamic-cookie", "backend", _]:
                return ""
            case ["enable", "health", place]:
                return self._set(place, checking=True)
            case ["enable", "agent", place]:
                return self._enable_veto(place)
            case ["enable", "server", place]:
                return self._ready(place)
            case ["set", "server", place, "weight", weight]:
                return self._set(place, weight=int(weight))
            case ["set", "server", place, "state", "maint"]:
                return self._set(place, maintenance=True)
            case ["set", "server", place, "state", "ready"]:
                return self._ready(place)
            case ["set", "server", place, "health", ("up" | "down") as health]:
                return self._set(place, up=health == "up", passing=health == "up")
            case ["set", "server", place, "agent", ("up" | "down") as health]:
                return self._veto(place, vetoed=health == "down")
            case ["shutdown", "sessions", "server", place]:
                return self._set(place, busy=False)
            case _:
                return f"Unknown command: '{command.partition(' ')[0]}', please enter one of the following commands"

    def change_slot(self, change: SlotChange, files: Collection[str]) -> None:
        """Lists are read at the start alone, and a certificate that is no list's cannot come or go."""
        name, kind = change.slot.name, change.slot.kind
        match change:
            case FillSlot(slot) if kind in _CERTIFICATES and slot.fingerprint in files:
                if name not in self.slots and not change.comes:
                    raise HostError("Can't replace a certificate which is not referenced by the configuration!")
                self.slots[name] = slot.fingerprint
            case FillSlot(slot) if kind in _EXCHANGED and name in self.slots and slot.fingerprint in files:
                self.slots[name] = slot.fingerprint
            case ClearSlot() if kind is SlotKind.LISTED_CERTIFICATE:
                self.slots.pop(name, None)
            case _:
                raise HostError(f"HAProxy refuses {change}")

    def states(self) -> dict[Key, ServerState]:
        return {
            key: ServerState(
                address=server.line.address.rpartition(":")[0].strip("[]"),
                port=int(server.line.address.rpartition(":")[2]),
                weight=server.weight,
                maintenance=server.maintenance,
                up=server.up if server.checking else None,
                tls=server.line.speaks_tls,
            )
            for key, server in self.servers.items()
        }

    def statistics(self) -> tuple[ProxyStatistics, ...]:
        """The rows of ``show stat``: frontends, then each backend's servers and its own row."""
        rows = []
        for name in names_of(self.text, "frontend"):
            rows.append(
                _row(name, "FRONTEND", "STOP" if self.finishing else "OPEN", self.traffic.get(name, Statistics()))
            )
        for name in names_of(self.text, "backend"):
            mine = {key[1]: server for key, server in self.servers.items() if key[0] == name}
            rows += [_server_row(name, server_name, server) for server_name, server in mine.items()]
            usable = any(server.up and not server.maintenance and server.weight for server in mine.values())
            rows.append(_row(name, "BACKEND", "UP" if usable or not mine else "DOWN"))
        return tuple(rows)

    def _set(self, place: str, **changes: int | bool) -> str:
        server = self.servers.get(_key(place))
        if server is None:
            return "No such server."
        for name, value in changes.items():
            setattr(server, name, value)
        return ""

    def _ready(self, place: str) -> str:
        server = self.servers.get(_key(place))
        if server is None:
            return "No such server."
        server.leave_maintenance()
        return ""

    def _enable_veto(self, place: str) -> str:
        """A server that came at run time begins with its veto."""
        server = self.servers.get(_key(place))
        if server is None:
            return "No such server."
        if not server.line.vetoable:
            return "Agent was not configured on this server, cannot enable."
        if server.vetoed is None:
            server.vetoed = True
        return ""

    def _veto(self, place: str, *, vetoed: bool) -> str:
        server = self.servers.get(_key(place))
        if server is None:
            return "No such server."
        if server.vetoed is None:
            return "agent checks are not enabled on this server."
        server.veto(vetoed)
        return ""

    def _add(self, key: Key, address: str, words: list[str]) -> str:
        if key[0] not in names_of(self.text, "backend"):
            return "No such backend."
        if key in self.servers:
            return "Already exists a server with the same name in backend."
        line = split(f"backend {key[0]}\n    server {key[1]} {address} {' '.join(words)}\n").servers[key]
        self.servers[key] = FakeServer(line, line.weight, maintenance=True)
        return "New server registered."

    def _delete(self, key: Key) -> str:
        server = self.servers.get(key)
        if server is None:
            return "No such server."
        if not server.maintenance:
            return "Only servers in maintenance mode can be deleted."
        if server.busy:
            return "Server still has connections attached to it, cannot remove it."
        del self.servers[key]
        return "Server deleted."

    def _states(self) -> str:
        lines = ["1", f"# {_STATE_FIELDS}"]
        for number, ((backend, name), server) in enumerate(self.servers.items(), start=1):
            address, _, port = server.line.address.rpartition(":")
            words = [
                *("1", backend, str(number), name, address.strip("[]"), "2" if server.up else "0"),
                *("1" if server.maintenance else "0", str(server.weight), str(server.line.weight), "0"),
                *("6" if server.checking else "1", "3" if server.passing else "2", _health(server)),
                *("6" if server.checking else "0", "0", "0", "1", "-", port, "-", "0", "0", "-", "-", "0"),
            ]
            lines.append(" ".join(words))
        return "\n".join(lines)


def names_of(text: str, kind: str) -> list[str]:
    """The names of the sections of that kind, in order."""
    return [line.split()[1] for line in text.splitlines() if line.startswith(f"{kind} ")]


def find_fault(text: str) -> str | None:
    """Why a HAProxy would not take the text: a line that begins no section it knows."""
    for number, line in enumerate(text.splitlines(), start=1):
        word = line.split()[0] if line.split() else ""
        if word and not line[0].isspace() and word not in _SECTIONS:
            return f"unknown keyword '{word}' at line {number}"
    return None


def _status(server: FakeServer) -> str:
    if server.maintenance:
        return "MAINT"
    if not server.up:
        return "DOWN (agent)" if server.vetoed else "DOWN"
    return "UP" if server.checking else "no check"


def _health(server: FakeServer) -> str:
    return (server.line.word_after("rise") or "1") if server.passing else "0"


def _row(proxy: str, server: str, status: str, statistics: Statistics | None = None) -> ProxyStatistics:
    return ProxyStatistics(
        proxy=proxy,
        server=server,
        status=status,
        statistics=statistics or Statistics(),
        limit=2000 if server == "FRONTEND" else None,
    )


def _server_row(proxy: str, name: str, server: FakeServer) -> ProxyStatistics:
    passing = server.passing if server.checking and not server.maintenance else None
    return replace(_row(proxy, name, _status(server)), passing=passing, vetoed=server.vetoed, reason=server.reason)


def _key(place: str) -> Key:
    backend, _, server = place.partition("/")
    return backend, server
