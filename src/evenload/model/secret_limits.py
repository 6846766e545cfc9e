"""How much a project may keep."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretLimits:
    """Of a project; -1: as many as it likes. ``payload_bytes``: of one secret."""

    secrets: int = 1000
    containers: int = 1000
    consumers: int = 1000
    payload_bytes: int = 256 * 1024
