"""The command ``evenload``: alone it supervises both roles; ``evenload server`` and ``evenload agent`` are one each.
``evenload agent --adopt-database`` lets the next start work with another database than before.

Imports only what the role needs: the supervisor stays light, and the agent knows no database.
"""

import os
import sys
from collections.abc import Sequence

_ADOPT = "--adopt-database"


def run(arguments: Sequence[str]) -> int:
    """Returns the exit status."""
    match arguments:
        case ["server", *rest]:
            from evenload.main import server_role

            return server_role.run(rest)
        case ["agent", *rest]:
            from evenload.main import agent_role

            if _ADOPT in rest:
                return agent_role.adopt_database([word for word in rest if word != _ADOPT])
            return agent_role.run(rest)
        case _:
            from evenload.main.supervisor import Supervisor

            return Supervisor(arguments, _command()).run()


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
