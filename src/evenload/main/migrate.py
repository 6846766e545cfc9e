"""``evenload-migrate --config-file FILE``: brings the database to the schema of this version.

The server does the same at its start; the command is for operators who want to see it happen first. Where root runs it,
it becomes the server's user first: what SQLite makes beside its file must be that user's.
"""

import sys

from evenload.host.privileges import become
from evenload.main.accounts import find_account
from evenload.main.database_place import DIRECTORY, ensure_database_place
from evenload.main.parts import open_database
from evenload.main.settings import SettingsError, read_settings
from evenload.main.state import StateDirectory
from evenload.main.usage import explain_program
from evenload.model.errors import EvenloadError
from evenload.store.engine import StoreSettings, preload_driver
from evenload.store.migrate import Migrations
from evenload.store.schema import current_revision


def main() -> int:
    if (text := explain_program("evenload-migrate", sys.argv[1:])) is not None:
        sys.stdout.write(text)
        return 0
    try:
        settings = read_settings(sys.argv[1:])
        preload_driver(StoreSettings(url=settings.database))
        migrations, account = Migrations(), find_account(settings.server.user)
        ensure_database_place(settings.state_path, account, locked=False)
        if account is not None:
            become(account)
        with StateDirectory(settings.state_path / DIRECTORY, mode=0o700):  # never under a running server
            engine = open_database(settings)
            try:
                before = current_revision(engine)
                migrations.upgrade(engine)
                after = current_revision(engine)
            finally:
                engine.dispose()
    except (SettingsError, EvenloadError, OSError) as error:
        sys.stderr.write(f"evenload-migrate: {error}\n")
        return 1
    sys.stdout.write(f"Schema {before or 'none'} -> {after}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
