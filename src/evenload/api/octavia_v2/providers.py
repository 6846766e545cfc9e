"""``/providers``: this one, and the names that existing templates know it by; and what it is capable of."""

from collections.abc import Mapping

import falcon

from evenload.api.context import Facade, caller_of
from evenload.api.fields import shown
from evenload.api.octavia_v2.whole_lists import answer_whole, read_whole
from evenload.api.paging import Column
from evenload.model.errors import Invalid
from evenload.service.capabilities import Capability, capabilities_of

_DESCRIPTION = "HAProxy in a network namespace of its own per load balancer."
_COLUMNS: Mapping[str, Column] = {name: Column(model=name, read=str) for name in ("name", "description")}


def require_provider(facade: Facade, name: str) -> None:
    """Raises Invalid for a name that is none of ours."""
    if name not in facade.settings.providers:
        raise Invalid(f"Provider '{shown(name)}' is not enabled.")


class ProviderCapabilities:
    """``/providers/{name}/flavor_capabilities`` and the like."""

    def __init__(self, facade: Facade, plural: str, rule: str, table: tuple[Capability, ...]) -> None:
        self._facade = facade
        self._plural = plural
        self._rule = rule
        self._table = table

    def on_get(self, request: falcon.Request, response: falcon.Response, name: str) -> None:
        self._facade.require(request, f"os_load-balancer_api:{self._rule}:get_all", caller_of(request).project_id)
        require_provider(self._facade, name)
        wanted = read_whole(self._facade, request, _COLUMNS)
        found = [{"name": each.name, "description": each.description} for each in capabilities_of(self._table, name)]
        answer_whole(self._facade, request, response, wanted, found, plural=self._plural, links_key=None, key="name")


class ProviderCollection:
    def __init__(self, facade: Facade) -> None:
        settings = facade.settings
        self._facade = facade
        self._providers = [{"name": settings.provider, "description": _DESCRIPTION}] + [
            {"name": alias, "description": f"Another name of {settings.provider}."}
            for alias in settings.provider_aliases
        ]

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        self._facade.require(request, "os_load-balancer_api:provider:get_all", caller_of(request).project_id)
        wanted = read_whole(self._facade, request, _COLUMNS)
        answer_whole(
            self._facade, request, response, wanted, self._providers, plural="providers", links_key=None, key="name"
        )


class ProviderItem:
    """Answers nothing, as with Octavia: every method is 405."""
