"""``/network-ip-availabilities``: how many addresses each network has to give, and has given."""

from typing import Any

import falcon

from evenload.api.context import Facade, answer, caller_of
from evenload.service.network_uses import NetworkUse
from evenload.service.networks import Networks


class _Resource:
    def __init__(self, facade: Facade, networks: Networks) -> None:
        self._facade = facade
        self._networks = networks

    def _require(self, request: falcon.Request) -> None:
        self._facade.require(request, "get_network_ip_availability", caller_of(request).project_id)


class Availabilities(_Resource):
    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        self._require(request)
        answer(response, {"network_ip_availabilities": [_present(use) for use in self._networks.uses()]})


class Availability(_Resource):
    def on_get(self, request: falcon.Request, response: falcon.Response, id: str) -> None:
        self._require(request)
        answer(response, {"network_ip_availability": _present(self._networks.use(id))})


def _present(use: NetworkUse) -> dict[str, Any]:
    network = use.network
    return {
        "network_id": network.id,
        "network_name": network.name,
        "project_id": network.project_id,
        "tenant_id": network.project_id,
        "total_ips": sum(each.total for each in use.subnets),
        "used_ips": sum(each.used for each in use.subnets),
        "subnet_ip_availability": [
            {
                "subnet_id": each.subnet.id,
                "subnet_name": each.subnet.name,
                "cidr": each.subnet.cidr,
                "ip_version": each.subnet.ip_version,
                "total_ips": each.total,
                "used_ips": each.used,
            }
            for each in use.subnets
        ],
    }
