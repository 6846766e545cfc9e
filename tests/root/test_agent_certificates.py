"""Certificates that change, in the hands of a real agent: in force at once, in the same process, and for ever."""

import os
import signal
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from demo.traffic import FAILURES, Client
from tests.certificates import make_bundle
from tests.fakes.tls import a_certificate, a_tls
from tests.root.agent_stage import ATTEMPT, VIP, Stage, staged
from tests.root.lab import Lab
from tests.unit.secrets.authority import make
from tests.waiting import Repeating, eventually, grows

from evenload.agent.apply import perform
from evenload.agent.plan import plan
from evenload.host.haproxy_runtime import Conversation
from evenload.model.desired import Change, Desired
from evenload.model.enums import ListenerProtocol
from evenload.model.secret import SecretBytes
from evenload.model.slot import links_of, slots_in

pytestmark = pytest.mark.root


@pytest.fixture
def stage(lab: Lab) -> Iterator[Stage]:
    with staged(lab) as stage:
        yield stage


def secure(
    stage: Stage,
    generation: int,
    default: bytes,
    named: Sequence[tuple[str, bytes]] = (),
    protocol: ListenerProtocol = ListenerProtocol.TERMINATED_HTTPS,
    **facts: Any,
) -> Desired:
    """``named``: by what the reference names. The server has all of them. ``facts``: of all."""
    certificates = [a_certificate(name, content, **facts) for name, content in (("default", default), *named)]
    for certificate, content in zip(certificates, (default, *(content for _, content in named)), strict=True):
        stage.server.contents[certificate.id] = SecretBytes(content)
    tls = a_tls(certificate=certificates[0], sni=tuple(certificates[1:]), ciphers="ALL:!aNULL")
    listener = stage.listener(port=443, protocol=protocol, tls=tls)
    if protocol is ListenerProtocol.PROMETHEUS:
        listener = replace(listener, default_pool_id=None)
    secrets = tuple(certificate.secret for certificate in certificates)
    return replace(stage.put(generation, listeners=(listener,)), secrets=secrets)


