"""``evenload-migrate --config-file FILE``: brings the database to the schema of this version.

The service does the same at its start; the command is for operators who want to see it happen first.
"""

import sys

from evenload.main.settings import SettingsError, read_settings
from evenload.main.state import StateDirectory
from evenload.model.errors import EvenloadError
from evenload.store.engine import StoreSettings, open_engine
from evenload.store.migrate import current_revision, upgrade


def main() -> int:
    try:
        settings = read_settings(sys.argv[1:])
        with StateDirectory(settings.state_path):  # never under a running service
            engine = open_engine(StoreSettings(url=settings.database))
            try:
                before = current_revision(engine)
                upgrade(engine)
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
