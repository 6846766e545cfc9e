"""``/flavors``, ``/availabilityzones`` and the profiles of both: what administrators offer to tenants.

A ``Shape`` says what the API calls things, the resources are the same for each.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import falcon

from evenload.api.attributes import Schema
from evenload.api.context import Facade, answer, answer_empty, caller_of, parameters_of
from evenload.api.fields import truth_of
from evenload.api.octavia_v2 import schema
from evenload.api.octavia_v2.whole_lists import Json, answer_whole, chosen_fields, read_whole
from evenload.api.paging import Column, read_fields
from evenload.model.errors import Invalid
from evenload.service.catalogue import Catalogue


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """``rule``: the resource in names of policies. ``key``: the attribute that paths and markers hold."""

    schema: Schema
    plural: str
    rule: str
    links_key: str
    key: str = "id"
    columns: Mapping[str, Column] = field(init=False)

    @property
    def path(self) -> str:
        """The last part of the collection's; it has none of the underscores of the list's key."""
        return self.plural.replace("_", "")

    def __post_init__(self) -> None:
        names = {self.key: self.key, **{name: each.model for name, each in self.schema.attributes.items()}}
        columns = {name: Column(model=name, read=truth_of if name == "enabled" else str) for name in names}
        object.__setattr__(self, "columns", columns)

    def present(self, entry: Any) -> Json:
        shown = {name: getattr(entry, each.model) for name, each in self.schema.attributes.items()}
        return {"id": entry.id, **shown} if self.key == "id" else shown

    def names(self) -> Mapping[str, str]:
        return {each.model: name for name, each in self.schema.attributes.items()}


FLAVOR_PROFILES = Shape(
    schema=schema.FLAVOR_PROFILE, plural="flavorprofiles", rule="flavor-profile", links_key="flavorprofile_links"
)
FLAVORS = Shape(schema=schema.FLAVOR, plural="flavors", rule="flavor", links_key="flavors_links")
ZONE_PROFILES = Shape(
    schema=schema.ZONE_PROFILE,
    plural="availability_zone_profiles",
    rule="availability-zone-profile",
    links_key="availability_zone_profile_links",
)
ZONES = Shape(
    schema=schema.ZONE,
    plural="availability_zones",
    rule="availability-zone",
    links_key="availability_zones_links",
    key="name",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class UseCases:
    """Of one resource, by the model's names."""

    list: Callable[[], list[Any]]
    get: Callable[[str], Any]
    create: Callable[[Mapping[str, Any]], Any]
    update: Callable[[str, Mapping[str, Any]], Any]
    delete: Callable[[str], None]


def of_profiles(catalogue: Catalogue[Any, Any]) -> UseCases:
    return UseCases(
        list=catalogue.profiles,
        get=catalogue.profile,
        create=lambda given: catalogue.create_profile(**given),
        update=catalogue.update_profile,
        delete=catalogue.delete_profile,
    )


def of_offers(catalogue: Catalogue[Any, Any]) -> UseCases:
    def create(given: Mapping[str, Any]) -> Any:
        more = {name: value for name, value in given.items() if name not in ("name", "profile_id")}
        return catalogue.create(name=given["name"], profile_id=given["profile_id"], more=more)

    return UseCases(
        list=catalogue.offers,
        get=catalogue.offer,
        create=create,
        update=catalogue.update,
        delete=catalogue.delete,
    )


class _Offers:
    def __init__(self, facade: Facade, shape: Shape, use: UseCases) -> None:
        self.names = shape.names()
        self._facade = facade
        self._shape = shape
        self._use = use

    def _require(self, request: falcon.Request, action: str) -> None:
        own = caller_of(request).project_id
        self._facade.require(request, f"os_load-balancer_api:{self._shape.rule}:{action}", own)

    def _answer(self, response: falcon.Response, shown: Json, status: int = 200) -> None:
        answer(response, {self._shape.schema.wrapper: shown}, status)


class OfferCollection(_Offers):
    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        self._require(request, "get_all")
        shape = self._shape
        wanted = read_whole(self._facade, request, shape.columns)
        found = [shape.present(each) for each in self._use.list()]
        answer_whole(
            self._facade,
            request,
            response,
            wanted,
            found,
            plural=shape.plural,
            links_key=shape.links_key,
            key=shape.key,
        )

    def on_post(self, request: falcon.Request, response: falcon.Response) -> None:
        body = self._facade.body(request)
        self._require(request, "post")
        given = self._shape.schema.parse_create(body).own
        self._answer(response, self._shape.present(self._use.create(given)), 201)

    def on_put(self, request: falcon.Request, response: falcon.Response) -> None:
        raise Invalid(f"Missing argument: '{self._shape.key}'")

    on_delete = on_put


class OfferItem(_Offers):
    def on_get(self, request: falcon.Request, response: falcon.Response, key: str) -> None:
        found = self._use.get(key)
        self._require(request, "get_one")
        self._answer(response, chosen_fields(self._shape.present(found), read_fields(parameters_of(request))))

    def on_put(self, request: falcon.Request, response: falcon.Response, key: str) -> None:
        body = self._facade.body(request)
        self._use.get(key)
        self._require(request, "put")
        given = self._shape.schema.parse_update(body).own
        self._answer(response, self._shape.present(self._use.update(key, given)))

    def on_delete(self, request: falcon.Request, response: falcon.Response, key: str) -> None:
        self._use.get(key)
        self._require(request, "delete")
        self._use.delete(key)
        answer_empty(response, 204)
