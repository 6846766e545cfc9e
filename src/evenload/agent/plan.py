"""From a wish and what a host has, to the actions that lead there. Pure: a dry run ends here.

Called by ``reconcile``. The gentlest way is taken: nothing, runtime commands, a reload, a start; a removal only where
the wish says so. Any state of the host may come in, half-built and damaged ones too.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass, replace

from evenload.agent.actions import (
    Action,
    ChangeServers,
    Configure,
    EnsureNamespace,
    EnsureState,
    FinishHaproxy,
    Plan,
    Plug,
    Process,
    ReloadHaproxy,
    Remember,
    RemoveNamespace,
    RemoveState,
    RemoveStranger,
    StartHaproxy,
    StopHaproxy,
    Unplug,
    WriteConfig,
)
from evenload.agent.plan_network import plan_network, wanted_addresses, wanted_routes, wanted_vif
from evenload.agent.plan_servers import ServerKey, plan_servers
from evenload.model.desired import Change, Desired, Gone, HaproxyState, Observed
from evenload.render.haproxy import render_haproxy
from evenload.render.haproxy_groups import listeners_in_service
from evenload.render.haproxy_text import split
from evenload.render.options import RenderOptions

_WORKER = re.compile(r"/haproxy-([0-9]{1,9})\.sock ")
_GENTLEST_FIRST = list(Change)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """What one half of the plan comes to."""

    actions: list[Action]
    change: Change
    config: str | None = None
    process: Process | None = None


def plan(
    wish: Desired | Gone,
    observed: Observed,
    options: RenderOptions,
    *,
    last_worker: int = 0,
    runtime: bool = True,
    overdue: Collection[ServerKey] = (),
) -> Plan:
    """``last_worker``: the highest worker number that is remembered; a new process gets a higher one.

    ``runtime`` False: HAProxy has refused a runtime change, reload instead. ``overdue``: removed servers that have been
    finishing for too long. Raises Hopeless where the wish cannot be rendered.
    """
    if isinstance(wish, Gone):
        actions = [] if observed.nothing else _removal(observed, state=True)
        change = Change.REMOVE if actions else Change.NOTHING
        return Plan(load_balancer_id=wish.load_balancer_id, actions=tuple(actions), change=change, tolerant=True)
    cleared = _plan_clearing(wish, observed)
    network = _plan_network(wish, cleared.observed, routes_certain=not cleared.devices_go)
    haproxy = _plan_haproxy(wish, cleared.observed, options, last_worker, runtime, overdue)
    actions = [*cleared.actions, *network.actions, *haproxy.actions]
    if observed.applied != wish:
        actions.append(Remember(wish))
    return Plan(
        load_balancer_id=wish.id,
        actions=tuple(actions),
        change=max(cleared.change, network.change, haproxy.change, key=_GENTLEST_FIRST.index),
        config=haproxy.config,
        process=haproxy.process,
    )


def plan_aftermath(desired: Desired, planned: Plan, pid: int | None) -> Observed:
    """What the host has after the plan succeeded, so that the next change needs no look at it.

    ``pid``: of the process that runs then.
    """
    haproxy = None
    if planned.process is not None and pid is not None:
        haproxy = HaproxyState(pid=pid, worker=planned.process.worker, text=planned.process.text)
    return Observed(
        load_balancer_id=desired.id,
        state_directory=True,
        applied=desired,
        namespace=True,
        vif=wanted_vif(desired.port),
        addresses=frozenset(wanted_addresses(desired.port)),
        routes=frozenset(wanted_routes(desired.port)),
        config=planned.config,
        haproxy=haproxy,
    )


def servers_of(text: str) -> list[ServerKey]:
    """(backend, server) of all servers in a rendered text."""
    return list(split(text).servers)


@dataclass(frozen=True, slots=True)
class _Cleared:
    """``observed``: what is left when the actions are done. ``devices_go``: and routes with them."""

    actions: list[Action]
    observed: Observed
    change: Change
    devices_go: bool = False


def _plan_clearing(desired: Desired, observed: Observed) -> _Cleared:
    """Takes away what is in the way, and makes the two places that everything else needs."""
    applied = observed.applied
    actions: list[Action] = []
    change = Change.NOTHING
    devices_go = False
    rebuilt = applied is not None and applied.load_balancer.incarnation != desired.load_balancer.incarnation
    if rebuilt:
        actions += _removal(observed, state=False)
        observed = _stripped(observed)
        change = Change.START
    if not observed.state_directory:
        actions.append(EnsureState())
    if not observed.namespace:
        # What may still run is in a namespace that nobody can reach any more; its devices end with it.
        suspect = observed.state_directory or observed.vif is not None or observed.stray
        actions += [StopHaproxy()] if suspect and not rebuilt else []
        actions += [Unplug(desired.port.id)] if observed.vif is not None else []
        actions.append(EnsureNamespace())
        observed = _stripped(observed)
        change = max(change, Change.NETWORK, key=_GENTLEST_FIRST.index)
    elif not observed.state_directory and observed.haproxy is None:
        # Something may listen there of which nothing is known any more.
        actions.append(StopHaproxy())
        observed = replace(observed, stray=False)
    if applied is not None and applied.port.id != desired.port.id and not rebuilt:
        actions.append(Unplug(applied.port.id))
        devices_go = True
    if observed.strangers:
        actions += [RemoveStranger(device) for device in observed.strangers]
        devices_go = True
    if devices_go:
        change = max(change, Change.NETWORK, key=_GENTLEST_FIRST.index)
    return _Cleared(actions, observed, change, devices_go)


def _stripped(observed: Observed) -> Observed:
    """Without a namespace and everything in it."""
    return Observed(
        load_balancer_id=observed.load_balancer_id,
        state_directory=observed.state_directory,
        applied=observed.applied,
        config=observed.config,
    )


def _plan_network(desired: Desired, observed: Observed, *, routes_certain: bool) -> _Part:
    network = plan_network(desired.port, observed, routes_certain=routes_certain)
    actions: list[Action] = []
    if network.plug:
        actions.append(Plug(desired.port))
    if network.steps:
        actions.append(Configure(desired.port, network.steps))
    return _Part(actions=actions, change=Change.NETWORK if actions else Change.NOTHING)


def _plan_haproxy(
    desired: Desired,
    observed: Observed,
    options: RenderOptions,
    last_worker: int,
    runtime: bool,
    overdue: Collection[ServerKey],
) -> _Part:
    highest = max(last_worker, _worker_of(observed))
    running = observed.haproxy
    if not listeners_in_service(desired):
        # HAProxy would cost 3 MiB to serve nobody. Namespace and VIP stay, so that the address is held, answers pings,
        # and the first listener costs no more than the start of a process.
        text = render_haproxy(desired, options, max(1, highest))
        stop: list[Action] = [FinishHaproxy()] if running is not None or observed.stray else []
        return _with_file(_Part(actions=stop, change=Change.REMOVE if stop else Change.NOTHING), observed, text)
    if running is None:
        process = Process(worker=highest + 1, text=render_haproxy(desired, options, highest + 1))
        start = StartHaproxy(process.text, process.worker)
        return _Part(actions=[start], change=Change.START, config=process.text, process=process)
    text = render_haproxy(desired, options, running.worker)
    servers = plan_servers(running, text, runtime=runtime, overdue=overdue)
    if servers is None:
        # The new process judges its own candidate file before it binds or takes over anything, and until it listens
        # nothing else is touched: a check before that would cost another process's start and find no more.
        process = Process(worker=highest + 1, text=render_haproxy(desired, options, highest + 1))
        reload = ReloadHaproxy(process.text, process.worker, running.text)
        return _Part(actions=[reload], change=Change.RELOAD, config=process.text, process=process)
    process = Process(worker=running.worker, text=text)
    if servers.commands or running.text != text:
        change = Change.RUNTIME if servers.changed else Change.NOTHING
        actions: list[Action] = [ChangeServers(servers.commands, text)]
        return _Part(actions=actions, change=change, config=text, process=process)
    return _with_file(_Part(actions=[], change=Change.NOTHING, process=process), observed, text)


def _with_file(part: _Part, observed: Observed, text: str) -> _Part:
    """The same, and the file is brought to the text where it is another."""
    if observed.config == text:
        return replace(part, config=text)
    change = max(part.change, Change.FILE, key=_GENTLEST_FIRST.index)
    return replace(part, actions=[*part.actions, WriteConfig(text)], change=change, config=text)


def _worker_of(observed: Observed) -> int:
    """The highest worker number of which the host knows; the file tells of the last one that ran."""
    if observed.haproxy is not None:
        return observed.haproxy.worker
    found = _WORKER.search(observed.config or "")
    return int(found[1]) if found else 0


def _removal(observed: Observed, *, state: bool) -> list[Action]:
    """Everything, or all but the state directory. The namespace takes its devices along, which is far faster than
    removing them one by one; what the port has outside of it goes after that."""
    actions: list[Action] = [StopHaproxy()]
    actions += [RemoveStranger(device) for device in observed.strangers]
    actions.append(RemoveNamespace())
    if observed.applied is not None:
        actions.append(Unplug(observed.applied.port.id))
    if state:
        actions.append(RemoveState())
    return actions
