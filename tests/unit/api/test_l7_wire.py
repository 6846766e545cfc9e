"""Octavia v2 on the wire: L7 policies and rules."""

from typing import Any

import pytest
from tests.unit.api.conftest import LBAAS, NOWHERE, World

USER = "blue:member"
URL = "https://else.example/"
RULE = {"type": "PATH", "compare_type": "STARTS_WITH", "value": "/x"}
PLAIN_POOL = {"protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"}


def post(world: World, listener: Any, action: str = "REJECT", **more: Any) -> Any:
    body = {"listener_id": listener["id"], "action": action, **more}
    return world.post(f"{LBAAS}/l7policies", {"l7policy": body}, user=USER)


def put(world: World, policy: Any, **changes: Any) -> Any:
    path = f"{LBAAS}/l7policies/{policy['id']}"
    return world.call("PUT", path, {"l7policy": changes}, user=USER, expect=200)["l7policy"]


def rule(world: World, policy: Any, **more: Any) -> Any:
    return world.post(f"{LBAAS}/l7policies/{policy['id']}/rules", {"rule": {**RULE, **more}}, user=USER)


def refused(world: World, method: str, path: str, body: Any, expect: int, user: str = USER) -> str:
    fault: str = world.call(method, f"{LBAAS}/{path}", body, user=user, expect=expect)["faultstring"]
    return fault


def order(world: World, listener: Any) -> list[tuple[str, int]]:
    found = world.get(f"{LBAAS}/l7policies?listener_id={listener['id']}&sort=position", user=USER)["l7policies"]
    return [(each["name"], each["position"]) for each in found if each["provisioning_status"] != "PENDING_DELETE"]


@pytest.fixture
def balancer(world: World) -> Any:
    return world.balancer(world.shared_subnet())


@pytest.fixture
def listener(world: World, balancer: Any) -> Any:
    return world.listener(balancer)


def test_a_policy_and_a_rule_with_their_defaults(world: World, listener: Any) -> None:
    policy = post(world, listener)
    common = {
        "project_id": "blue",
        "tenant_id": "blue",
        "admin_state_up": True,
        "tags": [],
        "provisioning_status": "PENDING_CREATE",
        "status_reason": None,
        "operating_status": "OFFLINE",
        "operating_status_reason": None,
        "operating_status_since": policy["created_at"],
        "updated_at": None,
    }
    assert policy == {
        **common,
        "id": policy["id"],
        "name": "",
        "description": "",
        "listener_id": listener["id"],
        "action": "REJECT",
        "position": 1,
        "redirect_pool_id": None,
        "redirect_url": None,
        "redirect_prefix": None,
        "redirect_http_code": None,
        "rules": [],
        "created_at": policy["created_at"],
    }
    made = rule(world, policy)
    assert made == {**common, **RULE, "id": made["id"], "key": None, "invert": False, "created_at": made["created_at"]}
    assert world.get(f"{LBAAS}/l7policies/{policy['id']}", user=USER)["l7policy"]["rules"] == [{"id": made["id"]}]
    shown = world.get(f"{LBAAS}/listeners/{listener['id']}", user=USER)["listener"]
    assert shown["l7policies"] == [{"id": policy["id"]}]
    assert shown["provisioning_status"] == "PENDING_UPDATE" or shown["provisioning_status"] == "PENDING_CREATE"
    world.settle()
    for path, word in ((policy["id"], "l7policy"), (f"{policy['id']}/rules/{made['id']}", "rule")):
        done = world.get(f"{LBAAS}/l7policies/{path}", user=USER)[word]
        assert (done["provisioning_status"], done["operating_status"]) == ("ACTIVE", "ONLINE")


