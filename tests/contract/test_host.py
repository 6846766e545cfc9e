"""What every Host does alike: the one in memory, and this machine with each way of plugging a VIP port."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest
from tests.certificates import make_bundle
from tests.contract.sites import Site, fake_site, linux_site
from tests.fakes.desired import ip, listener, member, monitor, uuid
from tests.fakes.l7 import hosts
from tests.fakes.tls import a_certificate, a_tls
from tests.root.openvswitch import Openvswitch
from tests.waiting import eventually

from evenload.agent.actions import Plan
from evenload.agent.apply import apply
from evenload.agent.plan import plan
from evenload.agent.plan_network import wanted_addresses, wanted_routes, wanted_vif
from evenload.model.desired import Change, Desired, DesiredPort, Gone, Outcome
from evenload.model.enums import ListenerProtocol, MonitorType
from evenload.model.errors import HostError, InvalidConfiguration
from evenload.model.named_file import NamedFile, names_in
from evenload.model.network_steps import (
    AddAddress,
    AddRoute,
    Announce,
    BringUp,
    NetworkStep,
    ProbeAddresses,
    RemoveAddress,
    RemoveRoute,
    ReservePorts,
    Tune,
)
from evenload.model.observed import HaproxyProcess, HostRoute, Observed
from evenload.model.secret import SecretBytes
from evenload.model.slot import ClearSlot, FillSlot, SlotKind, links_of, slots_in
from evenload.render.haproxy import render_files, render_haproxy
from evenload.render.haproxy_backend import PINGED
from evenload.render.haproxy_monitors import check_backend
from evenload.render.haproxy_text import AddServer, Runtime, plan_difference, split
from evenload.render.haproxy_tls import render_certificate_lists
from evenload.render.runtime_commands import commands, is_refusal, release, set_health, set_state, set_veto
from evenload.render.server_states import render_server_states

LISTED = {SlotKind.LISTED_CERTIFICATE}
REAL = [
    pytest.param(kind, marks=pytest.mark.root) for kind in ("linux bridge", "openvswitch internal", "openvswitch veth")
]


@pytest.fixture(scope="module")
def openvswitch() -> Iterator[Openvswitch]:
    daemons = Openvswitch()
    try:
        daemons.start()
        yield daemons
    finally:
        daemons.stop()


@pytest.fixture(params=["fake", *REAL])
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    if request.param == "fake":
        yield fake_site()
    elif request.param == "linux bridge":
        with linux_site() as site:
            yield site
    else:
        daemons = request.getfixturevalue("openvswitch")
        with linux_site(daemons, use_veth=request.param == "openvswitch veth") as site:
            yield site


def furnish(site: Site, port: DesiredPort) -> None:
    site.host.ensure_state(site.id)
    site.host.ensure_namespace(site.id)
    site.host.plug(site.id, port)
    addresses = wanted_addresses(port)
    steps: list[NetworkStep] = [
        Tune(),
        BringUp(),
        ProbeAddresses(tuple(addresses)),
        *(AddAddress(address) for address in addresses),
        *(AddRoute(route) for route in wanted_routes(port)),
        *(Announce(ip.address) for ip in port.ips),
    ]
    site.host.configure(site.id, port, steps)


def serve(site: Site, desired: Desired, worker: int = 1) -> tuple[int, str]:
    furnish(site, desired.port)
    text = render_haproxy(desired, site.options, worker)
    return site.host.start_haproxy(site.id, text, worker), text


def haproxy(site: Site, desired: Desired) -> HaproxyProcess:
    found = site.host.observe(site.id, desired.port).haproxy.process
    assert found is not None
    return found


def haproxy_after(site: Site, desired: Desired, pid: int) -> HaproxyProcess:
    """The process, which must be that one."""
    found = haproxy(site, desired)
    assert found.pid == pid
    return found


def bring_to(site: Site, desired: Desired | Gone) -> Plan:
    port = desired.port if isinstance(desired, Desired) else None
    planned = plan(desired, site.host.observe(site.id, port), site.options)
    attempt = apply(planned, site.host)
    assert attempt.outcome is Outcome.DONE, attempt.reason
    return planned


def test_nothing_is_there_at_first(site: Site) -> None:
    assert site.host.observe(site.id, site.port()) == Observed(load_balancer_id=site.id)
    assert site.host.observe(site.id, None) == Observed(load_balancer_id=site.id)
    assert site.host.load_balancer_ids() == []


def test_a_network_is_seen_as_it_was_built(site: Site) -> None:
    port = site.port(ip(), ip("2001:db8::5/64", "2001:db8::1"))
    furnish(site, port)
    seen = site.host.observe(site.id, port)
    assert (seen.state_directory, seen.network.namespace, seen.network.foreign_devices) == (True, True, ())
    assert seen.network.vif == wanted_vif(port)
    assert seen.network.addresses == frozenset(wanted_addresses(port))
    assert seen.network.routes == frozenset(wanted_routes(port))
    assert site.host.load_balancer_ids() == [site.id]


def test_building_it_twice_changes_nothing(site: Site) -> None:
    port = site.port()
    furnish(site, port)
    before = site.host.observe(site.id, port)
    furnish(site, port)
    assert site.host.observe(site.id, port) == before


def test_ports_are_reserved_until_others_are(site: Site) -> None:
    port = site.port()
    furnish(site, port)
    assert site.host.observe(site.id, port).network.tuned
    for ports in ((8080, 35357), (35357,), ()):
        site.host.configure(site.id, port, [ReservePorts(ports)])
        assert site.host.observe(site.id, port).network.reserved == frozenset(ports)


def test_a_next_hop_outside_of_the_subnet_and_host_routes(site: Site) -> None:
    port = site.port(ip("10.0.0.5/32", "192.0.2.1"))
    furnish(site, port)
    assert site.host.observe(site.id, port).network.routes == frozenset(wanted_routes(port))
    assert HostRoute(destination="0.0.0.0/0", nexthop="192.0.2.1", onlink=True) in wanted_routes(port)


def test_the_second_address_of_a_subnet_outlives_the_first(site: Site) -> None:
    port = site.port()
    furnish(site, port)
    site.host.configure(site.id, port, [AddAddress("10.0.0.6/24"), RemoveAddress("10.0.0.5/24")])
    seen = site.host.observe(site.id, port)
    assert seen.network.addresses == {"10.0.0.6/24"}
    assert seen.network.routes == frozenset(wanted_routes(port))


def test_a_route_takes_the_place_of_the_former_one_and_goes_quietly(site: Site) -> None:
    port = site.port()
    furnish(site, port)
    other = HostRoute(destination="0.0.0.0/0", nexthop="10.0.0.9")
    site.host.configure(site.id, port, [AddRoute(other)])
    assert site.host.observe(site.id, port).network.routes == {other}
    site.host.configure(site.id, port, [RemoveRoute(other), RemoveRoute(other), RemoveAddress("10.0.0.99/24")])
    assert site.host.observe(site.id, port).network.routes == frozenset()


def test_an_unplugged_port_is_gone_and_may_be_unplugged_again(site: Site) -> None:
    port = site.port()
    furnish(site, port)
    site.host.unplug(site.id, port.id)
    site.host.unplug(site.id, port.id)
    seen = site.host.observe(site.id, port)
    assert (seen.network.vif, seen.network.addresses, seen.network.routes) == (None, frozenset(), frozenset())


def test_another_port_is_foreign_until_it_is_removed(site: Site) -> None:
    former, port = site.port(), site.port()
    furnish(site, former)
    site.host.plug(site.id, port)
    [device] = site.host.observe(site.id, port).network.foreign_devices
    site.host.remove_foreign_device(site.id, device)
    site.host.remove_foreign_device(site.id, device)
    assert site.host.observe(site.id, port).network.foreign_devices == ()


def test_files_beside_the_text_are_named_by_their_content(site: Site) -> None:
    page = NamedFile(SecretBytes(b"HTTP/1.0 503 Out\r\nConnection: close\r\n\r\nout\n"))
    key = NamedFile(SecretBytes(b"secret"))
    desired = site.put()
    furnish(site, desired.port)
    assert site.host.observe(site.id, desired.port).files == frozenset()
    for _ in range(2):
        site.host.write_files(site.id, [page, key])
        assert site.host.observe(site.id, desired.port).files == {page.name, key.name}
    place = f"{site.options.state_dir}/{site.id}/files/{page.name}"
    text = render_haproxy(desired, site.options, 1).replace(
        "\ndefaults\n", f"\ndefaults\n    errorfile 503 {place}\n", 1
    )
    assert names_in(text) == {page.name}
    site.host.start_haproxy(site.id, text, 1)
    for _ in range(2):
        site.host.remove_files(site.id, [key.name])
        assert site.host.observe(site.id, desired.port).files == {page.name}
    site.host.stop_haproxy(site.id)
    site.host.remove_state(site.id)
    assert site.host.observe(site.id, desired.port).files == frozenset()


def test_slots_lead_to_files_and_change_in_the_running_process(site: Site) -> None:
    bundles = [NamedFile(SecretBytes(make_bundle("www.example"))) for _ in range(3)]

    def secure(*places: int) -> Desired:
        certificates = tuple(a_certificate(f"c{place}", bundles[place].content.expose()) for place in places)
        tls = a_tls(certificate=None, sni=certificates)
        listeners = (listener(port=443, protocol=ListenerProtocol.TERMINATED_HTTPS, tls=tls),)
        return site.put(listeners=tuple(replace(each, load_balancer_id=site.id) for each in listeners))

    def links() -> Mapping[str, str]:
        return site.host.observe(site.id, desired.port).haproxy.slots

    desired = secure(0, 1)
    furnish(site, desired.port)
    site.host.write_files(site.id, [*bundles, *render_certificate_lists(desired, site.options)])
    text = render_haproxy(desired, site.options, 1)
    assert links() == {}
    with pytest.raises(HostError):
        site.host.start_haproxy(site.id, text, 1)
    for _ in range(2):
        site.host.link_slots(site.id, links_of(slots_in(text)), ["former"])
        assert links() == links_of(slots_in(text))
    assert site.host.observe(site.id, desired.port).haproxy.tickets_due
    with pytest.raises(HostError):
        site.host.start_haproxy(site.id, text, 1)
    site.host.renew_tickets(site.id)
    assert not site.host.observe(site.id, desired.port).haproxy.tickets_due
    site.host.start_haproxy(site.id, text, 1)
    site.host.renew_tickets(site.id)
    for wanted in (secure(2, 0), secure(2, 1), secure(2, 0, 1), secure(1)):
        difference = plan_difference(text, render_haproxy(wanted, site.options, 1))
        assert isinstance(difference, Runtime)
        for _ in range(2):
            again = [
                replace(each, comes=True) if isinstance(each, FillSlot) and each.slot.kind in LISTED else each
                for each in difference.slots
            ]
            site.host.change_slots(site.id, again)
        text = render_haproxy(wanted, site.options, 1)
    default = slots_in(text)[f"{uuid(3)}.default"]
    for slot in (
        replace(default, fingerprint="0" * 64),
        replace(default, name=f"{uuid(3)}.unheard-of"),
        replace(default, kind=SlotKind.CERTIFICATE_LIST),
    ):
        with pytest.raises(HostError):
            site.host.change_slots(site.id, [FillSlot(slot, comes=False)])
    site.host.link_slots(site.id, {}, list(links()))
    assert links() == {}
    site.host.stop_haproxy(site.id)
    with pytest.raises(HostError):
        site.host.change_slots(site.id, [FillSlot(default, comes=False)])


def test_maps_change_in_the_running_process(site: Site) -> None:
    def routed(*names: str) -> Desired:
        return hosts(site.put(), [(number, name, {}) for number, name in enumerate(names)])

    desired = routed("a.example")
    furnish(site, desired.port)
    text = render_haproxy(desired, site.options, 1)
    site.host.write_files(site.id, render_files(desired, site.options))
    site.host.link_slots(site.id, links_of(slots_in(text)), [])
    site.host.start_haproxy(site.id, text, 1)
    wanted = routed(*(f"{'long' * 40}{number}.example" for number in range(300)))
    site.host.write_files(site.id, render_files(wanted, site.options))
    difference = plan_difference(text, render_haproxy(wanted, site.options, 1))
    assert isinstance(difference, Runtime)
    for _ in range(2):
        site.host.change_slots(site.id, difference.slots)
    [fill] = difference.slots
    for slot in (replace(fill.slot, fingerprint="0" * 64), replace(fill.slot, name=f"{uuid(3)}.unheard-of")):
        with pytest.raises(HostError):
            site.host.change_slots(site.id, [FillSlot(slot, comes=False)])
    with pytest.raises(HostError):
        site.host.change_slots(site.id, [ClearSlot(fill.slot)])


def test_nothing_can_be_plugged_or_started_without_a_namespace(site: Site) -> None:
    desired = site.put()
    site.host.ensure_state(site.id)
    with pytest.raises(HostError):
        site.host.plug(site.id, desired.port)
    with pytest.raises(HostError):
        site.host.start_haproxy(site.id, render_haproxy(desired, site.options, 1), 1)


def test_a_started_process_is_seen_with_its_text_and_its_servers(site: Site) -> None:
    desired = site.put()
    pid, text = serve(site, desired)
    seen = site.host.observe(site.id, desired.port)
    assert seen.haproxy.config == text
    assert seen.haproxy.process is not None
    assert (seen.haproxy.process.pid, seen.haproxy.process.worker, seen.haproxy.process.text) == (pid, 1, text)
    assert seen.haproxy.process.servers is not None
    states = {key[1]: (state.address, state.port, state.weight) for key, state in seen.haproxy.process.servers.items()}
    assert states == {each.id: (each.address, each.port, each.weight) for each in desired.members}


def test_a_begun_process_serves_nobody_and_goes_on_when_it_is_started(site: Site) -> None:
    desired = site.put()
    furnish(site, desired.port)
    text = render_haproxy(desired, site.options, 1)
    for _ in range(2):
        site.host.begin_haproxy(site.id, text, 1, takeover=False)
        seen = site.host.observe(site.id, desired.port).haproxy
        assert (seen.process, seen.config, seen.orphan) == (None, None, False)
        assert site.host.load_balancer_ids() == [site.id]
    pid = site.host.start_haproxy(site.id, text, 1)
    assert haproxy(site, desired).pid == pid


def test_a_begun_process_that_is_abandoned_leaves_nothing(site: Site) -> None:
    desired = site.put()
    furnish(site, desired.port)
    text = render_haproxy(desired, site.options, 1)
    for _ in range(2):
        site.host.begin_haproxy(site.id, text, 1, takeover=False)
        site.host.abandon_haproxy(site.id)
        site.host.abandon_haproxy(site.id)
        seen = site.host.observe(site.id, desired.port).haproxy
        assert (seen.process, seen.config, seen.orphan) == (None, None, False)
    other = render_haproxy(desired, site.options, 2)
    site.host.begin_haproxy(site.id, text, 1, takeover=False)
    assert haproxy_after(site, desired, site.host.start_haproxy(site.id, other, 2)).text == other


def test_spares_are_seen_by_nobody_and_end_when_they_are_not_wanted(site: Site) -> None:
    desired = site.put()
    site.host.ensure_next()
    site.host.ensure_state(site.id)
    furnish(site, desired.port)
    site.host.ensure_next()
    site.host.begin_spare(site.id, 1, takeover=False)
    site.host.begin_spare(site.id, 2, takeover=False)  # in its place
    assert site.host.spares() == {site.id: 2}
    with pytest.raises(HostError):
        site.host.begin_spare(site.id, 3, takeover=True)  # from whom?
    seen = site.host.observe(site.id, desired.port).haproxy
    assert (seen.process, seen.config, seen.orphan) == (None, None, False)
    assert site.host.load_balancer_ids() == [site.id]
    for _ in range(2):
        site.host.end_spare(site.id)
        site.host.end_next()
    assert site.host.spares() == {}
    text = render_haproxy(desired, site.options, 1)
    assert haproxy_after(site, desired, site.host.start_haproxy(site.id, text, 1)).text == text
    site.host.begin_spare(site.id, 2, takeover=True)
    site.host.stop_haproxy(site.id)
    assert site.host.spares() == {}


def test_a_begun_takeover_that_is_abandoned_leaves_the_process_and_its_connections(site: Site) -> None:
    desired = site.put()
    pid, text = serve(site, desired)
    new = render_haproxy(desired, site.options, 2)
    site.host.begin_haproxy(site.id, new, 2, takeover=True)
    assert haproxy(site, desired).pid == pid
    site.host.abandon_haproxy(site.id)
    seen = site.host.observe(site.id, desired.port).haproxy
    assert seen.process is not None
    assert (seen.process.pid, seen.process.text, seen.config) == (pid, text, text)
    site.host.begin_haproxy(site.id, new, 2, takeover=True)
    assert haproxy_after(site, desired, site.host.reload_haproxy(site.id, new, 2, None)).worker == 2


def test_a_begun_process_ends_with_its_load_balancer(site: Site) -> None:
    desired = site.put()
    furnish(site, desired.port)
    site.host.begin_haproxy(site.id, render_haproxy(desired, site.options, 1), 1, takeover=False)
    site.host.stop_haproxy(site.id)
    site.host.remove_namespace(site.id)
    site.host.remove_state(site.id)
    assert site.host.observe(site.id, desired.port).nothing
    assert site.host.load_balancer_ids() == []


def test_a_disabled_member_is_in_maintenance(site: Site) -> None:
    desired = site.put(members=(member(0), member(1, admin_state_up=False)))
    serve(site, desired)
    servers = haproxy(site, desired).servers or {}
    assert {key[1]: state.maintenance for key, state in servers.items()} == {member(0).id: False, member(1).id: True}


def test_a_bad_text_is_refused_and_nothing_has_changed(site: Site) -> None:
    desired = site.put()
    furnish(site, desired.port)
    bad = render_haproxy(desired, site.options, 1) + "nonsense here\n"
    with pytest.raises(InvalidConfiguration, match="nonsense"):
        site.host.start_haproxy(site.id, bad, 1)
    seen = site.host.observe(site.id, desired.port)
    assert (seen.haproxy.config, seen.haproxy.process) == (None, None)


def test_a_bad_reload_leaves_the_process_and_the_file(site: Site) -> None:
    desired = site.put()
    pid, text = serve(site, desired)
    with pytest.raises(InvalidConfiguration, match="nonsense"):
        site.host.reload_haproxy(site.id, render_haproxy(desired, site.options, 2) + "nonsense here\n", 2, None)
    seen = site.host.observe(site.id, desired.port)
    assert seen.haproxy.config == text
    assert seen.haproxy.process is not None
    assert (seen.haproxy.process.pid, seen.haproxy.process.worker) == (pid, 1)


def test_a_reload_puts_another_worker_in_place(site: Site) -> None:
    desired = site.put()
    pid, _ = serve(site, desired)
    other = replace(desired, listeners=(replace(desired.listeners[0], port=8080),))
    text = render_haproxy(other, site.options, 2)
    assert site.host.reload_haproxy(site.id, text, 2, None) != pid
    state = haproxy(site, desired)
    assert (state.worker, state.text) == (2, text)
    assert site.host.observe(site.id, desired.port).haproxy.config == text


def test_without_a_process_there_is_nothing_to_reload_or_to_tell(site: Site) -> None:
    desired = site.put()
    furnish(site, desired.port)
    with pytest.raises(HostError):
        site.host.reload_haproxy(site.id, render_haproxy(desired, site.options, 1), 1, None)
    with pytest.raises(HostError):
        site.host.runtime(site.id, ["show servers state"])
    assert site.host.read_statistics(site.id) == {}


def test_runtime_commands_change_the_servers(site: Site) -> None:
    desired = site.put()
    serve(site, desired)
    first, second, third = ((desired.pools[0].id, member(number).id) for number in range(3))
    commands = [
        f"set server {first[0]}/{first[1]} weight 7",
        f"set server {second[0]}/{second[1]} state maint",
        f"del server {second[0]}/{second[1]}",
        f"add server {third[0]}/{third[1]} 10.0.1.3:8080 weight 3",
        f"enable server {third[0]}/{third[1]}",
    ]
    answers = site.host.runtime(site.id, commands)
    assert [is_refusal(*pair) for pair in zip(commands, answers, strict=True)] == [False] * 5
    servers = haproxy(site, desired).servers or {}
    assert {key: (state.weight, state.maintenance) for key, state in servers.items()} == {
        first: (7, False),
        third: (3, False),
    }


@pytest.mark.parametrize(
    "command",
    [
        "set server {backend}/nobody weight 7",
        "del server {backend}/{member}",
        "add server {backend}/{member} 10.0.1.9:80",
    ],
)
def test_what_cannot_be_is_refused(site: Site, command: str) -> None:
    desired = site.put()
    serve(site, desired)
    line = command.format(backend=desired.pools[0].id, member=member(0).id)
    [answer] = site.host.runtime(site.id, [line])
    assert is_refusal(line, answer)


def test_the_record_and_the_file_follow_runtime_changes(site: Site) -> None:
    desired = site.put()
    serve(site, desired)
    text = render_haproxy(replace(desired, members=(member(0, weight=9),)), site.options, 1)
    site.host.record_running(site.id, text)
    assert haproxy(site, desired).text == text
    assert site.host.observe(site.id, desired.port).haproxy.config != text
    site.host.write_config(site.id, text)
    assert site.host.observe(site.id, desired.port).haproxy.config == text


def test_statistics_name_the_objects_and_health_is_told(site: Site) -> None:
    desired = site.put()
    serve(site, desired)
    down, up = desired.members
    site.host.runtime(site.id, [set_health(desired.pools[0].id, down.id, up=False)])
    [(worker, rows)] = site.host.read_statistics(site.id).items()
    words = {(row.proxy, row.server): row.status for row in rows}
    assert worker == 1
    assert words[desired.listeners[0].id, "FRONTEND"] == "OPEN"
    assert words[desired.pools[0].id, "BACKEND"] == "UP"
    assert words[desired.pools[0].id, up.id] == "no check"
    assert words[desired.pools[0].id, down.id].startswith("DOWN")


def test_vetoes_are_a_bit_of_their_own(site: Site) -> None:
    """How HAProxy takes them is what ``agent/vetoes`` and ``render/server_states`` build upon."""
    both = tuple(monitor(number=number, kind=MonitorType.TCP, delay=3600) for number in range(2))
    # Enabled later, so that the first checks of all, which nobody would answer, are not made.
    resting = tuple(member(number, admin_state_up=False) for number in range(2))
    desired = replace(site.put(), monitors=both, members=resting)
    serve(site, desired)
    backend, first, new = desired.pools[0].id, member(0).id, member(7)

    def say(*words: str) -> None:
        answers = site.host.runtime(site.id, words)
        assert not [said for said in zip(words, answers, strict=True) if is_refusal(*said)]

    def bits(server: str = first) -> tuple[str, bool | None, bool | None]:
        rows = {(row.proxy, row.server): row for row in site.host.read_servers(site.id)}
        row = rows[backend, server]
        return row.status.split()[0], row.passing, row.vetoed

    assert {row.proxy for row in site.host.read_servers(site.id)} == {backend, check_backend(both[1])}
    say(set_state(backend, first, maintenance=False))
    assert bits() == ("UP", True, False)
    say(set_veto(backend, first, vetoed=True))
    assert bits() == ("DOWN", True, True)
    say(set_health(backend, first, up=False))
    assert bits() == ("DOWN", False, True)
    say(set_veto(backend, first, vetoed=False))  # which is why it is not done where its own checks fail
    assert bits()[0] == "UP"
    say(set_state(backend, first, maintenance=True), *release(backend, first))
    assert bits() == ("DOWN", True, True)
    wanted = split(render_haproxy(replace(desired, members=(*desired.members, new)), site.options, 1)).servers
    say(*commands(AddServer(wanted[backend, new.id])))
    assert bits(new.id)[2] is False
    [states] = site.host.runtime(site.id, ["show servers state"])
    text = render_haproxy(replace(desired, members=(member(0), member(1))), site.options, 2)
    kept = render_server_states(states, render_haproxy(desired, site.options, 1), text)
    site.host.reload_haproxy(site.id, text, 2, kept.text)
    assert bits()[0] == "MAINT"
    say(*kept.commands)
    assert (bits()[0], bits()[2]) == ("DOWN", True)


def test_health_that_is_kept_outlives_a_reload(site: Site) -> None:
    desired = site.put()
    serve(site, desired)
    pool = desired.pools[0].id
    site.host.runtime(site.id, [set_health(pool, member(0).id, up=False)])
    [states] = site.host.runtime(site.id, ["show servers state"])
    # As if its members were pinged: otherwise nothing would be kept of members that nobody checks.
    text = render_haproxy(desired, site.options, 2)
    marked = text.replace(f"backend {pool}\n", f"backend {pool}\n{PINGED}\n")
    site.host.reload_haproxy(site.id, marked, 2, render_server_states(states, text, marked).text)
    rows = {row.server: row.status for row in site.host.read_statistics(site.id)[2] if row.proxy == pool}
    assert rows[member(0).id].startswith("DOWN")
    assert rows[member(1).id] == "no check"


def test_counters_are_kept(site: Site) -> None:
    assert site.host.load_counters(site.id) is None
    site.host.ensure_state(site.id)
    site.host.save_counters(site.id, "{}")
    assert site.host.load_counters(site.id) == "{}"


def test_the_applied_document_is_remembered(site: Site) -> None:
    desired = site.put(site.port(ip(), ip("2001:db8::5/64", None)))
    site.host.ensure_state(site.id)
    assert site.host.observe(site.id, None).applied is None
    site.host.remember(desired)
    assert site.host.observe(site.id, None).applied == desired


def test_the_remembered_port_is_looked_for_where_none_is_named(site: Site) -> None:
    desired = site.put()
    furnish(site, desired.port)
    site.host.remember(desired)
    assert site.host.observe(site.id, None).network.vif == wanted_vif(desired.port)


def test_a_death_is_told_once(site: Site) -> None:
    desired = site.put()
    pid, _ = serve(site, desired)
    told: list[str] = []
    site.host.watch(site.id, told.append)
    site.kill(pid)
    assert eventually(lambda: told == [site.id])
    assert site.host.observe(site.id, desired.port).haproxy.process is None
    pid = site.host.start_haproxy(site.id, render_haproxy(desired, site.options, 2), 2)
    assert haproxy(site, desired).pid == pid
    assert told == [site.id]


def test_a_worker_that_was_replaced_is_no_death(site: Site) -> None:
    desired = site.put()
    serve(site, desired)
    told: list[str] = []
    site.host.watch(site.id, told.append)
    site.host.reload_haproxy(site.id, render_haproxy(desired, site.options, 2), 2, None)
    site.host.watch(site.id, told.append)
    assert eventually(lambda: list(site.host.read_statistics(site.id)) == [2])
    assert told == []
    site.kill(haproxy(site, desired).pid)
    assert eventually(lambda: told == [site.id])


def test_a_stopped_process_is_gone_and_no_death(site: Site) -> None:
    desired = site.put()
    serve(site, desired)
    told: list[str] = []
    site.host.watch(site.id, told.append)
    site.host.stop_haproxy(site.id)
    site.host.stop_haproxy(site.id)
    assert site.host.observe(site.id, desired.port).haproxy.process is None
    assert site.host.read_statistics(site.id) == {}
    assert told == []


def test_a_process_that_was_let_finish_is_none_that_serves_and_no_death(site: Site) -> None:
    desired = site.put()
    serve(site, desired)
    told: list[str] = []
    site.host.watch(site.id, told.append)
    for _ in range(2):
        site.host.finish_haproxy(site.id)
        assert site.host.observe(site.id, desired.port).haproxy.process is None
    assert eventually(lambda: site.host.read_statistics(site.id) == {})
    assert told == []
    pid = site.host.start_haproxy(site.id, render_haproxy(desired, site.options, 2), 2)
    assert haproxy(site, desired).pid == pid


def test_a_start_makes_room_for_itself(site: Site) -> None:
    desired = site.put()
    first, _ = serve(site, desired)
    second = site.host.start_haproxy(site.id, render_haproxy(desired, site.options, 2), 2)
    assert second != first
    assert haproxy(site, desired).pid == second


def test_removal_leaves_nothing_and_may_be_repeated(site: Site) -> None:
    desired = site.put()
    serve(site, desired)
    for _ in range(2):
        site.host.stop_haproxy(site.id)
        site.host.remove_namespace(site.id)
        site.host.unplug(site.id, desired.port.id)
        site.host.remove_state(site.id)
        assert site.host.observe(site.id, desired.port) == Observed(load_balancer_id=site.id)
        assert site.host.load_balancer_ids() == []


def test_what_is_planned_and_applied_is_what_is_observed(site: Site) -> None:
    port = site.port(ip(), ip("2001:db8::5/64", "fe80::1"))
    desired = site.put(port)
    assert bring_to(site, desired).change is Change.START
    assert bring_to(site, desired).actions == ()
    heavier = replace(desired, generation=2, members=(member(0, weight=5), member(1), member(2)))
    assert bring_to(site, heavier).change is Change.RUNTIME
    assert bring_to(site, heavier).actions == ()
    reloaded = replace(heavier, generation=3, listeners=(replace(desired.listeners[0], port=81),))
    assert bring_to(site, reloaded).change is Change.RELOAD
    assert bring_to(site, reloaded).actions == ()
    moved = replace(reloaded, generation=4, port=site.port(ip("10.0.0.9"), ip("2001:db8::9/64", None)))
    bring_to(site, moved)
    assert bring_to(site, moved).actions == ()
    failed = replace(moved, generation=5, load_balancer=replace(moved.load_balancer, incarnation=2))
    assert bring_to(site, failed).change is Change.START
    assert bring_to(site, failed).actions == ()
    silent = replace(failed, generation=6, listeners=())
    bring_to(site, silent)
    assert bring_to(site, silent).actions == ()
    bring_to(site, Gone(load_balancer_id=site.id, generation=7))
    assert site.host.observe(site.id, moved.port) == Observed(load_balancer_id=site.id)


@pytest.mark.parametrize("wanted", ["again", "gone"])
def test_a_process_that_lost_name_and_directory_is_found_and_ended(site: Site, wanted: str) -> None:
    """By the next round after somebody asked what is here, and not before."""
    desired = site.put()
    lost, _ = serve(site, desired)
    site.host.remember(desired)
    site.lose()
    assert site.host.load_balancer_ids() == [site.id]
    seen = site.host.observe(site.id, None)
    assert (seen.haproxy.orphan, seen.nothing, seen.haproxy.process) == (True, False, None)
    if wanted == "gone":
        bring_to(site, Gone(load_balancer_id=site.id))
        assert site.host.load_balancer_ids() == []
        # Its devices go with the namespace, which the kernel reaps in its own time.
        assert eventually(lambda: site.host.observe(site.id, desired.port).nothing)
    else:
        bring_to(site, desired)
        assert haproxy(site, desired).pid != lost
        site.host.load_balancer_ids()
        assert plan(desired, site.host.observe(site.id, desired.port), site.options).actions == ()
    assert site.ended(lost)
