"""Plans for listeners that terminate TLS: their files come before the process that reads them, and go after it."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from tests.fakes.desired import BALANCER, listener, make_desired
from tests.fakes.host import FakeHost
from tests.fakes.tls import a_certificate, a_tls

from evenload.agent.actions import (
    BeginHaproxy,
    ChangeServers,
    ChangeSlots,
    LinkSlots,
    Plan,
    ReloadHaproxy,
    Remember,
    RemoveFiles,
    RenewTickets,
    StartHaproxy,
    WriteFiles,
)
from evenload.agent.apply import apply
from evenload.agent.plan import plan, plan_aftermath
from evenload.model.desired import Change, Desired, Outcome
from evenload.model.enums import ListenerProtocol
from evenload.model.errors import HostError
from evenload.model.named_file import names_in
from evenload.model.observed import Observed
from evenload.model.secret import SecretBytes
from evenload.model.slot import SlotKind, links_of, slots_in
from evenload.render.former_text import former_text
from evenload.render.haproxy_text import SLOTS_AT_ONCE
from evenload.render.options import RenderOptions

OPTIONS = RenderOptions(state_dir="/run/evenload")
FIRST, SECOND, THIRD = (SecretBytes(content) for content in (b"first", b"second", b"third"))


def serving(*contents: SecretBytes) -> Desired:
    certificates = tuple(a_certificate(f"c{place}", each.expose()) for place, each in enumerate(contents))
    secure = listener(
        port=443, protocol=ListenerProtocol.TERMINATED_HTTPS, tls=a_tls(certificate=None, sni=certificates)
    )
    return replace(make_desired(), listeners=(secure,), secrets=tuple(each.secret for each in certificates))


def at_hand(*contents: SecretBytes) -> Mapping[str, SecretBytes]:
    return {each.fingerprint(): each for each in contents}


def after(planned: Plan) -> Observed:
    return plan_aftermath(planned, 100)


def from_nothing(desired: Desired, *contents: SecretBytes) -> Plan:
    return plan(desired, Observed(load_balancer_id=BALANCER), OPTIONS, secrets=at_hand(*contents))


def text_of(observed: Observed) -> str:
    assert observed.haproxy.process is not None
    return observed.haproxy.process.text


def test_certificates_and_their_list_are_written_and_linked_before_the_process_begins() -> None:
    planned = from_nothing(serving(FIRST, SECOND), FIRST, SECOND)
    kinds = [type(action) for action in planned.actions]
    assert kinds.index(RenewTickets) < kinds.index(BeginHaproxy)
    [write] = [action for action in planned.actions if isinstance(action, WriteFiles)]
    [link] = [action for action in planned.actions if isinstance(action, LinkSlots)]
    assert kinds.index(WriteFiles) < kinds.index(LinkSlots) < kinds.index(BeginHaproxy) < kinds.index(StartHaproxy)
    text = text_of(after(planned))
    assert {file.name for file in write.files} == names_in(text)
    assert dict(link.links) == links_of(slots_in(text))
    assert len(names_in(text)) == len(link.links) == 3


def test_another_certificate_is_changed_in_the_process_and_the_former_key_goes() -> None:
    before = after(from_nothing(serving(FIRST), FIRST))
    planned = plan(serving(SECOND), before, OPTIONS, secrets=at_hand(SECOND))
    assert planned.change is Change.RUNTIME
    kinds = [WriteFiles, ChangeSlots, LinkSlots, ChangeServers, Remember, RemoveFiles]
    assert [type(action) for action in planned.actions] == kinds
    [change] = [action for action in planned.actions if isinstance(action, ChangeSlots)]
    [fill] = change.changes
    assert (fill.slot.kind, fill.slot.fingerprint) == (SlotKind.CERTIFICATE, SECOND.fingerprint())
    [removal] = [action for action in planned.actions if isinstance(action, RemoveFiles)]
    assert removal.names == (FIRST.fingerprint(),)
    assert plan(serving(SECOND), after(planned), OPTIONS).actions == ()


def test_a_refused_change_is_a_reload_after_which_nothing_is_left_to_do() -> None:
    before = after(from_nothing(serving(FIRST), FIRST))
    planned = plan(serving(SECOND), before, OPTIONS, secrets=at_hand(SECOND), runtime=False)
    assert planned.change is Change.RELOAD
    kinds = [type(action) for action in planned.actions]
    assert kinds.index(WriteFiles) < kinds.index(LinkSlots) < kinds.index(BeginHaproxy) < kinds.index(ReloadHaproxy)
    assert planned.actions[-1] == RemoveFiles((FIRST.fingerprint(),))
    assert plan(serving(SECOND), after(planned), OPTIONS).actions == ()


def test_a_slot_that_no_version_of_ours_knows_is_a_reload() -> None:
    there = after(from_nothing(serving(FIRST), FIRST))
    text = text_of(there).replace("# slot certificate ", "# slot picture ")
    process = replace(there.haproxy.process, text=text)  # type: ignore[type-var]
    there = replace(there, haproxy=replace(there.haproxy, process=process))
    assert plan(serving(SECOND), there, OPTIONS, secrets=at_hand(SECOND)).change is Change.RELOAD


def test_five_hundred_at_once_are_changed_and_more_are_a_reload() -> None:
    def many(count: int, generation: int) -> Desired:
        certificates = tuple(a_certificate(f"c{n}", b"%d %d" % (generation, n)) for n in range(count))
        secure = listener(
            port=443, protocol=ListenerProtocol.TERMINATED_HTTPS, tls=a_tls(certificate=None, sni=certificates)
        )
        return replace(make_desired(), listeners=(secure,))

    for count, change in ((SLOTS_AT_ONCE, Change.RUNTIME), (SLOTS_AT_ONCE + 1, Change.RELOAD)):
        before = after(from_nothing(many(count, 1)))
        assert plan(many(count, 2), before, OPTIONS).change is change


def test_keys_of_tickets_are_renewed_when_they_are_due_and_used() -> None:
    there = after(from_nothing(serving(FIRST), FIRST))
    assert not there.haproxy.tickets_due
    due = replace(there, haproxy=replace(there.haproxy, tickets_due=True))
    planned = plan(serving(FIRST), due, OPTIONS)
    assert planned.actions == (RenewTickets(),)
    assert after(planned) == there
    reload = plan(replace(serving(FIRST), pools=(), members=()), due, OPTIONS)
    kinds = [type(action) for action in reload.actions]
    assert kinds.index(RenewTickets) < kinds.index(BeginHaproxy)
    plain = plan(replace(make_desired(), listeners=(listener(),)), due, OPTIONS)
    assert RenewTickets() not in plain.actions
    assert after(plain).haproxy.tickets_due


STEPS = [
    (serving(FIRST), serving(SECOND)),
    (serving(FIRST), serving(FIRST, SECOND)),
    (serving(FIRST, SECOND), serving(FIRST)),
    (serving(FIRST, SECOND), serving(SECOND, FIRST)),
    (serving(FIRST, SECOND), serving(FIRST, THIRD)),
    (serving(FIRST, SECOND), serving(THIRD, SECOND, FIRST)),
]
ALL = {each.fingerprint(): each for each in (FIRST, SECOND, THIRD)}


class Served:
    """A fake host that serves ``document``, and an agent that may die."""

    def __init__(self, document: Desired) -> None:
        self.host = FakeHost()
        self.go_to(document)

    def go_to(self, document: Desired, *, killed_after: int | None = None) -> Plan:
        """``killed_after``: so many operations of the host."""
        planned = plan(document, self.look(document), OPTIONS, secrets=ALL)
        if killed_after is not None:
            self.host.fail(after=killed_after, error=HostError("killed"), effect=True)
        attempt = apply(planned, self.host)
        assert (attempt.outcome is Outcome.DONE) == (killed_after is None), attempt.reason
        self.host.heal()
        return planned

    def look(self, document: Desired) -> Observed:
        return self.host.observe(BALANCER, document.port)

    def settle(self, document: Desired) -> None:
        for _ in range(3):
            if not self.go_to(document).actions:
                return
        raise AssertionError("it never comes to rest")


def operations(before: Desired, then: Desired) -> int:
    served = Served(before)
    served.host.operations.clear()
    served.go_to(then)
    return len(served.host.operations)


@pytest.mark.parametrize("step", STEPS)
def test_a_change_needs_no_reload(step: tuple[Desired, Desired]) -> None:
    before, then = step
    served = Served(before)
    assert served.go_to(then).change is Change.RUNTIME
    served.settle(then)
    fresh = Served(then)
    fresh.settle(then)
    assert str(served.host) == str(fresh.host)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("onwards", [True, False])
def test_an_agent_killed_after_any_operation_ends_in_what_is_desired_then(
    step: tuple[Desired, Desired], onwards: bool
) -> None:
    """Which may be what was there before."""
    before, then = step
    desired = then if onwards else before
    fresh = Served(desired)
    fresh.settle(desired)
    for count in range(operations(before, then)):
        served = Served(before)
        served.go_to(then, killed_after=count)
        pid = served.look(desired).haproxy.process.pid  # type: ignore[union-attr]
        served.settle(desired)
        assert str(served.host) == str(fresh.host), count
        assert served.look(desired).haproxy.process.pid == pid  # type: ignore[union-attr]


def test_what_is_served_by_files_named_by_content_is_served_on() -> None:
    there = after(from_nothing(serving(FIRST, SECOND), FIRST, SECOND))
    text = text_of(there)
    process = replace(there.haproxy.process, text=former_text(text))  # type: ignore[type-var]
    former = replace(there, haproxy=replace(there.haproxy, config=former_text(text), process=process, slots={}))
    assert slots_in(former_text(text)) == {}
    planned = plan(serving(FIRST, SECOND), former, OPTIONS)
    assert planned.change is Change.NOTHING
    assert [type(action) for action in planned.actions] == [LinkSlots, ChangeServers]
    assert text_of(after(planned)) == text
    changed = plan(serving(FIRST, THIRD), former, OPTIONS, secrets=at_hand(THIRD))
    assert changed.change is Change.RELOAD


def test_nothing_is_written_again_and_a_lost_file_is() -> None:
    there = after(from_nothing(serving(FIRST), FIRST))
    assert plan(serving(FIRST), there, OPTIONS).actions == ()
    lost = replace(there, files=there.files - {FIRST.fingerprint()})
    [write] = plan(serving(FIRST), lost, OPTIONS, secrets=at_hand(FIRST)).actions
    assert isinstance(write, WriteFiles)
    assert [file.name for file in write.files] == [FIRST.fingerprint()]


def test_without_the_listener_no_file_stays() -> None:
    there = after(from_nothing(serving(FIRST), FIRST))
    plain = replace(make_desired(), listeners=(listener(),))
    there = after(plan(plain, there, OPTIONS))
    assert after(plan(plain, there, OPTIONS)).files == frozenset()
