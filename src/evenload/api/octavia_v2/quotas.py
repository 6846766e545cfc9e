"""``/quotas``: how many objects of Octavia's API a project may have.

Without ``lbaas`` in its path it is Neutron's, and limits what LBaaS v1 makes.
"""

from collections.abc import Mapping
from typing import Any

import falcon

from evenload.api.auth.identity import is_project
from evenload.api.context import Facade, answer, answer_empty, caller_of, parameters_of
from evenload.api.fields import integer_of, shown
from evenload.api.octavia_v2 import schema
from evenload.api.paging import Column, links, read_list
from evenload.api.selection import select
from evenload.model.errors import Forbidden, Invalid, NotFound
from evenload.service.quotas import Quotas

_COLUMNS = {
    "project_id": Column(model="project_id", read=str),
    **{name: Column(model=name, read=integer_of) for name in schema.QUOTA.attributes},
}
_BY_PROJECT = (("project_id", False),)


def present_quota(limits: Mapping[str, int | None]) -> dict[str, Any]:
    """Under both spellings where a resource has two."""
    return {**limits, **{alias: limits[name] for alias, name in schema.QUOTA_ALIASES.items()}}


class QuotaCollection:
    """Of the projects for which something was set; null where the default holds."""

    def __init__(self, facade: Facade, service: Quotas) -> None:
        self._facade = facade
        self._service = service

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        own = caller_of(request).project_id
        wanted = read_list(
            parameters_of(request),
            _COLUMNS,
            page_limit=self._facade.settings.page_limit,
            tags=False,
            default_sort=_BY_PROJECT,
        )
        project = wanted.project_id
        if not self._facade.allows(request, "os_load-balancer_api:quota:get_all-global", own):
            if own is None or project not in (None, own):
                raise Forbidden("Policy does not allow this request to be performed.")
            self._facade.require(request, "os_load-balancer_api:quota:get_all", own)
            project = own
        nothing = dict.fromkeys(self._service.limits.defaults)
        quotas = [
            {"project_id": each, "tenant_id": each, **present_quota({**nothing, **limits})}
            for each, limits in self._service.all().items()
            if project in (None, each)
        ]
        page, more = select(quotas, wanted.query, key="project_id")
        names = [quota["project_id"] for quota in page]
        address = self._facade.address(request)
        further = links(address, parameters_of(request), wanted.query, names, more=more)
        answer(response, {"quotas": page, "quotas_links": further})

    def on_put(self, request: falcon.Request, response: falcon.Response) -> None:
        raise Invalid("Missing argument: 'project_id'")

    on_delete = on_put


class QuotaItem:
    def __init__(self, facade: Facade, service: Quotas) -> None:
        self._facade = facade
        self._service = service

    def on_get(self, request: falcon.Request, response: falcon.Response, project_id: str) -> None:
        self._require(request, "get_one", project_id)
        answer(response, {"quota": present_quota(self._service.of(project_id))})

    def on_put(self, request: falcon.Request, response: falcon.Response, project_id: str) -> None:
        body = self._facade.body(request)
        self._require(request, "put", project_id)
        given = schema.QUOTA.parse_update(body).own
        if not given:
            raise Invalid("No limit is given.", field="quota")
        limits = {schema.QUOTA_ALIASES[name]: limit for name, limit in given.items() if name in schema.QUOTA_ALIASES}
        limits |= {name: limit for name, limit in given.items() if name not in schema.QUOTA_ALIASES}
        answer(response, {"quota": present_quota(self._service.set(project_id, limits))}, 202)

    def on_delete(self, request: falcon.Request, response: falcon.Response, project_id: str) -> None:
        self._require(request, "delete", project_id)
        if not self._service.reset(project_id):
            raise NotFound("Quota", project_id)
        answer_empty(response, 202)

    def _require(self, request: falcon.Request, action: str, project_id: str) -> None:
        if not is_project(project_id):
            raise Invalid(f"'{shown(project_id)}' cannot be the name of a project.", field="project_id")
        self._facade.require(request, f"os_load-balancer_api:quota:{action}", project_id)


class QuotaDefaults:
    """``/quotas/{project_id}/default``."""

    def __init__(self, facade: Facade, service: Quotas) -> None:
        self._facade = facade
        self._service = service

    def on_get(self, request: falcon.Request, response: falcon.Response, project_id: str) -> None:
        self._facade.require(request, "os_load-balancer_api:quota:get_defaults", project_id)
        answer(response, {"quota": present_quota(self._service.limits.defaults)})
