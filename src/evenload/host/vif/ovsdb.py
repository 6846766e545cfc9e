"""One lasting connection to Open vSwitch's database, shared by all threads; reconnects by itself.

Speaks of bridges, ports and interfaces; of load balancers it has the external ids alone.
Reads come from the replica that the library keeps, at no cost.
"""

import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from ovs.db.error import Error as DatabaseError
from ovsdbapp.backend.ovs_idl import connection, idlutils
from ovsdbapp.exceptions import OvsdbAppException
from ovsdbapp.schema.open_vswitch import impl_idl

from evenload.model.errors import HostError

T = TypeVar("T")

_SCHEMA = "Open_vSwitch"
# Statistics are left out: they would wake this process every few seconds for each port.
_COLUMNS = {
    "Open_vSwitch": ["bridges", "cur_cfg", "next_cfg"],
    "Bridge": ["name", "ports", "datapath_type", "stp_enable", "rstp_enable", "external_ids"],
    "Port": ["name", "interfaces", "tag", "status", "rstp_status", "other_config"],
    "Interface": ["name", "type", "external_ids", "ofport", "error"],
}
_PLACING = {"Port": frozenset(["tag", "interfaces"]), "Interface": frozenset(["type", "external_ids", "ofport"])}
# What the library raises: its own exceptions, RuntimeError for what the database refuses, OSError and its own word
# for a server that is not there.
_FAILURES = (OvsdbAppException, DatabaseError, RuntimeError, OSError)


@dataclass(frozen=True, slots=True, kw_only=True)
class OvsPort:
    """A port with its one interface. ``number`` is None where the switch could not make it, ``fault`` says why.

    ``blocked``: the bridge's spanning tree (STP or RSTP) lets no packets through it yet.
    """

    name: str
    bridge: str
    tag: int | None
    type: str
    external_ids: dict[str, str]
    number: int | None
    fault: str | None
    blocked: bool


class _Api(impl_idl.OvsdbIdl):  # type: ignore[misc]
    ovsdb_connection: Any = None
    """Each instance its own: the library would keep the first one for the whole process."""


class _Idl(connection.OvsdbIdl):  # type: ignore[misc]
    """The replica, which tells of what is changed in it (``is_drift``). From the library's own thread."""

    def __init__(self, address: str, helper: Any, on_change: Callable[[str], None]) -> None:
        super().__init__(address, helper)
        self._on_change = on_change

    def notify(self, event: str, row: Any, updates: Any = None) -> None:
        table = row._table.name
        columns = frozenset(each for each in _PLACING.get(table, ()) if hasattr(updates, each))
        if is_drift(event, table, columns):
            self._on_change(row.name)


def is_drift(event: str, table: str, columns: Collection[str]) -> bool:
    """Whether a change of the database may take a port off its network. ``columns``: those that were changed."""
    if event == "delete":
        return table in ("Port", "Interface")
    return event == "update" and not _PLACING.get(table, frozenset()).isdisjoint(columns)


