"""What went wrong, as each facade says it: status and body. The only place that knows both.

Installed by ``app``. Octavia has two shapes: {faultcode, faultstring, debuginfo} is what its handlers say, {code,
title, description} what it says before a handler has the request (an address or a method that does not exist, an
answer that is no JSON, and what ``routing`` has). Neutron's is {NeutronError: {type, message, detail}}, Barbican's
{code, title, description}. A fault of ours says nothing of itself to the client; the log has it, under the request id
that the answer carries.
"""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import falcon
import structlog

from evenload.api.attributes import NotRead
from evenload.api.auth.identity import BadCredentials, IdentityUnavailable, TooManyAttempts, Unauthenticated
from evenload.api.fields import shown, shown_path
from evenload.api.network_v2.absent import SEGMENTS
from evenload.api.routing import BadPaging, UnknownParent
from evenload.model.errors import (
    AddressesExhausted,
    AddressLetGo,
    AddressOutsideSubnet,
    AddressTaken,
    Conflict,
    Forbidden,
    ForeignProject,
    Immutable,
    Invalid,
    NoHost,
    NotFound,
    OverQuota,
    PortsUnavailable,
    Rejected,
    SecretsUnavailable,
    StoreUnavailable,
    TooLarge,
    Unconfirmed,
    UnknownNeighbour,
    Unsupported,
    UnusableSecrets,
)

_log = structlog.get_logger(__name__)

NETWORK_SEGMENTS = (
    frozenset({"networks", "subnets", "ports", "extensions", "lb", "agents", "service-providers", "quotas"})
    | {"network-ip-availabilities"}
    | SEGMENTS
)
_READY = (
    "Validation failure: ",
    "Provider '",
    "Invalid input for ",
    "Unknown attribute ",
    "Missing details ",
    "One or more ",
    "The selected ",
)
_STATUSES: tuple[tuple[type[Rejected], int], ...] = (
    (NotFound, 404),
    (TooLarge, 413),
    (Forbidden, 403),
    (OverQuota, 403),
    (Conflict, 409),
    (Unsupported, 501),
    (NoHost, 503),
    (Invalid, 400),
)
# Where Neutron says something else, with LBaaS v1 inside.
_NEUTRON_STATUSES: tuple[tuple[type[Rejected], int], ...] = (
    (UnknownNeighbour, 404),
    (NoHost, 404),
    (OverQuota, 409),
    *_STATUSES,
)
_NEUTRON_TYPES: Mapping[type[Rejected], str] = {
    Invalid: "InvalidInput",
    BadPaging: "InvalidInput",
    NotRead: "InvalidInput",
    Unsupported: "InvalidInput",
    Forbidden: "PolicyNotAuthorized",
    ForeignProject: "NotAuthorized",
    Immutable: "StateInvalid",
    NoHost: "NoEligibleBackend",
    AddressTaken: "IpAddressInUse",
    AddressLetGo: "IpAddressInUse",
    AddressOutsideSubnet: "InvalidIpForSubnet",
    AddressesExhausted: "IpAddressGenerationFailure",
}
"""Others are called as in the model."""
_OCTAVIAS_OWN = ("/v2/lbaas", "/v2.0/lbaas", "/v2/octavia", "/v2.0/octavia")
_BEFORE_HANDLERS = frozenset({404, 405, 406})
"""Of Falcon's own errors, those about the address and what comes with it."""


def is_network_path(path: str) -> bool:
    """Whether a path belongs to Neutron's API, be it of networks or of LBaaS v1, also where nothing answers at it."""
    parts = path.split("/", 3)
    return len(parts) > 2 and parts[1] in ("v2", "v2.0") and parts[2].removesuffix(".json") in NETWORK_SEGMENTS


def is_key_manager_path(path: str) -> bool:
    """Whether a path belongs to Barbican's API, also where nothing answers at it."""
    return path == "/v1" or path.startswith("/v1/")


def describe(error: Rejected, names: Mapping[str, str], provider: str | None) -> tuple[int, str]:
    """Status and text of a refusal, which names the field in the API's own word. ``names``: model → API.

    ``provider`` None: Neutron's API, which has none, so that what is not supported is the caller's fault.
    """
    statuses = _STATUSES if provider is not None else _NEUTRON_STATUSES
    status = next((code for kind, code in statuses if isinstance(error, kind)), 400)
    text = error.detail
    if isinstance(error, Forbidden):
        return status, text
    if isinstance(error, UnusableSecrets):
        faults = [f"{api_name(each.field, names)}: {each.detail}" for each in error.faults]
        return status, f"Validation failure: {' '.join(faults)}"
    name = error.field if isinstance(error, NotRead) else api_name(error.field, names)
    if name is not None and name not in text:
        text = f"{shown(name)}: {text}"
    if isinstance(error, Unsupported):
        if provider is None:
            return 400, f"Not supported here: {text}"
        return status, f"Provider '{error.provider or provider}' does not support a requested option: {text}"
    if provider is None:
        return status, text
    if status == 400 and not text.startswith(_READY) and not text.endswith(" not found."):
        text = f"Validation failure: {text}"
    return status, text


def api_name(field: str | None, names: Mapping[str, str]) -> str | None:
    """Of a field as the model calls it, such as ``sni[3]``."""
    if field is None:
        return None
    word, bracket, place = field.partition("[")
    return f"{names.get(word, word)}{bracket}{place}"


def neutron_type(error: Rejected) -> str:
    """What Neutron calls it."""
    if isinstance(error, NotFound | UnknownNeighbour):
        return f"{error.kind.replace(' ', '')}NotFound"
    return _NEUTRON_TYPES.get(type(error), type(error).__name__)


