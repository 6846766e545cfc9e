"""The engine haproxy: from what is desired and the processes that a host has, to the gentlest way there. Pure.

Nothing, runtime commands, a reload or a start. Any state of the process may come in.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from types import MappingProxyType

from evenload.agent.actions import (
    NEW,
    Action,
    BeginHaproxy,
    ChangeServers,
    ChangeSlots,
    FinishHaproxy,
    LinkSlots,
    Part,
    ReloadHaproxy,
    RenewTickets,
    StartHaproxy,
    WriteConfig,
)
from evenload.agent.plan_servers import plan_servers
from evenload.agent.verdicts import ServerKey
from evenload.model.desired import Change, Desired
from evenload.model.named_file import NamedFile, names_in
from evenload.model.observed import HaproxyObserved, HaproxyProcess
from evenload.model.secret import SecretBytes
from evenload.model.slot import links_of, slots_in, unsettled
from evenload.model.tickets import needs_tickets
from evenload.render.haproxy import render_files, render_haproxy
from evenload.render.haproxy_groups import listeners_in_service
from evenload.render.haproxy_room import grown, room_of
from evenload.render.haproxy_text import split
from evenload.render.options import RenderOptions
from evenload.render.server_lines import ServerLines

NO_SECRETS: Mapping[str, SecretBytes] = MappingProxyType({})
_WORKER = re.compile(r"/haproxy-([0-9]{1,9})\.sock ")
_GENTLEST_FIRST = list(Change)


def plan_haproxy(
    desired: Desired,
    observed: HaproxyObserved,
    options: RenderOptions,
    *,
    secrets: Mapping[str, SecretBytes] = NO_SECRETS,
    last_worker: int,
    runtime: bool,
    overdue: Collection[ServerKey],
    crowded: bool = False,
    kept: ServerLines | None = None,
) -> Part[HaproxyObserved]:
    """As ``plan``."""
    part = _plan(
        desired,
        observed,
        options,
        last_worker=last_worker,
        runtime=runtime,
        overdue=overdue,
        crowded=crowded,
        kept=kept or ServerLines(),
    )
    part = with_secrets(_with_tickets(part, observed), desired, secrets)
    return replace(part, files=(*part.files, *render_files(desired, options)))


def with_secrets(
    part: Part[HaproxyObserved], desired: Desired, secrets: Mapping[str, SecretBytes]
) -> Part[HaproxyObserved]:
    """The same with a file for each secret that the document names: those at hand to be written, the others kept."""
    named = {reference.fingerprint for reference in desired.secrets}
    files = tuple(NamedFile(content) for fingerprint, content in secrets.items() if fingerprint in named)
    return replace(part, files=(*part.files, *files), kept=part.kept | named)


def _plan(
    desired: Desired,
    observed: HaproxyObserved,
    options: RenderOptions,
    *,
    last_worker: int,
    runtime: bool,
    overdue: Collection[ServerKey],
    crowded: bool,
    kept: ServerLines,
) -> Part[HaproxyObserved]:
    new = next_worker(observed, last_worker)
    running = observed.process
    if not listeners_in_service(desired):
        # HAProxy would cost 3 MiB to serve nobody. Namespace and VIP stay, so that the address is held, answers pings,
        # and the first listener costs no more than the start of a process.
        text = render_haproxy(desired, options, new - 1, kept=kept)
        stop = (FinishHaproxy(),) if running is not None or observed.orphan else ()
        change = Change.REMOVE if stop else Change.NOTHING
        return _with_files(Part(actions=stop, change=change, after=HaproxyObserved()), observed, text)
    if running is None:
        text = render_haproxy(desired, options, new, kept=kept)
        return _new_process(StartHaproxy(text, new), Change.START, observed)
    room = room_of(running.text)
    room = grown(room) if crowded else room
    text = render_haproxy(desired, options, running.worker, room=room, kept=kept)
    servers = plan_servers(running, text, runtime=runtime, overdue=overdue)
    if servers is None:
        # The new process judges its own candidate file before it binds or takes over anything, and until it listens
        # nothing else is touched: a check before that would cost another process's start and find no more.
        text = render_haproxy(desired, options, new, room=room, kept=kept)
        part = _new_process(ReloadHaproxy(text, new, running.text), Change.RELOAD, observed)
        return replace(part, kept=names_in(running.text) - set(links_of(slots_in(running.text)).values()))
    process = HaproxyProcess(pid=running.pid, worker=running.worker, text=text)
    if servers.commands or running.text != text:
        change = Change.RUNTIME if servers.changed else Change.NOTHING
        after = HaproxyObserved(config=text, process=process, slots=links_of(slots_in(text)))
        slots = (ChangeSlots(servers.slots, unsettled(running.text, servers.slots)),) if servers.slots else ()
        actions = (*slots, *_linking(text, observed), ChangeServers(servers.commands, text))
        return Part(actions=actions, change=change, after=after)
    return _with_files(Part(actions=(), change=Change.NOTHING, after=HaproxyObserved(process=process)), observed, text)


def servers_of(text: str) -> list[ServerKey]:
    """(backend, server) of all servers in a rendered text."""
    return list(split(text).servers)


def _new_process(
    action: StartHaproxy | ReloadHaproxy, change: Change, observed: HaproxyObserved
) -> Part[HaproxyObserved]:
    """It reads the slots when it is begun."""
    process = HaproxyProcess(pid=NEW, worker=action.worker, text=action.text)
    begin = BeginHaproxy(action.text, action.worker, takeover=isinstance(action, ReloadHaproxy))
    after = HaproxyObserved(config=action.text, process=process, slots=links_of(slots_in(action.text)))
    return Part(early=(*_linking(action.text, observed), begin), actions=(action,), change=change, after=after)


def _with_files(part: Part[HaproxyObserved], observed: HaproxyObserved, text: str) -> Part[HaproxyObserved]:
    """The same, and slots and file are brought to the text where they are otherwise."""
    files: tuple[Action, ...] = _linking(text, observed)
    files = files if observed.config == text else (*files, WriteConfig(text))
    change = max(part.change, Change.FILE, key=_GENTLEST_FIRST.index) if files else part.change
    after = replace(part.after, config=text, slots=links_of(slots_in(text)))
    return replace(part, actions=(*part.actions, *files), change=change, after=after)


def _with_tickets(part: Part[HaproxyObserved], observed: HaproxyObserved) -> Part[HaproxyObserved]:
    """The same, and the keys of tickets are renewed where they are used and due: before a new process reads them."""
    needed = needs_tickets(part.after.config or "")
    after = replace(part.after, tickets_due=observed.tickets_due and not needed)
    if not needed or not observed.tickets_due:
        return replace(part, after=after)
    change = max(part.change, Change.FILE, key=_GENTLEST_FIRST.index)
    if part.early:
        return replace(part, early=(RenewTickets(), *part.early), change=change, after=after)
    return replace(part, actions=(*part.actions, RenewTickets()), change=change, after=after)


def _linking(text: str, observed: HaproxyObserved) -> tuple[LinkSlots, ...]:
    """What brings the slots to the text: nothing where they are as it says."""
    wanted = links_of(slots_in(text))
    links = tuple(
        (name, fingerprint) for name, fingerprint in wanted.items() if observed.slots.get(name) != fingerprint
    )
    gone = tuple(sorted(observed.slots.keys() - wanted.keys()))
    return (LinkSlots(links, gone),) if links or gone else ()


def next_worker(observed: HaproxyObserved, last_worker: int) -> int:
    """The number of a new process, higher than any that the host or the memory knows of."""
    return max(last_worker, _worker_of(observed)) + 1


def _worker_of(observed: HaproxyObserved) -> int:
    """The highest worker number of which the host knows; the file tells of the last one that ran."""
    if observed.process is not None:
        return observed.process.worker
    found = _WORKER.search(observed.config or "")
    return int(found[1]) if found else 0
