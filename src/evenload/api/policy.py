"""May this caller do that? Octavia's rule names and defaults, Neutron's for networks and LBaaS v1, through oslo.policy.

The rules are those of the references; operators override them in a policy file. A decision costs oslo.policy a quarter
of a millisecond, so decisions are remembered by everything they may depend on, for a few seconds.
"""

import os
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import structlog
from oslo_config import cfg
from oslo_policy import opts
from oslo_policy import policy as oslo
from oslo_policy._checks import FalseCheck

from evenload.api.auth.identity import Caller, with_implied
from evenload.api.key_manager_v1 import rules as key_manager
from evenload.api.settings import PolicySettings
from evenload.model.errors import EvenloadError, Forbidden

_log = structlog.get_logger(__name__)

_MAX_REMEMBERED = 4096
Target = tuple[tuple[str, str | bool], ...]
"""Names and values of an object, for rules that ask for more than its project."""
_ROLE = re.compile(r"\brole:([A-Za-z0-9][A-Za-z0-9_.\-]*)")
_SINCE = "2023.2"
_REASON = "Keystone's default roles took the place of each service's own."

_OWNER = "rule:load-balancer:owner"
_BASE: dict[str, tuple[str, str | None]] = {
    "load-balancer:owner": ("project_id:%(project_id)s", None),
    "load-balancer:observer_and_owner": (f"role:reader and {_OWNER}", f"role:load-balancer_observer and {_OWNER}"),
    "load-balancer:member_and_owner": (f"role:member and {_OWNER}", f"role:load-balancer_member and {_OWNER}"),
    "load-balancer:global_observer": ("role:admin", "role:load-balancer_global_observer"),
    "load-balancer:quota-admin": ("role:admin", "role:load-balancer_quota_admin"),
    "load-balancer:admin": ("is_admin:True or role:admin", "role:load-balancer_admin"),
    "load-balancer:read": (
        "rule:load-balancer:observer_and_owner or rule:load-balancer:member_and_owner or "
        "rule:load-balancer:global_observer or rule:load-balancer:admin",
        None,
    ),
    "load-balancer:read-global": ("rule:load-balancer:global_observer or rule:load-balancer:admin", None),
    "load-balancer:read-quota": (
        "rule:load-balancer:observer_and_owner or rule:load-balancer:member_and_owner or "
        "rule:load-balancer:global_observer or rule:load-balancer:quota-admin or rule:load-balancer:admin",
        None,
    ),
    "load-balancer:read-quota-global": (
        "rule:load-balancer:global_observer or rule:load-balancer:quota-admin or rule:load-balancer:admin",
        None,
    ),
    "load-balancer:write-quota": ("rule:load-balancer:quota-admin or rule:load-balancer:admin", None),
    "load-balancer:write": ("rule:load-balancer:member_and_owner or rule:load-balancer:admin", None),
    "context_is_admin": ("rule:load-balancer:admin", None),
    "admin_or_owner": ("rule:context_is_admin or rule:load-balancer:owner", None),
    "service": ("role:service", None),
}
_READ, _GLOBAL, _WRITE, _ADMIN = (f"rule:load-balancer:{name}" for name in ("read", "read-global", "write", "admin"))
_READ_QUOTA = "rule:load-balancer:read-quota"
_RESOURCES = ("loadbalancer", "listener", "pool", "member", "healthmonitor", "l7policy", "l7rule")
_PARTS = frozenset({"member", "l7rule"})
"""Listed within their parent alone, so the parent decides who sees them."""
_NETWORK_RESOURCES = ("network", "subnet", "port")
_V1_RESOURCES = ("vip", "pool", "member", "health_monitor")
_QUOTA_ADMIN = "rule:load-balancer:admin or rule:load-balancer:quota-admin"


class PolicyError(EvenloadError):
    """The policy file cannot be used."""


