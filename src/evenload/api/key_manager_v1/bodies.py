"""Bodies of Barbican's API: what may stand in them, and what it means in the model's words.

No error shows a value: a payload may stand in the wrong place.
"""

import binascii
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from evenload.api.fields import is_plain, shown
from evenload.model.errors import Invalid, NotFound
from evenload.model.secret import SecretBytes
from evenload.model.secret_place import PlaceKind, read_place
from evenload.model.stored_secret import Consumer, ContainerType, NamedSecret, SecretType
from evenload.secrets.vault import MOST_PARTS

TEXT, BINARY, PKCS8 = "text/plain", "application/octet-stream", "application/pkcs8"
_MOST_USERS = 200


def _plain(text: str) -> str:
    if not is_plain(text):
        raise ValueError("Control characters and line separators are not allowed.")
    return text


Text = Annotated[str, Field(max_length=255), AfterValidator(_plain)]
Key = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[A-Za-z0-9_-]+$")]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True, hide_input_in_errors=True)


class _Secret(_Body):
    name: Text | None = None
    algorithm: Text | None = None
    mode: Text | None = None
    bit_length: Annotated[int, Field(ge=1, le=32767)] | None = None
    expiration: Text | None = None
    secret_type: Text | None = None
    payload: str | None = None
    payload_content_type: Text | None = None
    payload_content_encoding: Text | None = None
    transport_key_needed: Literal["false"] | None = None


class _Reference(_Body):
    name: Text | None = None
    secret_ref: Text


class _Container(_Body):
    name: Text | None = None
    type: Text
    secret_refs: Annotated[list[_Reference], Field(max_length=MOST_PARTS)] | None = None


class _Consumer(_Body):
    name: Text
    URL: Text


class _Access(_Body):
    users: Annotated[list[Text], Field(max_length=_MOST_USERS)] | None = None
    project_access: Annotated[bool | None, Field(alias="project-access")] = None


class _Acl(_Body):
    read: _Access


class _Metadata(_Body):
    metadata: Annotated[dict[Key, Text], Field(max_length=100)]


class _Metadatum(_Body):
    key: Key
    value: Text


@dataclass(frozen=True, slots=True)
class SecretRequest:
    """``fields`` of StoredSecret."""

    fields: dict[str, Any]
    payload: SecretBytes | None


def read_secret(body: Any) -> SecretRequest:
    given = _read(_Secret, "Secret", body)
    fields: dict[str, Any] = {
        "name": given.name.strip() if given.name is not None else None,
        "algorithm": given.algorithm,
        "mode": given.mode,
        "bit_length": given.bit_length,
        "expiration": _expiration(given.expiration),
        "type": _member(SecretType, given.secret_type or SecretType.OPAQUE.value, "secret_type"),
    }
    if given.payload is None:
        for name in ("payload_content_type", "payload_content_encoding"):
            if getattr(given, name) is not None:
                raise Invalid(f"payload must be provided when {name} is specified", field="payload")
        return SecretRequest(fields, None)
    text = given.payload.strip()
    if not text:
        raise Invalid("If 'payload' specified, must be non empty", field="payload")
    content_type = read_content_type(given.payload_content_type)
    if content_type is None:
        raise Invalid(f"payload_content_type is none of {TEXT}, {BINARY} and {PKCS8}", field="payload_content_type")
    payload = _decoded(text, content_type, given.payload_content_encoding)
    return SecretRequest(fields | {"content_type": content_type}, payload)


def read_content_type(text: str | None) -> str | None:
    """The type without parameters; None for one that secrets cannot have."""
    kind, _, parameter = (text or "").lower().partition(";")
    kind, parameter = kind.strip(), parameter.replace(" ", "").replace('"', "")
    if kind == TEXT and parameter in ("", "charset=utf-8"):
        return kind
    return kind if kind in (BINARY, PKCS8) and not parameter else None


def _decoded(text: str, content_type: str, encoding: str | None) -> SecretBytes:
    if content_type == TEXT:
        if encoding is not None:
            raise Invalid("text has no encoding", field="payload_content_encoding")
        try:
            return SecretBytes(text.encode("utf-8"))
        except UnicodeEncodeError:
            raise Invalid("the payload is no text", field="payload") from None
    if encoding != "base64":
        raise Invalid("payload_content_encoding is not base64", field="payload_content_encoding")
    return read_base64(text)


def read_base64(text: str) -> SecretBytes:
    try:
        return SecretBytes(b64decode("".join(text.split()).encode("ascii"), validate=True))
    except (binascii.Error, ValueError):
        raise Invalid("Invalid payload for payload_content_encoding", field="payload") from None


@dataclass(frozen=True, slots=True)
class ContainerRequest:
    name: str | None
    type: ContainerType
    secrets: tuple[NamedSecret, ...]


def read_container(body: Any) -> ContainerRequest:
    given = _read(_Container, "Container", body)
    secrets = tuple(_named(each) for each in given.secret_refs or ())
    return ContainerRequest(given.name, _member(ContainerType, given.type, "type"), secrets)


def read_named(body: Any) -> NamedSecret:
    return _named(_read(_Reference, "ContainerSecret", body))


def read_consumer(body: Any) -> Consumer:
    given = _read(_Consumer, "Consumer", body)
    if not given.name or not given.URL:
        raise Invalid("name and URL are needed", field="name" if not given.name else "URL")
    return Consumer(name=given.name, url=given.URL)


def read_acl(body: Any) -> tuple[bool | None, Sequence[str] | None]:
    given = _read(_Acl, "ACL", body).read
    return given.project_access, given.users


def read_metadata(body: Any) -> dict[str, str]:
    return {key.lower(): value for key, value in _read(_Metadata, "SecretMetadata", body).metadata.items()}


def read_metadatum(body: Any) -> tuple[str, str]:
    given = _read(_Metadatum, "SecretMetadatum", body)
    return given.key.lower(), given.value


def _named(given: _Reference) -> NamedSecret:
    place = read_place(given.secret_ref)
    if place is None or place.kind is not PlaceKind.SECRET:
        raise NotFound("Secret", shown(given.secret_ref))
    return NamedSecret(name=given.name or "", secret_id=place.id)


def _expiration(text: str | None) -> datetime | None:
    if text is None or not text.strip():
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
        return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid("Invalid date for 'expiration'", field="expiration") from None


E_ = TypeVar("E_", SecretType, ContainerType)
B = TypeVar("B", bound=_Body)


def _member(kind: type[E_], text: str, field: str) -> E_:
    try:
        return kind(text)
    except ValueError:
        raise Invalid(f"{field} is none of {', '.join(each.value for each in kind)}", field=field) from None


def _read(model: type[B], word: str, body: Any) -> B:
    try:
        return model.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        where = ".".join(shown(str(each)) for each in first["loc"])
        text = f"Provided object does not match schema '{word}': {first['msg']}."
        raise Invalid(f"{text} Invalid property: '{where}'", field=where or None) from None
