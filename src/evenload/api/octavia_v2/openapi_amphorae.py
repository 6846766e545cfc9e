"""Amphorae as an OpenAPI document describes them, under a prefix of their own."""

from evenload.api.attributes import nullable
from evenload.api.fields import JsonSchema
from evenload.api.octavia_v2.amphorae import COLUMNS, NOTHING
from evenload.api.openapi import (
    FIELDS,
    IDENTIFIER,
    TEXT,
    Operation,
    Paths,
    closed,
    list_query,
    listed,
    reference,
    wrapped,
)
from evenload.model.placement import Role
from evenload.service.amphorae import AmphoraStatus

PREFIX = "/v2.0/octavia"
_COUNTS = ("bytes_in", "bytes_out", "active_connections", "total_connections", "request_errors")


def components(time: JsonSchema) -> dict[str, JsonSchema]:
    """``time``: what moments look like."""
    count: JsonSchema = {"type": "integer", "minimum": 0}
    return {
        "Amphora": closed(
            {
                "id": IDENTIFIER,
                "loadbalancer_id": IDENTIFIER,
                "compute_id": IDENTIFIER,
                "vrrp_ip": TEXT,
                "ha_ip": TEXT,
                "vrrp_port_id": TEXT,
                "ha_port_id": TEXT,
                "cert_busy": {"enum": [False]},
                "role": {"enum": [role.value for role in Role]},
                "status": {"enum": [status.value for status in AmphoraStatus]},
                "cached_zone": nullable(TEXT),
                "created_at": time,
                "updated_at": nullable(time),
                **{name: {"type": "null"} for name in NOTHING},
            }
        ),
        "AmphoraStatistics": closed(
            {
                "id": IDENTIFIER,
                "loadbalancer_id": IDENTIFIER,
                "listener_id": IDENTIFIER,
                **dict.fromkeys(_COUNTS, count),
            },
            ("id", "loadbalancer_id", "listener_id", *_COUNTS),
        ),
    }


def paths() -> Paths:
    amphora = reference("Amphora")
    statistics: JsonSchema = {"type": "array", "items": reference("AmphoraStatistics")}
    query = {**list_query(dict.fromkeys(COLUMNS, TEXT)), "project_id": TEXT}
    found = {
        "/amphorae": {"GET": Operation(summary="List amphorae", answer=listed("amphorae", amphora), query=query)},
        "/amphorae/{id}": {
            "GET": Operation(summary="Show an amphora", answer=wrapped("amphora", amphora), query=FIELDS),
            "DELETE": Operation(summary="Delete an amphora in ERROR", status=204),
        },
        "/amphorae/{id}/stats": {
            "GET": Operation(summary="What its host has counted", answer=wrapped("amphora_stats", statistics))
        },
        "/amphorae/{id}/failover": {"PUT": Operation(summary="Have another take its place", status=202)},
        "/amphorae/{id}/config": {"PUT": Operation(summary="Tell it its configuration", status=202)},
    }
    return {f"{PREFIX}{path}": operations for path, operations in found.items()}
