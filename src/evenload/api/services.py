"""The use cases the API stands on, as ``main`` hands them over."""

from dataclasses import dataclass

from evenload.service.health_monitors import HealthMonitors
from evenload.service.listeners import Listeners
from evenload.service.load_balancers import LoadBalancers
from evenload.service.members import Members
from evenload.service.networks import Networks
from evenload.service.pools import Pools


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    load_balancers: LoadBalancers
    listeners: Listeners
    pools: Pools
    members: Members
    health_monitors: HealthMonitors
    networks: Networks
