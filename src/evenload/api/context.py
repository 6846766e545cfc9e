"""What a request carries from the middleware to the handlers, and the few things that handlers do with it.

One ``Facade`` is made by ``app`` and given to every resource of every facade.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import falcon

from evenload.api.auth.identity import Caller
from evenload.api.bodies import read_json
from evenload.api.encoding import encode
from evenload.api.paging import Parameters
from evenload.api.policy import Policy
from evenload.api.settings import ApiSettings
from evenload.interfaces.secrets import SecretAccess
from evenload.model.balancer import AnyRecord
from evenload.model.errors import Invalid, SecretsUnavailable, StoreUnavailable, UnusableSecrets
from evenload.model.query import View

_MAX_PARAMETERS = 200
ROUTE = "evenload.route"
"""In the environment of a request that has one: its route, as it was added to the application."""


@dataclass(slots=True)
class Noted:
    """What an audit says of a request. ``sent``: the body, as it was read. The rest is of the object that was found for
    it."""

    sent: Any = None
    name: str | None = None
    project_id: str | None = None
    load_balancer_id: str | None = None

    def found(self, name: str, project_id: str | None, load_balancer_id: str | None = None) -> None:
        self.name, self.project_id, self.load_balancer_id = name, project_id, load_balancer_id


def note_view(request: falcon.Request, view: View[AnyRecord]) -> None:
    record = view.record
    noted_of(request).found(record.name, record.project_id, view.relations.load_balancer_id)


def note_parent(request: falcon.Request, view: View[AnyRecord]) -> None:
    """Of what is yet to be made, the load balancer that it shall be part of is known by what it is made in."""
    noted_of(request).load_balancer_id = view.relations.load_balancer_id


def noted_of(request: falcon.Request) -> Noted:
    noted: Noted | None = getattr(request.context, "noted", None)
    if noted is None:
        noted = request.context.noted = Noted()
    return noted


@dataclass(frozen=True, slots=True, kw_only=True)
class Facade:
    policy: Policy
    settings: ApiSettings
    secret_access: SecretAccess | None = None

    def require(self, request: falcon.Request, rule: str, project_id: str | None) -> None:
        """Raises Forbidden."""
        self.policy.require(rule, caller_of(request), project_id)

    def allows(self, request: falcon.Request, rule: str, project_id: str | None) -> bool:
        return self.policy.allows(rule, caller_of(request), project_id)

    def admit(self, request: falcon.Request, named: Sequence[tuple[str, str]]) -> None:
        """Whether the caller himself may read the secrets that he names, field and reference each. Raises
        UnusableSecrets, SecretsUnavailable."""
        if self.secret_access is None or not named:
            return
        token = request.get_header("X-Auth-Token") or ""
        try:
            faults = self.secret_access.admit(token, [reference for _, reference in named])
        except StoreUnavailable as error:
            field, reference = named[0]
            raise SecretsUnavailable(f"{reference} cannot be read: {error}", field=field) from error
        if faults:
            raise UnusableSecrets(tuple(faults[each].about(field) for field, each in named if each in faults))

    def body(self, request: falcon.Request) -> Any:
        noted_of(request).sent = sent = read_json(request, self.settings.max_body_bytes)
        return sent

    def base(self, request: falcon.Request) -> str:
        """Scheme, host and mount point for links, without a closing slash."""
        if self.settings.base_uri is not None:
            return self.settings.base_uri.rstrip("/")
        return str(request.forwarded_prefix if self.settings.trust_forwarded else request.prefix)

    def address(self, request: falcon.Request) -> str:
        """The address of what was asked for, without its query string."""
        return self.base(request) + str(request.path)


def caller_of(request: falcon.Request) -> Caller:
    caller: Caller = request.context.caller
    return caller


def parameters_of(request: falcon.Request) -> Parameters:
    try:
        return parse_qsl(request.query_string, keep_blank_values=True, max_num_fields=_MAX_PARAMETERS)
    except ValueError as error:
        raise Invalid("The query string has too many parameters.") from error


def answer(response: falcon.Response, value: Any, status: int = 200) -> None:
    response.status = status
    response.content_type = falcon.MEDIA_JSON
    response.data = encode(value).encode("ascii")
    response.context.answered = value


def answer_empty(response: falcon.Response, status: int) -> None:
    response.status = status
    if status != 204:
        response.content_type = falcon.MEDIA_JSON
        response.data = b""
