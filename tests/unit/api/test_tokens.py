"""Who is remembered by his tokens, for how long, and what is said to those who are refused."""

from collections.abc import Mapping
from typing import Any

import pytest
from tests.fakes.clock import StillClock

from evenload.api.auth.identity import (
    LOGIN,
    Caller,
    IdentityUnavailable,
    Refusal,
    Restricted,
    TooManyAttempts,
    Unauthenticated,
)
from evenload.api.auth.tokens import TokenIdentity, Tokens, Validated

ANN = Caller("ann", "blue", ("member", "reader"))


class Issuer:
    """Knows tokens by what it was told, and notes what it was asked."""

    challenge = 'Keystone uri="http://keystone/v3"'
    patience = 1.0

    def __init__(self, **known: Validated | Refusal) -> None:
        self.known = known
        self.asked: list[tuple[str, str]] = []

    def validate(self, user: str, service: str) -> Validated | Refusal:
        self.asked.append((user, service))
        return self.known.get(user, Refusal.WRONG)


def validated(login: Caller | Restricted = ANN, seconds: float = 60.0) -> Validated:
    return Validated(login=login, seconds=seconds)


def sent(user: str | None, service: str | None = None) -> Mapping[str, Any]:
    given = {"HTTP_X_AUTH_TOKEN": user, "HTTP_X_SERVICE_TOKEN": service}
    return {name: value for name, value in given.items() if value is not None}


def make(issuer: Issuer, clock: StillClock | None = None, **more: Any) -> TokenIdentity:
    return TokenIdentity(issuer, monotonic=(clock or StillClock()).monotonic, **more)


def test_a_token_is_asked_for_once_until_it_is_too_old() -> None:
    issuer, clock = Issuer(good=validated(seconds=60)), StillClock()
    identity = make(issuer, clock)
    for _ in range(3):
        assert identity.authenticate(sent("good")) is ANN
    clock.advance(59)
    assert identity.authenticate(sent(" good ")) is ANN
    assert issuer.asked == [("good", "")]
    clock.advance(1)
    issuer.known["good"] = Refusal.WRONG
    with pytest.raises(Unauthenticated):
        identity.authenticate(sent("good"))
    assert len(issuer.asked) == 2


def test_the_time_runs_from_the_question_on() -> None:
    """An answer that took long was true when the issuer looked."""
    clock = StillClock()

    class Slow(Issuer):
        def validate(self, user: str, service: str) -> Validated | Refusal:
            clock.advance(59)
            return super().validate(user, service)

    issuer = Slow(good=validated(seconds=60))
    identity = make(issuer, clock)
    identity.authenticate(sent("good"))
    clock.advance(1)
    identity.authenticate(sent("good"))
    assert len(issuer.asked) == 2


def test_what_may_not_be_remembered_is_asked_for_each_time() -> None:
    issuer = Issuer(good=validated(seconds=0))
    identity = make(issuer)
    assert [identity.authenticate(sent("good")) for _ in range(2)] == [ANN, ANN]
    assert len(issuer.asked) == 2


def test_a_pair_of_tokens_is_another_than_either() -> None:
    issuer = Issuer(good=validated())
    identity = make(issuer)
    for service in (None, "service", "other", None):
        identity.authenticate(sent("good", service))
    assert issuer.asked == [("good", ""), ("good", "service"), ("good", "other")]


@pytest.mark.parametrize("refusal", [Refusal.WRONG, Refusal.UNAVAILABLE])
def test_a_refusal_is_not_remembered(refusal: Refusal) -> None:
    issuer = Issuer(good=refusal)
    identity = make(issuer)
    with pytest.raises((Unauthenticated, IdentityUnavailable)):
        identity.authenticate(sent("good"))
    issuer.known["good"] = validated()
    assert identity.authenticate(sent("good")) is ANN


@pytest.mark.parametrize("token", [None, "", "  ", "two words", "töken", "a\x00b", "line\nbreak"])
def test_what_can_be_no_token_is_not_asked_for(token: str | None) -> None:
    issuer = Issuer()
    with pytest.raises(Unauthenticated) as caught:
        make(issuer).authenticate(sent(token))
    assert caught.value.challenge == issuer.challenge
    assert not issuer.asked


def test_a_service_token_that_can_be_none_is_refused() -> None:
    issuer = Issuer(good=validated())
    with pytest.raises(Unauthenticated):
        make(issuer).authenticate(sent("good", "two words"))
    assert not issuer.asked


@pytest.mark.parametrize(
    ("refusal", "error"),
    [
        (Refusal.MISSING, Unauthenticated),
        (Refusal.WRONG, Unauthenticated),
        (Refusal.TOO_MANY, TooManyAttempts),
        (Refusal.UNAVAILABLE, IdentityUnavailable),
    ],
)
def test_what_a_queue_in_front_found_holds(refusal: Refusal, error: type[Exception]) -> None:
    issuer = Issuer(good=validated())
    with pytest.raises(error):
        make(issuer).authenticate({**sent("good"), LOGIN: refusal})
    assert make(issuer).authenticate({LOGIN: ANN}) is ANN
    assert not issuer.asked


def test_rules_are_judged_for_each_request() -> None:
    def reads(environ: Mapping[str, Any]) -> bool:
        return bool(environ["REQUEST_METHOD"] == "GET")

    issuer = Issuer(good=validated(Restricted(ANN, reads)))
    identity = make(issuer)
    for _ in range(2):
        assert identity.authenticate({**sent("good"), "REQUEST_METHOD": "GET"}) is ANN
        with pytest.raises(Unauthenticated, match="access rules"):
            identity.authenticate({**sent("good"), "REQUEST_METHOD": "POST"})
    assert len(issuer.asked) == 1


def test_the_oldest_is_forgotten_where_there_are_too_many() -> None:
    names = [f"t{number}" for number in range(4)]
    issuer = Issuer(**{name: validated() for name in names})
    identity = make(issuer, most_remembered=3)
    for name in (*names, *names[1:]):
        identity.authenticate(sent(name))
    assert len(issuer.asked) == 4
    identity.authenticate(sent(names[0]))
    assert len(issuer.asked) == 5


def test_those_that_are_too_old_go_first() -> None:
    clock = StillClock()
    issuer = Issuer(long=validated(seconds=100), short=validated(seconds=1), new=validated(seconds=100))
    identity = make(issuer, clock, most_remembered=2)
    for name in ("long", "short"):
        identity.authenticate(sent(name))
    clock.advance(2)
    for name in ("new", "long"):
        identity.authenticate(sent(name))
    assert [user for user, _ in issuer.asked] == ["long", "short", "new"]


def test_no_token_shows_in_a_claim() -> None:
    found = make(Issuer()).recognise({"x-auth-token": "geheim", "x-service-token": "geheimer"}.get)
    assert isinstance(found, Tokens)
    assert "geheim" not in repr(found)
    assert found == make_same(found)
    assert make(Issuer()).recognise({"x-auth-token": "geheim"}.get) != found


def make_same(claim: Tokens) -> Tokens:
    return Tokens(claim.name, claim.user, claim.service)


def test_a_caller_knows_of_his_own_project() -> None:
    identity = make(Issuer())
    assert identity.projects(ANN) == ["blue"]
    assert identity.projects(Caller("root", None, ("admin",))) == []
