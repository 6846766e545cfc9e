"""``/quotas``: how many objects a project may have, of LBaaS v1 and of Octavia's API.

Neutron has this path for what LBaaS v1 makes, Octavia has it for its own objects (gophercloud, and so Terraform, asks
here and not below ``lbaas``). A limit whose name both know (pools, members, health monitors) holds for both when it is
set here, as Neutron's did with its LBaaS v2 beside v1.
"""

from collections.abc import Sequence
from typing import NoReturn

import falcon

from evenload.api.auth.identity import is_project
from evenload.api.context import Facade, answer, answer_empty, caller_of, parameters_of
from evenload.api.fields import shown
from evenload.api.lbaas_v1 import schema, translate
from evenload.api.lbaas_v1.present import present_quota
from evenload.api.lbaas_v1.resources import projected
from evenload.api.paging import read_fields
from evenload.model.errors import Forbidden, Invalid
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
    """``v1`` and ``octavia``: the limits of each API. Whoever may see or set those of one only gets that one."""

    def __init__(self, facade: Facade, v1: Quotas, octavia: Quotas) -> None:
        self._facade = facade
        self._v1 = v1
        self._octavia = octavia

    def on_get(self, request: falcon.Request, response: falcon.Response, project_id: str) -> None:
        both = self._allowed(request, project_id, v1="get_quota", octavia="get_one")
        self._answer(request, response, project_id, both)

    def on_put(self, request: falcon.Request, response: falcon.Response, project_id: str) -> None:
        body = self._facade.body(request)
        both = self._allowed(request, project_id, v1="update_quota", octavia="put")
        limits = translate.quota_limits(schema.QUOTA.parse_update(body))
        words = [{translate.quota_word(name): name for name in quotas.limits.defaults} for quotas in both]
        if not limits.keys() <= {word for known in words for word in known}:
            raise Forbidden("Policy does not allow some of these limits to be set.")
        for quotas, names in zip(both, words, strict=True):
            part = {names[word]: limit for word, limit in limits.items() if word in names}
            if part:
                quotas.set(project_id, part)
        self._answer(request, response, project_id, both)

    def on_delete(self, request: falcon.Request, response: falcon.Response, project_id: str) -> None:
        for quotas in self._allowed(request, project_id, v1="delete_quota", octavia="delete"):
            quotas.reset(project_id)
        answer_empty(response, 204)

    def _answer(
        self, request: falcon.Request, response: falcon.Response, project_id: str, both: Sequence[Quotas]
    ) -> None:
        """Where both APIs have a limit of that name, v1's is shown."""
        shown_limits: dict[str, int] = {}
        for quotas in both:
            shown_limits = {**quotas.of(project_id), **shown_limits}
        answer(response, {"quota": projected(shown_limits, read_fields(parameters_of(request)))})

    def _allowed(self, request: falcon.Request, project_id: str, *, v1: str, octavia: str) -> list[Quotas]:
        """Those that the caller may; raises Forbidden where he may none."""
        if not is_project(project_id):
            raise Invalid(f"'{shown(project_id)}' cannot be the name of a project.", field="tenant_id")
        rules = ((v1, self._v1), (f"os_load-balancer_api:quota:{octavia}", self._octavia))
        allowed = [quotas for rule, quotas in rules if self._facade.allows(request, rule, project_id)]
        if not allowed:
            self._facade.require(request, v1, project_id)
        return allowed
