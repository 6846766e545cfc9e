"""TLS in a text: what no golden case shows."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.desired import listener, make_desired, uuid
from tests.fakes.tls import a_certificate, a_tls, some_authorities, some_revocations

from evenload.model.desired import Desired
from evenload.model.enums import ListenerProtocol
from evenload.model.named_file import names_in
from evenload.model.slot import slots_in
from evenload.model.tls import AlpnProtocol, ClientAuthentication, ListenerTls, TlsSecret, TlsVersion
from evenload.model.tls_faults import find_tls_faults
from evenload.render.haproxy import render_haproxy
from evenload.render.haproxy_text import Reload, Runtime, plan_difference
from evenload.render.haproxy_tls import render_certificate_lists
from evenload.render.options import RenderOptions
from evenload.render.quoting import UnsafeText

OPTIONS = RenderOptions(state_dir="/state")
TERMINATED = ListenerProtocol.TERMINATED_HTTPS
UNSAFE = replace(some_authorities(), fingerprint="a" * 63)
JUDGED = {"client_authentication": ClientAuthentication.MANDATORY, "client_authorities": some_authorities()}


def serving(tls: ListenerTls | None, protocol: ListenerProtocol = TERMINATED, **fields: Any) -> Desired:
    listeners = (listener(protocol=protocol, port=443, tls=tls, **fields),)
    return replace(make_desired(), listeners=listeners)


def test_five_thousand_names_stand_in_one_file_and_not_in_a_bind_line() -> None:
    certificates = tuple(a_certificate(f"site-{number}") for number in range(5000))
    desired = serving(a_tls(certificate=certificates[17], sni=certificates))
    [file] = render_certificate_lists(desired, OPTIONS)
    text = render_haproxy(desired, OPTIONS, 1)
    assert names_in(text) == {file.name, *(each.fingerprint for each in certificates)}
    lines = file.content.expose().decode().splitlines()
    assert lines[0] == f"/state/{desired.id}/slots/{uuid(3)}.default"
    assert len(lines) == len(set(lines)) == 5000
    slots = slots_in(text)
    assert {f"/state/{desired.id}/slots/{name}" for name in slots} == {*lines, crt_list_in(text)}
    assert slots[f"{uuid(3)}.certificate-site-7"].fingerprint == certificates[7].fingerprint


def crt_list_in(text: str) -> str:
    _, _, rest = text.partition(" crt-list ")
    return rest.split()[0]


def test_certificates_of_one_name_come_and_change_by_a_reload_alone() -> None:
    """HAProxy answers by the one that it has had for the longest time, a new process by the first of the list."""
    names = ("www.example", "*.example")
    first, second = (a_certificate(f"{n}", names=names[:n], key="EC secp256r1") for n in (1, 2))
    alone = a_certificate("alone", names=("alone.example",), key="EC secp256r1")
    other_key = a_certificate("rsa", names=names, key="RSA 2048")

    def text(*certificates: TlsSecret) -> str:
        return render_haproxy(serving(a_tls(certificate=None, sni=certificates)), OPTIONS, 1)

    def change(before: str, after: str) -> type[object]:
        return type(plan_difference(before, after))

    both = text(alone, first, second)
    assert f"the first one answers: {first.fingerprint} {second.fingerprint}\n" in both
    assert change(text(alone, first), both) is Reload
    assert change(both, text(alone, second, first)) is Reload
    assert change(both, text(alone, replace(first, fingerprint="a" * 64), second)) is Reload
    assert change(both, text(alone, first)) is Reload
    assert change(both, text(replace(alone, fingerprint="a" * 64), first, second)) is Runtime
    # Clients say which kind of key they can do with.
    assert change(text(alone, first), text(alone, first, other_key)) is Runtime
    assert "answers" not in text(alone, first, other_key)


def test_another_certificate_is_another_text_and_the_same_list_of_places() -> None:
    before, after = serving(a_tls()), serving(a_tls(certificate=a_certificate("renewed")))
    assert render_haproxy(before, OPTIONS, 1) != render_haproxy(after, OPTIONS, 1)
    assert render_certificate_lists(before, OPTIONS) == render_certificate_lists(after, OPTIONS)
    # By another name for the same content nothing changes.
    renamed = serving(a_tls(certificate=replace(a_certificate(), reference="https://else/v1/secrets/1")))
    assert render_haproxy(before, OPTIONS, 1) == render_haproxy(renamed, OPTIONS, 1)


def test_the_text_names_the_files_of_those_who_judge_clients_where_anybody_is_asked() -> None:
    judging = a_tls(**JUDGED, client_revocations=some_revocations())
    idle = replace(judging, client_authentication=ClientAuthentication.NONE)
    judges = {some_authorities().fingerprint, some_revocations().fingerprint}
    assert names_in(render_haproxy(serving(judging), OPTIONS, 1)) >= judges
    assert not names_in(render_haproxy(serving(idle), OPTIONS, 1)) & judges


def test_who_judges_clients_changes_at_run_time_but_not_with_its_list_and_not_for_many_certificates() -> None:
    def text(authorities: bytes, revoked: bytes | None = b"", certificates: int = 1) -> str:
        tls = a_tls(
            sni=tuple(a_certificate(f"site-{number}") for number in range(certificates)),
            client_authentication=ClientAuthentication.OPTIONAL,
            client_authorities=some_authorities(authorities),
            client_revocations=None if revoked is None else some_revocations(revoked),
        )
        return render_haproxy(serving(tls), OPTIONS, 1)

    def change(before: str, after: str) -> type[object]:
        return type(plan_difference(before, after))

    before = text(b"a", b"a")
    assert change(before, text(b"b", b"a")) is change(before, text(b"a", b"b")) is Runtime
    assert change(before, text(b"b", b"b")) is change(before, text(b"a", None)) is Reload
    assert change(text(b"a", None), before) is Reload
    assert change(text(b"a", b"a", 400), text(b"b", b"a", 400)) is Runtime
    assert change(text(b"a", b"a", 600), text(b"b", b"a", 600)) is Reload


def test_staples_are_renewed_where_an_operator_says_so_of_certificates_that_can_have_them() -> None:
    able, unable = a_certificate("able", stapling=True), a_certificate("unable")
    stapling = replace(OPTIONS, ocsp_update=True, nameservers=("192.0.2.53", "2001:db8::53"))

    def text(options: RenderOptions, *certificates: TlsSecret) -> str:
        return render_haproxy(serving(a_tls(certificate=None, sni=certificates)), options, 1)

    both = serving(a_tls(certificate=able, sni=(unable,)))
    [file] = render_certificate_lists(both, stapling)
    first, second = file.content.expose().decode().splitlines()
    assert first.endswith(".default [ocsp-update on]")
    assert second.endswith(".certificate-unable")
    assert b"ocsp" not in render_certificate_lists(both, OPTIONS)[0].content.expose()
    resolvers = "resolvers default\n    nameserver server0 192.0.2.53:53\n    nameserver server1 [2001:db8::53]:53\n"
    assert resolvers in text(stapling, able)
    assert "resolvers" not in text(replace(stapling, nameservers=()), able) + text(OPTIONS, able)
    # HAProxy reads in its list alone whose staples it renews.
    for before, after in (
        (text(OPTIONS, able), text(replace(OPTIONS, ocsp_update=True), able)),
        (text(stapling, unable, able), text(stapling, unable)),
        (text(stapling, unable), text(stapling, able)),
    ):
        assert type(plan_difference(before, after)) is Reload
    renewed = replace(able, fingerprint="a" * 64)
    assert type(plan_difference(text(stapling, able), text(stapling, renewed))) is Runtime


def test_http_3_has_lines_and_words_of_its_own() -> None:
    alpn = (AlpnProtocol.HTTP_3, AlpnProtocol.HTTP_2, AlpnProtocol.HTTP_1_1)
    text = render_haproxy(serving(a_tls(alpn=alpn)), OPTIONS, 1)
    lines = [line.split() for line in text.splitlines()]
    [tcp, quic] = [line for line in lines if line[:1] == ["bind"]]
    assert tcp[tcp.index("alpn") + 1] == "h2,http/1.1"
    assert quic[quic.index("alpn") + 1] == "h3"
    assert quic[1] == f"quic4@{tcp[1]}"
    assert ["limited-quic"] in lines
    assert """    http-after-response set-header Alt-Svc 'h3=":443"; ma=86400'\n""" in text
    plain = render_haproxy(serving(a_tls()), OPTIONS, 1)
    assert not any(word in plain for word in ("quic", "Alt-Svc", "h3", "setcap"))


def test_sessions_are_kept_for_all_where_no_listener_asks_for_certificates() -> None:
    plain, judging = serving(a_tls()), serving(a_tls(**JUDGED))
    assert "tune.ssl.cachesize 1000\n" in render_haproxy(plain, OPTIONS, 1)
    assert "tune.ssl.cachesize 0\n" in render_haproxy(judging, OPTIONS, 1)
    both = replace(plain, listeners=(*plain.listeners, *(replace(each, id="other") for each in judging.listeners)))
    assert "tune.ssl.cachesize 0\n" in render_haproxy(both, OPTIONS, 1)


def test_a_listener_out_of_service_has_no_list() -> None:
    assert render_certificate_lists(serving(a_tls(), admin_state_up=False), OPTIONS) == ()
    assert render_certificate_lists(serving(None, ListenerProtocol.HTTP), OPTIONS) == ()


@pytest.mark.parametrize(
    "tls",
    [
        a_tls(certificate=None),
        a_tls(certificate=replace(a_certificate(), fingerprint="../" + "a" * 61)),
        a_tls(versions=()),
        a_tls(versions=(TlsVersion.TLS_1_1, TlsVersion.TLS_1_3)),
        a_tls(hsts_max_age=-1),
        a_tls(client_authentication=ClientAuthentication.OPTIONAL),
        a_tls(client_authentication=ClientAuthentication.MANDATORY, client_authorities=UNSAFE),
        a_tls(**JUDGED, client_revocations=UNSAFE),
        a_tls(ciphers="HIGH\n    maxconn 1"),
    ],
)
def test_what_is_not_safe_is_refused(tls: ListenerTls) -> None:
    with pytest.raises(UnsafeText):
        render_haproxy(serving(tls), OPTIONS, 1)


@given(st.text(max_size=40) | st.text("ABC-+!:@=_. '\"$\\\n#%", max_size=20))
def test_any_list_of_ciphers_is_refused_or_stands_in_the_text_as_words_of_its_own(ciphers: str) -> None:
    tls = a_tls(ciphers=ciphers)
    if find_tls_faults(TERMINATED, tls):
        return
    [bind] = [line for line in render_haproxy(serving(tls), OPTIONS, 1).splitlines() if "    bind " in line]
    words = bind.split()
    assert words[words.index("ciphers") + 1] == ":".join(filter(None, ciphers.split(":")))
    assert not set(bind) & set("'\"$\\#%")
