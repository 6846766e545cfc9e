"""The part of a transaction that is about the built-in store of secrets."""

from collections.abc import Collection
from datetime import datetime

from evenload.model.stored_secret import AnyStored, Sealed, Stored, StoredSecret
from evenload.store import secrets
from evenload.store.connected import Connected


class SecretTransaction(Connected):
    def stored(self, kind: type[AnyStored], identifier: str) -> AnyStored | None:
        return secrets.read_stored(self._connection, kind, identifier, lock=False)

    def locked_stored(self, kind: type[AnyStored], identifier: str) -> AnyStored | None:
        return secrets.read_stored(self._connection, kind, identifier, lock=self._lock_rows)

    def all_stored(self, kind: type[AnyStored], project_id: str | None = None) -> list[AnyStored]:
        return secrets.read_all_stored(self._connection, kind, project_id)

    def count_stored(self, kind: type[AnyStored], project_id: str) -> int:
        return secrets.count_stored(self._connection, kind, project_id)

    def past_secrets(self, project_id: str, now: datetime) -> list[StoredSecret]:
        return secrets.read_past(self._connection, project_id, now)

    def insert_stored(self, stored: Stored) -> None:
        secrets.insert_stored(self._writable(), stored)

    def update_stored(self, stored: Stored) -> None:
        secrets.update_stored(self._writable(), stored)

    def remove_stored(self, stored: Stored) -> None:
        secrets.remove_stored(self._writable(), stored)

    def sealed(self, identifier: str) -> Sealed | None:
        return secrets.read_sealed(self._connection, identifier)

    def save_sealed(self, identifier: str, sealed: Sealed) -> None:
        secrets.write_sealed(self._writable(), identifier, sealed)

    def sealed_otherwise(self, key_ids: Collection[str], most: int) -> list[str]:
        return secrets.read_sealed_otherwise(self._connection, key_ids, most)

    def sealing_keys(self) -> dict[str, int]:
        return secrets.read_sealing_keys(self._connection)
