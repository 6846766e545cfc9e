"""What each kind of field lets in, above all which characters."""

import re
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BeforeValidator, TypeAdapter, ValidationError

from evenload.api import fields
from evenload.api.fields import FieldType


def admit(kind: FieldType, value: Any) -> Any:
    return TypeAdapter(kind.annotation).validate_python(value)


def refuses(kind: FieldType, value: Any) -> bool:
    try:
        admit(kind, value)
    except ValidationError:
        return True
    return False


SEPARATORS = ["\n", "\r", "\t", "\x00", "\x0b", "\x1b", "\x7f", "\x85", "\x9f", "\u2028", "\u2029", "\ud800", "\udfff"]


@pytest.mark.parametrize("character", SEPARATORS)
@pytest.mark.parametrize("place", [0, 1, None])
@pytest.mark.parametrize(
    ("kind", "sample"),
    [
        (fields.NAME, "a"),
        (fields.UUID, "6513270e-269e-4d37-82a7-4de452e6b438"),
        (fields.PROJECT, "a"),
        (fields.ADDRESS, "10.0.0.1"),
        (fields.CIDR, "10.0.0.0/8"),
        (fields.URL_PATH, "/a"),
        (fields.COOKIE_NAME, "a"),
        (fields.HOST_NAME, "a"),
        (fields.EXPECTED_CODES, "200"),
        (fields.WORD, "a"),
        (fields.MAC_ADDRESS, "fa:16:3e:00:00:01"),
        (fields.TRUTH, "true"),
        (fields.PORT_NUMBER, "80"),
        (fields.HTTP_VERSION, "1.1"),
    ],
)
def test_no_field_admits_a_control_character(kind: FieldType, sample: str, place: int | None, character: str) -> None:
    admit(kind, sample)
    index = len(sample) if place is None else place
    assert refuses(kind, sample[:index] + character + sample[index:])


@pytest.mark.parametrize("character", SEPARATORS)
def test_a_description_has_lines_and_tabs_and_no_other_control_character(character: str) -> None:
    for text in (f"{character}a", f"a{character}a", f"a{character}"):
        assert refuses(fields.DESCRIPTION, text) is (character not in "\n\r\t")


@given(st.text(max_size=300))
def test_names_are_printable_and_bounded(text: str) -> None:
    if refuses(fields.NAME, text):
        assert len(text) > 255 or re.search("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]", text)
    else:
        assert len(text) <= 255
        assert len(text.splitlines()) <= 1


@given(st.text(st.characters(max_codepoint=0x2FF), max_size=60))
def test_what_may_reach_a_configuration_is_of_url_characters(text: str) -> None:
    for kind in (fields.URL_PATH, fields.COOKIE_NAME, fields.HOST_NAME, fields.EXPECTED_CODES):
        for candidate in (text, "/" + text):
            if not refuses(kind, candidate):
                assert re.fullmatch(r"[!-~]+( *, *[!-~]+)*", candidate)
                assert not set(candidate) & set('"\\{}[]<>')


@pytest.mark.parametrize(
    "path",
    ["", "health", "//evil.example/", "/a b", "/a#b", "/%", "/%0", "/%[src]", "/a\\", '/"', "/é", "/" + "a" * 255],
)
def test_bad_paths(path: str) -> None:
    assert refuses(fields.URL_PATH, path)


@pytest.mark.parametrize("path", ["/", "/health?full=1&x=%2f", "/a//b", "/~me/;v=1", "/a:b@c!$&'()*+,="])
def test_good_paths(path: str) -> None:
    assert admit(fields.URL_PATH, path) == path


@pytest.mark.parametrize(
    "codes", ["200-", "099", "999", "600", "200,,201", "200,200", "204-200", "200-204,301", "", "2xx"]
)
def test_bad_codes(codes: str) -> None:
    assert refuses(fields.EXPECTED_CODES, codes)


def test_good_codes() -> None:
    assert [admit(fields.EXPECTED_CODES, codes) for codes in ("200", "200, 201", "200-204")] == [
        "200",
        "200, 201",
        "200-204",
    ]


