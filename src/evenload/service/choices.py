"""What a new load balancer has chosen of what is offered: its flavor, with it the provider's name, and its zone.

Asked before the load balancer is planned and again in the transaction that writes it, where flavor and zone are held:
nobody removes them until the load balancer is there. Their profiles stay as they are for as long as they are there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from evenload.interfaces.store import CataloguePart
from evenload.model.catalogue import Flavor, FlavorProfile, Zone, ZoneProfile
from evenload.model.errors import Invalid, Overtaken
from evenload.service.capabilities import (
    FLAVOR,
    OWN_NAME,
    ZONE,
    ZoneValues,
    flavor_values,
    read_data,
    zone_values,
)
from evenload.service.commands import BalancerDraft
from evenload.service.context import Context

P = TypeVar("P", FlavorProfile, ZoneProfile)
ANYWHERE = ZoneValues()


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """``fields``: of the load balancer, that follow from it."""

    fields: Mapping[str, object] = field(default_factory=dict)
    zone: ZoneValues = ANYWHERE


def choose_offers(context: Context, transaction: CataloguePart, draft: BalancerDraft) -> Choice:
    """A flavor's provider wins where the draft names none. Raises Invalid."""
    fields: dict[str, object] = {"provider": draft.provider or OWN_NAME}
    if draft.flavor_id is not None:
        fields |= _flavor(context, transaction, draft.flavor_id, draft.provider)
    if draft.availability_zone is None:
        return Choice(fields=fields)
    zone = _zone(context, transaction, draft.availability_zone)
    return Choice(fields={**fields, "availability_zone": draft.availability_zone}, zone=zone)


def zone_of(transaction: CataloguePart, name: str | None) -> ZoneValues:
    """What the zone of a load balancer that is there means."""
    zone = next((each for each in transaction.entries(Zone) if each.name == name), None) if name is not None else None
    return ANYWHERE if zone is None else _zone_values(_profile_of(transaction, ZoneProfile, zone.profile_id))


def _flavor(
    context: Context, transaction: CataloguePart, identifier: str, provider: str | None
) -> Mapping[str, object]:
    flavor = transaction.held_entry(Flavor, identifier)
    if flavor is None:
        raise Invalid("Validation failure: Invalid flavor_id.", field="flavor_id")
    if not flavor.enabled:
        raise Invalid(f"The selected flavor is not allowed in this deployment: {flavor.id}", field="flavor")
    profile = _profile_of(transaction, FlavorProfile, flavor.profile_id)
    if profile.provider not in context.providers:
        raise Invalid(f"Provider '{profile.provider}' is not enabled.")
    if provider not in (None, profile.provider):
        raise Invalid(f"Flavor '{flavor.id}' is not compatible with provider '{provider}'", field="flavor_id")
    values = flavor_values(read_data(FLAVOR, profile.provider, profile.data, field="flavor_data"))
    return {"provider": profile.provider, "flavor_id": flavor.id, "flavor": values}


def _zone(context: Context, transaction: CataloguePart, name: str) -> ZoneValues:
    """All names of the provider are the same one, so a zone goes with each of them."""
    zone = transaction.held_entry(Zone, name)
    if zone is None:
        raise Invalid("Validation failure: Invalid availability_zone.", field="availability_zone")
    if not zone.enabled:
        raise Invalid(
            f"The selected availability_zone is not allowed in this deployment: {name}", field="availability_zone"
        )
    profile = _profile_of(transaction, ZoneProfile, zone.profile_id)
    if profile.provider not in context.providers:
        raise Invalid(f"Provider '{profile.provider}' is not enabled.")
    return _zone_values(profile)


def _zone_values(profile: ZoneProfile) -> ZoneValues:
    return zone_values(read_data(ZONE, profile.provider, profile.data, field="availability_zone_data"))


def _profile_of(transaction: CataloguePart, kind: type[P], identifier: str) -> P:
    found = next((each for each in transaction.entries(kind) if each.id == identifier), None)
    if found is None:
        raise Overtaken(f"The profile {identifier} is gone.")
    return found
