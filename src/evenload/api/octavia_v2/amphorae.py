"""``/octavia/amphorae``: where load balancers run, for administrators. There are no virtual machines: what only these
have is null."""

from collections.abc import Mapping
from typing import Any

import falcon

from evenload.api.context import Facade, answer, answer_empty, caller_of, parameters_of
from evenload.api.fields import truth_of
from evenload.api.octavia_v2.present import moment, present_statistics
from evenload.api.octavia_v2.whole_lists import answer_whole, chosen_fields
from evenload.api.paging import Column, read_fields, read_list
from evenload.model.errors import Invalid
from evenload.service.amphorae import Amphora, Amphorae

Json = dict[str, Any]

_NOTHING = (
    "lb_network_ip",
    "cert_expiration",
    "vrrp_interface",
    "vrrp_id",
    "vrrp_priority",
    "image_id",
    "compute_flavor",
)
_FILTERED = (
    *("id", "loadbalancer_id", "compute_id", "role", "status", "vrrp_ip", "ha_ip", "vrrp_port_id", "ha_port_id"),
    *("cached_zone", "created_at", "updated_at"),
)
_COLUMNS: Mapping[str, Column] = {
    **{name: Column(model=name, read=str) for name in (*_FILTERED, *_NOTHING)},
    "cert_busy": Column(model="cert_busy", read=truth_of),
}


def present_amphora(amphora: Amphora) -> Json:
    return {
        "id": amphora.id,
        "loadbalancer_id": amphora.load_balancer_id,
        "compute_id": amphora.host_id,
        "vrrp_ip": amphora.address,
        "ha_ip": amphora.address,
        "vrrp_port_id": amphora.port_id,
        "ha_port_id": amphora.port_id,
        "cert_busy": False,
        "role": amphora.role.value,
        "status": amphora.status.value,
        "cached_zone": amphora.zone,
        "created_at": moment(amphora.created_at),
        "updated_at": moment(amphora.updated_at),
        **dict.fromkeys(_NOTHING),
    }


class _Resource:
    def __init__(self, facade: Facade, service: Amphorae) -> None:
        self._facade = facade
        self._service = service

    def _require(self, request: falcon.Request, action: str) -> None:
        self._facade.require(request, f"os_load-balancer_api:amphora:{action}", caller_of(request).project_id)

    def _looked_up(self, request: falcon.Request, id: str, action: str) -> Amphora:
        found = self._service.get(id)
        self._require(request, action)
        return found


class AmphoraCollection(_Resource):
    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        self._require(request, "get_all")
        limit = self._facade.settings.page_limit
        wanted = read_list(parameters_of(request), _COLUMNS, page_limit=limit, tags=False, default_sort=())
        shown = [present_amphora(each) for each in self._service.list(wanted.project_id)]
        answer_whole(
            self._facade, request, response, wanted, shown, plural="amphorae", links_key="amphorae_links", key="id"
        )

    def on_delete(self, request: falcon.Request, response: falcon.Response) -> None:
        raise Invalid("Missing argument: 'id'")


class AmphoraItem(_Resource):
    def on_get(self, request: falcon.Request, response: falcon.Response, id: str) -> None:
        shown = present_amphora(self._looked_up(request, id, "get_one"))
        answer(response, {"amphora": chosen_fields(shown, read_fields(parameters_of(request)))})

    def on_delete(self, request: falcon.Request, response: falcon.Response, id: str) -> None:
        self._looked_up(request, id, "delete")
        self._service.delete(id)
        answer_empty(response, 204)


class AmphoraStatistics(_Resource):
    def on_get(self, request: falcon.Request, response: falcon.Response, id: str) -> None:
        amphora = self._looked_up(request, id, "get_stats")
        shown = [
            {
                "id": id,
                "loadbalancer_id": amphora.load_balancer_id,
                "listener_id": each.listener_id,
                **present_statistics(each.statistics),
            }
            for each in self._service.statistics(id)
        ]
        answer(response, {"amphora_stats": shown})


class AmphoraFailover(_Resource):
    def on_put(self, request: falcon.Request, response: falcon.Response, id: str) -> None:
        self._looked_up(request, id, "put_failover")
        self._service.failover(id)
        answer_empty(response, 202)


class AmphoraConfig(_Resource):
    """Nothing has to be done: a host hears of every change of what it is to have by itself."""

    def on_put(self, request: falcon.Request, response: falcon.Response, id: str) -> None:
        self._looked_up(request, id, "put_config")
        answer_empty(response, 202)
