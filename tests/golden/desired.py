"""Golden inputs: JSON that says only what a case is about; everything else of a ``Desired`` is filled in here."""

import json
from typing import Any

from pydantic import TypeAdapter

from evenload.model.desired import Desired

_DESIRED = TypeAdapter(Desired)
_LOAD_BALANCER = {
    "id": "balancer",
    "network_id": "network",
    "port_id": "port",
    "vips": [{"address": "10.0.0.5", "subnet_id": "subnet"}],
}
_PORT = {
    "id": "port",
    "mac_address": "fa:16:3e:00:00:01",
    "mtu": 1500,
    "segment": {"type": "flat", "physical_network": "physnet1"},
    "ips": [{"address": "10.0.0.5", "prefix_length": 24, "gateway_ip": "10.0.0.1"}],
}


def load_desired(text: str) -> Desired:
    """Raises ValueError for a field that the model does not have, so that no case is about nothing."""
    given: dict[str, Any] = json.loads(text)
    unknown = given.keys() - {"load_balancer", "listeners", "pools", "members", "monitors", "policies", "rules"}
    if unknown:
        raise ValueError(f"unknown keys: {', '.join(sorted(unknown))}")
    balancer = _LOAD_BALANCER | given.get("load_balancer", {})
    owner = {"load_balancer_id": balancer["id"]}
    document = {
        "generation": 1,
        "project_id": "project",
        "load_balancer": balancer,
        "port": _PORT,
        "listeners": [owner | each for each in given.get("listeners", [])],
        "pools": [{"algorithm": "ROUND_ROBIN"} | owner | each for each in given.get("pools", [])],
        "members": given.get("members", []),
        "monitors": given.get("monitors", []),
        "policies": given.get("policies", []),
        "rules": given.get("rules", []),
    }
    desired = _DESIRED.validate_python(document)
    _refuse_strange_fields(document, json.loads(_DESIRED.dump_json(desired)))
    return desired


def _refuse_strange_fields(given: Any, understood: Any) -> None:
    if isinstance(given, dict):
        strange = given.keys() - understood.keys()
        if strange:
            raise ValueError(f"unknown fields: {', '.join(sorted(strange))}")
        for key, value in given.items():
            _refuse_strange_fields(value, understood[key])
    elif isinstance(given, list):
        for each, other in zip(given, understood, strict=True):
            _refuse_strange_fields(each, other)
