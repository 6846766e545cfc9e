"""``evenload-secret-keys {list,add,remove} [--config-file FILE]``: exchanges the keys of secrets at rest.

``add`` puts a new key in front; after a restart the server encrypts by it, and brings the secrets that are there to it.
``list`` says how many secrets need each key, ``remove`` takes out those that nothing needs, all but the first. Run as
whoever starts the service; the database is asked by a child that has become the server's user.
"""

import sys
from collections.abc import Mapping, Sequence

from evenload.host.privileges import Account
from evenload.main.accounts import find_account
from evenload.main.as_user import ask_as
from evenload.main.parts import open_database
from evenload.main.settings import Settings, SettingsError, read_settings
from evenload.main.usage import explain_program
from evenload.model.errors import EvenloadError
from evenload.secrets.keyring import KeyRing, ensure_key_file, keep_only, new_key, put_in_front, read_key_file
from evenload.store.engine import StoreSettings, preload_driver
from evenload.store.secrets import read_sealing_keys

_ACTIONS = ("list", "add", "remove")


def main() -> int:
    if (text := explain_program("evenload-secret-keys", sys.argv[1:])) is not None:
        sys.stdout.write(text)
        return 0
    action, arguments = (sys.argv[1] if len(sys.argv) > 1 else ""), sys.argv[2:]
    if action not in _ACTIONS:
        sys.stderr.write(f"usage: evenload-secret-keys {{{','.join(_ACTIONS)}}} [--config-file FILE]\n")
        return 2
    try:
        settings = read_settings(arguments)
        lines = perform(action, settings, find_account(settings.server.user))
    except (SettingsError, EvenloadError, OSError) as error:
        sys.stderr.write(f"evenload-secret-keys: {error}\n")
        return 1
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 0


def perform(action: str, settings: Settings, account: Account | None) -> list[str]:
    """What is to be printed. ``account``: whose the database is, None where it is this user's. Raises EvenloadError,
    OSError."""
    path = settings.secrets.key_file
    if action == "add":
        ensure_key_file(path)
        return [f"{put_in_front(path, new_key())} is the first key now; restart the server"]
    ring, numbers = read_key_file(path), _ask_child(settings, account)
    if action == "list":
        return describe_keys(ring, numbers)
    kept = choose_kept(ring, numbers)
    removed = [each for each in ring.key_ids if each not in kept]
    if removed:
        keep_only(path, kept)
    return [f"{each} removed" for each in removed] or ["every key is needed"]


def describe_keys(ring: KeyRing, numbers: Mapping[str, int]) -> list[str]:
    lines = [
        f"{each}  {numbers.get(each, 0)} secrets{'  (encrypts)' if each == ring.first else ''}" for each in ring.key_ids
    ]
    lost = [each for each in numbers if each not in ring.key_ids]
    return lines + [f"{each}  {numbers[each]} secrets  NOT IN THE FILE: they cannot be read" for each in sorted(lost)]


def choose_kept(ring: KeyRing, numbers: Mapping[str, int]) -> Sequence[str]:
    return [each for each in ring.key_ids if each == ring.first or numbers.get(each)]


def _ask_child(settings: Settings, account: Account | None) -> dict[str, int]:
    """How many secrets need each key. Raises EvenloadError."""
    preload_driver(StoreSettings(url=settings.database))

    def read() -> dict[str, int]:
        engine = open_database(settings)
        try:
            with engine.connect() as connection:
                return read_sealing_keys(connection)
        finally:
            engine.dispose()

    try:
        found: dict[str, int] = ask_as(account, read)
    except EvenloadError as error:
        raise EvenloadError(f"{error}; start the service once, or run evenload-migrate") from error
    return found


if __name__ == "__main__":
    sys.exit(main())
