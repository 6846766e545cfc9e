"""``/projects``: as much of Keystone's API as the stock clients need to understand ``--project NAME`` without Keystone.

A project is its name here; there is nothing else to know of it. Some clients ask by the word of Keystone's second API,
``/tenants``.
"""

from typing import Any

import falcon

from evenload.api.auth.identity import Identity, is_project
from evenload.api.context import answer, caller_of, parameters_of
from evenload.api.fields import shown

PATHS = {
    "/projects": "project",
    "/v3/projects": "project",
    "/tenants": "tenant",
    "/v2/tenants": "tenant",
    "/v2.0/tenants": "tenant",
}
"""Path of the list → the word for one of it."""


class Projects:
    def __init__(self, identity: Identity, word: str) -> None:
        self._identity = identity
        self._word = word

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        asked = [value for name, value in parameters_of(request) if name in ("id", "name")]
        known = self._identity.projects(caller_of(request))
        if asked:
            found = [name for name in dict.fromkeys(asked) if (is_project(name) if known is None else name in known)]
        else:
            own = caller_of(request).project_id
            found = ([own] if own else []) if known is None else list(known)
        answer(
            response,
            {f"{self._word}s": [_project(name) for name in found], "links": {"next": None, "previous": None}},
        )


class Project:
    def __init__(self, identity: Identity, word: str) -> None:
        self._identity = identity
        self._word = word

    def on_get(self, request: falcon.Request, response: falcon.Response, name: str) -> None:
        known = self._identity.projects(caller_of(request))
        if not (is_project(name) if known is None else name in known):
            raise falcon.HTTPNotFound(description=f"Could not find project: {shown(name)}.")
        answer(response, {self._word: _project(name)})


def _project(name: str) -> dict[str, Any]:
    return {"id": name, "name": name, "description": "", "enabled": True, "is_domain": False, "domain_id": "default"}
