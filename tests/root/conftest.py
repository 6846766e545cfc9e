"""What tests with real namespaces share; each lab and each switch has names of its own and goes after its test."""

import os
from collections.abc import Iterator

import pytest
from tests.root.lab import Lab
from tests.root.openvswitch import Openvswitch


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "/tests/root/" in str(item.path) and os.geteuid() != 0:
            raise pytest.UsageError("tests/root needs root: run them as root, or leave them out with -m 'not root'")


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab() as lab:
        yield lab
    assert lab.leftovers() == []


@pytest.fixture(scope="module")
def openvswitch_daemons() -> Iterator[Openvswitch]:
    """Gone before other modules start theirs: two userspace switches would fight for the device ``ovs-netdev``."""
    openvswitch = Openvswitch()
    try:
        openvswitch.start()
        yield openvswitch
    finally:
        openvswitch.stop()


@pytest.fixture
def private_openvswitch(openvswitch_daemons: Openvswitch) -> Iterator[Openvswitch]:
    """The module's daemons, without a bridge before and after."""
    yield openvswitch_daemons
    openvswitch_daemons.clear()
