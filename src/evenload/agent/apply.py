"""Performs a plan on a host and names the result. The only code of the agent that changes anything.

One attempt at a time per load balancer. It decides nothing: after a failure the next attempt
looks at the host and plans anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from evenload.agent.actions import (
    Action,
    BeginHaproxy,
    ChangeServers,
    ChangeSlots,
    Configure,
    EnsureNamespace,
    EnsureState,
    FinishHaproxy,
    LinkSlots,
    Plan,
    Plug,
    ReloadHaproxy,
    Remember,
    RemoveFiles,
    RemoveForeignDevice,
    RemoveNamespace,
    RemoveState,
    RenewTickets,
    StartHaproxy,
    StopHaproxy,
    Unplug,
    WriteConfig,
    WriteFiles,
)
from evenload.interfaces.host import Host
from evenload.model.desired import Change, Outcome
from evenload.model.errors import Hopeless, HostError, NotYet
from evenload.model.slot import SlotChange
from evenload.render.runtime_commands import is_refusal
from evenload.render.server_states import render_server_states

log = structlog.get_logger(__name__)


class RuntimeRefused(HostError):
    """HAProxy would not take a change at run time, or did not answer; a new process will do it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """``reason`` is set unless done. ``refused``: a reload may succeed where the runtime change did not.

    ``waits``: for something that takes its time. ``pid``: of the process that this attempt started, None where it
    started none.
    """

    outcome: Outcome
    change: Change
    reason: str | None = None
    refused: bool = False
    waits: bool = False
    pid: int | None = None


def apply(plan: Plan, host: Host) -> Attempt:
    if plan.tolerant:
        return _remove(plan, host)
    pid = None
    try:
        for action in plan.actions:
            pid = perform(plan.load_balancer_id, action, host) or pid
    except HostError as error:
        return _failure_of(plan, error)
    finally:
        if any(isinstance(action, BeginHaproxy) for action in plan.actions):
            host.abandon_haproxy(plan.load_balancer_id)  # one that waits for what did not come
    return Attempt(outcome=Outcome.DONE, change=plan.change, pid=pid)


def _remove(plan: Plan, host: Host) -> Attempt:
    """Goes on after a failure; but while something remains, so does the state directory that tells of it."""
    errors: list[HostError] = []
    for action in plan.actions:
        if isinstance(action, RemoveState) and errors:
            continue
        try:
            perform(plan.load_balancer_id, action, host)
        except HostError as error:
            errors.append(error)
    if not errors:
        return Attempt(outcome=Outcome.DONE, change=plan.change)
    hopeless = all(isinstance(error, Hopeless) for error in errors)
    return Attempt(
        outcome=Outcome.GIVE_UP if hopeless else Outcome.RETRY,
        change=plan.change,
        reason="; ".join(str(error) for error in errors),
    )


def _failure_of(plan: Plan, error: HostError) -> Attempt:
    return Attempt(
        outcome=Outcome.GIVE_UP if isinstance(error, Hopeless) else Outcome.RETRY,
        change=plan.change,
        reason=str(error),
        refused=isinstance(error, RuntimeRefused),
        waits=isinstance(error, NotYet),
    )


def perform(load_balancer_id: str, action: Action, host: Host) -> int | None:
    """One action. Returns the pid where it started a process. Raises HostError."""
    match action:
        case EnsureState():
            host.ensure_state(load_balancer_id)
        case EnsureNamespace():
            host.ensure_namespace(load_balancer_id)
        case Plug(port):
            host.plug(load_balancer_id, port)
        case Unplug(port_id):
            host.unplug(load_balancer_id, port_id)
        case RemoveForeignDevice(device):
            host.remove_foreign_device(load_balancer_id, device)
        case Configure(port, steps):
            host.configure(load_balancer_id, port, steps)
        case WriteFiles(files):
            host.write_files(load_balancer_id, files)
        case RemoveFiles(names):
            host.remove_files(load_balancer_id, names)
        case LinkSlots(links, gone):
            host.link_slots(load_balancer_id, dict(links), gone)
        case ChangeSlots(changes, meanwhile):
            _change_slots(load_balancer_id, changes, meanwhile, host)
        case RenewTickets():
            host.renew_tickets(load_balancer_id)
        case WriteConfig(text):
            host.write_config(load_balancer_id, text)
        case BeginHaproxy(text, worker, takeover):
            host.begin_haproxy(load_balancer_id, text, worker, takeover=takeover)
        case StartHaproxy(text, worker):
            return host.start_haproxy(load_balancer_id, text, worker)
        case ReloadHaproxy():
            return _reload(load_balancer_id, action, host)
        case FinishHaproxy():
            host.finish_haproxy(load_balancer_id)
        case StopHaproxy():
            host.stop_haproxy(load_balancer_id)
        case ChangeServers(commands, text):
            _change_servers(load_balancer_id, commands, text, host)
        case Remember(desired):
            host.remember(desired)
        case RemoveNamespace():
            host.remove_namespace(load_balancer_id)
        case RemoveState():
            host.remove_state(load_balancer_id)
    return None


def _reload(load_balancer_id: str, action: ReloadHaproxy, host: Host) -> int:
    """A process that does not answer is replaced nevertheless: its members then start as they would after a start."""
    try:
        [states] = host.runtime(load_balancer_id, ["show servers state"])
        kept = render_server_states(states, action.former, action.text)
    except HostError as error:
        log.warning("the health of members is not carried over", load_balancer=load_balancer_id, reason=str(error))
        return host.reload_haproxy(load_balancer_id, action.text, action.worker, None)
    pid = host.reload_haproxy(load_balancer_id, action.text, action.worker, kept.text)
    # Where this fails, the next attempt looks at the process and puts right what it has otherwise than its text says.
    answers = host.runtime(load_balancer_id, kept.commands) if kept.commands else []
    for command, answer in zip(kept.commands, answers, strict=True):
        if is_refusal(command, answer):
            raise HostError(f"HAProxy refuses “{command}”: {answer}")
    return pid


def _change_slots(load_balancer_id: str, changes: Sequence[SlotChange], meanwhile: str, host: Host) -> None:
    host.record_running(load_balancer_id, meanwhile)
    try:
        host.change_slots(load_balancer_id, changes)
    except HostError as error:
        raise RuntimeRefused(str(error)) from error


def _change_servers(load_balancer_id: str, commands: tuple[str, ...], text: str, host: Host) -> None:
    try:
        answers = host.runtime(load_balancer_id, commands)
    except HostError as error:
        raise RuntimeRefused(str(error)) from error
    for command, answer in zip(commands, answers, strict=True):
        if is_refusal(command, answer):
            raise RuntimeRefused(f"HAProxy refuses “{command}”: {answer}")
    host.record_running(load_balancer_id, text)
    host.write_config(load_balancer_id, text)
