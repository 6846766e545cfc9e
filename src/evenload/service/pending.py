"""What a change still waits for, for whoever counts changes: by kind of object and what is done to it. Pure."""

from collections.abc import Iterator
from datetime import datetime

from evenload.model.enums import ProvisioningStatus
from evenload.model.tree import Tree, kind_of

_ACTIONS = {
    ProvisioningStatus.PENDING_CREATE: "create",
    ProvisioningStatus.PENDING_UPDATE: "update",
    ProvisioningStatus.PENDING_DELETE: "delete",
}


def pending_of(tree: Tree, generation: int) -> Iterator[tuple[tuple[str, str], datetime]]:
    """Kind and action of each record that is pending at that generation or an earlier one, and since when."""
    for record in tree.records():
        action = _ACTIONS.get(record.provisioning_status)
        if action is not None and record.generation <= generation:
            yield (kind_of(record.item).value, action), record.updated_at or record.created_at
