"""What agents have counted for the listeners of a load balancer: reading and writing the rows, with its connection."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from evenload.model.desired import Statistics
from evenload.model.totals import Count
from evenload.store.mapping import RowCodec
from evenload.store.tables.trees import LISTENER_COUNTS, LISTENERS
from evenload.store.tree_writing import Writing, renew_revision

Counts = dict[str, tuple[Count, ...]]
_TABLE = LISTENER_COUNTS
_STATISTICS: RowCodec[Statistics] = RowCodec(Statistics, _TABLE)
_LISTENERS = select(LISTENERS.c.id).where(LISTENERS.c.load_balancer_id == bindparam("tree"))
_READ = (
    select(_TABLE.c.listener_id, _TABLE.c.agent, _TABLE.c.epoch, _TABLE.c.place, *_STATISTICS.columns)
    .select_from(_TABLE.join(LISTENERS, LISTENERS.c.id == _TABLE.c.listener_id))
    .where(LISTENERS.c.load_balancer_id == bindparam("tree"))
    .order_by(_TABLE.c.listener_id, _TABLE.c.agent, _TABLE.c.place)
)
_KEY = (
    (_TABLE.c.listener_id == bindparam("key_listener"))
    & (_TABLE.c.agent == bindparam("key_agent"))
    & (_TABLE.c.epoch == bindparam("key_epoch"))
)
_INSERT = insert(_TABLE)
_VALUES: dict[str, Any] = {
    name: bindparam(name) for name in ("place", *(column.name for column in _STATISTICS.columns))
}
_UPDATE = update(_TABLE).where(_KEY).values(_VALUES)
_DELETE = delete(_TABLE).where(_KEY)


def read_counts(connection: Connection, load_balancer_id: str) -> Counts:
    found: Counts = {}
    for row in connection.execute(_READ, {"tree": load_balancer_id}):
        count = Count(agent=row[1], epoch=row[2], place=row[3], statistics=_STATISTICS.decode(row, 4))
        found[row[0]] = (*found.get(row[0], ()), count)
    return found


def plan_counts(connection: Connection, load_balancer_id: str, counts: Mapping[str, tuple[Count, ...]]) -> Writing:
    """The rows that differ. Leaves out listeners that this load balancer does not have, or no longer."""
    present = set(connection.execute(_LISTENERS, {"tree": load_balancer_id}).scalars())
    before = read_counts(connection, load_balancer_id)
    added, changed, removed = [], [], []
    for listener_id in counts.keys() & present:
        stored = {(count.agent, count.epoch): count for count in before.get(listener_id, ())}
        for count in counts[listener_id]:
            old = stored.pop((count.agent, count.epoch), None)
            row = {"place": count.place, **_STATISTICS.encode(count.statistics)}
            if old is None:
                added.append({"listener_id": listener_id, "agent": count.agent, "epoch": count.epoch, **row})
            elif old != count:
                changed.append({**_key(listener_id, count), **row})
        removed += [_key(listener_id, count) for count in stored.values()]
    writing = Writing()
    for statement, rows in ((_DELETE, removed), (_UPDATE, changed), (_INSERT, added)):
        if rows:
            writing.steps.append(partial(_run, statement, rows))
    if writing.steps:
        writing.steps.append(lambda at: renew_revision(at, load_balancer_id, writing.revision))
    return writing


def _run(statement: Any, rows: list[dict[str, Any]], connection: Connection) -> None:
    connection.execute(statement, rows)


def _key(listener_id: str, count: Count) -> dict[str, str]:
    return {"key_listener": listener_id, "key_agent": count.agent, "key_epoch": count.epoch}
