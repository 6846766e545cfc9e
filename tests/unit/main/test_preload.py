"""What a server imports at its start, of its database's drivers above all: it pays in memory and in time."""

import subprocess
import sys

import pytest

_LOADED = """
import sys
from evenload.main.preload import preload
from evenload.store.engine import StoreSettings, open_engine, preload_driver
preload()
settings = StoreSettings(url=sys.argv[1])
preload_driver(settings)
before = set(sys.modules)
open_engine(settings)
print(*(set(sys.modules) - before), "|", *before)
"""
OTHERS = {
    "sqlite:///{}/evenload.sqlite": {
        "psycopg",
        "pymysql",
        "sqlalchemy.dialects.mysql",
        "sqlalchemy.dialects.postgresql",
    },
    "postgresql+psycopg://evenload@/evenload": {
        "sqlite3",
        "pymysql",
        "sqlalchemy.dialects.mysql",
        "psycopg.pq.pq_ctypes",
    },
    "mariadb+pymysql://evenload@/evenload": {"sqlite3", "psycopg", "sqlalchemy.dialects.postgresql"},
}


@pytest.mark.parametrize("url", OTHERS)
def test_a_server_has_the_driver_of_its_database_and_no_other(url: str, tmp_path: object) -> None:
    words = [sys.executable, "-c", _LOADED, url.format(tmp_path)]
    said = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    later, _, at_the_start = said.partition("|")
    assert later.split() == []
    assert OTHERS[url] & set(at_the_start.split()) == set()
