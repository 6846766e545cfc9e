"""From what is desired and what a host has, to the actions that lead there. Pure: a dry run ends here.

First what is in the way goes, then each engine plans its part; a plan is the parts in order. A removal comes only where
the server says Gone. Any state of the host may come in, half-built and damaged ones too.

A further engine is a module ``plan_<engine>(desired, observed) -> Part`` and its part of ``Observed``.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from evenload.agent.actions import (
    NEW,
    Action,
    EnsureNamespace,
    EnsureState,
    Part,
    Plan,
    Remember,
    RemoveFiles,
    RemoveForeignDevice,
    RemoveNamespace,
    RemoveState,
    StopHaproxy,
    Unplug,
    WriteFiles,
)
from evenload.agent.plan_haproxy import NO_SECRETS, plan_haproxy
from evenload.agent.plan_network import plan_network
from evenload.agent.verdicts import ServerKey
from evenload.model.desired import Change, Desired, Gone
from evenload.model.observed import HaproxyObserved, NetworkObserved, Observed
from evenload.model.secret import SecretBytes
from evenload.render.options import RenderOptions
from evenload.render.server_lines import ServerLines

_GENTLEST_FIRST = list(Change)
AnyPart = Part[NetworkObserved] | Part[HaproxyObserved]


def plan(
    desired: Desired | Gone,
    observed: Observed,
    options: RenderOptions,
    *,
    secrets: Mapping[str, SecretBytes] = NO_SECRETS,
    last_worker: int = 0,
    runtime: bool = True,
    overdue: Collection[ServerKey] = (),
    unfinished: bool = False,
    crowded: bool = False,
    kept: ServerLines | None = None,
) -> Plan:
    """``last_worker``: the highest worker number that is remembered; a new process gets a higher one.

    ``secrets``: by fingerprint, of those that ``desired`` names the ones of which the host has no file.
    ``runtime`` False: HAProxy has refused a runtime change, reload instead. ``overdue``: removed servers that have been
    finishing for too long. ``unfinished``: the last attempt failed somewhere. ``crowded``: the process needs room for
    more connections. ``kept``: of the load balancer's former texts. Raises Hopeless where the desired state cannot be
    rendered.
    """
    if isinstance(desired, Gone):
        actions = [] if observed.nothing else _removal(observed, state=True)
        change = Change.REMOVE if actions else Change.NOTHING
        return Plan(
            load_balancer_id=desired.load_balancer_id,
            actions=tuple(actions),
            change=change,
            after=Observed(load_balancer_id=desired.load_balancer_id),
            tolerant=True,
        )
    cleared = _plan_clearing(desired, observed)
    network = plan_network(
        desired,
        cleared.observed.network,
        routes_certain=not cleared.devices_go,
        unfinished=unfinished,
    )
    haproxy = plan_haproxy(
        desired,
        cleared.observed.haproxy,
        options,
        secrets=secrets,
        last_worker=last_worker,
        runtime=runtime,
        overdue=overdue,
        crowded=crowded,
        kept=kept,
    )
    united = unite(cleared.observed.files, [network, haproxy])
    actions = [*cleared.actions, *united.actions]
    if observed.applied != desired:
        actions.append(Remember(desired))
    return Plan(
        load_balancer_id=desired.id,
        actions=(*actions, *united.late),
        change=max(cleared.change, united.change, key=_GENTLEST_FIRST.index),
        after=Observed(
            load_balancer_id=desired.id,
            state_directory=True,
            applied=desired,
            files=united.files,
            network=network.after,
            haproxy=haproxy.after,
        ),
    )


def plan_aftermath(planned: Plan, pid: int | None) -> Observed:
    """What the host has after the plan succeeded, so that the next change needs no look at it.

    ``pid``: of the process that the plan started.
    """
    after = planned.after
    process = after.haproxy.process
    if process is None or process.pid != NEW:
        return after
    process = None if pid is None else replace(process, pid=pid)
    return replace(after, haproxy=replace(after.haproxy, process=process))


@dataclass(frozen=True, slots=True, kw_only=True)
class United:
    """``late``: what may be done only when everything else has succeeded. ``files``: the names afterwards."""

    actions: tuple[Action, ...]
    late: tuple[Action, ...]
    change: Change
    files: frozenset[str]


def unite(files: frozenset[str], parts: Sequence[AnyPart]) -> United:
    """The parts in order, what is early in any of them first. ``files``: the names of those that are there. Files are
    written before anything asks for them, and removed when no text names them any more."""
    wanted = {file.name: file for part in parts for file in part.files}
    missing = tuple(file for name, file in wanted.items() if name not in files)
    surplus = files - wanted.keys() - frozenset(name for part in parts for name in part.kept)
    write = (WriteFiles(missing),) if missing else ()
    return United(
        actions=(
            *write,
            *(action for part in parts for action in part.early),
            *(action for part in parts for action in part.actions),
        ),
        late=(RemoveFiles(tuple(sorted(surplus))),) if surplus else (),
        change=max(
            [*(part.change for part in parts), *([Change.FILE] if missing or surplus else [])],
            key=_GENTLEST_FIRST.index,
        ),
        files=(files | wanted.keys()) - surplus,
    )


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
        observed = _without_namespace(observed)
        change = Change.START
    network = observed.network
    if not observed.state_directory:
        actions.append(EnsureState())
    if not network.namespace:
        # What may still run is in a namespace that nobody can reach any more; its devices end with it.
        suspect = observed.state_directory or network.vif is not None or observed.haproxy.orphan
        actions += [StopHaproxy()] if suspect and not rebuilt else []
        actions += [Unplug(desired.port.id)] if network.vif is not None else []
        actions.append(EnsureNamespace())
        observed = _without_namespace(observed)
        change = max(change, Change.NETWORK, key=_GENTLEST_FIRST.index)
    elif not observed.state_directory and observed.haproxy.process is None:
        # Something may listen there of which nothing is known any more.
        actions.append(StopHaproxy())
        observed = replace(observed, haproxy=replace(observed.haproxy, orphan=False))
    if applied is not None and applied.port.id != desired.port.id and not rebuilt:
        actions.append(Unplug(applied.port.id))
        devices_go = True
    if observed.network.foreign_devices:
        actions += [RemoveForeignDevice(device) for device in observed.network.foreign_devices]
        devices_go = True
    if devices_go:
        change = max(change, Change.NETWORK, key=_GENTLEST_FIRST.index)
    return _Cleared(actions, observed, change, devices_go)


def _without_namespace(observed: Observed) -> Observed:
    """The same host without the namespace and everything in it."""
    haproxy = replace(observed.haproxy, process=None, orphan=False)
    return replace(observed, network=NetworkObserved(), haproxy=haproxy)


def _removal(observed: Observed, *, state: bool) -> list[Action]:
    """Everything, or all but the state directory. The namespace takes its devices along, which is far faster than
    removing them one by one; what the port has outside of it goes after that."""
    actions: list[Action] = [StopHaproxy()]
    actions += [RemoveForeignDevice(device) for device in observed.network.foreign_devices]
    actions.append(RemoveNamespace())
    if observed.applied is not None:
        actions.append(Unplug(observed.applied.port.id))
    if state:
        actions.append(RemoveState())
    return actions
