"""What the stock clients ask of a network service and the built-in networks do not have: floating IPs, routers,
security groups and the rest of Neutron.

There are none of them, which is an answer: lists are empty, one by its id is not found, in Neutron's words. To make one
is refused by its name.
"""

from dataclasses import dataclass
from typing import NoReturn

import falcon

from evenload.api.context import answer
from evenload.api.fields import shown
from evenload.model.errors import NotFound, Unsupported


@dataclass(frozen=True, slots=True)
class AbsentKind:
    """``path``: of the list. ``plural``: its key. ``word``: what errors call one, as Neutron's classes of errors do."""

    path: str
    plural: str
    word: str


ABSENT = tuple(
    AbsentKind(path, path.rpartition("/")[2].replace("-", "_"), word)
    for path, word in (
        ("/address-groups", "AddressGroup"),
        ("/address-scopes", "AddressScope"),
        ("/availability_zones", "AvailabilityZone"),
        ("/bgp-peers", "BgpPeer"),
        ("/bgp-speakers", "BgpSpeaker"),
        ("/bgpvpn/bgpvpns", "BGPVPN"),
        ("/default-security-group-rules", "DefaultSecurityGroupRule"),
        ("/floatingips", "FloatingIP"),
        ("/fwaas/firewall_groups", "FirewallGroup"),
        ("/fwaas/firewall_policies", "FirewallPolicy"),
        ("/fwaas/firewall_rules", "FirewallRule"),
        ("/local_ips", "LocalIP"),
        ("/log/loggable-resources", "LoggableResource"),
        ("/log/logs", "LogResource"),
        ("/metering/metering-label-rules", "MeteringLabelRule"),
        ("/metering/metering-labels", "MeteringLabel"),
        ("/ndp_proxies", "NDPProxy"),
        ("/network_segment_ranges", "NetworkSegmentRange"),
        ("/qos/policies", "QosPolicy"),
        ("/qos/rule-types", "QosRuleType"),
        ("/rbac-policies", "RbacPolicy"),
        ("/routers", "Router"),
        ("/security-group-rules", "SecurityGroupRule"),
        ("/security-groups", "SecurityGroup"),
        ("/security-groups-default-statefulness", "SecurityGroup"),
        ("/segments", "Segment"),
        ("/service_profiles", "ServiceProfile"),
        ("/sfc/flow_classifiers", "FlowClassifier"),
        ("/sfc/port_chains", "PortChain"),
        ("/sfc/port_pair_groups", "PortPairGroup"),
        ("/sfc/port_pairs", "PortPair"),
        ("/sfc/service_graphs", "ServiceGraph"),
        ("/subnetpools", "SubnetPool"),
        ("/taas/tap_flows", "TapFlow"),
        ("/taas/tap_mirrors", "TapMirror"),
        ("/taas/tap_services", "TapService"),
        ("/trunks", "Trunk"),
        ("/vpn/endpoint-groups", "VPNEndpointGroup"),
        ("/vpn/ikepolicies", "IKEPolicy"),
        ("/vpn/ipsec-site-connections", "IPsecSiteConnection"),
        ("/vpn/ipsecpolicies", "IPsecPolicy"),
        ("/vpn/vpnservices", "VPNService"),
    )
)

SEGMENTS = frozenset(kind.path.split("/")[1] for kind in ABSENT)
"""The first parts of their paths."""


class AbsentCollection:
    """Whatever a list is filtered or sorted by, nothing is in it."""

    def __init__(self, kind: AbsentKind) -> None:
        self._kind = kind

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        answer(response, {self._kind.plural: []})

    def on_post(self, request: falcon.Request, response: falcon.Response) -> NoReturn:
        raise Unsupported(f"{self._kind.plural.replace('_', ' ')} are not part of the built-in networks")


class AbsentItem:
    """One of them, or a part of one."""

    def __init__(self, kind: AbsentKind) -> None:
        self._kind = kind

    def on_get(
        self, request: falcon.Request, response: falcon.Response, id: str, part: str = "", of_part: str = ""
    ) -> NoReturn:
        raise NotFound(self._kind.word, shown(id))

    on_put = on_post = on_delete = on_get


class Empty:
    """A list that hangs on a network, a subnet or a port, and has nothing in it."""

    def __init__(self, plural: str) -> None:
        self._plural = plural

    def on_get(self, request: falcon.Request, response: falcon.Response, id: str) -> None:
        answer(response, {self._plural: []})
