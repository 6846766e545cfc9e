"""What an administrator may have switched off in a deployment. What is there already stays."""

from collections.abc import Iterable
from dataclasses import dataclass

from evenload.model.enums import MonitorType
from evenload.model.errors import Invalid
from evenload.service.commands import Changes


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """To callers of Octavia's API."""

    tls_terminated_listeners: bool = True
    prometheus_listeners: bool = True
    ping_health_monitors: bool = True

    def require(self, drafts: Iterable[Changes]) -> None:
        """Raises Invalid for the first draft of something that is switched off."""
        for draft in drafts:
            protocol = getattr(draft.item.get("protocol"), "value", None)
            if protocol == "TERMINATED_HTTPS" and not self.tls_terminated_listeners:
                raise _off("protocol", protocol)
            if protocol == "PROMETHEUS" and not self.prometheus_listeners:
                raise _off("protocol", protocol)
            if draft.item.get("type") is MonitorType.PING and not self.ping_health_monitors:
                raise _off("type", MonitorType.PING.value)


def _off(option: str, value: str) -> Invalid:
    return Invalid(f"The selected {option} is not allowed in this deployment: {value}", field=option)
