"""Work on the database by a child that has become the server's user, for commands that root runs.

What SQLite makes beside its file must be that user's; what else the command does is root's.
"""

import json
import os
import select
import signal
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from evenload.host.privileges import Account, become
from evenload.model.errors import EvenloadError


def ask_as(account: Account | None, work: Callable[[], Any], patience: float | None = None) -> Any:
    """What ``work`` returns, as JSON has it. ``account`` None: as who is asking. ``patience``: seconds, after which the
    child is ended; None for work that must come to its end. Raises EvenloadError for what went wrong in the child; it
    has the files that are open here."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            answer = _answer(account, work)
            with open(writing, "wb") as file:
                file.write(json.dumps(answer).encode())
        finally:
            os._exit(0)
    os.close(writing)
    try:
        content = _read(reading, patience)
    finally:
        os.close(reading)
        if patience is not None:  # it has answered, or never will
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    if not content:
        raise EvenloadError("the child that works on the database ended without an answer")
    answer = json.loads(content)
    if "fault" in answer:
        raise EvenloadError(answer["fault"])
    return answer["result"]


def _read(reading: int, patience: float | None) -> bytes:
    """All that comes."""
    content = bytearray()
    latest = None if patience is None else time.monotonic() + patience
    while True:
        rest = None if latest is None else max(0.0, latest - time.monotonic())
        if not select.select([reading], [], [], rest)[0]:
            raise EvenloadError(f"the database has given no answer for {patience:g} seconds")
        part = os.read(reading, 1 << 20)
        if not part:
            return bytes(content)
        content += part


def _answer(account: Account | None, work: Callable[[], Any]) -> dict[str, Any]:
    try:
        if account is not None:
            become(account)
        return {"result": work()}
    except SQLAlchemyError as error:
        return {"fault": f"the database could not be used: {getattr(error, 'orig', None) or error}"}
    except (EvenloadError, OSError) as error:
        return {"fault": str(error)}
    except Exception as error:  # noqa: BLE001 nobody else would hear of it
        return {"fault": f"{type(error).__name__}: {error}"}
