"""Every call of Octavia's API and every role, as data: who may what, in his own project and in another's.

A call that is new needs a row here: ``test_role_table.py`` finds the rule without one.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


class Right(enum.Enum):
    """What a call takes."""

    READ = enum.auto()
    OFFERS = enum.auto()  # what everybody may choose from: nobody's project
    WRITE = enum.auto()
    MEMBERS = enum.auto()  # to list them: services may, too
    READ_QUOTA = enum.auto()
    ALL_QUOTAS = enum.auto()  # of no project of his
    WRITE_QUOTA = enum.auto()
    ADMIN = enum.auto()


R = Right
NOTHING: frozenset[Right] = frozenset()
READS = frozenset({R.READ, R.OFFERS, R.MEMBERS, R.READ_QUOTA})
EVERYTHING = frozenset(Right)
ROLES: Mapping[str, tuple[frozenset[Right], frozenset[Right]]] = {
    # role: in his own project, in another's
    "": (NOTHING, NOTHING),
    "reader": (READS, frozenset({R.OFFERS})),
    "member": (READS | {R.WRITE}, frozenset({R.OFFERS})),
    "manager": (NOTHING, NOTHING),  # alone, without the roles that Keystone says it implies
    "admin": (EVERYTHING, EVERYTHING),
    "service": (frozenset({R.MEMBERS}), frozenset({R.MEMBERS})),
    "another": (NOTHING, NOTHING),
    "load-balancer_observer": (READS, frozenset({R.OFFERS})),
    "load-balancer_member": (READS | {R.WRITE}, frozenset({R.OFFERS})),
    "load-balancer_global_observer": (READS | {R.ALL_QUOTAS}, READS | {R.ALL_QUOTAS}),
    "load-balancer_quota_admin": (frozenset({R.READ_QUOTA, R.ALL_QUOTAS, R.WRITE_QUOTA}),) * 2,
    "load-balancer_admin": (EVERYTHING, EVERYTHING),
}
OLDER = {role for role in ROLES if role.startswith("load-balancer_")}
"""They count no longer where the new defaults are enforced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """``rule``: what the policy is asked. ``path``: under ``/v2.0/lbaas`` unless it begins with a slash. It and texts
    in ``body`` name objects in braces; those that begin with ``new_`` are made for each call. ``filtered``: a list, of
    the project in question. ``status``: where it is allowed."""

    rule: str
    method: str
    path: str
    right: Right
    status: int
    body: Mapping[str, Any] = field(default_factory=dict)
    filtered: bool = False


def _kind(
    name: str,
    path: str,
    post: Mapping[str, Any],
    *,
    wrapper: str | None = None,
    listing: Right = R.READ,
    filtered: bool = True,
) -> list[Call]:
    """The five calls that each kind of object has; ``path``: of the list. ``filtered``: a list of its own, which may
    be asked of a project."""
    wrapper = wrapper or name
    change = {wrapper: {"description": "x"} if name == "loadbalancer" else {"admin_state_up": True}}
    return [
        Call(rule=f"{name}:get_all", method="GET", path=path, right=listing, status=200, filtered=filtered),
        Call(rule=f"{name}:get_one", method="GET", path=f"{path}/{{{name}}}", right=R.READ, status=200),
        Call(rule=f"{name}:post", method="POST", path=path, right=R.WRITE, status=201, body={wrapper: post}),
        Call(rule=f"{name}:put", method="PUT", path=f"{path}/{{{name}}}", right=R.WRITE, status=200, body=change),
        Call(rule=f"{name}:delete", method="DELETE", path=f"{path}/{{new_{name}}}", right=R.WRITE, status=204),
    ]


def _offer(name: str, rule: str, path: str, reading: Right, post: Mapping[str, Any]) -> list[Call]:
    key = f"{{{name}}}"
    return [
        Call(rule=f"{rule}:get_all", method="GET", path=path, right=reading, status=200),
        Call(rule=f"{rule}:get_one", method="GET", path=f"{path}/{key}", right=reading, status=200),
        Call(rule=f"{rule}:post", method="POST", path=path, right=R.ADMIN, status=201, body={name: post}),
        Call(rule=f"{rule}:put", method="PUT", path=f"{path}/{key}", right=R.ADMIN, status=200, body={name: {}}),
        Call(rule=f"{rule}:delete", method="DELETE", path=f"{path}/{{new_{name}}}", right=R.ADMIN, status=204),
    ]


