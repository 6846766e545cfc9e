"""What LBaaS v1 alone knows of an object is kept by the object's kind, and refused by the others."""

from dataclasses import replace

import pytest
from tests.contract.samples import a_tree

from evenload.model.balancer import V1Monitor, V1Part, V1Pool, V1Vip
from evenload.model.enums import Kind
from evenload.store.trees import BY_KIND

PARTS = {
    Kind.LISTENER: V1Vip(),
    Kind.POOL: V1Pool(subnet_id="subnet", provider="haproxy", bytes_in=-1),
    Kind.HEALTH_MONITOR: V1Monitor(template_id="template"),
}


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("part", [None, *PARTS.values()], ids=lambda part: type(part).__name__)
def test_each_kind_keeps_its_own_part(kind: Kind, part: V1Part | None) -> None:
    rows, record = BY_KIND[kind], next(iter(a_tree(policies=1).of_kind(kind).values()))
    record = replace(record, v1=part)
    if part is not None and PARTS.get(kind) != part:
        with pytest.raises(TypeError):
            rows.encode(record, {})
        return
    row = rows.encode(record, {})
    assert rows.decode([row.get(column.name) for column in rows.columns]) == record
