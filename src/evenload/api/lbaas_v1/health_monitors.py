"""``/lb/health_monitors``: they belong to a project, and any number of its pools may have them."""

from evenload.api.attributes import Given
from evenload.api.lbaas_v1 import names, schema, translate
from evenload.api.lbaas_v1.present import MONITOR_COLUMNS, Json, present_monitor
from evenload.api.lbaas_v1.resources import Found, V1Kind, Viewer
from evenload.model.enums import MonitorType
from evenload.model.query import Query
from evenload.service.lbaas_v1.monitors import V1Monitors


class MonitorKind(V1Kind):
    word = "health_monitor"
    schema = schema.HEALTH_MONITOR
    columns = MONITOR_COLUMNS
    names = names.HEALTH_MONITOR_COMPLAINTS

    def __init__(self, service: V1Monitors) -> None:
        self._service = service

    def create(self, viewer: Viewer, project_id: str, given: Given) -> Json:
        return present_monitor(self._service.create(project_id, translate.new_monitor(given)))

    def update(self, viewer: Viewer, found: Found, given: Given) -> Json:
        changes = translate.monitor_changes(given, MonitorType(found.shown["type"]))
        return present_monitor(self._service.update(found.shown["id"], changes))

    def delete(self, id: str) -> None:
        self._service.delete(id)

    def find(self, id: str) -> Found:
        return Found(shown=present_monitor(self._service.get(id)))

    def all(self, query: Query) -> list[Json]:
        projects = query.filters.get("project_id", (None,))
        project = projects[0] if len(projects) == 1 else None
        return [present_monitor(view) for view in self._service.list(None if project is None else str(project))]
