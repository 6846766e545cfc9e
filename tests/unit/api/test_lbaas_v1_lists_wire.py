"""Lists of LBaaS v1: filters, order, attributes of choice and pages, as the stock clients ask for them."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.unit.api.conftest import LB, NOWHERE, World

MEMBER = "blue:member"


class Shelf:
    """Two pools, one with a VIP, two members and a monitor; a second VIP elsewhere."""

    def __init__(self, world: World) -> None:
        self.world = world
        subnet = world.shared_subnet()
        self.monitor = self.later(world.v1_monitor(delay=7, max_retries=1))
        self.ping = self.later(world.v1_monitor(type="PING"))
        self.a = self.later(world.v1_pool(name="a", health_monitors=[self.monitor["id"]]))
        self.b = self.later(world.v1_pool(name="b", protocol="TCP", lb_method="SOURCE_IP", admin_state_up=False))
        self.c = self.later(world.v1_pool(name="c", description="d", provider="Evenload", user="red:member"))
        self.one = self.later(world.v1_member(self.a, "10.9.0.1", weight=5))
        self.two = self.later(world.v1_member(self.a, "10.9.0.2", protocol_port=81))
        self.vip = self.later(world.vip(self.a, subnet, name="v", address="10.1.0.77", connection_limit=9))
        self.other = self.later(world.vip(self.c, subnet, name="w", user="red:member"))
        self.names = {
            each["id"]: name
            for name, each in vars(self).items()
            if isinstance(each, dict) and "id" in each and "tenant_id" in each
        }

    def later(self, made: Any) -> Any:
        """Nothing is made at the same moment as the next."""
        self.world.clock.advance(1)
        return made

    def listed(self, collection: str, query: str, **more: Any) -> str:
        answered = self.world.get(f"{LB}/{collection}", query_string=query, **more)
        return " ".join(self.names[each["id"]] for each in answered[collection])

    def refused(self, collection: str, query: str) -> str:
        kind, message = self.world.v1_error("GET", f"{LB}/{collection}", query_string=query, expect=400)
        assert kind == "InvalidInput"
        return message


@pytest.fixture
def shelf(world: World) -> Shelf:
    return Shelf(world)


@pytest.mark.parametrize(
    ("collection", "query", "expected"),
    [
        ("pools", "", "a b c"),
        ("pools", "name=a", "a"),
        ("pools", "name=a&name=c", "a c"),
        ("pools", "name=a&name=b&protocol=TCP", "b"),
        ("pools", "name=nothing", ""),
        ("pools", "name=&protocol=", "a b c"),
        ("pools", "verbose=True", "a b c"),
        ("pools", "admin_state_up=True", "a c"),
        ("pools", "admin_state_up=False", "b"),
        ("pools", "lb_method=SOURCE_IP", "b"),
        ("pools", "provider=EVENLOAD", "c"),
        ("pools", "description=d", "c"),
        ("pools", "tenant_id=red", "c"),
        ("pools", "project_id=red", "c"),
        ("pools", "tenant_id=red&tenant_id=blue", "a b c"),
        ("pools", "tenant_id=red&project_id=blue", "a b c"),
        ("pools", f"subnet_id={NOWHERE}", "a b c"),
        ("pools", "status=ACTIVE", "b"),
        ("pools", "vip_id=@vip", "a"),
        ("pools", "members=@two", "a"),
        ("pools", "health_monitors=@monitor", "a"),
        ("pools", "health_monitors=@ping", ""),
        ("pools", "id=@a&id=@c", "a c"),
        ("pools", f"id={NOWHERE}", ""),
        ("vips", "", "vip other"),
        ("vips", "address=10.1.0.77", "vip"),
        ("vips", "address=cheese", ""),
        ("vips", "pool_id=@c", "other"),
        ("vips", "pool_id=@c&name=v", ""),
        ("vips", "protocol_port=80&connection_limit=9", "vip"),
        ("vips", "name=v&name=w&tenant_id=red", "other"),
        ("members", "", "one two"),
        ("members", "address=10.9.0.2", "two"),
        ("members", "pool_id=@a&weight=5", "one"),
        ("members", "pool_id=@b", ""),
        ("members", "protocol_port=81", "two"),
        ("members", "name=10.9.0.1", ""),
        ("health_monitors", "", "monitor ping"),
        ("health_monitors", "name=foo", ""),
        ("health_monitors", "type=PING", "ping"),
        ("health_monitors", "delay=7&max_retries=1", "monitor"),
        ("health_monitors", "url_path=/", "monitor"),
        ("health_monitors", "tenant_id=red", ""),
        ("health_monitors", "tenant_id=blue", "monitor ping"),
        ("health_monitors", "id=@ping", "ping"),
    ],
)
def test_filters(shelf: Shelf, collection: str, query: str, expected: str) -> None:
    for identifier, name in shelf.names.items():
        query = query.replace(f"@{name}&", f"{identifier}&")
        query = identifier.join(query.rsplit(f"@{name}", 1)) if query.endswith(f"@{name}") else query
    assert shelf.listed(collection, query) == expected


def test_filters_never_reach_beyond_the_own_project(shelf: Shelf) -> None:
    for query in ("", "tenant_id=blue", "tenant_id=blue&tenant_id=red", "name=a&name=b&name=c"):
        assert shelf.listed("pools", query, user=MEMBER) == "a b"
    for query in ("tenant_id=red", "name=c", f"id={shelf.c['id']}"):
        assert shelf.listed("pools", query, user=MEMBER) == ""
    assert shelf.listed("health_monitors", "tenant_id=blue", user="red:member") == ""


@pytest.mark.parametrize(
    ("collection", "query", "named"),
    [
        ("pools", "cheese=1", "cheese"),
        ("pools", "health_monitors_status=x", "health_monitors_status"),
        ("vips", "session_persistence=SOURCE_IP", "session_persistence"),
        ("health_monitors", "pools=x", "pools"),
        ("pools", "admin_state_up=perhaps", "admin_state_up"),
        ("vips", "protocol_port=x", "protocol_port"),
        ("pools", "sort_key=cheese", "sort_key"),
        ("pools", "sort_key=members", "sort_key"),
        ("pools", "sort_key=name&sort_dir=up", "sort_dir"),
        ("pools", "sort_key=name&sort_dir=asc&sort_dir=desc", "sort_dir"),
        ("pools", "limit=x", "limit"),
        ("pools", f"marker={NOWHERE}", "marker"),
        ("pools", "name=%00", "name"),
    ],
)
def test_queries_that_mean_nothing(shelf: Shelf, collection: str, query: str, named: str) -> None:
    assert named in shelf.refused(collection, query)


@pytest.mark.parametrize(
    ("collection", "query", "expected"),
    [
        ("pools", "sort_key=name&sort_dir=desc", "c b a"),
        ("pools", "sort_key=protocol&sort_key=name&sort_dir=desc&sort_dir=desc", "b c a"),
        ("pools", "sort_key=admin_state_up&sort_dir=asc", "b a c"),
        ("vips", "sort_key=address&sort_dir=desc", "vip other"),
        ("members", "sort_key=weight&sort_dir=asc", "two one"),
    ],
)
def test_order(shelf: Shelf, collection: str, query: str, expected: str) -> None:
    assert shelf.listed(collection, query) == expected


def test_pages(shelf: Shelf) -> None:
    world, query, seen = shelf.world, "limit=1&fields=id&fields=name&sort_key=name&sort_dir=desc", ""
    for expected in "cba":
        page = world.get(f"{LB}/pools", query_string=query)
        assert [each["name"] for each in page["pools"]] == [expected]
        assert page["pools"][0].keys() == {"id", "name"}
        links = {link["rel"]: link["href"] for link in page.get("pools_links", [])}
        assert ("next" in links, "previous" in links) == (expected != "a", expected != "c")
        seen += expected
        query = urlsplit(links.get("next", "")).query
    assert seen == "cba"
    back = world.get(f"{LB}/pools", query_string=f"limit=1&marker={shelf.c['id']}&page_reverse=True")
    assert [each["name"] for each in back["pools"]] == ["b"]
    for whole in ("", "limit=3", "limit=0", "limit=-1"):
        assert world.get(f"{LB}/pools", query_string=whole).keys() == {"pools"}


def test_pages_of_objects_without_their_id(shelf: Shelf) -> None:
    page = shelf.world.get(f"{LB}/pools", query_string="limit=1&fields=name")
    assert page["pools"] == [{"name": "a"}]
    assert shelf.a["id"] in page["pools_links"][0]["href"]


def test_how_clients_look_names_up(shelf: Shelf) -> None:
    found = shelf.world.get(f"{LB}/pools", query_string="name=b&fields=id", user=MEMBER)
    assert found == {"pools": [{"id": shelf.b["id"]}]}
    subnet = shelf.world.get("/v2.0/subnets", query_string="name=subnet&fields=id", user=MEMBER)
    assert subnet == {"subnets": [{"id": shelf.vip["subnet_id"]}]}


def test_a_page_never_holds_more_than_the_settings_allow(make_world_with: Any) -> None:
    world = make_world_with(page_limit=2)
    for _ in range(3):
        world.v1_pool()
    page = world.get(f"{LB}/pools")
    assert (len(page["pools"]), [link["rel"] for link in page["pools_links"]]) == (2, ["next"])
