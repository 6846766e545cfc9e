"""What the API admits, the renderer admits too, as one word that HAProxy takes literally: nothing is let in only to
end as a load balancer in ERROR, and nothing that is let in changes the structure of a configuration."""

import shlex
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from evenload.api import fields
from evenload.api.fields import FieldType
from evenload.render import quoting

PRINTABLE = st.text(string.printable, max_size=40)
ANYTHING = st.text(max_size=40)
NASTY = st.sampled_from(
    ["$HOME", "%[env(PATH)]", "a\n  server x 1.2.3.4:80", "a' b", 'a" b', "a\\", "a #b", "{", "a) -m found", "%0a"]
)
PATHS = (PRINTABLE | NASTY | st.text(string.ascii_letters + string.digits + "-._~!$&'()*+,;=:@/?%")).map("/{}".format)
CODES = st.lists(st.integers(90, 610).map(str), min_size=1, max_size=4).flatmap(
    lambda codes: st.sampled_from([",".join(codes), "-".join(codes), ", ".join(codes)])
)


def admitted(kind: FieldType, text: str) -> Any:
    try:
        return TypeAdapter(kind.annotation).validate_python(text)
    except ValidationError:
        return None


@given(PATHS)
def test_url_paths(text: str) -> None:
    path = admitted(fields.URL_PATH, text)
    if path is not None:
        assert shlex.split(quoting.url_path(path)) == [text]


@given(PRINTABLE | ANYTHING | NASTY)
def test_cookie_names(text: str) -> None:
    name = admitted(fields.COOKIE_NAME, text)
    if name is not None:
        assert shlex.split(quoting.cookie_fetch("req", name)) == [f'req.cook("{text}"),sha1']


@given(PRINTABLE | ANYTHING | NASTY | st.text(string.ascii_lowercase + ".-_", min_size=1, max_size=20))
def test_host_names(text: str) -> None:
    name = admitted(fields.HOST_NAME, text)
    if name is not None:
        assert quoting.host_name(name) == text
        assert shlex.split(text) == [text]


@given(CODES | PRINTABLE)
def test_expected_codes(text: str) -> None:
    codes = admitted(fields.EXPECTED_CODES, text)
    if codes is not None:
        assert quoting.status_codes(codes) == codes.replace(" ", "")


@given(st.ip_addresses().map(str) | ANYTHING)
def test_addresses(text: str) -> None:
    address = admitted(fields.ADDRESS, text)
    if address is not None:
        assert quoting.address_and_port(address, 80)


@given(st.ip_addresses(), st.integers(0, 128))
def test_networks(address: Any, length: int) -> None:
    cidr = admitted(fields.CIDR, f"{address}/{length}")
    if cidr is not None:
        assert quoting.network(cidr) == cidr


@pytest.mark.parametrize(
    ("kind", "text"),
    [(fields.URL_PATH, "/it's?a=$b"), (fields.COOKIE_NAME, "it's#`%"), (fields.HOST_NAME, "a-b.c_d.example")],
)
def test_awkward_but_admitted(kind: FieldType, text: str) -> None:
    """Or else the tests above could pass because nothing is admitted at all."""
    assert admitted(kind, text) == text
