"""``/l7policies`` and ``/l7policies/{l7policy_id}/rules``."""

import falcon

from evenload.api.attributes import Given
from evenload.api.context import Facade, answer, answer_empty, note_parent, note_view
from evenload.api.octavia_v2 import schema, translate
from evenload.api.octavia_v2.names import complaint_names
from evenload.api.octavia_v2.present import AnyView, present
from evenload.api.octavia_v2.resources import (
    WORDS,
    Collection,
    ObjectItem,
    answer_one,
    answer_page,
    plain,
    read_wanted,
    rule,
)
from evenload.api.routing import parent
from evenload.model.enums import Kind
from evenload.model.errors import Forbidden, Invalid, NotFound
from evenload.service.l7_policies import L7Policies, L7Rules
from evenload.service.listeners import Listeners


class L7PolicyCollection(Collection):
    kind = Kind.L7_POLICY

    def __init__(self, facade: Facade, service: L7Policies, listeners: Listeners) -> None:
        super().__init__(facade, service)
        self._service = service
        self._listeners = listeners

    def on_post(self, request: falcon.Request, response: falcon.Response) -> None:
        given = schema.L7_POLICY.parse_create(self._facade.body(request))
        listener = self._listeners.get(given.own["listener_id"])
        note_parent(request, listener)
        parent = listener.record
        self._facade.require(request, rule(self.kind, "post"), parent.project_id)
        translate.require_project(given.own, parent.project_id)
        draft = translate.policy_draft(given, parent.project_id)
        answer_one(request, response, self._service.create(parent.id, draft), 201)


class L7PolicyItem(ObjectItem):
    kind = Kind.L7_POLICY

    def __init__(self, facade: Facade, service: L7Policies) -> None:
        super().__init__(facade, service)
        self._service = service

    def update(self, given: Given, view: AnyView) -> AnyView:
        if not (given.item or given.record):
            raise Invalid("Invalid L7 Policy arguments: there is nothing to update.")
        return self._service.update(view.record.item.id, plain(given))

    def delete(self, request: falcon.Request, id: str) -> None:
        self._service.delete(id)


class L7RuleCollection:
    def __init__(self, facade: Facade, service: L7Rules, policies: L7Policies) -> None:
        self.names = complaint_names(Kind.L7_RULE)
        self._facade = facade
        self._service = service
        self._policies = policies

    def on_get(self, request: falcon.Request, response: falcon.Response, id: str) -> None:
        project = self._require(request, id, "get_all")
        wanted = read_wanted(self._facade, request, Kind.L7_RULE, {"l7policy_id": id})
        if wanted.project_id not in (None, project):
            raise Forbidden("Policy does not allow this request to be performed.")
        page = self._service.list(id, wanted.query)
        answer_page(self._facade, request, response, Kind.L7_RULE, wanted, page)

    def on_post(self, request: falcon.Request, response: falcon.Response, id: str) -> None:
        body = self._facade.body(request)
        project = self._require(request, id, "post")
        given = schema.L7_RULE.parse_create(body)
        translate.require_project(given.own, project)
        answer_one(request, response, self._service.create(id, translate.plain_draft(given)), 201)

    def on_put(self, request: falcon.Request, response: falcon.Response, id: str) -> None:
        raise Invalid("Missing argument: 'id'")

    def on_delete(self, request: falcon.Request, response: falcon.Response, id: str) -> None:
        raise Invalid("Missing argument: 'id'")

    def _require(self, request: falcon.Request, policy_id: str, action: str) -> str:
        """The policy's project. Raises NotFound and Forbidden."""
        policy = parent(self._policies.get, policy_id)
        note_parent(request, policy)
        project = policy.record.project_id
        self._facade.require(request, rule(Kind.L7_RULE, action), project)
        return project


class L7RuleItem:
    def __init__(self, facade: Facade, service: L7Rules, policies: L7Policies) -> None:
        self.names = complaint_names(Kind.L7_RULE)
        self._facade = facade
        self._service = service
        self._policies = policies

    def on_get(self, request: falcon.Request, response: falcon.Response, id: str, rule_id: str) -> None:
        answer_one(request, response, self._view(request, id, rule_id, "get_one"))

    def on_put(self, request: falcon.Request, response: falcon.Response, id: str, rule_id: str) -> None:
        body = self._facade.body(request)
        self._view(request, id, rule_id, "put")
        given = schema.L7_RULE.parse_update(body)
        changed = self._service.update(id, rule_id, plain(given))
        answer(response, {WORDS[Kind.L7_RULE][0]: present(changed)})

    def on_delete(self, request: falcon.Request, response: falcon.Response, id: str, rule_id: str) -> None:
        self._view(request, id, rule_id, "delete")
        self._service.delete(id, rule_id)
        answer_empty(response, 204)

    def _view(self, request: falcon.Request, id: str, rule_id: str, action: str) -> AnyView:
        try:
            view = self._service.get(id, rule_id)
        except NotFound:
            parent(self._policies.get, id)
            raise
        note_view(request, view)
        self._facade.require(request, rule(Kind.L7_RULE, action), view.record.project_id)
        return view
