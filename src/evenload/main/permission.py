"""What a start says that fails because it is not root's. Light: the supervisor imports it."""

import os

_HELP = (
    "start it as root (by its unit, or with sudo); what another user can run is “evenload server” alone, with "
    "[DEFAULT] state_path and run_path that are its own"
)


def in_words(error: BaseException) -> str:
    """The error, and what to do where an ordinary user lacks a permission."""
    cause = error if isinstance(error, PermissionError) else error.__cause__
    if os.geteuid() == 0 or not isinstance(cause, PermissionError):
        return str(error)
    said = f"this user may not use {cause.filename}" if cause is error and cause.filename else str(error)
    return f"{said}: {_HELP}"
