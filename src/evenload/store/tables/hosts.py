"""Agents, what was given to them, and what they have lost while they were away."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, String, Table, true

from evenload.store.tables.columns import ID, METADATA, WORD, Moment

AGENTS = Table(
    "agents",
    METADATA,
    Column("name", String(255), primary_key=True),
    Column("seen_at", Moment, nullable=False),
    Column("created_at", Moment),
    Column("started_at", Moment),
    Column("admin_state_up", Boolean, nullable=False, server_default=true()),
    Column("description", String(255), nullable=False, server_default=""),
    Column("availability_zone", String(255), nullable=False, server_default="nova"),
)

PLACEMENTS = Table(
    "placements",
    METADATA,
    Column("load_balancer_id", ID, ForeignKey("load_balancers.id", ondelete="CASCADE"), primary_key=True),
    Column("agent", String(255), primary_key=True, index=True),
    Column("role", WORD, nullable=False),
    Column("applied_generation", BigInteger, nullable=False),
)

# Load balancers that an agent has lost while it was away: deleted, or given elsewhere, at that generation.
TOMBSTONES = Table(
    "tombstones",
    METADATA,
    Column("load_balancer_id", ID, primary_key=True),
    Column("agent", String(255), primary_key=True),
    Column("generation", BigInteger, nullable=False),
    Column("made_at", Moment, nullable=False),
)
