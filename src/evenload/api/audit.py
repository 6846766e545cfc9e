"""Who asked for which change, from where, and what became of it: one line in the log for each, made or refused.

Logger ``evenload.audit``. Of what was sent only the names of attributes are told, and values that are numbers or truth
values: texts may hold anything, a payload or a password; of secrets no value is told. Of what
somebody may write without end, the beginning is told. Looking changes nothing and is not told.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import falcon
import structlog

from evenload.api.context import Noted, noted_of
from evenload.api.fields import shown, shown_path
from evenload.api.settings import ApiSettings

_LOG = structlog.get_logger("evenload.audit")
_LOOKING = frozenset({"GET", "HEAD", "OPTIONS"})
_ATTRIBUTE = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_GLOBAL_ID = re.compile(r"req-[0-9a-f-]{36}")
_MOST = 40
"""Attributes of one request that are named."""
_KEY_MANAGER = "key-manager"
_APIS = (("/v2/lb/", "lbaas-v1"), ("/v1", _KEY_MANAGER))
_NETWORKS = ("networks", "subnets", "ports")
_PLURALS = {"policies": "policy", "l7policies": "l7policy"}


class Audit:
    """Middleware of the application. ``trust_forwarded``: as in ``ApiSettings``."""

    def __init__(self, settings: ApiSettings) -> None:
        self._trust_forwarded = settings.trust_forwarded

    def process_response(
        self, request: falcon.Request, response: falcon.Response, resource: object, succeeded: bool
    ) -> None:
        del resource, succeeded
        if request.method in _LOOKING:
            return
        status = response.status_code
        write = _LOG.info if status < 400 else _LOG.warning if status < 500 else _LOG.error
        write("audit", **self._fields(request, response, status))

    def _fields(self, request: falcon.Request, response: falcon.Response, status: int) -> Mapping[str, Any]:
        context = request.context
        caller = getattr(context, "caller", None)
        api, kind, part, place = _place_of(request.uri_template or "")
        noted = noted_of(request)
        answered = _answered(getattr(response.context, "answered", None))
        fields = {
            "request": getattr(context, "request_id", None),
            "global_request": _global_id(request),
            "method": request.method,
            "api": api,
            "object": kind,
            "part": part,
            "status": status,
            "user": None if caller is None else caller.user_id,
            "project": None if caller is None else caller.project_id,
            "address": self._address(request),
            **_object(noted, answered, kind, request.path, place),
            "attributes": ",".join(_attributes(noted.sent, values=api != _KEY_MANAGER)) or None,
        }
        if kind is None:
            fields["path"] = shown_path(request.path)
        return {name: value for name, value in fields.items() if value is not None}

    def _address(self, request: falcon.Request) -> str:
        """The last one of X-Forwarded-For is what the proxy in front has put there."""
        given = request.get_header("X-Forwarded-For") if self._trust_forwarded else None
        return request.remote_addr if given is None else shown(given.rpartition(",")[2].strip())


def _object(noted: Noted, answer: Mapping[str, Any], kind: str | None, path: str, place: int | None) -> dict[str, Any]:
    """Which one: what the path names, else what the answer shows."""
    reference = answer.get(f"{kind}_ref") or answer.get("id")
    identifier = shown_path(path.split("/")[place]) if place is not None else None
    identifier = identifier or (str(reference).rpartition("/")[2] if reference else None)
    owners = answer.get("loadbalancers")
    owner = noted.load_balancer_id or (owners[0]["id"] if owners else None)
    name = noted.name or answer.get("name")
    return {
        "id": identifier,
        "name": name or None,
        "load_balancer": identifier if kind == "loadbalancer" else owner,
        "owner": noted.project_id or answer.get("project_id") or answer.get("tenant_id"),
    }


def _answered(answered: Any) -> Mapping[str, Any]:
    """The object that the answer shows, bare or wrapped in its word."""
    if not isinstance(answered, dict):
        return {}
    inner = next(iter(answered.values()), None) if len(answered) == 1 else None
    return inner if isinstance(inner, dict) else answered


def _attributes(sent: Any, *, values: bool) -> Iterator[str]:
    """Names; with ``values``, also those that are numbers or truth values."""
    if isinstance(sent, dict) and len(sent) == 1 and isinstance(next(iter(sent.values())), dict | list):
        sent = next(iter(sent.values()))
    if isinstance(sent, list):
        yield f"{len(sent)} objects"
        return
    if not isinstance(sent, dict):
        return
    for number, (name, value) in enumerate(sent.items()):
        if number == _MOST:
            yield f"{len(sent) - _MOST} more"
            return
        known = _ATTRIBUTE.fullmatch(name) is not None
        plain = known and values and isinstance(value, bool | int) and abs(value) < 2**63
        yield f"{name}={value}" if plain else name if known else "?"


def _global_id(request: falcon.Request) -> str | None:
    given = request.get_header("X-OpenStack-Request-ID")
    return given if given is not None and _GLOBAL_ID.fullmatch(given) else None


@lru_cache(maxsize=500)
def _place_of(template: str) -> tuple[str | None, str | None, str | None, int | None]:
    """Of a route: the API, the kind of object, what of it (``failover``, ``acl``), and which part of the path is its
    id."""
    words = template.split("/")
    named = [number for number, word in enumerate(words) if word.startswith("{")]
    place = named[-1] if named else None
    rest = words[place + 1 :] if place is not None else []
    if len(words) < 3:
        return None, None, None, None
    plural = words[-1] if place is None else words[place - 1]
    if rest and not named[1:] and rest[-1] in ("members", "rules", "health_monitors"):
        return _api_of(template), _singular(rest[-1]), None, None
    return _api_of(template), _singular(plural), rest[-1] if rest else None, place


def _api_of(template: str) -> str:
    found = next((api for prefix, api in _APIS if template.startswith(prefix)), None)
    if found is not None:
        return found
    words = template.split("/")
    return "network" if words[2] in _NETWORKS else "lbaas-v1" if words[2] in ("agents", "quotas") else "octavia"


def _singular(plural: str) -> str:
    return _PLURALS.get(plural) or (plural[:-3] + "y" if plural.endswith("ies") else plural.removesuffix("s"))
