"""Lists on the wire: fields, filters, tags, order, pages and links, for load balancers and their parts."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.api.conftest import LBAAS, World

from evenload.api.paging import links, read_list
from evenload.model.errors import Invalid
from evenload.model.query import Query

BALANCERS = f"{LBAAS}/loadbalancers"
POOLS = f"{LBAAS}/pools"


def names(world: World, query: str, *, path: str = BALANCERS, user: str = "admin:admin") -> list[str]:
    body = world.get(path, query_string=query, user=user)
    return [each["name"] for each in body[path.rsplit("/", 1)[1]]]


@pytest.fixture
def five(world: World) -> World:
    subnet = world.shared_subnet()
    for name, tags, up in (
        ("d", ["red"], True),
        ("b", ["red", "big"], False),
        ("e", [], True),
        ("a", ["big"], True),
        ("c", ["red", "big", "old"], False),
    ):
        world.clock.advance(1)
        world.balancer(subnet, name=name, tags=tags, admin_state_up=up)
    return world


def test_order_of_creation_is_the_default(five: World) -> None:
    assert names(five, "") == ["d", "b", "e", "a", "c"]


@pytest.mark.parametrize(
    ("query", "order"),
    [
        ("sort=name", "abcde"),
        ("sort=name:desc", "edcba"),
        ("sort_key=name", "abcde"),
        ("sort_key=name&sort_dir=desc", "edcba"),
        ("sort=admin_state_up,name:desc", "cbeda"),
        ("sort_key=admin_state_up,name&sort_dir=desc,asc", "adebc"),
        ("sort_key=admin_state_up&sort_key=name&sort_dir=desc&sort_dir=asc", "adebc"),
        ("sort=vip_address:desc", "caebd"),
        ("sort=created_at:desc", "caebd"),
        ("sort=project_id,name", "abcde"),
        ("sort=flavor_id:desc,vip_vnic_type,name", "abcde"),
    ],
)
def test_sorting(five: World, query: str, order: str) -> None:
    assert names(five, query) == list(order)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("name=a", "a"),
        ("name=nothing", ""),
        ("admin_state_up=false", "bc"),
        ("admin_state_up=False&name=c", "c"),
        ("vip_address=10.1.0.3", "b"),
        ("provider=evenload", "dbeac"),
        ("project_id=blue", "dbeac"),
        ("project_id=red", ""),
        ("provisioning_status=PENDING_CREATE", "dbeac"),
        ("provisioning_status=ACTIVE", ""),
        ("id=not-a-uuid", ""),
        ("vip_vnic_type=normal", "dbeac"),
        ("vip_vnic_type=direct", ""),
        ("flavor_id=11111111-2222-4333-8444-555555555555", ""),
        ("tags=red", "dbc"),
        ("tags=red,big", "bc"),
        ("tags=red&tags=big", "bc"),
        ("tags-any=red,old", "dbc"),
        ("not-tags=red,big", "dea"),
        ("not-tags-any=red,big", "e"),
        ("tags=red&not-tags-any=old&admin_state_up=true", "d"),
    ],
)
def test_filters(five: World, query: str, found: str) -> None:
    assert names(five, query) == list(found)


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("name=a&name=b", "name"),
        ("cheese=1", "cheese"),
        ("tenant_id=blue", "tenant_id"),
        ("listeners=x", "listeners"),
        ("session_persistence=x", "session_persistence"),
        ("additional_vips=x", "additional_vips"),
        ("admin_state_up=perhaps", "admin_state_up"),
        ("name=a%0Ab", "name"),
        ("name=a%00", "name"),
        ("sort=tags", "tags"),
        ("sort=cheese", "cheese"),
        ("sort=name:sideways", "sideways"),
        ("sort_key=name&sort_dir=up", "up"),
        ("sort_dir=asc", "sort_dir"),
        ("sort_key=id%20desc;--", "sort_key"),
        ("sort_key=position", "position"),
        ("limit=many", "limit"),
        ("limit=1.5", "limit"),
        ("limit=1_0", "limit"),
        ("limit=%D9%A1", "limit"),
        ("limit=1&limit=2", "limit"),
        ("marker=nonsense", "marker"),
        ("marker=11111111-2222-4333-8444-555555555555", "marker"),
        ("page_reverse=maybe", "page_reverse"),
        ("created_at=yesterday", "created_at"),
    ],
)
def test_nonsense_is_refused_by_name(five: World, query: str, named: str) -> None:
    error = five.call("GET", BALANCERS, query_string=query, expect=400)
    assert named in (error["faultstring"] if "faultstring" in error else error["title"])


def test_a_marker_of_another_project_is_unknown(five: World) -> None:
    """Else one could find out name and times of others' objects by where a page begins."""
    (strange,) = five.get(BALANCERS, query_string="name=b")["loadbalancers"]
    own = five.balancer({"id": strange["vip_subnet_id"]}, user="red:member", name="own")
    query = f"sort=name&marker={strange['id']}"
    error = five.call("GET", BALANCERS, query_string=query, user="red:member", expect=400)
    assert strange["id"] in error["faultstring"]
    assert names(five, f"sort=name&marker={strange['id']}") == ["c", "d", "e", "own"]
    assert names(five, f"marker={own['id']}", user="red:member") == []


