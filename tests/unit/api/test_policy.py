"""Octavia's rule table, its older roles, an operator's own file, and that decisions are remembered but not for ever."""

from pathlib import Path

import pytest
import structlog

from evenload.api.auth.identity import Caller
from evenload.api.policy import Policy, PolicyError, known_roles
from evenload.api.settings import PolicySettings
from evenload.model.errors import Forbidden


class Watch:
    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


def caller(*roles: str, project: str | None = "own") -> Caller:
    return Caller("user", project, roles)


def allowed(policy: Policy, who: Caller, rule: str) -> tuple[bool, bool]:
    return policy.allows(rule, who, "own"), policy.allows(rule, who, "other")


READ, WRITE, ADMIN, MEMBERS = (
    f"os_load-balancer_api:{rule}"
    for rule in ("listener:get_one", "pool:post", "loadbalancer:put_failover", "member:get_all")
)
YES, OWN, NO = (True, True), (True, False), (False, False)


# The table "Seen" of section 12 of the reference; member implies reader, which the identity adds.
@pytest.mark.parametrize(
    ("roles", "read", "write", "admin", "members"),
    [
        (("reader",), OWN, NO, NO, OWN),
        (("member", "reader"), OWN, OWN, NO, OWN),
        (("admin",), YES, YES, YES, YES),
        (("load-balancer_observer",), OWN, NO, NO, OWN),
        (("load-balancer_member",), OWN, OWN, NO, OWN),
        (("load-balancer_global_observer",), YES, NO, NO, YES),
        (("load-balancer_quota_admin",), NO, NO, NO, NO),
        (("load-balancer_admin",), YES, YES, YES, YES),
        (("service",), NO, NO, NO, YES),
        (("manager",), NO, NO, NO, NO),
        ((), NO, NO, NO, NO),
    ],
)
def test_the_table_of_roles(
    roles: tuple[str, ...],
    read: tuple[bool, bool],
    write: tuple[bool, bool],
    admin: tuple[bool, bool],
    members: tuple[bool, bool],
) -> None:
    policy = Policy(PolicySettings(), monotonic=Watch())
    who = caller(*roles)
    found = [allowed(policy, who, rule) for rule in (READ, WRITE, ADMIN, MEMBERS)]
    assert found == [read, write, admin, members]


def test_new_defaults_alone_leave_the_older_roles_nothing() -> None:
    policy = Policy(PolicySettings(enforce_new_defaults=True), monotonic=Watch())
    for role in ("observer", "member", "global_observer", "admin"):
        who = caller(f"load-balancer_{role}")
        assert [allowed(policy, who, rule) for rule in (READ, WRITE, ADMIN)] == [NO, NO, NO]
    assert allowed(policy, caller("member"), WRITE) == OWN


def test_nobody_asked_means_administrator() -> None:
    policy = Policy(PolicySettings(), monotonic=Watch())
    assert allowed(policy, Caller("x", "own", (), administrator=True), ADMIN) == YES


def test_a_caller_without_project_owns_nothing() -> None:
    policy = Policy(PolicySettings(), monotonic=Watch())
    assert not policy.allows(READ, caller("member", "reader", project=None), None)
    assert not policy.allows(READ, caller("member", "reader", project=None), "own")


def test_networks_are_read_by_projects_and_changed_by_administrators() -> None:
    policy = Policy(PolicySettings(), monotonic=Watch())
    assert allowed(policy, caller("reader"), "get_subnet") == OWN
    assert allowed(policy, caller("member"), "create_network") == NO
    assert allowed(policy, caller("admin"), "create_network") == YES
    assert allowed(policy, caller("member"), "get_network:provider") == NO


def test_a_rule_that_is_unknown_forbids() -> None:
    policy = Policy(PolicySettings(), monotonic=Watch())
    with pytest.raises(Forbidden):
        policy.require("os_load-balancer_api:cheese:eat", caller("admin"), "own")


def test_an_operators_file_and_its_change(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text('"os_load-balancer_api:pool:post": "role:builder"\n')
    watch = Watch()
    policy = Policy(PolicySettings(file=file, reread_interval=5.0), monotonic=watch)
    assert allowed(policy, caller("builder"), WRITE) == YES
    assert allowed(policy, caller("member"), WRITE) == NO
    assert allowed(policy, caller("member"), "os_load-balancer_api:pool:put") == OWN
    file.write_text('"os_load-balancer_api:pool:post": "role:mason or role:somebody-else-entirely"\n')
    assert allowed(policy, caller("builder"), WRITE) == YES, "remembered"
    watch.time += 5.0
    assert allowed(policy, caller("builder"), WRITE) == NO
    assert allowed(policy, caller("mason"), WRITE) == YES


@pytest.mark.parametrize(
    "content", ['"a": "rule:no_such_rule"\n', "just text\n", '"a: b\n', '"x:y": "role:a and not (role:b or oops)"\n']
)
def test_a_file_that_cannot_be_used(tmp_path: Path, content: str) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(content)
    with pytest.raises(PolicyError, match=r"policy\.yaml"):
        Policy(PolicySettings(file=file), monotonic=Watch())


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="does not exist"):
        Policy(PolicySettings(file=tmp_path / "none.yaml"), monotonic=Watch())


@pytest.mark.parametrize("content", [None, '"a": "rule:no_such_rule"\n', "just text\n", '"a: b\n', '"x:y": "oops("\n'])
def test_a_file_that_breaks_leaves_the_last_good_rules(tmp_path: Path, content: str | None) -> None:
    """One that is stricter than the defaults is not given up for those; it is told once, and a good one is taken."""
    file = tmp_path / "policy.yaml"
    file.write_text('"os_load-balancer_api:pool:post": "role:builder"\n')
    watch = Watch()
    policy = Policy(PolicySettings(file=file, reread_interval=5.0), monotonic=watch)
    if content is None:
        file.unlink()
    else:
        file.write_text(content)
    with structlog.testing.capture_logs() as lines:
        for _ in range(3):
            watch.time += 5.0
            assert allowed(policy, caller("builder"), WRITE) == YES
            assert allowed(policy, caller("member"), WRITE) == NO
            assert allowed(policy, caller("admin"), ADMIN) == YES
    assert [(line["log_level"], "policy.yaml" in line["reason"]) for line in lines] == [("error", True)]
    file.write_text('"os_load-balancer_api:pool:post": "role:mason or role:somebody"\n')
    watch.time += 5.0
    assert allowed(policy, caller("builder"), WRITE) == NO
    assert allowed(policy, caller("mason"), WRITE) == YES


def test_the_roles_that_rules_know() -> None:
    assert {"admin", "member", "reader", "manager", "service", "load-balancer_quota_admin"} <= known_roles()
    assert "mason" not in known_roles()
    assert "mason" in known_roles('"os_load-balancer_api:pool:post": "role:mason and not role:guest"')