_HTTP = {"loadbalancer_id": "{loadbalancer}", "protocol": "HTTP"}
_MONITOR = {"pool_id": "{new_pool}", "type": "HTTP", "delay": 5, "timeout": 3, "max_retries": 2}
_BATCH = {"members": [{"address": "10.9.0.1", "protocol_port": 8080}]}
_PROFILE = {"name": "{new_name}", "provider_name": "evenload"}
_ZONE = {"name": "{new_name}", "availability_zone_profile_id": "{availability_zone_profile}"}
_LB = "loadbalancers/{loadbalancer}"
_RULE = {"type": "PATH", "compare_type": "EQUAL_TO", "value": "/x"}
_AMPHORAE = "/v2.0/octavia/amphorae"
_AMPHORA = f"{_AMPHORAE}/{{new_amphora}}"
_QUOTA = "quotas/{project}"
CALLS: list[Call] = [
    *_kind("loadbalancer", "loadbalancers", {"vip_subnet_id": "{subnet}", "project_id": "{project}"}),
    Call(rule="loadbalancer:get_stats", method="GET", path=f"{_LB}/stats", right=R.READ, status=200),
    Call(
        rule="loadbalancer:get_status",
        method="GET",
        path=f"{_LB}/status",
        right=R.READ,
        status=200,
    ),
    Call(
        rule="loadbalancer:get_status",
        method="GET",
        path=f"{_LB}/statuses",
        right=R.READ,
        status=200,
    ),
    Call(
        rule="loadbalancer:put_failover",
        method="PUT",
        path=f"{_LB}/failover",
        right=R.ADMIN,
        status=202,
    ),
    Call(
        rule="loadbalancer:post:vip_sg_ids",
        method="POST",
        path="loadbalancers",
        right=R.WRITE,
        status=201,
        body={"loadbalancer": {"vip_subnet_id": "{subnet}", "project_id": "{project}", "vip_sg_ids": []}},
    ),
    Call(
        rule="loadbalancer:put:vip_sg_ids",
        method="PUT",
        path=_LB,
        right=R.WRITE,
        status=200,
        body={"loadbalancer": {"vip_sg_ids": None}},
    ),
    *_kind("listener", "listeners", {**_HTTP, "protocol_port": "{new_port}"}),
    Call(rule="listener:get_stats", method="GET", path="listeners/{listener}/stats", right=R.READ, status=200),
    *_kind("pool", "pools", {**_HTTP, "lb_algorithm": "ROUND_ROBIN"}),
    *_kind(
        "member",
        "pools/{pool}/members",
        {"address": "10.9.0.2", "protocol_port": "{new_port}"},
        listing=R.MEMBERS,
        filtered=False,
    ),
    Call(rule="member:put", method="PUT", path="pools/{new_pool}/members", right=R.WRITE, status=202, body=_BATCH),
    *_kind("healthmonitor", "healthmonitors", _MONITOR),
    *_kind("l7policy", "l7policies", {"listener_id": "{listener}", "action": "REJECT"}),
    *_kind("l7rule", "l7policies/{l7policy}/rules", _RULE, wrapper="rule", filtered=False),
    Call(rule="amphora:get_all", method="GET", path=_AMPHORAE, right=R.ADMIN, status=200),
    Call(rule="amphora:get_one", method="GET", path=_AMPHORA, right=R.ADMIN, status=200),
    Call(rule="amphora:get_stats", method="GET", path=f"{_AMPHORA}/stats", right=R.ADMIN, status=404),  # none yet
    Call(rule="amphora:put_failover", method="PUT", path=f"{_AMPHORA}/failover", right=R.ADMIN, status=202),
    Call(rule="amphora:put_config", method="PUT", path=f"{_AMPHORA}/config", right=R.ADMIN, status=202),
    Call(rule="amphora:delete", method="DELETE", path=_AMPHORA, right=R.ADMIN, status=409),  # it is not in ERROR
    Call(rule="quota:get_all", method="GET", path="quotas", right=R.READ_QUOTA, status=200, filtered=True),
    Call(rule="quota:get_one", method="GET", path=_QUOTA, right=R.READ_QUOTA, status=200),
    Call(rule="quota:get_defaults", method="GET", path=f"{_QUOTA}/default", right=R.READ_QUOTA, status=200),
    Call(rule="quota:get_defaults", method="GET", path="quotas/defaults", right=R.ALL_QUOTAS, status=200),
    Call(rule="quota:put", method="PUT", path=_QUOTA, right=R.WRITE_QUOTA, status=202, body={"quota": {"pool": -1}}),
    Call(rule="quota:delete", method="DELETE", path="quotas/{new_project}", right=R.WRITE_QUOTA, status=202),
    Call(rule="provider:get_all", method="GET", path="providers", right=R.OFFERS, status=200),
    Call(
        rule="provider-flavor:get_all",
        method="GET",
        path="providers/evenload/flavor_capabilities",
        right=R.ADMIN,
        status=200,
    ),
    Call(
        rule="provider-availability-zone:get_all",
        method="GET",
        path="providers/evenload/availability_zone_capabilities",
        right=R.ADMIN,
        status=200,
    ),
    *_offer("flavor", "flavor", "flavors", R.OFFERS, {"name": "{new_name}", "flavor_profile_id": "{flavorprofile}"}),
    *_offer("flavorprofile", "flavor-profile", "flavorprofiles", R.ADMIN, {**_PROFILE, "flavor_data": "{{}}"}),
    *_offer("availability_zone", "availability-zone", "availabilityzones", R.OFFERS, _ZONE),
    *_offer(
        "availability_zone_profile",
        "availability-zone-profile",
        "availabilityzoneprofiles",
        R.ADMIN,
        {**_PROFILE, "availability_zone_data": "{{}}"},
    ),
]
