"""``[keystone_authtoken]``: the settings of keystonemiddleware, from the same files as all others.

The library names them, and so does the authentication plugin that ``auth_type`` chooses. It is imported here alone, and
only where callers have Keystone's tokens: everybody else starts without it.
"""

import importlib
import ssl
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oslo_config import cfg

from evenload.main.setting_files import read_sections
from evenload.main.settings import SettingsError

if TYPE_CHECKING:
    from evenload.api.auth.keystone import KeystoneValidator

_FILES = ("cafile", "certfile", "keyfile", "memcache_tls_cafile", "memcache_tls_certfile", "memcache_tls_keyfile")
_LATE = ("netrc", "oauthlib")
"""What its libraries import, or try to, at the first request."""
_POOLS = ("oslo_cache._memcache_pool", "oslo_cache._bmemcache_pool")
"""Where tokens are shared."""


def open_keystone(files: Sequence[Path]) -> tuple["KeystoneValidator", list[Path]]:
    """With the files that it reads later on. Raises SettingsError, or KeystoneError for what the library refuses.

    To be called before the change of user: it imports all that validations need.
    """
    from keystoneauth1 import exceptions, loading

    from evenload.api.auth.keystone import GROUP, KeystoneValidator, register_options

    import_late()
    conf = cfg.ConfigOpts()
    options = register_options(conf)
    conf([], project="evenload", default_config_files=[str(file) for file in files], default_config_dirs=[])
    own = conf[GROUP]
    section = own.auth_section or GROUP
    common = loading.get_auth_common_conf_options()
    conf.register_opts(common, group=section)
    kind = conf[section].auth_type
    if not kind:
        raise SettingsError(f"[{section}] auth_type: needed, such as password; who asks Keystone is a user, too")
    try:
        plugin = loading.get_auth_plugin_conf_options(loading.get_plugin_loader(kind))
    except exceptions.NoMatchingPlugin as error:
        raise SettingsError(f"[{section}] auth_type: {error}") from error
    conf.register_opts(plugin, group=section)
    known = {GROUP: names_of(options)}
    known[section] = known.get(section, set()) | names_of(common) | names_of(plugin)
    for file in files:
        refuse_unknown(file, known)
    _refuse_meaningless(own)
    if own.cafile is None:
        conf.set_default("cafile", ssl.get_default_verify_paths().cafile, group=GROUP)
    named = [Path(own[name]) for name in _FILES if own[name]]
    if own.memcached_servers:
        import_late(_POOLS)
    return KeystoneValidator(conf, lambda: datetime.now(UTC)), named


def import_late(names: Sequence[str] = _LATE) -> None:
    """What there is of it, and a note of what there is not."""
    for name in names:
        try:
            importlib.import_module(name)
        except ImportError:
            sys.modules[name] = None  # type: ignore[assignment]  # Python's own way of saying: not to be imported


def names_of(options: Sequence[cfg.Opt]) -> set[str]:
    """In every spelling."""
    return {
        spelt
        for option in options
        for name in (option.name, option.dest, *(each.name for each in option.deprecated_opts))
        if name
        for spelt in (name, name.replace("-", "_"))
    }


def refuse_unknown(file: Path, known: dict[str, set[str]]) -> None:
    for section, values in read_sections(file).items():
        for name in values:
            if section in known and name not in known[section]:
                raise SettingsError(f"{file}: [{section}] {name}: there is no such setting")


def _refuse_meaningless(own: Any) -> None:
    """What this service would have to pass over."""
    for name, wrong, reason in (
        (
            "delay_auth_decision",
            bool(own.delay_auth_decision),
            "must be false; nobody has rights without a valid token",
        ),
        ("cache", own.cache is not None, "there is no Swift here; memcached_servers names a cache that is shared"),
        (
            "include_service_catalog",
            not own.include_service_catalog,
            "must be true; access rules of application credentials are judged by the catalog",
        ),
    ):
        if wrong:
            raise SettingsError(f"[keystone_authtoken] {name}: {reason}")