def test_too_many_parameters(five: World) -> None:
    five.call("GET", BALANCERS, query_string="&".join(["fields=id"] * 201), expect=400)


def test_fields(five: World) -> None:
    body = five.get(BALANCERS, query_string="name=a&fields=name&fields=id")["loadbalancers"]
    assert [set(each) for each in body] == [{"id", "name"}]
    for query in ("fields=cheese", "fields=id,name"):
        assert five.get(BALANCERS, query_string=query)["loadbalancers"] == [{}] * 5
    one = five.get(f"{BALANCERS}/{body[0]['id']}", query_string="fields=name&unknown=1")
    assert one == {"loadbalancer": {"name": "a"}}


@pytest.mark.parametrize("limit", ["", "0", "-5", "infinite", "100", "5"])
def test_no_limit_that_bites(five: World, limit: str) -> None:
    body = five.get(BALANCERS, query_string=f"limit={limit}")
    assert len(body["loadbalancers"]) == 5
    assert body["loadbalancers_links"] == []


def follow(world: World, body: dict[str, Any], rel: str) -> dict[str, Any] | None:
    for link in body["loadbalancers_links"]:
        if link["rel"] == rel:
            parts = urlsplit(link["href"])
            assert f"{parts.scheme}://{parts.netloc}" == "http://falconframework.org"
            page: dict[str, Any] = world.get(parts.path, query_string=parts.query)
            return page
    return None


def shown(body: dict[str, Any]) -> str:
    return "".join(each["name"] for each in body["loadbalancers"])


def test_pages_forth_and_back(five: World) -> None:
    page = five.get(BALANCERS, query_string="limit=2&sort=name")
    forth = [page]
    while (following := follow(five, forth[-1], "next")) is not None:
        forth.append(following)
    assert [shown(page) for page in forth] == ["ab", "cd", "e"]
    back = [forth[-1]]
    while (before := follow(five, back[-1], "previous")) is not None:
        back.append(before)
    assert [shown(page) for page in back] == ["e", "cd", "ab"]
    assert follow(five, back[-1], "next") is not None
    assert shown(follow(five, back[-1], "next") or {}) == "cd"


def test_links_keep_filters_and_fields(five: World) -> None:
    body = five.get(BALANCERS, query_string="limit=1&tags=red&tags=big&sort_key=name&fields=name&fields=id")
    assert shown(body) == "b"
    (link,) = body["loadbalancers_links"]
    parts = urlsplit(link["href"])
    assert parts.path == BALANCERS
    expected = [
        ("limit", "1"),
        ("tags", "red"),
        ("tags", "big"),
        ("sort_key", "name"),
        ("fields", "name"),
        ("fields", "id"),
    ]
    assert parse_qsl(parts.query)[:-1] == expected
    last = follow(five, body, "next")
    assert last is not None
    assert last["loadbalancers"] == [{"id": last["loadbalancers"][0]["id"], "name": "c"}]
    assert [link["rel"] for link in last["loadbalancers_links"]] == ["previous"]


def test_a_whole_list_is_capped(make_world_with: Callable[..., World]) -> None:
    world = make_world_with(page_limit=2)
    subnet = world.shared_subnet()
    for name in "abc":
        world.clock.advance(1)
        world.balancer(subnet, name=name)
    for query in ("", "limit=50"):
        body = world.get(BALANCERS, query_string=query)
        assert shown(body) == "ab"
        assert shown(follow(world, body, "next") or {}) == "c"


def test_base_of_links_by_setting(make_world_with: Callable[..., World]) -> None:
    world = make_world_with(base_uri="https://lb.example/api/")
    assert world.get("/")["versions"][0]["links"][0]["href"] == "https://lb.example/api/v2"


def test_forwarded_headers_by_setting(make_world_with: Callable[..., World]) -> None:
    world = make_world_with(trust_forwarded=True)
    headers = {"X-Forwarded-Host": "lb.example", "X-Forwarded-Proto": "https"}
    assert world.get("/", headers=headers)["versions"][0]["links"][0]["href"] == "https://lb.example/v2"


