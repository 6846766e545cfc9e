"""Neutron's attribute tables, as far as the built-in networks go: what may stand in which body and what null means.

One line per attribute. What Neutron knows and the built-in networks cannot do is accepted only as what answers show
anyway. Source: Networking API v2.0, networks, subnets, ports.
"""

from typing import Annotated, Any

from pydantic import ConfigDict, Field, create_model

from evenload.api import fields
from evenload.api.attributes import Attribute, In, NeutronSchema, Null, nowhere, own
from evenload.api.fields import FieldType, choice, integer, listing, text
from evenload.model.enums import NetworkType
from evenload.model.network import Network, Port, Subnet

# Neutron's names that are not the model's; answers and requests alike.
NETWORK_NAMES = {
    "provider:network_type": "type",
    "provider:physical_network": "physical_network",
    "provider:segmentation_id": "vlan",
}
_MAX_ITEMS = 200


def _objects(name: str, *, required: bool = True, **attributes: FieldType) -> FieldType:
    """A list of objects of these attributes: all of them, or as many as wanted."""
    definitions: dict[str, Any] = {
        key: (value.annotation, ...) if required else (value.annotation | None, None)
        for key, value in attributes.items()
    }
    model = create_model(name, __config__=ConfigDict(extra="forbid", hide_input_in_errors=True), **definitions)
    object_json = {
        "type": "object",
        "properties": {key: value.json for key, value in attributes.items()},
        "required": list(attributes) if required else [],
        "additionalProperties": False,
    }
    json = {"type": "array", "items": object_json, "maxItems": _MAX_ITEMS}
    return FieldType(Annotated[list[model], Field(max_length=_MAX_ITEMS)], json=json)  # type: ignore[valid-type]


HOST_ROUTES = _objects("HostRoute", destination=fields.CIDR, nexthop=fields.ADDRESS)
RANGES = _objects("AllocationPool", start=fields.ADDRESS, end=fields.ADDRESS)
FIXED_IPS = _objects("FixedIp", required=False, subnet_id=fields.UUID, ip_address=fields.ADDRESS)


def _settable(name: str, type: FieldType, *, null: Any, put: In = In.OPTIONAL, post: In = In.OPTIONAL) -> Attribute:
    return own(name, type, post=post, put=put, null=null)


_COMMON = (
    _settable("name", fields.NAME, null=""),
    _settable("description", fields.DESCRIPTION, null=""),
    _settable("tags", fields.TAGS, null=()),
    _settable("project_id", fields.PROJECT, put=In.NEVER, null=Null.ABSENT),
    _settable("tenant_id", fields.PROJECT, put=In.NEVER, null=Null.ABSENT),
)
_UP = _settable("admin_state_up", fields.TRUTH, null=Null.REFUSED)

NETWORK = NeutronSchema(
    "network",
    Network,
    (
        *_COMMON,
        _UP,
        _settable("shared", fields.TRUTH, null=Null.REFUSED),
        _settable("mtu", integer(0, 65535), null=Null.REFUSED),
        _settable(
            "provider:network_type",
            choice(NetworkType, ("vxlan", "gre", "geneve", "local")),
            put=In.NEVER,
            null=Null.ABSENT,
        ),
        _settable("provider:physical_network", fields.WORD, put=In.NEVER, null=Null.ABSENT),
        _settable("provider:segmentation_id", integer(0, 2**31 - 1), put=In.NEVER, null=Null.ABSENT),
        nowhere("router:external", fields.TRUTH, shown=False),
        nowhere("port_security_enabled", fields.TRUTH, shown=False),
        nowhere("qos_policy_id", fields.UUID, foreign="QoS Policy"),
        nowhere("vlan_transparent", fields.TRUTH, shown=False),
        nowhere("is_default", fields.TRUTH, shown=False),
        nowhere("dns_domain", text(), shown=""),
        nowhere("availability_zone_hints", listing(text(), 8), shown=[]),
    ),
    translated=NETWORK_NAMES,
)

SUBNET = NeutronSchema(
    "subnet",
    Subnet,
    (
        *_COMMON,
        _settable("network_id", fields.UUID, post=In.REQUIRED, put=In.NEVER, null=Null.REFUSED),
        _settable("cidr", fields.SUBNET_CIDR, post=In.REQUIRED, put=In.NEVER, null=Null.REFUSED),
        _settable("ip_version", integer(4, 6), post=In.REQUIRED, put=In.NEVER, null=Null.REFUSED),
        _settable("gateway_ip", fields.ADDRESS, null=None),
        _settable("allocation_pools", RANGES, null=Null.ABSENT),
        _settable("host_routes", HOST_ROUTES, null=()),
        _settable("dns_nameservers", listing(fields.ADDRESS_AS_SENT, 20), null=()),
        _settable("enable_dhcp", fields.TRUTH, null=Null.REFUSED),
        nowhere("ipv6_address_mode", text(32)),
        nowhere("ipv6_ra_mode", text(32)),
        nowhere("subnetpool_id", fields.UUID, foreign="SubnetPool", put=In.NEVER),
        nowhere("use_default_subnetpool", fields.TRUTH, shown=False, put=In.NEVER),
        nowhere("prefixlen", integer(0, 128), put=In.NEVER),
        nowhere("segment_id", fields.UUID, foreign="Segment"),
        nowhere("service_types", listing(text(), 8), shown=[]),
        nowhere("dns_publish_fixed_ip", fields.TRUTH, shown=False),
    ),
)

PORT = NeutronSchema(
    "port",
    Port,
    (
        *_COMMON,
        _UP,
        _settable("network_id", fields.UUID, post=In.REQUIRED, put=In.NEVER, null=Null.REFUSED),
        _settable("mac_address", fields.MAC_ADDRESS, put=In.NEVER, null=Null.ABSENT),
        _settable("fixed_ips", FIXED_IPS, put=In.NEVER, null=Null.ABSENT),
        _settable("device_id", text(), null=""),
        _settable("device_owner", text(), null=""),
        nowhere("binding:vnic_type", text(32), shown="normal"),
        nowhere("port_security_enabled", fields.TRUTH, shown=False),
        nowhere("security_groups", listing(fields.UUID, 64), shown=[], foreign="Security group"),
        nowhere("allowed_address_pairs", FieldType(list[Any], json={"type": "array"}), shown=[]),
        nowhere("extra_dhcp_opts", FieldType(list[Any], json={"type": "array"}), shown=[]),
        nowhere("qos_policy_id", fields.UUID, foreign="QoS Policy"),
        nowhere("dns_name", text(), shown=""),
        nowhere("dns_domain", text(), shown=""),
    ),
)
