"""Who is let in, by which file, and what is told of it."""

import base64
import contextlib
import threading
from collections.abc import Mapping
from pathlib import Path

import bcrypt
import pytest
import structlog
from tests.waiting import NET, eventually

from evenload.api.auth.http_basic import HttpBasicIdentity, UserFileError, hash_password, parse_users
from evenload.api.auth.identity import BadCredentials, TooManyAttempts, Unauthenticated
from evenload.api.auth.login_lanes import LoginLanes, key_of
from evenload.api.auth.none import NoIdentity


class Watch:
    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


def cheap(password: str) -> str:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(rounds=4)).decode()


def basic(user: str, password: str) -> Mapping[str, str]:
    return {"HTTP_AUTHORIZATION": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


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
    caller = HttpBasicIdentity(users, monotonic=Watch()).authenticate(basic("ann", "geheim"))
    assert (caller.user_id, caller.project_id, caller.administrator) == ("ann", "blue", False)
    assert caller.roles == ("member", "reader")


def test_an_administrator_is_everything_an_administrator_implies(users: Path) -> None:
    caller = HttpBasicIdentity(users, monotonic=Watch()).authenticate(basic("root", "toor"))
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
        HttpBasicIdentity(users, monotonic=Watch()).authenticate(environ)
    assert caught.value.challenge.startswith("Basic realm=")
    assert "geheim" not in caught.value.detail


def test_a_long_password_is_not_its_beginning(tmp_path: Path) -> None:
    file = tmp_path / "users"
    file.touch(0o600)
    file.write_text(f"ann:{cheap('x' * 72)}:blue:member\n")
    identity = HttpBasicIdentity(file, monotonic=Watch())
    assert identity.authenticate(basic("ann", "x" * 72)).user_id == "ann"
    with pytest.raises(Unauthenticated):
        identity.authenticate(basic("ann", "x" * 73))


def test_a_right_password_is_remembered_for_a_while(users: Path, checks: list[bytes]) -> None:
    watch = Watch()
    identity = HttpBasicIdentity(users, monotonic=watch, remember=30.0)
    for _ in range(3):
        identity.authenticate(basic("ann", "geheim"))
    assert len(checks) == 1
    watch.time += 30.0
    identity.authenticate(basic("ann", "geheim"))
    assert len(checks) == 2


def test_a_wrong_password_is_never_remembered(users: Path, checks: list[bytes]) -> None:
    identity = HttpBasicIdentity(users, monotonic=Watch())
    identity.authenticate(basic("ann", "geheim"))
    for _ in range(2):
        with pytest.raises(Unauthenticated):
            identity.authenticate(basic("ann", "falsch"))
    assert len(checks) == 3


def test_an_unknown_user_costs_a_check_as_well(users: Path, checks: list[bytes]) -> None:
    identity = HttpBasicIdentity(users, monotonic=Watch())
    with pytest.raises(Unauthenticated):
        identity.authenticate(basic("stranger", "geheim"))
    assert len(checks) == 1


def test_a_change_of_the_file_counts_at_once(users: Path) -> None:
    identity = HttpBasicIdentity(users, monotonic=Watch())
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
    identity = HttpBasicIdentity(users, monotonic=Watch(), remember=0.0)
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


class Slow:
    """Checks of passwords that last until they are let go; ``entered``: one more has begun."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.entered, self._proceed = threading.Semaphore(0), threading.Event()
        monkeypatch.setattr(bcrypt, "checkpw", self)

    def __call__(self, password: bytes, hashed: bytes) -> bool:
        self.entered.release()
        assert self._proceed.wait(NET)
        return password in (b"geheim", b"toor")

    def let_go(self) -> None:
        self._proceed.set()


def sent_from(address: str, user: str, password: str) -> Mapping[str, str]:
    return {**basic(user, password), "REMOTE_ADDR": address}


def test_a_flood_of_wrong_passwords_holds_one_thread(users: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Known users are served on, be it from the flood's own address; one whose password was right lately costs no
    check where no lane is free."""
    watch = Watch()
    identity = HttpBasicIdentity(users, monotonic=watch, remember=30.0)
    identity.authenticate(sent_from("192.0.2.1", "ann", "geheim"))
    for name in ("root", "nobody"):
        for _ in range(3):
            with pytest.raises(Unauthenticated):
                identity.authenticate(sent_from("192.0.2.1", name, "falsch"))
    watch.time += 31.0  # nothing is remembered any more
    slow = Slow(monkeypatch)
    flood = threading.Thread(target=lambda: refused(identity, sent_from("192.0.2.1", "nobody", "x")), daemon=True)
    flood.start()
    assert slow.entered.acquire(timeout=NET)
    for name in ("root", "nobody"):
        with pytest.raises(TooManyAttempts):
            identity.authenticate(sent_from("192.0.2.1", name, "toor"))
    others = [
        threading.Thread(target=identity.authenticate, args=(sent_from(address, name, word),), daemon=True)
        for address, name, word in (("192.0.2.2", "root", "toor"), ("192.0.2.1", "ann", "geheim"))
    ]
    for each in others:
        each.start()
        assert slow.entered.acquire(timeout=NET)
    assert identity.authenticate(sent_from("192.0.2.3", "ann", "geheim")).user_id == "ann"  # no lane is free
    slow.let_go()
    for each in (flood, *others):
        each.join(NET)
    watch.time += 61.0
    assert identity.authenticate(sent_from("192.0.2.1", "root", "toor")).user_id == "root"


def refused(identity: HttpBasicIdentity, environ: Mapping[str, str]) -> None:
    with pytest.raises(Unauthenticated):
        identity.authenticate(environ)


def test_who_finds_no_lane_in_time_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    lanes = LoginLanes(monotonic=Watch(), patience=0.01)
    with lanes.turn(("a", 1)), lanes.turn(("b", 2)), pytest.raises(TooManyAttempts), lanes.turn(("c", 3)):
        pass
    with lanes.turn(("c", 3)):
        pass


def test_from_an_address_with_many_wrong_passwords_one_waits_at_a_time() -> None:
    """By ever new names; whoever comes from elsewhere waits beside it."""
    watch = Watch()
    lanes = LoginLanes(monotonic=watch, patience=NET)
    for number in range(8):
        lanes.note(("hot", number), right=False)
    waited: list[str] = []

    def wait(address: str) -> None:
        with lanes.turn((address, 63)):
            waited.append(address)

    with contextlib.ExitStack() as stack:
        stack.enter_context(lanes.turn(("a", 1)))
        stack.enter_context(lanes.turn(("b", 2)))
        threads = [threading.Thread(target=wait, args=(address,), daemon=True) for address in ("hot", "elsewhere")]
        for each in threads:
            each.start()

        assert eventually(lambda: lanes._hot_waiter._value == 0)
        with pytest.raises(TooManyAttempts), lanes.turn(("hot", 61)):
            pass
    for each in threads:
        each.join(NET)
    assert sorted(waited) == ["elsewhere", "hot"]


def test_ever_new_names_are_suspect_in_the_end() -> None:
    keys = {key_of("192.0.2.1", f"name{number}") for number in range(1000)}
    assert len(keys) == 64
    assert key_of("192.0.2.2", "name") not in keys


@pytest.mark.parametrize("mode", [0o644, 0o606, 0o660, 0o602])
def test_a_file_that_others_may_touch_is_refused_at_the_start(users: Path, mode: int) -> None:
    users.chmod(mode)
    with pytest.raises(UserFileError, match=f"{mode:04o}"):
        HttpBasicIdentity(users, monotonic=Watch())


def test_a_missing_file_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(UserFileError, match="users"):
        HttpBasicIdentity(tmp_path / "users", monotonic=Watch())


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
        HttpBasicIdentity(file, monotonic=Watch()).authenticate(basic("ann", "geheim"))


def test_a_user_does_not_print_its_hash() -> None:
    assert HASH not in repr(parse_users(f"ann:{HASH}:blue:member\n"))


def test_projects_by_what_one_may_know(users: Path) -> None:
    identity = HttpBasicIdentity(users, monotonic=Watch())
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
