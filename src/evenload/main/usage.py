"""What ``evenload --help`` says, and the help of those commands that read their words themselves. Pure."""

from collections.abc import Mapping, Sequence

_SETTINGS = "--config-file FILE    the settings; may be repeated. Default: /etc/evenload/evenload.conf"
_OVERVIEW = f"""\
usage: evenload [COMMAND] [--config-file FILE]

Load balancers on demand. Without a command both roles run, until Ctrl-C.

commands:
  server                one role alone: API and database
  agent                 the other one: namespaces and HAProxy
  status [NAME]         what there is, what is wrong first
  events [NAME]         what has happened, and why
  doctor                what is wrong with this host, and what to do
  backup FILE           the database as a file
  restore FILE          and back
  purge                 takes away all that was made on this host

options:
  -h, --help            this text; after a command, what it does and takes
  --version             of what is installed
  {_SETTINGS}
  --config-dir DIR      all *.conf files in it, after those above

Other programs: evenload-user (a line of the user file), evenload-migrate (the database's schema),
evenload-secret-keys (the keys of secrets).
"""
_COMMANDS: Mapping[str, str] = {
    "server": f"""\
usage: evenload server [--config-file FILE]

The API and the database, without the agent. Started by root it becomes the user [server] user.

  {_SETTINGS}
""",
    "agent": f"""\
usage: evenload agent [--config-file FILE] [--adopt-database]

Namespaces and HAProxy, without the API.

  {_SETTINGS}
  --adopt-database      say that another database than before is meant, and end; the next start works with it, and
                        removes load balancers of this host that it does not know
""",
    "backup": f"""\
usage: evenload backup FILE [--config-file FILE]

Writes the database to a new file, while the service works or not. The keys of secrets are not in it.

  {_SETTINGS}
""",
    "restore": f"""\
usage: evenload restore FILE [--replace] [--config-file FILE]

Brings the database back from such a file, while the service is stopped.

  {_SETTINGS}
  --replace             also where the database has something in it, which is kept under another name
""",
}
_PROGRAMS: Mapping[str, str] = {
    "evenload-migrate": f"""\
usage: evenload-migrate [--config-file FILE]

Brings the database to the schema of this version, as the next start would, while the server is stopped. There is no way
back: make a backup before.

  {_SETTINGS}
""",
    "evenload-secret-keys": f"""\
usage: evenload-secret-keys {{list,add,remove}} [--config-file FILE]

The keys by which secrets are encrypted in the database.

  list                  how many secrets need each key
  add                   puts a new key in front; the server takes it up at its next start
  remove                takes out those that no secret needs
  {_SETTINGS}
""",
}
_WITH_HELP_OF_THEIR_OWN = ("status", "events", "doctor", "purge")


def explain(arguments: Sequence[str]) -> str | None:
    """The help that is asked for; None where none is, or where the command has its own."""
    if not any(word in ("-h", "--help") for word in arguments):
        return None
    if arguments[0].startswith("-"):
        return _OVERVIEW
    return _COMMANDS.get(arguments[0])


def explain_program(program: str, arguments: Sequence[str]) -> str | None:
    """The same for a program beside ``evenload``."""
    return _PROGRAMS[program] if any(word in ("-h", "--help") for word in arguments) else None


def refuse(arguments: Sequence[str]) -> str | None:
    """Why the first word is no command; None where it is one, or an option."""
    word = arguments[0] if arguments else "-"
    if word.startswith("-") or word in _COMMANDS or word in _WITH_HELP_OF_THEIR_OWN:
        return None
    return f"evenload: there is no command {word!r}; evenload --help lists them\n"
