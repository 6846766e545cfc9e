"""Faults that Octavia finds before a handler has the request: while it looks for the object that the address hangs on,
and while it reads where a page begins. They are told in another shape there (``errors``), and so they are here.
"""

from collections.abc import Callable
from typing import TypeVar

from evenload.model.errors import Invalid, NotFound

T = TypeVar("T")


class BadPaging(Invalid):
    """No limit, or no direction of an order."""


class UnknownParent(NotFound):
    """The object that members or rules hang on."""


def parent(get: Callable[[str], T], identifier: str) -> T:
    """What ``get`` finds. Raises UnknownParent."""
    try:
        return get(identifier)
    except NotFound as error:
        raise UnknownParent(error.kind, identifier) from error
