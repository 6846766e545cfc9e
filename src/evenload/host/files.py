"""The state directory: one directory per load balancer, root's alone, every file replaced whole.

A file is either the former or the new one, never a half: written
beside its place and renamed. Nothing is synced to the disk: what a power cut could damage here is also lost from the
kernel then, and is built anew from the server.
"""

import errno
import os
import re
import secrets
import shutil
from pathlib import Path

from evenload.host.exchange import exchange
from evenload.host.refusal import refusal
from evenload.model.named_file import DIRECTORY, NamedFile
from evenload.model.secret import SecretBytes
from evenload.model.slot import SLOTS

_TEMPORARY = ".new-"
_NEW_FILES = 8
_TO_FILES = f"../{DIRECTORY}/"
_FINGERPRINT = re.compile(r"[0-9a-f]{64}\Z")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")


class StateFiles:
    """Every method raises HostError where the file system refuses. Content is text in UTF-8 or bytes."""

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir

    def path(self, load_balancer_id: str, name: str | None = None) -> Path:
        """The load balancer's directory, or a file in it; it need not exist."""
        directory = self.state_dir / _component(load_balancer_id)
        return directory if name is None else directory / _component(name)

    def load_balancer_ids(self) -> list[str]:
        """The load balancers that have a directory, sorted. What else lies here (``lost+found``, somebody's copy) is
        not ours: it must not be taken for an orphan and removed."""
        try:
            with os.scandir(self.state_dir) as entries:
                found = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
            return sorted(name for name in found if names_load_balancer(name))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise refusal(f"list {self.state_dir}", error) from error

    def sweep(self) -> None:
        """Removes what was being written when an agent was killed. To be called while nobody writes."""
        for load_balancer_id in self.load_balancer_ids():
            own = self.path(load_balancer_id)
            for directory in (own, own / DIRECTORY, own / SLOTS):
                try:
                    for name in os.listdir(directory):
                        if name.startswith(_TEMPORARY):
                            (directory / name).unlink(missing_ok=True)
                except FileNotFoundError:
                    continue
                except OSError as error:
                    raise refusal(f"sweep {directory}", error) from error

    def exists(self, load_balancer_id: str) -> bool:
        return self.path(load_balancer_id).is_dir()

    def glance(self, load_balancer_id: str, but: str) -> tuple[tuple[str, int, int, int], ...]:
        """Name, inode, time of change, size of each file but that one; empty where the directory cannot be read."""
        found = []
        try:
            with os.scandir(self.path(load_balancer_id)) as entries:
                for entry in entries:
                    if entry.name != but and not entry.name.startswith(_TEMPORARY):
                        status = entry.stat(follow_symlinks=False)
                        found.append((entry.name, status.st_ino, status.st_mtime_ns, status.st_size))
        except OSError:
            return ()
        return tuple(sorted(found))

    def ensure(self, load_balancer_id: str) -> Path:
        """The load balancer's directory, made with mode 0700 where it is missing."""
        directory = self.path(load_balancer_id)
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            if directory.stat().st_mode & 0o777 != 0o700:
                directory.chmod(0o700)
        except OSError as error:
            raise refusal(f"make the directory {directory}", error) from error
        return directory

    def write(self, load_balancer_id: str, name: str, content: str | bytes, *, fleeting: bool = False) -> Path:
        """Puts the content in place of the former file, mode 0600. The directory must exist. ``fleeting``: of no use
        after a power cut, so that nobody waits for the disk."""
        data = content.encode() if isinstance(content, str) else content
        return self._replace(self.path(load_balancer_id, name), data, fleeting=fleeting)

    def _replace(self, target: Path, data: bytes, *, fleeting: bool = False) -> Path:
        temporary = target.with_name(_TEMPORARY + secrets.token_hex(6))
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(data)
                if fleeting and not target.is_dir() and exchange(temporary, target):
                    os.unlink(temporary)
                else:
                    os.rename(temporary, target)
            except OSError:
                temporary.unlink(missing_ok=True)
                raise
        except OSError as error:
            raise refusal(f"write {target}", error) from error
        return target

    def read(self, load_balancer_id: str, name: str) -> str | None:
        """None where there is no such file. Bytes that are not UTF-8 come as replacement characters."""
        content = self.read_bytes(load_balancer_id, name)
        return None if content is None else content.decode(errors="replace")

    def read_bytes(self, load_balancer_id: str, name: str) -> bytes | None:
        target = self.path(load_balancer_id, name)
        try:
            return target.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise refusal(f"read {target}", error) from error

    def remove(self, load_balancer_id: str, name: str) -> None:
        self._unlink(self.path(load_balancer_id, name))

    def _unlink(self, target: Path) -> None:
        try:
            target.unlink(missing_ok=True)
        except OSError as error:
            raise refusal(f"remove {target}", error) from error

    def ensure_room(self, load_balancer_id: str, size: int) -> None:
        """Raises HostError where the disk has no room for so many bytes in some new files. A look, no reservation: to
        take it and give it back costs milliseconds on some file systems."""
        directory = self.path(load_balancer_id)
        try:
            found = os.statvfs(directory)
        except OSError as error:
            raise refusal(f"look for room in {directory}", error) from error
        free = found.f_bavail * found.f_frsize
        # A file system without a limit of files says that it has none at all.
        if free < size or (found.f_files and found.f_favail < _NEW_FILES):
            cause = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            raise refusal(f"write {size} bytes to {directory}, where {free} are free", cause)

    def names(self, load_balancer_id: str) -> frozenset[str]:
        """Of the named files that lie here; what is not named as we name them is not ours."""
        directory = self.path(load_balancer_id, DIRECTORY)
        try:
            return frozenset(name for name in os.listdir(directory) if _FINGERPRINT.match(name))
        except (FileNotFoundError, NotADirectoryError):
            return frozenset()
        except OSError as error:
            raise refusal(f"list {directory}", error) from error

    def write_named(self, load_balancer_id: str, file: NamedFile) -> Path:
        """Returns where it lies. Its directory is made where it is missing."""
        directory = self.path(load_balancer_id, DIRECTORY)
        try:
            directory.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise refusal(f"make the directory {directory}", error) from error
        return self._replace(directory / file.name, file.content.expose())

    def read_named(self, load_balancer_id: str, name: str) -> SecretBytes | None:
        """None where there is no such file."""
        target = self.path(load_balancer_id, DIRECTORY) / _component(name)
        try:
            return SecretBytes(target.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise refusal(f"read {target}", error) from error

    def remove_named(self, load_balancer_id: str, name: str) -> None:
        self._unlink(self.path(load_balancer_id, DIRECTORY) / _component(name))

    def slot(self, load_balancer_id: str, name: str) -> Path:
        """Its path; it need not be there."""
        return self.path(load_balancer_id, SLOTS) / _component(name)

    def links(self, load_balancer_id: str) -> dict[str, str]:
        """The fingerprints of what lies in the slots, by name; empty for a slot that leads elsewhere."""
        directory = self.path(load_balancer_id, SLOTS)
        try:
            names = [name for name in os.listdir(directory) if not name.startswith(".")]
            targets = {name: _target(directory / name) for name in names}
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except OSError as error:
            raise refusal(f"look into {directory}", error) from error
        return {name: target.removeprefix(_TO_FILES) for name, target in targets.items()}

    def link(self, load_balancer_id: str, name: str, fingerprint: str) -> None:
        """Makes the slot lead to that file, whatever it led to before. Its directory is made where it is missing."""
        target = self.slot(load_balancer_id, name)
        temporary = target.with_name(_TEMPORARY + secrets.token_hex(6))
        try:
            target.parent.mkdir(mode=0o700, exist_ok=True)
            temporary.symlink_to(_TO_FILES + _component(fingerprint))
            try:
                os.rename(temporary, target)
            except OSError:
                temporary.unlink(missing_ok=True)
                raise
        except OSError as error:
            raise refusal(f"link {target}", error) from error

    def unlink_slot(self, load_balancer_id: str, name: str) -> None:
        self._unlink(self.slot(load_balancer_id, name))

    def remove_all(self, load_balancer_id: str) -> None:
        """The whole directory of that load balancer; may be repeated."""
        directory = self.path(load_balancer_id)
        try:
            shutil.rmtree(directory)
        except FileNotFoundError:
            return
        except OSError as error:
            raise refusal(f"remove {directory}", error) from error


def _target(path: Path) -> str:
    try:
        return os.readlink(path)
    except OSError as error:
        if error.errno == errno.EINVAL:  # no link at all
            return ""
        raise


def names_load_balancer(name: str) -> bool:
    return _UUID.match(name) is not None


def _component(name: str) -> str:
    """Identifiers come from the server: one that is no plain name must not lead out of the directory."""
    if not name or name.startswith(".") or "/" in name or "\0" in name:
        raise ValueError(f"not a file name: {name!r}")
    return name
