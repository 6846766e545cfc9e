"""``/healthmonitors``."""

from typing import cast

import falcon

from evenload.api.attributes import Given
from evenload.api.context import Facade, note_parent
from evenload.api.octavia_v2 import schema, translate
from evenload.api.octavia_v2.present import AnyView
from evenload.api.octavia_v2.resources import Collection, ObjectItem, answer_one, rule
from evenload.model.balancer import HealthMonitor
from evenload.model.enums import Kind
from evenload.service.health_monitors import HealthMonitors
from evenload.service.pools import Pools


class HealthMonitorCollection(Collection):
    kind = Kind.HEALTH_MONITOR

    def __init__(self, facade: Facade, service: HealthMonitors, pools: Pools) -> None:
        super().__init__(facade, service)
        self._service = service
        self._pools = pools

    def on_post(self, request: falcon.Request, response: falcon.Response) -> None:
        given = schema.HEALTH_MONITOR.parse_create(self._facade.body(request))
        pool = self._pools.get(given.own["pool_id"])
        note_parent(request, pool)
        parent = pool.record
        self._facade.require(request, rule(self.kind, "post"), parent.project_id)
        translate.require_project(given.own, parent.project_id)
        view = self._service.create(parent.id, translate.monitor_draft(given))
        answer_one(request, response, view, 201)


class HealthMonitorItem(ObjectItem):
    kind = Kind.HEALTH_MONITOR

    def __init__(self, facade: Facade, service: HealthMonitors) -> None:
        super().__init__(facade, service)
        self._service = service

    def update(self, given: Given, view: AnyView) -> AnyView:
        monitor = cast(HealthMonitor, view.record.item)
        return self._service.update(monitor.id, translate.monitor_changes(given, monitor))

    def delete(self, request: falcon.Request, id: str) -> None:
        self._service.delete(id)
