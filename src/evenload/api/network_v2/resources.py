"""``/networks``, ``/subnets`` and ``/ports``, alike in everything but the use cases behind them.

Who may not see an object is told that there is none, as with Neutron.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import falcon

from evenload.api.attributes import Schema, chosen_project, unwrap
from evenload.api.context import Facade, answer, answer_empty, caller_of, noted_of, parameters_of
from evenload.api.network_v2.present import Json
from evenload.api.network_v2.translate import fields_of
from evenload.api.paging import Column, links, read_fields, read_list
from evenload.api.selection import select
from evenload.model.errors import Forbidden, Invalid

Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkKind:
    """One kind of object and its use cases, each giving the object as it is shown.

    ``create`` is given the project whose networks may be used, None: every project's. ``hidden``: attributes that need
    a rule of their own to be seen, ``restricted``: to be set. ``names``: model → API, where they differ.
    """

    word: str
    schema: Schema
    columns: Mapping[str, Column]
    create: Callable[[str, Fields, str | None], Json]
    update: Callable[[str, Fields], Json]
    delete: Callable[[str], None]
    find: Callable[[str, str | None], Json]
    all: Callable[[str | None], list[Json]]
    hidden: tuple[str, tuple[str, ...]] | None = None
    restricted: tuple[tuple[str, tuple[str, ...]], ...] = ()
    names: Mapping[str, str]

    @property
    def plural(self) -> str:
        return f"{self.word}s"


class _Resource:
    def __init__(self, facade: Facade, kind: NetworkKind) -> None:
        self.names = kind.names
        self._facade = facade
        self._kind = kind

    def _viewer(self, request: falcon.Request) -> str | None:
        """In whose eyes things exist; None sees everything. Raises Forbidden for a caller without a project."""
        own = caller_of(request).project_id
        rule = f"get_{self._kind.word}"
        if self._facade.allows(request, f"{rule}:global", own):
            return None
        self._facade.require(request, rule, own)
        if own is None:
            raise Forbidden("Policy does not allow this request to be performed.")
        return own

    def _visible(self, request: falcon.Request, each: Json, wanted: tuple[str, ...] | None) -> Json:
        shown = each
        if self._kind.hidden is not None:
            rule, names = self._kind.hidden
            if not self._facade.allows(request, rule, caller_of(request).project_id):
                shown = {name: value for name, value in each.items() if name not in names}
        return shown if wanted is None else {name: value for name, value in shown.items() if name in wanted}

    def _require_hidden(self, request: falcon.Request, given: Fields, action: str) -> None:
        """Some attributes may be set by those only who could reach other projects' networks anyway."""
        own = caller_of(request).project_id
        for rule, names in self._kind.restricted:
            if any(given.get(name) for name in names):
                self._facade.require(request, f"{action}_{rule}", own)

    def _found(self, request: falcon.Request, id: str) -> Json:
        found = self._kind.find(id, self._viewer(request))
        noted_of(request).found(found["name"], found["project_id"])
        return found


class Collection(_Resource):
    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        viewer = self._viewer(request)
        parameters = parameters_of(request)
        wanted = read_list(parameters, self._kind.columns, page_limit=self._facade.settings.page_limit, repeated=True)
        self._check_asked(request, {*wanted.query.filters, *(name for name, _ in wanted.query.sort)})
        page, more = select(self._kind.all(viewer), wanted.query)
        body: Json = {self._kind.plural: [self._visible(request, each, wanted.fields) for each in page]}
        further = links(
            self._facade.address(request), parameters, wanted.query, [each["id"] for each in page], more=more
        )
        if further:
            body[f"{self._kind.plural}_links"] = further
        answer(response, body)

    def on_post(self, request: falcon.Request, response: falcon.Response) -> None:
        given = self._kind.schema.parse_create(self._facade.body(request)).own
        project = chosen_project(given) or caller_of(request).project_id
        self._facade.require(request, f"create_{self._kind.word}", project)
        if project is None:
            raise Invalid("Missing project ID in request where one is required.", field="project_id")
        self._require_hidden(request, given, "create")
        made = self._kind.create(project, fields_of(given), self._user_of(request, project))
        answer(response, {self._kind.word: self._visible(request, made, None)}, 201)

    def _user_of(self, request: falcon.Request, project: str) -> str | None:
        """The project whose networks may be used; None: every project's."""
        return None if self._facade.allows(request, "get_network:global", project) else project

    def _check_asked(self, request: falcon.Request, names_asked: set[str]) -> None:
        """What is hidden from a caller must not be found out by filters or order either."""
        if self._kind.hidden is None:
            return
        rule, names = self._kind.hidden
        if not names_asked.isdisjoint(names) and not self._facade.allows(request, rule, caller_of(request).project_id):
            raise Forbidden("Policy does not allow this request to be performed.")


class NetworkItem(_Resource):
    def on_get(self, request: falcon.Request, response: falcon.Response, id: str) -> None:
        wanted = read_fields(parameters_of(request))
        answer(response, {self._kind.word: self._visible(request, self._found(request, id), wanted)})

    def on_put(self, request: falcon.Request, response: falcon.Response, id: str) -> None:
        body = self._facade.body(request)
        found = self._found(request, id)
        self._facade.require(request, f"update_{self._kind.word}", found["project_id"])
        given = self._kind.schema.parse_update(body).own
        self._require_hidden(request, given, "update")
        changed = self._kind.update(id, fields_of(given))
        answer(response, {self._kind.word: self._visible(request, changed, None)})

    def on_delete(self, request: falcon.Request, response: falcon.Response, id: str) -> None:
        found = self._found(request, id)
        self._facade.require(request, f"delete_{self._kind.word}", found["project_id"])
        self._kind.delete(id)
        answer_empty(response, 204)


class Tags(_Resource):
    """``/<kind>s/{id}/tags``: how clients set tags in Neutron."""

    def on_get(self, request: falcon.Request, response: falcon.Response, id: str) -> None:
        answer(response, {"tags": self._found(request, id)["tags"]})

    def on_put(self, request: falcon.Request, response: falcon.Response, id: str) -> None:
        body = self._facade.body(request)
        if not isinstance(body, dict):
            raise Invalid("Invalid input for field/attribute tags. Not an object.")
        given = {"tags": unwrap(body, "tags")}
        self._set(request, id, self._kind.schema.parse_update({self._kind.word: given}).own)
        answer(response, {"tags": list(self._found(request, id)["tags"])})

    def on_delete(self, request: falcon.Request, response: falcon.Response, id: str) -> None:
        self._set(request, id, {"tags": ()})
        answer_empty(response, 204)

    def _set(self, request: falcon.Request, id: str, given: Fields) -> None:
        found = self._found(request, id)
        self._facade.require(request, f"update_{self._kind.word}", found["project_id"])
        self._kind.update(id, fields_of(given))
