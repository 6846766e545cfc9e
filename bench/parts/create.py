"""Desired state known to the first 200 through the VIP, by itself and against the seed's own commands.

The clock starts when the agent has fetched the document: observing, planning, building and starting HAProxy count.
"""

import time
import uuid
from collections.abc import Iterator
from itertools import islice

from bench.in_process import NotePad, make_desired, must_have_been, working
from bench.observer import Observer
from bench.parts import seed
from bench.room import Room, mac_addresses, vips
from bench.rows import Goal, Row, ratios, row
from evenload.agent.loop import Agent
from evenload.model.desired import Change, Gone

ROUNDS = 60
ROUNDS_AGAINST_SEED = 30
_GOAL = Goal(p50=25, p95=60)
_RATIO = Goal(p50=40, more_is_better=True)


def measure(room: Room) -> list[Row]:
    pad = NotePad()
    with working(room, pad) as agent, Observer(room.client_namespace) as observer:
        samples = list(islice(_rounds(room, agent, pad, observer), 1, ROUNDS + 1))  # the first one warms up
    return [row("create", "ms", samples, _GOAL)]


def compare(room: Room) -> list[Row]:
    """One of each in turn, so that what else the machine does meanwhile weighs on both."""
    pad = NotePad()
    with working(room, pad) as agent, Observer(room.client_namespace) as observer:
        pairs = zip(seed.rounds(room, observer), _rounds(room, agent, pad, observer), strict=False)
        slow, fast = zip(*islice(pairs, 1, ROUNDS_AGAINST_SEED + 1), strict=True)
    return [
        row("create", "ms", fast, _GOAL),
        row("seed", "times", ratios(slow, fast), _RATIO),
        row("seed-script", "ms", slow),
    ]


def _rounds(room: Room, agent: Agent, pad: NotePad, observer: Observer) -> Iterator[float]:
    """Milliseconds, one load balancer built and removed for each."""
    for vip, mac_address in zip(vips(2), mac_addresses(2), strict=False):
        identifier = room.load_balancer_id()
        observer.watch_http(vip, 80)
        pad.put(identifier, make_desired(identifier, str(uuid.uuid4()), vip, mac_address))
        agent.hint(identifier, 1)
        seen = observer.seen()
        must_have_been(pad.await_done(identifier), Change.START)
        yield (seen - pad.fetched(identifier)) / 1e6
        pad.put(identifier, Gone(load_balancer_id=identifier, generation=2))
        agent.hint(identifier, 2)
        must_have_been(pad.await_done(identifier), Change.REMOVE)
        time.sleep(seed.SETTLE)  # as after a round of the seed's
