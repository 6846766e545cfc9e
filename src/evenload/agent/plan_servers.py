"""What a running HAProxy has to be told to work by the wanted text, or that only a reload will do. Pure.

Beside the difference of the texts it mends what the process was found to have otherwise than its
text says, and sees removed servers to their end once they are idle or have had their time.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from ipaddress import ip_address

from evenload.agent.verdicts import ServerKey
from evenload.model.observed import HaproxyProcess, ServerState
from evenload.model.slot import SlotChange
from evenload.render.haproxy_text import (
    Reload,
    RemoveServer,
    Runtime,
    RuntimeChange,
    ServerLine,
    SetState,
    SetWeight,
    plan_difference,
    split,
)
from evenload.render.runtime_commands import commands, delete_leftovers, shut_sessions


@dataclass(frozen=True, slots=True)
class ServersPlan:
    """``slots``: changes of files, to be made before the commands. ``changed``: more than the end of servers that were
    removed before."""

    commands: tuple[str, ...]
    changed: bool
    slots: tuple[SlotChange, ...] = ()


def plan_servers(
    running: HaproxyProcess, text: str, *, runtime: bool = True, overdue: Collection[ServerKey] = ()
) -> ServersPlan | None:
    """None for a reload, which is also the answer where ``runtime`` commands have just been refused."""
    if not runtime:
        return None
    difference = plan_difference(running.text, text)
    if isinstance(difference, Reload):
        return None
    changes: tuple[RuntimeChange, ...] = difference.changes if isinstance(difference, Runtime) else ()
    ends: tuple[str, ...] = ()
    if running.servers is not None:
        drift = plan_drift(running.text, running.servers)
        if drift is None:
            return None
        named = {_key(change) for change in changes}
        changes = (*(change for change in drift if _key(change) not in named), *changes)
        leftovers = leftovers_of(running)
        cuts = tuple(shut_sessions(*key) for key in overdue if key in leftovers)
        ends = (*cuts, *delete_leftovers(running.text, running.servers))
    lines = tuple(line for change in changes for line in commands(change))
    slots = difference.slots if isinstance(difference, Runtime) else ()
    return ServersPlan((*lines, *ends), changed=bool(changes or slots), slots=slots)


def plan_drift(text: str, servers: Mapping[ServerKey, ServerState]) -> tuple[RuntimeChange, ...] | None:
    """What makes a process whose servers somebody has changed work by its text again; None for a reload."""
    changes: list[RuntimeChange] = []
    wanted = split(text).servers
    for key, line in wanted.items():
        state = servers.get(key)
        if state is None or not _same_place(line, state):
            return None
        if state.weight != line.weight:
            changes.append(SetWeight(*key, line.weight))
        if state.maintenance is not line.disabled:
            changes.append(SetState(*key, line.disabled, line.checked))
    # One in maintenance is on its way out already.
    changes += [RemoveServer(*key) for key, state in servers.items() if key not in wanted and not state.maintenance]
    return tuple(changes)


def leftovers_of(running: HaproxyProcess) -> frozenset[ServerKey]:
    """The servers that were removed and are still finishing what they had begun."""
    wanted = split(running.text).servers
    return frozenset(key for key, state in (running.servers or {}).items() if key not in wanted and state.maintenance)


def _same_place(line: ServerLine, state: ServerState) -> bool:
    if line.speaks_tls is not state.tls:
        return False
    host, _, port = line.address.rpartition(":")
    host = host.strip("[]")
    return port == str(state.port) and (host == state.address or _same_address(host, state.address))


def _same_address(wanted: str, found: str) -> bool:
    """HAProxy writes some addresses otherwise than we do, such as ``::10.0.0.1``."""
    try:
        return ip_address(wanted) == ip_address(found)
    except ValueError:
        return False


def _key(change: RuntimeChange) -> tuple[ServerKey, type[object]]:
    match change:
        case SetWeight(backend, name, _) | SetState(backend, name, _) | RemoveServer(backend, name):
            return (backend, name), type(change)
        case _:
            return (change.server.backend, change.server.name), type(change)
