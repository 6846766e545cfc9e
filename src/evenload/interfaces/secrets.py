"""What is read of secrets, by agents and by use cases."""

from collections.abc import Sequence
from typing import Protocol

from evenload.model.certificate import Authorities, Bundle, Revocations
from evenload.model.errors import UnusableSecret
from evenload.model.secret import SecretBytes


class SecretStore(Protocol):
    """Where the server keeps secrets."""

    def read(self, identifier: str) -> SecretBytes:
        """Outside of any transaction: it may take its time. Raises SecretUnavailable, naming the secret."""


class Certificates(Protocol):
    """What references of a project stand for, read as what it is wanted for. Outside of any transaction: it may take
    its time.

    A reference is an address in Barbican's shape (model/secret_place.py). Each method raises UnusableSecret, whose
    ``fault`` says why and which ``about`` makes one of a field; also where the project may not read it. Raises
    StoreUnavailable where nobody could look: trying again may help. What is valid no more, or not yet, is given all the
    same: ``Certificate`` has the moments. Documents name the content by ``UsedPlace.reference``.
    """

    def bundle(self, reference: str, project_id: str) -> Bundle:
        """A server's certificate: one secret (PKCS12, or PEM with everything), or a container of certificates."""

    def authorities(self, reference: str, project_id: str) -> Authorities:
        """One secret: PEM, DER or PKCS7."""

    def revocations(self, reference: str, project_id: str) -> Revocations:
        """One secret: PEM or DER."""

    def verify(self, revocations: Revocations, authorities: Authorities) -> None:
        """Raises UnusableSecret for a list that none of the authorities has signed."""


class SecretAccess(Protocol):
    """Where secrets are kept by a service that knows callers by their tokens."""

    def admit(self, token: str, references: Sequence[str]) -> dict[str, UnusableSecret]:
        """Whether the caller may read what he names, and the service with his consent. The faults by reference; of what
        is no reference nothing is said. Raises StoreUnavailable where nobody could look."""
