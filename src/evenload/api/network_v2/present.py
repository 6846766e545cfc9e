"""Networks, subnets and ports as Neutron's API shows them. Pure.

Each ``..._COLUMNS`` says what its list may be filtered and sorted by, under the names that answers use.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from evenload.api.fields import address_or_text, integer_of, moment_of, truth_of
from evenload.api.paging import Column
from evenload.model.network import Network, Port, Subnet
from evenload.model.query import Value
from evenload.service.networks import NetworkView

Json = dict[str, Any]

PROVIDER_ATTRIBUTES = ("provider:network_type", "provider:physical_network", "provider:segmentation_id")
BINDING_ATTRIBUTES = (
    "binding:host_id",
    "binding:vif_type",
    "binding:vnic_type",
    "binding:vif_details",
    "binding:profile",
)


def present_network(view: NetworkView) -> Json:
    network = view.network
    segment = network.segment
    return {
        **_common(network),
        "admin_state_up": network.admin_state_up,
        "status": "ACTIVE",
        "shared": network.shared,
        "mtu": network.mtu,
        "subnets": list(view.subnet_ids),
        "router:external": False,
        "port_security_enabled": False,
        "qos_policy_id": None,
        "availability_zone_hints": [],
        "availability_zones": [],
        "provider:network_type": segment.type.value,
        "provider:physical_network": segment.physical_network,
        "provider:segmentation_id": segment.vlan,
    }


def present_subnet(subnet: Subnet) -> Json:
    return {
        **_common(subnet),
        "network_id": subnet.network_id,
        "ip_version": subnet.ip_version,
        "cidr": subnet.cidr,
        "gateway_ip": subnet.gateway_ip,
        "allocation_pools": [{"start": pool.start, "end": pool.end} for pool in subnet.allocation_pools],
        "host_routes": [{"destination": route.destination, "nexthop": route.nexthop} for route in subnet.host_routes],
        "dns_nameservers": list(subnet.dns_nameservers),
        "enable_dhcp": subnet.enable_dhcp,
        "ipv6_address_mode": None,
        "ipv6_ra_mode": None,
        "subnetpool_id": None,
        "segment_id": None,
        "service_types": [],
    }


def present_port(port: Port) -> Json:
    return {
        **_common(port),
        "network_id": port.network_id,
        "admin_state_up": port.admin_state_up,
        "status": "ACTIVE" if port.active else "DOWN",
        "mac_address": port.mac_address,
        "fixed_ips": [{"subnet_id": ip.subnet_id, "ip_address": ip.address} for ip in port.fixed_ips],
        "device_id": port.device_id,
        "device_owner": port.device_owner,
        "security_groups": [],
        "allowed_address_pairs": [],
        "extra_dhcp_opts": [],
        "port_security_enabled": False,
        "qos_policy_id": None,
        "binding:host_id": port.host,
        "binding:vif_type": "bridge" if port.host else "unbound",
        "binding:vnic_type": "normal",
        "binding:vif_details": {},
        "binding:profile": {},
    }


def _common(value: Network | Subnet | Port) -> Json:
    return {
        "id": value.id,
        "name": value.name,
        "description": value.description,
        "project_id": value.project_id,
        "tenant_id": value.project_id,
        "tags": list(value.tags),
        "created_at": _moment(value.created_at),
        "updated_at": _moment(value.updated_at or value.created_at),
    }


def _moment(value: datetime) -> str:
    """Neutron's times have whole seconds and a zone, unlike Octavia's."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# ------------------------------------------------------------------------------------------------------------ filters


def _columns(readers: Mapping[str, Callable[[str], Value]]) -> Mapping[str, Column]:
    return {name: Column(model=name, read=read) for name, read in readers.items()}


def _constant(read: Callable[[str], Value], value: Value = None) -> Column:
    """What is the same of all of them."""
    return Column(model="", read=read, sortable=False, constant=True, value=value)


_COMMON = _columns(
    dict.fromkeys(("id", "name", "description", "project_id", "tenant_id"), str)
    | dict.fromkeys(("created_at", "updated_at"), moment_of)
)

NETWORK_COLUMNS: Mapping[str, Column] = {
    **_COMMON,
    **_columns(
        {
            "admin_state_up": truth_of,
            "status": str,
            "shared": truth_of,
            "mtu": integer_of,
            "router:external": truth_of,
            "provider:network_type": str,
            "provider:physical_network": str,
            "provider:segmentation_id": integer_of,
        }
    ),
    "port_security_enabled": _constant(truth_of, False),
    "qos_policy_id": _constant(str),
    "is_default": _constant(truth_of, False),
    "vlan_transparent": _constant(truth_of, False),
}
SUBNET_COLUMNS: Mapping[str, Column] = {
    **_COMMON,
    **_columns(
        {
            "network_id": str,
            "ip_version": integer_of,
            "cidr": str,
            "gateway_ip": address_or_text,
            "enable_dhcp": truth_of,
            "subnetpool_id": str,
            "segment_id": str,
        }
    ),
    "ipv6_address_mode": _constant(str),
    "ipv6_ra_mode": _constant(str),
}
PORT_COLUMNS: Mapping[str, Column] = {
    **_COMMON,
    **_columns(
        {
            "network_id": str,
            "admin_state_up": truth_of,
            "status": str,
            "mac_address": str.lower,
            "device_id": str,
            "device_owner": str,
            "binding:host_id": str,
        }
    ),
    "fixed_ips": Column(model="fixed_ips", read=str, sortable=False),
    "security_groups": _constant(str),
    "port_security_enabled": _constant(truth_of, False),
    "qos_policy_id": _constant(str),
    "binding:vnic_type": _constant(str, "normal"),
}
