"""The seam between the API and whoever knows the callers.

``app`` asks an ``Identity`` once per request; what it answers is all that policy and handlers learn of the caller.
An implementation reads the WSGI environment only, so that one that trusts a middleware in front fits as well.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from evenload.model.errors import EvenloadError

_PROJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,35}")
_IMPLIED: dict[str, tuple[str, ...]] = {"admin": ("manager", "member", "reader"), "member": ("reader",)}


@dataclass(frozen=True, slots=True)
class Caller:
    """``administrator``: known as such without a role, as where nobody is asked who he is."""

    user_id: str
    project_id: str | None
    roles: tuple[str, ...]
    administrator: bool = False


class Unauthenticated(EvenloadError):
    """Nobody we know (HTTP 401). ``challenge`` is the value of WWW-Authenticate."""

    def __init__(self, detail: str, challenge: str) -> None:
        super().__init__(detail)
        self.detail = detail
        self.challenge = challenge


class BadCredentials(EvenloadError):
    """The request names something about the caller in a way that cannot be read (HTTP 400)."""


class TooManyAttempts(EvenloadError):
    """Nobody looks at this caller's credentials just now (HTTP 429); another attempt may help."""


class Identity(Protocol):
    def authenticate(self, environ: Mapping[str, Any]) -> Caller:
        """Raises Unauthenticated, BadCredentials, or TooManyAttempts."""

    def projects(self, caller: Caller) -> Sequence[str] | None:
        """The projects that this caller may know of; None where every well-formed name is a project."""


def is_project(text: str) -> bool:
    """Whether a text can be the name of a project: 1 to 36 of letters, digits, dot, dash and underscore."""
    return _PROJECT.fullmatch(text) is not None


def with_implied(roles: Sequence[str]) -> tuple[str, ...]:
    """The roles with those that Keystone says they imply, in the order given."""
    found = dict.fromkeys(roles)
    for role in roles:
        found.update(dict.fromkeys(_IMPLIED.get(role, ())))
    return tuple(found)
