"""Which path of Barbican's API is served by what."""

from typing import Any

import falcon

from evenload.api.context import Facade
from evenload.api.key_manager_v1.resources import (
    AclItem,
    Consumers,
    ContainerCollection,
    ContainerItem,
    ContainerSecrets,
    KeyManagerQuotas,
    KeyManagerVersion,
    SecretCollection,
    SecretItem,
    SecretMetadata,
    SecretMetadatum,
    SecretPayload,
)
from evenload.model.stored_secret import SecretContainer, StoredSecret
from evenload.secrets.vault import Vault

PREFIX = "/v1"


def add_routes(app: "falcon.App[Any, Any]", facade: Facade, vault: Vault) -> None:
    resources: dict[str, object] = {
        "": KeyManagerVersion(facade, vault),
        "/secrets": SecretCollection(facade, vault),
        "/secrets/{id}": SecretItem(facade, vault, StoredSecret),
        "/secrets/{id}/payload": SecretPayload(facade, vault, StoredSecret),
        "/secrets/{id}/metadata": SecretMetadata(facade, vault, StoredSecret),
        "/secrets/{id}/metadata/{key}": SecretMetadatum(facade, vault, StoredSecret),
        "/secrets/{id}/acl": AclItem(facade, vault, StoredSecret),
        "/containers": ContainerCollection(facade, vault),
        "/containers/{id}": ContainerItem(facade, vault, SecretContainer),
        "/containers/{id}/secrets": ContainerSecrets(facade, vault, SecretContainer),
        "/containers/{id}/consumers": Consumers(facade, vault, SecretContainer),
        "/containers/{id}/acl": AclItem(facade, vault, SecretContainer),
        "/quotas": KeyManagerQuotas(facade, vault),
    }
    for path, resource in resources.items():
        app.add_route(PREFIX + path, resource)
