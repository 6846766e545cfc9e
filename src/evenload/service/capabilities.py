"""What the data of flavor profiles and zone profiles may hold, and what it means. Pure.

Our own keys are taken under every name of the provider. Under its aliases those are taken, too, that Octavia's provider
has and that mean nothing here, so that what was written for it goes on working.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from evenload.model.errors import Invalid, Unsupported
from evenload.model.flavor import MAX_THREADS, FlavorValues

OWN_NAME = "evenload"
"""The provider's own name; every other one is an alias."""

_MOST_CONNECTIONS = 1_000_000
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Capability:
    """``check`` raises ValueError, or Unsupported for what is known and cannot be done. ``alien``: taken under aliases
    alone, and without a meaning."""

    name: str
    description: str
    check: Callable[[object], object]
    alien: bool = False


def _whole(lowest: int, highest: int) -> Callable[[object], object]:
    def check(value: object) -> None:
        if type(value) is not int or not lowest <= value <= highest:
            raise ValueError(f"A whole number from {lowest} to {highest} is expected.")

    return check


def _truth(value: object) -> None:
    if not isinstance(value, bool):
        raise ValueError("true or false is expected.")


def _word(value: object) -> None:
    if not isinstance(value, str) or not 1 <= len(value) <= 255 or _UNPRINTABLE.search(value):
        raise ValueError("A text of at most 255 characters is expected.")


def _limit(value: object) -> None:
    if value != -1 or isinstance(value, bool):
        _whole(1, _MOST_CONNECTIONS)(value)


def _topology(value: object) -> None:
    if value == "ACTIVE_STANDBY":
        raise Unsupported("loadbalancer_topology 'ACTIVE_STANDBY'", field="loadbalancer_topology")
    if value != "SINGLE":
        raise ValueError("SINGLE or ACTIVE_STANDBY is expected.")


def _networks(value: object) -> None:
    if not isinstance(value, list) or not all(isinstance(each, str) and _UUID.fullmatch(each) for each in value):
        raise ValueError("A list of networks' ids is expected.")


_NO_MEANING = "Accepted for files that were written for Octavia's amphora provider; it means nothing here."

FLAVOR: tuple[Capability, ...] = (
    Capability(
        "loadbalancer_topology",
        "SINGLE: one process on one host. ACTIVE_STANDBY is not supported by this version.",
        _topology,
    ),
    Capability("threads", f"Threads of HAProxy, 1 to {MAX_THREADS}. Default 1.", _whole(1, MAX_THREADS)),
    Capability(
        "connection_limit",
        "Connections that the load balancer has at the most, and what a listener's connection_limit of -1 means. "
        "Default -1: what the host gives every load balancer.",
        _limit,
    ),
    Capability(
        "log",
        "true: the host's syslog gets a line for each request or connection. Needs [haproxy] log_socket there. Default "
        "false.",
        _truth,
    ),
    Capability("compute_flavor", _NO_MEANING, _word, alien=True),
    Capability("amp_image_tag", _NO_MEANING, _word, alien=True),
    Capability("sriov_vip", _NO_MEANING, _truth, alien=True),
    Capability("allow_member_sriov", _NO_MEANING, _truth, alien=True),
)

ZONE: tuple[Capability, ...] = (
    Capability(
        "compute_zone",
        "Load balancers of the zone are given to hosts whose [agent] availability_zone is this. Default: any host.",
        _word,
    ),
    Capability(
        "valid_vip_networks",
        "Ids of the networks on which VIPs may lie; another one is refused. Default, and where the list is empty: any.",
        _networks,
    ),
    Capability("volume_zone", _NO_MEANING, _word, alien=True),
    Capability("management_network", _NO_MEANING, _word, alien=True),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneValues:
    """``hosts``: the availability zone of the agents that may have its load balancers, None for any. ``networks``:
    where VIPs may lie, empty for anywhere."""

    hosts: str | None = None
    networks: tuple[str, ...] = ()


def capabilities_of(table: tuple[Capability, ...], provider: str) -> list[Capability]:
    """Those that the provider has under that name."""
    return [each for each in table if not each.alien or provider != OWN_NAME]


def read_data(table: tuple[Capability, ...], provider: str, text: str, *, field: str) -> Mapping[str, Any]:
    """A profile's data, checked. Raises Invalid, and Unsupported for a key that is not in the table."""
    data = _parse(text, field)
    known = {each.name: each for each in capabilities_of(table, provider)}
    for name, value in data.items():
        if name not in known:
            raise Unsupported(f"{field} '{_shown(name)}'", field=field, provider=provider)
        try:
            known[name].check(value)
        except Unsupported as error:
            raise Unsupported(error.detail, field=error.field, provider=provider) from error
        except ValueError as error:
            raise Invalid(
                f"Invalid input for field/attribute {field}. Value: '{_shown(name)}'. {error}", field=field
            ) from error
    return data


def flavor_values(data: Mapping[str, Any]) -> FlavorValues:
    return FlavorValues(**{name: data[name] for name in ("threads", "connection_limit", "log") if name in data})


def zone_values(data: Mapping[str, Any]) -> ZoneValues:
    networks = tuple(each.lower() for each in data.get("valid_vip_networks", ()))
    return ZoneValues(hosts=data.get("compute_zone"), networks=networks)


def _parse(text: str, field: str) -> Mapping[str, Any]:
    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is no number.")

    try:
        data = json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise Invalid(f"Invalid input for field/attribute {field}. It is no JSON.", field=field) from error
    if not isinstance(data, dict):
        raise Invalid(f"Invalid input for field/attribute {field}. A JSON object is expected.", field=field)
    return data


def _shown(text: str) -> str:
    cut = text if len(text) <= 80 else f"{text[:77]}..."
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in cut)
