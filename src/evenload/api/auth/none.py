"""Everybody is administrator: for loopback, labs, and behind a proxy that asks for itself.

A token is ignored: the stock clients send ``X-Auth-Token: notused``. ``X-Project-Id`` chooses another project than the
default one, as with Octavia without authentication.
"""

from collections.abc import Mapping
from typing import Any

from evenload.api.auth.identity import BadCredentials, Caller, is_project, with_implied


class NoIdentity:
    """``default_project`` is the one of a caller who names none. Raises ValueError for a name that cannot be one."""

    def __init__(self, default_project: str = "default") -> None:
        if not is_project(default_project):
            raise ValueError(f"'{default_project}' cannot be the name of a project")
        self._default = self._caller(default_project)

    def authenticate(self, environ: Mapping[str, Any]) -> Caller:
        project = environ.get("HTTP_X_PROJECT_ID")
        if not project:
            return self._default
        if not is_project(project):
            raise BadCredentials("Invalid input for field/attribute X-Project-Id. Not the name of a project.")
        return self._caller(project)

    def projects(self, caller: Caller) -> None:
        return None

    @staticmethod
    def _caller(project: str) -> Caller:
        return Caller("anonymous", project, with_implied(("admin",)), administrator=True)
