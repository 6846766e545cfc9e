"""``/service-providers``: the names under which pools may ask for the one provider there is."""

import falcon

from evenload.api.context import Facade, caller_of
from evenload.api.lbaas_v1.present import PROVIDER_COLUMNS, present_provider
from evenload.api.lbaas_v1.resources import answer_page, read_wanted


class ProviderCollection:
    def __init__(self, facade: Facade) -> None:
        self._facade = facade
        names = facade.settings.lbaas_v1_providers
        self._providers = [present_provider(name, default=name == names[0]) for name in names]

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        self._facade.require(request, "get_service_provider", caller_of(request).project_id)
        wanted = read_wanted(self._facade, request, PROVIDER_COLUMNS)
        answer_page(self._facade, request, response, "service_providers", wanted, self._providers, key="name")