def test_filters_of_the_parts_by_their_api_names(world: World) -> None:
    subnet = world.shared_subnet()
    six = world.subnet({"id": subnet["network_id"]}, "2001:db8:1::/64")
    first = world.balancer(subnet, additional_vips=[{"subnet_id": six["id"]}])
    second = world.balancer(subnet)
    listener = world.listener(first, 81, name="l1", timeout_client_data=9)
    world.listener(second, 82, name="l2")
    pool = world.pool(first, listener_id=listener["id"], name="p1", lb_algorithm="SOURCE_IP")
    other = world.pool(second, name="p2")
    world.member(pool, "2001:db8::1", name="m1", weight=9)
    world.member(pool, "10.9.0.2", name="m2")
    monitor = world.monitor(pool, name="h1", max_retries=9, url_path="/up", http_method="HEAD")
    world.monitor(other, name="h2", type="TCP")
    for path, query, found in (
        ("listeners", f"loadbalancer_id={first['id']}", ["l1"]),
        ("listeners", f"load_balancer_id={second['id']}", ["l2"]),
        ("listeners", "protocol_port=82", ["l2"]),
        ("listeners", "timeout_client_data=9", ["l1"]),
        ("listeners", f"default_pool_id={pool['id']}", ["l1"]),
        ("listeners", "protocol=HTTP&sort=protocol_port:desc", ["l2", "l1"]),
        ("listeners", "protocol=UDP", []),
        ("listeners", "tls_ciphers=x", []),
        ("listeners", "hsts_preload=false&sort=name", ["l1", "l2"]),
        ("pools", f"loadbalancer_id={first['id']}", ["p1"]),
        ("pools", f"healthmonitor_id={monitor['id']}", ["p1"]),
        ("pools", "lb_algorithm=SOURCE_IP", ["p1"]),
        ("pools", "sort=lb_algorithm:desc", ["p1", "p2"]),
        (f"pools/{pool['id']}/members", "address=2001:DB8:0::1", ["m1"]),
        (f"pools/{pool['id']}/members", "address=nonsense", []),
        (f"pools/{pool['id']}/members", f"pool_id={pool['id']}&name=m1", ["m1"]),
        (f"pools/{pool['id']}/members", f"pool_id={other['id']}", []),
        (f"pools/{pool['id']}/members", "protocol_port=8080&weight=1", ["m2"]),
        (f"pools/{pool['id']}/members", "sort=weight:desc", ["m1", "m2"]),
        (f"pools/{other['id']}/members", "", []),
        ("healthmonitors", "max_retries=9", ["h1"]),
        ("healthmonitors", "url_path=/up", ["h1"]),
        ("healthmonitors", "http_method=HEAD", ["h1"]),
        ("healthmonitors", f"pool_id={other['id']}", ["h2"]),
        ("healthmonitors", "type=TCP", ["h2"]),
        ("healthmonitors", "sort=max_retries:desc", ["h1", "h2"]),
    ):
        assert names(world, query, path=f"{LBAAS}/{path}") == found, (path, query)
    for path, query in (
        ("pools", f"listener_id={listener['id']}"),
        ("listeners", "protocol=CHEESE"),
        ("listeners", "protocol_port=eighty"),
        ("listeners", "protocol_port=99999999999999999999999"),
        ("healthmonitors", "http_version=3"),
    ):
        world.call("GET", f"{LBAAS}/{path}", query_string=query, expect=400)


def test_every_column_is_known_to_the_store(world: World) -> None:
    """A filter or order that the schema offers and the store refuses would be found by a user."""
    from evenload.api.octavia_v2.resources import COLUMNS, WORDS  # the table is what is tested
    from evenload.model.enums import Kind

    balancer = world.balancer(world.shared_subnet())
    listener = world.listener(balancer)
    policy = world.post(f"{LBAAS}/l7policies", {"l7policy": {"listener_id": listener["id"], "action": "REJECT"}})
    nested = {
        Kind.MEMBER: f"{LBAAS}/pools/{world.pool(balancer)['id']}/members",
        Kind.L7_RULE: f"{LBAAS}/l7policies/{policy['id']}/rules",
    }
    for kind, columns in COLUMNS.items():
        path = nested.get(kind, f"{LBAAS}/{WORDS[kind][1]}")
        for name, column in columns.items():
            if column.sortable:
                world.get(path, query_string=f"sort={name}")
            for sample in (
                "1",
                "true",
                "1.0",
                "200",
                "2026-01-01",
                "10.0.0.1",
                "HTTP",
                "TCP",
                "SOURCE_IP",
                "PING",
                "REJECT",
                "NONE",
                "PATH",
                "EQUAL_TO",
                "blue",
                "x",
            ):
                result = world.call("GET", path, query_string=f"{name}={sample}")
                if result.status_code == 200:
                    break
            assert result.status_code == 200, f"{path} {name}"


@given(st.lists(st.tuples(st.sampled_from(["limit", "sort", "sort_key", "marker", "name", "tags", "x"]), st.text())))
def test_no_query_string_is_a_fault_of_ours(pairs: list[tuple[str, str]]) -> None:
    from evenload.api.octavia_v2.resources import COLUMNS
    from evenload.model.enums import Kind

    try:
        wanted = read_list(pairs, COLUMNS[Kind.POOL], page_limit=10)
    except Invalid:
        return
    assert wanted.query.limit is not None
    assert 1 <= wanted.query.limit <= 10


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(query=st.text(st.characters(codec="ascii", exclude_characters="#"), max_size=40))
def test_no_query_string_brings_the_service_down(five: World, query: str) -> None:
    assert five.call("GET", BALANCERS, query_string=f"name=a&{query}").status_code in (200, 400)


def test_an_empty_page_has_no_links() -> None:
    assert links("http://x", [("marker", "m")], Query(marker="m", limit=1), [], more=False) == []
