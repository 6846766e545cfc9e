"""The built-in store of secrets: use cases over the database, payloads encrypted by a key ring.

The API decides who may; each method is one transaction. A secret whose expiration has passed is there no more: it is
not found, and goes for good when its project makes another one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from evenload.interfaces.clock import Clock
from evenload.interfaces.store import Transaction, UnitOfWork
from evenload.model.errors import Conflict, Invalid, NotFound, OverQuota, StoreUnavailable, TooLarge
from evenload.model.secret import SecretBytes
from evenload.model.secret_limits import SecretLimits
from evenload.model.stored_secret import (
    Acl,
    AnyStored,
    Consumer,
    ContainerType,
    Metadatum,
    NamedSecret,
    SecretContainer,
    Stored,
    StoredSecret,
)
from evenload.secrets.keyring import KeyRing, Unopened

MOST_PARTS = 100
_WORDS: Mapping[type[Stored], str] = {StoredSecret: "Secret", SecretContainer: "Container"}
_PARTS = {
    ContainerType.RSA: frozenset({"public_key", "private_key", "private_key_passphrase"}),
    ContainerType.CERTIFICATE: frozenset({"certificate", "private_key", "private_key_passphrase", "intermediates"}),
}
_NEEDED = {
    ContainerType.RSA: frozenset({"public_key", "private_key"}),
    ContainerType.CERTIFICATE: frozenset({"certificate"}),
}


class Vault:
    """``new_id`` makes the text of a new UUID."""

    def __init__(
        self, unit_of_work: UnitOfWork, ring: KeyRing, clock: Clock, new_id: Callable[[], str], limits: SecretLimits
    ) -> None:
        self._unit_of_work = unit_of_work
        self._ring = ring
        self._clock = clock
        self._new_id = new_id
        self.limits = limits

    # ------------------------------------------------------------------------------------------------------- reading

    def find(self, kind: type[AnyStored], identifier: str) -> AnyStored:
        """Raises NotFound."""
        with self._unit_of_work.read() as transaction:
            found = transaction.stored(kind, identifier.lower())
        if found is None or self._is_past(found):
            raise NotFound(_WORDS[kind], identifier)
        return found

    def all(self, kind: type[AnyStored], project_id: str | None) -> list[AnyStored]:
        """In the order of creation; None: of every project."""
        with self._unit_of_work.read() as transaction:
            return [each for each in transaction.all_stored(kind, project_id) if not self._is_past(each)]

    def content(self, identifier: str) -> SecretBytes:
        """A secret's payload. Raises NotFound where there is none, StoreUnavailable where no key opens it."""
        with self._unit_of_work.read() as transaction:
            secret = transaction.stored(StoredSecret, identifier.lower())
            sealed = transaction.sealed(secret.id) if secret is not None else None
        if secret is None or sealed is None or self._is_past(secret):
            raise NotFound("Payload of secret", identifier)
        try:
            return self._ring.open(secret, sealed)
        except Unopened as error:
            raise StoreUnavailable(str(error)) from error

    def payload(self, identifier: str, project_id: str) -> SecretBytes | None:
        """Fulfils secrets.reading.Keeper: what its project may use. A private one too: it is not shown to anybody."""
        try:
            return self.content(identifier) if self.find(StoredSecret, identifier).project_id == project_id else None
        except NotFound:
            return None

    def parts(self, identifier: str, project_id: str) -> Mapping[str, str] | None:
        try:
            found = self.find(SecretContainer, identifier)
        except NotFound:
            return None
        return {each.name: each.secret_id for each in found.secrets} if found.project_id == project_id else None

    # ------------------------------------------------------------------------------------------------------- secrets

    def create_secret(
        self, project_id: str, creator_id: str | None, fields: Mapping[str, Any], payload: SecretBytes | None
    ) -> StoredSecret:
        """``fields``: of StoredSecret; ``content_type`` is there exactly where a payload is."""
        now = self._clock.now()
        secret = StoredSecret(
            id=self._new_id(),
            project_id=project_id,
            creator_id=creator_id,
            created_at=now,
            updated_at=now,
            **fields,
        )
        if self._is_past(secret):
            raise Invalid("'expiration' is before current time", field="expiration")
        sealed = self._ring.seal(secret, self._checked(payload)) if payload is not None else None

        def work(transaction: Transaction) -> StoredSecret:
            transaction.lock_project(project_id)
            for past in transaction.past_secrets(project_id, now):
                self._remove_secret(transaction, past)
            self._require_room("secrets", transaction.count_stored(StoredSecret, project_id), self.limits.secrets)
            transaction.insert_stored(secret)
            if sealed is not None:
                transaction.save_sealed(secret.id, sealed)
            return secret

        return self._unit_of_work.write(work)

    def add_payload(self, identifier: str, content_type: str, payload: SecretBytes) -> None:
        """Raises Conflict where it has one: a payload never changes."""
        checked = self._checked(payload)

        def work(transaction: Transaction) -> None:
            secret = self._locked(transaction, StoredSecret, identifier)
            if secret.content_type is not None:
                raise Conflict("Secret already has data, cannot modify it.")
            transaction.update_stored(replace(secret, content_type=content_type, updated_at=self._clock.now()))
            transaction.save_sealed(secret.id, self._ring.seal(secret, checked))

        self._unit_of_work.write(work)

    def set_metadata(self, identifier: str, change: Callable[[dict[str, str]], Mapping[str, str]]) -> None:
        """``change`` gets what is there."""

        def work(transaction: Transaction) -> None:
            secret = self._locked(transaction, StoredSecret, identifier)
            after = change({each.key: each.value for each in secret.metadata})
            kept = tuple(Metadatum(key=key, value=value) for key, value in after.items())
            transaction.update_stored(replace(secret, metadata=kept, updated_at=self._clock.now()))

        self._unit_of_work.write(work)

    def delete_secret(self, identifier: str) -> None:
        """Containers lose it, too."""

        def work(transaction: Transaction) -> None:
            found = transaction.stored(StoredSecret, identifier.lower())
            if found is not None:
                transaction.lock_project(found.project_id)
            self._remove_secret(transaction, self._locked(transaction, StoredSecret, identifier))

        self._unit_of_work.write(work)

    # ---------------------------------------------------------------------------------------------------- containers

    def create_container(
        self,
        project_id: str,
        creator_id: str | None,
        name: str | None,
        type: ContainerType,
        secrets: Sequence[NamedSecret],
    ) -> SecretContainer:
        """All secrets are the project's own. Raises Invalid, NotFound, OverQuota."""
        _check_parts(type, secrets)
        now = self._clock.now()
        container = SecretContainer(
            id=self._new_id(),
            project_id=project_id,
            creator_id=creator_id,
            name=name,
            type=type,
            secrets=tuple(secrets),
            created_at=now,
            updated_at=now,
        )

        def work(transaction: Transaction) -> SecretContainer:
            transaction.lock_project(project_id)
            there = transaction.count_stored(SecretContainer, project_id)
            self._require_room("containers", there, self.limits.containers)
            own = {each.id for each in transaction.all_stored(StoredSecret, project_id) if not self._is_past(each)}
            strange = next((each.secret_id for each in secrets if each.secret_id not in own), None)
            if strange is not None:
                raise NotFound("Secret", strange)
            transaction.insert_stored(container)
            return container

        return self._unit_of_work.write(work)

    def change_container(
        self, identifier: str, change: Callable[[SecretContainer], SecretContainer]
    ) -> SecretContainer:
        """``change`` is pure, and may raise. Secrets that it adds are the project's own."""

        def work(transaction: Transaction) -> SecretContainer:
            before = self._locked(transaction, SecretContainer, identifier)
            after = replace(change(before), updated_at=self._clock.now())
            if len(after.consumers) > len(before.consumers):
                self._require_room("consumers", len(before.consumers), self.limits.consumers)
            for added in set(after.secrets) - set(before.secrets):
                secret = transaction.stored(StoredSecret, added.secret_id)
                if secret is None or self._is_past(secret) or secret.project_id != before.project_id:
                    raise NotFound("Secret", added.secret_id)
            transaction.update_stored(after)
            return after

        return self._unit_of_work.write(work)

    def add_consumer(self, identifier: str, consumer: Consumer) -> SecretContainer:
        """Quiet about one that is there."""
        return self.change_container(
            identifier,
            lambda before: replace(before, consumers=tuple(dict.fromkeys((*before.consumers, consumer)))),
        )

    def remove_consumer(self, identifier: str, consumer: Consumer) -> SecretContainer:
        """Raises NotFound."""

        def change(before: SecretContainer) -> SecretContainer:
            if consumer not in before.consumers:
                raise NotFound("Consumer", consumer.name)
            return replace(before, consumers=tuple(each for each in before.consumers if each != consumer))

        return self.change_container(identifier, change)

    def add_secret(self, identifier: str, added: NamedSecret) -> SecretContainer:
        """To a generic one alone: of the others it is known what is in them."""
        return self.change_container(
            identifier, lambda before: replace(_generic(before), secrets=_checked_parts(before, added))
        )

    def remove_secret(self, identifier: str, removed: NamedSecret) -> SecretContainer:
        def change(before: SecretContainer) -> SecretContainer:
            kept = tuple(each for each in _generic(before).secrets if each != removed)
            if len(kept) == len(before.secrets):
                raise NotFound("Container secret", removed.secret_id)
            return replace(before, secrets=kept)

        return self.change_container(identifier, change)

    def delete_container(self, identifier: str) -> None:
        """Its secrets stay."""
        self._unit_of_work.write(
            lambda transaction: transaction.remove_stored(self._locked(transaction, SecretContainer, identifier))
        )

    # --------------------------------------------------------------------------------------------------- who may read

    def set_acl(self, kind: type[AnyStored], identifier: str, access: bool | None, users: Sequence[str] | None) -> None:
        """``None``: as it was, or the default."""

        def work(transaction: Transaction) -> None:
            stored: Stored = self._locked(transaction, kind, identifier)
            now = self._clock.now()
            before = stored.acl or Acl(project_access=True, created_at=now, updated_at=now)
            after = replace(
                before,
                project_access=before.project_access if access is None else access,
                users=before.users if users is None else tuple(dict.fromkeys(users)),
                updated_at=now,
            )
            transaction.update_stored(replace(stored, acl=after))

        self._unit_of_work.write(work)

    def remove_acl(self, kind: type[AnyStored], identifier: str) -> None:
        def work(transaction: Transaction) -> None:
            stored: Stored = self._locked(transaction, kind, identifier)
            transaction.update_stored(replace(stored, acl=None))

        self._unit_of_work.write(work)

    # --------------------------------------------------------------------------------------------------------- inside

    def _locked(self, transaction: Transaction, kind: type[AnyStored], identifier: str) -> AnyStored:
        found = transaction.locked_stored(kind, identifier.lower())
        if found is None or self._is_past(found):
            raise NotFound(_WORDS[kind], identifier)
        return found

    def _remove_secret(self, transaction: Transaction, secret: StoredSecret) -> None:
        for container in transaction.all_stored(SecretContainer, secret.project_id):
            if any(each.secret_id == secret.id for each in container.secrets):
                locked = transaction.locked_stored(SecretContainer, container.id)
                if locked is not None:
                    kept = tuple(each for each in locked.secrets if each.secret_id != secret.id)
                    transaction.update_stored(replace(locked, secrets=kept))
        transaction.remove_stored(secret)

    def _is_past(self, stored: Stored) -> bool:
        return (
            isinstance(stored, StoredSecret)
            and stored.expiration is not None
            and stored.expiration <= self._clock.now()
        )

    def _checked(self, payload: SecretBytes) -> SecretBytes:
        if len(payload.expose()) > self.limits.payload_bytes:
            raise TooLarge(f"Provided information too large to process: {self.limits.payload_bytes} bytes may be.")
        return payload

    @staticmethod
    def _require_room(resource: str, there: int, limit: int) -> None:
        if 0 <= limit <= there:
            raise OverQuota(f"Quota reached for project. Only {limit} {resource} are allowed.")


