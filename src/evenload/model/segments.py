"""Which segment a new network gets: pure rules, in Neutron's sense."""

from collections.abc import Collection, Sequence

from evenload.model.enums import NetworkType
from evenload.model.errors import Conflict, Invalid
from evenload.model.network import Segment

VlanRange = tuple[str, int, int]
"""Physical network, first and last VLAN."""


def choose_segment(
    *,
    type: NetworkType | None,
    physical_network: str | None,
    vlan: int | None,
    used: Collection[Segment],
    physical_networks: Sequence[str],
    default: str | None,
    vlan_ranges: Sequence[VlanRange],
) -> Segment:
    """The segment asked for, or a free one. ``used``: those of the other networks.

    Raises Invalid for a request that makes no sense here, Conflict where the segment is taken or none is left.
    """
    if type is None:
        if physical_network is not None:
            raise Invalid("A physical network needs the network type beside it.", field="physical_network")
        if vlan is not None:
            raise Invalid("A segmentation id needs the network type beside it.", field="vlan")
        return _choose_any(used, default, vlan_ranges)
    if type is NetworkType.FLAT:
        if vlan is not None:
            raise Invalid("A flat network has no segmentation id.", field="vlan")
        segment = Segment(type=type, physical_network=_named(physical_network, physical_networks, default))
    elif vlan is not None:
        if not 1 <= vlan <= 4094:
            raise Invalid(f"{vlan} is not a VLAN id; 1 to 4094 are.", field="vlan")
        named = _named(physical_network, physical_networks, default)
        segment = Segment(type=type, physical_network=named, vlan=vlan)
    else:
        return _choose_vlan(
            used,
            None if physical_network is None else _named(physical_network, physical_networks, default),
            vlan_ranges,
        )
    if segment in used:
        what = "" if segment.vlan is None else f"VLAN {segment.vlan} on the "
        raise Conflict(
            f"Unable to create the network. The {what}physical network {segment.physical_network} is in use.",
            field="physical_network" if segment.vlan is None else "vlan",
        )
    return segment


def _named(physical_network: str | None, known: Sequence[str], default: str | None) -> str:
    named = physical_network if physical_network is not None else default
    if named is None:
        raise Invalid("There is no default physical network; name one.", field="physical_network")
    if named not in known:
        raise Invalid(
            f"Physical network {named} is not configured. Configured are: {', '.join(sorted(known)) or 'none'}.",
            field="physical_network",
        )
    return named


def _choose_any(used: Collection[Segment], default: str | None, vlan_ranges: Sequence[VlanRange]) -> Segment:
    if default is not None:
        flat = Segment(type=NetworkType.FLAT, physical_network=default)
        if flat not in used:
            return flat
    return _choose_vlan(used, None, vlan_ranges)


def _choose_vlan(used: Collection[Segment], physical_network: str | None, vlan_ranges: Sequence[VlanRange]) -> Segment:
    for named, first, last in vlan_ranges:
        if physical_network in (None, named):
            for vlan in range(first, last + 1):
                segment = Segment(type=NetworkType.VLAN, physical_network=named, vlan=vlan)
                if segment not in used:
                    return segment
    where = "" if physical_network is None else f" on physical network {physical_network}"
    raise Conflict(
        f"Unable to create the network. No segment is left{where}: the flat one is taken, and so is every VLAN of "
        "[networks] vlan_ranges. Add VLANs there, or another bridge to [networks] bridge_mappings."
    )
