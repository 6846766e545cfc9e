"""Health monitors of LBaaS v1, which any number of pools may have: reading and writing the rows.

Inside a transaction.
"""

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from evenload.model.balancer import MonitorTemplate
from evenload.model.errors import Overtaken
from evenload.store.mapping import RowCodec
from evenload.store.tables.trees import HEALTH_MONITORS, MONITOR_TEMPLATES

_CODEC: RowCodec[MonitorTemplate] = RowCodec(MonitorTemplate, MONITOR_TEMPLATES)
_TABLE = MONITOR_TEMPLATES.c
_ALL = select(*_CODEC.columns).order_by(_TABLE.position)
_OF_PROJECT = _ALL.where(_TABLE.project_id == bindparam("project"))
_BY_ID = select(*_CODEC.columns).where(_TABLE.id == bindparam("identifier"))
_BY_ID_LOCKED = _BY_ID.with_for_update()
_OF_TREE = (
    select(_TABLE.id)
    .join(HEALTH_MONITORS, HEALTH_MONITORS.c.id == _TABLE.id)
    .where(HEALTH_MONITORS.c.load_balancer_id == bindparam("tree"))
    .order_by(_TABLE.id)
)
_INSERT = insert(MONITOR_TEMPLATES)
_UPDATE = (
    update(MONITOR_TEMPLATES)
    .where(_TABLE.id == bindparam("identifier"))
    .values({column.name: bindparam(column.name) for column in _CODEC.columns if column.name != "id"})
)
_DELETE = delete(MONITOR_TEMPLATES).where(_TABLE.id == bindparam("identifier"))


def read_template(connection: Connection, identifier: str, *, lock: bool) -> MonitorTemplate | None:
    row = connection.execute(_BY_ID_LOCKED if lock else _BY_ID, {"identifier": identifier}).first()
    return None if row is None else _CODEC.decode(row)


def lock_templates_of(connection: Connection, load_balancer_id: str) -> None:
    """Those that came with its monitors have their ids."""
    for identifier in [*connection.execute(_OF_TREE, {"tree": load_balancer_id}).scalars()]:
        read_template(connection, identifier, lock=True)


def read_templates(connection: Connection, project_id: str | None) -> list[MonitorTemplate]:
    rows = connection.execute(_ALL) if project_id is None else connection.execute(_OF_PROJECT, {"project": project_id})
    return [_CODEC.decode(row) for row in rows]


def insert_template(connection: Connection, template: MonitorTemplate) -> None:
    connection.execute(_INSERT, _CODEC.encode(template))


def update_template(connection: Connection, template: MonitorTemplate) -> None:
    changed = {name: value for name, value in _CODEC.encode(template).items() if name != "id"}
    if connection.execute(_UPDATE, {**changed, "identifier": template.id}).rowcount == 0:
        raise Overtaken(f"Health monitor {template.id} is gone.")


def remove_template(connection: Connection, identifier: str) -> None:
    connection.execute(_DELETE, {"identifier": identifier})