def _check_parts(type: ContainerType, secrets: Sequence[NamedSecret]) -> None:
    names = [each.name for each in secrets]
    if len({each.secret_id for each in secrets}) != len(secrets) or len(set(filter(None, names))) != len(
        list(filter(None, names))
    ):
        raise Invalid("Duplicate reference ids or names are not allowed", field="secret_refs")
    if type is ContainerType.GENERIC:
        return
    strange = next((name for name in names if name not in _PARTS[type]), None)
    if strange is not None:
        raise Invalid(f"a container of type {type.value} has no such secret", field="secret_refs")
    lacking = sorted(_NEEDED[type] - set(names))
    if lacking:
        raise Invalid(f"a container of type {type.value} needs {', '.join(lacking)}", field="secret_refs")


def _generic(container: SecretContainer) -> SecretContainer:
    if container.type is not ContainerType.GENERIC:
        raise Invalid("Only 'generic' containers can be modified.")
    return container


def _checked_parts(container: SecretContainer, added: NamedSecret) -> tuple[NamedSecret, ...]:
    if added in container.secrets:
        raise Conflict("Conflict. A secret with that name and ID is already stored in this container.")
    parts = (*container.secrets, added)
    if len(parts) > MOST_PARTS:
        raise Invalid(f"A container holds {MOST_PARTS} secrets at most.", field="secret_refs")
    _check_parts(container.type, parts)
    return parts
