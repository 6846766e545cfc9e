"""Which path of LBaaS v1 is served by what, and of the parts of Neutron that came with it."""

from typing import Any

import falcon

from evenload.api.context import Facade
from evenload.api.lbaas_v1.agents import AgentCollection, AgentItem, AgentPools
from evenload.api.lbaas_v1.associations import AssociationCollection, AssociationItem
from evenload.api.lbaas_v1.health_monitors import MonitorKind
from evenload.api.lbaas_v1.members import MemberKind
from evenload.api.lbaas_v1.pools import PoolAgent, PoolKind, PoolStatistics
from evenload.api.lbaas_v1.providers import ProviderCollection
from evenload.api.lbaas_v1.quotas import QuotaCollection, QuotaItem, QuotaProject
from evenload.api.lbaas_v1.resources import Collection, V1Item
from evenload.api.lbaas_v1.vips import VipKind
from evenload.api.services import V1Services

PREFIX = "/v2"


def add_routes(app: "falcon.App[Any, Any]", facade: Facade, services: V1Services) -> None:
    monitors = MonitorKind(services.monitors)
    pools = PoolKind(facade, services.pools, monitors)
    resources: dict[str, object] = {
        "/lb/pools/{id}/stats": PoolStatistics(facade, pools, services.pools),
        "/lb/pools/{id}/loadbalancer-agent": PoolAgent(facade, pools, services.pools, services.agents),
        "/lb/pools/{id}/health_monitors": AssociationCollection(facade, pools, monitors, services.pools),
        "/lb/pools/{id}/health_monitors/{monitor_id}": AssociationItem(facade, pools, services.pools),
        "/agents": AgentCollection(facade, services.agents),
        "/agents/{id}": AgentItem(facade, services.agents),
        "/agents/{id}/loadbalancer-pools": AgentPools(facade, services.agents, services.pools),
        "/service-providers": ProviderCollection(facade),
        "/quotas": QuotaCollection(facade, services.quotas),
        "/quotas/tenant": QuotaProject(),
        "/quotas/{project_id}": QuotaItem(facade, services.quotas, services.octavia_quotas),
    }
    for kind in (VipKind(services.vips, pools), pools, MemberKind(services.members, pools), monitors):
        resources[f"/lb/{kind.plural}"] = Collection(facade, kind)
        resources[f"/lb/{kind.plural}/{{id}}"] = V1Item(facade, kind)
    for path, resource in resources.items():
        app.add_route(PREFIX + path, resource)
