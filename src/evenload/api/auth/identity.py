"""The seam between the API and whoever knows the callers.

``app`` asks an ``Identity`` once per request; what it answers is all that policy and handlers learn of the caller.
An implementation reads the WSGI environment only, so that one that trusts a middleware in front fits as well.
"""

import enum
import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from evenload.model.errors import EvenloadError

_PROJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,35}")
_IMPLIED: dict[str, tuple[str, ...]] = {"admin": ("manager", "member", "reader"), "member": ("reader",)}


@dataclass(frozen=True, slots=True)
class Caller:
    """``administrator``: known as such without a role, as where nobody is asked who he is. ``more``: what else an
    operator's rule may ask for, in the words of oslo.context (``system_scope``, ``user_domain_id`` …)."""

    user_id: str
    project_id: str | None
    roles: tuple[str, ...]
    administrator: bool = False
    more: tuple[tuple[str, str | bool | tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class Restricted:
    """A caller whose credentials are good for some requests only. ``permits`` judges a WSGI environment."""

    caller: Caller
    permits: Callable[[Mapping[str, Any]], bool] = field(repr=False)


class Refusal(enum.Enum):
    """Why credentials let nobody in. ``TOO_MANY``: nobody looked at them. ``UNAVAILABLE``: nobody could."""

    MISSING = enum.auto()
    UNREADABLE = enum.auto()
    WRONG = enum.auto()
    TOO_MANY = enum.auto()
    UNAVAILABLE = enum.auto()


Login = Caller | Restricted | Refusal
"""What came of credentials."""

LOGIN = "evenload.login"
"""Where the environment has the ``Login`` of a request whose credentials were looked at on its way here."""


Header = Callable[[str], str | None]
"""A request's header by its name in lower case; None where it has none."""


class Claim(Hashable, Protocol):
    """Who somebody says he is, to be checked: equal ones need be checked once. ``name`` may be told apart from others
    without a check, and is no secret."""

    @property
    def name(self) -> str: ...


ClaimT = TypeVar("ClaimT", bound=Claim)


@dataclass(frozen=True, slots=True)
class Credentials:
    """A ``Claim`` with a password. Two with the same name and password are equal."""

    name: str
    password: bytes = field(repr=False)


class ClaimCheck(Protocol[ClaimT]):
    """Told apart: what is known at once, for an event loop, and what takes long. Of any thread."""

    def recognise(self, header: Header) -> Login | ClaimT:
        """A claim has to be checked."""

    def recall(self, claim: ClaimT) -> Caller | Restricted | None:
        """Whose claim this is known to be, by an earlier check."""

    def check(self, claim: ClaimT) -> Login:
        """Takes long: a processor's time for a password, another service's for a token."""


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


class IdentityUnavailable(EvenloadError):
    """Whoever knows the callers does not answer (HTTP 503)."""


class Identity(Protocol):
    def authenticate(self, environ: Mapping[str, Any]) -> Caller:
        """Raises Unauthenticated, BadCredentials, TooManyAttempts, or IdentityUnavailable."""

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
