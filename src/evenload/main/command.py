"""The command ``evenload``: alone it supervises both roles; ``evenload server`` and ``evenload agent`` are one each.
``evenload agent --adopt-database`` lets the next start work with another database than before; ``evenload backup FILE``
and ``evenload restore FILE`` write the database to a file and bring it back; ``evenload status`` shows what there is,
``evenload events`` what has happened, ``evenload doctor`` what is wrong with the host; ``evenload purge`` takes away
all that this installation made. ``main/usage.py`` has the help.

Imports only what the role needs: the supervisor stays light, and the agent knows no database.
"""

import gc
import os
import sys
from collections.abc import Sequence

from evenload.main.usage import explain, refuse

_ADOPT = "--adopt-database"


def run(arguments: Sequence[str]) -> int:
    """Returns the exit status."""
    if (text := explain(arguments)) is not None:
        sys.stdout.write(text)
        return 0
    if (text := refuse(arguments)) is not None:
        sys.stderr.write(text)
        return 2
    match arguments:
        case ["server", *rest]:
            _hasten_imports()
            from evenload.main import server_role

            return server_role.run(rest)
        case ["agent", *rest]:
            _hasten_imports()
            from evenload.main import agent_role

            if _ADOPT in rest:
                return agent_role.adopt_database([word for word in rest if word != _ADOPT])
            return agent_role.run(rest)
        case [("backup" | "restore") as action, *rest]:
            from evenload.main import backups

            return backups.run(action, rest)
        case ["status", *rest]:
            from evenload.main.status import command as status

            return status.run(rest)
        case ["events", *rest]:
            from evenload.main import events

            return events.run(rest)
        case ["purge", *rest]:
            from evenload.main import purge

            return purge.run(rest)
        case ["doctor", *rest]:
            from evenload.main.doctor import command as doctor

            return doctor.run(rest)
        case _:
            from evenload.main.supervisor import Supervisor

            return Supervisor(arguments, _command()).run()


def _hasten_imports() -> None:
    """Together a sixth of a role's start: collections of garbage find hardly any in what imports make, which lasts
    (``main/garbage.py`` begins with them again); and where ``rich`` is installed, structlog draws it in for colours
    that no log here has."""
    gc.disable()
    sys.modules.setdefault("rich", None)  # type: ignore[arg-type]  # Python's own way of saying: not to be imported


def _command() -> list[str]:
    """How this program was started, for the roles."""
    program = sys.argv[0]
    if os.path.basename(program) == "evenload" and os.access(program, os.X_OK):
        return [sys.executable, os.path.abspath(program)]
    return [sys.executable, "-P", "-m", "evenload.main.command"]


def main() -> None:
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
