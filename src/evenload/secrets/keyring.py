"""The keys by which payloads are encrypted at rest: AES-256-GCM, in a file of their own.

A line of the file is a key, 32 bytes in base64; ``#`` begins a remark. The first one encrypts, every one decrypts, so
that a new one is put in front and the old ones stay until nothing needs them. Which secret it is, and whose, is part of
what is authenticated: a payload that somebody moves to another row of the database opens there no more.
"""

import binascii
import os
import stat
from base64 import b64decode, b64encode
from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from evenload.model.errors import EvenloadError
from evenload.model.secret import SecretBytes
from evenload.model.stored_secret import Sealed, StoredSecret

_LENGTH = 32
_NONCE = 12
_MOST_BYTES = 64 * 1024
_REMARK = """\
# Evenload's keys for secrets at rest. Whoever has this file and the database has every private key in it; without this
# file the secrets in the database are lost. The first key encrypts, every one decrypts. See docs/secrets.md.
"""


class Unopened(EvenloadError):
    """A payload that no key opens: the key is not in the file any more, or the payload was damaged or moved."""


class KeyRing:
    """``keys``: 32 bytes each, the one that encrypts first. Shows none of them."""

    def __init__(self, keys: Sequence[SecretBytes]) -> None:
        if not keys:
            raise ValueError("a key is needed")
        self._ciphers = {_key_id(key): AESGCM(key.expose()) for key in keys}
        self.first = _key_id(keys[0])

    @property
    def key_ids(self) -> tuple[str, ...]:
        return tuple(self._ciphers)

    def seal(self, secret: StoredSecret, payload: SecretBytes) -> Sealed:
        nonce = os.urandom(_NONCE)
        sealed = self._ciphers[self.first].encrypt(nonce, payload.expose(), _context(secret))
        return Sealed(key_id=self.first, content=nonce + sealed)

    def open(self, secret: StoredSecret, sealed: Sealed) -> SecretBytes:
        """Raises Unopened."""
        cipher = self._ciphers.get(sealed.key_id)
        if cipher is None:
            raise Unopened(
                f"The key {sealed.key_id}, by which secret {secret.id} was encrypted, is not in the key file."
            )
        try:
            nonce, content = sealed.content[:_NONCE], sealed.content[_NONCE:]
            return SecretBytes(cipher.decrypt(nonce, content, _context(secret)))
        except (InvalidTag, ValueError):
            raise Unopened(f"The payload of secret {secret.id} was damaged, or is another secret's.") from None


def new_key() -> SecretBytes:
    return SecretBytes(os.urandom(_LENGTH))


def read_key_file(path: Path) -> KeyRing:
    """Raises EvenloadError: also for one that others than its owner may read, or that is not this user's own."""
    try:
        return KeyRing(read_keys(path))
    except OSError as error:
        raise EvenloadError(f"the key file {path} cannot be read: {error.strerror}") from error


def ensure_key_file(path: Path) -> KeyRing:
    """Makes one with a new key where there is none, for this user's eyes only. Raises EvenloadError."""
    if not os.path.lexists(path):
        try:
            _write_new(path, [new_key()])
        except OSError as error:
            raise EvenloadError(f"the key file {path} cannot be made: {error.strerror}") from error
    return read_key_file(path)


def put_in_front(path: Path, key: SecretBytes) -> str:
    """The id of the key, which is the first one of the file from now on. Raises EvenloadError, OSError."""
    keys = [key, *read_keys(path)]
    _write(path, keys)
    return _key_id(key)


def keep_only(path: Path, key_ids: Sequence[str]) -> None:
    """Takes the others out of the file. Raises EvenloadError, OSError."""
    _write(path, [key for key in read_keys(path) if _key_id(key) in key_ids])


def read_keys(path: Path) -> list[SecretBytes]:
    """Raises EvenloadError, OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise EvenloadError(f"the key file {path} is no file")
        if status.st_uid != os.geteuid() or status.st_mode & 0o077:
            raise EvenloadError(
                f"the key file {path} may be read by others, or is not this user's: chown it, and chmod it to 0600"
            )
        content = file.read(_MOST_BYTES)
    keys = []
    for number, line in enumerate(content.splitlines(), 1):
        text = line.partition(b"#")[0].strip()
        if not text:
            continue
        try:
            key = b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if len(key) != _LENGTH:
            raise EvenloadError(f"line {number} of the key file {path} is no key: 32 bytes in base64 are expected")
        keys.append(SecretBytes(key))
    if not keys:
        raise EvenloadError(f"the key file {path} has no key in it")
    return list(dict.fromkeys(keys))


def _write_new(path: Path, keys: Sequence[SecretBytes]) -> None:
    """One that somebody else makes meanwhile stays."""
    temporary = _temporary(path, keys)
    try:
        with suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        os.unlink(temporary)
    _sync_directory(path)


def _write(path: Path, keys: Sequence[SecretBytes]) -> None:
    os.replace(_temporary(path, keys), path)
    _sync_directory(path)


def _temporary(path: Path, keys: Sequence[SecretBytes]) -> Path:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with open(descriptor, "wb") as file:
        file.write(_REMARK.encode() + b"".join(b64encode(key.expose()) + b"\n" for key in keys))
        file.flush()
        os.fsync(descriptor)
    return temporary


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _key_id(key: SecretBytes) -> str:
    """Names a key without telling anything of it: of 32 random bytes no digest gives any away."""
    return sha256(b"evenload key " + key.expose()).hexdigest()[:16]


def _context(secret: StoredSecret) -> bytes:
    return f"evenload secret\0{secret.project_id}\0{secret.id}".encode()
