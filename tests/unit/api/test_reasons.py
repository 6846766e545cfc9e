"""What an owner is told of a reason, and what not."""

import pytest

from evenload.api.reasons import reason_for_owner

LOGGED = "Its host could not make the change; the operator's log has the reason."


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (None, None),
        (
            "The agent edge-7 has not been heard of since 2026-01-01 00:00:00 UTC.",
            "Its host has not been heard of since 2026-01-01 00:00:00 UTC.",
        ),
        (
            "The agent edge-7 has not been heard of since 2026-01-01 00:00:00 UTC. It is gone without it.",
            "Its host has not been heard of since 2026-01-01 00:00:00 UTC.",
        ),
        ("The agent edge-7 is not registered.", "Its host is gone."),
        ("Its port could not be released: https://neutron.example/v2.0 says 500", None),
        (
            "HAProxy does not start: [ALERT] (4711) : Starting frontend 1: cannot bind socket (Address already in use) "
            "for [10.0.0.5:80]",
            "A port or an address that it needs is in use already.",
        ),
        ("cannot write /var/lib/evenload/x/haproxy.cfg: no space left, on the disk (ENOSPC)", None),
        ("cannot write 4096 bytes to /var/lib/evenload/x, where 12 are free: no space left (ENOSPC)", None),
        ("cannot add 10.0.0.5/24 to ns-1234: the agent lacks a capability (EPERM)", "Its host is not set up for it."),
        ("cannot add the route to 10.0.0.0/8: Network is unreachable (ENETUNREACH)", LOGGED),
        ("the bridge br-lan of the network physnet1 does not exist", None),
        ("tap12345678-9a is up, but its bridge does not pass packets (waited 5 s)", None),
        ("HAProxy refuses the configuration: [ALERT] parsing [/var/lib/evenload/lb/haproxy-3.cfg:12]", None),
        ("HAProxy at /var/lib/evenload/lb/haproxy-2.sock does not answer to show", LOGGED),
        ("processes [12, 13] in /run/netns/qlbaas-1 do not end, although killed", LOGGED),
        ("tap12345678-9a was taken away while it was made", LOGGED),
        ("there is no ns-12345678-9a in /run/netns/qlbaas-1", LOGGED),
        ("/usr/sbin/haproxy is no HAProxy", LOGGED),
        ("internal fault: KeyError('/etc/x')", None),
        ("The host gave no reason.", "Its host gave no reason."),
        ("listener 0b2c-1: a connection_limit of 90000 cannot be had, its host allows 9350 connections", "="),
        ("another machine on the network has the address: 10.0.0.5 (52:54:00:12:34:56)", "="),
        (
            "another machine on the network has the address: 2001:db8::5 (52:54:0:1:2:3), 10.0.0.5 (52:54:0:1:2:3)",
            "=",
        ),
        ("this host has no bridge for the physical network 'dc1' (it has: physnet1); add it to bridge_mappings", None),
        (
            "cannot fetch the secret authorities/default/secrets/0b2c93d6-1111-4222-8333-444455556666: secrets/x "
            "cannot be read: there is none at /var/lib",
            "secrets/0b2c93d6-1111-4222-8333-444455556666, which it names, cannot be read: deleted or replaced "
            "meanwhile, or the store is away.",
        ),
        ("no spare for worker 3: there is one of that number", LOGGED),
        ("whatever comes to edge-7 later", LOGGED),
    ],
)
def test_a_reason_says_what_it_may(fault: str | None, told: str | None) -> None:
    """``=``: as it is; None of a reason: something, in no words of the host."""
    found = reason_for_owner(fault)
    if told is not None or fault is None:
        assert found == (fault if told == "=" else told)
    for word in (
        "/var",
        "/run",
        "/etc",
        "/usr",
        "edge-7",
        "tap",
        "ns-",
        "br-lan",
        "qlbaas",
        "4711",
        "(E",
        "neutron",
        "dc1",
        "bridge_mappings",
    ):
        assert word not in (found or "")
