"""L7 policies and rules on the wire: HAProxy as it is rendered, a real client, real members."""

import itertools
import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.l7_semantics import Request, first_that_applies
from tests.l7_strategies import policies, policies_to_pools, requests
from tests.root.haproxy_stage import VIP, Stage, desired, member
from tests.waiting import NET

from evenload.model.balancer import Listener, Pool
from evenload.model.desired import Desired
from evenload.model.enums import Algorithm, Comparison, InsertedHeader, ListenerProtocol, PolicyAction, PoolProtocol
from evenload.model.enums import RuleType as Of
from evenload.model.l7 import L7Policy, L7Rule
from evenload.render.policy_index import PolicyInForce

EQUAL, BEGINS, ENDS, HAS, REGEX = (
    Comparison.EQUAL_TO,
    Comparison.STARTS_WITH,
    Comparison.ENDS_WITH,
    Comparison.CONTAINS,
    Comparison.REGEX,
)
TARGETS: Mapping[PolicyAction, Mapping[str, Any]] = {
    PolicyAction.REJECT: {},
    PolicyAction.REDIRECT_TO_URL: {"redirect_url": "https://else.example/a%20b?c=%41&d='e';f"},
    PolicyAction.REDIRECT_PREFIX: {"redirect_prefix": "https://else.example/pre"},
    PolicyAction.REDIRECT_TO_POOL: {"redirect_pool_id": "other"},
}
_numbers = itertools.count(1)


def rule(type: Of, comparison: Comparison, value: str, key: str | None = None, **fields: Any) -> L7Rule:
    identifier = f"r{next(_numbers)}"
    return L7Rule(id=identifier, policy_id="", type=type, compare_type=comparison, value=value, key=key, **fields)


def web(port: int = 80, **fields: Any) -> Listener:
    return Listener(
        id=f"web{port}",
        load_balancer_id="lb",
        protocol=ListenerProtocol.HTTP,
        port=port,
        default_pool_id="app",
        **fields,
    )


@dataclass(slots=True)
class Scene:
    """Listeners with policies; member 1 is in the default pool, member 2 in the pool ``other``."""

    listeners: list[Listener] = field(default_factory=list)
    policies: list[L7Policy] = field(default_factory=list)
    rules: list[L7Rule] = field(default_factory=list)

    def policy(self, listener: Listener, action: PolicyAction, *rules: L7Rule, **fields: Any) -> None:
        place = 1 + sum(policy.listener_id == listener.id for policy in self.policies)
        policy = L7Policy(
            id=f"p{next(_numbers)}",
            listener_id=listener.id,
            action=action,
            **{"place": place, **TARGETS[action], **fields},
        )
        self.policies.append(policy)
        self.rules += [replace(each, policy_id=policy.id) for each in rules]
        if listener not in self.listeners:
            self.listeners.append(listener)

    def desired(self, *, other: bool = True) -> Desired:
        plain = desired(member(1), member(2, pool_id="other"), listeners=self.listeners)
        pool = Pool(
            id="other",
            load_balancer_id="lb",
            protocol=PoolProtocol.HTTP,
            algorithm=Algorithm.ROUND_ROBIN,
            admin_state_up=other,
        )
        pools = (*plain.pools, pool)
        return replace(plain, pools=pools, policies=tuple(self.policies), rules=tuple(self.rules))


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with Stage() as stage:
        stage.backend(1)
        stage.backend(2)
        yield stage


def serve(stage: Stage, scene: Scene, *, other: bool = True) -> None:
    wanted = scene.desired(other=other)
    if stage.pid:
        stage.haproxy.stop_haproxy(stage.id)
    stage.start(wanted)


