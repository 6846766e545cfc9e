"""The whole service without a machine, started by an ordinary user: for trying clients. What administrators offer is
tried here with openstacksdk, since no packet comes of it."""

import json
import os
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import openstack.exceptions
import pytest
from tests.e2e.building import connect
from tests.waiting import NET, eventually

EVENLOAD = Path(sys.executable).with_name("evenload")
SOMEBODY = 12345
"""A user id that owns nothing and may do nothing."""
READING = "+dac_read_search"
ORDINARY = (
    "setpriv",
    f"--reuid={SOMEBODY}",
    f"--regid={SOMEBODY}",
    "--clear-groups",
    f"--bounding-set=-all,{READING}",
    f"--inh-caps=-all,{READING}",
    f"--ambient-caps=-all,{READING}",
    "--no-new-privs",
)
"""He may read what root may, so that the program and its directory may lie anywhere; no other capability is left."""


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    directory = tmp_path_factory.mktemp("noop")
    with socket.create_server(("127.0.0.1", 0)) as probe, socket.create_server(("127.0.0.1", 0)) as other:
        port, metrics = probe.getsockname()[1], other.getsockname()[1]
    config = directory / "evenload.conf"
    config.write_text(
        f"[DEFAULT]\nstate_path = {directory}/state\n[api]\nbind_port = {port}\n[server]\nmetrics_port = {metrics}\n"
        "[agent]\nhost = noop\n[ports]\nprovider = noop\n"
    )
    make_state(directory)
    process = subprocess.Popen(command(config))
    try:
        assert eventually(lambda: process.poll() is not None or has_agent(port))
        assert process.poll() is None, "the service ended"
        with urlopen(f"http://127.0.0.1:{metrics}/metrics") as answer:
            assert b"evenload_tls_certificates_left_out 0\n" in answer.read()
        yield connect(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(NET)


def make_state(directory: Path) -> None:
    state = directory / "state"
    state.mkdir()
    if os.geteuid() == 0:
        os.chown(state, SOMEBODY, SOMEBODY)


def command(config: Path, *role: str) -> list[str]:
    words = [str(EVENLOAD), *role, "--config-file", str(config)]
    return [*ORDINARY, *words] if os.geteuid() == 0 else words


def test_metrics_beside_an_agent_that_counts_nothing(tmp_path: Path) -> None:
    """Its own file lacks the port: it is not asked, so that nobody waits for its answer, and the alert that it is away
    does not fire."""
    with socket.create_server(("127.0.0.1", 0)) as probe, socket.create_server(("127.0.0.1", 0)) as other:
        port, metrics = probe.getsockname()[1], other.getsockname()[1]
    text = f"[DEFAULT]\nstate_path = {tmp_path}/state\n[agent]\nhost = noop\n[api]\nbind_port = {port}\n"
    of_agent, of_server = tmp_path / "agent.conf", tmp_path / "server.conf"
    of_agent.write_text(text)
    of_server.write_text(f"{text}[server]\nmetrics_port = {metrics}\n")
    make_state(tmp_path)
    processes = [subprocess.Popen(command(of_server, "server")), subprocess.Popen(command(of_agent, "agent"))]
    try:
        assert eventually(lambda: has_agent(port))
        with urlopen(f"http://127.0.0.1:{metrics}/metrics", timeout=NET) as answer:
            shown = answer.read().decode()
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(NET)
    assert "evenload_agent_counts_nothing{agent=" in shown
    assert "evenload_agent_answers{" not in shown
    assert "evenload_agent_rounds_total" not in shown
    assert "evenload_http_requests_total{" in shown


def has_agent(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/v2.0/agents", timeout=NET) as answer:
            return bool(json.load(answer)["agents"])
    except OSError:
        return False


def wait_for(cloud: Any, identifier: str) -> Any:
    return cloud.load_balancer.wait_for_load_balancer(identifier, interval=0.02, wait=NET)


def test_whatever_is_named_exists_and_nothing_is_served(cloud: Any) -> None:
    network, subnet = str(uuid.uuid4()), str(uuid.uuid4())
    made = cloud.load_balancer.create_load_balancer(
        name="lb",
        vip_network_id=network,
        vip_subnet_id=subnet,
        listeners=[
            {
                "protocol": "HTTP",
                "protocol_port": 80,
                "default_pool": {
                    "protocol": "HTTP",
                    "lb_algorithm": "ROUND_ROBIN",
                    "members": [{"address": "10.0.0.4", "protocol_port": 80, "subnet_id": str(uuid.uuid4())}],
                    "healthmonitor": {"type": "TCP", "delay": 5, "timeout": 3, "max_retries": 2},
                },
            }
        ],
    )
    assert (made.vip_network_id, made.vip_subnet_id) == (network, subnet)
    assert made.vip_address.startswith(("198.18.", "198.19."))
    active = wait_for(cloud, made.id)
    assert active.operating_status == "OFFLINE"
    [listener] = cloud.load_balancer.listeners(load_balancer_id=made.id)
    [pool] = cloud.load_balancer.pools(loadbalancer_id=made.id)
    [member] = cloud.load_balancer.members(pool.id)
    monitor = cloud.load_balancer.get_health_monitor(pool.health_monitor_id)
    assert [each.operating_status for each in (listener, pool)] == ["OFFLINE", "OFFLINE"]
    assert (member.operating_status, member.provisioning_status) == ("OFFLINE", "ACTIVE")
    assert (monitor.operating_status, monitor.provisioning_status) == ("ONLINE", "ACTIVE")
    secure = cloud.load_balancer.create_listener(
        load_balancer_id=made.id,
        protocol="TERMINATED_HTTPS",
        protocol_port=443,
        default_tls_container_ref="http://nowhere/v1/secrets/1",
        sni_container_refs=[f"http://nowhere/v1/containers/{uuid.uuid4()}"],
        client_authentication="MANDATORY",
        client_ca_tls_container_ref="anything",
        client_crl_container_ref="anything else",
    )
    wait_for(cloud, made.id)
    shown = cloud.load_balancer.get_listener(secure.id)
    assert (shown.provisioning_status, shown.default_tls_container_ref) == ("ACTIVE", "http://nowhere/v1/secrets/1")
    [amphora] = cloud.load_balancer.amphorae(loadbalancer_id=made.id)
    assert (amphora.role, amphora.status, amphora.ha_ip) == ("STANDALONE", "ALLOCATED", made.vip_address)
    cloud.load_balancer.configure_amphora(amphora.id)
    cloud.load_balancer.failover_amphora(amphora.id)
    with pytest.raises(openstack.exceptions.NotFoundException):
        cloud.load_balancer.get_amphora(amphora.id)
    port = str(uuid.uuid4())
    shown = cloud.network.get_port(made.vip_port_id)
    assert (shown.device_id, shown.network_id) == (made.id, network)
    assert shown.fixed_ips == [{"subnet_id": subnet, "ip_address": made.vip_address}]
    other = cloud.load_balancer.create_load_balancer(vip_port_id=port, vip_address="192.0.2.7")
    assert (other.vip_port_id, other.vip_address) == (port, "192.0.2.7")
    with pytest.raises(openstack.exceptions.BadRequestException, match="already used"):
        cloud.load_balancer.create_load_balancer(vip_port_id=port)
    for each in (made, other):
        wait_for(cloud, each.id)
        cloud.load_balancer.delete_load_balancer(each.id, cascade=True)
        cloud.load_balancer.wait_for_delete(each, interval=0.02, wait=NET)


def test_networks_that_were_made_are_used(cloud: Any) -> None:
    network = cloud.network.create_network(name="n")
    subnet = cloud.network.create_subnet(network_id=network.id, ip_version=4, cidr="10.66.0.0/24")
    made = cloud.load_balancer.create_load_balancer(vip_subnet_id=subnet.id)
    assert (made.vip_network_id, made.vip_address) == (network.id, "10.66.0.2")
    wait_for(cloud, made.id)
    port = cloud.network.get_port(made.vip_port_id)
    assert (port.device_id, port.status) == (made.id, "ACTIVE")
    assert port.fixed_ips == [{"subnet_id": subnet.id, "ip_address": "10.66.0.2"}]
    given = cloud.network.create_port(network_id=network.id)
    other = cloud.load_balancer.create_load_balancer(vip_port_id=given.id)
    assert (other.vip_network_id, other.vip_address) == (network.id, given.fixed_ips[0]["ip_address"])
    with pytest.raises(openstack.exceptions.BadRequestException, match="is not in subnet"):
        cloud.load_balancer.create_load_balancer(vip_subnet_id=subnet.id, vip_address="203.0.113.5")
    for each in (subnet.id, str(uuid.uuid4())):
        with pytest.raises(openstack.exceptions.BadRequestException, match="different subnets"):
            cloud.load_balancer.create_load_balancer(vip_subnet_id=each, additional_vips=[{"subnet_id": each}])
    for each in (made, other):
        wait_for(cloud, each.id)
        cloud.load_balancer.delete_load_balancer(each.id)
        cloud.load_balancer.wait_for_delete(each, interval=0.02, wait=NET)
    assert [each.id for each in cloud.network.ports()] == [given.id]
    cloud.network.delete_port(given.id)
    cloud.network.delete_network(network.id)


def test_members_are_offline_where_they_are_disabled_or_would_be_checked(cloud: Any) -> None:
    balancing = cloud.load_balancer
    made = balancing.create_load_balancer(vip_subnet_id=str(uuid.uuid4()))
    pool = balancing.create_pool(loadbalancer_id=made.id, protocol="HTTP", lb_algorithm="ROUND_ROBIN")
    member = balancing.create_member(pool.id, address="10.0.0.4", protocol_port=80)

    def comes_to(status: str) -> bool:
        wait_for(cloud, made.id)
        return eventually(lambda: balancing.get_member(member.id, pool.id).operating_status == status)

    assert comes_to("NO_MONITOR")
    balancing.update_member(member.id, pool.id, is_admin_state_up=False)
    assert comes_to("OFFLINE")
    balancing.update_member(member.id, pool.id, is_admin_state_up=True)
    assert comes_to("NO_MONITOR")
    monitor = balancing.create_health_monitor(pool_id=pool.id, type="TCP", delay=5, timeout=3, max_retries=2)
    assert comes_to("OFFLINE")
    balancing.update_health_monitor(monitor.id, is_admin_state_up=False)
    assert comes_to("NO_MONITOR")
    balancing.delete_load_balancer(made.id, cascade=True)
    balancing.wait_for_delete(made, interval=0.02, wait=NET)


def test_flavors_and_profiles_through_openstacksdk(cloud: Any) -> None:
    balancing = cloud.load_balancer
    data = {"loadbalancer_topology": "SINGLE", "threads": 2}
    profile = balancing.create_flavor_profile(name="p", provider_name="amphora", flavor_data=json.dumps(data))
    profile = balancing.update_flavor_profile(profile.id, name="q")
    assert [each.name for each in balancing.flavor_profiles(provider_name="amphora")] == ["q"]
    assert json.loads(balancing.get_flavor_profile(profile.id).flavor_data) == data
    flavor = balancing.create_flavor(name="f", flavor_profile_id=profile.id, is_enabled=True)
    flavor = balancing.update_flavor(flavor.id, description="two threads")
    assert balancing.find_flavor("f").description == "two threads"
    made = balancing.create_load_balancer(vip_subnet_id=str(uuid.uuid4()), flavor_id=flavor.id)
    assert (made.flavor_id, made.provider) == (flavor.id, "amphora")
    with pytest.raises(openstack.exceptions.ConflictException):
        balancing.delete_flavor(flavor.id, ignore_missing=False)
    wait_for(cloud, made.id)
    balancing.delete_load_balancer(made.id)
    balancing.wait_for_delete(made, interval=0.02, wait=NET)
    balancing.delete_flavor(flavor.id, ignore_missing=False)
    balancing.delete_flavor_profile(profile.id, ignore_missing=False)
    assert "threads" in [each.name for each in balancing.provider_flavor_capabilities("evenload")]


def test_zones_and_profiles_through_openstacksdk(cloud: Any) -> None:
    balancing = cloud.load_balancer
    profile = balancing.create_availability_zone_profile(
        name="p", provider_name="octavia", availability_zone_data='{"compute_zone": "nova"}'
    )
    profile = balancing.update_availability_zone_profile(profile.id, name="q")
    assert [each.name for each in balancing.availability_zone_profiles()] == ["q"]
    balancing.create_availability_zone(name="z", availability_zone_profile_id=profile.id)
    balancing.update_availability_zone("z", description="here")
    assert balancing.get_availability_zone("z").description == "here"
    made = balancing.create_load_balancer(vip_subnet_id=str(uuid.uuid4()), availability_zone="z")
    assert made.availability_zone == "z"
    wait_for(cloud, made.id)
    balancing.delete_load_balancer(made.id)
    balancing.wait_for_delete(made, interval=0.02, wait=NET)
    balancing.delete_availability_zone("z", ignore_missing=False)
    balancing.delete_availability_zone_profile(profile.id, ignore_missing=False)
    assert [each.name for each in balancing.providers()] == ["evenload", "amphora", "octavia"]
