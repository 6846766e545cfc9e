"""Whatever text the API lets through can be rendered, and changes nothing but its own word of the configuration."""

import string
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from tests.unit.render.wishes_for_render import HTTP_MONITOR, app_cookie, member, text_of, wish

from evenload.api import fields
from evenload.model.balancer import HttpCheck
from evenload.model.desired import Desired

TEXTS = {
    "url_path": fields.URL_PATH,
    "expected_codes": fields.EXPECTED_CODES,
    "domain_name": fields.HOST_NAME,
    "cookie_name": fields.COOKIE_NAME,
    "address": fields.ADDRESS,
}
LIKELY = {
    "url_path": st.text(alphabet=string.printable[:94], max_size=60).map(lambda text: "/" + text),
    "expected_codes": st.from_regex(r"[1-9][0-9]{2}([, -]{1,2}[1-9][0-9]{2}){0,4}", fullmatch=True),
    "domain_name": st.from_regex(r"[A-Za-z0-9_.-]{1,60}", fullmatch=True),
    "cookie_name": st.text(alphabet=string.printable[:94], min_size=1, max_size=60),
    "address": st.one_of(st.ip_addresses().map(str), st.from_regex(r"[0-9a-f:.%]{1,30}", fullmatch=True)),
}


def wish_with(field: str, text: str) -> Desired:
    if field == "cookie_name":
        return wish(member("one"), persistence=app_cookie(text))
    if field == "address":
        return wish(member("one", address=text, monitor_address=text), monitor=HTTP_MONITOR)
    return wish(member("one"), monitor=replace(HTTP_MONITOR, http=replace(HttpCheck(version="1.1"), **{field: text})))


PLAIN = {
    "url_path": "/",
    "expected_codes": "200",
    "domain_name": "example",
    "cookie_name": "ID",
    "address": "10.0.0.1",
}


def directives(text: str) -> list[str]:
    return [" ".join(line.split()[:2]) for line in text.split("\n")]


@pytest.mark.parametrize("field", TEXTS)
@given(data=st.data())
def test_what_the_api_admits(field: str, data: st.DataObject) -> None:
    text = data.draw(LIKELY[field] | st.text())
    try:
        admitted = TypeAdapter(TEXTS[field].annotation).validate_python(text)
    except ValidationError:
        return
    rendered = text_of(wish_with(field, admitted))
    assert directives(rendered) == directives(text_of(wish_with(field, PLAIN[field])))
    assert not set(rendered) - set(string.printable)
    assert "\t" not in rendered
