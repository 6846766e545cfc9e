"""Which path of the network API is served by what.

Beside networks, subnets and ports there is what the stock clients look things up in before they do something else:
extensions, and all that there is none of (absent.py).
"""

from typing import Any

import falcon

from evenload.api.context import Facade, answer
from evenload.api.network_v2 import schema
from evenload.api.network_v2.absent import ABSENT, AbsentCollection, AbsentItem, Empty
from evenload.api.network_v2.availability import Availabilities, Availability
from evenload.api.network_v2.present import (
    BINDING_ATTRIBUTES,
    NETWORK_COLUMNS,
    PORT_COLUMNS,
    PROVIDER_ATTRIBUTES,
    SUBNET_COLUMNS,
    present_network,
    present_port,
    present_subnet,
)
from evenload.api.network_v2.resources import Collection, NetworkItem, NetworkKind, Tags
from evenload.service.networks import Networks

PREFIX = "/v2"
_EXTENSIONS = {
    "agent": "agent",
    "lbaas": "LoadBalancing service",
    "lbaas_agent_scheduler": "Loadbalancer Agent Scheduler",
    "net-mtu": "Network MTU",
    "network-ip-availability": "Network IP Availability",
    "pagination": "Pagination support",
    "project-id": "project_id field enabled",
    "provider": "Provider Network",
    "quotas": "Quota management support",
    "service-type": "Neutron Service Type Management",
    "sorting": "Sorting support",
    "standard-attr-description": "standard-attr-description",
    "standard-attr-tag": "Tag support for resources with standard attribute",
    "standard-attr-timestamp": "Resource timestamps",
}


def add_routes(app: "falcon.App[Any, Any]", facade: Facade, networks: Networks) -> None:
    for kind in _kinds(networks):
        app.add_route(f"{PREFIX}/{kind.plural}", Collection(facade, kind))
        app.add_route(f"{PREFIX}/{kind.plural}/{{id}}", NetworkItem(facade, kind))
        app.add_route(f"{PREFIX}/{kind.plural}/{{id}}/tags", Tags(facade, kind))
    app.add_route(f"{PREFIX}/extensions", _Extensions())
    app.add_route(f"{PREFIX}/extensions/{{alias}}", _Extension())
    app.add_route(f"{PREFIX}/networks/{{id}}/dhcp-agents", Empty("agents"))
    app.add_route(f"{PREFIX}/network-ip-availabilities", Availabilities(facade, networks))
    app.add_route(f"{PREFIX}/network-ip-availabilities/{{id}}", Availability(facade, networks))
    for absent in ABSENT:
        one = AbsentItem(absent)
        app.add_route(PREFIX + absent.path, AbsentCollection(absent))
        for further in ("/{id}", "/{id}/{part}", "/{id}/{part}/{of_part}"):
            app.add_route(PREFIX + absent.path + further, one)


def _kinds(networks: Networks) -> tuple[NetworkKind, ...]:
    return (
        NetworkKind(
            word="network",
            schema=schema.NETWORK,
            columns=NETWORK_COLUMNS,
            create=lambda project, fields, _: present_network(networks.create_network(project, fields)),
            update=lambda id, fields: present_network(networks.update_network(id, fields)),
            delete=networks.delete_network,
            find=lambda id, viewer: present_network(networks.network(id, viewer=viewer)),
            all=lambda viewer: [present_network(each) for each in networks.networks(viewer=viewer)],
            hidden=("get_network:provider", PROVIDER_ATTRIBUTES),
            restricted=(
                ("network:provider", tuple(schema.NETWORK_NAMES.values())),
                ("network:shared", ("shared",)),
            ),
            names={model: api for api, model in schema.NETWORK_NAMES.items()},
        ),
        NetworkKind(
            word="subnet",
            schema=schema.SUBNET,
            columns=SUBNET_COLUMNS,
            create=lambda project, fields, user: present_subnet(networks.create_subnet(project, fields, viewer=user)),
            update=lambda id, fields: present_subnet(networks.update_subnet(id, fields)),
            delete=networks.delete_subnet,
            find=lambda id, viewer: present_subnet(networks.subnet(id, viewer=viewer)),
            all=lambda viewer: [present_subnet(each) for each in networks.subnets(viewer=viewer)],
            names={},
        ),
        NetworkKind(
            word="port",
            schema=schema.PORT,
            columns=PORT_COLUMNS,
            create=lambda project, fields, user: present_port(networks.create_port(project, fields, viewer=user)),
            update=lambda id, fields: present_port(networks.update_port(id, fields)),
            delete=networks.delete_port,
            find=lambda id, viewer: present_port(networks.port(id, viewer=viewer)),
            all=lambda viewer: [present_port(each) for each in networks.ports(viewer=viewer)],
            hidden=("get_port:binding", BINDING_ATTRIBUTES),
            names={},
        ),
    )


class _Extensions:
    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        answer(response, {"extensions": [_extension(alias) for alias in _EXTENSIONS]})


class _Extension:
    def on_get(self, request: falcon.Request, response: falcon.Response, alias: str) -> None:
        if alias not in _EXTENSIONS:
            raise falcon.HTTPNotFound(description="The resource could not be found.")
        answer(response, {"extension": _extension(alias)})


def _extension(alias: str) -> dict[str, Any]:
    return {
        "alias": alias,
        "name": _EXTENSIONS[alias],
        "description": _EXTENSIONS[alias],
        "links": [],
        "updated": "2016-01-01T00:00:00-00:00",
    }
