"""User and password from a file of bcrypt hashes, with project and roles, as OpenStack's standalone services have it.

A line is ``user:bcrypt hash:project:role[,role...]``; empty lines and those that begin with ``#`` do not count. The
file is read again when it changes. While it cannot be used the users that were read before are known, and the log says
which line is wrong.

bcrypt takes 50 ms and more on purpose, so a password that was right is known from then on, as a keyed digest that says
nothing without this process' key and that is void once the user's line changes.

Nobody learns from the time taken which users there are: a wrong password takes as long as the slowest hash of the file,
be the user unknown or his own hash a quicker one.
"""

import base64
import binascii
import hashlib
import hmac
import os
import re
import stat
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bcrypt
import structlog

from evenload.api.auth.identity import (
    LOGIN,
    Caller,
    Credentials,
    Header,
    Login,
    Refusal,
    TooManyAttempts,
    Unauthenticated,
    is_project,
    with_implied,
)
from evenload.model.errors import EvenloadError

_log = structlog.get_logger(__name__)

_HEADER = "authorization"
CHALLENGE = 'Basic realm="evenload", charset="UTF-8"'
MAX_PASSWORD_BYTES = 72
"""bcrypt looks at no more, so a longer one cannot be the right one."""
_HASH = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}")
_ROLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,63}")


_Stamp = tuple[int, int, int, int] | None


class UserFileError(EvenloadError):
    """The user file cannot be used; says which line and why, never what stands in it."""


@dataclass(frozen=True, slots=True)
class User:
    hashed: bytes
    caller: Caller

    def __repr__(self) -> str:
        return f"User({self.caller!r})"


@dataclass(frozen=True, slots=True)
class _Users:
    """The file as last read. ``slowest``: the hash that takes longest, against which unknown users are checked."""

    by_name: dict[str, User]
    slowest: bytes


def parse_users(text: str) -> dict[str, User]:
    """The users by name. Raises UserFileError."""
    users: dict[str, User] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        parts = line.strip().split(":")
        if len(parts) != 4:
            raise UserFileError(f"line {number}: not of the form user:bcrypt hash:project:role,role")
        name, hashed, project, roles = parts
        if not name or not name.isprintable():
            raise UserFileError(f"line {number}: no usable user name")
        if name in users:
            raise UserFileError(f"line {number}: a second line for the same user")
        if _HASH.fullmatch(hashed) is None:
            raise UserFileError(f"line {number}: the second field is not a bcrypt hash")
        if not is_project(project):
            raise UserFileError(f"line {number}: the third field cannot be the name of a project")
        names = [role.strip() for role in roles.split(",")]
        if not all(_ROLE.fullmatch(role) for role in names):
            raise UserFileError(f"line {number}: the fourth field is not a list of roles")
        users[name] = User(hashed.encode(), Caller(name, project, with_implied(names)))
    return users


