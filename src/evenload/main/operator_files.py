"""Files that an operator gives the server: the user file and the policy file. It reads them again when they change.

So they must be readable by the server's user. A user file that is root's alone, as earlier versions wanted it, is shown
to the group of that user; everything else is the operator's to change, and said.
"""

import os
import stat
from collections.abc import Iterable
from pathlib import Path

import structlog

from evenload.host.privileges import Account
from evenload.model.errors import EvenloadError

log = structlog.get_logger(__name__)


def show_to_group(path: Path, account: Account) -> None:
    """Before the change of user. Quiet about a file that is not there, or is not root's alone. Raises OSError."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return
    try:
        status = os.fstat(descriptor)
        if stat.S_ISREG(status.st_mode) and status.st_uid == 0 and not status.st_mode & 0o077:
            os.fchown(descriptor, -1, account.gid)
            os.fchmod(descriptor, 0o640)
            log.info("the server's group may read the user file now", file=str(path), user=account.name)
    finally:
        os.close(descriptor)


def check_readable(paths: Iterable[Path], account: Account) -> None:
    """After the change of user. Raises EvenloadError that says what to do; quiet about a file that is not there."""
    for path in paths:
        try:
            os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK))
        except FileNotFoundError:
            continue
        except OSError as error:
            raise EvenloadError(
                f"the user {account.name} may not read {path}: {error.strerror}; let its group do so (chgrp "
                f"{account.name} FILE, chmod 0640 FILE) and others pass through the directories above (chmod o+x)"
            ) from error
