"""Secrets, containers and access lists as Barbican shows them, and lists in pages."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from evenload.api.paging import Parameters
from evenload.model.stored_secret import Acl, SecretContainer, Stored, StoredSecret

Json = dict[str, Any]
_DEFAULT_LIMIT, _MOST = 10, 100
_PUBLIC_ACL: Json = {"read": {"project-access": True}}


def reference(base: str, stored: Stored) -> str:
    kind = "secrets" if isinstance(stored, StoredSecret) else "containers"
    return f"{base}/{kind}/{stored.id}"


def present_secret(base: str, secret: StoredSecret) -> Json:
    shown: Json = {
        "secret_ref": reference(base, secret),
        "name": secret.name,
        "secret_type": secret.type.value,
        "algorithm": secret.algorithm,
        "bit_length": secret.bit_length,
        "mode": secret.mode,
        "expiration": _moment(secret.expiration),
        "creator_id": secret.creator_id,
        "status": "ACTIVE",
        "created": _moment(secret.created_at),
        "updated": _moment(secret.updated_at),
    }
    if secret.content_type is not None:
        shown["content_types"] = {"default": secret.content_type}
    return shown


def present_container(base: str, container: SecretContainer) -> Json:
    return {
        "container_ref": reference(base, container),
        "name": container.name,
        "type": container.type.value,
        "secret_refs": [
            {"secret_ref": f"{base}/secrets/{each.secret_id}"} | ({"name": each.name} if each.name else {})
            for each in container.secrets
        ],
        "consumers": [{"name": each.name, "URL": each.url} for each in container.consumers],
        "creator_id": container.creator_id,
        "status": "ACTIVE",
        "created": _moment(container.created_at),
        "updated": _moment(container.updated_at),
    }


def present_acl(acl: Acl | None) -> Json:
    if acl is None:
        return _PUBLIC_ACL
    return {
        "read": {
            "project-access": acl.project_access,
            "users": list(acl.users),
            "created": _moment(acl.created_at),
            "updated": _moment(acl.updated_at),
        }
    }


def page(address: str, word: str, parameters: Parameters, items: Sequence[Json]) -> Json:
    """``limit`` and ``offset`` that are none mean their defaults, as in Barbican."""
    asked = dict(parameters)
    limit = min(_number(asked.get("limit"), _DEFAULT_LIMIT), _MOST)
    offset = _number(asked.get("offset"), 0)
    others = [(name, value) for name, value in parameters if name not in ("limit", "offset")]
    shown: Json = {word: list(items[offset : offset + limit]), "total": len(items)}
    if limit and shown[word] and offset > 0:
        shown["previous"] = _link(address, limit, max(0, offset - limit), others)
    if limit and shown[word] and len(items) > offset + limit:
        shown["next"] = _link(address, limit, offset + limit, others)
    return shown


def _link(address: str, limit: int, offset: int, others: Parameters) -> str:
    return f"{address}?{urlencode([('limit', limit), ('offset', offset), *others])}"


def _number(text: str | None, default: int) -> int:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 10 else default


def _moment(value: datetime | None) -> str | None:
    return None if value is None else value.replace(tzinfo=None).isoformat()
