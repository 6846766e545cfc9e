"""What administrators offer and what the provider is, for the OpenAPI document: flavors, profiles, capabilities."""

from collections.abc import Mapping

from evenload.api.fields import JsonSchema
from evenload.api.octavia_v2.offers import FLAVOR_PROFILES, FLAVORS, ZONE_PROFILES, ZONES, Shape
from evenload.api.openapi import (
    FIELDS,
    IDENTIFIER,
    TEXT,
    Operation,
    closed,
    list_query,
    listed,
    reference,
    unlinked,
    wrapped,
)

SHAPES = (FLAVOR_PROFILES, FLAVORS, ZONE_PROFILES, ZONES)
_CAPABILITIES = ("flavor_capabilities", "availability_zone_capabilities")


def _component(shape: Shape) -> str:
    return shape.rule.title().replace("-", "")


def components() -> dict[str, JsonSchema]:
    made: dict[str, JsonSchema] = {"Named": closed({"name": TEXT, "description": TEXT})}
    for shape in SHAPES:
        name, table = _component(shape), shape.schema
        made[name] = closed(
            {
                each: table.attributes[each].type.json if each in table.attributes else IDENTIFIER
                for each in shape.columns
            }
        )
        made[f"{name}Create"] = table.json_create
        made[f"{name}Update"] = table.json_update
    return made


def paths() -> dict[str, Mapping[str, Operation]]:
    found: dict[str, Mapping[str, Operation]] = {}
    for shape in SHAPES:
        found |= _paths_of(shape)
    named = reference("Named")
    query = list_query(dict.fromkeys(("name", "description"), TEXT))
    found["/providers"] = {"GET": Operation(summary="List providers", answer=unlinked("providers", named), query=query)}
    for plural in _CAPABILITIES:
        operation = Operation(summary="List what it is capable of", answer=unlinked(plural, named), query=query)
        found[f"/providers/{{name}}/{plural}"] = {"GET": operation}
    return found


def _paths_of(shape: Shape) -> dict[str, Mapping[str, Operation]]:
    word, plural, name = shape.schema.wrapper, shape.plural, _component(shape)
    types = dict.fromkeys(shape.columns, TEXT) | {"enabled": {"type": "boolean"}}
    return {
        f"/{shape.path}": {
            "GET": Operation(
                summary=f"List {plural}",
                answer=listed(plural, reference(name), links_key=shape.links_key),
                query=list_query({each: types[each] for each in shape.columns}),
            ),
            "POST": Operation(
                summary=f"Create a {word}",
                status=201,
                body=wrapped(word, reference(f"{name}Create")),
                answer=wrapped(word, reference(name)),
            ),
        },
        f"/{shape.path}/{{key}}": {
            "GET": Operation(summary=f"Show a {word}", answer=wrapped(word, reference(name)), query=FIELDS),
            "PUT": Operation(
                summary=f"Change a {word}",
                body=wrapped(word, reference(f"{name}Update")),
                answer=wrapped(word, reference(name)),
            ),
            "DELETE": Operation(summary=f"Delete a {word}", status=204),
        },
    }
