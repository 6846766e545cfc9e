"""Keystone's tokens, validated by keystonemiddleware. Drawn in only where Keystone is asked: it costs 25 MiB.

The middleware is a WSGI application in front of another: here it stands in front of one that notes what the middleware
has found. Access rules of application credentials, the one thing that depends on the request, are judged apart, by the
same library, for each request.
"""

import importlib
import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

import structlog
import webob
from keystoneauth1 import exceptions
from keystonemiddleware import auth_token
from oslo_config import cfg

from evenload.api.auth.identity import Caller, Refusal, Restricted
from evenload.api.auth.tokens import Validated
from evenload.api.errors import is_network_path
from evenload.model.errors import EvenloadError

_log = structlog.get_logger(__name__)

GROUP = "keystone_authtoken"
DEFAULTS: Mapping[str, Any] = {
    "http_connect_timeout": 5,
    "http_request_max_retries": 1,
    "service_type": "load-balancer",
}
"""Where they differ from the library's: nobody waits for Keystone without an end, and access rules count."""
_NETWORK_SERVICE = "network"
_NO_CACHE = "evenload.no_token_cache"
_SERVICE_SECONDS = 30.0
"""Tokens that came with a service's are remembered no longer: the library does not say when that one ends."""
_SHARED_CACHE_SECONDS = 5.0
"""Beside a cache that several processes share, and that forgets by itself."""
_SCOPE = ("domain_id", "user_domain_id", "project_domain_id")


class KeystoneError(EvenloadError):
    """The settings of keystonemiddleware cannot be used."""


def register_options(conf: cfg.ConfigOpts) -> list[cfg.Opt]:
    """The library's, with this service's defaults; without those of an authentication plugin."""
    ((_, options),) = auth_token.list_opts()
    conf.register_opts(options, group=GROUP)
    for name, value in DEFAULTS.items():
        conf.set_default(name, value, group=GROUP)
    return list(options)


class KeystoneValidator:
    """Whose a token is, says Keystone. ``conf`` has ``register_options`` behind it, and is read here, once.

    Raises KeystoneError.
    """

    def __init__(self, conf: cfg.ConfigOpts, now: Callable[[], datetime]) -> None:
        own = conf[GROUP]
        self._now = now
        if own.memcached_servers:
            _require("memcache", "[keystone_authtoken] memcached_servers: the package python-memcached is needed")
            self._longest = min(_SHARED_CACHE_SECONDS, float(own.token_cache_time))
        else:
            # What is remembered is remembered by tokens.py: the library's own cache would only prolong that.
            conf.set_override("cache", _NO_CACHE, group=GROUP)
            self._longest = float(own.token_cache_time)
        logging.getLogger("keystonemiddleware.auth_token").setLevel(logging.ERROR)
        try:
            self._middleware = _Middleware(_note, {"oslo_config_config": conf})
        except (exceptions.ClientException, auth_token.ConfigurationError, cfg.Error, ValueError, OSError) as error:
            raise KeystoneError(f"[{GROUP}]: {error}") from error
        self._rules = auth_token.BaseAuthProtocol(None, service_type=own.service_type)
        self._network_rules = auth_token.BaseAuthProtocol(None, service_type=_NETWORK_SERVICE)
        section = conf[own.auth_section or GROUP]
        uri = own.www_authenticate_uri or getattr(section, "auth_url", None)
        if not uri:
            raise KeystoneError(f"[{GROUP}] www_authenticate_uri: clients have to know where tokens are to be had")
        self._patience = float(own.http_connect_timeout * (1 + own.http_request_max_retries))
        self._challenge = f'Keystone uri="{uri}"'

    @property
    def patience(self) -> float:
        return self._patience

    @property
    def challenge(self) -> str:
        return self._challenge

    def validate(self, user: str, service: str) -> Validated | Refusal:
        environ = {**webob.Request.blank("/").environ, "HTTP_X_AUTH_TOKEN": user, _NO_CACHE: _NothingKept()}
        if service:
            environ["HTTP_X_SERVICE_TOKEN"] = service
        status: list[int] = []
        try:
            found = self._middleware(environ, lambda line, headers, fault=None: status.append(int(line[:3])))
        except exceptions.ClientException as error:
            _log.error("Keystone could not be asked", reason=str(error))
            return Refusal.UNAVAILABLE
        if status == [200]:
            return self._validated(found[0], service)
        if status == [401]:
            _log.info("a token was refused")
            return Refusal.WRONG
        return Refusal.UNAVAILABLE

    def _validated(self, noted: Mapping[str, Any], service: str) -> Validated:
        token: Mapping[str, Any] = noted["keystone.token_info"]["token"]
        caller = _caller(noted)
        left = (datetime.fromisoformat(token["expires_at"]) - self._now()).total_seconds()
        if service:
            # A service may pass a request on whose user's token has expired meanwhile.
            seconds = min(self._longest, _SERVICE_SECONDS, left if left > 0 else _SERVICE_SECONDS)
        else:
            seconds = min(self._longest, left)
        if token.get("application_credential", {}).get("access_rules") is None:
            return Validated(login=caller, seconds=seconds)
        return Validated(login=Restricted(caller, lambda environ: self._permits(environ, token)), seconds=seconds)

    def _permits(self, environ: Mapping[str, Any], token: Mapping[str, Any]) -> bool:
        request = webob.Request(dict(environ))
        request.service_token = environ.get("HTTP_X_SERVICE_TOKEN")
        rules = self._network_rules if is_network_path(request.path_info) else self._rules
        try:
            rules.validate_allowed_request(request, token)
        except auth_token.InvalidToken:
            return False
        return True


class _Middleware(auth_token.AuthProtocol):  # type: ignore[misc]  # the library has no types
    def validate_allowed_request(self, request: Any, token: Any) -> None:
        """Later, when the request is there: ``KeystoneValidator``."""


class _NothingKept:
    """In the place of the library's cache."""

    def get(self, key: str) -> None:
        return None

    def set(self, key: str, value: bytes, time: int = 0) -> None:
        return None


def _note(environ: Mapping[str, Any], start_response: Callable[..., Any]) -> Iterable[Any]:
    """The application behind the middleware: its answer is the environment that it was given."""
    start_response("200 OK", [])
    return [environ]


def _caller(noted: Mapping[str, Any]) -> Caller:
    user, service = noted["keystone.token_auth"].user, noted["keystone.token_auth"].service
    more: dict[str, str | bool | tuple[str, ...] | None] = {name: getattr(user, name) for name in _SCOPE}
    more["system_scope"] = noted.get("HTTP_OPENSTACK_SYSTEM_SCOPE")
    more["is_admin_project"] = noted.get("HTTP_X_IS_ADMIN_PROJECT") != "False"
    if service is not None:
        more["service_roles"] = tuple(service.role_names)
        more |= {f"service_{name}": getattr(service, name) for name in ("user_id", "project_id", *_SCOPE[1:])}
    return Caller(
        user_id=user.user_id,
        project_id=user.project_id,
        roles=tuple(user.role_names),
        more=tuple((name, value) for name, value in more.items() if value is not None),
    )


def _require(module: str, otherwise: str) -> None:
    try:
        importlib.import_module(module)
    except ImportError as error:
        raise KeystoneError(otherwise) from error
