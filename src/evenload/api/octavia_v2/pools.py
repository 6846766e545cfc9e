"""``/pools``."""

from typing import cast

import falcon

from evenload.api.attributes import Given
from evenload.api.context import Facade
from evenload.api.octavia_v2 import schema, translate
from evenload.api.octavia_v2.present import AnyView
from evenload.api.octavia_v2.resources import Collection, ObjectItem, answer_one, rule
from evenload.model.balancer import Pool
from evenload.model.enums import Kind
from evenload.model.errors import Invalid
from evenload.service.listeners import Listeners
from evenload.service.load_balancers import LoadBalancers
from evenload.service.pools import Pools
from evenload.service.tls_drafts import named_secrets


class PoolCollection(Collection):
    kind = Kind.POOL

    def __init__(self, facade: Facade, service: Pools, load_balancers: LoadBalancers, listeners: Listeners) -> None:
        super().__init__(facade, service)
        self._service = service
        self._load_balancers = load_balancers
        self._listeners = listeners

    def on_post(self, request: falcon.Request, response: falcon.Response) -> None:
        given = schema.POOL.parse_create(self._facade.body(request))
        load_balancer_id = given.own.get("load_balancer_id")
        listener_id = given.own.get("listener_id")
        project = self._project(load_balancer_id, listener_id)
        self._facade.require(request, rule(self.kind, "post"), project)
        draft = translate.pool_draft(given, project)
        self._facade.admit(request, named_secrets(draft, of_pool=True))
        view = self._service.create(load_balancer_id=load_balancer_id, listener_id=listener_id, draft=draft)
        answer_one(request, response, view, 201)

    def _project(self, load_balancer_id: str | None, listener_id: str | None) -> str:
        if load_balancer_id is not None:
            return self._load_balancers.get(load_balancer_id).record.project_id
        if listener_id is not None:
            return self._listeners.get(listener_id).record.project_id
        raise Invalid("Must provide at least one of: loadbalancer_id, listener_id.", field="load_balancer_id")


class PoolItem(ObjectItem):
    kind = Kind.POOL

    def __init__(self, facade: Facade, service: Pools) -> None:
        super().__init__(facade, service)
        self._service = service

    def update(self, given: Given, view: AnyView) -> AnyView:
        return self._service.update(view.record.item.id, translate.pool_changes(given, cast(Pool, view.record.item)))

    def named_secrets(self, given: Given, view: AnyView) -> list[tuple[str, str]]:
        return named_secrets(translate.pool_changes(given, cast(Pool, view.record.item)), of_pool=True)

    def delete(self, request: falcon.Request, id: str) -> None:
        self._service.delete(id)
