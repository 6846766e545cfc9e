"""What an agent is told of a port of the built-in networks. Pure."""

from collections.abc import Sequence
from ipaddress import ip_network

from evenload.model.desired import DesiredIp, DesiredPort
from evenload.model.network import FixedIp, Network, Port, Subnet


def describe_port(port: Port, network: Network, subnets: Sequence[Subnet], ips: Sequence[FixedIp]) -> DesiredPort:
    """``ips``: those of the port's addresses that are VIPs, in their order."""
    by_id = {subnet.id: subnet for subnet in subnets}
    return DesiredPort(
        id=port.id,
        mac_address=port.mac_address,
        mtu=network.mtu,
        segment=network.segment,
        ips=tuple(_describe_ip(ip, by_id[ip.subnet_id]) for ip in ips),
    )


def describe_again(port: Port, network: Network, subnets: Sequence[Subnet], before: DesiredPort) -> DesiredPort:
    """After the network or one of its subnets was changed."""
    by_address = {ip.address: ip for ip in port.fixed_ips}
    return describe_port(port, network, subnets, [by_address[ip.address] for ip in before.ips])


def _describe_ip(ip: FixedIp, subnet: Subnet) -> DesiredIp:
    return DesiredIp(
        address=ip.address,
        prefix_length=ip_network(subnet.cidr).prefixlen,
        gateway_ip=subnet.gateway_ip,
        host_routes=subnet.host_routes,
    )