def test_everything_comes_back_as_it_was_sent(world: World, listener: Any) -> None:
    sent = {
        "name": "n",
        "description": "d",
        "tags": ["b", "a"],
        "admin_state_up": False,
        "redirect_url": f"{URL}?a=%20b",
        "redirect_http_code": 308,
        "position": 1,
    }
    policy = post(world, listener, "REDIRECT_TO_URL", **sent)
    assert {name: policy[name] for name in sent} == sent
    given = {
        "type": "HEADER",
        "compare_type": "REGEX",
        "key": "X-Test",
        "value": '"^(a b|ü)$"',
        "invert": True,
        "admin_state_up": False,
        "tags": ["t"],
    }
    made = rule(world, policy, **given)
    [listed] = world.get(f"{LBAAS}/l7policies/{policy['id']}/rules", user=USER)["rules"]
    assert {name: made[name] for name in given} == given == {name: listed[name] for name in given}


def test_positions(world: World, listener: Any) -> None:
    for name, position in (("a", None), ("b", None), ("c", 1), ("d", 2), ("e", 99)):
        given: dict[str, Any] = {} if position is None else {"position": position}
        shown = post(world, listener, name=name, **given)
        wanted = {"a": 1, "b": 2, "c": 1, "d": 2, "e": 5}[name]
        assert shown["position"] == wanted
    assert order(world, listener) == [("c", 1), ("d", 2), ("a", 3), ("b", 4), ("e", 5)]
    policies = world.get(f"{LBAAS}/l7policies", user=USER)["l7policies"]
    by_name = {each["name"]: each for each in policies}
    assert put(world, by_name["c"], position=4)["position"] == 4
    assert order(world, listener) == [("d", 1), ("a", 2), ("b", 3), ("c", 4), ("e", 5)]
    assert put(world, by_name["e"], position=1)["position"] == 1
    assert put(world, by_name["e"], name="e")["position"] == 1
    world.call("DELETE", f"{LBAAS}/l7policies/{by_name['a']['id']}", user=USER, expect=204)
    assert order(world, listener) == [("e", 1), ("d", 2), ("b", 3), ("c", 4)]
    world.settle()
    assert len(world.get(f"{LBAAS}/l7policies", user=USER)["l7policies"]) == 4
    for bad in (0, -1, "x", 2**31, True):
        refused(world, "PUT", f"l7policies/{by_name['e']['id']}", {"l7policy": {"position": bad}}, 400)


