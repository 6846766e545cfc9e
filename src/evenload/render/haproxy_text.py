"""Two configuration texts compared: are they equal, can the runtime API lead from one to the other, or must HAProxy
reload? Pure.

A text is a skeleton, its servers and its slots (model/slot.py). The skeleton is every other line; the number of the
worker in it does not count. Servers are compared by name, so that their order does not count either: a server that came
at run time stands last in the process, wherever the next text has it. Slots likewise.
"""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice

from evenload.model.named_file import names_in
from evenload.model.slot import ClearSlot, FillSlot, Slot, SlotChange, SlotKind, owner_of, read_slot
from evenload.render.former_text import former_text

_STATS_SOCKET = re.compile(r"^(    stats socket \S*/haproxy-)[0-9]+(\.sock )", re.MULTILINE)
_SERVER = "    server "
_DYNAMIC_COOKIE = re.compile(r"    cookie \S+ .*\bdynamic\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLine:
    """One server as its line has it. ``words`` are those that neither name nor place it and that only a reload
    changes."""

    backend: str
    name: str
    address: str
    weight: int
    disabled: bool
    words: tuple[str, ...]

    @property
    def checked(self) -> bool:
        return "check" in self.words

    @property
    def speaks_tls(self) -> bool:
        return "ssl" in self.words

    @property
    def vetoable(self) -> bool:
        """Whether it has the second bit of health (haproxy_checks.VETOABLE)."""
        return "agent-check" in self.words

    def word_after(self, word: str) -> str | None:
        """The value of a word that has one, such as ``rise``."""
        return next((value for key, value in zip(self.words, self.words[1:], strict=False) if key == word), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """``skeleton`` with worker number 0, without lines of servers and slots; ``servers`` by (backend, server), in
    order."""

    skeleton: str
    servers: dict[tuple[str, str], ServerLine]


@dataclass(frozen=True, slots=True)
class AddServer:
    """``dynamic_cookie``: the backend keeps clients by cookies that HAProxy makes from addresses."""

    server: ServerLine
    dynamic_cookie: bool = False


@dataclass(frozen=True, slots=True)
class RemoveServer:
    backend: str
    name: str


@dataclass(frozen=True, slots=True)
class SetWeight:
    backend: str
    name: str
    weight: int


@dataclass(frozen=True, slots=True)
class SetState:
    """``maintenance`` False: in service again. ``checked``: HAProxy has a check for it."""

    backend: str
    name: str
    maintenance: bool
    checked: bool = False


RuntimeChange = AddServer | RemoveServer | SetWeight | SetState


@dataclass(frozen=True, slots=True)
class Equal:
    """The process already works by that text."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """These, in order, make the process work by the wanted text: ``slots`` before the ``changes`` of servers
    (runtime_commands has the words of these)."""

    changes: tuple[RuntimeChange, ...]
    slots: tuple[SlotChange, ...] = ()


@dataclass(frozen=True, slots=True)
class Reload:
    """``reason`` is for people: the first thing found that the runtime API cannot change."""

    reason: str


Difference = Equal | Runtime | Reload


def split(text: str) -> Parts:
    """The parts of a text that ``render_haproxy`` made. Raises ValueError for a server line that it cannot have."""
    lines = _split_lines(text)
    servers = {key: _server_line(key[0], line) for key, line in lines.servers.items()}
    return Parts(skeleton=without_worker(lines.skeleton), servers=servers)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lines:
    """As ``Parts``, before anything is made of the server lines, and with the worker's own number."""

    skeleton: str
    servers: dict[tuple[str, str], str]
    slots: dict[str, Slot]


def _split_lines(text: str) -> _Lines:
    skeleton: list[str] = []
    servers: dict[tuple[str, str], str] = {}
    slots: dict[str, Slot] = {}
    backend = ""
    for line in text.split("\n"):
        if line.startswith(_SERVER):
            servers[backend, _name(line)] = line
            continue
        slot = read_slot(line)
        if slot is not None:
            slots[slot.name] = slot
            continue
        if line and not line[0].isspace():
            backend = line.removeprefix("backend ")
        skeleton.append(line)
    return _Lines(skeleton="\n".join(skeleton), servers=servers, slots=slots)


def without_worker(text: str) -> str:
    """The text as worker number 0 would have it, for comparing."""
    return _STATS_SOCKET.sub(r"\g<1>0\2", text, count=1)


def plan_difference(running: str, wanted: str) -> Difference:
    """What has to be done to a process that works by ``running`` to make it work by ``wanted``. Of the servers only
    those are read whose lines differ."""
    if running == wanted:
        return Equal()
    try:
        between = _servers_between(running, wanted)
        if between is not None:
            return _plan_servers(*between, lambda: _cookie_backends(wanted), cache(lambda: names_in(running)))
        if without_worker(running) == without_worker(wanted):
            return Equal()
        now, then = _split_lines(running), _split_lines(wanted)
        before, after = without_worker(now.skeleton), without_worker(then.skeleton)
        slots = _plan_slots(now.slots, then.slots)
        if before != after:
            if now.slots or before != without_worker(_split_lines(former_text(wanted)).skeleton):
                return Reload(_first_difference(before, after))
            slots = ()  # it has the same from files that are named by content
        if isinstance(slots, Reload):
            return slots
        servers = _plan_servers(
            now.servers, then.servers, lambda: _cookie_backends(after), cache(lambda: names_in(running))
        )
        if not slots or isinstance(servers, Reload):
            return servers
        return Runtime(servers.changes if isinstance(servers, Runtime) else (), slots)
    except ValueError:
        return Reload("the running text is not one of ours")


_ServerLines = Mapping[tuple[str, str], str]


def _servers_between(running: str, wanted: str) -> tuple[_ServerLines, _ServerLines] | None:
    """The lines between what both texts begin with and what both end with, where these are servers of one backend
    alone; else None."""
    now, then = running.split("\n"), wanted.split("\n")
    shorter = min(len(now), len(then))
    first = _count_equal(now, then, shorter)
    last = _count_equal(reversed(now), reversed(then), shorter - first)
    between = now[first : len(now) - last], then[first : len(then) - last]
    if not all(line.startswith(_SERVER) for lines in between for line in lines):
        return None
    head = next((line for line in reversed(then[:first]) if line and not line[0].isspace()), "")
    backend = head.removeprefix("backend ")
    before, after = ({(backend, _name(line)): line for line in lines} for lines in between)
    return before, after


def _name(line: str) -> str:
    _, name, _ = line.split(maxsplit=2)
    return name


def _count_equal(lines: Iterable[str], others: Iterable[str], most: int) -> int:
    """How many there are before the first two that differ."""
    pairs = islice(zip(lines, others, strict=False), most)
    return next((place for place, (line, other) in enumerate(pairs) if line != other), most)


def _plan_servers(
    now: _ServerLines,
    then: _ServerLines,
    cookie_backends: Callable[[], Collection[str]],
    loaded: Callable[[], Collection[str]],
) -> Difference:
    """From lines to lines. ``loaded``: names of the files that the process has read; it reads no others at run time.
    Raises ValueError for a line that no version of ours has written."""
    changes: list[RuntimeChange] = []
    cookies = cookie_backends() if then.keys() - now.keys() else ()
    # Added before removed, so that a backend whose members are all exchanged is never empty.
    for key, line in then.items():
        standing = now.get(key)
        if standing == line:
            continue
        server = _server_line(key[0], line)
        if standing is None:
            if (named := names_in(line)) and not named.issubset(loaded()):
                return Reload(f"server {server.name} needs a file that was not read")
            changes.append(AddServer(server, dynamic_cookie=server.backend in cookies))
            continue
        former = _server_line(key[0], standing)
        if replace(former, weight=server.weight, disabled=server.disabled) != server:
            return Reload(f"server {server.name} changed beyond weight and state")
        if former.weight != server.weight:
            changes.append(SetWeight(*key, server.weight))
        if former.disabled is not server.disabled:
            changes.append(SetState(*key, server.disabled, server.checked))
    changes += [RemoveServer(*key) for key in now if key not in then]
    return Runtime(tuple(changes)) if changes else Equal()


_COMES_AND_GOES = frozenset({SlotKind.LISTED_CERTIFICATE})
_READ_AT_THE_START = frozenset({SlotKind.CERTIFICATE_LIST})
SLOTS_AT_ONCE = 500
"""Changes at run time; each keeps the process for a millisecond or two from what it serves. Where there are more of
them a new process reads all there is while the former one serves."""


def _plan_slots(now: Mapping[str, Slot], then: Mapping[str, Slot]) -> tuple[SlotChange, ...] | Reload:
    """Filled before cleared, so that a name which moves from one certificate to another is never without one."""
    changes: list[SlotChange] = []
    for name, slot in then.items():
        standing = now.get(name)
        if standing == slot or (standing is not None and slot.kind in _READ_AT_THE_START):
            continue
        comes = standing is None or not standing.known
        if standing is None and slot.kind not in _COMES_AND_GOES:
            return Reload(f"{slot.kind.value} {name} came")
        changes.append(FillSlot(slot, comes=comes and slot.kind in _COMES_AND_GOES))
    many = _is_dear(changes, then)
    if many is not None:
        return Reload(many)
    gone = [slot for name, slot in now.items() if name not in then]
    lasting = next((slot for slot in gone if slot.kind not in _COMES_AND_GOES), None)
    if lasting is not None:
        return Reload(f"{lasting.kind.value} {lasting.name} went")
    changes += map(ClearSlot, gone)
    return tuple(changes) if len(changes) <= SLOTS_AT_ONCE else Reload(f"{len(changes)} files changed")


_JUDGING = (SlotKind.AUTHORITIES, SlotKind.REVOCATIONS)


def _is_dear(changes: Iterable[SlotChange], slots: Mapping[str, Slot]) -> str | None:
    """Why a new process is better for clients whose certificates are judged otherwise: between two exchanges a list
    would be none of the authorities', and nobody let in; and with each HAProxy makes all certificates of the listener
    anew."""
    judged = Counter(owner_of(change.slot.name) for change in changes if change.slot.kind in _JUDGING)
    if any(count > 1 for count in judged.values()):
        return "authorities changed with what they have taken back"
    if judged and sum(owner_of(name) in judged for name in slots) > SLOTS_AT_ONCE:
        return "authorities of many certificates changed"
    return None


def _server_line(backend: str, line: str) -> ServerLine:
    _, name, address, *words = line.split()
    place = words.index("weight")
    weight = int(words[place + 1])
    rest = [word for word in words[:place] + words[place + 2 :] if word != "disabled"]
    return ServerLine(
        backend=backend,
        name=name,
        address=address,
        weight=weight,
        disabled="disabled" in words,
        words=tuple(rest),
    )


def _cookie_backends(skeleton: str) -> set[str]:
    found = set()
    section = ""
    for line in skeleton.split("\n"):
        if line and not line[0].isspace():
            section = line.removeprefix("backend ")
        elif _DYNAMIC_COOKIE.match(line):
            found.add(section)
    return found


def _first_difference(now: str, then: str) -> str:
    before, after = _sections(now), _sections(then)
    for name in before:
        if name not in after:
            return f"{name} went"
    for name, lines in after.items():
        if name not in before:
            return f"{name} came"
        if before[name] != lines:
            return f"{name} changed"
    return "the order of the sections changed"


def _sections(skeleton: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in skeleton.split("\n"):
        if line and not line[0].isspace():
            lines = found.setdefault(line, [])
        elif line:
            lines.append(line)
    return found
