"""Settings, users, files and their modes, room on the disk, and HAProxy itself."""

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from evenload.host import preflight
from evenload.host.conditions import find_strange_haproxies
from evenload.host.haproxy_build import read_build, require_build
from evenload.main.as_user import ask_as
from evenload.main.database_place import DIRECTORY
from evenload.main.doctor.case import Case, Finding, fault, ok, warning
from evenload.main.setting_files import read_sections
from evenload.model.errors import EvenloadError, Hopeless
from evenload.secrets.keyring import read_key_file

_SECRET = ("password", "connection", "secret", "token")
"""Words in the names of settings that others should not read."""
_LITTLE, _NOTHING = 500 * 1024 * 1024, 50 * 1024 * 1024
_FEW_FILES = 10_000


def check_settings(case: Case) -> Iterator[Finding]:
    files = case.settings.files
    if not files:
        yield ok("settings", "no file: everything has its default")
    for path in files:
        secret = [
            f"[{section}] {name}"
            for section, values in read_sections(path).items()
            for name in values
            if any(word in name for word in _SECRET)
        ]
        if secret and path.stat().st_mode & 0o007:
            yield warning(
                "settings",
                f"every user of this host may read {path}, which has {', '.join(secret)}",
                f"chmod 0640 {path}",
            )
        else:
            yield ok("settings", f"{path} can be used")


def check_user(case: Case) -> Iterator[Finding]:
    if case.account is None:
        yield warning("users", "not run as root: much cannot be looked at", "run it as root, or with sudo")
    elif not case.settings.agent_noop:
        yield ok("users", f"the server's user {case.account.name} is there")


def check_directories(case: Case) -> Iterator[Finding]:
    """Modes and owners as the service makes them."""
    settings = case.settings
    if not settings.state_path.exists():
        yield ok("directories", f"{settings.state_path} is not there yet: the first start makes it")
        return
    found = list(_misfits(case))
    yield from found
    if not found:
        yield ok("directories", f"{settings.state_path} and what is in it have the right owners and modes")


def _misfits(case: Case) -> Iterator[Finding]:
    settings = case.settings
    owner = os.geteuid()
    of_server = owner if case.account is None else case.account.uid
    places: list[tuple[Path, int, int, int]] = [
        # path, owner, bits that have to be there, bits that must not
        (settings.state_path, owner, 0o701, 0o022),
        (settings.state_path / DIRECTORY, of_server, 0o700, 0o077),
        (settings.host.state_dir, owner, 0o700, 0o077),
        (settings.host.haproxy.chroot, owner, 0o500, 0o022),
        (settings.run_path, owner, 0o700, 0o027),
    ]
    for path, uid, wanted, forbidden in places:
        try:
            status = path.lstat()
        except FileNotFoundError:
            continue  # made by the next start
        mode = stat.S_IMODE(status.st_mode)
        if not stat.S_ISDIR(status.st_mode):
            yield fault("directories", f"{path} is no directory", f"move it away: mv {path} {path}.away")
        elif status.st_uid != uid:
            yield fault("directories", f"{path} belongs to user {status.st_uid}, not {uid}", f"chown {uid} {path}")
        elif mode & wanted != wanted or mode & forbidden:
            right = (mode | wanted) & ~forbidden
            yield fault("directories", f"{path} has mode {mode:04o}", f"chmod {right:04o} {path}")


def check_readable(case: Case) -> Iterator[Finding]:
    """What the server reads as its own user, time and again."""
    settings = case.settings
    paths = [settings.policy.file] if settings.policy.file is not None else []
    if settings.serving.auth_strategy == "http_basic":
        paths.append(settings.serving.user_file)
    missing = [path for path in paths if not path.exists()]
    for path in missing:
        yield fault("files", f"{path} is not there", "make it, or take the setting that names it away")
    there = [str(path) for path in paths if path not in missing]
    account = case.account
    refused = ask_as(account, lambda: [path for path in there if not os.access(path, os.R_OK)]) if there else []
    for path in refused:
        group = settings.server.user
        yield fault(
            "files",
            f"the server's user may not read {path}",
            f"chgrp {group} {path}; chmod 0640 {path}; and o+x for the directories above it",
        )
    if there and not refused:
        yield ok("files", f"the server may read {', '.join(there)}")


def check_keys(case: Case) -> Iterator[Finding]:
    path = case.settings.secrets.key_file
    if not os.path.lexists(path):
        yield ok("keys of secrets", f"{path} is not there yet: the first start makes it")
        return
    try:
        ring = read_key_file(path)
    except EvenloadError as error:
        yield fault(
            "keys of secrets", str(error), f"chown root {path}; chmod 0600 {path}; or put back the copy you keep"
        )
    else:
        yield ok("keys of secrets", f"{path} has {len(ring.key_ids)}; keep a copy apart from backups")


def check_disk(case: Case) -> Iterator[Finding]:
    for path in dict.fromkeys((case.settings.state_path, case.settings.run_path)):
        place = next(each for each in (path, *path.parents) if each.exists())
        usage, files = shutil.disk_usage(place), os.statvfs(place)
        free = f"{usage.free // 1024 // 1024} MiB are free for {path}"
        if usage.free < _NOTHING:
            yield fault("disk", free, "make room: nothing can be changed on a full disk")
        elif usage.free < _LITTLE or (files.f_files and files.f_favail < _FEW_FILES):
            rest = f", and {files.f_favail} files" if files.f_files else ""
            yield warning("disk", f"{free}{rest}", "make room before nothing can be changed any more")
        else:
            yield ok("disk", free)


def check_haproxy(case: Case) -> Iterator[Finding]:
    if case.settings.agent_noop:
        yield ok("haproxy", "none is needed ([agent] host = noop)")
        return
    settings = case.settings.host.haproxy
    try:
        preflight.check_haproxy(settings)
        build = read_build(settings)
        require_build(build, settings)
    except Hopeless as error:
        yield fault("haproxy", str(error), "apt-get install haproxy, or set [haproxy] binary, user and group")
        return
    lacks = [] if build.number >= (2, 8) else ["OCSP staples (2.8)"]
    lacks += [] if build.quic and build.number >= (3, 0) else ["HTTP/3 (3.0 with QUIC)"]
    text = f"{settings.binary} is version {build.text}"
    yield ok("haproxy", f"{text}; it has no {' and no '.join(lacks)}" if lacks else text)
    beside = find_strange_haproxies(settings.binary)
    if beside:
        word = "process" if len(beside) == 1 else "processes"
        yield warning(
            "haproxy",
            f"a HAProxy that is no load balancer's runs beside ({word} {', '.join(map(str, beside[:5]))}): that of "
            "Debian's haproxy.service? It is harmless, as long as it leaves the API's port alone",
            "systemctl disable --now haproxy, where nobody needs it",
        )