class HttpBasicIdentity:
    """Reads the file once at once: raises UserFileError where it cannot be used, also where others than its owner and
    group may touch it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._key = os.urandom(32)
        self._lock = threading.Lock()
        self._verified: dict[str, bytes] = {}
        self._stamp, self._users = self._read()

    def authenticate(self, environ: Mapping[str, Any]) -> Caller:
        login = environ.get(LOGIN)
        if login is None:
            found = self.recognise(lambda name: environ.get("HTTP_AUTHORIZATION") if name == _HEADER else None)
            login = self.check(found) if isinstance(found, Credentials) else found
        if isinstance(login, Caller):
            return login
        match login:
            case Refusal.TOO_MANY:
                raise TooManyAttempts("Too many logins are being checked. Please try again in a moment.")
            case Refusal.MISSING:
                raise Unauthenticated("This service asks for user name and password.", CHALLENGE)
            case Refusal.UNREADABLE:
                raise Unauthenticated("The Authorization header cannot be read.", CHALLENGE)
            case _:
                raise Unauthenticated("The user name or the password is wrong.", CHALLENGE)

    def recognise(self, header: Header) -> Login | Credentials:
        credentials = read_credentials(header(_HEADER))
        if isinstance(credentials, Refusal):
            return credentials
        return self.recall(credentials) or credentials

    def recall(self, credentials: Credentials) -> Caller | None:
        user = self._current().by_name.get(credentials.name)
        verified = self._verified.get(credentials.name)
        if user is None or verified is None or not hmac.compare_digest(verified, self._digest(user, credentials)):
            return None
        return user.caller

    def check(self, credentials: Credentials) -> Login:
        users = self._current()
        user = users.by_name.get(credentials.name)
        if user is not None and _matches(credentials.password, user.hashed):
            with self._lock:
                self._verified[credentials.name] = self._digest(user, credentials)
            return user.caller
        if user is None:
            _matches(credentials.password, users.slowest)
        else:
            _take_the_rest_of(users.slowest, user.hashed)
        _log.info("a login was refused", user=credentials.name if user is not None else None)
        return Refusal.WRONG

    def projects(self, caller: Caller) -> Sequence[str]:
        everyone = {user.caller.project_id for user in self._current().by_name.values()}
        known = everyone if "admin" in caller.roles else {caller.project_id}
        return sorted(project for project in known if project is not None)

    def _current(self) -> _Users:
        stamp = self._look()
        if stamp == self._stamp:
            return self._users
        with self._lock:
            if stamp == self._stamp:
                return self._users
            try:
                self._stamp, self._users = self._read()
            except UserFileError as error:
                self._stamp = stamp  # told once, not at each request
                _log.error("the user file cannot be used; the users that were read before are known", reason=str(error))
            else:
                self._verified = {name: kept for name, kept in self._verified.items() if name in self._users.by_name}
                _log.info("the user file was read again", users=len(self._users.by_name))
            return self._users

    def _look(self) -> _Stamp:
        """None where there is no file, or nobody may look at it."""
        try:
            return _stamp_of(os.stat(self._path))
        except OSError:
            return None

    def _read(self) -> tuple[_Stamp, _Users]:
        try:
            # Of a pipe the opening would wait for somebody who writes, and all requests with it.
            with open(self._path, encoding="utf-8", opener=_open_at_once) as file:
                status = os.fstat(file.fileno())
                if not stat.S_ISREG(status.st_mode):
                    raise UserFileError(f"user file {self._path}: it is no regular file")
                text = file.read()
        except OSError as error:
            raise UserFileError(
                f"user file {self._path}: {error.strerror} (setting [api] http_basic_auth_user_file)"
            ) from error
        except UnicodeDecodeError as error:
            raise UserFileError(f"user file {self._path}: {error}") from error
        if status.st_mode & stat.S_IRWXO or status.st_mode & stat.S_IWGRP:
            raise UserFileError(
                f"user file {self._path}: mode {stat.S_IMODE(status.st_mode):04o} lets others in, 0600 is right"
            )
        try:
            users = parse_users(text)
        except UserFileError as error:
            raise UserFileError(f"user file {self._path}: {error}") from error
        slowest = max((user.hashed for user in users.values()), key=_cost, default=None)
        return _stamp_of(status), _Users(users, slowest or bcrypt.hashpw(b"nobody", bcrypt.gensalt(rounds=10)))

    def _digest(self, user: User, credentials: Credentials) -> bytes:
        return hmac.digest(
            self._key, b"\0".join((user.hashed, credentials.name.encode(), credentials.password)), "sha256"
        )


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)


def _stamp_of(status: os.stat_result) -> _Stamp:
    return status.st_mtime_ns, status.st_size, status.st_ino, status.st_mode


def hash_password(password: str) -> str:
    """The hash to put into the user file. Raises ValueError for a password that bcrypt would cut."""
    encoded = password.encode()
    if len(encoded) > MAX_PASSWORD_BYTES:
        raise ValueError(f"a password has at most {MAX_PASSWORD_BYTES} bytes")
    return bcrypt.hashpw(encoded, bcrypt.gensalt()).decode()


def read_credentials(header: str | None) -> Credentials | Refusal:
    scheme, _, encoded = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return Refusal.MISSING
    try:
        decoded = base64.b64decode(encoded.strip().encode("ascii"), validate=True)
        name, colon, password = decoded.partition(b":")
        return Credentials(name.decode(), password) if colon else Refusal.UNREADABLE
    except (binascii.Error, UnicodeError):
        return Refusal.UNREADABLE


def _matches(password: bytes, hashed: bytes) -> bool:
    usable = len(password) <= MAX_PASSWORD_BYTES and b"\0" not in password
    # One that cannot be right is checked all the same, as another: the time taken tells nothing.
    right = bcrypt.checkpw(password if usable else hashlib.sha256(password).hexdigest().encode(), hashed)
    return right and usable


def _cost(hashed: bytes) -> int:
    """Of base 2 the logarithm of the time that a check takes."""
    return int(hashed[4:6])


def _take_the_rest_of(slowest: bytes, checked: bytes) -> None:
    """What a check against ``slowest`` takes longer than the one that was made: 2**12 - 2**9 = 2**9 + 2**10 + 2**11."""
    for cost in range(_cost(checked), _cost(slowest)):
        bcrypt.checkpw(b"", b"%b%02d%b" % (slowest[:4], cost, slowest[6:]))
