"""``/octavia/amphorae``: where load balancers run, for administrators. There are no virtual machines: what only these
have is null."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import falcon

from evenload.api.context import Facade, answer, answer_empty, caller_of, parameters_of
from evenload.api.fields import address_or_text, moment_of, truth_of
from evenload.api.octavia_v2.present import moment, present_statistics
from evenload.api.octavia_v2.whole_lists import answer_selected, chosen_fields
from evenload.api.paging import Column, Wanted, read_fields, read_list
from evenload.api.selection import select
from evenload.model.errors import Invalid
from evenload.model.query import Query, Value
from evenload.service.amphorae import Amphora, Amphorae

Json = dict[str, Any]

NOTHING = (
    "lb_network_ip",
    "cert_expiration",
    "vrrp_interface",
    "vrrp_id",
    "vrrp_priority",
    "image_id",
    "compute_flavor",
)
_OF_BALANCERS = {
    "loadbalancer_id": "id",
    "vrrp_ip": "vip_address",
    "ha_ip": "vip_address",
    "vrrp_port_id": "port_id",
    "ha_port_id": "port_id",
    "created_at": "created_at",
    "updated_at": "updated_at",
}
"""What an amphora has of its load balancer: its name → the model's name there. Pages in an order of these are cut by
the store, in any other from the whole list."""
_OWN = {"id": "id", "compute_id": "host_id", "role": "role", "status": "status", "cached_zone": "zone"}


def _reader(name: str) -> Callable[[str], str]:
    if name.endswith("_at"):
        return moment_of
    return address_or_text if name.endswith("_ip") else str


COLUMNS: Mapping[str, Column] = {
    **{name: Column(model=name, read=_reader(name)) for name in _OF_BALANCERS},
    **{name: Column(model=name, read=str) for name in _OWN},
    **{name: Column(model=name, read=str, constant=True) for name in NOTHING},
    "cert_busy": Column(model="cert_busy", read=truth_of, constant=True, value=False),
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
        **dict.fromkeys(NOTHING),
    }


def _asked(wanted: Wanted) -> tuple[Query, dict[str, tuple[Value, ...]]]:
    """Of load balancers, in the model's names, and of the amphorae themselves."""
    query = wanted.query
    balancers: dict[str, tuple[Value, ...]] = {}
    own: dict[str, tuple[Value, ...]] = {}
    for name, values in query.filters.items():
        if name in _OWN:
            own[_OWN[name]] = values
            continue
        model = _OF_BALANCERS[name]
        balancers[model] = tuple(value for value in values if value in balancers.get(model, values))
    if wanted.project_id is not None:
        balancers["project_id"] = (wanted.project_id,)
    sort = {_OF_BALANCERS[name]: descending for name, descending in query.sort}
    order = (*sort.items(), *((name, False) for name in ("created_at", "id") if name not in sort))
    return replace(query, filters=balancers, sort=order), own


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
        wanted = read_list(parameters_of(request), COLUMNS, page_limit=limit, tags=False, default_sort=())
        query = wanted.query
        if all(name in _OF_BALANCERS for name, _ in query.sort):
            found, more = self._service.page(*_asked(wanted))
            page = [present_amphora(each) for each in found]
        else:
            page, more = select([present_amphora(each) for each in self._service.list(wanted.project_id)], query)
        answer_selected(
            self._facade,
            request,
            response,
            wanted,
            page,
            more=more,
            plural="amphorae",
            links_key="amphorae_links",
            key="id",
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
