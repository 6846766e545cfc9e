"""``evenload server`` under watch: notes whether it knows Alembic, and every module that is imported after it gave up
its rights.

python late_imports.py NOTES --config-file FILE
"""

import sys

from evenload.host.privileges import Account
from evenload.main import server_opening, server_role
from evenload.main.control import Control

NOTES = sys.argv[1]
DROP = server_opening.drop_privileges


def drop_and_watch(account: Account | None, control: Control) -> None:
    has_ended = sys.is_finalizing  # the names of this module go before the hook does

    def note(event: str, values: tuple[object, ...]) -> None:
        # Python 3.13 asks for the module of its own that it has just put away; nothing is read for that.
        if event == "import" and not has_ended():
            notes.write(f"{values[0]}\n")

    notes = open(NOTES, "a", buffering=1, encoding="utf-8")  # noqa: SIM115 open until the end
    notes.write(f"alembic: {'alembic' in sys.modules}\n")
    DROP(account, control)
    sys.addaudithook(note)


server_opening.drop_privileges = drop_and_watch
sys.exit(server_role.run(sys.argv[2:]))
