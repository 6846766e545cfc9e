"""``/loadbalancers`` and what hangs on one: statistics, status tree, failover."""

from collections.abc import Sequence
from typing import Any

import falcon

from evenload.api.attributes import Given, chosen_project
from evenload.api.context import Facade, answer, answer_empty, caller_of, note_view, parameters_of
from evenload.api.encoding import Encoded
from evenload.api.octavia_v2 import schema, translate
from evenload.api.octavia_v2.present import AnyView, present_statistics, present_status, present_tree
from evenload.api.octavia_v2.providers import require_provider
from evenload.api.octavia_v2.resources import Collection, ObjectItem, plain, rule
from evenload.api.octavia_v2.shown import Shown
from evenload.model.enums import Kind
from evenload.model.errors import Invalid
from evenload.service.load_balancers import LoadBalancers
from evenload.service.tls_drafts import named_secrets


class LoadBalancerCollection(Collection):
    kind = Kind.LOAD_BALANCER

    def __init__(self, facade: Facade, service: LoadBalancers, shown: Shown) -> None:
        super().__init__(facade, service)
        self._service = service
        self._shown = shown

    def show(self, view: AnyView) -> Encoded:
        return self._shown.text(view)

    def on_post(self, request: falcon.Request, response: falcon.Response) -> None:
        body = self._facade.body(request)
        given = schema.LOAD_BALANCER.parse_create(body)
        if "provider" in given.own:
            require_provider(self._facade, given.own["provider"])
        project = chosen_project(given.own) or caller_of(request).project_id
        if project is None:
            raise Invalid("Missing project ID in request where one is required.", field="project_id")
        self._facade.require(request, rule(self.kind, "post"), project)
        for action in _about_groups(body, "post"):
            self._facade.require(request, rule(self.kind, action), project)
        draft = translate.balancer_draft(
            given,
            project,
            every_project=self._facade.allows(request, "get_subnet:global", project),
        )
        named = [each for listener in draft.listeners for each in named_secrets(listener)]
        named += [each for pool in draft.pools for each in named_secrets(pool, of_pool=True)]
        self._facade.admit(request, named)
        answer(response, {"loadbalancer": present_tree(self._service.create(project, draft))}, 201)


class LoadBalancerItem(ObjectItem):
    kind = Kind.LOAD_BALANCER

    def __init__(self, facade: Facade, service: LoadBalancers, shown: Shown) -> None:
        super().__init__(facade, service)
        self._service = service
        self._shown = shown

    def show(self, view: AnyView) -> Encoded:
        return self._shown.text(view)

    def further_actions(self, body: Any) -> Sequence[str]:
        return _about_groups(body, "put")

    def update(self, given: Given, view: AnyView) -> AnyView:
        return self._service.update(view.record.item.id, plain(given))

    def delete(self, request: falcon.Request, id: str) -> None:
        """Any value of ``cascade`` but true is none, as with Octavia."""
        asked = [value for name, value in parameters_of(request) if name == "cascade"]
        self._service.delete(id, cascade=bool(asked) and asked[-1].lower() in ("true", "1"))


def _about_groups(body: Any, action: str) -> Sequence[str]:
    """For naming security groups, be it none, there is a rule of its own."""
    fields = body.get(schema.LOAD_BALANCER.wrapper) if isinstance(body, dict) else None
    return [f"{action}:vip_sg_ids"] if isinstance(fields, dict) and "vip_sg_ids" in fields else []


class LoadBalancerPart:
    """Something to be asked of, or done to, one load balancer."""

    def __init__(self, facade: Facade, service: LoadBalancers) -> None:
        self._facade = facade
        self._service = service

    def _require(self, request: falcon.Request, id: str, action: str) -> None:
        view = self._service.get(id)
        note_view(request, view)
        self._facade.require(request, rule(Kind.LOAD_BALANCER, action), view.record.project_id)


class LoadBalancerStatistics(LoadBalancerPart):
    def on_get(self, request: falcon.Request, response: falcon.Response, id: str) -> None:
        self._require(request, id, "get_stats")
        answer(response, {"stats": present_statistics(self._service.statistics(id))})


class LoadBalancerStatus(LoadBalancerPart):
    def on_get(self, request: falcon.Request, response: falcon.Response, id: str) -> None:
        tree = self._service.tree(id)
        self._facade.require(request, rule(Kind.LOAD_BALANCER, "get_status"), tree.load_balancer.project_id)
        answer(response, {"statuses": present_status(tree)})


class LoadBalancerFailover(LoadBalancerPart):
    def on_post(self, request: falcon.Request, response: falcon.Response, id: str) -> None:
        """No 405, since for Octavia it is a creation with something behind."""
        raise Invalid("Unknown argument: 'failover'. A failover is asked for by PUT.")

    def on_put(self, request: falcon.Request, response: falcon.Response, id: str) -> None:
        self._require(request, id, "put_failover")
        self._service.failover(id)
        answer_empty(response, 202)
