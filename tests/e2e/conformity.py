"""Whether a host is what the database says, judged by the product's own plan: nothing would be left to do."""

import random

from tests.e2e.world import World
from tests.fakes.hints import NotedHints

from evenload.agent.plan import plan
from evenload.host.linux import LinuxHost
from evenload.main.clock import SystemClock
from evenload.main.identifiers import Identifiers
from evenload.main.parts import open_database
from evenload.main.settings import Settings, read_settings
from evenload.model.desired import Desired
from evenload.ports.ipam import Ipam
from evenload.service.agents import AgentGateway
from evenload.service.context import Context
from evenload.service.vip_ports import VipPorts
from evenload.store.unit_of_work import SqlUnitOfWork


def await_conformity(world: World) -> None:
    """Looks while the service is frozen, so that nothing moves between database and host."""
    settings = read_settings(["--config-file", str(world.service.config)])
    differences: list[str] = []

    def conforms() -> bool:
        with world.service.frozen():
            differences[:] = read_differences(settings)
        return not differences

    try:
        world.wait(conforms, "data plane and database are equal")
    except AssertionError as error:
        raise AssertionError(f"{error}: {differences}") from error


def read_differences(settings: Settings) -> list[str]:
    """One line for each load balancer that is not as it is desired, or not desired."""
    engine = open_database(settings)
    clock = SystemClock()
    uow = SqlUnitOfWork(engine, NotedHints())
    ports = VipPorts(uow, Ipam(uow, clock, Identifiers(), random.SystemRandom()), clock, Identifiers())
    gateway = AgentGateway(Context(uow=uow, ports=ports, clock=clock, new_id=Identifiers()))
    host = LinuxHost(settings.host)
    try:
        with uow.read() as transaction:
            assigned = sorted(transaction.assignments(settings.host_name))
        found = []
        for identifier, desired in gateway.fetch(settings.host_name, assigned).items():
            port = desired.port if isinstance(desired, Desired) else None
            actions = plan(desired, host.observe(identifier, port), settings.render).actions
            found += [f"{identifier}: {actions}"] if actions else []
        found += [f"{identifier}: not desired" for identifier in host.load_balancer_ids() if identifier not in assigned]
        return found
    finally:
        host.close()
        engine.dispose()
