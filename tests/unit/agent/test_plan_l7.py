"""Plans for L7 policies that change: what a map carries is changed in the running process."""

from collections.abc import Sequence

import pytest
from tests.fakes.desired import BALANCER, make_desired, pool, uuid
from tests.fakes.l7 import Row, away, hosts

from evenload.agent.actions import ChangeServers, ChangeSlots, LinkSlots, Remember, RemoveFiles, WriteFiles
from evenload.agent.plan import plan, plan_aftermath
from evenload.model.desired import Change, Desired
from evenload.model.enums import Comparison, PolicyAction
from evenload.model.observed import Observed
from evenload.model.slot import SlotKind
from evenload.render.options import RenderOptions

OPTIONS = RenderOptions(state_dir="/run/evenload")
REJECT = {"action": PolicyAction.REJECT, "redirect_pool_id": None}
OTHER = {"redirect_pool_id": uuid(4, 1)}
FIRST: Sequence[Row] = [(0, "a.example", {}), (1, "b.example", OTHER), (2, "c.example", away("https://c.example"))]


def routed(rows: Sequence[Row], compared: Comparison = Comparison.EQUAL_TO) -> Desired:
    return hosts(make_desired(pools=(pool(), pool(1))), rows, compared=compared)


def serving(desired: Desired) -> Observed:
    return plan_aftermath(plan(desired, Observed(load_balancer_id=BALANCER), OPTIONS), 100)


@pytest.mark.parametrize(
    "rows",
    [
        [(0, "z.example", {}), *FIRST[1:]],
        [FIRST[1], FIRST[0], FIRST[2]],
        [(0, "a.example", OTHER), *FIRST[1:]],
        [*FIRST[:2], (2, "c.example", away("https://else.example"))],
        [*FIRST, (3, "d.example", {})],
        FIRST[1:],
    ],
    ids=["value", "position", "pool", "url", "one more", "one less"],
)
def test_it_is_changed_in_the_process(rows: Sequence[Row]) -> None:
    before = serving(routed(FIRST))
    planned = plan(routed(rows), before, OPTIONS)
    assert planned.change is Change.RUNTIME
    kinds = [WriteFiles, ChangeSlots, LinkSlots, ChangeServers, Remember, RemoveFiles]
    assert [type(action) for action in planned.actions] == kinds
    [change] = [action for action in planned.actions if isinstance(action, ChangeSlots)]
    assert [each.slot.kind for each in change.changes] == [SlotKind.MAP]
    after = plan_aftermath(planned, 100)
    assert plan(routed(rows), after, OPTIONS).actions == ()
    assert after.haproxy.process is not None
    fresh = serving(routed(rows)).haproxy.process
    assert fresh is not None
    assert after.haproxy.process.text == fresh.text


def test_what_no_map_carries_is_a_reload() -> None:
    before = serving(routed(FIRST, Comparison.ENDS_WITH))
    assert plan(routed(FIRST[::-1], Comparison.ENDS_WITH), before, OPTIONS).change is Change.RELOAD
    before = serving(routed(FIRST))
    assert plan(routed([*FIRST, (3, "d.example", REJECT)]), before, OPTIONS).change is Change.RELOAD
    assert plan(routed(()), before, OPTIONS).change is Change.RELOAD
