"""What HAProxy says when it does not start."""

import pytest

from evenload.host.haproxy_launch import alerts_of
from evenload.host.haproxy_process import Ended

OF_2_6 = """[NOTICE]   (7) : haproxy version is 2.6.12
[WARNING]  (7) : config : something else
[ALERT]    (7) : config : parsing [a.cfg:25] : 'bind :443' : 'crt-list' : no key in 'slots/web.default'.
[ALERT]    (7) : config : Fatal errors found in configuration.
"""
OF_3_0 = """[NOTICE]   (7) : haproxy version is 3.0.11
[ALERT]    (7) : config : parsing [a.cfg:25] : 'bind :443' :
  'crt-list' : no key in 'slots/web.default'.

[WARNING]  (7) : config : something else
    of two lines
[ALERT]    (7) : config : Fatal errors found in configuration.
"""


@pytest.mark.parametrize("output", [OF_2_6, OF_3_0])
def test_alerts_are_told_whole_and_nothing_else(output: str) -> None:
    assert alerts_of(Ended(code=1, output=output)) == (
        "config : parsing [a.cfg:25] : 'bind :443' : 'crt-list' : no key in 'slots/web.default'.;"
        " config : Fatal errors found in configuration."
    )


def test_without_an_alert_all_is_told() -> None:
    assert alerts_of(Ended(code=1, output=" killed \n")) == "killed"
    assert alerts_of(Ended(code=137, output="")) == "it ended with 137 and said nothing"
