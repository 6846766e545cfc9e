"""Imports all that the server will ever need, before it gives up the right to read it.

Python, its libraries and Evenload may lie in a directory that only root can enter. After the change of user nothing can
be imported from there: what libraries import when they are first used is named here.
"""

import importlib
import pkgutil

from oslo_policy import _checks

_PACKAGES = ("api", "bus", "model", "payloads", "ports", "render", "service", "store")
_LAZY = (
    # the standard library's
    "encodings.ascii", "encodings.idna", "encodings.latin_1", "encodings.utf_8", "encodings.utf_16", "encodings.utf_32",
    "concurrent.futures.thread", "email.parser", "http.client", "linecache", "sqlite3.dbapi2", "stringprep",
    "traceback", "unicodedata", "zipfile",
)  # fmt: skip


def preload() -> None:
    for name in _LAZY:
        importlib.import_module(name)
    for package in _PACKAGES:
        found = importlib.import_module(f"evenload.{package}")
        for module in pkgutil.walk_packages(found.__path__, f"evenload.{package}."):
            if ".migrations" not in module.name:  # Alembic's, see store/migrate.py
                importlib.import_module(module.name)


def preload_policy_checks(*, external: bool) -> None:
    """``external``: a policy file may ask for oslo.policy's checks over HTTP, which bring a HTTP client of 10 MiB
    along. The built-in rules do not: the library would load it all the same, when it first reads a rule."""
    if external:
        _checks.get_extensions()
    else:
        _checks.extension_checks = {}
