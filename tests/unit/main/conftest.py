"""A directory that every user may pass through: pytest's own are their user's alone."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def open_path() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="evl-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)
