"""``/pools/{pool_id}/members``, one by one and all at once."""

from typing import Any

import falcon
from pydantic import ConfigDict, ValidationError, create_model

from evenload.api.attributes import refusal
from evenload.api.context import Facade, answer, answer_empty, caller_of, note_parent, note_view, parameters_of
from evenload.api.fields import FieldType, listing, shown, truth_of
from evenload.api.octavia_v2 import schema, translate
from evenload.api.octavia_v2.names import complaint_names
from evenload.api.octavia_v2.present import AnyView, present
from evenload.api.octavia_v2.resources import answer_one, answer_page, plain, read_wanted, rule
from evenload.api.routing import parent
from evenload.model.enums import Kind
from evenload.model.errors import Forbidden, Invalid, NotFound
from evenload.service.members import Members
from evenload.service.pools import Pools

_MAX_BATCH = 5000
BATCH = listing(FieldType(schema.MEMBER.create, json=schema.MEMBER.json_create), _MAX_BATCH)
_FIELDS: dict[str, Any] = {"members": (BATCH.annotation, ...)}
_Batch = create_model("MemberBatch", __config__=ConfigDict(extra="forbid", hide_input_in_errors=True), **_FIELDS)


class MemberCollection:
    def __init__(self, facade: Facade, service: Members, pools: Pools) -> None:
        self.names = complaint_names(Kind.MEMBER)
        self._facade = facade
        self._service = service
        self._pools = pools

    def on_get(self, request: falcon.Request, response: falcon.Response, id: str) -> None:
        project = self._require(request, id, "get_all")
        wanted = read_wanted(self._facade, request, Kind.MEMBER, {"pool_id": id})
        if wanted.project_id not in (None, project):
            raise Forbidden("Policy does not allow this request to be performed.")
        page = self._service.list(id, wanted.query)
        answer_page(self._facade, request, response, Kind.MEMBER, wanted, page)

    def on_post(self, request: falcon.Request, response: falcon.Response, id: str) -> None:
        body = self._facade.body(request)
        project = self._require(request, id, "post")
        given = schema.MEMBER.parse_create(body)
        translate.require_project(given.own, project)
        view = self._service.create(id, translate.plain_draft(given), every_project=self._may_use_every(request))
        answer_one(request, response, view, 201)

    def on_put(self, request: falcon.Request, response: falcon.Response, id: str) -> None:
        body = self._facade.body(request)
        additive = _additive(request)
        project = self._require(request, id, "post", "put", *(() if additive else ("delete",)))
        drafts = translate.member_drafts(_batch(body), project)
        self._service.replace(id, drafts, additive_only=additive, every_project=self._may_use_every(request))
        answer_empty(response, 202)

    def on_delete(self, request: falcon.Request, response: falcon.Response, id: str) -> None:
        raise Invalid("Missing argument: 'id'")

    def _may_use_every(self, request: falcon.Request) -> bool:
        """Whether the caller may use every project's subnets."""
        return self._facade.allows(request, "get_subnet:global", caller_of(request).project_id)

    def _require(self, request: falcon.Request, pool_id: str, *actions: str) -> str:
        """The pool's project. Raises NotFound and Forbidden."""
        pool = parent(self._pools.get, pool_id)
        note_parent(request, pool)
        project = pool.record.project_id
        for action in actions:
            self._facade.require(request, rule(Kind.MEMBER, action), project)
        return project


class MemberItem:
    def __init__(self, facade: Facade, service: Members, pools: Pools) -> None:
        self.names = complaint_names(Kind.MEMBER)
        self._facade = facade
        self._service = service
        self._pools = pools

    def on_get(self, request: falcon.Request, response: falcon.Response, id: str, member_id: str) -> None:
        answer_one(request, response, self._view(request, id, member_id, "get_one"))

    def on_put(self, request: falcon.Request, response: falcon.Response, id: str, member_id: str) -> None:
        body = self._facade.body(request)
        self._view(request, id, member_id, "put")
        given = schema.MEMBER.parse_update(body)
        answer(response, {"member": present(self._service.update(id, member_id, plain(given)))})

    def on_delete(self, request: falcon.Request, response: falcon.Response, id: str, member_id: str) -> None:
        self._view(request, id, member_id, "delete")
        self._service.delete(id, member_id)
        answer_empty(response, 204)

    def _view(self, request: falcon.Request, id: str, member_id: str, action: str) -> AnyView:
        """Raises NotFound, UnknownParent where it is the pool that does not exist, Forbidden."""
        try:
            view = self._service.get(id, member_id)
        except NotFound:
            parent(self._pools.get, id)
            raise
        note_view(request, view)
        self._facade.require(request, rule(Kind.MEMBER, action), view.record.project_id)
        return view


def _additive(request: falcon.Request) -> bool:
    asked = [value for name, value in parameters_of(request) if name == "additive_only"]
    try:
        return truth_of(asked[-1]) if asked else False
    except ValueError as error:
        raise Invalid(
            f"Invalid input for query parameter additive_only. Value: '{shown(asked[-1])}'. {error}"
        ) from error


def _batch(body: Any) -> list[Any]:
    if not isinstance(body, dict):
        raise Invalid(f"Invalid input for field/attribute members. Value: '{shown(body)}'. Not an object.")
    try:
        members: list[Any] = _Batch.model_validate(body).members
    except ValidationError as error:
        raise refusal(error, "members") from error
    return members
