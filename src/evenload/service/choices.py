"""What a new load balancer has chosen of what is offered: its flavor, and with it the provider's name.

Asked before the load balancer is planned and again in the transaction that writes it, where the flavor is held: nobody
removes it until the load balancer is there.
"""

from evenload.interfaces import CataloguePart
from evenload.model.catalogue import Flavor, FlavorProfile
from evenload.model.errors import Invalid, Overtaken
from evenload.model.flavor import FlavorValues
from evenload.service.capabilities import FLAVOR, OWN_NAME, flavor_values, read_data
from evenload.service.commands import BalancerDraft
from evenload.service.context import Context


def choose_flavor(context: Context, transaction: CataloguePart, draft: BalancerDraft) -> dict[str, object]:
    """The fields of the load balancer that follow from the draft's provider and flavor. A flavor's provider wins where
    the draft names none. Raises Invalid."""
    provider = draft.provider
    if draft.flavor_id is None:
        return {"provider": provider or OWN_NAME}
    flavor = transaction.held_entry(Flavor, draft.flavor_id)
    if flavor is None:
        raise Invalid("Validation failure: Invalid flavor_id.", field="flavor_id")
    if not flavor.enabled:
        raise Invalid(f"The selected flavor is not allowed in this deployment: {flavor.id}", field="flavor")
    # It stays as it is for as long as the flavor is there.
    profile = next((each for each in transaction.entries(FlavorProfile) if each.id == flavor.profile_id), None)
    if profile is None:
        raise Overtaken(f"Flavor profile {flavor.profile_id} is gone.")
    if profile.provider not in context.providers:
        raise Invalid(f"Provider '{profile.provider}' is not enabled.")
    if provider not in (None, profile.provider):
        raise Invalid(f"Flavor '{flavor.id}' is not compatible with provider '{provider}'", field="flavor_id")
    return {"provider": profile.provider, "flavor_id": flavor.id, "flavor": _values(profile)}


def _values(profile: FlavorProfile) -> FlavorValues:
    return flavor_values(read_data(FLAVOR, profile.provider, profile.data, field="flavor_data"))
