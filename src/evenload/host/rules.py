"""Which routing table answers of an address use: a policy rule, by netlink, for each address with a table of its own.

Works in the namespace of the given socket. Rules of other forms are somebody else's, and left alone.
"""

import errno
import ipaddress
import socket
import struct
from collections.abc import Mapping

from evenload.host.netlink import (
    NLM_F_ACK,
    NLM_F_CREATE,
    NLM_F_EXCL,
    Netlink,
    as_number,
    attribute,
    attributes,
    number,
)
from evenload.host.refusal import refusal

_NEWRULE, DELRULE, _GETRULE = 32, 33, 34
_RULE = struct.Struct("=BBBBBBBBI")
"""fib_rule_hdr: family, lengths of destination and source, TOS, table, two reserved, action, flags."""
_FRA_SRC, _FRA_PRIORITY, _FRA_TABLE = 2, 6, 15
_TO_TABLE = 1
_PRIORITY = 1000
_FIRST_TABLE = 1000


def read_tables(netlink: Netlink) -> dict[str, int]:
    """Address → the table of its answers."""
    found = {}
    for family, length in ((socket.AF_INET, 32), (socket.AF_INET6, 128)):
        body = _RULE.pack(family, 0, 0, 0, 0, 0, 0, 0, 0)
        for message in netlink.dump(_GETRULE, body, "list routing rules"):
            _, _, source_length, _, table, _, _, action, _ = _RULE.unpack_from(message.body)
            parts = attributes(message.body[_RULE.size :])
            ours = as_number(parts.get(_FRA_PRIORITY)) == _PRIORITY and action == _TO_TABLE
            if ours and source_length == length and _FRA_SRC in parts:
                found[str(ipaddress.ip_address(parts[_FRA_SRC]))] = as_number(parts.get(_FRA_TABLE), table)
    return found


def ensure_table(netlink: Netlink, address: str) -> int:
    """The number of the table of that address's answers, which is given one where it has none."""
    tables = read_tables(netlink)
    if address in tables:
        return tables[address]
    table = choose_table(tables)
    try:
        netlink.ask(_NEWRULE, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, _rule(address, table))
    except OSError as error:
        raise refusal(f"give {address} a routing table", error) from error
    return table


def remove_table(netlink: Netlink, address: str, table: int) -> None:
    """The rule; quiet where it is gone. The table's routes are others' business."""
    try:
        netlink.ask(DELRULE, NLM_F_ACK, _rule(address, table))
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise refusal(f"take the routing table of {address} away", error) from error


def choose_table(tables: Mapping[str, int]) -> int:
    """The lowest number of ours that is free."""
    taken = set(tables.values())
    return next(number for number in range(_FIRST_TABLE, _FIRST_TABLE + len(taken) + 1) if number not in taken)


def _rule(address: str, table: int) -> bytes:
    source = ipaddress.ip_address(address)
    family = socket.AF_INET if source.version == 4 else socket.AF_INET6
    head = _RULE.pack(family, 0, source.max_prefixlen, 0, 0, 0, 0, _TO_TABLE, 0)
    return head + attribute(_FRA_SRC, source.packed) + number(_FRA_PRIORITY, _PRIORITY) + number(_FRA_TABLE, table)