def test_an_action_and_its_target_belong_together(world: World, balancer: Any, listener: Any) -> None:
    pool = world.pool(balancer)
    policy = post(world, listener, "REDIRECT_PREFIX", redirect_prefix=URL)
    assert policy["redirect_http_code"] == 302

    def targets(policy: Any) -> list[Any]:
        names = ("action", "redirect_pool_id", "redirect_url", "redirect_prefix", "redirect_http_code")
        return [policy[name] for name in names]

    assert targets(put(world, policy, redirect_http_code=301)) == ["REDIRECT_PREFIX", None, None, URL, 301]
    # A target alone chooses the action.
    assert targets(put(world, policy, redirect_url=URL)) == ["REDIRECT_TO_URL", None, URL, None, 301]
    assert targets(put(world, policy, redirect_http_code=None)) == ["REDIRECT_TO_URL", None, URL, None, 302]
    by_pool = ["REDIRECT_TO_POOL", pool["id"], None, None, None]
    assert targets(put(world, policy, redirect_pool_id=pool["id"])) == by_pool
    assert targets(put(world, policy, action="REDIRECT_TO_POOL")) == by_pool
    assert targets(put(world, policy, name="n")) == by_pool
    path = f"l7policies/{policy['id']}"
    wrong: list[dict[str, Any]] = [
        {"action": "REDIRECT_TO_URL"},
        {"action": "REDIRECT_TO_URL", "redirect_url": None},
        {"redirect_pool_id": None},
        {"redirect_url": URL, "redirect_prefix": URL},
        {"redirect_url": "ftp://x"},
        {"redirect_url": "https://a b"},
        {"redirect_url": URL, "redirect_http_code": 304},
        {"action": None},
        {"action": "CHEESE"},
        {},
        {"listener_id": listener["id"]},
        {"rules": []},
    ]
    for changes in wrong:
        refused(world, "PUT", path, {"l7policy": changes}, 400)
    assert targets(put(world, policy, action="REJECT")) == ["REJECT", None, None, None, None]


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"type": "HEADER"}, "key"),
        ({"key": "X"}, "key"),
        ({"type": "HEADER", "key": "a b"}, "key"),
        ({"type": "COOKIE", "key": "a=b"}, "key"),
        ({"compare_type": "REGEX", "value": "a(b"}, "value"),
        ({"compare_type": "REGEX", "value": "(" * 127 + "a" + ")" * 126}, "value"),
        ({"value": "two words"}, "value"),
        ({"value": "a\r\nb"}, "value"),
        ({"value": ""}, "value"),
        ({"value": None}, "value"),
        ({"value": "x" * 256}, "value"),
        ({"type": "FILE_TYPE", "compare_type": "CONTAINS"}, "compare_type"),
        ({"type": "SSL_CONN_HAS_CERT"}, "compare_type"),
        ({"type": "SSL_VERIFY_RESULT", "compare_type": "EQUAL_TO", "value": "-1"}, "value"),
        ({"type": "CHEESE"}, "type"),
        ({"compare_type": None}, "compare_type"),
        ({"invert": "perhaps"}, "invert"),
        ({"cheese": 1}, "cheese"),
    ],
)
def test_rules_that_are_none(world: World, listener: Any, changes: dict[str, Any], word: str) -> None:
    policy = post(world, listener, rules=[RULE])
    [made] = world.get(f"{LBAAS}/l7policies/{policy['id']}/rules", user=USER)["rules"]
    body = {"rule": {**RULE, **changes}}
    assert word in refused(world, "POST", f"l7policies/{policy['id']}/rules", body, 400)
    assert word in refused(world, "PUT", f"l7policies/{policy['id']}/rules/{made['id']}", {"rule": changes}, 400)
    nested = {"listener_id": listener["id"], "action": "REJECT", "rules": [{**RULE, **changes}]}
    assert word in refused(world, "POST", "l7policies", {"l7policy": nested}, 400)


def test_a_rule_changes_and_goes(world: World, listener: Any) -> None:
    policy = post(world, listener)
    made = rule(world, policy)
    path = f"{LBAAS}/l7policies/{policy['id']}/rules/{made['id']}"
    changes = {"type": "COOKIE", "key": "c", "compare_type": "EQUAL_TO", "value": "v", "invert": True}
    changed = world.call("PUT", path, {"rule": changes}, user=USER, expect=200)["rule"]
    assert changes.items() <= changed.items()
    back = {"rule": {"type": "PATH", "key": "", "invert": None}}
    changed = world.call("PUT", path, back, user=USER, expect=200)["rule"]
    assert (changed["key"], changed["invert"]) == (None, False)
    other = post(world, listener)
    foreign = path.replace(policy["id"], other["id"])
    for method, body in (("GET", None), ("PUT", {"rule": {"invert": True}}), ("DELETE", None)):
        assert world.call(method, foreign, body, user=USER).status_code == 404
    world.call("DELETE", path, user=USER, expect=204)
    world.settle()
    world.call("GET", path, user=USER, expect=404)
    assert world.get(f"{LBAAS}/l7policies/{policy['id']}", user=USER)["l7policy"]["rules"] == []
    for method in ("GET", "POST"):
        sent = {"rule": RULE} if method == "POST" else None
        fault = world.call(method, f"{LBAAS}/l7policies/{NOWHERE}/rules", sent, user=USER, expect=404)
        assert fault["title"] == f"L7 Policy {NOWHERE} not found."


