"""Bodies of the network API as fields of the model. Pure; ``schema`` has checked them."""

from collections.abc import Mapping
from typing import Any

from evenload.model.network import AllocationPool, Route
from evenload.service.allocation import FixedIpRequest


def fields_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields for the use cases; the project is an argument of its own."""
    fields = {name: value for name, value in given.items() if name not in ("project_id", "tenant_id")}
    if "host_routes" in fields:
        fields["host_routes"] = tuple(
            Route(destination=each.destination, nexthop=each.nexthop) for each in fields["host_routes"]
        )
    if "allocation_pools" in fields:
        fields["allocation_pools"] = tuple(
            AllocationPool(start=each.start, end=each.end) for each in fields["allocation_pools"]
        )
    if "fixed_ips" in fields:
        fields["fixed_ips"] = tuple(
            FixedIpRequest(subnet_id=each.subnet_id, address=each.ip_address) for each in fields["fixed_ips"]
        )
    return fields
