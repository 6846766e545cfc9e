"""What all resources of Octavia's API have in common: list, show, change and delete, with policy and paging.

``routes`` puts one ``Collection`` and one ``ObjectItem`` per resource on its paths; what is peculiar to one is in the
module named after it. An object is looked up before the policy is asked: who may not see it gets 404 for what does not
exist and 403 for what does, as with Octavia.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Protocol

import falcon

from evenload.api.attributes import Attribute, Given, Part
from evenload.api.context import Facade, answer, answer_empty, caller_of, note_view, parameters_of
from evenload.api.fields import moment_of
from evenload.api.octavia_v2.names import complaint_names
from evenload.api.octavia_v2.present import TABLES, AnyView, present
from evenload.api.paging import Column, Wanted, links, read_fields, read_list
from evenload.model.enums import Kind
from evenload.model.errors import Forbidden, Invalid
from evenload.model.query import Page, Query
from evenload.model.tree import kind_of
from evenload.service.commands import Changes

WORDS: Mapping[Kind, tuple[str, str]] = {
    Kind.LOAD_BALANCER: ("loadbalancer", "loadbalancers"),
    Kind.LISTENER: ("listener", "listeners"),
    Kind.POOL: ("pool", "pools"),
    Kind.MEMBER: ("member", "members"),
    Kind.HEALTH_MONITOR: ("healthmonitor", "healthmonitors"),
    Kind.L7_POLICY: ("l7policy", "l7policies"),
    Kind.L7_RULE: ("rule", "rules"),
}
_RULES_OF = {Kind.L7_RULE: "l7rule"}
"""What policies call a kind, where that is not its word."""


def rule(kind: Kind, action: str) -> str:
    return f"os_load-balancer_api:{_RULES_OF.get(kind, WORDS[kind][0])}:{action}"


class Lists(Protocol):
    def list(self, query: Query) -> Page[Any]: ...


class Keeps(Protocol):
    def get(self, identifier: str) -> AnyView: ...


# ------------------------------------------------------------------------------------------------------------ filters

_OF_EVERY_KIND = ("id", "project_id", "provisioning_status", "operating_status")
_MOMENTS = ("created_at", "updated_at")
# What answers show and no request can set.
_SHOWN_ONLY: Mapping[Kind, Mapping[str, Column]] = {
    Kind.LOAD_BALANCER: {"vip_vnic_type": Column(model="vip_vnic_type", read=str, constant=True, value="normal")},
    Kind.LISTENER: {"load_balancer_id": Column(model="load_balancer_id", read=str)},
    Kind.POOL: {
        "load_balancer_id": Column(model="load_balancer_id", read=str),
        "healthmonitor_id": Column(model="monitor_id", read=str, sortable=False),
    },
    Kind.MEMBER: {"vnic_type": Column(model="vnic_type", read=str, constant=True, value="normal")},
    Kind.HEALTH_MONITOR: {"pool_id": Column(model="pool_id", read=str)},
    Kind.L7_POLICY: {"listener_id": Column(model="listener_id", read=str)},
    Kind.L7_RULE: {},
}
# Attributes that a request may hold and that no list can be filtered by.
_UNFILTERED = frozenset({"project_id", "tenant_id", "listener_id", "request_sriov"})


def _columns(kind: Kind) -> Mapping[str, Column]:
    columns = {name: Column(model=name, read=str) for name in _OF_EVERY_KIND}
    columns |= {name: Column(model=name, read=moment_of) for name in _MOMENTS}
    for attribute in TABLES[kind].attributes.values():
        if attribute.type.query is not None and attribute.name not in _UNFILTERED:
            columns[attribute.name] = _column(attribute, attribute.type.query)
    return {**columns, **_SHOWN_ONLY[kind]}


def _column(attribute: Attribute, read: Callable[[str], Any]) -> Column:
    if attribute.part is Part.NOWHERE:
        return Column(model=attribute.name, read=read, constant=True, value=attribute.shown)
    return Column(model=attribute.model, read=read)


COLUMNS: Mapping[Kind, Mapping[str, Column]] = {kind: _columns(kind) for kind in Kind}


# ---------------------------------------------------------------------------------------------------------- resources


class Collection:
    """The list of one kind. ``on_post`` is for the children of this class."""

    kind: ClassVar[Kind]

    def __init__(self, facade: Facade, service: Lists) -> None:
        self.names = complaint_names(self.kind)
        self._facade = facade
        self._lists = service

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        wanted = read_wanted(self._facade, request, self.kind)
        wanted = scoped(self._facade, request, self.kind, wanted)
        page = self._lists.list(wanted.query)
        answer_page(self._facade, request, response, self.kind, wanted, page, self.show)

    def show(self, view: AnyView) -> Any:
        """The whole object for an answer."""
        return present(view)

    def on_put(self, request: falcon.Request, response: falcon.Response) -> None:
        raise Invalid("Missing argument: 'id'")

    def on_delete(self, request: falcon.Request, response: falcon.Response) -> None:
        raise Invalid("Missing argument: 'id'")


class ObjectItem(ABC):
    """One object. The children of this class say how it is changed and deleted."""

    kind: ClassVar[Kind]

    def __init__(self, facade: Facade, service: Keeps) -> None:
        self.names = complaint_names(self.kind)
        self._facade = facade
        self._keeps = service

    @abstractmethod
    def update(self, given: Given, view: AnyView) -> AnyView:
        """The object with what was given changed."""

    def further_actions(self, body: Any) -> Sequence[str]:
        """What else a change needs a rule for. ``body``: as it came."""
        return ()

    def named_secrets(self, given: Given, view: AnyView) -> list[tuple[str, str]]:
        """Field and reference of each."""
        return []

    def on_get(self, request: falcon.Request, response: falcon.Response, id: str) -> None:
        view = self._keeps.get(id)
        self._facade.require(request, rule(self.kind, "get_one"), view.record.project_id)
        answer_one(request, response, view, show=self.show)

    def show(self, view: AnyView) -> Any:
        """The whole object for an answer."""
        return present(view)

    def on_put(self, request: falcon.Request, response: falcon.Response, id: str) -> None:
        body = self._facade.body(request)
        view = self._keeps.get(id)
        note_view(request, view)
        self._facade.require(request, rule(self.kind, "put"), view.record.project_id)
        for action in self.further_actions(body):
            self._facade.require(request, rule(self.kind, action), view.record.project_id)
        given = TABLES[self.kind].parse_update(body)
        self._facade.admit(request, self.named_secrets(given, view))
        answer(response, {WORDS[self.kind][0]: present(self.update(given, view))})

    def on_delete(self, request: falcon.Request, response: falcon.Response, id: str) -> None:
        view = self._keeps.get(id)
        note_view(request, view)
        self._facade.require(request, rule(self.kind, "delete"), view.record.project_id)
        self.delete(request, id)
        answer_empty(response, 204)

    @abstractmethod
    def delete(self, request: falcon.Request, id: str) -> None:
        """Authorised already."""


def plain(given: Given) -> Changes:
    return Changes(item=given.item, record=given.record)


# ------------------------------------------------------------------------------------------------------------ answers


def answer_one(
    request: falcon.Request,
    response: falcon.Response,
    view: AnyView,
    status: int = 200,
    *,
    show: Callable[[AnyView], Any] = present,
) -> None:
    """``show``: where every attribute is wanted."""
    wanted = read_fields(parameters_of(request)) if request.method == "GET" else None
    shown = show(view) if wanted is None else present(view, wanted)
    answer(response, {WORDS[kind_of(view.record.item)][0]: shown}, status)


def read_wanted(facade: Facade, request: falcon.Request, kind: Kind, parent: Mapping[str, str] | None = None) -> Wanted:
    """``parent``: the name and id of what the list hangs on, which clients give as a filter once more."""
    named = {name: Column(model=name, read=str, constant=True, value=id) for name, id in (parent or {}).items()}
    return read_list(parameters_of(request), {**COLUMNS[kind], **named}, page_limit=facade.settings.page_limit)


def scoped(facade: Facade, request: falcon.Request, kind: Kind, wanted: Wanted) -> Wanted:
    """Confines a list to what the caller may see. Raises Forbidden where another project is named."""
    own = caller_of(request).project_id
    if facade.allows(request, rule(kind, "get_all-global"), own):
        project = wanted.project_id
    else:
        project = own
        if wanted.project_id not in (None, own) or own is None:
            raise Forbidden("Policy does not allow this request to be performed.")
        facade.require(request, rule(kind, "get_all"), own)
    if project is None:
        return wanted
    query = replace(wanted.query, filters={**wanted.query.filters, "project_id": (project,)})
    return replace(wanted, query=query)


def answer_page(
    facade: Facade,
    request: falcon.Request,
    response: falcon.Response,
    kind: Kind,
    wanted: Wanted,
    page: Page[Any],
    show: Callable[[AnyView], Any] = present,
) -> None:
    """``show``: of those objects of which every attribute is wanted."""
    _, plural = WORDS[kind]
    ids = [view.record.item.id for view in page.views]
    answer(
        response,
        {
            plural: [show(view) if wanted.fields is None else present(view, wanted.fields) for view in page.views],
            f"{plural}_links": links(
                facade.address(request), parameters_of(request), wanted.query, ids, more=page.more
            ),
        },
    )