class Ovsdb:
    """Connects at the first use. Every method raises HostError where the database or the switch does not answer.

    ``on_change`` is told the name of a port whenever somebody, be it this agent, removes it or gives it another place.
    """

    def __init__(self, address: str, timeout: float, on_change: Callable[[str], None] = lambda name: None) -> None:
        self._address = address
        self._timeout = timeout
        self._lock = threading.Lock()
        self._api: _Api | None = None
        self._on_change = on_change

    def bridges(self) -> dict[str, str]:
        """Bridge → datapath type, "" for the kernel's."""
        return self._read(lambda tables: {row.name: row.datapath_type for row in tables["Bridge"].rows.values()})

    def bridges_in_trees(self) -> set[str]:
        """Those that run STP or RSTP."""
        return self._read(
            lambda tables: {row.name for row in tables["Bridge"].rows.values() if row.stp_enable or row.rstp_enable}
        )

    def port(self, name: str) -> OvsPort | None:
        def find(tables: Mapping[str, Any]) -> OvsPort | None:
            row = self._connected().lookup("Port", name, None)
            return None if row is None or not row.interfaces else _port(tables, row)

        return self._read(find)

    def ports_with(self, key: str, value: str) -> list[str]:
        """The names of ports whose interface has that external id."""
        return self._read(
            lambda tables: [row.name for row in tables["Interface"].rows.values() if row.external_ids.get(key) == value]
        )

    def add_bridge(self, name: str, datapath_type: str, external_ids: Mapping[str, str]) -> None:
        api = self._connected()
        # The library takes no type at all for the kernel's datapath.
        kind = None if datapath_type == "system" else datapath_type
        self._commit(
            f"make the bridge {name}",
            api.add_br(name, may_exist=True, datapath_type=kind),
            api.db_set("Bridge", name, ("external_ids", dict(external_ids))),
        )

    def set_port(self, bridge: str, name: str, *, kind: str, tag: int | None, external_ids: Mapping[str, str]) -> None:
        """Adds the port or brings it to this; one on another bridge or of another kind must be removed first.

        Returns when the switch has it. Raises HostError with the switch's words where it could not.
        """
        api = self._connected()
        self._commit(
            f"add the port {name} to {bridge}",
            api.add_port(bridge, name, may_exist=True),
            api.db_set("Interface", name, ("type", kind), ("external_ids", dict(external_ids))),
            api.db_set("Port", name, ("tag", [] if tag is None else tag)),
        )
        port = self.port(name)
        if port is None or port.number is None:
            raise HostError(f"Open vSwitch did not make the port {name}: {(port and port.fault) or 'no reason given'}")

    def remove_port(self, name: str) -> None:
        api = self._connected()
        self._commit(f"remove the port {name}", api.del_port(name, if_exists=True))

    def close(self) -> None:
        with self._lock:
            api, self._api = self._api, None
        if api is not None:
            api.ovsdb_connection.stop(self._timeout)

    def _connected(self) -> Any:
        with self._lock:
            if self._api is None:
                try:
                    helper = idlutils.get_schema_helper(self._address, _SCHEMA)
                    for table, columns in _COLUMNS.items():
                        helper.register_columns(table, columns)
                    idl = _Idl(self._address, helper, self._on_change)
                    self._api = _Api(connection.Connection(idl, self._timeout))
                except Exception as error:
                    # The library raises a bare Exception here. Of a class of its own it is a fault of the program.
                    if type(error) is not Exception and not isinstance(error, _FAILURES):
                        raise
                    raise HostError(
                        f"cannot reach Open vSwitch's database at {self._address}: {error}; "
                        f"is openvswitch-switch running?"
                    ) from error
            return self._api

    def _read(self, look: Callable[[Mapping[str, Any]], T]) -> T:
        api = self._connected()
        with api.ovsdb_connection.lock:
            return look(api.tables)

    def _commit(self, attempted: str, *commands: Any) -> None:
        api = self._connected()
        try:
            with api.transaction(check_error=True, log_errors=False) as transaction:
                for command in commands:
                    transaction.add(command)
        except _FAILURES as error:
            raise HostError(f"Open vSwitch: cannot {attempted}: {error}") from error


def _port(tables: Mapping[str, Any], row: Any) -> OvsPort:
    interface = row.interfaces[0]
    number = interface.ofport[0] if interface.ofport else None
    bridge = next((each for each in tables["Bridge"].rows.values() if row in each.ports), None)
    return OvsPort(
        name=row.name,
        bridge="" if bridge is None else bridge.name,
        tag=row.tag[0] if row.tag else None,
        type=interface.type,
        external_ids=dict(interface.external_ids),
        number=None if number in (None, -1) else number,
        fault=interface.error[0] if interface.error else None,
        blocked=bridge is not None and is_blocked(bridge, row, interface.type),
    )


def is_blocked(bridge: Any, port: Any, kind: str) -> bool:
    """``kind``: of the port's interface; ports of the kind "internal" take no part in a spanning tree. What is not said
    yet of a port that has just come is that it forwards."""
    if kind == "internal":
        return False
    by_stp = bridge.stp_enable and port.other_config.get("stp-enable") != "false"
    by_rstp = bridge.rstp_enable and port.other_config.get("rstp-enable") != "false"
    states = (
        (by_stp, port.status.get("stp_state"), "forwarding"),
        (by_rstp, port.rstp_status.get("rstp_port_state"), "Forwarding"),
    )
    return any(takes_part and state != passing for takes_part, state, passing in states)
