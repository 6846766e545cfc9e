"""Dataclasses and columns."""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, Text
from tests.contract.samples import a_tree
from tests.fakes.tls import a_tls

from evenload.model.balancer import Listener
from evenload.model.enums import Kind
from evenload.model.tree import kind_of
from evenload.store import trees
from evenload.store.mapping import RowCodec, from_moment, to_moment
from evenload.store.tables.hosts import AGENTS

# Columns that are no field of the record or its item, as store/tables says.
_EXTRA = {
    Kind.LOAD_BALANCER: {"vip_address", "vip_subnet_id", "tree_generation", "revision"},
    Kind.LISTENER: {
        *("tls_certificate", "tls_ciphers", "tls_hsts_max_age", "tls_hsts_include_subdomains", "tls_hsts_preload"),
        *("tls_client_authentication", "tls_client_authorities", "tls_client_revocations"),
    },
    Kind.POOL: {"tls_enabled", "tls_certificate", "tls_authorities", "tls_revocations", "tls_ciphers"},
    Kind.MEMBER: {"load_balancer_id"},
    Kind.HEALTH_MONITOR: {"load_balancer_id"},
    Kind.L7_POLICY: {"load_balancer_id"},
    Kind.L7_RULE: {"load_balancer_id"},
}


@pytest.mark.parametrize("kind", list(Kind))
def test_every_column_is_a_field_or_said_to_be_extra(kind: Kind) -> None:
    rows = trees.BY_KIND[kind]
    record = next(record for record in a_tree(policies=1).records() if kind_of(record.item) is kind)
    written = set(rows.encode(record, {}))
    assert written | _EXTRA[kind] | {"position"} == set(rows.table.c.keys())
    assert not written & _EXTRA[kind]


def test_tls_that_was_kept_before_clients_could_be_asked_for_certificates_is_read() -> None:
    rows, tls = trees.BY_KIND[Kind.LISTENER], a_tls(hsts_max_age=9)
    listener = next(iter(a_tree().listeners.values()))
    written = rows.encode(replace(listener, item=replace(listener.item, tls=tls)), {})
    kept = json.loads(written["tls"])
    written["tls"] = json.dumps({name: value for name, value in kept.items() if not name.startswith("client_")})
    assert len(kept) - len(json.loads(written["tls"])) == 3
    codec = RowCodec(Listener, rows.table)
    assert codec.decode([written[column.name] for column in codec.columns]).tls == tls


def test_times_are_kept_in_utc() -> None:
    moment = datetime(2026, 5, 1, 12, 0, 0, 7, tzinfo=timezone(timedelta(hours=2)))
    assert to_moment(moment) == datetime(2026, 5, 1, 10, 0, 0, 7)  # noqa: DTZ001
    assert from_moment(to_moment(moment)) == moment
    assert from_moment(to_moment(moment)).tzinfo is UTC


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="without zone"):
        to_moment(datetime(2026, 5, 1))  # noqa: DTZ001


def test_a_field_without_a_column_is_found_at_once() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Extended:
        name: str
        seen_at: datetime
        colour: str

    with pytest.raises(KeyError, match="colour"):
        RowCodec(Extended, AGENTS)


@pytest.mark.parametrize("hint", [float, str | int, tuple[int, ...], dict[str, str]])
def test_a_field_without_a_form_is_found_at_once(hint: Any) -> None:
    holder: Any = dataclass(type("Holder", (), {"__annotations__": {"value": hint}}))
    table = Table("t", MetaData(), Column("value", Text))
    with pytest.raises(TypeError):
        RowCodec(holder, table)


def test_values_start_at_an_offset() -> None:
    @dataclass(frozen=True)
    class Pair:
        one: int
        two: int | None

    codec = RowCodec(Pair, Table("t", MetaData(), Column("one", Integer), Column("two", Integer)))
    assert codec.decode(("x", "y", 1, None), 2) == Pair(1, None)
    assert codec.encode(Pair(1, None)) == {"one": 1, "two": None}
