"""What VIPs, pools, members and health monitors have in common: list, show, make, change and delete, with policy.

``routes`` puts one ``Collection`` and one ``V1Item`` per ``V1Kind`` on its paths; what is peculiar to one stands in the
module named after it. Who may not see an object is told that there is none, and what is being deleted is gone; only a
change of it is told why it comes too late.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import falcon

from evenload.api.attributes import Given, Schema, chosen_project
from evenload.api.context import Facade, answer, answer_empty, caller_of, noted_of, parameters_of
from evenload.api.lbaas_v1.present import Json
from evenload.api.paging import Column, Parameters, Wanted, links, read_fields, read_list
from evenload.api.selection import select
from evenload.model.errors import Forbidden, Immutable, Invalid, NotFound
from evenload.model.query import Query, Value

# Column of a list → what the store calls it; the store is asked to narrow down by these.
_NARROWED = {"id": "id", "name": "name", "tenant_id": "project_id", "pool_id": "pool_id"}


class Viewer:
    """Who is asking, and what exists in his eyes."""

    def __init__(self, facade: Facade, request: falcon.Request) -> None:
        self._facade = facade
        self._request = request

    @property
    def project_id(self) -> str | None:
        return caller_of(self._request).project_id

    def allows(self, rule: str, project_id: str | None) -> bool:
        return self._facade.allows(self._request, rule, project_id)

    def require(self, rule: str, project_id: str | None) -> None:
        """Raises Forbidden."""
        self._facade.require(self._request, rule, project_id)

    def sees(self, word: str, project_id: str) -> bool:
        return self.allows(f"get_{word}", project_id)

    def scope(self, word: str) -> str | None:
        """The project to which lists are confined; None: they are not. Raises Forbidden."""
        own = self.project_id
        if self.allows(f"get_{word}:global", own):
            return None
        self.require(f"get_{word}", own)
        if own is None:
            raise Forbidden("Policy does not allow this request to be performed.")
        return own

    def named_project(self, rule: str, given: Given) -> str | None:
        """The project that a body names. Raises Invalid for another than the caller's own, unless he may."""
        named = chosen_project(given.own)
        if named not in (None, self.project_id) and not self.allows(rule, named):
            raise Invalid(
                "Specifying 'tenant_id' other than authenticated tenant in request requires admin privileges.",
                field="tenant_id",
            )
        return named


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An object as it is shown. ``deleting``: nobody should be shown it any more."""

    shown: Json
    deleting: bool = False


class V1Kind(ABC):
    """One kind of object and its use cases. ``names``: model → API, where they differ."""

    word: ClassVar[str]
    schema: ClassVar[Schema]
    columns: ClassVar[Mapping[str, Column]]
    names: ClassVar[Mapping[str, str]]

    @abstractmethod
    def create(self, viewer: Viewer, project_id: str, given: Given) -> Json: ...

    @abstractmethod
    def update(self, viewer: Viewer, found: Found, given: Given) -> Json: ...

    @abstractmethod
    def delete(self, id: str) -> None: ...

    @abstractmethod
    def find(self, id: str) -> Found:
        """Raises NotFound."""

    @abstractmethod
    def all(self, query: Query) -> list[Json]:
        """In the order of creation. ``query`` has filters only, and what comes of it may be more than asked for."""

    def project_of(self, viewer: Viewer, given: Given) -> str:
        """The one that a new object is to belong to: the caller's own, if the body names none."""
        project = viewer.named_project(f"create_{self.word}", given) or viewer.project_id
        if project is None:
            raise Invalid("Missing project ID in request where one is required.", field="tenant_id")
        return project

    @property
    def plural(self) -> str:
        return f"{self.word}s"

    @property
    def title(self) -> str:
        """The word for people, as in ``Health Monitor``."""
        return self.word.replace("_", " ").title()

    def seen(self, viewer: Viewer, id: str) -> Found:
        """Raises NotFound, in the same words, for what is not there and for what this caller may not see."""
        found = self.find(id)
        if not viewer.sees(self.word, found.shown["tenant_id"]):
            raise NotFound(self.title, id)
        return found


