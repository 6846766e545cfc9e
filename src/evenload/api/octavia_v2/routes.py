"""Which path of Octavia's API is served by what."""

from typing import Any

import falcon

from evenload.api.context import Facade
from evenload.api.octavia_v2.amphorae import (
    AmphoraCollection,
    AmphoraConfig,
    AmphoraFailover,
    AmphoraItem,
    AmphoraStatistics,
)
from evenload.api.octavia_v2.health_monitors import HealthMonitorCollection, HealthMonitorItem
from evenload.api.octavia_v2.l7_policies import L7PolicyCollection, L7PolicyItem, L7RuleCollection, L7RuleItem
from evenload.api.octavia_v2.listeners import ListenerCollection, ListenerItem, ListenerStatistics
from evenload.api.octavia_v2.load_balancers import (
    LoadBalancerCollection,
    LoadBalancerFailover,
    LoadBalancerItem,
    LoadBalancerStatistics,
    LoadBalancerStatus,
)
from evenload.api.octavia_v2.members import MemberCollection, MemberItem
from evenload.api.octavia_v2.offers import (
    FLAVOR_PROFILES,
    FLAVORS,
    ZONE_PROFILES,
    ZONES,
    OfferCollection,
    OfferItem,
    of_offers,
    of_profiles,
)
from evenload.api.octavia_v2.pools import PoolCollection, PoolItem
from evenload.api.octavia_v2.providers import ProviderCapabilities, ProviderCollection, ProviderItem
from evenload.api.octavia_v2.quotas import QuotaCollection, QuotaDefaults, QuotaItem
from evenload.api.octavia_v2.shown import Shown
from evenload.api.services import Services
from evenload.service.capabilities import FLAVOR, ZONE

PREFIX = "/v2"


def add_routes(app: "falcon.App[Any, Any]", facade: Facade, services: Services) -> None:
    balancers, listeners, pools = services.load_balancers, services.listeners, services.pools
    shown = Shown()
    status = LoadBalancerStatus(facade, balancers)
    flavors, flavor_profiles = of_offers(services.flavors), of_profiles(services.flavors)
    zones, zone_profiles = of_offers(services.zones), of_profiles(services.zones)
    resources: dict[str, object] = {
        "/loadbalancers": LoadBalancerCollection(facade, balancers, shown),
        "/loadbalancers/{id}": LoadBalancerItem(facade, balancers, shown),
        "/loadbalancers/{id}/stats": LoadBalancerStatistics(facade, balancers),
        "/loadbalancers/{id}/status": status,
        "/loadbalancers/{id}/statuses": status,
        "/loadbalancers/{id}/failover": LoadBalancerFailover(facade, balancers),
        "/listeners": ListenerCollection(facade, listeners, balancers),
        "/listeners/{id}": ListenerItem(facade, listeners),
        "/listeners/{id}/stats": ListenerStatistics(facade, listeners),
        "/pools": PoolCollection(facade, pools, balancers, listeners),
        "/pools/{id}": PoolItem(facade, pools),
        "/pools/{id}/members": MemberCollection(facade, services.members, pools),
        "/pools/{id}/members/{member_id}": MemberItem(facade, services.members, pools),
        "/healthmonitors": HealthMonitorCollection(facade, services.health_monitors, pools),
        "/healthmonitors/{id}": HealthMonitorItem(facade, services.health_monitors),
        "/providers": ProviderCollection(facade),
        "/providers/{name}": ProviderItem(),
        "/providers/{name}/flavor_capabilities": ProviderCapabilities(
            facade, "flavor_capabilities", "provider-flavor", FLAVOR
        ),
        "/providers/{name}/availability_zone_capabilities": ProviderCapabilities(
            facade, "availability_zone_capabilities", "provider-availability-zone", ZONE
        ),
        "/flavorprofiles": OfferCollection(facade, FLAVOR_PROFILES, flavor_profiles),
        "/flavorprofiles/{key}": OfferItem(facade, FLAVOR_PROFILES, flavor_profiles),
        "/flavors": OfferCollection(facade, FLAVORS, flavors),
        "/flavors/{key}": OfferItem(facade, FLAVORS, flavors),
        "/availabilityzoneprofiles": OfferCollection(facade, ZONE_PROFILES, zone_profiles),
        "/availabilityzoneprofiles/{key}": OfferItem(facade, ZONE_PROFILES, zone_profiles),
        "/availabilityzones": OfferCollection(facade, ZONES, zones),
        "/availabilityzones/{key}": OfferItem(facade, ZONES, zones),
        "/l7policies": L7PolicyCollection(facade, services.l7_policies, listeners),
        "/l7policies/{id}": L7PolicyItem(facade, services.l7_policies),
        "/l7policies/{id}/rules": L7RuleCollection(facade, services.l7_rules, services.l7_policies),
        "/l7policies/{id}/rules/{rule_id}": L7RuleItem(facade, services.l7_rules, services.l7_policies),
    }
    for prefix in (PREFIX, f"{PREFIX}/lbaas"):
        for path, resource in resources.items():
            app.add_route(prefix + path, resource)
    quotas = f"{PREFIX}/lbaas/quotas"  # without lbaas they are Neutron's
    app.add_route(quotas, QuotaCollection(facade, services.quotas))
    app.add_route(f"{quotas}/{{project_id}}", QuotaItem(facade, services.quotas))
    app.add_route(f"{quotas}/{{project_id}}/default", QuotaDefaults(facade, services.quotas))
    amphorae = f"{PREFIX}/octavia/amphorae"
    app.add_route(amphorae, AmphoraCollection(facade, services.amphorae))
    app.add_route(f"{amphorae}/{{id}}", AmphoraItem(facade, services.amphorae))
    app.add_route(f"{amphorae}/{{id}}/stats", AmphoraStatistics(facade, services.amphorae))
    app.add_route(f"{amphorae}/{{id}}/failover", AmphoraFailover(facade, services.amphorae))
    app.add_route(f"{amphorae}/{{id}}/config", AmphoraConfig(facade, services.amphorae))
