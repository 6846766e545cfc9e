"""What the demo shows, step by step, on a stage that stands: everything through the public API, figures from clocks."""

import time
from typing import Any

from demo.screen import Screen
from demo.story import BACKEND_PORT, Stage, StoryError, wait_for
from demo.traces import observe_footprint, read_findings, read_haproxy_pids
from demo.traffic import FirstAnswer, Load

_REQUESTS = 20


class Steps:
    """The steps in their order; each takes what the former ones made from ``self``."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._api: Any = stage.cloud.load_balancer
        self._network: Any = None
        self._subnet: Any = None
        self._balancer: Any = None
        self._listener: Any = None
        self._pool: Any = None
        self._members: dict[str, Any] = {}

    @property
    def _screen(self) -> Screen:
        return self._stage.screen

    @property
    def balancer_id(self) -> str:
        return str(self._balancer.id)

    @property
    def pool_id(self) -> str:
        return str(self._pool.id)

    @property
    def vip(self) -> str:
        return str(self._balancer.vip_address)

    def make_network(self) -> None:
        self._screen.step("A network and a subnet")
        network = self._stage.cloud.network
        self._network = network.create_network(name="demo-net")
        self._subnet = network.create_subnet(
            name="demo-subnet",
            network_id=self._network.id,
            ip_version=4,
            cidr="10.77.0.0/24",
            allocation_pools=[{"start": "10.77.0.100", "end": "10.77.0.199"}],
        )
        self._screen.line("network", "demo-net", self._network.id)
        self._screen.line("subnet", f"demo-subnet  {self._subnet.cidr}", "VIPs from .100 to .199")

    def make_balancer(self) -> None:
        self._screen.step("A load balancer: six objects in a row, without waiting in between")
        begun = time.monotonic()
        self._balancer = self._api.create_load_balancer(name="demo-lb", vip_subnet_id=self._subnet.id)
        first = FirstAnswer(self._stage.client, self.vip)
        self._stage.lab.adopt(self.balancer_id)
        self._screen.line("load balancer", f"demo-lb  VIP {self.vip}", self.balancer_id)
        self._listener = self._api.create_listener(
            name="demo-http", load_balancer_id=self._balancer.id, protocol="HTTP", protocol_port=80
        )
        self._screen.line("listener", "demo-http  HTTP 80", self._listener.id)
        self._pool = self._api.create_pool(
            name="demo-pool", listener_id=self._listener.id, protocol="HTTP", lb_algorithm="ROUND_ROBIN"
        )
        self._screen.line("pool", "demo-pool  ROUND_ROBIN", self.pool_id)
        monitor = self._api.create_health_monitor(
            name="demo-monitor", pool_id=self._pool.id, type="HTTP", url_path="/", delay=1, timeout=1,
            max_retries=2, max_retries_down=2,
        )  # fmt: skip
        self._screen.line("health monitor", "demo-monitor  HTTP / every second", monitor.id)
        member_post = time.monotonic()
        for name in ("web1", "web2"):
            self._add_member(name)
        moment = first.moment()
        if moment is None:
            raise StoryError(f"no 200 through the VIP {self.vip}; the load balancer is {self._read_statuses()}")
        wait_for(self._active, "provisioning_status ACTIVE")
        self._screen.good("first 200 through VIP", f"{_ms(moment - begun)} after the POST of the load balancer")
        self._screen.line("", f"{_ms(moment - member_post)} after the POST of the first member")
        wait_for(self._online, "operating_status ONLINE")
        self._screen.line("statuses", self._read_statuses())

    def show_spread(self) -> None:
        self._screen.step(f"{_REQUESTS} requests through the VIP")
        spread = self._stage.client.spread(self.vip, requests=_REQUESTS)
        for name in sorted(spread):
            self._screen.line(name, f"{spread[name]:3}  {'#' * spread[name]}")
        if set(spread) != {"web1", "web2"}:
            raise StoryError(f"the requests were not answered by web1 and web2 alone: {dict(spread)}")

    def stop_and_start_backend(self) -> None:
        self._screen.step("web2 stops, and starts again; a client goes on asking")
        with Load(self._stage.client, self.vip) as load:
            stopped = time.monotonic()
            self._stage.stop_backend("web2")
            self._await_member("web2", "ERROR")
            load.await_more(_REQUESTS)
            self._screen.good("member web2 ERROR", f"seen in the API {time.monotonic() - stopped:.1f} s after its stop")
            self._screen.line("statuses", self._read_statuses())
            started = time.monotonic()
            self._stage.start_backend("web2")
            self._await_member("web2", "ONLINE")
            self._screen.good("member web2 ONLINE", f"again {time.monotonic() - started:.1f} s after its start")
            wait_for(lambda: self._stage.client.get(self.vip).backend == "web2", "an answer of web2")
        answered = ", ".join(f"{name} {count}" for name, count in sorted(load.answers.items()))
        self._screen.line("meanwhile", f"{load.requests} requests, {len(load.failures)} failed", answered)
        if load.failures:
            raise StoryError(f"requests failed while web2 was away: {load.failures[:3]}")

    def add_third_member(self) -> None:
        self._screen.step("A third member, without a reload")
        self._stage.start_backend("web3")
        before = read_haproxy_pids(self.balancer_id)
        begun = time.monotonic()
        first = FirstAnswer(self._stage.client, self.vip, backend="web3")
        self._add_member("web3")
        moment = first.moment()
        if moment is None:
            raise StoryError("no request reached web3")
        wait_for(self._active, "provisioning_status ACTIVE")
        after = read_haproxy_pids(self.balancer_id)
        self._screen.good("first answer of web3", f"{_ms(moment - begun)} after the POST")
        self._screen.line("HAProxy", f"pid {_pids(before)} before, pid {_pids(after)} after")
        if before != after or len(after) != 1:
            raise StoryError("HAProxy was reloaded or restarted for a member that could be added at runtime")
        spread = self._stage.client.spread(self.vip, requests=_REQUESTS + 1)
        self._screen.line("spread", ", ".join(f"{name} {spread[name]}" for name in sorted(spread)))

    def show_statistics(self) -> None:
        self._screen.step("Statistics and status tree, from the API")
        self._await_member("web3", "ONLINE")
        stats = wait_for(self._statistics, "statistics with the requests counted")
        self._screen.line("connections", f"{stats.total_connections} in all, {stats.active_connections} now")
        self._screen.line("bytes", f"{stats.bytes_in} in, {stats.bytes_out} out")
        self._screen.line("request errors", f"{stats.request_errors}")
        self._screen.text()
        tree = self._api.get(f"/lbaas/loadbalancers/{self.balancer_id}/status").json()["statuses"]["loadbalancer"]
        self._screen.table([("object", "name", "operating", "provisioning"), *_rows("load balancer", tree, 0)])

    def delete(self) -> None:
        self._screen.step("Cascade delete, and what is left")
        lab, client = self._stage.lab, self._stage.client_machine
        footprint = observe_footprint(lab, self.balancer_id, str(self._balancer.vip_port_id), self.vip, client)
        if not footprint.answers_arp or not footprint.processes:
            raise StoryError(f"the proof would prove nothing: the VIP is not there to be removed ({footprint})")
        begun = time.monotonic()
        self._api.delete_load_balancer(self._balancer.id, cascade=True)
        wait_for(lambda: self._api.find_load_balancer(self.balancer_id) is None, "the end of the load balancer")
        self._screen.good("gone from the API", f"{_ms(time.monotonic() - begun)} after the DELETE")
        left = False
        for finding in read_findings(footprint, lab, client):
            if finding.left:
                left = True
                self._screen.bad(finding.subject, f"LEFT: {', '.join(finding.left)}")
            else:
                self._screen.line(finding.subject, "none left", finding.looked_at)
        ports = [port.id for port in self._stage.cloud.network.ports(network_id=self._network.id)]
        self._stage.cloud.network.delete_subnet(self._subnet.id)
        self._stage.cloud.network.delete_network(self._network.id)
        if left or ports:
            raise StoryError(f"the deletion left something behind{': ports ' + ', '.join(ports) if ports else ''}")
        self._screen.line("port, subnet, network", "none left", "from the API")

    def _add_member(self, name: str) -> None:
        address = self._stage.address(name)
        member = self._api.create_member(
            self._pool.id, name=name, address=address, protocol_port=BACKEND_PORT, subnet_id=self._subnet.id
        )
        self._members[name] = member
        self._screen.line("member", f"{name}  {address}:{BACKEND_PORT}", member.id)

    def _await_member(self, name: str, status: str) -> None:
        member = self._members[name].id
        wait_for(lambda: self._api.get_member(member, self._pool.id).operating_status == status, f"{name} {status}")

    def _active(self) -> bool:
        status = self._api.get_load_balancer(self._balancer.id).provisioning_status
        if status == "ERROR":
            raise StoryError("the load balancer became ERROR")
        return bool(status == "ACTIVE")

    def _online(self) -> bool:
        return bool(self._api.get_load_balancer(self._balancer.id).operating_status == "ONLINE")

    def _read_statuses(self) -> str:
        balancer = self._api.get_load_balancer(self._balancer.id)
        pool = self._api.get_pool(self._pool.id)
        statuses = f"{balancer.provisioning_status} and {balancer.operating_status}"
        return f"load balancer {statuses}, pool {pool.operating_status}"

    def _statistics(self) -> Any:
        stats = self._api.get_load_balancer_statistics(self._balancer.id)
        return stats if stats.total_connections >= _REQUESTS else None


def _rows(word: str, node: dict[str, Any], depth: int) -> list[tuple[str, str, str, str]]:
    """One row for a node of the status tree, and those below it."""
    row = (f"{'  ' * depth}{word}", node["name"], node["operating_status"], node["provisioning_status"])
    rows = [row]
    for key, child_word in (("listeners", "listener"), ("pools", "pool"), ("members", "member")):
        for child in node.get(key, []):
            rows += _rows(child_word, child, depth + 1)
    monitor = node.get("health_monitor")
    return rows + (_rows("health monitor", monitor, depth + 1) if monitor else [])


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


def _pids(pids: set[int]) -> str:
    return ", ".join(str(pid) for pid in sorted(pids)) or "none"
