"""TLS to members in a text: what no golden case shows."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.desired import make_desired
from tests.fakes.tls import a_certificate, some_authorities, some_revocations

from evenload.model.desired import Desired
from evenload.model.named_file import names_in
from evenload.model.tls import PoolTls, TlsVersion
from evenload.model.tls_faults import find_pool_tls_faults
from evenload.render.haproxy import render_haproxy
from evenload.render.options import RenderOptions
from evenload.render.quoting import UnsafeText

OPTIONS = RenderOptions(state_dir="/state")
UNSAFE = replace(some_authorities(), fingerprint="A" * 64)


def speaking(tls: PoolTls | None) -> Desired:
    plain = make_desired()
    return replace(plain, pools=tuple(replace(pool, tls=tls) for pool in plain.pools))


def words_of(tls: PoolTls | None) -> list[str]:
    """Of the first server."""
    text = render_haproxy(speaking(tls), OPTIONS, 1)
    return next(line for line in text.splitlines() if "    server " in line).split()


def test_the_files_that_a_pool_needs_are_named() -> None:
    tls = PoolTls(certificate=a_certificate(), authorities=some_authorities(), revocations=some_revocations())
    assert names_in(render_haproxy(speaking(tls), OPTIONS, 1)) == {each.fingerprint for each in tls.secrets}
    assert names_in(render_haproxy(speaking(PoolTls()), OPTIONS, 1)) == set()


def test_a_pool_without_tls_is_spoken_to_in_clear() -> None:
    assert not {"ssl", "verify", "sni"} & set(words_of(None))
    assert "txn.member_name" not in render_haproxy(speaking(None), OPTIONS, 1)


@pytest.mark.parametrize(
    "tls",
    [
        PoolTls(certificate=UNSAFE),
        PoolTls(authorities=UNSAFE),
        PoolTls(authorities=some_authorities(), revocations=UNSAFE),
        PoolTls(versions=()),
        PoolTls(versions=(TlsVersion.TLS_1_1, TlsVersion.TLS_1_3)),
        PoolTls(ciphers="HIGH\n    server evil 10.0.0.1:80"),
    ],
)
def test_what_is_not_safe_is_refused(tls: PoolTls) -> None:
    with pytest.raises(UnsafeText):
        render_haproxy(speaking(tls), OPTIONS, 1)


@given(st.text(max_size=40) | st.text("ABC-+!:@=_. '\"$\\\n#%", max_size=20))
def test_any_list_of_ciphers_is_refused_or_stands_in_the_text_as_words_of_its_own(ciphers: str) -> None:
    tls = PoolTls(ciphers=ciphers)
    if find_pool_tls_faults(tls):
        with pytest.raises(UnsafeText):
            render_haproxy(speaking(replace(tls, ciphers=f"{ciphers}\0")), OPTIONS, 1)
        return
    words = words_of(tls)
    assert words[words.index("ciphers") + 1] == ":".join(filter(None, ciphers.split(":")))
    assert not set(" ".join(words)) & set("'\"$\\#%")
