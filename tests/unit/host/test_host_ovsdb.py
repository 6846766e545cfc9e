"""What Open vSwitch's database says of a port in a spanning tree."""

from dataclasses import dataclass, field

import pytest

from evenload.host.vif.ovsdb import is_blocked


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
