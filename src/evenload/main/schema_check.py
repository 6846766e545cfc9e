"""How the server will bring its database to this version's schema: mostly there is nothing to do.

Whether there is has to be known while Alembic can still be imported, which is before the server gives up its rights;
but what is in the database must not be looked at with them. So a child looks that has given them up.
"""

import os
import signal
from collections.abc import Callable

from sqlalchemy import Engine

from evenload.host.privileges import Account, become, end_with_parent
from evenload.main.parts import open_database
from evenload.main.settings import Settings
from evenload.store.schema import Expected, Found

Upgrade = Callable[[Engine], None]


def choose_upgrade(settings: Settings, account: Account | None) -> Upgrade:
    """To be called while there is one thread, and no database is open. ``account``: whose the database is."""
    expected = Expected()
    match _ask_child(lambda: _look(settings, account, expected)):
        case Found.NEWEST:
            return expected.require
        case Found.NOTHING:
            return expected.create
    from evenload.store.migrate import Migrations

    return Migrations().upgrade


def _look(settings: Settings, account: Account | None, expected: Expected) -> Found:
    if account is not None:
        become(account)
    end_with_parent(signal.SIGKILL)
    engine = open_database(settings)
    try:
        return expected.look(engine)
    finally:
        engine.dispose()


def _ask_child(question: Callable[[], Found]) -> Found:
    """The answer of a forked child; OTHER where it fails: what is wrong is said by who needs the database."""
    child = os.fork()
    if child == 0:
        answer = Found.OTHER
        try:
            answer = question()
        finally:
            os._exit(answer.value)
    _, status = os.waitpid(child, 0)
    return Found(os.WEXITSTATUS(status)) if os.WIFEXITED(status) else Found.OTHER
