"""Who may do what with secrets: Barbican's rule names, roles and defaults, for api/policy.py.

Two generations, as everywhere: Keystone's default roles, and before them observer, creator and audit. Beyond Barbican,
a project's ``reader`` may look at everything but payloads, as he may at load balancers.
"""

from collections.abc import Iterator

Rule = tuple[str, str, str | None]
"""Name, check, and the check of the older roles where there is one."""


def base_rules() -> Iterator[Rule]:
    yield "audit", "role:audit", None
    yield "observer", "role:observer", None
    yield "creator", "role:creator", None
    yield "admin", "role:admin", None
    yield "all_users", "rule:admin or rule:observer or rule:creator or rule:audit", None
    yield "all_but_audit", "rule:admin or rule:observer or rule:creator", None
    yield "admin_or_creator", "rule:admin or rule:creator", None
    for kind in ("secret", "container"):
        target = f"target.{kind}"
        match, owner = f"rule:{kind}_project_match", f"rule:{kind}_owner"
        yield f"{kind}_project_match", f"project_id:%({target}.project_id)s", None
        yield f"{kind}_owner", f"user_id:%({target}.creator_id)s", None
        yield f"{kind}_is_not_private", f"True:%({target}.read_project_access)s", None
        yield f"{kind}_acl_read", f"'read':%({target}.read)s", None
        for role in ("reader", "member", "admin"):
            yield f"{kind}_project_{role}", f"role:{role} and {match}", None
        yield f"{kind}_non_private_read", f"rule:all_users and {match} and rule:{kind}_is_not_private", None
        yield f"{kind}_project_creator", f"rule:creator and {match} and {owner}", None
        yield f"{kind}_project_creator_role", f"rule:creator and {match}", None
    yield (
        "secret_decrypt_non_private_read",
        "rule:all_but_audit and rule:secret_project_match and rule:secret_is_not_private",
        None,
    )


def rules() -> Iterator[Rule]:
    for kind in ("secret", "container"):
        change = _member(kind)
        look = f"{change} or (rule:{kind}_project_reader and rule:{kind}_is_not_private)"
        creator = f"rule:{kind}_project_admin or rule:{kind}_project_creator"
        in_role = f"(rule:{kind}_project_creator_role and rule:{kind}_is_not_private)"
        shared = f"rule:{kind}_acl_read"
        everywhere = "role:admin or " if kind == "secret" else ""
        yield f"{kind}s:post", "role:member", "rule:admin_or_creator"
        yield f"{kind}s:get", "role:reader", "rule:all_but_audit"
        yield f"{kind}:get", f"{everywhere}{look} or {shared}", f"rule:{kind}_non_private_read or {creator} or {shared}"
        yield f"{kind}:delete", f"{everywhere}{change}", f"{creator} or {in_role}" if kind == "secret" else creator
        yield f"{kind}_acls:get", look, f"rule:all_but_audit and rule:{kind}_project_match"
        for action in ("put_patch", "delete"):
            yield f"{kind}_acls:{action}", change, f"{creator} or {in_role}"
    secret = _member("secret")
    yield (
        "secret:decrypt",
        f"{secret} or rule:secret_acl_read",
        "rule:secret_decrypt_non_private_read or rule:secret_project_creator or rule:secret_project_admin or "
        "rule:secret_acl_read",
    )
    yield "secret:put", secret, "rule:admin_or_creator and rule:secret_project_match"
    yield (
        "secret_meta:get",
        f"{secret} or (rule:secret_project_reader and rule:secret_is_not_private)",
        "rule:all_but_audit and rule:secret_project_match",
    )
    for action in ("post", "put", "delete"):
        yield f"secret_meta:{action}", secret, "rule:admin_or_creator and rule:secret_project_match"
    container = _member("container")
    older = "rule:container_project_admin or rule:container_project_creator or "
    older += "(rule:container_project_creator_role and rule:container_is_not_private)"
    shared = "rule:container_acl_read"
    for action in ("post", "delete"):
        yield f"container_secret:{action}", container, older
        yield f"container_consumers:{action}", f"{container} or {shared}", f"{older} or {shared}"
    yield (
        "container_consumers:get",
        f"{container} or (rule:container_project_reader and rule:container_is_not_private) or rule:container_acl_read",
        "rule:container_non_private_read or rule:container_project_creator or rule:container_project_admin or "
        "rule:container_acl_read",
    )
    yield "quotas:get", "role:reader", "rule:all_users"


def _member(kind: str) -> str:
    """Who may change it: the project's administrator, and of its members whoever made it, or all where it is not
    private."""
    member = f"(rule:{kind}_project_member and (rule:{kind}_owner or rule:{kind}_is_not_private))"
    return f"rule:{kind}_project_admin or {member}"