def raw(stage: Stage, command: str) -> str:
    """HAProxy's answer to the last byte."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(NET)
        connection.connect(str(stage.files.path(stage.id, "haproxy.sock")))
        connection.sendall(f"{command}\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    return answer.decode()


def ask(
    stage: Stage, path: str = "/", port: int = 80, headers: Iterable[tuple[str, str]] = (), *, bare: bool = False
) -> tuple[int, str, str | None]:
    """Status, body and Location. ``bare``: with those headers alone, perhaps without a host."""
    client = stage.client(port, VIP)
    try:
        given = list(headers)
        client.putrequest("GET", path, skip_host=bare or any(name.lower() == "host" for name, _ in given))
        for name, value in given:
            client.putheader(name, value.encode())
        client.endheaders()
        answer = client.getresponse()
        return answer.status, answer.read().decode(), answer.getheader("Location")
    finally:
        client.close()


FORBIDDEN = "<html><body><h1>403 Forbidden</h1>\nRequest forbidden by administrative rules.\n</body></html>\n"
UA = "Mozilla/5.0 (X11; KHTML, like Gecko) -i"
ROWS: Sequence[tuple[L7Rule, str, Sequence[tuple[str, str]], bool]] = [
    # Host names: whatever the case, with a port and without one.
    (rule(Of.HOST_NAME, EQUAL, "a.example"), "/", [("Host", "A.Example")], True),
    (rule(Of.HOST_NAME, EQUAL, "A.example"), "/", [("Host", "a.example:8080")], True),
    (rule(Of.HOST_NAME, EQUAL, "a.example:8080"), "/", [("Host", "a.example:8080")], True),
    (rule(Of.HOST_NAME, EQUAL, "a.example:8080"), "/", [("Host", "a.example")], False),
    (rule(Of.HOST_NAME, EQUAL, "a.example"), "/", [("Host", "b.a.example")], False),
    (rule(Of.HOST_NAME, BEGINS, "WWW."), "/", [("Host", "www.a.example:1")], True),
    (rule(Of.HOST_NAME, BEGINS, "www."), "/", [("Host", "a.example")], False),
    (rule(Of.HOST_NAME, ENDS, ".example"), "/", [("Host", "a.EXAMPLE:81")], True),
    (rule(Of.HOST_NAME, ENDS, ".example"), "/", [("Host", "example.org")], False),
    (rule(Of.HOST_NAME, HAS, "exam"), "/", [("Host", "a.eXample")], True),
    (rule(Of.HOST_NAME, HAS, "exam"), "/", [("Host", "a.org")], False),
    (rule(Of.HOST_NAME, REGEX, r"^[a-c]\.example$"), "/", [("Host", "B.example:9")], True),
    (rule(Of.HOST_NAME, REGEX, r"^[a-c]\.example$"), "/", [("Host", "d.example")], False),
    (rule(Of.HOST_NAME, EQUAL, "[2001:db8::1]"), "/", [("Host", "[2001:DB8::1]:80")], True),
    # Paths: without the query, and as they are spelt.
    (rule(Of.PATH, EQUAL, "/a"), "/a?b=/c", [], True),
    (rule(Of.PATH, EQUAL, "/a"), "/A", [], False),
    (rule(Of.PATH, EQUAL, "/a"), "/a/", [], False),
    (rule(Of.PATH, BEGINS, "/api/"), "/api/v2", [], True),
    (rule(Of.PATH, BEGINS, "/api/"), "/x/api/", [], False),
    (rule(Of.PATH, ENDS, "/end"), "/the/end?no", [], True),
    (rule(Of.PATH, ENDS, "/end"), "/the/end/no", [], False),
    (rule(Of.PATH, HAS, "iddl"), "/middle", [], True),
    (rule(Of.PATH, HAS, "iddl"), "/?middle", [], False),
    (rule(Of.PATH, REGEX, "^/v[0-9]+(/|$)"), "/v12/x", [], True),
    (rule(Of.PATH, REGEX, "^/v[0-9]+(/|$)"), "/v/x", [], False),
    # Types of files.
    (rule(Of.FILE_TYPE, EQUAL, "jpg"), "/a.b/c.jpg?x=.png", [], True),
    (rule(Of.FILE_TYPE, EQUAL, ".jpg"), "/c.jpg", [], True),
    (rule(Of.FILE_TYPE, EQUAL, "gz"), "/c.tar.gz", [], True),
    (rule(Of.FILE_TYPE, EQUAL, "jpg"), "/xjpg", [], False),
    (rule(Of.FILE_TYPE, EQUAL, "jpg"), "/jpg", [], False),
    (rule(Of.FILE_TYPE, EQUAL, "jpg"), "/a.jpg/b", [], False),
    (rule(Of.FILE_TYPE, REGEX, "^(jpg|png)$"), "/c.png", [], True),
    (rule(Of.FILE_TYPE, REGEX, r"\.(jpg|png)$"), "/c.png", [], True),
    (rule(Of.FILE_TYPE, REGEX, "jpg|png"), "/png/c.txt", [], False),
    (rule(Of.FILE_TYPE, REGEX, ".*"), "/README", [], False),
    # Headers: names in any case, values of a list one by one.
    (rule(Of.HEADER, EQUAL, "yes", "X-Test"), "/", [("x-TEST", "yes")], True),
    (rule(Of.HEADER, EQUAL, "yes", "X-Test"), "/", [("X-Test", "Yes")], False),
    (rule(Of.HEADER, EQUAL, "yes", "X-Test"), "/", [], False),
    (rule(Of.HEADER, EQUAL, "yes", "X-Test"), "/", [("X-Test", "no, yes")], True),
    (rule(Of.HEADER, EQUAL, "yes", "X-Test"), "/", [("X-Test", "no"), ("X-Test", "yes")], True),
    (rule(Of.HEADER, EQUAL, "no,yes", "X-Test"), "/", [("X-Test", "no,yes")], True),
    (rule(Of.HEADER, EQUAL, '"two words"', "X-Test"), "/", [("X-Test", "two words")], True),
    (rule(Of.HEADER, EQUAL, '"two words"', "X-Test"), "/", [("X-Test", '"two words"')], False),
    (rule(Of.HEADER, EQUAL, 'a"b', "X-Test"), "/", [("X-Test", 'a"b')], True),
    (rule(Of.HEADER, EQUAL, "é$HOME%[x]\\'#", "X-Test"), "/", [("X-Test", "é$HOME%[x]\\'#")], True),
    (rule(Of.HEADER, BEGINS, "Mozilla", "User-Agent"), "/", [("User-Agent", UA)], True),
    (rule(Of.HEADER, BEGINS, "Gecko", "User-Agent"), "/", [("User-Agent", UA)], False),
    (rule(Of.HEADER, ENDS, "-i", "User-Agent"), "/", [("User-Agent", UA)], True),
    (rule(Of.HEADER, ENDS, "-I", "User-Agent"), "/", [("User-Agent", UA)], False),
    (rule(Of.HEADER, HAS, "KHTML", "User-Agent"), "/", [("User-Agent", UA)], True),
    (rule(Of.HEADER, HAS, "khtml", "User-Agent"), "/", [("User-Agent", UA)], False),
    (rule(Of.HEADER, REGEX, r"^Mozilla/\d.*Gecko\)", "User-Agent"), "/", [("User-Agent", UA)], True),
    (rule(Of.HEADER, REGEX, r"^Opera", "User-Agent"), "/", [("User-Agent", UA)], False),
    # Cookies: names as they are spelt.
    (rule(Of.COOKIE, EQUAL, "1", "user's"), "/", [("Cookie", "b=2; user's=1")], True),
    (rule(Of.COOKIE, EQUAL, "1", "a"), "/", [("Cookie", "A=1")], False),
    (rule(Of.COOKIE, EQUAL, "1", "a"), "/", [("Cookie", "a=11")], False),
    (rule(Of.COOKIE, BEGINS, "ab", "a"), "/", [("Cookie", "a=abc")], True),
    (rule(Of.COOKIE, ENDS, "bc", "a"), "/", [("Cookie", "a=abc")], True),
    (rule(Of.COOKIE, HAS, "b", "a"), "/", [("Cookie", "a=abc")], True),
    (rule(Of.COOKIE, REGEX, "^a.c$", "a"), "/", [("Cookie", "a=abc")], True),
    (rule(Of.COOKIE, REGEX, "^a.c$", "a"), "/", [("Cookie", "b=abc")], False),
    # Certificates: there are none where no TLS is spoken.
    (rule(Of.SSL_CONN_HAS_CERT, EQUAL, "True"), "/", [], False),
    (rule(Of.SSL_VERIFY_RESULT, EQUAL, "0"), "/", [], False),
    (rule(Of.SSL_DN_FIELD, EQUAL, "someone", "CN"), "/", [], False),
]


def test_each_rule_with_each_comparison_and_its_opposite(stage: Stage) -> None:
    scene = Scene()
    for place, (each, *_) in enumerate(ROWS):
        scene.policy(web(1000 + place), PolicyAction.REJECT, each)
        opposite = replace(each, id=f"{each.id}.not", invert=True)
        scene.policy(web(2000 + place), PolicyAction.REJECT, opposite)
    serve(stage, scene)
    for place, (each, path, headers, matches) in enumerate(ROWS):
        assert ask(stage, path, 1000 + place, headers)[0] == (403 if matches else 200), (each, path, headers)
        assert ask(stage, path, 2000 + place, headers)[0] == (200 if matches else 403), (each, path, headers)


def test_each_action(stage: Stage) -> None:
    scene = Scene()
    listener = web()
    for action in PolicyAction:
        scene.policy(listener, action, rule(Of.PATH, BEGINS, f"/{action.value}"))
    for code in (301, 303, 307, 308):
        begins = rule(Of.PATH, BEGINS, f"/url/{code}")
        scene.policy(listener, PolicyAction.REDIRECT_TO_URL, begins, redirect_http_code=code)
        begins = rule(Of.PATH, BEGINS, f"/prefix/{code}")
        scene.policy(listener, PolicyAction.REDIRECT_PREFIX, begins, redirect_http_code=code)
    serve(stage, scene)
    url = TARGETS[PolicyAction.REDIRECT_TO_URL]["redirect_url"]
    assert ask(stage, "/REJECT")[0] == 403
    assert ask(stage, "/REDIRECT_TO_URL?a=b") == (302, "", url)
    assert ask(stage, "/REDIRECT_PREFIX/x?a=%20b") == (302, "", "https://else.example/pre/REDIRECT_PREFIX/x?a=%20b")
    assert ask(stage, "/REDIRECT_TO_POOL") == (200, "backend 2", None)
    assert ask(stage, "/") == (200, "backend 1", None)
    for code in (301, 303, 307, 308):
        assert ask(stage, f"/url/{code}")[::2] == (code, url)
        assert ask(stage, f"/prefix/{code}")[::2] == (code, f"https://else.example/pre/prefix/{code}")


def test_the_order_of_actions_and_places(stage: Stage) -> None:
    scene = Scene()
    listener = web()

    def header(name: str) -> L7Rule:
        return rule(Of.HEADER, EQUAL, "1", name)

    # The places are upside down: what comes first by its action comes last by its place.
    scene.policy(listener, PolicyAction.REDIRECT_TO_POOL, header("Second"), place=2)
    scene.policy(listener, PolicyAction.REDIRECT_TO_POOL, header("First"), place=1, redirect_pool_id="app")
    prefix = {"redirect_prefix": "https://prefix.example"}
    scene.policy(listener, PolicyAction.REDIRECT_TO_URL, header("Url"), place=4)
    scene.policy(listener, PolicyAction.REDIRECT_PREFIX, header("Prefix"), place=3, **prefix)
    scene.policy(listener, PolicyAction.REJECT, header("No"), place=5)
    serve(stage, scene)

    def by(*names: str) -> tuple[int, str, str | None]:
        return ask(stage, "/", headers=[(name, "1") for name in names])

    assert by("Second") == (200, "backend 2", None)
    assert by("Second", "First") == (200, "backend 1", None)
    assert by("Second", "First", "Url")[0::2] == (302, TARGETS[PolicyAction.REDIRECT_TO_URL]["redirect_url"])
    assert by("Second", "First", "Url", "Prefix")[0::2] == (302, "https://prefix.example/")
    assert by("Second", "First", "Url", "Prefix", "No")[0] == 403


def test_all_enabled_rules_have_to_match(stage: Stage) -> None:
    scene = Scene()
    rules = [rule(Of.PATH, BEGINS, "/a"), rule(Of.HEADER, EQUAL, "1", "X"), rule(Of.PATH, ENDS, "z", invert=True)]
    off = rule(Of.HEADER, EQUAL, "never", "Y", admin_state_up=False)
    scene.policy(web(), PolicyAction.REJECT, *rules, off)
    fifty = [rule(Of.PATH, HAS, f"/{number}/") for number in range(50)]
    scene.policy(web(81), PolicyAction.REJECT, *fifty)
    serve(stage, scene)
    one = [("X", "1")]
    assert ask(stage, "/ab", headers=one)[0] == 403
    assert ask(stage, "/ab")[0] == 200
    assert ask(stage, "/b", headers=one)[0] == 200
    assert ask(stage, "/az", headers=one)[0] == 200
    everything = "/" + "".join(f"/{number}/" for number in range(50))
    assert ask(stage, everything, 81)[0] == 403
    assert ask(stage, everything.replace("/49/", ""), 81)[0] == 200


def test_what_is_disabled_is_passed_over(stage: Stage) -> None:
    scene = Scene()
    listener = web()
    scene.policy(listener, PolicyAction.REJECT, rule(Of.PATH, BEGINS, "/"), admin_state_up=False)
    scene.policy(listener, PolicyAction.REJECT)
    scene.policy(listener, PolicyAction.REJECT, rule(Of.PATH, BEGINS, "/", admin_state_up=False))
    scene.policy(listener, PolicyAction.REDIRECT_TO_POOL, rule(Of.PATH, BEGINS, "/other"))
    # Nobody else: 503.
    scene.policy(replace(web(81), default_pool_id=None), PolicyAction.REJECT, rule(Of.PATH, BEGINS, "/no"))
    serve(stage, scene, other=False)
    assert ask(stage, "/other") == (200, "backend 1", None)
    assert [ask(stage, path, 81)[0] for path in ("/no", "/")] == [403, 503]
    serve(stage, scene)
    assert ask(stage, "/other") == (200, "backend 2", None)


def test_rules_see_what_the_client_sent(stage: Stage) -> None:
    """Also where the listener puts its own header in place of it."""
    scene = Scene()
    listener = web(insert_headers=(InsertedHeader.X_FORWARDED_PROTO, InsertedHeader.X_FORWARDED_PORT))
    proto, port = rule(Of.HEADER, EQUAL, "https", "x-forwarded-PROTO"), rule(Of.HEADER, EQUAL, "7", "X-Forwarded-Port")
    scene.policy(listener, PolicyAction.REDIRECT_TO_POOL, proto)
    scene.policy(listener, PolicyAction.REJECT, port)
    serve(stage, scene)
    assert ask(stage, "/", headers=[("X-Forwarded-Proto", "https")]) == (200, "backend 2", None)
    assert stage.backends[1].headers["x-forwarded-proto"] == "http"
    assert ask(stage, "/", headers=[("X-Forwarded-Port", "7")])[0] == 403
    assert ask(stage, "/") == (200, "backend 1", None)


REPLACED = [InsertedHeader.X_FORWARDED_PROTO, InsertedHeader.X_FORWARDED_PORT, InsertedHeader.X_REAL_IP]
SENT = {
    "one": ["a1"],
    "last": ["b", "a1"],
    "first": ["a1", "b"],
    "in a list": ["b, a1 , c"],
    "other": ["b"],
    "none": [],
}


@pytest.mark.parametrize("alike", [False, True])
@pytest.mark.parametrize("compared", [EQUAL, BEGINS, HAS, REGEX])
@pytest.mark.parametrize("header", REPLACED)
@pytest.mark.parametrize("action", [PolicyAction.REDIRECT_TO_POOL, PolicyAction.REJECT])
def test_rules_see_all_that_the_client_sent_of_a_header_that_is_replaced(
    stage: Stage, action: PolicyAction, header: InsertedHeader, compared: Comparison, alike: bool
) -> None:
    """Each value of each line, be it looked up or tried; and of a name that is removed as one of ours."""
    name = header.value.replace("-", "_", 1) if alike else header.value
    scene = Scene()
    scene.policy(web(insert_headers=(header,)), action, rule(Of.HEADER, compared, "a1", name))
    serve(stage, scene)
    found = {sent: ask(stage, "/", headers=[(name, value) for value in values]) for sent, values in SENT.items()}
    other = (403, FORBIDDEN, None) if action is PolicyAction.REJECT else (200, "backend 2", None)
    assert found == {sent: other if "a1" in str(values) else (200, "backend 1", None) for sent, values in SENT.items()}


def test_no_name_that_looks_like_an_inserted_one_reaches_members(stage: Stage) -> None:
    """A program behind a gateway reads both as the same variable."""
    headers = [each for each in InsertedHeader if not each.of_tls]
    serve(stage, Scene(listeners=[web(insert_headers=tuple(headers))]))
    names = [name for each in headers for name in alike(each.value)]
    assert ask(stage, "/", headers=[(name, "6.6.6.6") for name in names]) == (200, "backend 1", None)
    seen = stage.backends[0].headers
    assert [name for name in seen if name.lower().startswith("x") and "_" in name] == []
    assert {seen[each.value.lower()] for each in headers} & {"6.6.6.6", ""} == set()


def alike(name: str) -> list[str]:
    parts = name.split("-")
    signs = itertools.product("-_", repeat=len(parts) - 1)
    return ["".join(itertools.chain(*zip(parts, (*chosen, ""), strict=True))) for chosen in signs if "_" in chosen]


PLAIN = st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="\u2028\u2029")
VALUES = st.one_of(
    st.text(PLAIN, min_size=1, max_size=255),
    st.text("'\"\\#$ {}%[]();,|-ab/", min_size=1, max_size=255),
    st.sampled_from(["-i", "-f", "--", "-m", "if", "||", "!x", "${HOME}", '"$HOME"', "%[env(HOME)]", " ", "\\"]),
)


@settings(
    max_examples=12,
    derandomize=True,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
@given(st.lists(VALUES, min_size=30, max_size=50, unique=True))
def test_haproxy_has_exactly_the_value_that_was_given(stage: Stage, values: list[str]) -> None:
    scene = Scene()
    scene.policy(web(), PolicyAction.REJECT, *(rule(Of.PATH, EQUAL, f'"{value}"') for value in values))
    serve(stage, scene)
    lists = [line.split()[0] for line in raw(stage, "show acl").splitlines() if " acl 'path' " in line]
    assert [raw(stage, f"show acl #{number}").partition(" ")[2] for number in lists] == [
        f"{each}\n\n" for each in values
    ]


WIRE = settings(
    max_examples=25,
    derandomize=True,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)


@WIRE
@given(policies(), st.lists(requests(), min_size=10, max_size=20))
def test_what_is_looked_up_is_what_trying_one_by_one_finds(
    stage: Stage, order: list[PolicyInForce], asked: list[Request]
) -> None:
    serve_policies(stage, order)
    compare(stage, order, asked)


@WIRE
@given(policies_to_pools(), st.lists(requests(), min_size=10, max_size=20))
def test_a_pool_that_is_looked_up_at_once_is_that_of_the_first_policy(
    stage: Stage, order: list[PolicyInForce], asked: list[Request]
) -> None:
    serve_policies(stage, order)
    assert "use_backend %[str(" in stage.files.path(stage.id, "haproxy.cfg").read_text()
    compare(stage, order, asked)


def serve_policies(stage: Stage, order: Sequence[PolicyInForce]) -> None:
    scene = Scene(listeners=[web()])
    scene.policies = [replace(each.policy, listener_id="web80") for each in order]
    scene.rules = [rule for each in order for rule in each.rules]
    serve(stage, scene)


def compare(stage: Stage, order: Sequence[PolicyInForce], asked: Sequence[Request]) -> None:
    for request in asked:
        headers = [] if request.host is None else [("Host", request.host)]
        headers += request.headers
        if request.cookies:
            headers.append(("Cookie", "; ".join(f"{name}={value}" for name, value in request.cookies)))
        assert ask(stage, request.path, headers=headers, bare=True) == expected(order, request), request


def expected(order: Sequence[PolicyInForce], request: Request) -> tuple[int, str, str | None]:
    found = first_that_applies(order, request)
    if found is None:
        return (200, "backend 1", None)
    policy = found.policy
    code = policy.redirect_http_code or 302
    match policy.action:
        case PolicyAction.REJECT:
            return (403, FORBIDDEN, None)
        case PolicyAction.REDIRECT_TO_URL:
            return (code, "", policy.redirect_url)
        case PolicyAction.REDIRECT_PREFIX:
            return (code, "", f"{policy.redirect_prefix}{request.path}")
        case _:
            return (200, f"backend {1 if policy.redirect_pool_id == 'app' else 2}", None)
