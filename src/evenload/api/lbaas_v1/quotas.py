"""``/quotas``: how many objects of LBaaS v1 a project may have."""

from typing import NoReturn

import falcon

from evenload.api.auth.identity import is_project
from evenload.api.context import Facade, answer, answer_empty, caller_of, parameters_of
from evenload.api.fields import shown
from evenload.api.lbaas_v1 import schema, translate
from evenload.api.lbaas_v1.present import present_quota
from evenload.api.lbaas_v1.resources import projected
from evenload.api.paging import read_fields
from evenload.model.errors import Invalid
from evenload.service.quotas import Quotas


class QuotaCollection:
    """Of the projects for which something was set."""

    def __init__(self, facade: Facade, service: Quotas) -> None:
        self._facade = facade
        self._service = service

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        self._facade.require(request, "get_quota:global", caller_of(request).project_id)
        wanted = read_fields(parameters_of(request))
        defaults = self._service.limits.defaults
        quotas = [present_quota(project, {**defaults, **limits}) for project, limits in self._service.all().items()]
        answer(response, {"quotas": [projected(each, wanted) for each in quotas]})

    def on_post(self, request: falcon.Request, response: falcon.Response) -> NoReturn:
        raise falcon.HTTPNotImplemented(description="Quotas are set by PUT, project by project.")


class QuotaProject:
    """``/quotas/tenant``: whose quota a caller would be asking for."""

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        answer(response, {"tenant": {"tenant_id": caller_of(request).project_id}})


class QuotaItem:
    def __init__(self, facade: Facade, service: Quotas) -> None:
        self._facade = facade
        self._service = service

    def on_get(self, request: falcon.Request, response: falcon.Response, project_id: str) -> None:
        self._require(request, "get_quota", project_id)
        answer(response, {"quota": projected(self._service.of(project_id), read_fields(parameters_of(request)))})

    def on_put(self, request: falcon.Request, response: falcon.Response, project_id: str) -> None:
        body = self._facade.body(request)
        self._require(request, "update_quota", project_id)
        limits = translate.quota_limits(schema.QUOTA.parse_update(body))
        answer(response, {"quota": self._service.set(project_id, limits)})

    def on_delete(self, request: falcon.Request, response: falcon.Response, project_id: str) -> None:
        self._require(request, "delete_quota", project_id)
        self._service.reset(project_id)
        answer_empty(response, 204)

    def _require(self, request: falcon.Request, rule: str, project_id: str) -> None:
        if not is_project(project_id):
            raise Invalid(f"'{shown(project_id)}' cannot be the name of a project.", field="tenant_id")
        self._facade.require(request, rule, project_id)
