"""``/lb/pools/{id}/health_monitors``: which health monitors a pool has."""

from collections.abc import Sequence
from typing import Any

import falcon

from evenload.api.attributes import Given
from evenload.api.context import Facade, answer, answer_empty, parameters_of
from evenload.api.lbaas_v1 import schema
from evenload.api.lbaas_v1.health_monitors import MonitorKind
from evenload.api.lbaas_v1.pools import PoolKind
from evenload.api.lbaas_v1.present import ASSOCIATION_COLUMNS, Json
from evenload.api.lbaas_v1.resources import Viewer, answer_page, projected, read_wanted
from evenload.api.paging import read_fields
from evenload.model.errors import ForeignProject, Invalid
from evenload.service.lbaas_v1.pools import V1Pools

_MANY = "health_monitors"
_MOST = 100


class AssociationCollection:
    names = MonitorKind.names

    def __init__(self, facade: Facade, pools: PoolKind, monitors: MonitorKind, service: V1Pools) -> None:
        self._facade = facade
        self._pools = pools
        self._monitors = monitors
        self._service = service

    def on_get(self, request: falcon.Request, response: falcon.Response, id: str) -> None:
        viewer = Viewer(self._facade, request)
        pool = self._pools.living(viewer, id)
        viewer.require("get_pool_health_monitor", pool["tenant_id"])
        wanted = read_wanted(self._facade, request, ASSOCIATION_COLUMNS)
        shown = [_shown(pool, monitor_id) for monitor_id in pool["health_monitors"]]
        answer_page(self._facade, request, response, _MANY, wanted, shown)

    def on_post(self, request: falcon.Request, response: falcon.Response, id: str) -> None:
        """The answer is empty, as the original's is; a body of many is answered by as many."""
        body = self._facade.body(request)
        viewer = Viewer(self._facade, request)
        pool = self._pools.living(viewer, id)
        many = isinstance(body, dict) and set(body) == {_MANY}
        wanted = [schema.ASSOCIATION.parse_create(each) for each in (_each(body[_MANY]) if many else [body])]
        viewer.require("create_pool_health_monitor", pool["tenant_id"])
        for given in wanted:
            self._check(viewer, pool, given)
        self._service.associate(id, *(given.own["id"] for given in wanted))
        answer(response, {_MANY: [{} for _ in wanted]} if many else {"health_monitor": {}}, 201)

    def _check(self, viewer: Viewer, pool: Json, given: Given) -> None:
        named = viewer.named_project("create_pool_health_monitor", given)
        self._monitors.seen(viewer, given.own["id"])
        if named not in (None, pool["tenant_id"]):
            raise ForeignProject(f"Pool {pool['id']} belongs to another project.")


class AssociationItem:
    def __init__(self, facade: Facade, pools: PoolKind, service: V1Pools) -> None:
        self._facade = facade
        self._pools = pools
        self._service = service

    def on_get(self, request: falcon.Request, response: falcon.Response, id: str, monitor_id: str) -> None:
        pool = self._pool(request, id, "get")
        self._service.association(id, monitor_id)
        shown = projected(_shown(pool, monitor_id), read_fields(parameters_of(request)))
        answer(response, {"health_monitor": shown})

    def on_delete(self, request: falcon.Request, response: falcon.Response, id: str, monitor_id: str) -> None:
        self._pool(request, id, "delete")
        self._service.dissociate(id, monitor_id)
        answer_empty(response, 204)

    def _pool(self, request: falcon.Request, id: str, action: str) -> Json:
        viewer = Viewer(self._facade, request)
        pool = self._pools.living(viewer, id)
        viewer.require(f"{action}_pool_health_monitor", pool["tenant_id"])
        return pool


def _shown(pool: Json, monitor_id: str) -> Json:
    """A pool and its health monitors belong to one project."""
    return {"id": monitor_id, "tenant_id": pool["tenant_id"]}


def _each(bodies: Any) -> Sequence[Any]:
    if not isinstance(bodies, list) or not 0 < len(bodies) <= _MOST:
        raise Invalid(f"Invalid input for field/attribute {_MANY}. Not a list of 1 to {_MOST} objects.", field=_MANY)
    return [{"health_monitor": each} for each in bodies]
