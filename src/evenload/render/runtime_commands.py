"""The words of HAProxy's runtime API for each change, and what its answers mean. Pure.

Removing a server does not cut what it is answering: maintenance at once (no new request goes there), deletion only
when it is idle. HAProxy refuses to delete a busy one; it stays as a leftover in maintenance, which is in no
configuration and which later attempts delete (``delete_leftovers``).
"""

from collections.abc import Iterable, Mapping

from evenload.model.observed import ServerState
from evenload.render.haproxy_text import AddServer, RemoveServer, RuntimeChange, ServerLine, SetState, SetWeight, split

_GOOD = frozenset({"", "New server registered.", "Server deleted."})
_SHUT = "shutdown sessions server "
_BUSY = "Server still has connections attached to it"


def commands(change: RuntimeChange) -> tuple[str, ...]:
    """The commands that make one change, to be sent in order."""
    match change:
        case AddServer():
            return _add(change.server, dynamic_cookie=change.dynamic_cookie)
        case RemoveServer():
            return set_state(change.backend, change.name, maintenance=True), delete(change.backend, change.name)
        case SetWeight():
            return (f"set server {change.backend}/{change.name} weight {change.weight}",)
        case SetState():
            return _state(change)


def set_state(backend: str, server: str, *, maintenance: bool) -> str:
    return f"set server {backend}/{server} state {'maint' if maintenance else 'ready'}"


def set_health(backend: str, server: str, *, up: bool) -> str:
    """For a member that the agent checks itself (PING). HAProxy keeps it until told otherwise, over a reload by the
    state file; a process that was started anew has every server up."""
    return f"set server {backend}/{server} health {'up' if up else 'down'}"


def set_veto(backend: str, server: str, *, vetoed: bool) -> str:
    """For a member that monitors other than its servers' own find down (True), or no longer do.

    To lift a veto makes HAProxy take the server for up whatever its own checks say, until the next of them; so it is
    lifted only where they pass, or in maintenance, where that does not count.
    """
    return f"set server {backend}/{server} agent {'down' if vetoed else 'up'}"


def enable_veto(backend: str, server: str) -> str:
    """Makes the bit for vetoes count, after somebody said that it should not."""
    return f"enable agent {backend}/{server}"


def release(backend: str, server: str) -> tuple[str, ...]:
    """For a server that a reload has put into maintenance so that it starts with its veto (server_states)."""
    return set_veto(backend, server, vetoed=True), set_state(backend, server, maintenance=False)


def delete(backend: str, server: str) -> str:
    return f"del server {backend}/{server}"


def shut_sessions(backend: str, server: str) -> str:
    """Cuts what a removed server is still answering."""
    return f"{_SHUT}{backend}/{server}"


def shut_by(commands: Iterable[str]) -> frozenset[tuple[str, str]]:
    """Backend and server of those among the commands that ``shut_sessions`` made."""
    places = (command.removeprefix(_SHUT).partition("/") for command in commands if command.startswith(_SHUT))
    return frozenset((backend, server) for backend, _, server in places)


def delete_leftovers(text: str, servers: Mapping[tuple[str, str], ServerState]) -> tuple[str, ...]:
    """For the servers that the process still has in maintenance although its text no longer names them. Those that
    are still busy answer so, which is no refusal."""
    named = split(text).servers
    return tuple(delete(*key) for key, state in servers.items() if key not in named and state.maintenance)


def is_refusal(command: str, answer: str) -> bool:
    """Whether HAProxy did not do what it was told, so that the process does not work by the wanted text."""
    if answer in _GOOD:
        return False
    return not (command.startswith("del server ") and answer.startswith(_BUSY))


def _add(server: ServerLine, *, dynamic_cookie: bool) -> tuple[str, ...]:
    """A server comes in maintenance and without its check running, whatever its words say."""
    place = f"{server.backend}/{server.name}"
    words = " ".join([f"add server {place} {server.address}", *server.words, f"weight {server.weight}"])
    lines = [words]
    if dynamic_cookie:
        # Makes HAProxy compute the cookies of the backend's servers; without it the new one would have none.
        lines.append(f"enable dynamic-cookie backend {server.backend}")
    # A check that runs would go on in maintenance, so one that begins there is begun when maintenance ends (_state).
    if server.checked and not server.disabled:
        lines.append(f"enable health {place}")
    if server.vetoable:
        # It comes with a veto that does not count; from here on it counts, so it has to be lifted first.
        lines += [enable_veto(server.backend, server.name), set_veto(server.backend, server.name, vetoed=False)]
    if not server.disabled:
        lines.append(f"enable server {place}")
    return tuple(lines)


def _state(change: SetState) -> tuple[str, ...]:
    state = set_state(change.backend, change.name, maintenance=change.maintenance)
    if change.checked and not change.maintenance:
        return f"enable health {change.backend}/{change.name}", state
    return (state,)
