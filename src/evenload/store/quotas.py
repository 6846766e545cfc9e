"""Limits that were set for projects: reading and writing the rows."""

from collections.abc import Collection, Mapping

from sqlalchemy import Connection, bindparam, delete, insert, select

from evenload.store.tables.projects import PROJECTS, QUOTAS

_TABLE = QUOTAS.c
_ALL = select(_TABLE.project_id, _TABLE.resource, _TABLE.limit).order_by(_TABLE.project_id, _TABLE.resource)
_OF_PROJECT = _ALL.where(_TABLE.project_id == bindparam("project"))
_INSERT = insert(QUOTAS)
_DELETE_ONE = delete(QUOTAS).where(_TABLE.project_id == bindparam("project"), _TABLE.resource == bindparam("name"))


_LOCK = select(PROJECTS.c.id).where(PROJECTS.c.id == bindparam("project")).with_for_update()
_INSERT_PROJECT = insert(PROJECTS)


def lock_project(connection: Connection, project_id: str) -> None:
    """The row is made by the first who asks; where two are the first, the second one's work is run again."""
    if connection.execute(_LOCK, {"project": project_id}).first() is None:
        connection.execute(_INSERT_PROJECT, {"id": project_id})


def read_quotas(connection: Connection, project_id: str | None) -> dict[str, dict[str, int]]:
    rows = connection.execute(_ALL) if project_id is None else connection.execute(_OF_PROJECT, {"project": project_id})
    found: dict[str, dict[str, int]] = {}
    for project, resource, limit in rows:
        found.setdefault(project, {})[resource] = limit
    return found


def write_quotas(connection: Connection, project_id: str, limits: Mapping[str, int]) -> None:
    for resource, limit in limits.items():
        connection.execute(_DELETE_ONE, {"project": project_id, "name": resource})
        connection.execute(_INSERT, {"project_id": project_id, "resource": resource, "limit": limit})


def remove_quotas(connection: Connection, project_id: str, resources: Collection[str]) -> None:
    for resource in resources:
        connection.execute(_DELETE_ONE, {"project": project_id, "name": resource})