def test_fifty_rules_at_most(world: World, listener: Any) -> None:
    policy = post(world, listener, rules=[RULE] * 50)
    assert len(policy["rules"]) == 50
    path = f"l7policies/{policy['id']}/rules"
    assert refused(world, "POST", path, {"rule": RULE}, 409) == f"Too many rules on L7 policy {policy['id']}"
    many = {"action": "REJECT", "rules": [RULE] * 51}
    within = {"protocol": "HTTP", "protocol_port": 8080, "l7policies": [many]}
    balancer_id = listener["loadbalancers"][0]["id"]
    subnet_id = world.get(f"{LBAAS}/loadbalancers/{balancer_id}", user=USER)["loadbalancer"]["vip_subnet_id"]
    before = len(world.hints.sent)
    for path, body in (
        ("l7policies", {"l7policy": {"listener_id": listener["id"], **many}}),
        ("listeners", {"listener": {"loadbalancer_id": balancer_id, **within}}),
        ("loadbalancers", {"loadbalancer": {"vip_subnet_id": subnet_id, "listeners": [within]}}),
    ):
        assert refused(world, "POST", path, body, 409).startswith("Too many rules on L7 policy ")
    assert len(world.hints.sent) == before


def test_a_pool_that_a_policy_chooses(world: World, balancer: Any, listener: Any) -> None:
    pool, tcp = world.pool(balancer), world.pool(balancer, protocol="TCP")
    policy = post(world, listener, "REDIRECT_TO_POOL", redirect_pool_id=pool["id"], rules=[RULE])
    assert world.get(f"{LBAAS}/pools/{pool['id']}", user=USER)["pool"]["listeners"] == [{"id": listener["id"]}]
    said = refused(world, "DELETE", f"pools/{pool['id']}", None, 409)
    assert pool["id"] in said
    assert policy["id"] in said
    elsewhere = world.pool(world.balancer(world.shared_subnet_at("10.2.0.0/24")))
    for other, expect in ((NOWHERE, 404), (elsewhere["id"], 404), (tcp["id"], 400)):
        refused(world, "PUT", f"l7policies/{policy['id']}", {"l7policy": {"redirect_pool_id": other}}, expect)
    [shown] = world.get(f"{LBAAS}/loadbalancers/{balancer['id']}/status", user=USER)["statuses"]["loadbalancer"][
        "listeners"
    ]
    assert [each["id"] for each in shown["pools"]] == [pool["id"]]
    assert "l7policies" not in shown
    world.settle()
    world.call("DELETE", f"{LBAAS}/l7policies/{policy['id']}", user=USER, expect=204)
    world.call("DELETE", f"{LBAAS}/pools/{pool['id']}", user=USER, expect=204)
    world.settle()
    world.call("GET", f"{LBAAS}/l7policies/{policy['id']}", user=USER, expect=404)
    world.call("GET", f"{LBAAS}/pools/{pool['id']}", user=USER, expect=404)


def test_a_listener_takes_its_policies_along(world: World, balancer: Any, listener: Any) -> None:
    policy = post(world, listener, rules=[RULE])
    world.settle()
    world.call("DELETE", f"{LBAAS}/listeners/{listener['id']}", user=USER, expect=204)
    assert refused(world, "PUT", f"l7policies/{policy['id']}", {"l7policy": {"name": "n"}}, 409)
    world.settle()
    assert world.get(f"{LBAAS}/l7policies", user=USER)["l7policies"] == []
    world.call("DELETE", f"{LBAAS}/loadbalancers/{balancer['id']}", user=USER, expect=204)


def test_policies_need_a_listener_that_speaks_http(world: World, balancer: Any) -> None:
    tcp = world.listener(balancer, port=81, protocol="TCP")
    body = {"l7policy": {"listener_id": tcp["id"], "action": "REJECT"}}
    assert "TCP" in refused(world, "POST", "l7policies", body, 501)
    nested = {"protocol": "TCP", "protocol_port": 82, "l7policies": [{"action": "REJECT"}]}
    refused(world, "POST", "listeners", {"listener": {"loadbalancer_id": balancer["id"], **nested}}, 501)
    body["l7policy"]["listener_id"] = NOWHERE
    refused(world, "POST", "l7policies", body, 404)


