"""``/lb/pools`` and what hangs on one: its statistics, and the agent that it is bound to."""

from collections.abc import Sequence

import falcon

from evenload.api.attributes import Given
from evenload.api.context import Facade, answer, parameters_of
from evenload.api.lbaas_v1 import names, schema, translate
from evenload.api.lbaas_v1.health_monitors import MonitorKind
from evenload.api.lbaas_v1.present import POOL_COLUMNS, Json, present_agent, present_pool, present_statistics
from evenload.api.lbaas_v1.resources import Found, V1Kind, Viewer, projected
from evenload.api.paging import read_fields
from evenload.model.errors import NotFound
from evenload.model.query import Query
from evenload.service.agent_registry import AgentRegistry
from evenload.service.lbaas_v1.pools import V1Pools


class PoolKind(V1Kind):
    word = "pool"
    schema = schema.POOL
    columns = POOL_COLUMNS
    names = names.POOL_COMPLAINTS

    def __init__(self, facade: Facade, service: V1Pools, monitors: MonitorKind) -> None:
        self._providers = facade.settings.lbaas_v1_providers
        self._service = service
        self._monitors = monitors

    def create(self, viewer: Viewer, project_id: str, given: Given) -> Json:
        draft = translate.pool_draft(given, self._providers)
        return present_pool(self._service.create(project_id, draft, self._monitor_ids(viewer, given) or ()))

    def update(self, viewer: Viewer, found: Found, given: Given) -> Json:
        monitor_ids = self._monitor_ids(viewer, given)
        return present_pool(self._service.update(found.shown["id"], translate.plain_changes(given), monitor_ids))

    def delete(self, id: str) -> None:
        self._service.delete(id)

    def find(self, id: str) -> Found:
        view = self._service.get(id)
        return Found(shown=present_pool(view), deleting=view.pool.deleting)

    def all(self, query: Query) -> list[Json]:
        return [present_pool(view) for view in self._service.list(query)]

    def living(self, viewer: Viewer, id: str) -> Json:
        """For what hangs on a pool. Raises NotFound."""
        found = self.seen(viewer, id)
        if found.deleting:
            raise NotFound(self.title, id)
        return found.shown

    def _monitor_ids(self, viewer: Viewer, given: Given) -> Sequence[str] | None:
        wanted = translate.monitor_ids(given)
        for monitor_id in wanted or ():
            self._monitors.seen(viewer, monitor_id)
        return wanted


class PoolStatistics:
    def __init__(self, facade: Facade, pools: PoolKind, service: V1Pools) -> None:
        self._facade = facade
        self._pools = pools
        self._service = service

    def on_get(self, request: falcon.Request, response: falcon.Response, id: str) -> None:
        self._pools.living(Viewer(self._facade, request), id)
        counted = present_statistics(self._service.statistics(id))
        answer(response, {"stats": projected(counted, read_fields(parameters_of(request)))})


class PoolAgent:
    """Every pool is bound to an agent from the beginning."""

    def __init__(self, facade: Facade, pools: PoolKind, service: V1Pools, agents: AgentRegistry) -> None:
        self._facade = facade
        self._pools = pools
        self._service = service
        self._agents = agents

    def on_get(self, request: falcon.Request, response: falcon.Response, id: str) -> None:
        viewer = Viewer(self._facade, request)
        pool = self._pools.living(viewer, id)
        viewer.require("get_loadbalancer-agent", pool["tenant_id"])
        name = self._service.agent_of(id)
        agent = self._agents.named(name)
        if agent is None:
            raise NotFound("Agent", name)
        answer(response, {"agent": projected(present_agent(agent), read_fields(parameters_of(request)))})
