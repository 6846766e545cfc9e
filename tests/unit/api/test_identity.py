"""Who is let in, by which file, and what is told of it."""

import base64
import os
from collections.abc import Mapping
from pathlib import Path

import bcrypt
import pytest
import structlog

from evenload.api.auth.http_basic import HttpBasicIdentity, UserFileError, hash_password, parse_users
from evenload.api.auth.identity import (
    LOGIN,
    BadCredentials,
    Caller,
    Credentials,
    Header,
    Refusal,
    TooManyAttempts,
    Unauthenticated,
)
from evenload.api.auth.none import NoIdentity


def cheap(password: str) -> str:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(rounds=4)).decode()


def basic(user: str, password: str) -> Mapping[str, str]:
    return {"HTTP_AUTHORIZATION": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def header(authorization: str | None) -> Header:
    return lambda name: authorization if name == "authorization" else None


@pytest.fixture
def users(tmp_path: Path) -> Path:
    file = tmp_path / "users"
    file.touch(0o600)
    file.write_text(f"# people\n\nann:{cheap('geheim')}:blue:member\nroot:{cheap('toor')}:ops:admin,reader\n")
    return file


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Every check that bcrypt makes, by its hash; counting is the reason to patch."""
    made: list[bytes] = []
    real = bcrypt.checkpw

    def check(password: bytes, hashed: bytes) -> bool:
        made.append(hashed)
        return real(password, hashed)

    monkeypatch.setattr(bcrypt, "checkpw", check)
    return made


def test_a_user_is_known_by_the_right_password(users: Path) -> None:
    caller = HttpBasicIdentity(users).authenticate(basic("ann", "geheim"))
    assert (caller.user_id, caller.project_id, caller.administrator) == ("ann", "blue", False)
    assert caller.roles == ("member", "reader")


def test_an_administrator_is_everything_an_administrator_implies(users: Path) -> None:
    caller = HttpBasicIdentity(users).authenticate(basic("root", "toor"))
    assert set(caller.roles) == {"admin", "manager", "member", "reader"}


@pytest.mark.parametrize(
    "environ",
    [
        {},
        basic("ann", "falsch"),
        basic("ann", ""),
        basic("", "geheim"),
        basic("nobody", "geheim"),
        basic("ann", "geheim\0"),
        basic("ann", "g" * 100),
        {"HTTP_AUTHORIZATION": "Bearer abc"},
        {"HTTP_AUTHORIZATION": "Basic"},
        {"HTTP_AUTHORIZATION": "Basic !!!"},
        {"HTTP_AUTHORIZATION": "Basic " + base64.b64encode(b"ann").decode()},
        {"HTTP_AUTHORIZATION": "Basic " + base64.b64encode(b"\xff\xfe:x").decode()},
        {"HTTP_AUTHORIZATION": "Basic ä"},
    ],
)
def test_nobody_else_is(users: Path, environ: Mapping[str, str]) -> None:
    with pytest.raises(Unauthenticated) as caught:
        HttpBasicIdentity(users).authenticate(environ)
    assert caught.value.challenge.startswith("Basic realm=")
    assert "geheim" not in caught.value.detail


def test_a_long_password_is_not_its_beginning(tmp_path: Path) -> None:
    file = tmp_path / "users"
    file.touch(0o600)
    file.write_text(f"ann:{cheap('x' * 72)}:blue:member\n")
    identity = HttpBasicIdentity(file)
    assert identity.authenticate(basic("ann", "x" * 72)).user_id == "ann"
    with pytest.raises(Unauthenticated):
        identity.authenticate(basic("ann", "x" * 73))


def test_a_right_password_is_checked_once(users: Path, checks: list[bytes]) -> None:
    identity = HttpBasicIdentity(users)
    for _ in range(3):
        identity.authenticate(basic("ann", "geheim"))
    assert len(checks) == 1


def test_who_is_known_is_known_at_once_and_nobody_else(users: Path) -> None:
    """What an event loop may ask: nothing here takes a check."""
    identity = HttpBasicIdentity(users)
    right, wrong, stranger = (str(basic(*each)["HTTP_AUTHORIZATION"]) for each in LOGINS)
    claimed = identity.recognise(header(right))
    assert isinstance(claimed, Credentials)
    assert "geheim" not in repr(claimed)
    assert isinstance(identity.check(claimed), Caller)
    known = identity.recognise(header(right))
    assert isinstance(known, Caller)
    assert known.user_id == "ann"
    assert isinstance(identity.recognise(header(wrong)), Credentials)
    assert isinstance(identity.recognise(header(stranger)), Credentials)
    assert identity.recognise(header(None)) is Refusal.MISSING
    assert identity.recognise(header("Basic !!!")) is Refusal.UNREADABLE


LOGINS = (("ann", "geheim"), ("ann", "falsch"), ("stranger", "geheim"))


def test_a_changed_line_makes_its_user_unknown_and_nobody_else(users: Path, checks: list[bytes]) -> None:
    """Also where the password is the same as before: the new hash alone counts."""
    identity = HttpBasicIdentity(users)
    for name, password in (("ann", "geheim"), ("root", "toor")):
        identity.authenticate(basic(name, password))
    lines = [
        f"ann:{cheap('geheim')}:blue:member" if line.startswith("ann:") else line
        for line in users.read_text().splitlines()
    ]
    users.write_text("\n".join(lines) + "\n")
    checks.clear()
    identity.authenticate(basic("root", "toor"))
    assert checks == []
    identity.authenticate(basic("ann", "geheim"))
    assert len(checks) == 1


def test_what_was_found_on_the_way_is_not_looked_for_again(users: Path, checks: list[bytes]) -> None:
    identity = HttpBasicIdentity(users)
    ann = Caller("ann", "blue", ("member",))
    assert identity.authenticate({**basic("ann", "geheim"), LOGIN: ann}) is ann
    with pytest.raises(Unauthenticated, match="wrong"):
        identity.authenticate({**basic("ann", "geheim"), LOGIN: Refusal.WRONG})
    with pytest.raises(TooManyAttempts):
        identity.authenticate({**basic("ann", "geheim"), LOGIN: Refusal.TOO_MANY})
    assert checks == []


def test_a_wrong_password_is_never_remembered(users: Path, checks: list[bytes]) -> None:
    identity = HttpBasicIdentity(users)
    identity.authenticate(basic("ann", "geheim"))
    for _ in range(2):
        with pytest.raises(Unauthenticated):
            identity.authenticate(basic("ann", "falsch"))
    assert len(checks) == 3


@pytest.mark.parametrize("name", ["quick", "slow", "nobody"])
def test_every_wrong_password_costs_the_same(tmp_path: Path, checks: list[bytes], name: str) -> None:
    """Rounds of bcrypt are counted, as time would: 2 to the power of the hash's cost."""
    file = tmp_path / "users"
    file.touch(0o600)
    hashes = {
        each: bcrypt.hashpw(b"x", bcrypt.gensalt(rounds=cost)).decode() for each, cost in (("quick", 4), ("slow", 7))
    }
    file.write_text("".join(f"{each}:{hashed}:blue:member\n" for each, hashed in hashes.items()))
    identity = HttpBasicIdentity(file)
    with pytest.raises(Unauthenticated):
        identity.authenticate(basic(name, "falsch"))
    assert sum(2 ** int(hashed[4:6]) for hashed in checks) == 2**7


def test_a_change_of_the_file_counts_at_once(users: Path) -> None:
    identity = HttpBasicIdentity(users)
    identity.authenticate(basic("ann", "geheim"))
    users.write_text(f"ann:{cheap('neu')}:red:member\n")
    assert identity.authenticate(basic("ann", "neu")).project_id == "red"
    with pytest.raises(Unauthenticated):
        identity.authenticate(basic("ann", "geheim"))
    with pytest.raises(Unauthenticated):
        identity.authenticate(basic("root", "toor"))


@pytest.mark.parametrize("spoil", ["missing", "broken", "open"])
def test_a_file_that_became_unusable_leaves_the_users_that_were_known(users: Path, spoil: str) -> None:
    """What is wrong is told once, with the line and not with what stands in it."""
    identity = HttpBasicIdentity(users)
    before = users.read_text()
    if spoil == "missing":
        users.unlink()
    elif spoil == "broken":
        users.write_text(f"{before}bob:{HASH}:blue\n")
    else:
        users.chmod(0o644)
    with structlog.testing.capture_logs() as lines:
        for _ in range(3):
            assert identity.authenticate(basic("ann", "geheim")).user_id == "ann"
            with pytest.raises(Unauthenticated):
                identity.authenticate(basic("bob", "x"))
    [told] = [line["reason"] for line in lines if line["log_level"] == "error"]
    assert HASH not in told
    assert {"missing": "No such file", "broken": "line 5: not of the form", "open": "mode 0644"}[spoil] in told
    users.touch(0o600)
    users.chmod(0o600)
    users.write_text(f"bob:{cheap('x')}:blue:member\n")
    assert identity.authenticate(basic("bob", "x")).user_id == "bob"
    with pytest.raises(Unauthenticated):
        identity.authenticate(basic("ann", "geheim"))


def test_a_pipe_in_its_place_holds_up_nobody(users: Path) -> None:
    identity = HttpBasicIdentity(users)
    users.unlink()
    os.mkfifo(users, 0o600)
    assert identity.authenticate(basic("ann", "geheim")).user_id == "ann"
    with pytest.raises(UserFileError, match="no regular file"):
        HttpBasicIdentity(users)


@pytest.mark.parametrize("mode", [0o644, 0o606, 0o660, 0o602])
def test_a_file_that_others_may_touch_is_refused_at_the_start(users: Path, mode: int) -> None:
    users.chmod(mode)
    with pytest.raises(UserFileError, match=f"{mode:04o}"):
        HttpBasicIdentity(users)


def test_a_missing_file_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(UserFileError, match="users"):
        HttpBasicIdentity(tmp_path / "users")


# Of a fixed salt, so that every process that runs these tests gives them the same names.
HASH = bcrypt.hashpw(b"x", b"$2b$04$abcdefghijklmnopqrstuu").decode()


@pytest.mark.parametrize(
    "line",
    [
        "ann",
        f"ann:{HASH}:blue",
        f"ann:{HASH}:blue:member:more",
        f":{HASH}:blue:member",
        "ann:plain:blue:member",
        f"ann:{HASH}x:blue:member",
        f"ann:{HASH}::member",
        f"ann:{HASH}:a/b:member",
        f"ann:{HASH}:{'p' * 37}:member",
        f"ann:{HASH}:blue:",
        f"ann:{HASH}:blue:a,,b",
        f"ann:{HASH}:blue:member\nann:{HASH}:red:member",
    ],
)
def test_bad_lines_are_named_by_number_and_not_shown(line: str) -> None:
    with pytest.raises(UserFileError, match=r"^line \d+: ") as caught:
        parse_users(f"# first\n{line}\n")
    assert HASH not in str(caught.value)


def test_an_empty_file_knows_nobody(tmp_path: Path) -> None:
    file = tmp_path / "users"
    file.touch(0o600)
    with pytest.raises(Unauthenticated):
        HttpBasicIdentity(file).authenticate(basic("ann", "geheim"))


def test_a_user_does_not_print_its_hash() -> None:
    assert HASH not in repr(parse_users(f"ann:{HASH}:blue:member\n"))


def test_projects_by_what_one_may_know(users: Path) -> None:
    identity = HttpBasicIdentity(users)
    assert identity.projects(identity.authenticate(basic("ann", "geheim"))) == ["blue"]
    assert identity.projects(identity.authenticate(basic("root", "toor"))) == ["blue", "ops"]


def test_hashes_fit_the_file() -> None:
    users = parse_users(f"ann:{hash_password('pässwort')}:blue:member\n")
    assert bcrypt.checkpw("pässwort".encode(), users["ann"].hashed)
    with pytest.raises(ValueError, match="72"):
        hash_password("x" * 73)


def test_without_authentication_everybody_is_administrator_of_the_default_project() -> None:
    caller = NoIdentity("lab").authenticate({"HTTP_X_AUTH_TOKEN": "notused"})
    assert (caller.project_id, caller.administrator) == ("lab", True)
    assert "admin" in caller.roles


def test_without_authentication_a_header_chooses_the_project() -> None:
    assert NoIdentity().authenticate({"HTTP_X_PROJECT_ID": "blue"}).project_id == "blue"


@pytest.mark.parametrize("project", ["a b", "../x", "x" * 37, "-x", "ä"])
def test_a_header_that_names_no_project(project: str) -> None:
    with pytest.raises(BadCredentials, match="X-Project-Id"):
        NoIdentity().authenticate({"HTTP_X_PROJECT_ID": project})
    with pytest.raises(ValueError, match="project"):
        NoIdentity(project)
