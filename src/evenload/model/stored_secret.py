"""What people keep in the store of secrets: secrets without their payload, containers of them, and who may read them.

The words are Barbican's. A payload is never part of these: it lies apart, sealed.
"""

import enum
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar


class SecretType(enum.Enum):
    SYMMETRIC = "symmetric"
    PUBLIC = "public"
    PRIVATE = "private"
    PASSPHRASE = "passphrase"
    CERTIFICATE = "certificate"
    OPAQUE = "opaque"


class ContainerType(enum.Enum):
    GENERIC = "generic"
    RSA = "rsa"
    CERTIFICATE = "certificate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Acl:
    """``project_access`` False: of the project, whoever made it alone. ``users``: who may read it beside."""

    project_access: bool
    users: tuple[str, ...] = ()
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadatum:
    key: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSecret:
    """``content_type`` None: it has no payload yet."""

    id: str
    project_id: str
    creator_id: str | None = None
    name: str | None = None
    type: SecretType = SecretType.OPAQUE
    algorithm: str | None = None
    bit_length: int | None = None
    mode: str | None = None
    expiration: datetime | None = None
    content_type: str | None = None
    metadata: tuple[Metadatum, ...] = ()
    acl: Acl | None = None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedSecret:
    """A secret in a container. ``name`` may be empty."""

    name: str
    secret_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumer:
    """Who says that he uses a container."""

    name: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretContainer:
    id: str
    project_id: str
    creator_id: str | None = None
    name: str | None = None
    type: ContainerType
    secrets: tuple[NamedSecret, ...] = ()
    consumers: tuple[Consumer, ...] = ()
    acl: Acl | None = None
    created_at: datetime
    updated_at: datetime


Stored = StoredSecret | SecretContainer
AnyStored = TypeVar("AnyStored", StoredSecret, SecretContainer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """A payload, encrypted. ``key_id`` says by which key, and nothing of it."""

    key_id: str
    content: bytes
