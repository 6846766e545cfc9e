"""All tables, as SQLAlchemy metadata: whoever has ``METADATA`` from here has every one of them."""

from evenload.store.tables import catalogue, events, hosts, identity, networks, projects, secrets, trees
from evenload.store.tables.columns import METADATA

__all__ = ["METADATA", "catalogue", "events", "hosts", "identity", "networks", "projects", "secrets", "trees"]
