"""A host with one load balancer to be: the fake and the real one, the latter with each VIF driver."""

import os
import shutil
import signal
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from tests.fakes.desired import ip, listener, make_desired, member, pool, segment
from tests.fakes.host import FakeHost
from tests.fakes.host_damage import kill_haproxy, lose_directory, lose_namespace
from tests.root.lab import PHYSICAL_NETWORK, Lab
from tests.root.openvswitch import Openvswitch

from evenload.host import netns
from evenload.host.haproxy_process import start_time
from evenload.host.linux import LinuxHost
from evenload.host.settings import HaproxySettings, HostSettings, VifDriver
from evenload.interfaces.host import Host
from evenload.model.balancer import Vip
from evenload.model.desired import Desired, DesiredIp, DesiredPort
from evenload.render.options import RenderOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """``kill``: the current process of that load balancer dies from outside, given its pid. ``lose``: somebody takes
    the namespace's name and the state directory away. ``ended``: the process with that pid is no more."""

    host: Host
    options: RenderOptions
    id: str
    kill: Callable[[int], None]
    lose: Callable[[], None]
    ended: Callable[[int], bool]

    def port(self, *ips: DesiredIp) -> DesiredPort:
        identifier = str(uuid.uuid4())
        return DesiredPort(
            id=identifier,
            mac_address="fa:16:3e:" + ":".join(identifier[at : at + 2] for at in (0, 2, 4)),
            mtu=1500,
            segment=segment(),
            ips=ips or (ip(),),
        )

    def put(self, port: DesiredPort | None = None, **fields: Any) -> Desired:
        """Two members behind an HTTP listener, unless ``fields`` says otherwise."""
        where = port or self.port()
        chosen: dict[str, Any] = {
            "listeners": (replace(listener(), load_balancer_id=self.id),),
            "pools": (replace(pool(), load_balancer_id=self.id),),
            "members": (member(0), member(1)),
        }
        made = make_desired(at=where, **(chosen | fields))
        vips = tuple(Vip(address=each.address, subnet_id=str(uuid.uuid4())) for each in where.ips)
        return replace(made, load_balancer=replace(made.load_balancer, id=self.id, vips=vips))


def fake_site() -> Site:
    host, identifier = FakeHost(), str(uuid.uuid4())

    def kill(pid: int) -> None:
        assert kill_haproxy(host, identifier)

    def lose() -> None:
        lose_namespace(host, identifier)
        lose_directory(host, identifier)

    def ended(pid: int) -> bool:
        process = host.places[identifier].process
        return process is None or process.pid != pid

    options = RenderOptions(state_dir="/run/nowhere")
    return Site(host=host, options=options, id=identifier, kill=kill, lose=lose, ended=ended)


@contextmanager
def linux_site(openvswitch: Openvswitch | None = None, *, use_veth: bool = False) -> Iterator[Site]:
    """With a Linux bridge, or in that Open vSwitch."""
    with Lab() as lab:
        settings = HostSettings(
            state_dir=lab.directory / "balancers",
            bridge_mappings={PHYSICAL_NETWORK: lab.bridge},
            haproxy=HaproxySettings(chroot=lab.directory / "empty"),
        )
        if openvswitch is not None:
            settings = replace(
                settings,
                vif_driver=VifDriver.OPENVSWITCH,
                bridge_mappings={PHYSICAL_NETWORK: f"evo{lab.token}"},
                openvswitch=openvswitch.settings(use_veth=use_veth),
            )
        host = LinuxHost(settings)
        host.prepare()
        options = RenderOptions(state_dir=str(settings.state_dir), chroot=str(settings.haproxy.chroot))
        identifier = lab.load_balancer_id()

        def lose() -> None:
            shutil.rmtree(settings.state_dir / identifier)
            netns.remove(settings.netns_dir / f"qlbaas-{identifier}")

        def ended(pid: int) -> bool:
            return start_time(pid) is None

        try:
            yield Site(host=host, options=options, id=identifier, kill=kill_process, lose=lose, ended=ended)
        finally:
            host.stop_haproxy(identifier)
            host.remove_namespace(identifier)
            host.close()
            if openvswitch is not None:
                openvswitch.clear()
    assert lab.leftovers() == []


def kill_process(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
