"""Tokens of another service, which says whose they are; it is asked once, and remembered for a while.

What is remembered is who a pair of tokens belongs to, under a keyed digest that says nothing without this process' key.
``authenticate`` never asks anybody where a queue in front has done so.
"""

import hmac
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from evenload.api.auth.identity import (
    LOGIN,
    Caller,
    Header,
    IdentityUnavailable,
    Login,
    Refusal,
    Restricted,
    TooManyAttempts,
    Unauthenticated,
)

_MAX_REMEMBERED = 4096
_USER, _SERVICE = "x-auth-token", "x-service-token"


@dataclass(frozen=True, slots=True)
class Tokens:
    """A ``Claim``. ``service``: of the service that passes a user's request on, "" where there is none."""

    name: str
    user: str = field(repr=False)
    service: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Validated:
    """``seconds``: how long that may be remembered."""

    login: Caller | Restricted
    seconds: float


class Validator(Protocol):
    """Whoever issued the tokens. Of any thread; takes long."""

    @property
    def challenge(self) -> str:
        """The value of WWW-Authenticate: where tokens are to be had."""

    @property
    def patience(self) -> float:
        """Seconds after which a validation that was begun has ended, one way or the other."""

    def validate(self, user: str, service: str) -> Validated | Refusal: ...


class TokenIdentity:
    """``monotonic`` gives seconds."""

    def __init__(
        self, validator: Validator, *, monotonic: Callable[[], float], most_remembered: int = _MAX_REMEMBERED
    ) -> None:
        self._validator = validator
        self._monotonic = monotonic
        self._most = most_remembered
        self._key = os.urandom(32)
        self._lock = threading.Lock()  # of writers
        self._remembered: dict[str, tuple[Caller | Restricted, float]] = {}  # by name, with the moment of its end

    def authenticate(self, environ: Mapping[str, Any]) -> Caller:
        login = environ.get(LOGIN)
        if login is None:
            found = self.recognise(lambda name: environ.get("HTTP_" + name.upper().replace("-", "_")))
            login = self.check(found) if isinstance(found, Tokens) else found
        match login:
            case Caller():
                return login
            case Restricted():
                if login.permits(environ):
                    return login.caller
                raise Unauthenticated("The access rules of this token do not allow this request.", self._challenge)
            case Refusal.TOO_MANY:
                raise TooManyAttempts("Too many tokens are being checked. Please try again in a moment.")
            case Refusal.UNAVAILABLE:
                raise IdentityUnavailable("The identity service cannot be reached at present. Please try again.")
            case Refusal.MISSING:
                raise Unauthenticated("This service asks for a token.", self._challenge)
            case _:
                raise Unauthenticated("The token is not valid.", self._challenge)

    def recognise(self, header: Header) -> Login | Tokens:
        user = (header(_USER) or "").strip()
        service = (header(_SERVICE) or "").strip()
        if not user:
            return Refusal.MISSING
        if not _can_be_token(user) or (service and not _can_be_token(service)):
            return Refusal.WRONG
        tokens = Tokens(self._digest(user, service), user, service)
        return self.recall(tokens) or tokens

    def recall(self, claim: Tokens) -> Caller | Restricted | None:
        login, until = self._remembered.get(claim.name, (None, 0.0))
        return login if self._monotonic() < until else None

    def check(self, claim: Tokens) -> Login:
        begun = self._monotonic()
        found = self._validator.validate(claim.user, claim.service)
        if isinstance(found, Refusal):
            return found
        if found.seconds > 0:
            self._remember(claim.name, found.login, begun + found.seconds)
        return found.login

    def projects(self, caller: Caller) -> Sequence[str]:
        """The own one: who wants to know of others asks the service that has the tokens."""
        return [caller.project_id] if caller.project_id is not None else []

    @property
    def patience(self) -> float:
        """Seconds that a check may take."""
        return self._validator.patience

    @property
    def _challenge(self) -> str:
        return self._validator.challenge

    def _remember(self, name: str, login: Caller | Restricted, until: float) -> None:
        with self._lock:
            self._remembered.pop(name, None)
            if len(self._remembered) >= self._most:
                now = self._monotonic()
                self._remembered = {key: kept for key, kept in self._remembered.items() if now < kept[1]}
                if len(self._remembered) >= self._most:
                    del self._remembered[next(iter(self._remembered))]
            self._remembered[name] = login, until

    def _digest(self, user: str, service: str) -> str:
        return hmac.digest(self._key, f"{user} {service}".encode(), "sha256").hex()


def _can_be_token(text: str) -> bool:
    """Whether it may be sent in a header: of ASCII, without blanks. One that may not need not be asked for."""
    return text.isascii() and text.isprintable() and " " not in text
