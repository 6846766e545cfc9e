"""Services of others that this one asks: Keystone, Barbican, memcached. Each is reached as the settings say."""

import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from evenload.main.barbican import open_barbican
from evenload.main.doctor.case import Case, Finding, fault, ok, warning
from evenload.main.keystone import open_keystone
from evenload.main.setting_files import KEYSTONE, read_sections
from evenload.main.settings import SettingsError
from evenload.model.errors import EvenloadError

_PATIENCE = 5.0
_MEMCACHED_PORT = 11211


def check_keystone(case: Case) -> Iterator[Finding]:
    if case.settings.serving.auth_strategy != "keystone":
        return
    try:
        open_keystone(case.settings.files)
    except (SettingsError, EvenloadError) as error:
        yield fault("Keystone", str(error), "docs/users.md has the settings")
        return
    values = _values(case.settings.files, KEYSTONE)
    urls = dict.fromkeys(values[name] for name in ("auth_url", "www_authenticate_uri") if name in values)
    for url in urls:
        reason = ask_url(url, values.get("cafile"))
        if reason is None:
            yield ok("Keystone", f"{url} answers")
        else:
            yield fault(
                "Keystone", f"{url}: {reason}", "callers get 503 meanwhile, but for those who were known before"
            )
    yield from _memcached(values.get("memcached_servers", ""))


def check_barbican(case: Case) -> Iterator[Finding]:
    settings = case.settings.secrets.barbican
    if settings is None:
        return
    try:
        open_barbican(settings, case.settings.files)
    except (SettingsError, EvenloadError) as error:
        yield fault("Barbican", str(error), "docs/secrets.md has the settings")
        return
    if settings.endpoint is None:
        yield ok("Barbican", "its settings can be used; where it is, Keystone's catalog says")
        return
    reason = ask_url(settings.endpoint, None if settings.authorities is None else str(settings.authorities))
    if reason is None:
        yield ok("Barbican", f"{settings.endpoint} answers")
    else:
        yield fault("Barbican", f"{settings.endpoint}: {reason}", "listeners with TLS cannot be made meanwhile")


def ask_url(url: str, authorities: str | None) -> str | None:
    """Why no answer comes from there; None where one does, whatever it says short of a fault of its own."""
    try:
        context = ssl.create_default_context(cafile=authorities)
        request = urllib.request.Request(url, headers={"Accept": "application/json"})
        with urllib.request.urlopen(request, timeout=_PATIENCE, context=context):
            return None
    except urllib.error.HTTPError as error:
        return None if error.code < 500 else f"it answers with status {error.code}"
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        return str(getattr(reason, "strerror", None) or reason)


def _memcached(servers: str) -> Iterator[Finding]:
    for each in filter(None, (word.strip() for word in servers.split(","))):
        host, _, port = each.removeprefix("inet6:").rpartition(":")
        place = (host.strip("[]") or each, int(port) if port.isdigit() and host else _MEMCACHED_PORT)
        try:
            with socket.create_connection(place, timeout=_PATIENCE) as connection:
                connection.sendall(b"version\r\n")
                answer = connection.recv(64)
            if not answer.startswith(b"VERSION"):
                raise OSError("what answers is no memcached")
        except OSError as error:
            yield warning(
                "memcached",
                f"{each}: {error.strerror or error}",
                "it is passed over meanwhile, and Keystone asked more often",
            )
        else:
            yield ok("memcached", f"{each} answers")


def _values(files: Sequence[Path], section: str) -> dict[str, str]:
    """The last value of each setting counts, as with oslo.config."""
    found: dict[str, str] = {}
    for path in files:
        sections = read_sections(path)
        own = sections.get(section, {})
        for name in own.get("auth_section", ()):
            found |= _last(sections.get(name, {}))
        found |= _last(own)
    return found


def _last(section: Mapping[str, list[str]]) -> dict[str, str]:
    return {name.replace("-", "_"): values[-1] for name, values in section.items()}
