"""The description of an API in OpenAPI 3.1, put together from what its schemas and lists are made of.

A facade gives its ``Operation``s by path and method, and the components that they name by ``reference``. Nothing about
an attribute is written down here or there a second time: bodies come from the attribute tables, filters from the lists'
columns. The document is made when somebody first asks for it, and kept.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import falcon

from evenload.api.encoding import encode
from evenload.api.fields import JsonSchema

Json = dict[str, Any]

TEXT: JsonSchema = {"type": "string"}
IDENTIFIER: JsonSchema = {"type": "string", "format": "uuid"}
REFERENCES: JsonSchema = {
    "type": "array",
    "items": {"type": "object", "properties": {"id": IDENTIFIER}, "required": ["id"], "additionalProperties": False},
}
FIELDS: Mapping[str, JsonSchema] = {"fields": {"type": "array", "items": TEXT}}
TAG_FILTERS: Mapping[str, JsonSchema] = dict.fromkeys(("tags", "tags-any", "not-tags", "not-tags-any"), TEXT)
_FAULT: JsonSchema = {
    "type": "object",
    "properties": {"faultcode": {"enum": ["Client", "Server"]}, "faultstring": TEXT, "debuginfo": {"type": "null"}},
    "required": ["faultcode", "faultstring", "debuginfo"],
    "additionalProperties": False,
}
_OUTSIDE: JsonSchema = {
    "type": "object",
    "properties": {"code": {"type": "integer"}, "title": TEXT, "description": {"type": ["string", "null"]}},
    "required": ["code", "title", "description"],
    "additionalProperties": False,
}
_FAULTS: Mapping[int, str] = {
    400: "Something in the request is wrong; the text names it.",
    401: "Nobody knows who is asking.",
    403: "Policy or a quota does not allow it.",
    404: "There is no such object.",
    406: "The client does not take JSON.",
    409: "It contradicts what is there.",
    413: "The body is too long.",
    415: "The body is not JSON.",
    429: "Too many logins at once.",
    501: "The provider cannot do that; the text names what.",
    503: "Not available at present; it may be tried again.",
}
_OF_EVERY_OPERATION = (400, 401, 403, 404, 406, 429, 503)
_OF_CHANGES = (409, 413, 415, 501)
_OF_BOTH_SHAPES = frozenset({400, 404, 406})
"""What is refused before a handler has the request has a shape of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """``answer``: of the body of an answer with ``status``; None: there is none. ``query``: parameter name → schema."""

    summary: str
    status: int = 200
    answer: JsonSchema | None = None
    body: JsonSchema | None = None
    query: Mapping[str, JsonSchema] | None = None


Paths = Mapping[str, Mapping[str, Operation]]


# ------------------------------------------------------------------------------------------------------------- schemas


def reference(component: str) -> JsonSchema:
    return {"$ref": f"#/components/schemas/{component}"}


def closed(properties: Mapping[str, JsonSchema], required: Sequence[str] = ()) -> JsonSchema:
    """An object of these properties and no others."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
    }


def wrapped(wrapper: str, inner: JsonSchema) -> JsonSchema:
    return closed({wrapper: inner}, [wrapper])


def listed(plural: str, item: JsonSchema, *, links_key: str | None = None) -> JsonSchema:
    """One page of a list, with the links to its neighbours under ``links_key``, or the list's name with ``_links``."""
    link = closed({"rel": {"enum": ["next", "previous"]}, "href": TEXT}, ["rel", "href"])
    key = links_key or f"{plural}_links"
    page = {plural: {"type": "array", "items": item}, key: {"type": "array", "items": link}}
    return closed(page, [plural, key])


def unlinked(plural: str, item: JsonSchema) -> JsonSchema:
    """A list that is never cut into pages by itself."""
    return wrapped(plural, {"type": "array", "items": item})


def list_query(columns: Mapping[str, JsonSchema]) -> dict[str, JsonSchema]:
    """What a list may be asked: a filter for each column, and what is the same for all lists."""
    return {
        **columns,
        **FIELDS,
        "sort": TEXT,
        "sort_key": TEXT,
        "sort_dir": TEXT,
        "limit": {"type": "integer"},
        "marker": TEXT,
        "page_reverse": {"type": "boolean"},
    }


# ------------------------------------------------------------------------------------------------------------ document


def document(title: str, version: str, paths: Paths, components: Mapping[str, JsonSchema]) -> Json:
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version},
        "security": [{"token": []}, {"password": []}, {}],
        "paths": {path: _path(path, operations) for path, operations in paths.items()},
        "components": {
            "schemas": {"Fault": _FAULT, "FaultOfAddress": _OUTSIDE, **components},
            "securitySchemes": {
                "token": {"type": "apiKey", "in": "header", "name": "X-Auth-Token"},
                "password": {"type": "http", "scheme": "basic"},
            },
        },
    }


def _path(path: str, operations: Mapping[str, Operation]) -> Json:
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    described: Json = {method.lower(): _operation(path, method, each) for method, each in operations.items()}
    if names:
        described["parameters"] = [{"name": name, "in": "path", "required": True, "schema": TEXT} for name in names]
    return described


def _operation(path: str, method: str, operation: Operation) -> Json:
    described: Json = {
        "operationId": f"{method.lower()}{path.replace('{', '').replace('}', '').replace('/', '_')}",
        "summary": operation.summary,
        "responses": _responses(method, operation),
    }
    if operation.body is not None:
        described["requestBody"] = {"required": True, "content": _json(operation.body)}
    if operation.query:
        described["parameters"] = [
            {"name": name, "in": "query", "schema": schema} for name, schema in operation.query.items()
        ]
    return described


def _responses(method: str, operation: Operation) -> Json:
    good: Json = {"description": "Done." if operation.answer is None else "What was asked for."}
    if operation.answer is not None:
        good["content"] = _json(operation.answer)
    faults = (*_OF_EVERY_OPERATION, *(() if method == "GET" else _OF_CHANGES))
    refused = {str(code): {"description": _FAULTS[code], "content": _json(_refusal(code))} for code in sorted(faults)}
    return {str(operation.status): good, **refused}


def _refusal(code: int) -> JsonSchema:
    if code in _OF_BOTH_SHAPES:
        return {"oneOf": [reference("Fault"), reference("FaultOfAddress")]}
    return reference("Fault")


def _json(schema: JsonSchema) -> Json:
    return {"application/json": {"schema": schema}}


class OpenApi:
    """``/openapi.json``. Public: it says what the service can do, and nothing of what it holds."""

    public = True

    def __init__(self, make: Callable[[], Json]) -> None:
        self._make = make
        self._text: bytes | None = None

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        if self._text is None:
            self._text = encode(self._make()).encode("ascii")
        response.content_type = falcon.MEDIA_JSON
        response.data = self._text