def _load_balancer_rules() -> Iterator[tuple[str, str]]:
    for resource in _RESOURCES:
        reading = f"{_READ} or rule:service" if resource == "member" else _READ
        yield f"{resource}:get_all", reading
        yield f"{resource}:get_one", _READ
        yield from ((f"{resource}:{action}", _WRITE) for action in ("post", "put", "delete"))
        if resource not in _PARTS:
            yield f"{resource}:get_all-global", _GLOBAL
    yield "loadbalancer:get_stats", _READ
    yield "loadbalancer:get_status", _READ
    yield "loadbalancer:put_failover", _ADMIN
    yield from ((f"loadbalancer:{action}:vip_sg_ids", _WRITE) for action in ("post", "put"))
    yield "listener:get_stats", _READ
    yield "provider:get_all", _READ
    yield "provider-flavor:get_all", _ADMIN
    for action in ("get_all", "get_one", "get_stats", "put_failover", "put_config", "delete"):
        yield f"amphora:{action}", _ADMIN
    yield from ((f"flavor:{action}", _READ) for action in ("get_all", "get_one"))
    yield from ((f"flavor:{action}", _ADMIN) for action in ("post", "put", "delete"))
    yield from ((f"availability-zone:{action}", _READ) for action in ("get_all", "get_one"))
    yield from ((f"availability-zone:{action}", _ADMIN) for action in ("post", "put", "delete"))
    for action in ("get_all", "get_one", "post", "put", "delete"):
        yield f"availability-zone-profile:{action}", _ADMIN
    yield from ((f"flavor-profile:{action}", _ADMIN) for action in ("get_all", "get_one", "post", "put", "delete"))
    yield from ((f"quota:{action}", _READ_QUOTA) for action in ("get_all", "get_one", "get_defaults"))
    yield "quota:get_all-global", "rule:load-balancer:read-quota-global"
    yield from ((f"quota:{action}", "rule:load-balancer:write-quota") for action in ("put", "delete"))
    yield "provider-availability-zone:get_all", _ADMIN


def _network_rules() -> Iterator[tuple[str, str]]:
    for resource in _NETWORK_RESOURCES:
        yield f"get_{resource}", "rule:admin_or_owner"
        yield f"get_{resource}:global", "rule:context_is_admin"
        yield from ((f"{action}_{resource}", "rule:context_is_admin") for action in ("create", "update", "delete"))
    yield "get_network:provider", "rule:context_is_admin"
    # Whoever may make networks may not choose the wire they lie on, nor whose they are.
    yield "create_network:provider", "rule:context_is_admin"
    yield from ((f"{action}_network:shared", "rule:context_is_admin") for action in ("create", "update"))
    yield "get_port:binding", "rule:context_is_admin"
    yield "get_network_ip_availability", "rule:context_is_admin"


def _lbaas_v1_rules() -> Iterator[tuple[str, str]]:
    """Neutron's names; who may do what is as in Octavia's API, since it is the same objects."""
    for resource in _V1_RESOURCES:
        yield f"get_{resource}", _READ
        yield f"get_{resource}:global", _GLOBAL
        yield from ((f"{action}_{resource}", _WRITE) for action in ("create", "update", "delete"))
    yield "get_pool_health_monitor", _READ
    yield from ((f"{action}_pool_health_monitor", _WRITE) for action in ("create", "delete"))
    yield "get_service_provider", _READ
    yield from ((f"{action}_agent", _ADMIN) for action in ("get", "update", "delete"))
    yield "get_loadbalancer-agent", _ADMIN
    yield "get_loadbalancer-pools", _ADMIN
    yield "get_quota", f"{_READ} or rule:load-balancer:quota-admin"
    yield "get_quota:global", _QUOTA_ADMIN
    yield from ((f"{action}_quota", _QUOTA_ADMIN) for action in ("update", "delete"))


def default_rules() -> list[oslo.RuleDefault]:
    """Every rule with its default, for the enforcer and for a sample policy file."""
    rules = []
    for name, (check, before) in _BASE.items():
        deprecated = before and oslo.DeprecatedRule(name, before, deprecated_reason=_REASON, deprecated_since=_SINCE)
        rules.append(oslo.RuleDefault(name, check, deprecated_rule=deprecated or None))
    rules += [oslo.RuleDefault(f"os_load-balancer_api:{name}", check) for name, check in _load_balancer_rules()]
    rules += [oslo.RuleDefault(name, check) for name, check in (*_network_rules(), *_lbaas_v1_rules())]
    for name, check, before in (*key_manager.base_rules(), *key_manager.rules()):
        deprecated = before and oslo.DeprecatedRule(name, before, deprecated_reason=_REASON, deprecated_since=_SINCE)
        rules.append(oslo.RuleDefault(name, check, deprecated_rule=deprecated or None))
    return rules