class _Resource:
    def __init__(self, facade: Facade, kind: V1Kind) -> None:
        self.names = kind.names
        self._facade = facade
        self._kind = kind

    def _living(self, viewer: Viewer, id: str) -> Found:
        found = self._kind.seen(viewer, id)
        if found.deleting:
            raise NotFound(self._kind.title, id)
        return found


class Collection(_Resource):
    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        scope = Viewer(self._facade, request).scope(self._kind.word)
        wanted = read_wanted(self._facade, request, self._kind.columns)
        objects = self._kind.all(_narrowed(wanted.query, scope))
        answer_page(self._facade, request, response, self._kind.plural, wanted, objects)

    def on_post(self, request: falcon.Request, response: falcon.Response) -> None:
        given = self._kind.schema.parse_create(self._facade.body(request))
        viewer = Viewer(self._facade, request)
        project = self._kind.project_of(viewer, given)
        viewer.require(f"create_{self._kind.word}", project)
        answer(response, {self._kind.word: self._kind.create(viewer, project, given)}, 201)


class V1Item(_Resource):
    def on_get(self, request: falcon.Request, response: falcon.Response, id: str) -> None:
        found = self._living(Viewer(self._facade, request), id)
        answer(response, {self._kind.word: projected(found.shown, read_fields(parameters_of(request)))})

    def on_put(self, request: falcon.Request, response: falcon.Response, id: str) -> None:
        body = self._facade.body(request)
        viewer = Viewer(self._facade, request)
        found = self._kind.seen(viewer, id)
        _note(request, found)
        viewer.require(f"update_{self._kind.word}", found.shown["tenant_id"])
        given = self._kind.schema.parse_update(body)
        if found.deleting:
            raise Immutable(f"{self._kind.title} {id} is being deleted, which is final.")
        answer(response, {self._kind.word: self._kind.update(viewer, found, given)})

    def on_delete(self, request: falcon.Request, response: falcon.Response, id: str) -> None:
        viewer = Viewer(self._facade, request)
        found = self._living(viewer, id)
        _note(request, found)
        viewer.require(f"delete_{self._kind.word}", found.shown["tenant_id"])
        self._kind.delete(id)
        answer_empty(response, 204)


def _note(request: falcon.Request, found: Found) -> None:
    noted_of(request).found(found.shown.get("name", ""), found.shown["tenant_id"])


# -------------------------------------------------------------------------------------------------------------- lists


def read_wanted(facade: Facade, request: falcon.Request, columns: Mapping[str, Column]) -> Wanted:
    """Filters without a value ask for nothing, and neither does what the client's option for details sends."""
    return read_list(
        [(name, value) for name, value in parameters_of(request) if value and name != "verbose"],
        columns,
        page_limit=facade.settings.page_limit,
        tags=False,
        repeated=True,
        default_sort=(),
    )


def answer_page(
    facade: Facade,
    request: falcon.Request,
    response: falcon.Response,
    plural: str,
    wanted: Wanted,
    objects: Sequence[Json],
    *,
    key: str = "id",
) -> None:
    """``key``: the attribute that tells the objects apart, by which pages are linked."""
    page, more = select(objects, wanted.query, key=key)
    body: dict[str, Any] = {plural: [projected(each, wanted.fields) for each in page]}
    ids = [str(each[key]) for each in page]
    parameters: Parameters = parameters_of(request)
    further = links(facade.address(request), parameters, wanted.query, ids, more=more)
    if further:
        body[f"{plural}_links"] = further
    answer(response, body)


def projected(each: Json, wanted: Sequence[str] | None) -> Json:
    return each if wanted is None else {name: value for name, value in each.items() if name in wanted}


def _narrowed(query: Query, scope: str | None) -> Query:
    """The part of the filters that the store knows, within the project that the caller is confined to."""
    filters: dict[str, tuple[Value, ...]] = {
        model: query.filters[name] for name, model in _NARROWED.items() if name in query.filters
    }
    if scope is not None:
        filters["project_id"] = (scope,)
    return replace(Query(), filters=filters)
