"""An agent beside the server of a later version, as real processes: what it cannot read it refuses by name."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from demo.lab import Lab
from tests.e2e import later_server
from tests.e2e.building import build_world, make_networks
from tests.e2e.killing import undisturbed
from tests.e2e.later_server import FIELD, PORT
from tests.e2e.world import World

from evenload.model.registration import PAYLOAD_VERSION


@pytest.fixture
def later_world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with Lab() as lab:
        (lab.directory / "later").mkdir()
        shutil.copy(Path(later_server.__file__), lab.directory / "later" / "sitecustomize.py")
        monkeypatch.setenv("PYTHONPATH", str(lab.directory / "later"))
        world = build_world(lab, {"agent": {"resync_interval": 1}}, webs=("web1", "web2"))
        make_networks(world)
        yield world
        world.clear()


def test_a_document_with_an_unknown_field_is_refused_by_it_and_traffic_goes_on(later_world: World) -> None:
    world = later_world
    made, other = world.balancer("web1", "web2"), world.balancer("web2", name="other")
    world.wait_answer(made.vip)
    with undisturbed(world, made):
        desired = {"loadbalancer_id": made.id, "protocol": "TCP", "protocol_port": PORT}
        refused = world.create("listeners", "listener", default_pool_id=made.pool_id, **desired)["id"]
        world.wait(lambda: world.show("listeners", refused)["provisioning_status"] == "ERROR", "refused")
        assert world.show("loadbalancers", made.id)["provisioning_status"] == "ERROR"
        assert f"the field listeners.1.{FIELD} is unknown to version {PAYLOAD_VERSION}" in world.service.log.read_text()
        text = world.config_of(made.id)
        assert refused not in text
        # The others are none of its business, neither those in the same batch nor what is made meanwhile.
        world.lbaas("PUT", f"listeners/{other.listener_id}", {"listener": {"connection_limit": 77}})
        world.wait_active(other.id)
        assert "maxconn 77" in world.config_of(other.id)
        # A restart of the agent forgets neither: it serves by what it remembers.
        world.service.kill()
        world.service.start()
        world.wait(lambda: world.service.log.read_text().count(FIELD) >= 2, "refused again")
        assert world.config_of(made.id) == text

        assert world.lbaas("DELETE", f"listeners/{refused}").status == 204
        world.wait_active(made.id)
        assert world.lbaas("PUT", f"listeners/{made.listener_id}", {"listener": {"name": "as before"}}).status == 200
        world.wait_active(made.id)