class Policy:
    """``monotonic`` gives seconds. Raises PolicyError for a file that cannot be used at the start; later on the rules
    that were read before hold then, and the log has the reason."""

    def __init__(self, settings: PolicySettings, *, monotonic: Callable[[], float]) -> None:
        self._settings = settings
        self._stamp = _stamp_of(settings.file)
        self._enforcer = load_enforcer(settings)
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._remembered: dict[tuple[str, Caller, str | None, Target], bool] = {}
        self._until = 0.0

    def allows(self, rule: str, caller: Caller, project_id: str | None, target: Target = ()) -> bool:
        """``project_id``: the project of the object in question. ``target``: what else its rules look at."""
        key = (rule, caller, project_id, target)
        now = self._monotonic()
        if now < self._until:
            known = self._remembered.get(key)
            if known is not None:
                return known
        with self._lock:
            if now >= self._until or len(self._remembered) >= _MAX_REMEMBERED:
                self._reread()
                self._remembered = {}
                self._until = now + self._settings.reread_interval
            allowed = self._ask(rule, caller, project_id, target)
            self._remembered[key] = allowed
        return allowed

    def require(self, rule: str, caller: Caller, project_id: str | None, target: Target = ()) -> None:
        """Raises Forbidden."""
        if not self.allows(rule, caller, project_id, target):
            raise Forbidden("Policy does not allow this request to be performed.")

    def _reread(self) -> None:
        stamp = _stamp_of(self._settings.file)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._enforcer = load_enforcer(self._settings)
        except PolicyError as error:
            _log.error("the policy file cannot be used; the rules that were read before hold", reason=str(error))
        else:
            _log.info("the policy file was read again", file=str(self._settings.file))

    def _ask(self, rule: str, caller: Caller, project_id: str | None, more: Target) -> bool:
        # Nobody's object has no project at all: the library would find None equal to a caller's None.
        target: dict[str, str | bool] = dict(more)
        if project_id is not None:
            target |= {"project_id": project_id, "tenant_id": project_id}
        credentials = {name: list(value) if isinstance(value, tuple) else value for name, value in caller.more} | {
            "user_id": caller.user_id,
            "project_id": caller.project_id,
            "tenant_id": caller.project_id,
            "roles": list(caller.roles),
            "is_admin": caller.administrator,
        }
        return bool(self._enforcer.enforce(rule, target, credentials))


def load_enforcer(settings: PolicySettings) -> oslo.Enforcer:
    """With the rules as the file is now; it does not look at the file again. Raises PolicyError."""
    conf = cfg.ConfigOpts()
    conf([], project="evenload", default_config_files=[], default_config_dirs=[])
    # The defaults are Octavia's: the older roles count unless the operator says otherwise.
    opts.set_defaults(conf)
    conf.set_override("enforce_new_defaults", settings.enforce_new_defaults, group="oslo_policy")
    conf.set_override("policy_dirs", [], group="oslo_policy")
    if settings.file is not None and not settings.file.is_file():
        raise PolicyError(f"policy file {settings.file} does not exist")
    # Without a setting an empty file: the library's own default would be looked for in places nobody named.
    file = settings.file.absolute() if settings.file is not None else os.devnull
    conf.set_override("policy_file", str(file), group="oslo_policy")
    enforcer = oslo.Enforcer(conf)
    enforcer.suppress_deprecation_warnings = True
    enforcer.suppress_default_change_warnings = True
    enforcer.register_defaults(default_rules())
    try:
        os.close(os.open(file, os.O_RDONLY | os.O_CLOEXEC))  # the library says nothing of one that it may not read
        enforcer.load_rules()
        enforcer.check_rules(raise_on_violation=True)
        for name, rule in enforcer.file_rules.items():
            if "!" not in str(rule.check_str) and _holds_false(rule.check):
                raise ValueError(f"the rule {name} cannot be understood")
    except (
        ValueError,
        OSError,
        AttributeError,  # what the library says of a file that holds no mapping
        TypeError,
        cfg.Error,
        oslo.InvalidDefinitionError,
        oslo.InvalidRuleDefault,
    ) as error:
        raise PolicyError(f"policy file {settings.file}: {error}") from error
    enforcer.use_conf = False  # the library would fall back to its defaults where the file is gone
    return enforcer


def _holds_false(check: Any) -> bool:
    """Whether the library has put a refusal where it did not understand a part of a rule."""
    parts = [*getattr(check, "rules", ()), *([check.rule] if hasattr(check, "rule") else [])]
    return isinstance(check, FalseCheck) or any(map(_holds_false, parts))


def known_roles(policy_text: str = "") -> set[str]:
    """The roles that a rule names, with those that are implied by one; ``policy_text``: an operator's file."""
    checks = [str(rule.check_str) for rule in default_rules()]
    checks += [str(rule.deprecated_rule.check_str) for rule in default_rules() if rule.deprecated_rule]
    return set(with_implied(sorted({role for text in (*checks, policy_text) for role in _ROLE.findall(text)})))


def _stamp_of(file: Path | None) -> tuple[int, ...] | None:
    """Another one where the file has changed; None where there is none, or nobody may look at it."""
    if file is None:
        return None
    try:
        status = os.stat(file)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino, status.st_mode
