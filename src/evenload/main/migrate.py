"""``evenload-migrate --config-file FILE``: brings the database to the schema of this version.

The service does the same at its start; the command is for operators who want to see it happen first.
"""

import sys

from evenload.main.settings import SettingsError, read_settings
from evenload.model.errors import EvenloadError
from evenload.store.engine import StoreSettings, open_engine
from evenload.store.migrate import current_revision, upgrade


def main() -> int:
    try:
        engine = open_engine(StoreSettings(url=read_settings(sys.argv[1:]).database))
        before = current_revision(engine)
        upgrade(engine)
    except (SettingsError, EvenloadError) as error:
        sys.stderr.write(f"evenload-migrate: {error}\n")
        return 1
    sys.stdout.write(f"Schema {before or 'none'} -> {current_revision(engine)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
