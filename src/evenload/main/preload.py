"""Imports all that the server will ever need, before it gives up the right to read it.

Python, its libraries and Evenload may lie in a directory that only root can enter. After the change of user nothing can
be imported from there: what libraries import when they are first used is named here.
"""

import importlib
import pkgutil

from oslo_policy import _checks

_APART = (
    *("evenload.api.auth.keystone", "evenload.secrets.barbican"),
    *(f"evenload.store.{name}" for name in ("backup", "migrat", "overview", "reading")),
)
"""See main/schema_check.py, main/keystone.py and main/barbican.py; commands of their own look at a database from
outside, backups with Alembic."""
_PACKAGES = ("api", "bus", "model", "payloads", "ports", "render", "secrets", "service", "store")
_LAZY = (
    # the standard library's
    "concurrent.futures.thread", "email.parser", "http.client", "linecache", "stringprep", "traceback",
    "unicodedata", "zipfile",
    # what the library for certificates asks for when it opens the first key or PKCS12
    "cryptography.hazmat.backends.openssl.backend",
    *(f"encodings.{name}" for name in (
        "ascii", "base64_codec", "charmap", "hex_codec", "idna", "iso8859_1", "latin_1", "punycode",
        "raw_unicode_escape", "undefined", "unicode_escape", "utf_16", "utf_16_be", "utf_16_le", "utf_32", "utf_32_be",
        "utf_32_le", "utf_7", "utf_8", "utf_8_sig",
    )),
)  # fmt: skip


def preload() -> None:
    for name in _LAZY:
        importlib.import_module(name)
    for package in _PACKAGES:
        found = importlib.import_module(f"evenload.{package}")
        for module in pkgutil.walk_packages(found.__path__, f"evenload.{package}."):
            if not module.name.startswith(_APART):
                importlib.import_module(module.name)


def preload_policy_checks(*, external: bool) -> None:
    """``external``: a policy file may ask for oslo.policy's checks over HTTP, which bring a HTTP client of 10 MiB
    along. The built-in rules do not: the library would load it all the same, when it first reads a rule."""
    if external:
        _checks.get_extensions()
    else:
        _checks.extension_checks = {}


def preload_metrics() -> None:
    """Where an operator has asked for them: a megabyte that others need not have."""
    import evenload.main.metrics.server
    import evenload.main.metrics.store  # noqa: F401
