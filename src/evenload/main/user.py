"""``evenload-user NAME PROJECT ROLE[,ROLE…]``: a line for the user file of ``auth_strategy = http_basic``.

Asks for the password, or reads it from standard input where that is no terminal; it never stands in an argument, where
every user of the host could read it. Writes the line to standard output and nothing else.
"""

import argparse
import getpass
import sys
from pathlib import Path

from evenload.api.auth.http_basic import UserFileError, hash_password, parse_users
from evenload.api.policy import known_roles


def main() -> int:
    parser = argparse.ArgumentParser(prog="evenload-user", description="Make a line for the http_basic user file.")
    parser.add_argument("name", help="user name, as in OS_USERNAME")
    parser.add_argument("project", help="the project whose load balancers are the user's own")
    parser.add_argument("roles", help="comma list: admin, member, reader, or Octavia's load-balancer_* roles")
    parser.add_argument("--policy-file", help="[oslo_policy] policy_file, where its rules name roles of their own")
    given = parser.parse_args()
    try:
        rules = Path(given.policy_file).read_text(encoding="utf-8") if given.policy_file else ""
        require_known(given.roles, rules)
        line = render_line(given.name, given.project, given.roles, _read_password())
    except (UserFileError, ValueError, OSError) as error:
        sys.stderr.write(f"evenload-user: {error}\n")
        return 1
    sys.stdout.write(line + "\n")
    return 0


def require_known(roles: str, policy_text: str = "") -> None:
    """Raises ValueError for a role that no rule knows: its user might do nothing. ``policy_text``: further rules."""
    known = known_roles(policy_text)
    for role in roles.split(","):
        if role.strip() not in known:
            raise ValueError(f"no rule knows the role '{role.strip()}'; there are {', '.join(sorted(known))}")


def render_line(name: str, project: str, roles: str, password: str) -> str:
    """Raises UserFileError or ValueError for what the service would refuse."""
    if not password:
        raise ValueError("the password is empty")
    line = f"{name}:{hash_password(password)}:{project}:{roles}"
    if "\n" in line or not parse_users(line):
        raise ValueError("the user name cannot hold a line break or begin with #")
    return line


def _read_password() -> str:
    if sys.stdin.isatty():
        password = getpass.getpass("Password: ")
        if getpass.getpass("Again: ") != password:
            raise ValueError("the two passwords differ")
        return password
    return sys.stdin.readline().rstrip("\r\n")


if __name__ == "__main__":
    sys.exit(main())
