"""Descriptions of several lines, as a here-document of Terraform is: shown as they were sent, and no line elsewhere."""

from typing import Any

import pytest
from structlog.testing import capture_logs
from tests.unit.api.conftest import LB, LBAAS, Furnished, World

from evenload.main.status.described import describe_tree
from evenload.model.event import EventQuery, sentence
from evenload.payloads.documents import dump_desired
from evenload.render.haproxy import render_haproxy
from evenload.render.options import RenderOptions

LINES = "one\n\ttwoIndeed\r\nthree\n"


@pytest.mark.parametrize("kind", ["loadbalancer", "listener", "pool"])
def test_it_is_shown_as_it_was_sent(furnished: Furnished, kind: str) -> None:
    collection, good, one = furnished.good[kind]
    world = furnished.world
    made = world.post(f"{LBAAS}/{collection}", {kind: {**good, "description": LINES}})
    assert made["description"] == LINES
    assert world.get(f"{LBAAS}/{collection}/{made['id']}")[kind] == made
    changed = world.call("PUT", f"{LBAAS}/{one}", {kind: {"description": LINES[:-1]}}, expect=200)[kind]
    assert changed["description"] == LINES[:-1]
    for text, identifier in ((LINES, made["id"]), (LINES[:-1], changed["id"])):
        [found] = world.get(f"{LBAAS}/{collection}", params={"description": text})[collection]
        assert found["id"] == identifier


def test_names_and_tags_have_no_lines(furnished: Furnished) -> None:
    for name, value in (("name", "a\n"), ("tags", ["a\n"]), ("name", "a\tb")):
        path = f"{LBAAS}/{furnished.good['listener'][2]}"
        fault = furnished.world.call("PUT", path, {"listener": {name: value}}, expect=400)["faultstring"]
        assert "Control characters and line separators are not allowed." in fault
    for text in ("a\x00", "a\x0b", "a\x1b[31m", "a\x7f", "a\x85", "a\u2028"):
        body = {"listener": {"description": text}}
        fault = furnished.world.call("PUT", path, raw=body, expect=400)["faultstring"]
        assert "line feeds, carriage returns and tabs alone are allowed" in fault


def test_lbaas_v1_and_networks_show_it_too(world: World) -> None:
    network = world.network(shared=True, description=LINES)
    assert network["description"] == LINES
    subnet = world.subnet(network, description=LINES)
    pool = world.v1_pool(subnet_id=subnet["id"], description=LINES)
    vip = world.vip(pool, subnet, description=LINES)
    assert (pool["description"], vip["description"]) == (LINES, LINES)
    [found] = world.get(f"{LB}/vips", params={"description": LINES})["vips"]
    assert found["description"] == LINES
    assert world.get(f"{LBAAS}/listeners/{vip['id']}")["listener"]["description"] == LINES


def test_no_log_no_event_and_no_agent_has_a_word_of_it(world: World) -> None:
    subnet = world.shared_subnet()
    with capture_logs() as logs:
        balancer = world.balancer(subnet, name="shop", description=LINES)
        listener = world.listener(balancer, description=LINES)
        pool = world.pool(balancer, description=LINES)
        policy: dict[str, Any] = {"listener_id": listener["id"], "action": "REJECT", "description": LINES}
        world.post(f"{LBAAS}/l7policies", {"l7policy": policy}, user="blue:member")
        world.call("PUT", f"{LBAAS}/pools/{pool['id']}", {"pool": {"description": f"{LINES}\x00"}}, expect=400)
        world.settle()
    assert any(line["event"] == "audit" and line["status"] == 400 for line in logs)
    [desired] = world.gateway.fetch("host-1", [balancer["id"]]).values()
    with world.uow.read() as transaction:
        events = transaction.events(EventQuery(limit=100))
        tree = transaction.tree(balancer["id"])
    assert events
    assert tree is not None
    texts = [
        *(repr(line) for line in logs),
        *(sentence(each.event) for each in events),
        dump_desired(desired).decode(),  # type: ignore[arg-type]
        render_haproxy(desired, RenderOptions(state_dir="/x"), worker=1),  # type: ignore[arg-type]
    ]
    refused = [text for text in texts if "twoIndeed" in text]
    assert refused == []
    assert describe_tree(tree, None)["description"] == LINES
