"""The user that the server runs as, and the one that this process is. Light: the supervisor imports it."""

import os
import pwd

from evenload.host.privileges import Account
from evenload.model.errors import EvenloadError


def own_name() -> str:
    """Of the user that this process is; his number where he has no name."""
    user = os.geteuid()
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)


def find_account(user: str) -> Account | None:
    """None where this process is not root: it stays what it is. Raises EvenloadError with the command that helps."""
    if os.geteuid() != 0:
        return None
    try:
        found = pwd.getpwnam(user)
    except KeyError as error:
        raise EvenloadError(
            f"the user {user!r} that the server is to run as ([server] user) does not exist; make it by: "
            f"useradd --system --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin {user}"
        ) from error
    if found.pw_uid == 0:
        raise EvenloadError(f"[server] user is {user!r}, which is root: the server must not run as root")
    return Account(found.pw_name, found.pw_uid, found.pw_gid)
