"""Lines for the user file: what is made is what the service reads."""

import base64
from pathlib import Path

import pytest

from evenload.api.auth.http_basic import HttpBasicIdentity, UserFileError
from evenload.main.user import render_line, require_known


def test_a_line_lets_its_user_in(tmp_path: Path) -> None:
    file = tmp_path / "users"
    file.write_text(render_line("anna", "web", "member", "s3cret") + "\n")
    file.chmod(0o600)
    identity = HttpBasicIdentity(file)
    header = "Basic " + base64.b64encode(b"anna:s3cret").decode()
    caller = identity.authenticate({"HTTP_AUTHORIZATION": header})
    assert caller.project_id == "web"
    assert "member" in caller.roles


@pytest.mark.parametrize(
    ("name", "project", "roles", "password"),
    [
        ("anna", "web", "member", ""),
        ("anna", "web", "member", "x" * 73),
        ("an:na", "web", "member", "s3cret"),
        ("#anna", "web", "member", "s3cret"),
        ("anna\nroot", "web", "member", "s3cret"),
        ("anna", "we b", "member", "s3cret"),
        ("anna", "web", "", "s3cret"),
    ],
)
def test_what_the_service_would_refuse_is_refused(name: str, project: str, roles: str, password: str) -> None:
    with pytest.raises((UserFileError, ValueError)):
        render_line(name, project, roles, password)


def test_a_role_that_no_rule_knows_is_refused() -> None:
    for roles in ("member", "admin,reader", "member, service", "load-balancer_quota_admin"):
        require_known(roles)
    for roles in ("membr", "member,owner", "", "Member"):
        with pytest.raises(ValueError, match="no rule knows the role"):
            require_known(roles)
    require_known("mason", '"os_load-balancer_api:pool:post": "role:mason"')
