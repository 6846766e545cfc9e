"""Brings payloads to the first key of the key file, so that the older ones may be taken out of it."""

import structlog

from evenload.interfaces.store import Transaction, UnitOfWork
from evenload.model.stored_secret import StoredSecret
from evenload.secrets.keyring import KeyRing, Unopened

_AT_ONCE = 50
_log = structlog.get_logger(__name__)


class Resealing:
    """Keys change with a restart only, so once nothing is left there is no more to do."""

    def __init__(self, unit_of_work: UnitOfWork, ring: KeyRing) -> None:
        self._unit_of_work = unit_of_work
        self._ring = ring
        self._broken: set[str] = set()
        self._done = False

    def sweep(self) -> None:
        """Some of them; quiet when all are done. Those whose key is not in the file stay as they are, and are told of
        once. Raises StoreUnavailable."""
        if self._done:
            return
        resealed, broken = self._unit_of_work.write(self._reseal)
        self._broken |= broken
        if not resealed and not broken:
            self._done = True
            self._tell()

    def _reseal(self, transaction: Transaction) -> tuple[int, set[str]]:
        """How many it has brought to the first key, and which it could not."""
        lost = set(transaction.sealing_keys()) - set(self._ring.key_ids)
        found = transaction.sealed_otherwise([self._ring.first, *sorted(lost)], _AT_ONCE + len(self._broken))
        resealed, broken = 0, set[str]()
        for identifier in found:
            secret, sealed = transaction.locked_stored(StoredSecret, identifier), transaction.sealed(identifier)
            if identifier in self._broken or secret is None or sealed is None:
                continue
            try:
                payload = self._ring.open(secret, sealed)
            except Unopened:
                broken.add(identifier)
            else:
                transaction.save_sealed(identifier, self._ring.seal(secret, payload))
                resealed += 1
        return resealed, broken

    def _tell(self) -> None:
        with self._unit_of_work.read() as transaction:
            numbers = transaction.sealing_keys()
        for key_id, number in sorted(numbers.items()):
            if key_id not in self._ring.key_ids:
                _log.error("secrets cannot be read: their key is not in the key file", key=key_id, secrets=number)
        if self._broken:
            _log.error("secrets cannot be read: their payload was damaged or moved", secrets=sorted(self._broken))
        idle = [each for each in self._ring.key_ids if each != self._ring.first and each not in numbers]
        if idle:
            _log.info("no secret needs these keys any more; they may be taken out of the key file", keys=idle)
