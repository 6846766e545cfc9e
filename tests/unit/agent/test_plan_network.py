"""The steps inside the namespace, from the port that is desired and what is there."""

from dataclasses import replace
from typing import NamedTuple

import pytest
from tests.fakes.desired import ip, listener, make_desired, port, route, segment

from evenload.agent.actions import Configure, Plug
from evenload.agent.plan_network import plan_network, wanted_network, wanted_routes
from evenload.model.desired import Change, DesiredPort
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
from evenload.model.observed import HostRoute, NetworkObserved


class Planned(NamedTuple):
    plug: bool
    steps: tuple[NetworkStep, ...]


def planned_for(at: DesiredPort, observed: NetworkObserved, *, routes_certain: bool = True) -> Planned:
    part = plan_network(make_desired(at=at), observed, routes_certain=routes_certain)
    assert part.change is (Change.NETWORK if part.actions else Change.NOTHING)
    assert part.after == wanted_network(at)
    plugs = [action for action in part.actions if isinstance(action, Plug)]
    configures = [action for action in part.actions if isinstance(action, Configure)]
    assert list(part.actions) == [*plugs, *configures]
    assert {action.port for action in plugs} | {action.port for action in configures} <= {at}
    return Planned(bool(plugs), tuple(step for action in configures for step in action.steps))


def default(nexthop: str, *, onlink: bool = False) -> HostRoute:
    return HostRoute(destination="0.0.0.0/0", nexthop=nexthop, onlink=onlink)


ANEW = (
    BringUp(),
    ProbeAddresses(("10.0.0.5/24",)),
    AddAddress("10.0.0.5/24"),
    AddRoute(default("10.0.0.1")),
    Announce("10.0.0.5"),
)
"""The steps of a device that is new."""


def shared(at: DesiredPort) -> list[HostRoute]:
    """What packets of every address take."""
    return [each for each in wanted_routes(at) if each.source is None]


def test_a_new_port_gets_its_addresses_when_packets_pass_and_nobody_else_has_them() -> None:
    planned = planned_for(port(), NetworkObserved(namespace=True))
    assert planned.plug
    assert planned.steps == (Tune(), *ANEW)


def test_after_a_failure_what_cannot_be_observed_is_done_again() -> None:
    """The device may have come up when its bridge passed nothing yet, so that nobody has heard of the addresses."""
    part = plan_network(make_desired(), wanted_network(port()), unfinished=True)
    assert part.actions == (Configure(port(), (BringUp(), AddRoute(default("10.0.0.1")))),)


def test_listeners_ports_that_a_connection_could_have_are_kept_for_them() -> None:
    """Before HAProxy binds them; a listener that is disabled now is enabled some day."""
    listeners = (
        listener(port=80),
        listener(1, port=1025),
        listener(2, port=35357),
        listener(3, port=50000, admin_state_up=False),
    )
    desired = make_desired(listeners=listeners)
    part = plan_network(desired, wanted_network(desired.port, frozenset({50000, 8080})))
    assert part.actions == (Configure(desired.port, (ReservePorts((35357, 50000)),)),)
    assert plan_network(desired, part.after).actions == ()


def test_a_namespace_of_an_earlier_version_gets_the_settings_of_this_one() -> None:
    at = port()
    assert planned_for(at, replace(wanted_network(at), tuned=False)).steps == (Tune(),)


def test_nothing_to_do_where_all_is_as_desired() -> None:
    at = port(ip(), ip("2001:db8::5/64", "2001:db8::1"))
    assert planned_for(at, wanted_network(at)) == (False, ())


def test_an_address_that_was_taken_away_comes_back_and_is_announced() -> None:
    at = port(ip(), ip("2001:db8::5/64", "2001:db8::1"))
    observed = replace(wanted_network(at), addresses=frozenset({"10.0.0.5/24"}))
    planned = planned_for(at, observed)
    assert not planned.plug
    assert planned.steps == (
        ProbeAddresses(("2001:db8::5/64",)),
        AddAddress("2001:db8::5/64"),
        Announce("2001:db8::5"),
    )


def test_what_is_new_comes_before_what_is_old_goes() -> None:
    at = port(ip("10.0.0.6"))
    observed = replace(
        wanted_network(port(ip("10.0.0.5"))),
        routes=frozenset({HostRoute(destination="10.9.0.0/16", nexthop="10.0.0.9")}),
    )
    assert planned_for(at, observed).steps == (
        ProbeAddresses(("10.0.0.6/24",)),
        AddAddress("10.0.0.6/24"),
        AddRoute(default("10.0.0.1")),
        RemoveRoute(HostRoute(destination="10.9.0.0/16", nexthop="10.0.0.9")),
        RemoveAddress("10.0.0.5/24"),
        Announce("10.0.0.6"),
    )


def test_another_length_of_the_same_address_goes_first_because_both_cannot_be() -> None:
    at = port(ip("10.0.0.5/16"))
    steps = planned_for(at, wanted_network(port(ip("10.0.0.5/24")))).steps
    assert steps == (
        RemoveAddress("10.0.0.5/24"),
        ProbeAddresses(("10.0.0.5/16",)),
        AddAddress("10.0.0.5/16"),
        Announce("10.0.0.5"),
    )


