"""Plans: the gentlest way from what a host has to what is desired."""

from dataclasses import replace
from typing import Any

import pytest
from tests.fakes.desired import (
    BALANCER,
    changed,
    disabled,
    document_of_version_1,
    failed_over,
    ip,
    listener,
    make_desired,
    member,
    monitor,
    port,
    with_member,
)

from evenload.agent.actions import (
    BeginHaproxy,
    ChangeServers,
    Configure,
    EnsureNamespace,
    EnsureState,
    FinishHaproxy,
    Plan,
    Plug,
    ReloadHaproxy,
    Remember,
    RemoveFiles,
    RemoveForeignDevice,
    RemoveNamespace,
    RemoveState,
    StartHaproxy,
    StopHaproxy,
    Unplug,
    WriteConfig,
)
from evenload.agent.plan import plan, plan_aftermath
from evenload.model.balancer import HttpCheck
from evenload.model.desired import Change, Desired, Gone
from evenload.model.errors import Hopeless
from evenload.model.observed import HaproxyObserved, Observed, ServerState
from evenload.model.tls import PoolTls
from evenload.payloads.documents import load_desired
from evenload.render.options import RenderOptions

OPTIONS = RenderOptions(state_dir="/run/evenload")
NOTHING = Observed(load_balancer_id=BALANCER)


def kinds(planned: Plan) -> list[type]:
    return [type(action) for action in planned.actions]


def settled(desired: Desired) -> Observed:
    """The host after that desired state was built from nothing; its servers were looked at."""
    after = plan_aftermath(plan(desired, NOTHING, OPTIONS), 100)
    if after.haproxy.process is None:
        return after
    states = {
        (each.pool_id, each.id): ServerState(
            address=each.address, port=each.port, weight=each.weight, maintenance=not each.admin_state_up
        )
        for each in desired.members
    }
    return with_process(after, servers=states)


def with_process(observed: Observed, **fields: Any) -> Observed:
    assert observed.haproxy.process is not None
    return with_haproxy(observed, process=replace(observed.haproxy.process, **fields))


def with_haproxy(observed: Observed, **fields: Any) -> Observed:
    return replace(observed, haproxy=replace(observed.haproxy, **fields))


def with_network(observed: Observed, **fields: Any) -> Observed:
    return replace(observed, network=replace(observed.network, **fields))


def test_from_nothing_to_everything() -> None:
    planned = plan(make_desired(), NOTHING, OPTIONS)
    assert planned.change is Change.START
    assert kinds(planned) == [
        *(EnsureState, EnsureNamespace, BeginHaproxy),
        *(Plug, Configure, StartHaproxy, Remember),
    ]


def test_nothing_where_all_is_as_desired() -> None:
    planned = plan(make_desired(), settled(make_desired()), OPTIONS)
    assert (planned.actions, planned.change) == ((), Change.NOTHING)


def test_a_document_that_changes_nothing_on_the_host_is_remembered_all_the_same() -> None:
    planned = plan(changed(make_desired()), settled(make_desired()), OPTIONS)
    assert (kinds(planned), planned.change) == ([Remember], Change.NOTHING)


def test_a_remembered_document_of_version_1_that_names_lbaas_v1_changes_nothing() -> None:
    desired = make_desired(monitors=(monitor(),))
    observed = replace(settled(desired), applied=load_desired(document_of_version_1()))
    planned = plan(desired, observed, OPTIONS)
    assert (planned.actions, planned.change) == ((), Change.NOTHING)


def test_a_weight_is_changed_at_run_time() -> None:
    wanted = with_member(make_desired(), 0, weight=7)
    planned = plan(wanted, settled(make_desired()), OPTIONS)
    assert planned.change is Change.RUNTIME
    assert kinds(planned) == [ChangeServers, Remember]
    [change, _] = planned.actions
    assert isinstance(change, ChangeServers)
    assert change.commands == (f"set server {wanted.pools[0].id}/{wanted.members[0].id} weight 7",)
    assert "weight 7" in change.text


def test_a_member_comes_and_goes_at_run_time() -> None:
    wanted = changed(make_desired(), members=(member(1), member(2)))
    planned = plan(wanted, settled(make_desired()), OPTIONS)
    assert planned.change is Change.RUNTIME
    [change, _] = planned.actions
    assert isinstance(change, ChangeServers)
    assert change.commands[0].startswith(f"add server {wanted.pools[0].id}/{member(2).id} 10.0.1.3:8080")
    assert change.commands[-1] == f"del server {wanted.pools[0].id}/{member(0).id}"


