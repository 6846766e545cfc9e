"""Where load balancers run: reading and writing the rows.

The rows of one load balancer go with it, and are changed only by who has locked it.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from evenload.model.errors import Overtaken
from evenload.model.placement import Placement, Placements
from evenload.store.mapping import RowCodec
from evenload.store.tables.hosts import PLACEMENTS
from evenload.store.tables.trees import LOAD_BALANCERS

_TABLE = PLACEMENTS
_CODEC: RowCodec[Placement] = RowCodec(Placement, _TABLE)
_READ = select(*_CODEC.columns).where(_TABLE.c.load_balancer_id == bindparam("tree"))
_READ_ALL = (
    select(_TABLE.c.load_balancer_id, LOAD_BALANCERS.c.incarnation, *_CODEC.columns)
    .join_from(_TABLE, LOAD_BALANCERS)
    .where(LOAD_BALANCERS.c.port_id.is_not(None))
    .order_by(LOAD_BALANCERS.c.position)
)
_READ_SOME = select(_TABLE.c.load_balancer_id, *_CODEC.columns).where(
    _TABLE.c.load_balancer_id.in_(bindparam("trees", expanding=True))
)
_CHUNK = 900
_KEY = (_TABLE.c.load_balancer_id == bindparam("tree")) & (_TABLE.c.agent == bindparam("name"))
_INSERT = insert(_TABLE)
_CHANGED: dict[str, Any] = {name: bindparam(name) for name in ("role", "applied_generation")}
_UPDATE = update(_TABLE).where(_KEY).values(_CHANGED)
_DELETE = delete(_TABLE).where(_KEY)


def read_placements(connection: Connection, load_balancer_id: str) -> Placements:
    return tuple(_CODEC.decode(row) for row in connection.execute(_READ, {"tree": load_balancer_id}))


def read_all_placements(connection: Connection) -> list[tuple[str, int, Placement]]:
    return [(row[0], row[1], _CODEC.decode(row, 2)) for row in connection.execute(_READ_ALL)]


def read_placements_of(connection: Connection, load_balancer_ids: Sequence[str]) -> dict[str, Placements]:
    found: dict[str, Placements] = {}
    for start in range(0, len(load_balancer_ids), _CHUNK):
        for row in connection.execute(_READ_SOME, {"trees": load_balancer_ids[start : start + _CHUNK]}):
            found[row[0]] = (*found.get(row[0], ()), _CODEC.decode(row, 1))
    return found


def write_placements(connection: Connection, load_balancer_id: str, before: Placements, after: Placements) -> None:
    """Writes those that differ. Raises Overtaken where one that is to be changed or removed is gone."""
    if before == after:
        return
    former = {placement.agent: placement for placement in before}
    staying = {placement.agent for placement in after}
    gone = [{"tree": load_balancer_id, "name": agent} for agent in former if agent not in staying]
    changed, added = [], []
    for placement in after:
        row = _CODEC.encode(placement)
        if placement.agent not in former:
            added.append({"load_balancer_id": load_balancer_id, **row})
        elif former[placement.agent] != placement:
            del row["agent"]
            changed.append({"tree": load_balancer_id, "name": placement.agent, **row})
    for statement, rows in ((_DELETE, gone), (_UPDATE, changed)):
        if rows and connection.execute(statement, rows).rowcount != len(rows):
            raise Overtaken(f"Placements of load balancer {load_balancer_id} that were to be written are gone.")
    if added:
        connection.execute(_INSERT, added)