NESTED: dict[str, Any] = {
    "protocol": "HTTP",
    "protocol_port": 80,
    "default_pool": {**PLAIN_POOL, "name": "own", "members": [{"address": "10.9.0.1", "protocol_port": 80}]},
    "l7policies": [
        {"name": "second", "action": "REDIRECT_TO_POOL", "redirect_pool": {"name": "own"}, "rules": [RULE]},
        {"name": "third", "action": "REDIRECT_TO_POOL", "redirect_pool": {**PLAIN_POOL, "name": "new"}},
        {"name": "first", "action": "REJECT", "position": 1, "rules": [RULE, {**RULE, "invert": True}]},
    ],
}


def test_a_single_call_makes_everything(world: World) -> None:
    pools = [{**PLAIN_POOL, "name": "shared"}]
    nested = {
        **NESTED,
        "l7policies": [*NESTED["l7policies"], {"action": "REDIRECT_TO_POOL", "redirect_pool": {"name": "shared"}}],
    }
    made = world.balancer(world.shared_subnet(), listeners=[nested], pools=pools)
    [listener] = made["listeners"]
    ids = {each["name"]: each["id"] for each in made["pools"]}
    assert [(each["name"], each["position"]) for each in listener["l7policies"]] == [
        ("first", 1),
        ("second", 2),
        ("third", 3),
        ("", 4),
    ]
    assert [each["redirect_pool_id"] for each in listener["l7policies"]] == [
        None,
        ids["own"],
        ids["new"],
        ids["shared"],
    ]
    assert [rule["invert"] for rule in listener["l7policies"][0]["rules"]] == [False, True]
    assert listener["default_pool_id"] == ids["own"]
    world.settle()
    shown = world.get(f"{LBAAS}/listeners/{listener['id']}", user=USER)["listener"]
    assert shown["l7policies"] == [{"id": each["id"]} for each in listener["l7policies"]]


def test_a_listener_is_made_with_all_its_parts(world: World, balancer: Any) -> None:
    made = world.listener(balancer, **{name: value for name, value in NESTED.items() if name != "protocol_port"})
    pools = {each["name"]: each for each in world.get(f"{LBAAS}/pools", user=USER)["pools"]}
    assert made["default_pool_id"] == pools["own"]["id"]
    assert len(pools["own"]["members"]) == 1
    assert order(world, made) == [("first", 1), ("second", 2), ("third", 3)]
    assert len(made["l7policies"]) == 3


@pytest.mark.parametrize(
    "policy",
    [
        {"action": "REDIRECT_TO_POOL"},
        {"action": "REDIRECT_TO_POOL", "redirect_pool": {"name": "nobody"}},
        {"action": "REDIRECT_TO_POOL", "redirect_pool": {**PLAIN_POOL, "name": "own"}},
        {"action": "REDIRECT_TO_POOL", "redirect_pool": {**PLAIN_POOL, "protocol": "TCP"}},
        {"action": "REDIRECT_TO_POOL", "redirect_pool": {"name": "own"}, "redirect_pool_id": NOWHERE},
        {"action": "REJECT", "rules": [{**RULE, "compare_type": "REGEX", "value": "("}]},
        {"action": "REJECT", "listener_id": NOWHERE},
    ],
)
def test_all_or_nothing(world: World, balancer: Any, policy: dict[str, Any]) -> None:
    nested = {**NESTED, "l7policies": [policy]}
    body = {"listener": {"loadbalancer_id": balancer["id"], **nested}}
    refused(world, "POST", "listeners", body, 400)
    assert world.get(f"{LBAAS}/pools", user=USER)["pools"] == []
    subnet = world.shared_subnet_at("10.2.0.0/24")
    body = {"loadbalancer": {"vip_subnet_id": subnet["id"], "listeners": [nested]}}
    refused(world, "POST", "loadbalancers", body, 400)
    assert world.get(f"{LBAAS}/listeners", user=USER)["listeners"] == []