def test_a_listener_needs_a_reload_by_a_new_worker() -> None:
    planned = plan(changed(make_desired(), listeners=(listener(), listener(1))), settled(make_desired()), OPTIONS)
    assert planned.change is Change.RELOAD
    assert kinds(planned) == [BeginHaproxy, ReloadHaproxy, Remember]
    reload = planned.actions[1]
    assert isinstance(reload, ReloadHaproxy)
    assert reload.worker == 2
    assert "haproxy-2.sock" in reload.text


def test_a_refused_runtime_change_is_a_reload() -> None:
    planned = plan(with_member(make_desired(), 0, weight=7), settled(make_desired()), OPTIONS, runtime=False)
    assert planned.change is Change.RELOAD


def test_a_dead_process_is_started_by_a_worker_number_that_was_not_used() -> None:
    planned = plan(make_desired(), with_haproxy(settled(make_desired()), process=None), OPTIONS)
    assert kinds(planned) == [BeginHaproxy, StartHaproxy]
    _, start = planned.actions
    assert isinstance(start, StartHaproxy)
    assert start.worker == 2
    planned = plan(
        make_desired(), with_haproxy(settled(make_desired()), process=None, config=None), OPTIONS, last_worker=4
    )
    assert planned.after.haproxy.process is not None
    assert planned.after.haproxy.process.worker == 5


def test_an_edited_file_is_brought_back_without_touching_the_process() -> None:
    planned = plan(make_desired(), with_haproxy(settled(make_desired()), config="edited"), OPTIONS)
    assert kinds(planned) == [WriteConfig]


@pytest.mark.parametrize("fields", [{"weight": 9}, {"maintenance": True}])
def test_servers_that_somebody_changed_are_put_right_at_run_time(fields: dict[str, int]) -> None:
    observed = settled(make_desired())
    assert observed.haproxy.process is not None
    assert observed.haproxy.process.servers is not None
    key, state = next(iter(observed.haproxy.process.servers.items()))
    servers = observed.haproxy.process.servers | {key: replace(state, **fields)}  # type: ignore[arg-type]
    planned = plan(make_desired(), with_process(observed, servers=servers), OPTIONS)
    assert planned.change is Change.RUNTIME
    assert len(planned.actions) == 1


def test_a_server_that_somebody_deleted_needs_a_reload() -> None:
    observed = settled(make_desired())
    assert observed.haproxy.process is not None
    planned = plan(make_desired(), with_process(observed, servers={}), OPTIONS)
    assert planned.change is Change.RELOAD


def test_a_server_that_somebody_lets_speak_in_clear_needs_a_reload() -> None:
    plain = make_desired()
    secure = replace(plain, pools=tuple(replace(pool, tls=PoolTls()) for pool in plain.pools))
    observed = settled(secure)
    assert observed.haproxy.process is not None
    servers = observed.haproxy.process.servers
    assert servers is not None
    assert plan(secure, observed, OPTIONS).change is Change.RELOAD
    observed = with_process(observed, servers={key: replace(each, tls=True) for key, each in servers.items()})
    assert plan(secure, observed, OPTIONS).change is Change.NOTHING


def test_a_removed_server_is_deleted_when_idle_and_cut_when_overdue() -> None:
    observed = settled(make_desired())
    assert observed.haproxy.process is not None
    assert observed.haproxy.process.servers is not None
    key = (make_desired().pools[0].id, member(9).id)
    busy = ServerState(address="10.0.1.10", port=8080, weight=1, maintenance=True)
    observed = with_process(observed, servers=observed.haproxy.process.servers | {key: busy})
    planned = plan(make_desired(), observed, OPTIONS)
    assert planned.change is Change.NOTHING
    [change] = planned.actions
    assert isinstance(change, ChangeServers)
    assert change.commands == (f"del server {key[0]}/{key[1]}",)
    [change] = plan(make_desired(), observed, OPTIONS, overdue={key}).actions
    assert isinstance(change, ChangeServers)
    assert change.commands == (f"shutdown sessions server {key[0]}/{key[1]}", f"del server {key[0]}/{key[1]}")


