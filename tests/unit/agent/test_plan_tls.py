"""Plans for listeners that terminate TLS: their files come before the process that reads them, and go after it."""

from collections.abc import Mapping
from dataclasses import replace

from tests.fakes.desired import BALANCER, listener, make_desired
from tests.fakes.tls import a_certificate, a_tls

from evenload.agent.actions import Plan, ReloadHaproxy, Remember, RemoveFiles, StartHaproxy, WriteFiles
from evenload.agent.plan import plan, plan_aftermath
from evenload.model.desired import Change, Desired
from evenload.model.enums import ListenerProtocol
from evenload.model.named_file import names_in
from evenload.model.observed import Observed
from evenload.model.secret import SecretBytes
from evenload.render.options import RenderOptions

OPTIONS = RenderOptions(state_dir="/run/evenload")
FIRST, SECOND = (SecretBytes(content) for content in (b"first", b"second"))


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


def test_certificates_and_their_list_are_written_before_the_process_begins() -> None:
    planned = from_nothing(serving(FIRST, SECOND), FIRST, SECOND)
    kinds = [type(action) for action in planned.actions]
    [write] = [action for action in planned.actions if isinstance(action, WriteFiles)]
    assert kinds.index(WriteFiles) < kinds.index(StartHaproxy)
    text = after(planned).haproxy.process.text  # type: ignore[union-attr]
    assert {file.name for file in write.files} == {FIRST.fingerprint(), SECOND.fingerprint(), *names_in(text)}
    assert len(names_in(text)) == 1


def test_another_certificate_is_a_reload_after_which_the_former_key_goes() -> None:
    before = after(from_nothing(serving(FIRST), FIRST))
    planned = plan(serving(SECOND), before, OPTIONS, secrets=at_hand(SECOND))
    assert planned.change is Change.RELOAD
    kinds = [type(action) for action in planned.actions]
    assert kinds.index(WriteFiles) < kinds.index(ReloadHaproxy) < kinds.index(Remember) < kinds.index(RemoveFiles)
    [removal] = [action for action in planned.actions if isinstance(action, RemoveFiles)]
    assert removal.names == (FIRST.fingerprint(),)
    settled = plan(serving(SECOND), after(planned), OPTIONS)
    assert settled.actions == (RemoveFiles(tuple(names_in(before.haproxy.process.text))),)  # type: ignore[union-attr]


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
