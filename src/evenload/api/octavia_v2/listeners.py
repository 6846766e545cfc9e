"""``/listeners`` and the statistics of one."""

from typing import cast

import falcon

from evenload.api.attributes import Given
from evenload.api.context import Facade, answer
from evenload.api.octavia_v2 import schema, translate
from evenload.api.octavia_v2.present import AnyView, present_statistics
from evenload.api.octavia_v2.resources import Collection, ObjectItem, answer_one, rule
from evenload.model.balancer import Listener
from evenload.model.enums import Kind
from evenload.service.listeners import Listeners
from evenload.service.load_balancers import LoadBalancers
from evenload.service.tls_drafts import named_secrets


class ListenerCollection(Collection):
    kind = Kind.LISTENER

    def __init__(self, facade: Facade, service: Listeners, load_balancers: LoadBalancers) -> None:
        super().__init__(facade, service)
        self._service = service
        self._load_balancers = load_balancers

    def on_post(self, request: falcon.Request, response: falcon.Response) -> None:
        given = schema.LISTENER.parse_create(self._facade.body(request))
        parent = self._load_balancers.get(given.own["load_balancer_id"]).record
        self._facade.require(request, rule(self.kind, "post"), parent.project_id)
        translate.require_project(given.own, parent.project_id)
        draft = translate.listener_draft(given, parent.project_id)
        self._facade.admit(request, named_secrets(draft))
        answer_one(request, response, self._service.create(parent.id, draft), 201)


class ListenerItem(ObjectItem):
    kind = Kind.LISTENER

    def __init__(self, facade: Facade, service: Listeners) -> None:
        super().__init__(facade, service)
        self._service = service

    def update(self, given: Given, view: AnyView) -> AnyView:
        listener = cast(Listener, view.record.item)
        return self._service.update(listener.id, translate.listener_changes(given, listener))

    def named_secrets(self, given: Given, view: AnyView) -> list[tuple[str, str]]:
        return named_secrets(translate.listener_changes(given, cast(Listener, view.record.item)))

    def delete(self, request: falcon.Request, id: str) -> None:
        self._service.delete(id)


class ListenerStatistics:
    def __init__(self, facade: Facade, service: Listeners) -> None:
        self._facade = facade
        self._service = service

    def on_get(self, request: falcon.Request, response: falcon.Response, id: str) -> None:
        view = self._service.get(id)
        self._facade.require(request, rule(Kind.LISTENER, "get_stats"), view.record.project_id)
        answer(response, {"stats": present_statistics(self._service.statistics(id))})