def test_a_lost_address_is_repaired_and_the_process_left_alone() -> None:
    planned = plan(make_desired(), with_network(settled(make_desired()), addresses=frozenset()), OPTIONS)
    assert (kinds(planned), planned.change) == ([Configure], Change.NETWORK)


def test_a_lost_namespace_ends_what_still_runs_in_it() -> None:
    observed = with_network(settled(make_desired()), namespace=False)
    assert kinds(plan(make_desired(), observed, OPTIONS)) == [
        StopHaproxy,
        Unplug,
        EnsureNamespace,
        BeginHaproxy,
        Plug,
        Configure,
        StartHaproxy,
    ]


def test_a_lost_directory_ends_what_nobody_knows_of() -> None:
    observed = replace(settled(make_desired()), state_directory=False, applied=None, haproxy=HaproxyObserved())
    assert kinds(plan(make_desired(), observed, OPTIONS)) == [
        EnsureState,
        StopHaproxy,
        BeginHaproxy,
        StartHaproxy,
        Remember,
    ]


def test_foreign_devices_go_and_routes_that_may_go_with_them_come_again() -> None:
    planned = plan(make_desired(), with_network(settled(make_desired()), foreign_devices=("eth9",)), OPTIONS)
    assert kinds(planned) == [RemoveForeignDevice, Configure]


def test_another_port_is_plugged_and_the_former_one_unplugged() -> None:
    other = port(ip("10.0.0.9"), number=1)
    observed = with_network(settled(make_desired()), vif=None, addresses=frozenset(), foreign_devices=("ns-old",))
    planned = plan(changed(make_desired(at=other)), observed, OPTIONS)
    assert kinds(planned) == [
        *(Unplug, RemoveForeignDevice, BeginHaproxy),
        *(Plug, Configure, ReloadHaproxy, Remember),
    ]
    assert planned.actions[0] == Unplug(port().id)


def test_a_failover_takes_everything_away_but_its_directory_and_builds_anew() -> None:
    planned = plan(failed_over(make_desired()), settled(make_desired()), OPTIONS)
    assert planned.change is Change.START
    assert kinds(planned) == [
        *(StopHaproxy, RemoveNamespace, Unplug),
        *(EnsureNamespace, BeginHaproxy, Plug, Configure, StartHaproxy, Remember),
    ]


@pytest.mark.parametrize("wanted", [disabled(make_desired()), changed(make_desired(), listeners=())])
def test_without_an_enabled_listener_only_the_address_stays(wanted: Desired) -> None:
    planned = plan(wanted, settled(make_desired()), OPTIONS)
    assert kinds(planned) == [FinishHaproxy, WriteConfig, Remember]
    assert planned.after.haproxy.process is None
    after = plan_aftermath(planned, None)
    assert plan(wanted, after, OPTIONS).actions == ()


def test_files_that_no_text_names_go_when_all_else_is_done() -> None:
    orphan = "a" * 64
    planned = plan(changed(make_desired()), replace(settled(make_desired()), files=frozenset({orphan})), OPTIONS)
    assert planned.actions[-2:] == (Remember(changed(make_desired())), RemoveFiles((orphan,)))
    assert planned.after.files == frozenset()


def test_gone_takes_everything_away() -> None:
    gone = Gone(load_balancer_id=BALANCER, generation=5)
    planned = plan(gone, settled(make_desired()), OPTIONS)
    assert kinds(planned) == [StopHaproxy, RemoveNamespace, Unplug, RemoveState]
    assert (planned.change, planned.tolerant) == (Change.REMOVE, True)
    assert plan(gone, NOTHING, OPTIONS).change is Change.NOTHING


def test_a_desired_state_that_must_not_be_rendered_is_hopeless() -> None:
    bad = monitor(http=HttpCheck(url_path="/x y"))
    with pytest.raises(Hopeless, match="URL path"):
        plan(make_desired(monitors=(bad,)), NOTHING, OPTIONS)


def test_a_process_without_a_record_ends_where_nobody_is_to_be_served() -> None:
    """As after a state directory was lost and made again before its load balancer was switched off."""
    nobody = disabled(make_desired())
    after = with_haproxy(settled(nobody), orphan=True)
    assert kinds(plan(nobody, after, OPTIONS)) == [FinishHaproxy]
    lost = replace(after, state_directory=False, applied=None)
    assert kinds(plan(nobody, lost, OPTIONS)).count(StopHaproxy) == 1
