"""Secrets and containers over HTTP, as Barbican answers."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Generic

import falcon

from evenload.api.bodies import read_bytes
from evenload.api.context import Facade, answer, answer_empty, caller_of, noted_of, parameters_of
from evenload.api.key_manager_v1 import bodies
from evenload.api.key_manager_v1.present import (
    page,
    present_acl,
    present_container,
    present_secret,
    reference,
)
from evenload.model.errors import Conflict, Forbidden, Invalid, NotFound
from evenload.model.secret import SecretBytes
from evenload.model.stored_secret import AnyStored, SecretContainer, Stored, StoredSecret
from evenload.secrets.vault import Vault

_JSON = re.compile(r"application/json\b.*|\*/\*", re.IGNORECASE)
_COMPARISON = re.compile(r"(?:(gt|gte|lt|lte):)?(.+)")
_WORDS: dict[type[Stored], str] = {StoredSecret: "secret", SecretContainer: "container"}
_REFUSED = "Policy does not allow this request to be performed."


class _Resource:
    names: dict[str, str] = {}  # noqa: RUF012 - read alone

    def __init__(self, facade: Facade, vault: Vault) -> None:
        self._facade = facade
        self._vault = vault

    def _base(self, request: falcon.Request) -> str:
        return f"{self._facade.base(request)}/v1"

    def _own_project(self, request: falcon.Request, rule: str) -> str:
        """Raises Forbidden, also for a caller without a project."""
        own = caller_of(request).project_id
        self._facade.require(request, rule, own)
        if own is None:
            raise Forbidden(_REFUSED)
        return own


class _OneStored(_Resource, Generic[AnyStored]):
    """What is done with one secret or container."""

    kind: type[AnyStored]

    def __init__(self, facade: Facade, vault: Vault, kind: type[AnyStored]) -> None:
        super().__init__(facade, vault)
        self.kind = kind
        self.word = _WORDS[kind]

    def found(self, request: falcon.Request, id: str, rule: str) -> AnyStored:
        """Raises NotFound, Forbidden."""
        stored = self._vault.find(self.kind, id)
        noted_of(request).found(stored.name or "", stored.project_id)
        self.require(request, rule, stored)
        return stored

    def require(self, request: falcon.Request, rule: str, stored: Stored) -> None:
        target: list[tuple[str, str | bool]] = [
            (f"target.{self.word}.project_id", stored.project_id),
            (f"target.{self.word}.read_project_access", stored.acl is None or stored.acl.project_access),
        ]
        if stored.creator_id is not None:
            target.append((f"target.{self.word}.creator_id", stored.creator_id))
        if stored.acl is not None and caller_of(request).user_id in stored.acl.users:
            target.append((f"target.{self.word}.read", "read"))
        self._facade.policy.require(rule, caller_of(request), stored.project_id, tuple(target))


class SecretCollection(_Resource):
    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        project = self._own_project(request, "secrets:get")
        parameters = parameters_of(request)
        asked = dict(parameters)
        user = caller_of(request).user_id
        if asked.get("acl_only", "").lower() == "true":
            there = [each for each in self._vault.all(StoredSecret, None) if each.acl and user in each.acl.users]
        else:
            there = self._vault.all(StoredSecret, project)
        wanted = [each for each in there if _matches(each, asked)]
        base = self._base(request)
        shown = [present_secret(base, each) for each in _sorted(wanted, asked.get("sort"))]
        answer(response, page(self._facade.address(request), "secrets", parameters, shown))

    def on_post(self, request: falcon.Request, response: falcon.Response) -> None:
        project = self._own_project(request, "secrets:post")
        given = bodies.read_secret(self._facade.body(request))
        made = self._vault.create_secret(project, caller_of(request).user_id, given.fields, given.payload)
        where = reference(self._base(request), made)
        response.set_header("Location", where)
        answer(response, {"secret_ref": where}, 201)


class _WithPayload(_OneStored[StoredSecret]):
    any_accept = True

    def answer_payload(self, request: falcon.Request, response: falcon.Response, id: str) -> None:
        secret = self.found(request, id, "secret:decrypt")
        if secret.content_type is None:
            raise NotFound("Payload of secret", id)
        if not request.client_accepts(secret.content_type):
            raise falcon.HTTPNotAcceptable(description=f"The payload is {secret.content_type}.")
        response.status = 200
        response.content_type = secret.content_type + ("; charset=utf-8" if secret.content_type == bodies.TEXT else "")
        response.set_header("Cache-Control", "no-store")
        response.data = self._vault.content(id).expose()


class SecretItem(_WithPayload):
    def on_get(self, request: falcon.Request, response: falcon.Response, id: str) -> None:
        """The secret without its payload; the payload where anything else than JSON is asked for."""
        accept = request.get_header("Accept")
        if accept is not None and not _JSON.fullmatch(accept.strip()):
            self.answer_payload(request, response, id)
        else:
            answer(response, present_secret(self._base(request), self.found(request, id, "secret:get")))

    def on_put(self, request: falcon.Request, response: falcon.Response, id: str) -> None:
        self.found(request, id, "secret:put")
        content_type = bodies.read_content_type(request.content_type)
        if content_type is None:
            raise falcon.HTTPUnsupportedMediaType(
                description=f"A Content-Type of {bodies.TEXT} or {bodies.BINARY} is expected."
            )
        raw = read_bytes(request, self._facade.settings.max_body_bytes)
        if not raw:
            raise Invalid("No information provided to process.")
        encoding = (request.get_header("Content-Encoding") or "").strip().lower()
        if encoding not in ("", "base64", "binary") or (encoding and content_type == bodies.TEXT):
            raise Invalid("The Content-Encoding is not supported.")
        if content_type == bodies.TEXT and not _is_text(raw):
            raise Invalid("The payload is not UTF-8.")
        payload = bodies.read_base64(raw.decode("latin-1")) if encoding == "base64" else SecretBytes(raw)
        self._vault.add_payload(id, content_type, payload)
        answer_empty(response, 204)

    def on_delete(self, request: falcon.Request, response: falcon.Response, id: str) -> None:
        self.found(request, id, "secret:delete")
        self._vault.delete_secret(id)
        answer_empty(response, 204)


class SecretPayload(_WithPayload):
    def on_get(self, request: falcon.Request, response: falcon.Response, id: str) -> None:
        self.answer_payload(request, response, id)


class SecretMetadata(_OneStored[StoredSecret]):
    def on_get(self, request: falcon.Request, response: falcon.Response, id: str) -> None:
        found = self.found(request, id, "secret_meta:get")
        answer(response, {"metadata": {each.key: each.value for each in found.metadata}})

    def on_put(self, request: falcon.Request, response: falcon.Response, id: str) -> None:
        self.found(request, id, "secret_meta:put")
        given = bodies.read_metadata(self._facade.body(request))
        self._vault.set_metadata(id, lambda _: given)
        answer(response, {"metadata_ref": f"{self._base(request)}/secrets/{id}/metadata"}, 201)

    def on_post(self, request: falcon.Request, response: falcon.Response, id: str) -> None:
        self.found(request, id, "secret_meta:post")
        key, value = bodies.read_metadatum(self._facade.body(request))
        self._vault.set_metadata(id, lambda before: _added(before, key, value))
        response.set_header("Location", f"{self._base(request)}/secrets/{id}/metadata/{key}")
        answer(response, {"key": key, "value": value}, 201)


class SecretMetadatum(_OneStored[StoredSecret]):
    def on_get(self, request: falcon.Request, response: falcon.Response, id: str, key: str) -> None:
        found = self.found(request, id, "secret_meta:get")
        value = next((each.value for each in found.metadata if each.key == key.lower()), None)
        if value is None:
            raise NotFound("Secret metadata", key)
        answer(response, {"key": key.lower(), "value": value})

    def on_put(self, request: falcon.Request, response: falcon.Response, id: str, key: str) -> None:
        self.found(request, id, "secret_meta:put")
        given, value = bodies.read_metadatum(self._facade.body(request))
        if given != key.lower():
            raise Invalid("Key is required for metadata and must match the one of the address.", field="key")
        self._vault.set_metadata(id, lambda before: _required(before, given) | {given: value})
        answer(response, {"key": given, "value": value})

    def on_delete(self, request: falcon.Request, response: falcon.Response, id: str, key: str) -> None:
        self.found(request, id, "secret_meta:delete")
        wanted = key.lower()
        self._vault.set_metadata(
            id, lambda before: {name: value for name, value in _required(before, wanted).items() if name != wanted}
        )
        answer_empty(response, 204)


class ContainerCollection(_Resource):
    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        project = self._own_project(request, "containers:get")
        parameters = parameters_of(request)
        asked = dict(parameters)
        base = self._base(request)
        shown = [
            present_container(base, each)
            for each in self._vault.all(SecretContainer, project)
            if asked.get("name") in (None, each.name or "") and asked.get("type") in (None, each.type.value)
        ]
        answer(response, page(self._facade.address(request), "containers", parameters, shown))

    def on_post(self, request: falcon.Request, response: falcon.Response) -> None:
        project = self._own_project(request, "containers:post")
        given = bodies.read_container(self._facade.body(request))
        made = self._vault.create_container(project, caller_of(request).user_id, given.name, given.type, given.secrets)
        where = reference(self._base(request), made)
        response.set_header("Location", where)
        answer(response, {"container_ref": where}, 201)


class ContainerItem(_OneStored[SecretContainer]):
    def on_get(self, request: falcon.Request, response: falcon.Response, id: str) -> None:
        answer(response, present_container(self._base(request), self.found(request, id, "container:get")))

    def on_delete(self, request: falcon.Request, response: falcon.Response, id: str) -> None:
        self.found(request, id, "container:delete")
        self._vault.delete_container(id)
        answer_empty(response, 204)


class ContainerSecrets(_OneStored[SecretContainer]):
    """Secrets of a generic container come and go."""

    def on_post(self, request: falcon.Request, response: falcon.Response, id: str) -> None:
        self.found(request, id, "container_secret:post")
        given = bodies.read_named(self._facade.body(request))
        changed = self._vault.add_secret(id, given)
        where = reference(self._base(request), changed)
        response.set_header("Location", where)
        answer(response, {"container_ref": where}, 201)

    def on_delete(self, request: falcon.Request, response: falcon.Response, id: str) -> None:
        self.found(request, id, "container_secret:delete")
        self._vault.remove_secret(id, bodies.read_named(self._facade.body(request)))
        answer_empty(response, 204)


class Consumers(_OneStored[SecretContainer]):
    def on_get(self, request: falcon.Request, response: falcon.Response, id: str) -> None:
        found = self.found(request, id, "container_consumers:get")
        shown = [{"name": each.name, "URL": each.url, "status": "ACTIVE"} for each in found.consumers]
        answer(response, page(self._facade.address(request), "consumers", parameters_of(request), shown))

    def on_post(self, request: falcon.Request, response: falcon.Response, id: str) -> None:
        self.found(request, id, "container_consumers:post")
        changed = self._vault.add_consumer(id, bodies.read_consumer(self._facade.body(request)))
        response.set_header("Location", f"{self._base(request)}/containers/{id}/consumers")
        answer(response, present_container(self._base(request), changed))

    def on_delete(self, request: falcon.Request, response: falcon.Response, id: str) -> None:
        self.found(request, id, "container_consumers:delete")
        changed = self._vault.remove_consumer(id, bodies.read_consumer(self._facade.body(request)))
        answer(response, present_container(self._base(request), changed))


class AclItem(_OneStored[AnyStored]):
    def on_get(self, request: falcon.Request, response: falcon.Response, id: str) -> None:
        answer(response, present_acl(self.found(request, id, f"{self.word}_acls:get").acl))

    def on_put(self, request: falcon.Request, response: falcon.Response, id: str) -> None:
        """Replaces: what is not said has its default."""
        access, users = self._asked(request, id)
        self._set(request, response, id, access is None or access, users or ())

    def on_patch(self, request: falcon.Request, response: falcon.Response, id: str) -> None:
        """What is not said stays."""
        self._set(request, response, id, *self._asked(request, id))

    def on_delete(self, request: falcon.Request, response: falcon.Response, id: str) -> None:
        self.found(request, id, f"{self.word}_acls:delete")
        self._vault.remove_acl(self.kind, id)
        answer_empty(response, 200)

    def _asked(self, request: falcon.Request, id: str) -> tuple[bool | None, Any]:
        self.found(request, id, f"{self.word}_acls:put_patch")
        return bodies.read_acl(self._facade.body(request))

    def _set(
        self, request: falcon.Request, response: falcon.Response, id: str, access: bool | None, users: Any
    ) -> None:
        self._vault.set_acl(self.kind, id, access, users)
        answer(response, {"acl_ref": f"{self._base(request)}/{self.word}s/{id}/acl"})


class KeyManagerQuotas(_Resource):
    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        self._own_project(request, "quotas:get")
        limits = self._vault.limits
        shown = {"secrets": limits.secrets, "containers": limits.containers, "consumers": limits.consumers}
        answer(response, {"quotas": {**shown, "orders": 0, "cas": 0}})


class KeyManagerVersion(_Resource):
    """Microversion 1.0, which Barbican calls stable: consumers of secrets came with 1.1."""

    public = True

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        link = {"rel": "self", "href": f"{self._base(request)}/"}
        media = {"base": "application/json", "type": "application/vnd.openstack.key-manager-v1+json"}
        version = {
            "id": "v1",
            "status": "stable",
            "updated": "2015-04-28T00:00:00Z",
            "links": [link],
            "media-types": [media],
        }
        answer(response, {"version": version})


def _matches(secret: StoredSecret, asked: dict[str, str]) -> bool:
    texts = {"name": secret.name, "alg": secret.algorithm, "mode": secret.mode, "secret_type": secret.type.value}
    if any(asked.get(name) and asked[name] != value for name, value in texts.items()):
        return False
    bits = asked.get("bits", "")
    if bits.isascii() and bits.isdigit() and int(bits[:9]) and int(bits[:9]) != secret.bit_length:
        return False
    moments = (("created", secret.created_at), ("updated", secret.updated_at), ("expiration", secret.expiration))
    return all(_within(moment, asked[name]) for name, moment in moments if asked.get(name))


def _within(moment: datetime | None, text: str) -> bool:
    """``gt:``, ``gte:``, ``lt:``, ``lte:`` and a date, several with a comma between; without a word, that very
    moment. Raises Invalid."""
    compared: dict[str | None, Callable[[datetime, datetime], bool]] = {
        "gt": lambda one, other: one > other,
        "gte": lambda one, other: one >= other,
        "lt": lambda one, other: one < other,
        "lte": lambda one, other: one <= other,
        None: lambda one, other: one == other,
    }
    for part in text.split(","):
        found = _COMPARISON.fullmatch(part.strip())
        try:
            bound = datetime.fromisoformat(found[2]) if found else None
        except ValueError:
            bound = None
        if found is None or bound is None:
            raise Invalid("URI provided invalid query string parameters.")
        bound = bound if bound.tzinfo is not None else bound.replace(tzinfo=UTC)
        if moment is None or not compared[found[1]](moment, bound):
            return False
    return True


_SORTED: dict[str, Callable[[StoredSecret], Any]] = {
    "algorithm": lambda each: each.algorithm or "",
    "bit_length": lambda each: each.bit_length or 0,
    "created": lambda each: each.created_at,
    "expiration": lambda each: each.expiration or datetime.max.replace(tzinfo=UTC),
    "mode": lambda each: each.mode or "",
    "name": lambda each: each.name or "",
    "secret_type": lambda each: each.type.value,
    "status": lambda each: "ACTIVE",
    "updated": lambda each: each.updated_at,
}


def _sorted(secrets: list[StoredSecret], sort: str | None) -> list[StoredSecret]:
    for part in reversed(sort.split(",") if sort else []):
        name, _, direction = part.partition(":")
        if name not in _SORTED or direction not in ("", "asc", "desc"):
            raise Invalid("URI provided invalid query string parameters.")
        secrets = sorted(secrets, key=_SORTED[name], reverse=direction == "desc")
    return secrets


def _added(before: dict[str, str], key: str, value: str) -> dict[str, str]:
    if key in before:
        raise Conflict("Conflict. Key in request is already in the secret metadata", field="key")
    return before | {key: value}


def _required(before: dict[str, str], key: str) -> dict[str, str]:
    if key not in before:
        raise NotFound("Secret metadata", key)
    return before


def _is_text(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
