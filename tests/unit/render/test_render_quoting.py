"""No text that a user can write changes the structure of a configuration: HAProxy reads it as one literal word."""

import re
import string
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.render.desired_for_render import HTTP_MONITOR, app_cookie, make_desired, member, text_of

from evenload.model.balancer import HttpCheck
from evenload.render import quoting
from evenload.render.quoting import UnsafeText

NASTY = st.one_of(
    st.text(),
    st.text(alphabet="'\"\\#$ {}%[]();,|\n\r\t\0\x7f\u0085\u2028ab/"),
    st.sampled_from(["$HOME", '"${PATH}"', " -f /etc/shadow", "%[env(HOME)]", "a) -m found", "a\n    server x 1:1"]),
)
PATHS = st.text(alphabet=string.printable[:94], max_size=80).map(lambda text: "/" + text)
COOKIE_NAME = re.compile("[0-9A-Za-z!#$%&'*+.^_`|~-]{1,255}")
COOKIES = st.text(alphabet=string.ascii_letters + string.digits + "!#$%&'*+.^_`|~-", min_size=1, max_size=60)


def words_of(line: str) -> list[str]:
    """A line as HAProxy's parser splits it, written from its manual: blanks part words, a hash ends the line, within
    single quotes everything is literal, elsewhere a backslash makes the next character so. Double quotes and dollars
    outside of single quotes would be interpreted; there must be none."""
    words: list[str] = []
    word: str | None = None
    position = 0
    while position < len(line):
        character = line[position]
        if character == "'":
            end = line.index("'", position + 1)
            word = (word or "") + line[position + 1 : end]
            position = end
        elif character == "\\":
            position += 1
            word = (word or "") + line[position]
        elif character == " ":
            if word is not None:
                words.append(word)
            word = None
        elif character == "#":
            break
        else:
            assert character not in '"$', "would be interpreted"
            word = (word or "") + character
        position += 1
    return words if word is None else [*words, word]


def checked(http: HttpCheck) -> str:
    return text_of(make_desired(member("one"), monitor=replace(HTTP_MONITOR, http=http)))


def line_with(text: str, word: str) -> list[str]:
    [line] = [words_of(line) for line in text.split("\n") if line.strip().startswith(word)]
    return line


PLAIN_CHECK = checked(HttpCheck())
PLAIN_COOKIE = text_of(make_desired(member("one"), persistence=app_cookie("ID")))


def shape(text: str) -> list[str]:
    """Number of lines, and the directive of each."""
    return [" ".join(line.split()[:2]) for line in text.split("\n")]


@given(PATHS | NASTY)
def test_a_url_path_is_one_literal_word_or_refused(path: str) -> None:
    try:
        text = checked(HttpCheck(url_path=path))
    except UnsafeText:
        return
    assert shape(text) == shape(PLAIN_CHECK)
    assert line_with(text, "http-check send") == ["http-check", "send", "meth", "GET", "uri", path, "ver", "HTTP/1.0"]


@given(PATHS)
def test_printable_paths_without_blanks_are_admitted(path: str) -> None:
    assert words_of(quoting.url_path(path)) == [path]


@given(COOKIES | NASTY)
def test_a_cookie_name_is_one_literal_argument_or_refused(name: str) -> None:
    try:
        text = text_of(make_desired(member("one"), persistence=app_cookie(name)))
    except UnsafeText:
        return
    assert shape(text) == shape(PLAIN_COOKIE)
    assert line_with(text, "stick match") == ["stick", "match", f'req.cook("{name}"),sha1']
    assert not set(name) & set('"\\(),')


@given(COOKIES)
def test_every_token_is_admitted_as_a_cookie_name(name: str) -> None:
    assert words_of(quoting.cookie_fetch("res", name)) == [f'res.cook("{name}"),sha1']


