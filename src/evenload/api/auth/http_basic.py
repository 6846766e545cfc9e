"""User and password from a file of bcrypt hashes, with project and roles, as OpenStack's standalone services have it.

A line is ``user:bcrypt hash:project:role[,role...]``; empty lines and those that begin with ``#`` do not count. The
file is read again when it changes. While it cannot be used the users that were read before are known, and the log says
which line is wrong.

bcrypt takes 50 ms and more on purpose, so a password that was right is remembered for some seconds, as a keyed digest
that says nothing without this process' key and that is void once the user's line changes. Where there are too many
checks to make, one that was right within the last hour is taken for right.
"""

import base64
import binascii
import hashlib
import hmac
import os
import re
import stat
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bcrypt
import structlog

from evenload.api.auth.identity import Caller, TooManyAttempts, Unauthenticated, is_project, with_implied
from evenload.api.auth.login_lanes import LoginLanes, key_of
from evenload.model.errors import EvenloadError

_log = structlog.get_logger(__name__)

CHALLENGE = 'Basic realm="evenload", charset="UTF-8"'
MAX_PASSWORD_BYTES = 72
"""bcrypt looks at no more, so a longer one cannot be the right one."""
_MAX_REMEMBERED = 1024
_TRUSTED_UNDER_LOAD = 3600.0
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
    """The file as last read. ``decoy`` is what unknown users are checked against, for as long as known ones take."""

    by_name: dict[str, User]
    decoy: bytes


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
    """``monotonic`` gives seconds; ``remember`` is for how many of them a right password need not be checked again.

    Reads the file once at once: raises UserFileError where it cannot be used, also where others than its owner and
    group may touch it.
    """

    def __init__(self, path: Path, *, monotonic: Callable[[], float], remember: float = 30.0) -> None:
        self._path = path
        self._monotonic = monotonic
        self._remember = remember
        self._key = os.urandom(32)
        self._lock = threading.Lock()
        self._lanes = LoginLanes(monotonic=monotonic)
        self._checked: dict[bytes, float] = {}
        self._stamp, self._users = self._read()

    def authenticate(self, environ: Mapping[str, Any]) -> Caller:
        name, password = _credentials(environ.get("HTTP_AUTHORIZATION"))
        users = self._current()
        user = users.by_name.get(name)
        hashed = user.hashed if user is not None else users.decoy
        digest = hmac.digest(self._key, b"\0".join((hashed, name.encode(), password)), "sha256")
        age = self._age(digest) if user is not None else None
        if user is not None and age is not None and age < self._remember:
            return user.caller
        trusted = age is not None and age < _TRUSTED_UNDER_LOAD
        key = key_of(str(environ.get("REMOTE_ADDR", "")), name)
        if user is not None and trusted and self._lanes.is_suspect(key):
            return user.caller
        try:
            with self._lanes.turn(key, wait=not trusted):
                right = _matches(password, hashed)
        except TooManyAttempts:
            if user is not None and trusted:
                return user.caller
            raise
        self._lanes.note(key, right=right and user is not None)
        if user is None or not right:
            _log.info("a login was refused", user=name if user is not None else None)
            raise Unauthenticated("The user name or the password is wrong.", CHALLENGE)
        self._keep(digest)
        return user.caller

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
            with open(self._path, encoding="utf-8") as file:
                status = os.fstat(file.fileno())
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
        slowest = max((user.hashed for user in users.values()), key=lambda hashed: hashed[4:6], default=None)
        decoy = slowest or bcrypt.hashpw(b"nobody", bcrypt.gensalt(rounds=10))
        return _stamp_of(status), _Users(users, decoy)

    def _age(self, digest: bytes) -> float | None:
        """Seconds since that password was found right; None: never."""
        with self._lock:
            checked = self._checked.get(digest)
        return None if checked is None else self._monotonic() - checked

    def _keep(self, digest: bytes) -> None:
        now = self._monotonic()
        with self._lock:
            if len(self._checked) >= _MAX_REMEMBERED:
                kept = {key: checked for key, checked in self._checked.items() if now - checked < self._remember}
                self._checked = {} if len(kept) >= _MAX_REMEMBERED else kept
            self._checked[digest] = now


def _stamp_of(status: os.stat_result) -> _Stamp:
    return status.st_mtime_ns, status.st_size, status.st_ino, status.st_mode


def hash_password(password: str) -> str:
    """The hash to put into the user file. Raises ValueError for a password that bcrypt would cut."""
    encoded = password.encode()
    if len(encoded) > MAX_PASSWORD_BYTES:
        raise ValueError(f"a password has at most {MAX_PASSWORD_BYTES} bytes")
    return bcrypt.hashpw(encoded, bcrypt.gensalt()).decode()


def _credentials(header: str | None) -> tuple[str, bytes]:
    scheme, _, encoded = (header or "").partition(" ")
    if scheme.lower() != "basic":
        raise Unauthenticated("This service asks for user name and password.", CHALLENGE)
    try:
        decoded = base64.b64decode(encoded.strip().encode("ascii"), validate=True)
        name, colon, password = decoded.partition(b":")
        if not colon:
            raise Unauthenticated("The Authorization header cannot be read.", CHALLENGE)
        return name.decode(), password
    except (binascii.Error, UnicodeError) as error:
        raise Unauthenticated("The Authorization header cannot be read.", CHALLENGE) from error


def _matches(password: bytes, hashed: bytes) -> bool:
    usable = len(password) <= MAX_PASSWORD_BYTES and b"\0" not in password
    # One that cannot be right is checked all the same, as another: the time taken tells nothing.
    right = bcrypt.checkpw(password if usable else hashlib.sha256(password).hexdigest().encode(), hashed)
    return right and usable