class Errors:
    """Falcon's error handlers. ``provider`` is named in what it does not support."""

    def __init__(self, provider: str) -> None:
        self._provider = provider

    def install(self, app: falcon.App[Any, Any]) -> None:
        app.add_error_handler(Exception, self._unexpected)
        app.add_error_handler(falcon.HTTPError, self._http)
        app.add_error_handler(Rejected, self._rejected)
        app.add_error_handler(StoreUnavailable, self._unavailable)
        app.add_error_handler(SecretsUnavailable, self._secrets_unavailable)
        app.add_error_handler(Unconfirmed, self._unconfirmed)
        app.add_error_handler(PortsUnavailable, self._unavailable)
        app.add_error_handler(Unauthenticated, self._unauthenticated)
        app.add_error_handler(BadCredentials, self._bad_credentials)
        app.add_error_handler(TooManyAttempts, self._too_many)
        app.add_error_handler(IdentityUnavailable, self._identity_unavailable)

    def _rejected(self, request: falcon.Request, response: falcon.Response, error: Rejected, params: Any) -> None:
        names: Mapping[str, str] = getattr(request.context, "names", {})
        if is_key_manager_path(request.path):
            status = next((code for kind, code in _STATUSES if isinstance(error, kind)), 400)
            _answer(request, response, status, error.detail, type(error).__name__)
            return
        status, text = describe(error, names, None if is_network_path(request.path) else self._provider)
        outside = isinstance(error, BadPaging | UnknownParent)
        _answer(request, response, status, text, neutron_type(error), outside=outside)

    def _http(self, request: falcon.Request, response: falcon.Response, error: falcon.HTTPError, params: Any) -> None:
        if error.headers is not None:
            response.set_headers(error.headers)
        kind = type(error).__name__.replace("RouteNotFound", "NotFound")
        status = int(error.status_code)
        text = error.description or error.title or ""
        outside = status in _BEFORE_HANDLERS
        if isinstance(error, falcon.HTTPRouteNotFound):
            text = f"There is nothing at {shown(request.path)}: load balancers and their networks are served here."
            outside = request.path.startswith(_OCTAVIAS_OWN)  # others' clients print what they know of
        _answer(request, response, status, text, kind, outside=outside)

    def _unavailable(self, request: falcon.Request, response: falcon.Response, error: Exception, params: Any) -> None:
        _log.error("a request could not be served", path=shown_path(request.path), reason=str(error))
        _answer(request, response, 503, "The service is not available at present. Please try again.", "Unavailable")

    def _secrets_unavailable(
        self, request: falcon.Request, response: falcon.Response, error: SecretsUnavailable, params: Any
    ) -> None:
        _log.error("the store of secrets cannot be asked", path=shown_path(request.path), reason=str(error))
        name = api_name(error.field, getattr(request.context, "names", {}))
        text = f"{name}: the store of secrets is not available at present. Please try again."
        _answer(request, response, 503, text, "Unavailable")

    def _unconfirmed(self, request: falcon.Request, response: falcon.Response, error: Unconfirmed, params: Any) -> None:
        """No 503, which clients repeat by themselves: the change is there, a second POST would make a second one."""
        _log.error("a change may not outlive a power cut", path=shown_path(request.path), reason=str(error))
        text = "The change was made, but the server's disk did not confirm it. Please look before you try again."
        _answer(request, response, 500, text, "Unconfirmed")

    def _unauthenticated(
        self, request: falcon.Request, response: falcon.Response, error: Unauthenticated, params: Any
    ) -> None:
        response.set_header("WWW-Authenticate", error.challenge)
        _answer(request, response, 401, error.detail, "Unauthorized")

    def _bad_credentials(
        self, request: falcon.Request, response: falcon.Response, error: BadCredentials, params: Any
    ) -> None:
        _answer(request, response, 400, str(error), "BadRequest")

    def _too_many(
        self, request: falcon.Request, response: falcon.Response, error: TooManyAttempts, params: Any
    ) -> None:
        response.set_header("Retry-After", "1")
        _answer(request, response, 429, str(error), "TooManyRequests")

    def _identity_unavailable(
        self, request: falcon.Request, response: falcon.Response, error: IdentityUnavailable, params: Any
    ) -> None:
        response.set_header("Retry-After", "1")
        _answer(request, response, 503, str(error), "ServiceUnavailable")

    def _unexpected(self, request: falcon.Request, response: falcon.Response, error: Exception, params: Any) -> None:
        identifier = getattr(request.context, "request_id", None)
        _log.error(
            "a request failed", method=request.method, path=shown_path(request.path), request=identifier, exc_info=error
        )
        _answer(request, response, 500, f"An unexpected fault; the log has it under {identifier}.", "InternalError")


def _answer(
    request: falcon.Request, response: falcon.Response, status: int, text: str, type: str, *, outside: bool = False
) -> None:
    """``outside``: of the handlers of Octavia's API."""
    response.status = status
    response.content_type = falcon.MEDIA_JSON
    if is_network_path(request.path):
        body: dict[str, Any] = {"NeutronError": {"type": type, "message": text, "detail": ""}}
    elif is_key_manager_path(request.path):
        body = {"code": status, "title": HTTPStatus(status).phrase, "description": text}
    elif outside:
        body = {"code": status, "title": text, "description": None}
    else:
        body = {"faultcode": "Client" if status < 500 else "Server", "faultstring": text, "debuginfo": None}
    response.data = json.dumps(body).encode("ascii")
