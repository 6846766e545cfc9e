"""Resources of Octavia's API that this version does not have.

Lists in which clients look names up before they use them are there and empty (``Nothing``), so that the client itself
says that there is no such thing. Everything else is refused by its name (``Absent``).
"""

import falcon

from evenload.api.context import answer
from evenload.model.errors import Unsupported


class Nothing:
    """``plural`` is the key of the list."""

    def __init__(self, plural: str) -> None:
        self._plural = plural

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        answer(response, {self._plural: [], f"{self._plural}_links": []})

    def on_post(self, request: falcon.Request, response: falcon.Response) -> None:
        raise Unsupported(self._plural, field=self._plural)


class Absent:
    """``what`` names the feature for people."""

    def __init__(self, what: str) -> None:
        self._what = what

    def on_get(self, request: falcon.Request, response: falcon.Response, **_parts: str) -> None:
        raise Unsupported(f"{self._what} are not part of this version")

    on_post = on_put = on_delete = on_get
