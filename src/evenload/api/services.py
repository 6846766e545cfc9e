"""The use cases the API stands on, as ``main`` hands them over."""

from dataclasses import dataclass

from evenload.model.catalogue import Flavor, FlavorProfile, Zone, ZoneProfile
from evenload.secrets.vault import Vault
from evenload.service.agent_registry import AgentRegistry
from evenload.service.amphorae import Amphorae
from evenload.service.catalogue import Catalogue
from evenload.service.health_monitors import HealthMonitors
from evenload.service.l7_policies import L7Policies, L7Rules
from evenload.service.lbaas_v1.members import V1Members
from evenload.service.lbaas_v1.monitors import V1Monitors
from evenload.service.lbaas_v1.pools import V1Pools
from evenload.service.lbaas_v1.vips import Vips
from evenload.service.listeners import Listeners
from evenload.service.load_balancers import LoadBalancers
from evenload.service.members import Members
from evenload.service.networks import Networks
from evenload.service.pools import Pools
from evenload.service.quotas import Quotas


@dataclass(frozen=True, slots=True, kw_only=True)
class V1Services:
    """Those of LBaaS v1."""

    vips: Vips
    pools: V1Pools
    members: V1Members
    monitors: V1Monitors
    quotas: Quotas
    octavia_quotas: Quotas
    """The other API's, which are set beside them."""
    agents: AgentRegistry


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    load_balancers: LoadBalancers
    listeners: Listeners
    pools: Pools
    members: Members
    health_monitors: HealthMonitors
    l7_policies: L7Policies
    l7_rules: L7Rules
    quotas: Quotas
    flavors: Catalogue[FlavorProfile, Flavor]
    zones: Catalogue[ZoneProfile, Zone]
    amphorae: Amphorae
    networks: Networks
    vault: Vault | None
    """None: Barbican has its place, and /v1 is its."""
    v1: V1Services
