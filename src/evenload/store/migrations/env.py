"""Alembic's environment: run by its commands, which migrate.py calls with an open connection in a transaction."""

from alembic import context

from evenload.store.tables import METADATA

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=METADATA,
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
