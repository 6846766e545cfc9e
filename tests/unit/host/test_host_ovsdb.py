"""What Open vSwitch's database says of a port in a spanning tree."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from ovsdbapp.backend.ovs_idl import idlutils

from evenload.host.vif.ovsdb import Ovsdb, is_blocked
from evenload.model.errors import HostError


@dataclass
class Bridge:
    stp_enable: bool = False
    rstp_enable: bool = False


@dataclass
class Port:
    status: dict[str, str] = field(default_factory=dict)
    rstp_status: dict[str, str] = field(default_factory=dict)
    other_config: dict[str, str] = field(default_factory=dict)


STP, RSTP = Bridge(stp_enable=True), Bridge(rstp_enable=True)


@pytest.mark.parametrize(
    ("bridge", "port", "kind", "blocked"),
    [
        (Bridge(), Port(), "", False),
        (STP, Port(), "", True),  # it has just come
        (STP, Port(status={"stp_state": "disabled"}), "", True),  # its device is down
        (STP, Port(status={"stp_state": "listening"}), "", True),
        (STP, Port(status={"stp_state": "learning"}), "", True),
        (STP, Port(status={"stp_state": "forwarding"}), "", False),
        (STP, Port(other_config={"stp-enable": "false"}), "", False),
        (STP, Port(), "internal", False),
        (RSTP, Port(), "", True),
        (RSTP, Port(rstp_status={"rstp_port_state": "Discarding"}), "", True),
        (RSTP, Port(rstp_status={"rstp_port_state": "Learning"}), "", True),
        (RSTP, Port(rstp_status={"rstp_port_state": "Forwarding"}), "", False),
        (RSTP, Port(other_config={"rstp-enable": "false"}), "", False),
    ],
)
def test_a_port_is_blocked_until_its_tree_lets_it_forward(bridge: Bridge, port: Port, kind: str, blocked: bool) -> None:
    assert is_blocked(bridge, port, kind) is blocked


@pytest.mark.parametrize("error", [Exception("no schema"), OSError("no such socket"), RuntimeError("no")])
def test_a_database_that_is_away_is_a_failure_of_the_host(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    monkeypatch.setattr(idlutils, "get_schema_helper", raising(error))  # the library says it in no other way
    with pytest.raises(HostError, match="is openvswitch-switch running"):
        Ovsdb("unix:/nowhere", 1.0).bridges()


def test_a_fault_of_the_program_passes_for_no_failure_of_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idlutils, "get_schema_helper", raising(AttributeError("a fault")))
    with pytest.raises(AttributeError):
        Ovsdb("unix:/nowhere", 1.0).bridges()


def raising(error: Exception) -> Callable[..., None]:
    def fail(*_: object) -> None:
        raise error

    return fail