def shake(stage: Stage, name: str | None = None) -> str:
    """The certificate in PEM, of a new connection."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_mode = ssl.CERT_NONE
    plain = Client(stage.client).open(VIP, 443, timeout=ATTEMPT)
    with client.wrap_socket(plain.sock, server_hostname=name) as connection:
        found = connection.getpeercert(binary_form=True)
    assert found is not None
    return ssl.DER_cert_to_PEM_cert(found)


def certificate_of(bundle: bytes) -> str:
    return bundle.decode().partition("-----BEGIN PRIVATE KEY")[0]


def failure(stage: Stage) -> str | None:
    try:
        shake(stage, "www.example")
    except FAILURES as error:
        return repr(error)
    return None


def restarted(stage: Stage) -> None:
    """HAProxy is another process now, made of what lies on the disk."""
    former = stage.pid()
    os.kill(former, signal.SIGKILL)

    def anew() -> bool:
        process = stage.host.observe(stage.id, stage.port).haproxy.process
        return process is not None and process.pid != former and process.servers is not None

    assert eventually(anew)


def test_twenty_exchanges_are_in_force_without_a_reload_and_without_a_failed_handshake(stage: Stage) -> None:
    bundles = [make_bundle("www.example", common_name=f"{number}") for number in range(21)]
    stage.apply(secure(stage, 1, bundles[0]))
    pid = stage.pid()
    with Repeating(lambda: failure(stage), threads=2) as asking:
        for generation, bundle in enumerate(bundles[1:], start=2):
            assert grows(lambda: asking.good, 3)
            assert stage.apply(secure(stage, generation, bundle)).change is Change.RUNTIME
            assert shake(stage) == certificate_of(bundle)
    assert asking.bad == []
    assert stage.pid() == pid
    restarted(stage)
    assert shake(stage) == certificate_of(bundles[-1])
    process = stage.host.observe(stage.id, stage.port).haproxy.process
    assert process is not None
    assert (
        slots_in(process.text)[f"{stage.listener().id}.default"].fingerprint == SecretBytes(bundles[-1]).fingerprint()
    )


def test_certificates_of_the_numbers_are_exchanged_in_the_same_process(stage: Stage) -> None:
    """The first comes to a listener that spoke in clear, and the last one goes: these take a reload."""
    numbers = ListenerProtocol.PROMETHEUS
    clear = stage.listener(port=443, protocol=numbers, pool=None)
    stage.apply(stage.put(1, listeners=(clear,)))
    one, two = (make_bundle("www.example", common_name=name) for name in ("one", "two"))
    assert stage.apply(secure(stage, 2, one, protocol=numbers)).change is Change.RELOAD
    assert shake(stage) == certificate_of(one)
    pid = stage.pid()
    assert stage.apply(secure(stage, 3, two, protocol=numbers)).change is Change.RUNTIME
    assert shake(stage) == certificate_of(two)
    assert stage.pid() == pid
    assert stage.apply(stage.put(4, listeners=(clear,))).change is Change.RELOAD
    assert eventually(lambda: failure(stage) is not None)


def test_certificates_by_name_come_are_exchanged_and_go_in_the_same_process(stage: Stage) -> None:
    default, shop, mail, renewed = (make_bundle(f"{name}.example") for name in ("www", "shop", "mail", "shop"))
    stage.apply(secure(stage, 1, default))
    pid = stage.pid()
    generations = iter(range(2, 100))
    with Repeating(lambda: failure(stage)) as asking:
        for named, of_shop, of_mail in [
            ([("shop", shop)], shop, default),
            ([("mail", mail), ("shop", shop)], shop, mail),
            ([("shop", renewed), ("mail", mail)], renewed, mail),
            ([("new", renewed)], renewed, default),
            ([], default, default),
        ]:
            assert grows(lambda: asking.good, 3)
            report = stage.apply(secure(stage, next(generations), default, named))
            assert report.change is Change.RUNTIME
            for _ in range(2):
                assert [shake(stage, f"{name}.example") for name in ("shop", "mail", "www")] == [
                    certificate_of(bundle) for bundle in (of_shop, of_mail, default)
                ]
                if named == [("shop", renewed), ("mail", mail)] and stage.pid() == pid:
                    stage.restart_agent()  # which finds nothing to do
    assert asking.bad == []
    assert stage.pid() == pid
    assert len(list((stage.settings.state_dir / stage.id / "slots").iterdir())) == 2


def test_of_certificates_of_one_name_the_first_answers_now_and_after_a_restart(stage: Stage) -> None:
    default, first, second, renewed = (make_bundle("shop.example", common_name=f"{number}") for number in range(4))
    facts: dict[str, Any] = {"names": ("shop.example",), "key": "EC secp256r1"}
    www = make_bundle("www.example")
    generations = iter(range(1, 100))
    for start, named, answers in [
        (www, [("first", first)], first),
        (www, [("second", second), ("first", first)], second),
        (www, [("first", first), ("second", second)], first),
        (www, [("first", renewed), ("second", second)], renewed),
        (www, [("second", second), ("first", renewed)], second),
        (default, [("second", second), ("first", renewed)], default),
    ]:
        stage.apply(secure(stage, next(generations), start, named, **facts))
        assert shake(stage, "shop.example") == certificate_of(answers)
        if named[0] == ("second", second) and start is www:
            restarted(stage)
            assert shake(stage, "shop.example") == certificate_of(answers)


def files_of(stage: Stage) -> tuple[dict[str, str], set[str]]:
    observed = stage.host.observe(stage.id, stage.port)
    return dict(observed.haproxy.slots), set(observed.files)


def settled(stage: Stage, desired: Desired, before: int) -> None:
    """The agent that has just been started has told of this document, and nothing of another one is left."""
    assert desired.generation is not None
    stage.report(desired.generation, after=before)

    def at_rest() -> bool:
        observed = stage.host.observe(stage.id, stage.port)
        process = observed.haproxy.process
        return (
            process is not None
            and process.text == observed.haproxy.config
            and all(slot.known for slot in slots_in(process.text).values())
            and links_of(slots_in(process.text)) == observed.haproxy.slots
            and set(observed.haproxy.slots.values()) == observed.files
        )

    assert eventually(at_rest), files_of(stage)


@pytest.mark.parametrize("onwards", [True, False])
def test_an_agent_killed_between_any_two_actions_leaves_what_the_next_one_puts_right(
    stage: Stage, onwards: bool
) -> None:
    """Also where the change was taken back meanwhile; the process is the same all the time."""
    old, new, shop, mail = (make_bundle(f"{name}.example") for name in ("www", "www", "shop", "mail"))
    contents = {SecretBytes(each).fingerprint(): SecretBytes(each) for each in (old, new, shop, mail)}
    stage.apply(secure(stage, 1, old, [("shop", shop)]))
    pid, generation, cut, actions = stage.pid(), 1, 0, 1
    while cut < actions:
        generation += 1
        then = secure(stage, generation, new, [("mail", mail)])
        stage.agent.stop()
        planned = plan(then, stage.host.observe(stage.id, stage.port), stage.options, secrets=contents)
        assert planned.change is Change.RUNTIME
        actions, cut = len(planned.actions), cut + 1
        for action in planned.actions[:cut]:
            perform(stage.id, action, stage.host)
        generation += 1
        desired = replace(then, generation=generation) if onwards else secure(stage, generation, old, [("shop", shop)])
        stage.server.put(desired)
        before = len(stage.server.reports)
        stage.restart_agent()
        settled(stage, desired, before)
        assert shake(stage) == certificate_of(new if onwards else old)
        assert shake(stage, "shop.example") == certificate_of(new if onwards else shop)
        assert shake(stage, "mail.example") == certificate_of(mail if onwards else old)
        if onwards:
            generation += 1
            stage.apply(secure(stage, generation, old, [("shop", shop)]))
    assert actions > 4
    assert stage.pid() == pid


def test_what_somebody_else_exchanged_is_put_back_by_a_look_at_all_there_is(stage: Stage) -> None:
    default, shop, foreign = (make_bundle(f"{name}.example") for name in ("www", "shop", "foreign"))
    stage.apply(secure(stage, 1, default, [("shop", shop)]))
    pid = stage.pid()
    directory = stage.settings.state_dir / stage.id
    listener = stage.listener().id
    for name in ("default", "certificate-shop"):
        path = directory / "slots" / f"{listener}.{name}"
        with Conversation(directory / "haproxy.sock") as conversation:
            conversation.ask(f"set ssl cert {path}", SecretBytes(foreign))
            assert "Success!" in conversation.ask(f"commit ssl cert {path}")
    with Conversation(directory / "haproxy.sock") as conversation:
        conversation.ask(f"del ssl crt-list {directory}/slots/{listener}.list {path}")
    assert shake(stage, "www.example") == shake(stage, "shop.example") == certificate_of(foreign)
    stage.restart_agent()
    assert eventually(lambda: shake(stage, "www.example") == certificate_of(default))
    assert eventually(lambda: shake(stage, "shop.example") == certificate_of(shop))
    assert stage.pid() == pid


def test_one_that_is_too_long_for_a_command_comes_by_a_reload(stage: Stage) -> None:
    default, long = make_bundle("www.example"), make_bundle("www.example")
    chain = certificate_of(default).encode()
    key = long.partition(certificate_of(long).encode())[2]
    long = certificate_of(long).encode() + chain * 30 + key
    stage.apply(secure(stage, 1, default))

    assert len(long) > 16384
    assert stage.apply(secure(stage, 2, long)).change is Change.RELOAD
    assert shake(stage) == certificate_of(long.partition(chain)[0])
    assert stage.apply(secure(stage, 3, default)).change is Change.RUNTIME
    assert shake(stage) == certificate_of(default)


def test_an_expired_certificate_is_served_and_exchanged_like_any_other(stage: Stage) -> None:
    """The API takes none; but each becomes one some day."""
    good = make_bundle("www.example")
    past = make("www.example", now=datetime.now(UTC) - timedelta(days=40), days=10)
    expired = past.pem + past.key_pem()
    stage.apply(secure(stage, 1, expired))
    assert shake(stage) == certificate_of(expired)
    restarted(stage)
    assert shake(stage) == certificate_of(expired)
    pid = stage.pid()
    for generation, bundle in ((2, good), (3, expired)):
        assert stage.apply(secure(stage, generation, bundle)).change is Change.RUNTIME
        assert shake(stage) == certificate_of(bundle)
    assert stage.pid() == pid
