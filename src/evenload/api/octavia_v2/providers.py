"""``/providers``: this one, and the names that existing templates know it by."""

import falcon

from evenload.api.context import Facade, answer, caller_of, parameters_of
from evenload.api.fields import shown
from evenload.api.paging import read_fields
from evenload.model.errors import Invalid

_DESCRIPTION = "HAProxy in a network namespace of its own per load balancer."


class ProviderCapabilities:
    """``/providers/{name}/flavor_capabilities`` and the like: a provider without flavors and zones has none of them."""

    def __init__(self, facade: Facade, plural: str, rule: str) -> None:
        self._facade = facade
        self._plural = plural
        self._rule = rule

    def on_get(self, request: falcon.Request, response: falcon.Response, name: str) -> None:
        self._facade.require(request, f"os_load-balancer_api:{self._rule}:get_all", caller_of(request).project_id)
        settings = self._facade.settings
        if name not in (settings.provider, *settings.provider_aliases):
            raise Invalid(f"Provider '{shown(name)}' is not enabled.", field="provider")
        answer(response, {self._plural: []})


class ProviderCollection:
    def __init__(self, facade: Facade) -> None:
        settings = facade.settings
        self._facade = facade
        self._providers = [{"name": settings.provider, "description": _DESCRIPTION}] + [
            {"name": alias, "description": f"Another name of {settings.provider}."}
            for alias in settings.provider_aliases
        ]

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        own = caller_of(request).project_id
        self._facade.require(request, "os_load-balancer_api:provider:get_all", own)
        wanted = read_fields(parameters_of(request))
        shown = [
            {name: value for name, value in provider.items() if wanted is None or name in wanted}
            for provider in self._providers
        ]
        answer(response, {"providers": shown})
