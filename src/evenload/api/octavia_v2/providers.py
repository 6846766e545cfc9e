"""``/providers``: this one, and the names that existing templates know it by."""

import falcon

from evenload.api.context import Facade, answer, caller_of, parameters_of
from evenload.api.paging import read_fields

_DESCRIPTION = "HAProxy in a network namespace of its own per load balancer."


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
