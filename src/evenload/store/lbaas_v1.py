"""What LBaaS v1 alone knows of an object (``Record.v1``), as columns of the object's own row.

Used by trees.py. A kind that is not in ``V1_COLUMNS`` has no such columns.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evenload.model.balancer import V1Monitor, V1Part, V1Pool, V1Vip


@dataclass(frozen=True, slots=True)
class V1Columns:
    """``names``: the columns. ``write`` gives their values for a part of the class ``part``, ``read`` makes the part of
    them; the first column is ``absent`` where there is none, the others are NULL then."""

    part: type[V1Part]
    names: tuple[str, ...]
    write: Callable[[Any], tuple[Any, ...]]
    read: Callable[..., V1Part]
    absent: bool | None = None

    def encode(self, v1: V1Part | None) -> dict[str, Any]:
        """Raises TypeError for a part of another kind."""
        if v1 is None:
            return {**dict.fromkeys(self.names), self.names[0]: self.absent}
        if not isinstance(v1, self.part):
            raise TypeError(f"No place for {v1!r} where a {self.part.__name__} is kept")
        return dict(zip(self.names, self.write(v1), strict=True))

    def decode(self, values: Sequence[Any]) -> V1Part | None:
        first = values[0]
        return None if first is None or first is False else self.read(*values)


_POOL = ("subnet_id", "provider", "bytes_in", "bytes_out", "total_connections")

V1_COLUMNS: Mapping[str, V1Columns] = {
    "listeners": V1Columns(V1Vip, ("v1",), lambda _: (True,), lambda _: V1Vip(), absent=False),
    "pools": V1Columns(
        V1Pool,
        tuple(f"v1_{name}" for name in _POOL),
        lambda v1: tuple(getattr(v1, name) for name in _POOL),
        lambda *values: V1Pool(**dict(zip(_POOL, values, strict=True))),
    ),
    "health_monitors": V1Columns(
        V1Monitor, ("template_id",), lambda v1: (v1.template_id,), lambda template: V1Monitor(template_id=template)
    ),
}
"""By the table's name."""