@given(NASTY, st.sampled_from(["method", "expected_codes", "version", "domain_name"]))
def test_other_texts_of_a_monitor_change_no_structure(text: str, field: str) -> None:
    """``domain_name`` and the Host header stand in a log format, where a per cent sign would be one."""
    try:
        rendered = checked(replace(HttpCheck(version="1.1"), **{field: text}))
    except UnsafeText:
        return
    assert shape(rendered) == shape(PLAIN_CHECK)
    words = line_with(rendered, "http-check send") + line_with(rendered, "http-check expect status")
    assert text in words or f"HTTP/{text}" in words
    assert re.fullmatch(r"[A-Za-z0-9.,_-]+", text)


@given(NASTY)
def test_identifiers_and_addresses_are_whitelisted_too(text: str) -> None:
    plain = text_of(make_desired(member("one")))
    for changed in (member(text), member("one", address=text), member("one", monitor_address=text)):
        try:
            rendered = text_of(make_desired(changed, monitor=HTTP_MONITOR))
        except UnsafeText:
            continue
        assert len(rendered.split("\n")) == len(PLAIN_CHECK.split("\n"))
        assert re.fullmatch(r"[A-Za-z0-9._:-]+", text)
    assert plain.count("\n    server ") == 1


@pytest.mark.parametrize(
    ("render", "text"),
    [
        (quoting.url_path, "no/slash"),
        (quoting.url_path, "/a b"),
        (quoting.url_path, "/a\nb"),
        (quoting.url_path, "/a\n"),
        (quoting.url_path, "/ä"),
        (quoting.host_name, "a%[src]"),
        (quoting.host_name, "-a"),
        (quoting.host_name, "a:80"),
        (quoting.host_name, ""),
        (quoting.status_codes, "200-"),
        (quoting.status_codes, "200,,201"),
        (quoting.status_codes, "200-204,301"),
        (quoting.status_codes, "2000"),
        (quoting.method, "get"),
        (quoting.http_version, "2.0"),
        (quoting.identifier, "a:b"),
        (quoting.identifier, "a\n"),
        (quoting.in_brackets, "10.0.0.256"),
        (quoting.in_brackets, "fe80::1%eth0"),
        (quoting.in_brackets, "www.example.org"),
        (quoting.network, "10.0.0.1/8"),
        (quoting.path, "/srv/a b"),
        (quoting.account, "root\n"),
    ],
)
def test_what_must_not_stand_in_a_configuration(render: object, text: str) -> None:
    assert callable(render)
    with pytest.raises(UnsafeText) as raised:
        render(text)
    assert text.strip() == "" or text not in str(raised.value)


@pytest.mark.parametrize("value", [0, 65536, -1, True])
def test_ports_are_numbers_in_their_range(value: int) -> None:
    with pytest.raises(UnsafeText):
        quoting.address_and_port("10.0.0.1", value)


@given(NASTY)
def test_a_value_of_a_rule_is_one_literal_word_or_refused(value: str) -> None:
    try:
        pattern = quoting.pattern(value)
    except UnsafeText:
        refused = re.search("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]", value)
        assert refused or not 1 <= len(value) <= 255
    else:
        assert words_of(f"acl a path -m str -- {pattern}") == ["acl", "a", "path", "-m", "str", "--", value]


@given(NASTY.map(lambda text: f"https://a/{text}"))
def test_a_location_is_one_literal_word_in_a_log_format_or_refused(url: str) -> None:
    try:
        location = quoting.location(url)
    except UnsafeText:
        assert not re.fullmatch(r"https://a/([0-9A-Za-z._~/-]|%[0-9A-F]{2})*", url) or len(url) > 255
    else:
        [word] = words_of(location)
        assert word.replace("%%", "%") == url
        assert "%" not in word.replace("%%", "")


@given(NASTY, st.sampled_from(["req.hdr", "req.fhdr", "req.cook", "ssl_c_s_dn"]))
def test_the_name_of_a_header_or_cookie_is_one_argument_or_refused(name: str, function: str) -> None:
    try:
        fetch = quoting.header_fetch(function, name)
    except UnsafeText:
        assert not COOKIE_NAME.fullmatch(name)
    else:
        assert words_of(fetch) == [f'{function}("{name}")']
        assert not set(name) & set('"\\,() ')
