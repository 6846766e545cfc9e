"""Secrets for agents, apart from the documents that name them: only what the agent's own document names is given."""

from collections.abc import Callable, Collection, Sequence
from typing import NoReturn

from evenload.interfaces.secrets import SecretStore
from evenload.model.certificate import Authorities, Revocations
from evenload.model.errors import SecretUnavailable, StoreUnavailable
from evenload.model.secret import SecretBytes, SecretReference
from evenload.model.tree import Tree

References = Callable[[Tree], tuple[SecretReference, ...]]
"""What the document of a load balancer names."""


def references_of(tree: Tree) -> tuple[SecretReference, ...]:
    """Of the listeners and pools that stay, each once."""
    staying = [
        *(record.item.tls for record in tree.listeners.values() if not record.deleting),
        *(record.item.tls for record in tree.pools.values() if not record.deleting),
    ]
    return tuple(dict.fromkeys(each.secret for tls in staying if tls is not None for each in tls.secrets))


class NoSecretStore:
    """Fulfils SecretStore for a server that has no place for secrets."""

    def read(self, identifier: str) -> SecretBytes:
        raise SecretUnavailable(f"This server has no store of secrets; the secret {identifier} cannot be read.")


class NoCertificates:
    """Fulfils Certificates for the same."""

    def bundle(self, reference: str, project_id: str) -> NoReturn:
        raise StoreUnavailable("This server has no store of secrets.")

    authorities = revocations = bundle

    def verify(self, revocations: Revocations, authorities: Authorities) -> NoReturn:
        raise StoreUnavailable("This server has no store of secrets.")


def read_named(
    store: SecretStore, named: Collection[SecretReference], asked: Sequence[SecretReference]
) -> dict[str, SecretBytes]:
    """By fingerprint. ``named``: by the document of the load balancer that the agent asks for. Raises
    SecretUnavailable."""
    strange = next((reference for reference in asked if reference not in named), None)
    if strange is not None:
        raise SecretUnavailable(f"No load balancer of this agent names the secret {strange.id} with that fingerprint.")
    found = {}
    for reference in asked:
        content = store.read(reference.id)
        if content.fingerprint() != reference.fingerprint:
            raise SecretUnavailable(f"The secret {reference.id} has another content than the load balancer names.")
        found[reference.fingerprint] = content
    return found
