"""What the tables are made of: their one metadata, and columns that mean the same in every database.

A column is named after the model's field that it holds, a field that is itself a dataclass takes columns
``<field>_<its field>`` (see mapping.py); further columns are said in their table with the reason. Times are in UTC
without zone, tuples are JSON text.
"""

from typing import Any

from sqlalchemy import BigInteger, Column, DateTime, Integer, LargeBinary, MetaData, String, Text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import CreateTable
from sqlalchemy.sql.compiler import DDLCompiler


@compiles(CreateTable, "mysql", "mariadb")
def _create_table(element: CreateTable, compiler: DDLCompiler, **options: Any) -> str:
    """Equal is what has the same bytes, and they sort by them, as in the other databases: MariaDB's own collations
    take ``web``, ``Web`` and ``web `` for the same. All tables, those of the migrations too."""
    plain: str = compiler.visit_create_table(element, **options)  # type: ignore[no-untyped-call]
    return f"{plain.rstrip()} ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin"


METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Moment(DateTime):
    """MariaDB keeps whole seconds unless told otherwise."""


class LongText(Text):
    """MariaDB's TEXT ends at 64 KB."""


class LongBytes(LargeBinary):
    """As for ``LongText``."""


# In words, not by SQLAlchemy's types for MariaDB: they bring 1.3 MiB along that nobody else needs.
for _type, _word in ((Moment, "DATETIME(6)"), (LongText, "MEDIUMTEXT"), (LongBytes, "MEDIUMBLOB")):
    compiles(_type, "mysql", "mariadb")(lambda _element, _compiler, word=_word, **_options: word)

ID = String(36)
ADDRESS = String(45)
WORD = String(32)
_POSITION = BigInteger().with_variant(Integer(), "sqlite")  # only INTEGER is SQLite's own row number


def position_column() -> "Column[int]":
    """The order of creation, which two objects made in the same microsecond would not tell by their times."""
    return Column("position", _POSITION, primary_key=True, autoincrement=True)
