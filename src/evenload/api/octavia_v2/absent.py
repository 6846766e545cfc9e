"""Resources of Octavia's API that this version does not have.

Lists in which clients look names up before they use them are there and empty, so that the client itself says that there
is no such thing.
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
