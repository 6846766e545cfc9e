"""The service as a process, one for the session and one for tests that end it; its log goes with every failure."""

from collections.abc import Iterator

import pytest
from demo.lab import Lab
from demo.service import Sections
from tests.databases import KINDS, Databases, running_databases
from tests.e2e.building import build_world, make_networks
from tests.e2e.keystone_site import Site, build_keystone_site
from tests.e2e.v1_world import V1
from tests.e2e.world import World
from tests.identity_service.keystone import Keystone, running_keystone

_WORLDS = pytest.StashKey[list[World]]()
_OFFSETS = pytest.StashKey[dict[str, int]]()
_LOG_LINES = 80


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_WORLDS] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "/e2e/" in str(item.path):
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.root)
            item.add_marker(pytest.mark.filterwarnings("ignore:::openstack"))  # its own deprecations


@pytest.fixture(scope="session")
def session_world(request: pytest.FixtureRequest) -> Iterator[World]:
    with Lab() as lab:
        yield _furnished(lab, request.config)


@pytest.fixture
def world(session_world: World) -> Iterator[World]:
    """Empty of load balancers before and after; that nothing of them is left is checked after every test."""
    yield session_world
    session_world.clear()


@pytest.fixture
def v1(world: World) -> Iterator[V1]:
    """Empty of what LBaaS v1 made after each test."""
    v1 = V1(world)
    try:
        yield v1
    finally:
        v1.clear()


@pytest.fixture(scope="module")
def fragile_module_world(request: pytest.FixtureRequest) -> Iterator[World]:
    """Looks at the whole host every second instead of every 30, so that the tests need not wait that long."""
    with Lab() as lab:
        yield _furnished(lab, request.config, {"agent": {"resync_interval": 1}})


@pytest.fixture
def fragile_world(fragile_module_world: World) -> Iterator[World]:
    """A world of its own for a module whose tests end the service; it runs at the start of each test."""
    if not fragile_module_world.service.running:
        fragile_module_world.service.start()
    yield fragile_module_world
    if not fragile_module_world.service.running:
        fragile_module_world.service.start()
    fragile_module_world.clear()


@pytest.fixture(scope="session")
def databases() -> Iterator[Databases]:
    with running_databases() as running:
        yield running


@pytest.fixture(params=["sqlite", *KINDS])
def churn_world(request: pytest.FixtureRequest, databases: Databases) -> Iterator[World]:
    """A world on each kind of database, for tests that kill its roles."""
    sections: dict[str, dict[str, str | int | float]] = {"agent": {"resync_interval": 1}}
    if request.param in KINDS:
        sections["database"] = {"connection": databases.empty(request.param).url}
    with Lab() as lab:
        world = _furnished(lab, request.config, sections)
        yield world
        world.clear()


@pytest.fixture(scope="session")
def keystone() -> Iterator[Keystone]:
    """The real one; whoever needs projects, users and a catalog makes them."""
    with running_keystone() as running:
        yield running


@pytest.fixture(scope="session")
def keystone_site(keystone: Keystone) -> Iterator[Site]:
    """Who changes what is not his own puts it back."""
    with Lab() as lab:
        yield build_keystone_site(lab, keystone)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    del nextitem
    item.stash[_OFFSETS] = {str(world.service.log): _size(world) for world in item.config.stash[_WORLDS]}
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    del call
    report = yield
    if report.failed:  # type: ignore[attr-defined]
        for world in item.config.stash[_WORLDS]:
            written = _since(world, item.stash.get(_OFFSETS, {}))
            if written:
                report.sections.append((f"log of {world.service.url}", written))  # type: ignore[attr-defined]
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    measured: dict[str, float] = {}
    for world in config.stash.get(_WORLDS, []):
        measured.update(world.measured)
    if measured:
        terminalreporter.section("measured end to end")
        for what, seconds in sorted(measured.items()):
            terminalreporter.write_line(f"{what:<60} {seconds * 1000:8.0f} ms")


def _furnished(lab: Lab, config: pytest.Config, sections: Sections | None = None) -> World:
    mappings = f"physnet1:{lab.bridge},physnet2:{lab.bridge}"
    world = build_world(lab, {"networks": {"bridge_mappings": mappings}, **(sections or {})})
    config.stash[_WORLDS].append(world)
    make_networks(world)
    return world


def _size(world: World) -> int:
    return world.service.log.stat().st_size if world.service.log.exists() else 0


def _since(world: World, offsets: dict[str, int]) -> str:
    """What the service logged since then: what was out of order, and the end."""
    if not world.service.log.exists():
        return ""
    with world.service.log.open(errors="replace") as log:
        log.seek(offsets.get(str(world.service.log), 0))
        lines = log.readlines()
    trouble = [line for line in lines[:-_LOG_LINES] if " info " not in line]
    return "".join([*trouble[:_LOG_LINES], *lines[-_LOG_LINES:]])
