"""What administrators offer to all projects: flavors and availability zones, each made of a profile.

A profile says what is meant, a flavor or zone gives it a name that tenants may choose. They belong to no project, and
have neither times nor statuses.
"""

from dataclasses import dataclass
from typing import TypeVar


@dataclass(frozen=True, slots=True, kw_only=True)
class FlavorProfile:
    """``provider``: the name under which it was made. ``data``: the text of a JSON object, as it was sent."""

    id: str
    name: str
    provider: str
    data: str

    @property
    def key(self) -> str:
        return self.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Flavor:
    id: str
    name: str
    profile_id: str
    description: str = ""
    enabled: bool = True

    @property
    def key(self) -> str:
        return self.id


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneProfile:
    """As a flavor's."""

    id: str
    name: str
    provider: str
    data: str

    @property
    def key(self) -> str:
        return self.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """An availability zone: known by its name, it has no id."""

    name: str
    profile_id: str
    description: str = ""
    enabled: bool = True

    @property
    def key(self) -> str:
        return self.name


Profile = FlavorProfile | ZoneProfile
Offer = Flavor | Zone
Entry = Profile | Offer
AnyEntry = TypeVar("AnyEntry", FlavorProfile, Flavor, ZoneProfile, Zone)
