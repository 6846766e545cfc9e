"""Conditions of a Query in SQL: which columns its fields are, and what may be asked of them."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BindParameter,
    Boolean,
    Column,
    ColumnElement,
    DateTime,
    Integer,
    Select,
    String,
    false,
    func,
    or_,
    select,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from evenload.model.enums import Kind
from evenload.model.errors import Invalid
from evenload.model.query import Query
from evenload.store.mapping import to_moment
from evenload.store.tables.trees import HEALTH_MONITORS, LISTENERS, LOAD_BALANCERS, OBJECT_TAGS, POOLS
from evenload.store.trees import BY_KIND

# Names of Query fields that are not those of their column.
_ALIASES: dict[Kind, dict[str, str]] = {
    Kind.LOAD_BALANCER: {"vip_port_id": "port_id", "vip_network_id": "network_id"},
    Kind.LISTENER: {
        "certificate": "tls_certificate",
        "ciphers": "tls_ciphers",
        "hsts_max_age": "tls_hsts_max_age",
        "hsts_include_subdomains": "tls_hsts_include_subdomains",
        "hsts_preload": "tls_hsts_preload",
        "client_authentication": "tls_client_authentication",
        "client_authorities": "tls_client_authorities",
        "client_revocations": "tls_client_revocations",
    },
    Kind.POOL: {
        "certificate": "tls_certificate",
        "authorities": "tls_authorities",
        "revocations": "tls_revocations",
        "ciphers": "tls_ciphers",
    },
    Kind.HEALTH_MONITOR: {
        "method": "http_method",
        "url_path": "http_url_path",
        "expected_codes": "http_expected_codes",
        "version": "http_version",
        "domain_name": "http_domain_name",
    },
}

# Columns of the store's own, those whose JSON text equals nothing that a caller could give, and v1's (Query.v1).
_HIDDEN = frozenset(
    {
        "position",
        "tree_generation",
        "vips",
        "tags",
        "insert_headers",
        "headers_off",
        "as_sent",
        "allowed_cidrs",
        "tls",
        "flavor_threads",
        "flavor_connection_limit",
        "flavor_log",
        "v1",
        "v1_subnet_id",
        "v1_provider",
        "v1_bytes_in",
        "v1_bytes_out",
        "v1_total_connections",
    }
)

_TAG = OBJECT_TAGS.c


class Bytewise(FunctionElement[str]):
    """A text in the order of its bytes. Only PostgreSQL has to be told: there the database's language decides."""

    inherit_cache = True
    type = String()


@compiles(Bytewise)
def _plain(element: Bytewise, compiler: SQLCompiler, **options: Any) -> str:
    return str(compiler.process(element.clauses, **options))


@compiles(Bytewise, "postgresql")
def _collated(element: Bytewise, compiler: SQLCompiler, **options: Any) -> str:
    return f'{compiler.process(element.clauses, **options)} COLLATE "C"'


def column_of(kind: Kind, name: str) -> Column[Any]:
    columns = BY_KIND[kind].table.c
    actual = _ALIASES.get(kind, {}).get(name, name)
    if actual in _HIDDEN or actual not in columns or (actual != name and name in columns):
        raise Invalid(f"{kind.value} has no field {name!r} to filter or sort by.", field=name)
    return columns[actual]


def conditions_of(kind: Kind, query: Query) -> Iterator[ColumnElement[bool]]:
    identifier = BY_KIND[kind].table.c.id
    if kind is Kind.LOAD_BALANCER:
        yield LOAD_BALANCERS.c.port_id.is_not(None)
    if query.v1:
        yield _known_to_v1(kind)
    for name, values in query.filters.items():
        if kind is Kind.POOL and name == "monitor_id":
            yield _has_monitor(values)
        else:
            yield any_of(column_of(kind, name), name, values, indexed=kind is Kind.LOAD_BALANCER)
    if query.tags:
        yield identifier.in_(_tagged_with_all(query.tags))
    if query.tags_any:
        yield identifier.in_(_tagged(query.tags_any))
    if query.not_tags:
        yield identifier.not_in(_tagged_with_all(query.not_tags))
    if query.not_tags_any:
        yield identifier.not_in(_tagged(query.not_tags_any))


def _known_to_v1(kind: Kind) -> ColumnElement[bool]:
    listeners, pools = LISTENERS.c, POOLS.c
    match kind:
        case Kind.LOAD_BALANCER:
            return LOAD_BALANCERS.c.id.in_(select(listeners.load_balancer_id).where(listeners.v1.is_(True)))
        case Kind.LISTENER:
            return listeners.v1.is_(True)
        case Kind.POOL:
            return pools.v1_subnet_id.is_not(None)
        case Kind.L7_POLICY | Kind.L7_RULE:
            return false()
        case _:  # parts of pools
            pool_id: Column[Any] = BY_KIND[kind].table.c.pool_id
            return pool_id.in_(select(pools.id).where(pools.v1_subnet_id.is_not(None)))


def _tagged(tags: Sequence[str]) -> Select[Any]:
    return select(_TAG.object_id).where(_TAG.tag.in_(list(dict.fromkeys(tags))))


def _tagged_with_all(tags: Sequence[str]) -> Select[Any]:
    """One look for however many tags: an object has each of them once at most."""
    return _tagged(tags).group_by(_TAG.object_id).having(func.count() == len(set(tags)))


def _has_monitor(values: Sequence[Any]) -> ColumnElement[bool]:
    monitors = HEALTH_MONITORS.c
    pool = POOLS.c.id
    wanted = [value for value in values if value is not None]
    alternatives: list[ColumnElement[bool]] = []
    if wanted:
        alternatives.append(pool.in_(select(monitors.pool_id).where(any_of(monitors.id, "monitor_id", wanted))))
    if any(value is None for value in values):
        alternatives.append(pool.not_in(select(monitors.pool_id)))
    return or_(false(), *alternatives)


def any_of(column: Column[Any], name: str, values: Sequence[Any], *, indexed: bool = False) -> ColumnElement[bool]:
    """``values``: what ``bound`` takes. ``indexed``: the table's texts have indexes in the order of bytes, which
    PostgreSQL uses where it is told so."""
    wanted = [bound(column, name, value) for value in values if value is not None]
    alternatives: list[ColumnElement[bool]] = []
    if wanted:
        bytewise = indexed and isinstance(column.type, String) and not column.unique
        alternatives.append(Bytewise(column).in_(wanted) if bytewise else column.in_(wanted))
    if any(value is None for value in values):
        alternatives.append(column.is_(None))
    return or_(false(), *alternatives)


def bound(column: Column[Any], name: str, value: Any) -> Any:
    """The value in the column's own type; what a query string can only say as text is read as that type. A parameter
    stands for a value that was bound before."""
    if isinstance(value, BindParameter):
        return value
    kind = column.type
    if isinstance(kind, Boolean):
        if isinstance(value, bool):
            return value
        word = str(value).lower()
        if word in ("true", "1"):
            return True
        if word in ("false", "0"):
            return False
    elif isinstance(kind, Integer):
        if not isinstance(value, bool):
            try:
                number = int(value)
            except ValueError:
                pass  # said below
            else:
                if -(2**63) <= number < 2**63:
                    return number
    elif isinstance(kind, DateTime):
        try:
            moment = datetime.fromisoformat(str(value))
            return to_moment(moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC))
        except (ValueError, OverflowError):
            pass  # said below
    elif isinstance(value, str):
        return value
    raise Invalid(f"Invalid input for field/attribute {name}. Value: '{value}'.", field=name)
