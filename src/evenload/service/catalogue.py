"""Use cases of administrators about what is offered: flavors with their profiles, availability zones with theirs.

What something else uses stays as it is: a profile that a flavor or zone was made of, one of these that a load balancer
has. One ``Catalogue`` is about flavors, another about zones.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from evenload.interfaces.store import Transaction
from evenload.model.catalogue import Flavor, FlavorProfile, Zone, ZoneProfile
from evenload.model.enums import Kind
from evenload.model.errors import Conflict, Invalid, NotFound
from evenload.model.query import Query
from evenload.service.capabilities import FLAVOR, ZONE, Capability, read_data
from evenload.service.context import Context

P = TypeVar("P", FlavorProfile, ZoneProfile)
O = TypeVar("O", Flavor, Zone)  # noqa: E741 an offer


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch(Generic[P, O]):
    """``has_id``: offers have one beside their name. ``word`` is what people call an offer; ``chosen`` the load
    balancer's field that names the one it has; ``profile_field`` and ``data_field`` are the API's names of an offer's
    profile and a profile's data."""

    profile: type[P]
    offer: type[O]
    has_id: bool
    word: str
    chosen: str
    profile_field: str
    data_field: str
    capabilities: tuple[Capability, ...]


FLAVORS: Branch[FlavorProfile, Flavor] = Branch(
    profile=FlavorProfile,
    offer=Flavor,
    has_id=True,
    word="Flavor",
    chosen="flavor_id",
    profile_field="flavor_profile_id",
    data_field="flavor_data",
    capabilities=FLAVOR,
)

ZONES: Branch[ZoneProfile, Zone] = Branch(
    profile=ZoneProfile,
    offer=Zone,
    has_id=False,
    word="Availability Zone",
    chosen="availability_zone",
    profile_field="availability_zone_profile_id",
    data_field="availability_zone_data",
    capabilities=ZONE,
)


class Catalogue(Generic[P, O]):
    def __init__(self, context: Context, branch: Branch[P, O]) -> None:
        self._context = context
        self.branch: Branch[P, O] = branch

    # -------------------------------------------------------------------------------------------------------- profiles

    def profiles(self) -> list[P]:
        with self._context.uow.read() as transaction:
            return transaction.entries(self.branch.profile)

    def profile(self, identifier: str) -> P:
        with self._context.uow.read() as transaction:
            return self._found_profile(transaction.held_entry(self.branch.profile, identifier), identifier)

    def create_profile(self, *, name: str, provider: str, data: str) -> P:
        """Raises Unsupported for data that this provider cannot do anything with."""
        profile = self.branch.profile(id=self._context.new_id(), name=name, provider=provider, data=data)
        self._check(profile)
        self._context.uow.write(lambda transaction: transaction.insert_entry(profile))
        return profile

    def update_profile(self, identifier: str, changes: Mapping[str, Any]) -> P:
        """``changes``: of name, provider, data. The last two stay as they are while anything is made of it."""

        def work(transaction: Transaction) -> P:
            before = self._found_profile(transaction.locked_entry(self.branch.profile, identifier), identifier)
            after = replace(before, **changes)
            if (after.provider, after.data) != (before.provider, before.data):
                self._require_unused_profile(transaction, identifier)
                self._check(after)
            transaction.update_entry(after)
            return after

        written: P = self._context.uow.write(work)
        return written

    def delete_profile(self, identifier: str) -> None:
        def work(transaction: Transaction) -> None:
            profile = self._found_profile(transaction.locked_entry(self.branch.profile, identifier), identifier)
            self._require_unused_profile(transaction, identifier)
            transaction.remove_entry(profile)

        self._context.uow.write(work)

    def _require_unused_profile(self, transaction: Transaction, identifier: str) -> None:
        if any(offer.profile_id == identifier for offer in transaction.entries(self.branch.offer)):
            raise Conflict(f"{self.branch.word} Profile {identifier} is in use and cannot be modified.")

    def _found_profile(self, found: P | None, identifier: str) -> P:
        if found is None:
            raise NotFound(f"{self.branch.word} Profile", identifier)
        return found

    def _check(self, profile: P) -> None:
        if profile.provider not in self._context.providers:
            raise Invalid(f"Provider '{profile.provider}' is not enabled.")
        read_data(self.branch.capabilities, profile.provider, profile.data, field=self.branch.data_field)

    # ---------------------------------------------------------------------------------------------------------- offers

    def offers(self) -> list[O]:
        with self._context.uow.read() as transaction:
            return transaction.entries(self.branch.offer)

    def offer(self, key: str) -> O:
        with self._context.uow.read() as transaction:
            return self._found(transaction.held_entry(self.branch.offer, key), key)

    def create(self, *, profile_id: str, name: str, more: Mapping[str, Any]) -> O:
        """``more``: description, enabled."""
        identity: dict[str, Any] = {"id": self._context.new_id()} if self.branch.has_id else {}
        made = self.branch.offer(**identity, name=name, profile_id=profile_id, **more)

        def work(transaction: Transaction) -> O:
            if transaction.held_entry(self.branch.profile, profile_id) is None:
                raise Invalid(f"{self.branch.word} Profile {profile_id} not found.", field=self.branch.profile_field)
            self._require_free(transaction, name)
            transaction.insert_entry(made)
            return made

        return self._context.uow.write(work)

    def update(self, key: str, changes: Mapping[str, Any]) -> O:
        """``changes``: of name, where that is not the key, description, enabled."""

        def work(transaction: Transaction) -> O:
            before = self._found(transaction.locked_entry(self.branch.offer, key), key)
            after = replace(before, **changes)
            if after.name != before.name:
                self._require_free(transaction, after.name)
            transaction.update_entry(after)
            return after

        return self._context.uow.write(work)

    def delete(self, key: str) -> None:
        def work(transaction: Transaction) -> None:
            offer = self._found(transaction.locked_entry(self.branch.offer, key), key)
            query = Query(filters={self.branch.chosen: (key,)}, limit=1)
            if transaction.find(Kind.LOAD_BALANCER, query).views:
                raise Conflict(f"{self.branch.word} {key} is in use and cannot be modified.")
            transaction.remove_entry(offer)

        self._context.uow.write(work)

    def _require_free(self, transaction: Transaction, name: str) -> None:
        if any(offer.name == name for offer in transaction.entries(self.branch.offer)):
            raise Conflict(f"A {self.branch.word.lower()} of {name} already exists.")

    def _found(self, found: O | None, key: str) -> O:
        if found is None:
            raise NotFound(self.branch.word, key)
        return found