def test_lists_filter_and_sort(world: World, listener: Any) -> None:
    post(world, listener, name="a", tags=["x", "y"])
    post(world, listener, "REDIRECT_TO_URL", name="b", redirect_url=URL, tags=["x"])

    def names(query: str) -> list[str]:
        return [each["name"] for each in world.get(f"{LBAAS}/l7policies?{query}", user=USER)["l7policies"]]

    assert names("action=REJECT") == ["a"]
    assert names(f"redirect_url={URL}") == ["b"]
    assert names("redirect_http_code=302") == ["b"]
    assert names("position=2") == ["b"]
    assert names("sort=position:desc") == ["b", "a"]
    assert names("tags=x,y") == ["a"]
    assert names("not-tags-any=y") == ["b"]
    policy = world.get(f"{LBAAS}/l7policies?name=a", user=USER)["l7policies"][0]
    for value in ("/1", "/2"):
        rule(world, policy, value=value)
    url = f"{LBAAS}/l7policies/{policy['id']}/rules"
    assert [each["value"] for each in world.get(f"{url}?value=/2", user=USER)["rules"]] == ["/2"]
    assert len(world.get(f"{url}?l7policy_id={policy['id']}", user=USER)["rules"]) == 2
    assert world.get(f"{url}?l7policy_id={listener['id']}", user=USER)["rules"] == []
    page = world.get(f"{url}?limit=1", user=USER)
    assert [each["value"] for each in page["rules"]] == ["/1"]
    assert page["rules_links"][0]["rel"] == "next"
    assert world.get(f"{LBAAS}/l7policies?fields=name&fields=rules&name=b", user=USER)["l7policies"] == [
        {"name": "b", "rules": []}
    ]


def test_strangers_and_readers(world: World, listener: Any) -> None:
    policy = post(world, listener)
    made = rule(world, policy)
    paths = (f"l7policies/{policy['id']}", f"l7policies/{policy['id']}/rules/{made['id']}")
    for path, word in zip(paths, ("l7policy", "rule"), strict=True):
        world.call("GET", f"{LBAAS}/{path}", user="blue:reader", expect=200)
        for user in ("red:member", "blue:reader", "blue:"):
            refused(world, "PUT", path, {word: {"admin_state_up": False}}, 403, user=user)
            refused(world, "DELETE", path, None, 403, user=user)
        refused(world, "GET", path, None, 403, user="red:member")
    refused(world, "GET", f"l7policies/{policy['id']}/rules", None, 403, user="red:member")
    refused(world, "POST", f"l7policies/{policy['id']}/rules", {"rule": RULE}, 403, user="red:member")
    body = {"l7policy": {"listener_id": listener["id"], "action": "REJECT"}}
    refused(world, "POST", "l7policies", body, 403, user="blue:reader")
    assert world.get(f"{LBAAS}/l7policies", user="red:member")["l7policies"] == []
    assert len(world.get(f"{LBAAS}/l7policies", user="admin:admin")["l7policies"]) == 1


def test_quotas_of_policies_and_rules(world: World, listener: Any) -> None:
    world.call("PUT", f"{LBAAS}/quotas/blue", {"quota": {"l7policy": 2, "l7rule": 3}}, expect=202)
    policy = post(world, listener, rules=[RULE])
    policies = {"listener_id": listener["id"], "action": "REJECT"}
    said = refused(world, "POST", "l7policies", {"l7policy": {**policies, "rules": [RULE] * 3}}, 403)
    assert said == "Quota has been met for resources: L7 Rule"
    post(world, listener)
    said = refused(world, "POST", "l7policies", {"l7policy": policies}, 403)
    assert said == "Quota has been met for resources: L7 Policy"
    rule(world, policy)
    rule(world, policy)
    refused(world, "POST", f"l7policies/{policy['id']}/rules", {"rule": RULE}, 403)
    nested = {"loadbalancer_id": world.get(f"{LBAAS}/loadbalancers", user=USER)["loadbalancers"][0]["id"]}
    nested |= {"protocol": "HTTP", "protocol_port": 81, "l7policies": [{"action": "REJECT"}]}
    refused(world, "POST", "listeners", {"listener": nested}, 403)
