import getpass
import grp
import os
from pathlib import Path

import pytest

from evenload.host.preflight import check_haproxy, choose_missing, ensure_nothing_inherited
from evenload.host.settings import HaproxySettings
from evenload.model.errors import Hopeless

USER = getpass.getuser()
GROUP = grp.getgrgid(os.getgid()).gr_name


def test_every_needed_capability_is_asked_for() -> None:
    everything = (1 << 41) - 1
    assert choose_missing(everything) == []
    assert choose_missing(everything & ~(1 << 12)) == ["CAP_NET_ADMIN"]
    assert choose_missing(0)[0] == "CAP_SYS_ADMIN"
    assert len(choose_missing(0)) == 9


def test_haproxy_must_be_there_with_its_user(tmp_path: Path) -> None:
    binary = tmp_path / "haproxy"
    with pytest.raises(Hopeless, match="is not installed"):
        check_haproxy(HaproxySettings(binary=str(binary), user=USER, group=GROUP))
    binary.touch(mode=0o755)
    check_haproxy(HaproxySettings(binary=str(binary), user=USER, group=GROUP))
    with pytest.raises(Hopeless, match="user 'no-such-user'"):
        check_haproxy(HaproxySettings(binary=str(binary), user="no-such-user", group=GROUP))
    with pytest.raises(Hopeless, match="group 'no-such-group'"):
        check_haproxy(HaproxySettings(binary=str(binary), user=USER, group="no-such-group"))


def test_what_the_parent_left_open_is_not_passed_on() -> None:
    reading, writing = os.pipe()
    try:
        os.set_inheritable(writing, True)
        ensure_nothing_inherited()
        assert not os.get_inheritable(writing)
    finally:
        os.close(reading)
        os.close(writing)
