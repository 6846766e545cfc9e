"""``python -m demo.status``: what ``evenload status`` shows of two load balancers, one of which has lost a member.

For the picture in the README (``make pictures``): everything is put up for it, and removed before this ends.
"""

import os
import subprocess
import sys
from pathlib import Path

from demo.screen import Screen
from demo.story import BACKEND_PORT, Stage, wait_for
from demo.traffic import Load

_REQUESTS = 300
"""By which rates are told."""


def main() -> int:
    with Path(os.devnull).open("w") as nowhere:
        stage = Stage(Screen(nowhere))
        try:
            stage.build()
            _show(stage)
        finally:
            left = stage.end()
    return 1 if left else 0


def _show(stage: Stage) -> None:
    stage.start_backend("web3")
    network = stage.cloud.network.create_network(name="net")
    subnet = stage.cloud.network.create_subnet(
        network_id=network.id,
        ip_version=4,
        cidr="10.77.0.0/24",
        allocation_pools=[{"start": "10.77.0.100", "end": "10.77.0.199"}],
    )
    vips = [_make(stage, subnet.id, name, webs) for name, webs in (("blog", ["web2"]), ("shop", ["web1", "web3"]))]
    with Load(stage.client, vips[0]), Load(stage.client, vips[1]) as load:
        stage.stop_backend("web3")
        members = stage.cloud.load_balancer
        pool = next(members.pools(name="shop"))
        wait_for(lambda: any(m.operating_status == "ERROR" for m in members.members(pool.id)), "the check that fails")
        load.await_more(_REQUESTS)
        for words in ([], ["shop"]):
            if words:
                print("\n$ evenload status shop", flush=True)
            command = [str(Path(sys.executable).with_name("evenload")), "status", *words]
            subprocess.run([*command, "--config-file", str(stage.service.config)], check=False)  # 1: something is wrong


def _make(stage: Stage, subnet_id: str, name: str, webs: list[str]) -> str:
    """Returns its VIP, when all its members are up."""
    members = [{"name": web, "address": stage.address(web), "protocol_port": BACKEND_PORT} for web in webs]
    monitor = {"type": "HTTP", "delay": 1, "timeout": 1, "max_retries": 1, "max_retries_down": 1}
    pool = {
        "name": name,
        "protocol": "HTTP",
        "lb_algorithm": "ROUND_ROBIN",
        "members": members,
        "healthmonitor": monitor,
    }
    listener = {"name": "http", "protocol": "HTTP", "protocol_port": 80, "default_pool": pool}
    api = stage.cloud.load_balancer
    made = api.create_load_balancer(name=name, vip_subnet_id=subnet_id, listeners=[listener])
    stage.lab.adopt(made.id)
    wait_for(lambda: api.get_load_balancer(made.id).operating_status == "ONLINE", f"{name}, ONLINE")
    return str(made.vip_address)


if __name__ == "__main__":
    sys.exit(main())
