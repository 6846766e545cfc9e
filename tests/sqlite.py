"""SQLite databases of the newest schema, for tests whose subject is not how it came to be."""

import functools
import tempfile
from pathlib import Path

from evenload.store.engine import StoreSettings, open_engine
from evenload.store.migrate import upgrade


@functools.cache
def _newest() -> bytes:
    """Made once in a process: the migrations take longer than most tests."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "empty.sqlite"
        engine = open_engine(StoreSettings(url=f"sqlite:///{file}"))
        upgrade(engine)
        engine.dispose()
        return file.read_bytes()


def newest_sqlite(file: Path) -> str:
    """An empty database in ``file``; returns its URL. They all have one identity."""
    file.write_bytes(_newest())
    file.chmod(0o600)
    return f"sqlite:///{file}"