@pytest.mark.parametrize("changed", [{"mtu": 1400}, {"mac_address": "02:00:00:00:00:09"}, {"segment": None}])
def test_a_device_that_is_not_as_desired_is_plugged_and_configured_anew(changed: dict[str, object]) -> None:
    at = port()
    observed = wanted_network(at)
    assert observed.vif is not None
    planned = planned_for(at, replace(observed, vif=replace(observed.vif, **changed)))  # type: ignore[arg-type]
    assert planned.plug
    assert planned.steps == ANEW


def test_a_device_in_another_vlan_is_plugged_anew() -> None:
    at = replace(port(), segment=segment(vlan=7))
    assert planned_for(at, wanted_network(port())).plug


def test_a_device_that_is_down_comes_up_and_its_routes_again() -> None:
    at = port()
    observed = wanted_network(at)
    assert observed.vif is not None
    planned = planned_for(at, replace(observed, vif=replace(observed.vif, up=False)))
    assert not planned.plug
    assert planned.steps == (BringUp(), AddRoute(default("10.0.0.1")))


def test_without_a_gateway_the_default_host_route_is_the_way_out() -> None:
    at = port(ip(gateway=None, host_routes=(route("10.7.0.0/16", "10.0.0.7"), route("0.0.0.0/0", "10.0.0.8"))))
    assert wanted_routes(at) == [default("10.0.0.8"), HostRoute(destination="10.7.0.0/16", nexthop="10.0.0.7")]


def test_the_gateway_outdoes_a_default_host_route() -> None:
    assert wanted_routes(port(ip(host_routes=(route("0.0.0.0/0", "10.0.0.8"),)))) == [default("10.0.0.1")]


def test_each_family_has_its_own_way_out_and_the_first_subnet_wins() -> None:
    at = port(ip("10.0.0.5", "10.0.0.1"), ip("2001:db8::5/64", "fe80::1"), ip("10.1.0.5", "10.1.0.1"))
    assert shared(at) == [default("10.0.0.1"), HostRoute(destination="::/0", nexthop="fe80::1")]


def test_host_routes_of_all_subnets_count_each_destination_once() -> None:
    at = port(
        ip("10.0.0.5", None, host_routes=(route("10.7.0.0/16", "10.0.0.7"),)),
        ip("10.1.0.5", None, host_routes=(route("10.7.0.0/16", "10.1.0.7"), route("10.8.0.0/16", "10.1.0.8"))),
    )
    assert shared(at) == [
        HostRoute(destination="10.7.0.0/16", nexthop="10.0.0.7"),
        HostRoute(destination="10.8.0.0/16", nexthop="10.1.0.8"),
    ]


def test_answers_leave_by_the_subnet_of_their_address() -> None:
    at = port(
        ip("10.0.0.5", "10.0.0.1"),
        ip("10.1.0.5", "10.1.0.1", host_routes=(route("10.8.0.0/16", "10.1.0.8"),)),
        ip("2001:db8::5/64", "2001:db8::1"),
    )

    def own(address: str, destination: str, nexthop: str) -> HostRoute:
        return HostRoute(destination=destination, nexthop=nexthop, source=address)

    assert [each for each in wanted_routes(at) if each.source] == [
        own("10.0.0.5", "10.0.0.0/24", "0.0.0.0"),
        own("10.0.0.5", "10.1.0.0/24", "0.0.0.0"),
        own("10.0.0.5", "0.0.0.0/0", "10.0.0.1"),
        own("10.1.0.5", "10.0.0.0/24", "0.0.0.0"),
        own("10.1.0.5", "10.1.0.0/24", "0.0.0.0"),
        own("10.1.0.5", "0.0.0.0/0", "10.1.0.1"),
        own("10.1.0.5", "10.8.0.0/16", "10.1.0.8"),
    ]


def test_addresses_of_one_subnet_need_no_ways_of_their_own() -> None:
    at = port(ip("10.0.0.5"), ip("10.0.0.6"), ip("2001:db8::5/64", "2001:db8::1"))
    assert wanted_routes(at) == shared(at)


def test_a_subnet_without_a_way_out_uses_that_of_the_others() -> None:
    at = port(ip("10.0.0.5", "10.0.0.1"), ip("10.1.0.5", None))
    assert {each.source for each in wanted_routes(at)} == {None, "10.0.0.5"}


def test_the_own_ways_of_an_address_go_with_it() -> None:
    two, one = port(ip("10.0.0.5"), ip("10.1.0.5", "10.1.0.1")), port(ip("10.0.0.5"))
    steps = planned_for(one, wanted_network(two)).steps
    gone = [step.route for step in steps if isinstance(step, RemoveRoute)]
    assert set(gone) == set(wanted_routes(two)) - set(wanted_routes(one))


def test_a_next_hop_outside_of_every_subnet_is_on_link() -> None:
    assert wanted_routes(port(ip("10.0.0.5/32", "192.0.2.1"))) == [default("192.0.2.1", onlink=True)]


def test_what_the_kernel_would_refuse_is_left_out() -> None:
    at = port(ip("10.0.0.5", "10.0.0.5", host_routes=(route("10.0.0.0/24", "10.0.0.7"),)))
    assert wanted_routes(at) == []


def test_routes_that_were_seen_count_for_nothing_when_other_devices_go() -> None:
    at = port()
    assert planned_for(at, wanted_network(at), routes_certain=False).steps == (AddRoute(default("10.0.0.1")),)
