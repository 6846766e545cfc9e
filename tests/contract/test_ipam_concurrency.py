"""Many at once on one small subnet: no address and no MAC twice, and the end said clearly."""

import random
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.contract.samples import new_id
from tests.databases import KINDS, Databases
from tests.fakes.clock import StillClock
from tests.fakes.hints import NotedHints
from tests.sqlite import newest_sqlite
from tests.waiting import NET

from evenload.interfaces.ports import VipRequest
from evenload.model.errors import Conflict
from evenload.model.held_port import HeldPort
from evenload.model.network import Port
from evenload.ports.ipam import Ipam
from evenload.service.networks import Networks, NetworkSettings
from evenload.store.engine import StoreSettings, open_engine
from evenload.store.unit_of_work import SqlUnitOfWork

THREADS = 16
ATTEMPTS = 8


@pytest.fixture(params=["sqlite", *KINDS])
def url(request: pytest.FixtureRequest, tmp_path: Path, databases: Databases) -> str:
    return newest_sqlite(tmp_path / "evenload.db") if request.param == "sqlite" else databases.empty(request.param).url


def test_no_address_twice_however_many_ask(url: str) -> None:
    """Half of the threads speak through an engine of their own, as another process would."""
    settings = StoreSettings(url=url, busy_timeout=NET)
    engines = [open_engine(settings), open_engine(settings)]
    stores = [SqlUnitOfWork(engine, NotedHints(), busy_timeout=NET) for engine in engines]
    clock = StillClock()

    def networks_of(store: SqlUnitOfWork, seed: int) -> Networks:
        settings = NetworkSettings(default_physical_network="p", physical_networks=("p",))
        return Networks(store, settings, clock, new_id, random.Random(seed))

    network = networks_of(stores[0], 0).create_network("p", {}).network
    fields = {"network_id": network.id, "ip_version": 4, "cidr": "10.0.0.0/26"}
    subnet = networks_of(stores[0], 0).create_subnet("p", fields)
    refusals: list[Conflict] = []
    failures: list[BaseException] = []
    begin = threading.Barrier(THREADS)

    def repeat(act: Callable[[], object]) -> None:
        begin.wait()
        for _ in range(ATTEMPTS):
            try:
                act()
            except Conflict as conflict:
                refusals.append(conflict)
            except BaseException as error:
                failures.append(error)
                raise

    def vips(store: SqlUnitOfWork, seed: int) -> Callable[[], object]:
        # Few different numbers, so that MAC addresses collide as well.
        ipam = Ipam(store, clock, new_id, random.Random(seed % 3))

        def reserve() -> None:
            held = HeldPort(id=new_id(), load_balancer_id=new_id(), since=clock.now())
            ipam.reserve_vip_port(held, "p", VipRequest(subnet_id=subnet.id))

        return reserve

    def ports(store: SqlUnitOfWork, seed: int) -> Callable[[], object]:
        networks = networks_of(store, seed % 3)
        return lambda: networks.create_port("p", {"network_id": network.id})

    threads = [
        threading.Thread(target=repeat, args=((vips if number % 4 < 2 else ports)(stores[number % 2], number),))
        for number in range(THREADS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    made: list[Port] = networks_of(stores[0], 0).ports()
    for engine in engines:
        engine.dispose()
    assert failures == []
    taken = [ip.address for port in made for ip in port.fixed_ips]
    assert sorted(taken) == sorted(f"10.0.0.{number}" for number in range(2, 63))
    assert len({port.mac_address for port in made}) == len(made) == 61
    assert len(refusals) == THREADS * ATTEMPTS - 61
    assert all("No more IP addresses available" in refusal.detail for refusal in refusals)
