"""``/agents``: the hosts that serve load balancers, for administrators. They come by themselves, and are not made."""

import falcon

from evenload.api.context import Facade, answer, answer_empty, caller_of, parameters_of
from evenload.api.lbaas_v1 import schema
from evenload.api.lbaas_v1.present import AGENT_COLUMNS, POOL_COLUMNS, Json, present_agent, present_pool
from evenload.api.lbaas_v1.resources import answer_page, projected, read_wanted
from evenload.api.paging import read_fields
from evenload.service.agent_registry import AgentRegistry
from evenload.service.lbaas_v1.pools import V1Pools


class _AgentResource:
    def __init__(self, facade: Facade, service: AgentRegistry) -> None:
        self._facade = facade
        self._service = service

    def _require(self, request: falcon.Request, rule: str) -> None:
        self._facade.require(request, rule, caller_of(request).project_id)


class AgentCollection(_AgentResource):
    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        self._require(request, "get_agent")
        wanted = read_wanted(self._facade, request, AGENT_COLUMNS)
        objects = [present_agent(view) for view in self._service.list()]
        answer_page(self._facade, request, response, "agents", wanted, objects)


class AgentItem(_AgentResource):
    def on_get(self, request: falcon.Request, response: falcon.Response, id: str) -> None:
        self._require(request, "get_agent")
        shown: Json = present_agent(self._service.get(id))
        answer(response, {"agent": projected(shown, read_fields(parameters_of(request)))})

    def on_put(self, request: falcon.Request, response: falcon.Response, id: str) -> None:
        body = self._facade.body(request)
        self._require(request, "update_agent")
        given = schema.AGENT.parse_update(body).own
        changed = self._service.update(
            id, admin_state_up=given.get("admin_state_up"), description=given.get("description")
        )
        answer(response, {"agent": present_agent(changed)})

    def on_delete(self, request: falcon.Request, response: falcon.Response, id: str) -> None:
        self._require(request, "delete_agent")
        self._service.delete(id)
        answer_empty(response, 204)


class AgentPools(_AgentResource):
    def __init__(self, facade: Facade, service: AgentRegistry, pools: V1Pools) -> None:
        super().__init__(facade, service)
        self._pools = pools

    def on_get(self, request: falcon.Request, response: falcon.Response, id: str) -> None:
        self._require(request, "get_loadbalancer-pools")
        wanted = read_wanted(self._facade, request, POOL_COLUMNS)
        agent = self._service.get(id).record
        objects = [present_pool(view) for view in self._pools.of_agent(agent.name)]
        answer_page(self._facade, request, response, "pools", wanted, objects)
