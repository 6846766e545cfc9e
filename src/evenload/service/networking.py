"""What an administrator keeps load balancers from: networks for VIPs, ways to ask for one, addresses of members.

What is there already stays.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address

from evenload.interfaces.ports import VipRequest
from evenload.model.errors import Invalid
from evenload.model.rules import addresses_in
from evenload.service.commands import Changes

_WAYS = {"vip_port_id": "port_id", "vip_network_id": "network_id", "vip_subnet_id": "subnet_id"}
_ADDRESSES = ("address", "monitor_address")


@dataclass(frozen=True, slots=True, kw_only=True)
class Networking:
    """``ways``: the attributes of Octavia's API by which a VIP may be asked for. ``vip_networks``: ids of the
    networks on which VIPs may lie, where a zone names none; empty: any. ``denied``: those on which none may.
    ``reserved``: where no member may be, nor be checked."""

    ways: frozenset[str] = frozenset(_WAYS)
    vip_networks: frozenset[str] = frozenset()
    denied: frozenset[str] = frozenset()
    reserved: tuple[IPv4Network | IPv6Network, ...] = ()

    def require_way(self, request: VipRequest) -> None:
        """Raises Invalid for a way that is closed."""
        for name, attribute in _WAYS.items():
            if name not in self.ways and getattr(request, attribute) is not None:
                raise Invalid(f"{name} is not allowed by the configuration of this deployment.", field=attribute)

    def require_network(self, network_id: str, of_zone: Collection[str] = ()) -> None:
        """Raises Invalid where no VIP may lie on that network."""
        wanted = of_zone or self.vip_networks
        if network_id in self.denied or (wanted and network_id not in wanted):
            raise Invalid(
                "Supplied VIP network_id is not allowed by the configuration of this deployment.", field="network_id"
            )

    def require_addresses(self, drafts: Iterable[Changes]) -> None:
        """Raises Invalid for the first draft of a member at an address that is kept for others, however it is spelt."""
        if not self.reserved:
            return
        for draft in drafts:
            for field in _ADDRESSES:
                address = draft.item.get(field)
                if isinstance(address, str) and self._is_reserved(address):
                    raise Invalid(f"The address {address} is reserved in this deployment.", field=field)

    def _is_reserved(self, address: str) -> bool:
        try:
            meant = addresses_in(ip_address(address))
        except ValueError:
            return False  # the rules refuse it
        return any(each in network for each in meant for network in self.reserved)
