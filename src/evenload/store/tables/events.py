"""What happened (model/event.py)."""

from sqlalchemy import Column, Index, Integer, String, Table

from evenload.store.tables.columns import ID, METADATA, WORD, LongText, Moment, position_column

# Names and ids stay when what they name is gone. Positions are never given twice: whoever follows goes by them.
EVENTS = Table(
    "events",
    METADATA,
    position_column(),
    Column("kind", WORD, nullable=False),
    Column("at", Moment, nullable=False),
    Column("state", WORD, nullable=False),
    Column("former", WORD),
    Column("project_id", String(255)),
    Column("load_balancer_id", ID),
    Column("load_balancer_name", String(255), nullable=False),
    Column("object_kind", WORD),
    Column("object_id", ID),
    Column("object_name", String(255), nullable=False),
    Column("reason", LongText),
    Column("agent", String(255)),
    Column("times", Integer, nullable=False),
    Index("ix_events_load_balancer_id", "load_balancer_id", "position"),
    sqlite_autoincrement=True,
)