@pytest.mark.parametrize(
    "address",
    [
        "2130706433",
        "0x7f.1",
        "127.1",
        "010.0.0.1",
        "10.0.0.01",
        "fe80::1%eth0",
        "10.0.0.1/24",
        "10.0.0.256",
        "1.2.3.4 ",
        "١.2.3.4",
        "[::1]",
        "localhost",
        "",
    ],
)
def test_what_only_looks_like_an_address(address: str) -> None:
    assert refuses(fields.ADDRESS, address)


def test_addresses_are_canonical() -> None:
    assert admit(fields.ADDRESS, "2001:DB8:0:0::1") == "2001:db8::1"
    assert admit(fields.CIDR, "10.1.2.3/8") == "10.0.0.0/8"
    assert admit(fields.CIDR, "2001:db8::1") == "2001:db8::1/128"


@pytest.mark.parametrize(
    "cidr", ["10.0.0.1/24", "10.0.0.0", "10.0.0.0/33", "10.0.0.0/255.0.0.0", "10.0.0.0/-1", "::/129"]
)
def test_bad_subnets(cidr: str) -> None:
    assert refuses(fields.SUBNET_CIDR, cidr)


@pytest.mark.parametrize("name", ["-a", "a-", "a..b", ".a", "a b", "a/b", "a" * 64, "%[src]", "a:80", "ä.example"])
def test_bad_host_names(name: str) -> None:
    assert refuses(fields.HOST_NAME, name)


@pytest.mark.parametrize("name", ["$x", "a;b", "a b", "a=b", "a,b", 'a"', "a(b)", "a\\b", ""])
def test_bad_cookie_names(name: str) -> None:
    assert refuses(fields.COOKIE_NAME, name)


@pytest.mark.parametrize(
    "value",
    [
        80.0,
        80.5,
        True,
        False,
        None,
        [],
        {},
        "80.0",
        "eighty",
        "",
        " 80",
        "8_0",
        "٨٠",
        0,
        -1,
        65536,
        10**400,
        "9" * 5000,
    ],
)
def test_bad_ports(value: Any) -> None:
    assert refuses(fields.PORT_NUMBER, value)


def test_numbers_may_be_strings() -> None:
    assert admit(fields.PORT_NUMBER, "80") == 80


@pytest.mark.parametrize(("value", "meaning"), [(True, True), (0, False), (1, True), ("true", True), ("False", False)])
def test_booleans_are_lenient(value: Any, meaning: bool) -> None:
    assert admit(fields.TRUTH, value) is meaning


@pytest.mark.parametrize("value", [2, -1, 1.0, "maybe", "", [], {}])
def test_what_is_no_boolean(value: Any) -> None:
    assert refuses(fields.TRUTH, value)


@pytest.mark.parametrize(("value", "version"), [(1.0, "1.0"), (1.1, "1.1"), (1, "1.0"), ("1.1", "1.1")])
def test_http_versions(value: Any, version: str) -> None:
    assert admit(fields.HTTP_VERSION, value) == version


@pytest.mark.parametrize("value", [True, 2, 1.2, "1", float("nan"), float("inf"), [], None])
def test_other_http_versions(value: Any) -> None:
    assert refuses(fields.HTTP_VERSION, value)


@given(st.one_of(st.text(), st.integers(), st.floats(), st.lists(st.text())))
def test_what_is_shown_of_a_value_is_short_and_printable(value: object) -> None:
    shown = fields.shown(value)
    assert shown.isprintable()
    shown.encode("utf-8")
    assert len(shown) <= 80 * 10


@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.text()),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_what_is_shown_of_a_value_is_how_python_writes_it(value: object) -> None:
    text = value if isinstance(value, str) else repr(value)
    assert fields.shown(value) == fields.shown(text)


class _Looked:
    """Counts how often anybody asks what it looks like."""

    times = 0

    def __repr__(self) -> str:
        type(self).times += 1
        return "looked"


def test_what_is_not_shown_of_a_value_is_not_looked_at() -> None:
    _Looked.times = 0
    fields.shown([[_Looked()] * 1000, {str(number): _Looked() for number in range(1000)}])
    assert 0 < _Looked.times <= 80


def test_a_list_is_not_looked_at_beyond_the_element_that_is_refused() -> None:
    looked: list[object] = []

    def look(value: object) -> object:
        looked.append(value)
        raise ValueError("Not that.")

    looking = FieldType(Annotated[Any, BeforeValidator(look)], json={})
    assert refuses(fields.listing(looking), list(range(500)))
    assert looked == [0]
